/** Live updates and sessions over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { PASSWORD } from "./fixture/state";
import { context, expectPageMatchesTable, fixture, page, REVIEWER, row, SKIP_REASON, setUp } from "./harness";

describe("a page that stays open", { skip: SKIP_REASON }, () => {
  setUp();

  test("two tabs whose sockets are cut during a burst match the table afterwards", async () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      fixture.set(newJob({ name: `Burst ${index}.pdf`, created_at: Date.now() - index })),
    );
    // More jobs than a snapshot holds, so that the page has to refresh its lists.
    for (let index = 0; index < 150; index += 1)
      fixture.set(
        newJob({ status: "Ready", version: 3, name: `Old ${index}.pdf`, created_at: Date.now() - 1_000_000 - index }),
      );
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    const second = await context.newPage();
    await second.goto(fixture.pageUrl);
    await second.getByText("Live", { exact: true }).waitFor();
    for (const tab of [page, second]) {
      await tab.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await tab.locator(".row").nth(169).waitFor({ state: "attached" });
    }
    for (const [index, one] of many.entries()) {
      if (index === 7) fixture.cutSockets();
      fixture.change(
        one.id,
        index % 4 === 0 ? { status: "Failed", failure: { cause: "ModelError", detail: "x" } } : { status: "Ready" },
      );
    }
    await expectPageMatchesTable(page);
    await expectPageMatchesTable(second);
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("a silent connection shows as reconnecting, and the page recovers by itself", async () => {
    const one = fixture.set(newJob({ name: "quiet.pdf" }));
    await page.clock.install();
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    fixture.silent = true;
    fixture.change(one.id, { status: "Ready" });
    await page.clock.runFor(75_000);
    await page.locator(".live", { hasText: /^Reconnecting, last update \d/ }).waitFor();
    fixture.silent = false;
    await until("the page is live again", async () => {
      await page.clock.runFor(1000);
      return (await page.getByText("Live", { exact: true }).count()) === 1;
    });
    await row("quiet.pdf").getByText("Ready").waitFor();
  });

  test("a page that slept for an hour is brought up to date", async () => {
    const one = fixture.set(newJob({ name: "sleepy.pdf" }));
    fixture.tokenSeconds = 7200;
    await page.clock.install();
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    fixture.silent = true;
    fixture.change(one.id, { status: "Ready" });
    fixture.silent = false;
    await page.clock.fastForward(3_600_000);
    await until("the page shows the result", async () => {
      await page.clock.runFor(1000);
      return (await row("sleepy.pdf").getByText("Ready").count()) === 1;
    });
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("a burst of changes to a thousand rows does not block rendering", async () => {
    const now = Date.now();
    const many = Array.from({ length: 1000 }, (_, index) =>
      newJob({ name: `Contract ${index}.pdf`, created_at: now - index * 60_000 }),
    );
    for (const one of many) fixture.jobs.set(one.id, one);
    await signIn(page, fixture.pageUrl, REVIEWER);
    const rows = page.locator(".row");
    await until("a thousand rows", async () => {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      const count = await rows.count();
      return count === 1000 || count;
    });
    await page.evaluate(() => scrollTo(0, 0));
    // The longest time between two frames during a burst of 200 changes and a scroll.
    const longest = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let last = performance.now();
          const end = last + 3000;
          let worst = 0;
          const frame = (at: number): void => {
            worst = Math.max(worst, at - last);
            last = at;
            scrollBy(0, 400);
            if (at < end) requestAnimationFrame(frame);
            else resolve(worst);
          };
          requestAnimationFrame(frame);
        }),
    );
    for (let index = 0; index < 200; index += 1) {
      fixture.change(many[index * 5]?.id ?? "", { status: "Ready" });
      if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(`# 1,000 rows, 200 changes, scrolling: longest frame ${(await longest).toFixed(0)} ms`);
    await page.evaluate(() => scrollTo(0, 0));
    await row("Contract 0.pdf").first().getByText("Ready").waitFor();
    await expectPageMatchesTable();
  });

  test("the tab's title counts results that arrived while it was hidden", async () => {
    const one = fixture.set(newJob({ name: "title.pdf" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("title.pdf").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    const hide = (hidden: boolean): Promise<void> =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await hide(true);
    fixture.change(one.id, { status: "Ready" });
    await page.waitForFunction(() => document.title === "(1) Contracts · Docket");
    await hide(false);
    await page.waitForFunction(() => document.title === "Contracts · Docket");
  });

  test("an expired token is renewed silently, and a refused renewal keeps the page's state", async () => {
    fixture.set(newJob({ name: "kept.pdf", status: "Ready" }));
    await signIn(page, `${fixture.pageUrl}/?status=ready`, REVIEWER);
    await row("kept.pdf").waitFor();
    // All tokens are rejected before they expire, as when a session is revoked.
    fixture.revokedTokens.add(
      await page.evaluate(() => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id),
    );
    await page.getByRole("link", { name: "Failed" }).click();
    await page.getByText("No failed contracts").waitFor();
    assert.equal(await page.getByText("Please sign in again").count(), 0);
    fixture.refusesRefresh = true;
    fixture.revokedTokens.add(
      await page.evaluate(() => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id),
    );
    await page.getByRole("link", { name: "Cancelled" }).click();
    await page.getByRole("heading", { name: "Please sign in again" }).waitFor();
    assert.equal(await page.getByLabel("E-mail").inputValue(), REVIEWER);
    fixture.refusesRefresh = false;
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText("No cancelled contracts").waitFor();
    assert.match(page.url(), /status=cancelled/);
  });

  test("sign-in handles a wrong password, a first password, a second tab and sign-out in both", async () => {
    await page.goto(fixture.pageUrl);
    await page.getByLabel("E-mail").fill("new@acme.example");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Incorrect e-mail address or password").waitFor();
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("New password").fill("too short");
    await page.getByRole("button", { name: "Save and sign in" }).click();
    await page.getByText("too weak").waitFor();
    await page.getByLabel("New password").fill("a much longer password");
    await page.getByRole("button", { name: "Save and sign in" }).click();
    await page.getByRole("heading", { name: "Contracts", exact: true }).waitFor();
    const second = await context.newPage();
    await second.goto(fixture.pageUrl);
    await second.getByRole("heading", { name: "Contracts", exact: true }).waitFor();
    await second.locator(".person summary").click();
    await second.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Docket" }).waitFor();
  });

  test("sign-out revokes the refresh token, and ends the session also if the revocation fails", async () => {
    for (const refuses of [false, true]) {
      fixture.refusesRevocation = refuses;
      await signIn(page, fixture.pageUrl, REVIEWER);
      const refresh = await page.evaluate(
        () => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { refresh: string }).refresh,
      );
      const before = fixture.revocations;
      await page.locator(".person summary").click();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "Sign in to Docket" }).waitFor();
      await until("the page asked for a revocation", () => fixture.revocations > before);
      assert.equal(fixture.revokedRefreshTokens.has(refresh), !refuses);
      assert.equal(await page.evaluate(() => sessionStorage.getItem("docket.session")), null);
    }
  });

  test("the focus goes to the next row when the row that has it leaves the list", async () => {
    const jobs = ["a.pdf", "b.pdf", "c.pdf"].map((name, index) =>
      fixture.set(newJob({ name, created_at: Date.now() - index * 1000 })),
    );
    await signIn(page, `${fixture.pageUrl}/?status=open`, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    await row("b.pdf").locator("a").focus();
    fixture.change(jobs[1]?.id ?? "", { status: "Ready" });
    await row("b.pdf").waitFor({ state: "detached" });
    await until("the next row has it", async () => (await focused()).includes("c.pdf") || focused());
    fixture.change(jobs[2]?.id ?? "", { status: "Ready" });
    await until("the last row has it", async () => (await focused()).includes("a.pdf") || focused());
    // Elsewhere it stays where it is.
    await page.getByRole("searchbox").focus();
    fixture.change(jobs[0]?.id ?? "", { status: "Ready" });
    await page.getByText("No open contracts").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "search");
  });

  test("Escape does not close the sign-in of a page whose sign-in has expired", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    fixture.refusesRefresh = true;
    fixture.revokedTokens.add(
      await page.evaluate(() => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id),
    );
    // The dialog may be open already.
    await page.getByRole("link", { name: "Failed" }).dispatchEvent("click");
    const title = page.getByRole("heading", { name: "Please sign in again" });
    await title.waitFor();
    for (const _ of [1, 2, 3, 4]) await page.keyboard.press("Escape");
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    assert.ok(await title.isVisible());
    fixture.refusesRefresh = false;
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText("No failed contracts").waitFor();
  });

  test("a reason stays when text is selected beyond its dialog, and a click beside the dialog closes it", async () => {
    const job = fixture.set(newJob({ name: "slow.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByRole("button", { name: "Stop the review" }).click();
    const reason = page.getByRole("dialog").getByRole("textbox");
    await reason.fill("uploaded twice");
    const box = await reason.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + 60, box.y + 15);
    await page.mouse.down();
    await page.mouse.move(5, box.y + 15, { steps: 5 });
    await page.mouse.up();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    assert.equal(await reason.inputValue(), "uploaded twice");
    await page.mouse.click(5, box.y + 15);
    await reason.waitFor({ state: "detached" });
  });

  test("a list that cannot be loaded further says so, and asks again only when the reader does", async () => {
    for (let index = 0; index < 150; index += 1)
      fixture.set(
        newJob({ status: "Failed", version: 3, name: `${index}.pdf`, created_at: Date.now() - index * 1000 }),
      );
    let asked = 0;
    const more = /\/jobs\?.*cursor=/;
    await page.route(more, (route) => {
      asked += 1;
      return route.fulfill({ status: 400, body: "", headers: { "access-control-allow-origin": "*" } });
    });
    await signIn(page, `${fixture.pageUrl}/?sort=name`, REVIEWER);
    await page.locator(".row").nth(99).waitFor({ state: "attached" });
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.getByText("Docket refused the request (400).").waitFor();
    // The list is loaded once more when the page is connected.
    await page.getByText("Live", { exact: true }).waitFor();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    const before = asked;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1000)));
    // Not again and again; the list that is loaded once more may still be on its way.
    assert.ok(asked - before <= 1, `${asked - before} more requests`);
    await page.unroute(more);
    await page.getByRole("button", { name: "Show more" }).click();
    await page.locator(".row").nth(149).waitFor({ state: "attached" });
  });

  test("a page whose sign-in has expired does not ask again and again until the reader signs in", async () => {
    const job = fixture.set(newJob({ name: "slow.pdf" }));
    await page.clock.install();
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    fixture.refusesRefresh = true;
    fixture.revokedTokens.add(
      await page.evaluate(() => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id),
    );
    await page.clock.runFor(70_000);
    await page.getByRole("heading", { name: "Please sign in again" }).waitFor();
    for (let minute = 0; minute < 30; minute += 1) await page.clock.runFor(60_000);
    fixture.refusesRefresh = false;
    const before = fixture.requests.length;
    fixture.change(job.id, { status: "Ready" });
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await until("the page is up to date", async () => {
      await page.clock.runFor(1000);
      return (await page.getByText("4 findings").count()) > 0;
    });
    const asked = fixture.requests.slice(before).filter((one) => one.startsWith(`GET /jobs/${job.id}`));
    assert.ok(asked.filter((one) => !/result|document|receipt/.test(one)).length <= 4, asked.join("\n"));
  });
});
