/** Plans that stop open reviews, and plans that are stopped, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn } from "./browser";
import { newJob } from "./fixture/jobs";
import { sample } from "./fixture/sample";
import { fixture, page, SKIP_REASON, SUPPORT, setUp } from "./harness";

describe("plans", { skip: SKIP_REASON }, () => {
  setUp();

  const main = () => page.locator("main");

  test("support stops the open reviews of a tenant with a plan, and then stops the plan", async () => {
    for (let number = 1; number <= 3; number += 1)
      fixture.set(newJob({ status: "Queued", name: `queued ${number}.pdf`, tenant: "acme" }));
    fixture.set(newJob({ status: "InProgress", name: "running.pdf", tenant: "acme" }));
    fixture.set(newJob({ status: "InProgress", name: "other.pdf", tenant: "globex" }));
    await signIn(page, `${fixture.pageUrl}/support/plans`, SUPPORT);
    await page.getByRole("button", { name: "New plan…" }).click();
    await page.getByLabel("What it does").selectOption("Stop open reviews");
    await page
      .getByRole("dialog")
      .getByLabel(/^Uploaded/)
      .selectOption("ever");
    await page.getByLabel("Reason").fill("acme uploaded the wrong folder");
    // Without a filter it would stop the jobs of all tenants.
    await page.getByText("To stop reviews, choose a tenant, a pipeline or a time.").waitFor();
    assert.ok(await page.getByRole("button", { name: "Create plan" }).isDisabled());
    // The focus goes back in the same moment. Later it would take the reader's keys from the next field.
    await page.evaluate(() => {
      const seen = document.body.dataset;
      new MutationObserver(() => {
        if (!document.querySelector("dialog")) seen.focusAfterDialog ??= document.activeElement?.textContent ?? "";
      }).observe(document.body, { childList: true, subtree: true });
    });
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.body.dataset.focusAfterDialog), "New plan…");

    await page.getByLabel("Tenant; empty for all").fill("acme");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "New plan…" }).click();
    await page.getByLabel("What it does").selectOption("Stop open reviews");
    await page
      .getByRole("dialog")
      .getByLabel(/^Uploaded/)
      .selectOption("ever");
    await page.getByLabel("Reason").fill("acme uploaded the wrong folder");
    await page.getByRole("button", { name: "Create plan" }).click();

    await main().getByText("Nothing has been stopped yet.").waitFor();
    await main().getByText("3 contracts queued: no time on a GPU is spent.").waitFor();
    await main().getByText("1 contract at the endpoint").waitFor();
    await main().getByRole("link", { name: "queued 2.pdf" }).waitFor();
    assert.equal(await main().getByText("other.pdf").count(), 0);
    await page.getByRole("button", { name: "Stop 4 contracts" }).click();
    await main().getByText("0 of 4 contracts stopped").waitFor();
    await page.getByRole("button", { name: "Stop this plan" }).click();
    await main()
      .getByText(/^Stopped/)
      .first()
      .waitFor();
    await page.getByRole("button", { name: "Stop this plan" }).waitFor({ state: "detached" });
    assert.equal(fixture.plans[0]?.status, "stopped");
    await main().getByText("Skipped (changed or not reached)").first().waitFor();
    await page.getByRole("link", { name: "Audit" }).click();
    await page
      .getByRole("cell", { name: /stop.plan/i })
      .first()
      .waitFor();
  });

  test("a plan says how many documents are no longer there", async () => {
    sample(fixture);
    fixture.documentsDeleted = 7;
    await signIn(page, `${fixture.pageUrl}/support`, SUPPORT);
    await page.getByRole("button", { name: "Plan a retry…" }).first().click();
    await page.getByLabel("Reason").fill("The model was rolled back");
    await page.getByRole("button", { name: "Create plan" }).click();
    await main().getByText("7 contracts left out: the retention time of the document is over").waitFor();
  });
});
