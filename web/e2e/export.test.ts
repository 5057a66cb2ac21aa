/** What people take along: memo, table, archive, copies and paper; and what is done with several contracts at once. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { context, fixture, page, REVIEWER, row, SKIP_REASON, SUPPORT, setUp } from "./harness";

const ready = { status: "Ready", version: 3 } as const;

async function saved(button: string): Promise<{ name: string; content: Buffer }> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button }).click(),
  ]);
  return { name: download.suggestedFilename(), content: readFileSync(await download.path()) };
}

describe("taking results along", { skip: SKIP_REASON }, () => {
  setUp();

  test("a contract is saved as a Word memo, with its receipt, a finding is copied, and paper has no frame", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    const memo = await saved("Save as Word memo");
    assert.equal(memo.name, "Lease.docx");
    assert.equal(memo.content.subarray(0, 2).toString(), "PK");
    const receipt = await saved("Save receipt");
    assert.equal(receipt.name, "Lease.receipt");
    assert.equal(receipt.content.toString().split(".").length, 3, "as it was signed, without a line feed");
    await page.getByRole("button", { name: "Copy", exact: true }).first().click();
    await page.getByText("Copied").first().waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.startsWith("Lease.pdf: High"), copied);
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), false);
    assert.equal(await page.locator("header").isVisible(), false);
    assert.equal(await page.getByText("No limitation of liability").first().isVisible(), true);
    await page.emulateMedia({ media: "screen" });
  });

  test("selected contracts are saved as a table and as an archive", async () => {
    // The browser's own dialog cannot be used by a test.
    await page.addInitScript("delete window.showSaveFilePicker");
    fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    fixture.set(newJob({ ...ready, name: "NDA.pdf" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf").waitFor();
    await page.getByRole("button", { name: "Select…" }).click();
    await page.getByRole("button", { name: "Select all 2 shown" }).click();
    const table = await saved("Save as CSV");
    const lines = table.content.toString().trim().split("\r\n");
    assert.equal(lines.length, 1 + 2 * 4, "a line for each finding");
    const archive = await saved("Save as ZIP");
    for (const name of ["Lease/Lease.pdf", "Lease/Lease.json", "NDA/NDA.json"])
      assert.ok(archive.content.includes(name), name);
  });

  test("all of a batch is saved, also what the list has not loaded", async () => {
    await page.addInitScript("delete window.showSaveFilePicker");
    for (let number = 0; number < 103; number += 1)
      fixture.set(newJob({ ...ready, name: `room ${number}.pdf`, batch: "Data room" }));
    const failure = { cause: "TimedOut" as const, detail: "too long" };
    fixture.set(newJob({ name: "broken.pdf", batch: "Data room", status: "Failed", failure }));
    fixture.set(newJob({ ...ready, name: "other.pdf" }));
    await signIn(page, `${fixture.pageUrl}/?batch=Data+room`, REVIEWER);
    await page.getByText("103 of 104 ready, 1 failed").waitFor();
    const table = await saved("Save all as CSV");
    assert.equal(table.name, "Data room.csv");
    const lines = table.content.toString().trim().split("\r\n");
    assert.equal(lines.length, 1 + 103 * 4 + 1, "a line for each finding, and one for the failed contract");
    assert.ok(lines.some((line) => line.startsWith("broken.pdf,")));
    await page.getByText("104 contracts in the table.").waitFor();
    const archive = await saved("Save all as ZIP");
    for (const name of ["room 0/room 0.json", "room 102/room 102.pdf", "broken/broken.pdf"])
      assert.ok(archive.content.includes(name), name);
  });

  test("a result of another form is not an empty line in the table", async () => {
    fixture.review = JSON.stringify({ verdict: { liability: "uncapped" } });
    fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf").waitFor();
    await page.getByRole("button", { name: "Select…" }).click();
    await page.getByRole("button", { name: "Select all 1 shown" }).click();
    const table = await saved("Save as CSV");
    assert.match(table.content.toString(), /Lease\.pdf,.*,Ready,not counted: the result has another form,/);
  });

  test("paper has what the screen cuts, folds or shows in steps", async () => {
    const flags = Array.from({ length: 120 }, (_, index) => ({ severity: "low", text: `finding ${index}` }));
    const deep = { one: [{ two: { three: [{ four: "at the bottom" }, { four: 4 }] } }, { two: 2 }] };
    fixture.review = JSON.stringify({ summary: `${"long ".repeat(400)}end of the summary`, flags, deep });
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByText("50 of 120 findings shown").waitFor();
    await page.evaluate(() => {
      addEventListener("beforeprint", () => {
        const [panel] = document.getElementsByClassName("result");
        (window as { printed?: string }).printed = panel?.textContent ?? "";
      });
    });
    await page.pdf();
    const printed = await page.evaluate(() => (window as { printed?: string }).printed ?? "");
    for (const words of ["Finding 119.", "end of the summary", "at the bottom"])
      assert.ok(printed.includes(words), words);
    await page.getByText("50 of 120 findings shown").waitFor();
  });

  test("selected contracts are tried again and stopped together", async () => {
    fixture.stepMs = undefined;
    const failure = { cause: "ModelError" as const, detail: "it broke" };
    for (const name of ["a.pdf", "b.pdf"]) fixture.set(newJob({ name, status: "Failed", failure }));
    fixture.set(newJob({ name: "open.pdf" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("a.pdf").waitFor();
    await page.getByRole("button", { name: "Select…" }).click();
    for (const name of ["a.pdf", "b.pdf", "open.pdf"]) await page.getByLabel(`Select ${name}`).check();
    await page.getByRole("button", { name: "Try again (2)" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("the model was repaired");
    await dialog.getByRole("button", { name: "Try again" }).click();
    const all = [...fixture.jobs.values()];
    await until("both run", async () => [...fixture.jobs.values()].every((job) => job.status !== "Failed"));
    assert.equal(all.length, 3);
    await page.getByRole("button", { name: /Stop the reviews/ }).waitFor();
    await page.getByRole("button", { name: "Stop selecting" }).click();
    assert.equal(await page.getByLabel("Select a.pdf").count(), 0);
  });

  test("Markdown of a model becomes headings and lists, never markup or scripts", async () => {
    const summary =
      '# Risks\n\n- **one**\n- two <img src=x onerror="alert(1)">\n\n[bad](javascript:alert(1)) [good](https://law.example/)';
    const rest = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`field_${index}`, `value ${index}`]));
    fixture.review = JSON.stringify({ summary, flags: [], details: rest });
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.locator(".markdown h3", { hasText: "Risks" }).waitFor();
    assert.equal(await page.locator(".markdown li").count(), 2);
    assert.equal(await page.locator(".markdown img").count(), 0);
    assert.deepEqual(
      await page.locator(".markdown a").evaluateAll((links) => links.map((link) => link.getAttribute("href"))),
      ["https://law.example/"],
    );
    await page.getByLabel("Search in this result").fill("value 17");
    await page.locator(".json-hits").getByText("Field 17").waitFor();
  });

  test("a plan lists its contracts, and its counts open them", async () => {
    const failed = fixture.set(newJob({ name: "Broken.pdf", status: "Failed", attempt: 2 }));
    const done = fixture.set(newJob({ ...ready, name: "Done.pdf" }));
    fixture.plannedJobs.push(
      { job_id: failed.id, outcome: "failed", job: failed },
      { job_id: done.id, outcome: "ready", job: done },
      { job_id: "0b0d0a52-0000-5000-8000-000000000000", outcome: "missing" },
    );
    fixture.plans.push({
      id: "p1",
      status: "released",
      created_at: Date.now(),
      applied_at: Date.now(),
      actor: SUPPORT,
      reason: "The model was rolled back",
      filter: {},
      per_minute: 20,
      jobs: 3,
      by_cause: [],
      by_pipeline: [],
      poisoned: 0,
      truncated: false,
      gpu_minutes: 3,
      released: 3,
      outcome: { waiting: 0, skipped: 0, missing: 1, open: 0, ready: 1, failed: 1 },
    });
    await signIn(page, `${fixture.pageUrl}/support/plans/p1`, SUPPORT);
    await page.getByRole("link", { name: "Done.pdf" }).waitFor();
    await page.getByRole("link", { name: "Failed again" }).click();
    await until("only those", async () => (await page.locator(".planned-jobs li").count()) === 1);
    await page.getByRole("link", { name: "Broken.pdf" }).click();
    await page.getByRole("heading", { name: "Broken.pdf" }).waitFor();
  });
});
