/** A ready contract is reviewed again, and its two results are compared, over the fixture. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { newContext, signIn } from "./browser";
import { newJob } from "./fixture/jobs";
import { browser, fixture, page, REVIEWER, SKIP_REASON, SUPPORT, setUp } from "./harness";

const AXE = readFileSync(createRequire(`${process.cwd()}/package.json`).resolve("axe-core/axe.min.js"), "utf8");

const CAP = { clause: "liability cap", page: 2, reason: "liability is uncapped" };
const OLDER = {
  summary: "One",
  flags: [
    { severity: "high", ...CAP },
    { severity: "low", clause: "term", reason: "x" },
  ],
};
const NEWER = {
  summary: "Two",
  flags: [
    { severity: "medium", ...CAP },
    { severity: "low", clause: "venue", reason: "y" },
  ],
};

describe("a contract that is reviewed again", { skip: SKIP_REASON }, () => {
  setUp();

  const main = () => page.locator("main");

  async function openTwoResults(at = page): Promise<void> {
    fixture.reviews.set(1, JSON.stringify(OLDER));
    fixture.reviews.set(2, JSON.stringify(NEWER));
    const job = fixture.set(newJob({ status: "Ready", version: 6, attempt: 2 }));
    fixture.resultsOf.set(job.id, [1, 2]);
    await signIn(at, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await at.getByLabel("Compare with").waitFor();
  }

  test("support puts a queued one before the others, with a reason", async () => {
    const job = fixture.set(newJob({ status: "Queued", lane: "bulk" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, SUPPORT);
    await page.getByText("Lane: bulk").waitFor();
    await page.getByRole("button", { name: "Review this document first…" }).click();
    await page.getByLabel("Reason").fill("The customer signs at noon");
    await page.getByRole("button", { name: "Review first", exact: true }).click();
    await page.getByText("The customer signs at noon").first().waitFor();
    assert.equal(await page.getByRole("button", { name: "Review this document first…" }).count(), 0);
  });

  test("support starts it, the present result stays, and then both can be read", async () => {
    fixture.reviews.set(1, JSON.stringify(OLDER));
    fixture.reviews.set(2, JSON.stringify(NEWER));
    fixture.stepMs = 1500;
    const job = fixture.set(newJob({ status: "Ready", version: 3 }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, SUPPORT);
    await page.getByRole("button", { name: "Review again with the current model…" }).click();
    await page.getByText("A run takes about 45 s of an instance").waitFor();
    await page.getByLabel("Reason").fill("The new model knows annexes");
    await page.getByRole("button", { name: "Review again", exact: true }).click();
    await page.getByText("The document is reviewed again. Its present result stays").waitFor();
    await main().getByText("Liability cap").waitFor();
    assert.equal(await page.getByRole("button", { name: "Stop the review" }).count(), 0);
    await page.getByLabel("Compare with").waitFor();
    await main().getByText("Venue").waitFor();
    await page.getByText("The new model knows annexes").first().waitFor();
    await page.getByRole("combobox", { name: /^Result/ }).selectOption("1");
    await main().getByText("Term", { exact: true }).waitFor();
    assert.equal(fixture.audit[0]?.action, "run-again");
  });

  test("two results are compared, with the keyboard and without colours alone", async () => {
    const free = await newContext(browser, { bypassCSP: true });
    const at = await free.newPage();
    await openTwoResults(at);
    await at.getByLabel("Compare with").selectOption("1");
    await at.getByText("Findings: 1 added, 1 removed, 1 changed, 0 the same in both. The summaries differ.").waitFor();
    const text = (await at.locator(".comparison").allInnerTexts()).join(" ").replace(/\s+/g, " ");
    for (const part of [
      "Before Attempt 1, model Legal-1@0f3c5a6b7d8e",
      "Now Attempt 2, model Legal-2@0f3c5a6b7d8e",
      "Added Venue low",
      "Removed Term low",
      "Changed liability cap medium, page 2 Level before: high now: medium",
    ])
      assert.ok(text.includes(part), `${part}: ${text}`);
    await at.evaluate(AXE);
    const found = await at.evaluate(async () => {
      const axe = (
        globalThis as unknown as { axe: { run: (node: Element) => Promise<{ violations: { id: string }[] }> } }
      ).axe;
      return (await axe.run(document.querySelector("main") as Element)).violations.map((one) => one.id);
    });
    assert.deepEqual(found, []);
    await at.getByLabel("Compare with").selectOption("");
    await at.locator("main").getByText("Venue").waitFor();
    assert.equal(await at.locator(".comparison").count(), 0);
    await free.close();
  });

  test("results whose findings cannot be read are not called equal", async () => {
    await openTwoResults();
    fixture.reviews.set(1, JSON.stringify({ rows: [1] }));
    await page.getByLabel("Compare with").selectOption("1");
    await page.getByText("The findings of the older cannot be read").waitFor();
    assert.equal(await page.getByText("the same in both").count(), 0);
  });
});
