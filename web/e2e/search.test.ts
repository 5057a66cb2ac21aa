/** The search over the fixture: what it finds, and that it ends. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { sample } from "./fixture/sample";
import { fixture, page, REVIEWER, row, SKIP_REASON, SUPPORT, setUp } from "./harness";

describe("search", { skip: SKIP_REASON }, () => {
  setUp();

  test("searching for any id finds its contract", async () => {
    const ids = sample(fixture);
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByRole("searchbox").fill(`${ids.failed}.a3`);
    await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
    await row("Framework contract").waitFor();
  });

  test("searching for the id of a retry plan or a webhook finds it", async () => {
    sample(fixture);
    const [plan] = fixture.plans;
    assert.ok(plan);
    fixture.plans.push({ ...plan, id: "p01a2063faa9f3990", reason: "The endpoint was out" });
    await signIn(page, `${fixture.pageUrl}/?q=p01a2063faa9f3990`, SUPPORT);
    await page.getByRole("link", { name: "Retry plan: The endpoint was out" }).click();
    await page.getByText("of 212 contracts started").waitFor();
    await page.getByRole("link", { name: "Contracts" }).first().click();
    await page.getByRole("searchbox").fill("p01a2063faa9f3991");
    await page.getByText("Nothing matches “p01a2063faa9f3991”").waitFor();
    const url = "https://receiver.example/hook";
    const id = "acme.00000000000000aa";
    const of = { tenant: "acme", created_by: SUPPORT, created_at: Date.now(), event_types: [], include_details: false };
    fixture.webhooks.set(id, { id, url, ...of, enabled: true, sequence: 0, waiting: 0 });
    await page.getByRole("searchbox").fill(id);
    await page.getByRole("link", { name: `Webhook of acme: ${url}` }).click();
    // The link selects its tenant, and the header may select another one.
    await page.getByRole("region", { name: url }).waitFor();
    const tenant = page.getByLabel("Tenant; empty for all");
    assert.equal(await tenant.inputValue(), "acme");
    await tenant.fill("globex");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => sessionStorage.getItem("docket.tenant") === "globex");
    assert.equal(await tenant.inputValue(), "globex");
  });

  test("support finds a contract of any tenant and state by any part of its name, and the search goes on by itself", async () => {
    for (let number = 0; number < 120; number += 1)
      fixture.set(newJob({ name: `lease ${number}.pdf`, tenant: "globex", status: "Ready", created_at: number + 1 }));
    fixture.set(newJob({ name: "Rent Quellental 2026.pdf", tenant: "initech", status: "Ready" }));
    await signIn(page, fixture.pageUrl, SUPPORT);
    const box = page.getByRole("searchbox");
    await box.fill("quellen");
    await row("Rent Quellental").waitFor();
    assert.equal(await page.locator(".row").count(), 1);
    await box.fill("lease");
    await page.getByText("120 matches").waitFor();
    assert.equal(await page.locator(".row").count(), 120);
    await page.getByRole("button", { name: "Select…" }).click();
    await page.getByRole("button", { name: "Select all 120 shown" }).click();
    await page.getByText("120 contracts selected").waitFor();
    await page.getByRole("button", { name: "Stop selecting" }).click();
    await box.fill("no such thing");
    await page.getByText("Every contract that you may see was looked at").waitFor();
  });

  test("a search that goes on in the background does not replace the next one", async () => {
    for (let number = 0; number < 300; number += 1)
      fixture.set(newJob({ name: `lease ${number}.pdf`, status: "Ready", created_at: number + 1 }));
    fixture.set(newJob({ name: "Rent.pdf", status: "Ready" }));
    await signIn(page, `${fixture.pageUrl}/?q=lease`, REVIEWER);
    await page.getByText(/^200 matches/).waitFor();
    // The answer for the old search comes when the new one has ended.
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let answered = 0;
    await page.route(/search=lease/, async (route) => {
      await held;
      await route.continue();
      answered += 1;
    });
    await page.getByRole("button", { name: "Search further back" }).click();
    await page.getByRole("searchbox").fill("rent");
    await row("Rent.pdf").waitFor();
    await page.getByText("1 match", { exact: true }).waitFor();
    const late = page.waitForResponse(/search=lease/);
    answer();
    await (await late).finished();
    await until("the answer was let through", () => answered > 0);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    assert.equal(await page.locator(".row").count(), 1);
    await page.getByText("1 match", { exact: true }).waitFor();
  });

  test("a contract that is opened while the search waits for more letters stays open", async () => {
    const job = fixture.set(newJob({ name: "Lease.pdf", status: "Ready" }));
    await page.clock.install();
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf").waitFor();
    await page.getByRole("searchbox").fill("lea");
    await row("Lease.pdf").locator("a").click();
    await page.getByRole("heading", { level: 1, name: "Lease.pdf" }).waitFor();
    await page.clock.runFor(1000);
    assert.ok(page.url().endsWith(`/jobs/${job.id}`), page.url());
  });
});
