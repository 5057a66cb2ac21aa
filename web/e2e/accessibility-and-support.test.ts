/** Keyboard, support screens and accessibility, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AXE, seriousViolations } from "./axe";
import { newContext, signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { sample } from "./fixture/sample";
import { PASSWORD } from "./fixture/state";
import { browser, context, fixture, page, pdf, REVIEWER, row, SKIP_REASON, SUPPORT, setUp } from "./harness";

describe("accessibility and support", { skip: SKIP_REASON }, () => {
  setUp();

  test("sign-in, search, opening a contract and returning to its row work with the keyboard alone", async () => {
    for (let index = 0; index < 5; index += 1)
      fixture.set(
        newJob({ name: `c${index}.pdf`, status: "Ready", version: 3, created_at: Date.now() - index * 1000 }),
      );
    await page.goto(fixture.pageUrl);
    await page.getByLabel("E-mail").waitFor();
    await page.keyboard.type(REVIEWER);
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await row("c4.pdf").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("c");
    await page.waitForURL(/q=c/);
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !url.search.includes("q="));
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let tabs = 0; tabs < 10 && !(await focused()).includes("c0.pdf"); tabs += 1) await page.keyboard.press("Tab");
    assert.match(await focused(), /c0\.pdf/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("j");
    await until("the focus moves two rows on", async () => (await focused()).includes("c2.pdf") || focused());
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "c2.pdf" }).waitFor();
    // The heading of the new screen takes the focus.
    await page.waitForFunction(
      () => document.activeElement?.matches("h1") && document.activeElement.textContent === "c2.pdf",
    );
    await page.goBack();
    await row("c2.pdf").waitFor();
    await page.waitForFunction(
      () => document.activeElement?.matches(".row a") && document.activeElement.textContent?.includes("c2.pdf"),
    );
  });

  test("support creates a tenant on purpose, also one that was found in S3", async () => {
    fixture.tenants.set("newco", { name: "newco", since: Date.now() });
    await signIn(page, `${fixture.pageUrl}/support/tenants`, SUPPORT);
    await page.getByText("Not created: documents arrived in S3").waitFor();
    await page.getByRole("button", { name: "Create it…" }).click();
    assert.equal(await page.getByLabel("Name").inputValue(), "newco");
    await page.getByLabel("Reason").fill("Contract signed");
    await page.getByRole("button", { name: "Create tenant" }).click();
    await page.getByText("Not created: documents arrived in S3").waitFor({ state: "detached" });
    await page.getByLabel("Tenant; empty for all").focus();
    await until("the tenant is suggested", () =>
      page
        .locator('datalist option[value="newco"]')
        .count()
        .then((n) => n === 1),
    );
  });

  test("support sets a tenant's retention, reads why a longer one is refused, and takes it back", async () => {
    await signIn(page, `${fixture.pageUrl}/support/tenants`, SUPPORT);
    const change = async (days: string): Promise<void> => {
      await page.getByRole("button", { name: "Change the retention of acme" }).click();
      await page.getByLabel(/^Days, or nothing/).fill(days);
      await page.getByLabel("Reason").fill("As agreed");
      await page.getByRole("button", { name: "Save" }).click();
    };
    await change("31");
    await page.getByText("give 1 to 30 days").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await change("10");
    await page.getByText("10 days after a job's end").waitFor();
    assert.equal(fixture.tenants.get("acme")?.retention_days, 10);
    await change("");
    await page.getByText("10 days after a job's end").waitFor({ state: "detached" });
    assert.equal(fixture.tenants.get("acme")?.retention_days, undefined);
  });

  test("a reviewer sets a webhook up, sees the secret once, tests it, and sends events again", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByLabel(/^Signed in as/).click();
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByText("No webhooks yet").waitFor();
    await page.getByRole("button", { name: "New webhook…" }).click();
    const url = "https://receiver.example/hook";
    await page.getByLabel("Address of your program").fill(url);
    await page.getByRole("checkbox", { name: "A contract is ready" }).uncheck();
    await page.getByRole("button", { name: "Create webhook" }).click();
    const secret = page.getByLabel("Secret", { exact: true });
    assert.match(await secret.inputValue(), /^whsec_/);
    await page.getByRole("button", { name: "I have stored it" }).click();
    await secret.waitFor({ state: "detached" });
    await page.getByText("Only job.failed").waitFor();
    assert.equal(await page.content().then((html) => html.includes("whsec_")), false);

    await page.getByRole("button", { name: "Send a test event" }).click();
    await page.getByText("Delivered (200)").waitFor();
    await page.getByText("thank you").waitFor();
    await page.getByText("Request (120 B)").click();
    await page.getByText('{"type":"webhook.test"}').waitFor();
    await page.getByRole("button", { name: "Send again…" }).click();
    await page.getByLabel("Since").fill("2026-01-02T03:04");
    await page.getByRole("button", { name: "Send again", exact: true }).click();
    const expected = await page.evaluate(() => new Date("2026-01-02T03:04").getTime());
    await until("events are sent again", () => fixture.redelivered.length === 1);
    assert.deepEqual(fixture.redelivered, [{ from: expected }]);

    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused. Nothing is sent").waitFor();
    assert.ok(await page.getByRole("button", { name: "Send again…" }).isDisabled());
    await page.getByRole("button", { name: "Enable" }).click();
    await page.getByText("Sending.", { exact: true }).waitFor();
    await page.getByRole("button", { name: "New secret…" }).click();
    await page.getByRole("button", { name: "Make a new secret" }).click();
    await secret.waitFor();
    await page.evaluate(AXE);
    const found = await page.evaluate("axe.run()");
    const { violations } = found as { violations: { id: string; impact: string }[] };
    assert.deepEqual(
      violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id }) => id),
      [],
    );
    await page.getByRole("button", { name: "I have stored it" }).click();
    await page.getByText("the previous secret is used too until").waitFor();
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Delete webhook" }).click();
    await page.getByText("No webhooks yet").waitFor();
  });

  test("customers have no webhooks, and support chooses a tenant first", async () => {
    await signIn(page, `${fixture.pageUrl}/webhooks`, "customer@acme.example");
    await page.getByText("As customer you may not read webhooks").waitFor();
    await page.getByLabel(/^Signed in as/).click();
    assert.equal(await page.getByRole("link", { name: "Webhooks" }).count(), 0);
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn(page, `${fixture.pageUrl}/webhooks`, SUPPORT);
    await page.getByText("Choose a tenant").waitFor();
    await page.getByLabel("Tenant; empty for all").fill("acme");
    await page.keyboard.press("Enter");
    await page.getByText("No webhooks yet").waitFor();
  });

  test("support plans and starts a retry, redrives a quarantined message and reads the audit log", async () => {
    sample(fixture);
    await signIn(page, `${fixture.pageUrl}/support`, SUPPORT);
    await page.getByRole("button", { name: "Plan a retry…" }).first().click();
    await page.getByRole("dialog").getByLabel("Pipeline").selectOption({ label: "Contract review" });
    await page.getByLabel("Reason").fill("The model was rolled back");
    await page.getByRole("button", { name: "Create plan" }).click();
    await page.getByText("Nothing has been started yet").waitFor();
    assert.equal(fixture.plans[0]?.status, "planned");
    await page.getByRole("button", { name: /^Retry \d+ contracts/ }).click();
    await page.getByText(/contracts started/).waitFor();
    assert.equal(fixture.plans[0]?.status, "releasing");
    await page.getByRole("link", { name: "Quarantine" }).first().click();
    await page.getByRole("link", { name: /not an S3 event/i }).click();
    await page.getByText("<script>alert(1)</script>").waitFor();
    await page.getByRole("button", { name: "Redrive…" }).click();
    await page.getByLabel("Reason").fill("fixed the parser");
    await page.getByRole("button", { name: "Redrive", exact: true }).click();
    await page.getByRole("heading", { name: "Quarantine", exact: true }).waitFor();
    await page.getByRole("link", { name: "Audit" }).click();
    await page.getByRole("cell", { name: "fixed the parser" }).waitFor();
    await page.getByRole("link", { name: "Contracts" }).first().click();
    await page.getByRole("navigation", { name: "Filter" }).getByRole("link", { name: "Failed" }).click();
    await row("Purchase order").first().waitFor();
    await page.getByLabel("Tenant; empty for all").fill("globex");
    await page.getByRole("link", { name: "Cancelled" }).waitFor();
  });

  test("a cause leads to its section of the support guide", async () => {
    sample(fixture);
    await signIn(page, `${fixture.pageUrl}/support`, SUPPORT);
    const [guide] = await Promise.all([
      context.waitForEvent("page"),
      page.getByRole("link", { name: "What to do: The model returned an error" }).click(),
    ]);
    await guide.getByRole("heading", { name: "It says the model failed" }).waitFor();
    await until("the section is in sight", () =>
      guide.evaluate(() => (document.querySelector(":target")?.getBoundingClientRect().top ?? 1e6) < innerHeight),
    );
    assert.equal(
      await guide.evaluate(() => getComputedStyle(document.body.firstElementChild as Element).maxWidth),
      "736px",
    );
    await guide.setViewportSize({ width: 320, height: 400 });
    assert.ok(await guide.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });

  for (const [width, height, what] of [
    [375, 740, "a phone"],
    [320, 225, "a window of 1,280 by 900 px at 400 % zoom"],
  ] as const) {
    test(`nothing of the support screens is cut off on ${what}`, async () => {
      sample(fixture);
      await page.setViewportSize({ width, height });
      await signIn(page, `${fixture.pageUrl}/support`, SUPPORT);
      for (const path of ["", "/plans", "/plans/0b0d0a52-plan", "/quarantine", "/tenants", "/audit"]) {
        await page.goto(`${fixture.pageUrl}/support${path}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.locator("main [aria-busy]").waitFor({ state: "detached" });
        const cut = await page.evaluate(() =>
          [...document.querySelectorAll<HTMLElement>("html, main, main *")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1)
            .filter((one) => one.tagName === "HTML" || getComputedStyle(one).overflowX !== "visible")
            .map((one) => `${one.tagName} ${one.className}`),
        );
        assert.deepEqual(cut, [], path);
        await until(`the link of /support${path} is in view`, () =>
          page.locator(".screens [aria-current]").evaluate((link) => {
            const { left, right } = link.getBoundingClientRect();
            return (left >= 0 && right <= innerWidth) || `${left} to ${right}`;
          }),
        );
        const header = await page.locator("header.top").evaluate((one) => getComputedStyle(one).position);
        assert.equal(header, height < 400 ? "static" : "sticky");
        const logo = await page.locator(".top .home").evaluate((one) => one.getBoundingClientRect().top);
        assert.ok(logo >= 4, `the logo touches the window's edge: ${logo}`);
      }
    });
  }

  for (const [width, height] of [
    [375, 740],
    [320, 225],
  ] as const) {
    test(`support's view of a contract fits into ${width} px`, async () => {
      const ids = sample(fixture);
      await page.setViewportSize({ width, height });
      await signIn(page, fixture.pageUrl, SUPPORT);
      for (const key of ["progress", "retry", "ready", "failed", "cancelled"]) {
        await page.goto(`${fixture.pageUrl}/jobs/${ids[key]}`);
        await page.getByRole("heading", { name: "What the service did" }).waitFor();
        if (key === "ready") await page.getByRole("button", { name: "Review again with the current model" }).waitFor();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${key}: ${wide}`);
      }
    });
  }

  for (const scheme of ["light", "dark"] as const) {
    test(`no screen has a serious axe violation (${scheme})`, async () => {
      const ids = sample(fixture);
      for (const name of ["room.pdf", "other.pdf"]) fixture.set(newJob({ name, batch: "Room" }));
      const checkAxe = async (name: string, at = page): Promise<void> => {
        await at.evaluate(AXE);
        assert.deepEqual(await at.evaluate(seriousViolations), [], name);
      };
      // The test injects axe into the page, which the Content-Security-Policy forbids.
      const free = await newContext(browser, { bypassCSP: true, colorScheme: scheme, reducedMotion: "reduce" });
      const at = await free.newPage();
      await at.goto(fixture.pageUrl);
      await at.getByLabel("E-mail").waitFor();
      await checkAxe("sign-in", at);
      await signIn(at, fixture.pageUrl, REVIEWER);
      await row("NDA Halden", at).waitFor();
      await checkAxe("list", at);
      await at
        .locator("input[type=file]")
        .setInputFiles([pdf("new.pdf"), { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("Not a PDF.") }]);
      await at.getByText("Received").waitFor();
      await checkAxe("uploads", at);
      await at.getByRole("button", { name: "Select…" }).click();
      await at.getByRole("button", { name: /Select all/ }).click();
      await at.getByRole("button", { name: "Save as ZIP" }).waitFor();
      await checkAxe("selecting", at);
      await at.goto(`${fixture.pageUrl}/?batch=Room`);
      await at.getByRole("button", { name: "Save all as ZIP" }).waitFor();
      await checkAxe("batch", at);
      await row("room.pdf", at).locator("a").click();
      await at.getByRole("navigation", { name: "Contracts of the list" }).waitFor();
      await checkAxe("contract of a list", at);
      for (const key of ["progress", "retry", "ready", "failed", "cancelled"]) {
        await at.goto(`${fixture.pageUrl}/jobs/${ids[key]}`);
        await at.getByText("History").waitFor();
        if (key === "ready") {
          await at.getByText("11 clauses").waitFor();
          await at.locator(".pdf-mark").first().waitFor();
        }
        await at.locator("details.card summary").click();
        await checkAxe(key, at);
      }
      await at.goto(`${fixture.pageUrl}/jobs/${ids.failed}`);
      await at.getByRole("button", { name: "Try again" }).click();
      await checkAxe("dialog", at);
      await at.goto(`${fixture.pageUrl}/?q=nothing-begins-so`);
      await at.getByText("Nothing matches").waitFor();
      await checkAxe("empty", at);
      await at.setViewportSize({ width: 390, height: 844 });
      await at.goto(fixture.pageUrl);
      await row("NDA Halden", at).waitFor();
      await checkAxe("narrow", at);
      await free.close();
      const support = await newContext(browser, { bypassCSP: true, colorScheme: scheme, reducedMotion: "reduce" });
      const supportPage = await support.newPage();
      await signIn(supportPage, `${fixture.pageUrl}/support`, SUPPORT);
      const screens: [string, string][] = [
        ["/support", "Failed in the last 24 hours"],
        ["/support/plans", "The model was rolled back"],
        ["/support/plans/0b0d0a52-plan", "contracts started"],
        ["/support/quarantine", "not an S3 event"],
        ["/support/quarantine/uploads%3A6f2c1a", "Message"],
        ["/support/audit", "Apply plan"],
        ["/?status=failed", "Purchase order"],
      ];
      for (const [path, text] of screens) {
        await supportPage.goto(fixture.pageUrl + path);
        await supportPage.getByText(text).first().waitFor();
        await checkAxe(path, supportPage);
      }
      await support.close();
    });
  }

  test("a tenant's name that the service would refuse is refused by the form", async () => {
    await signIn(page, `${fixture.pageUrl}/support/tenants`, SUPPORT);
    await page.getByRole("button", { name: "New tenant…" }).click();
    const name = page.getByRole("dialog").getByLabel("Name");
    const isRefused = (): Promise<boolean> =>
      name.evaluate((field) => (field as HTMLInputElement).validity.patternMismatch);
    await name.fill("Acme Ltd");
    assert.equal(await isRefused(), true);
    await name.fill("acme-2");
    assert.equal(await isRefused(), false);
  });
});
