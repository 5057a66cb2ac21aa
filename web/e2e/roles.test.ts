/** What operators and auditors see and may do, over the fixture; and the data export. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { signIn } from "./browser";
import { newJob } from "./fixture/jobs";
import { fixture, page, REVIEWER, SKIP_REASON, setUp } from "./harness";

const OPERATOR = "operator@docket.example";
const AUDITOR = "auditor@acme.example";

describe("roles", { skip: SKIP_REASON }, () => {
  setUp();

  test("an operator repairs without seeing names, documents and messages", async () => {
    const failed = newJob({
      name: "Takeover of Meteor.pdf",
      status: "Failed",
      reference: "Meteor-1",
      failure: { cause: "ModelError", detail: "" },
      version: 3,
    });
    fixture.set(failed);
    fixture.quarantine.set("uploads:m1", {
      id: "uploads:m1",
      source: "uploads",
      cause: "Malformed",
      problem: "the key Meteor.pdf is not understood",
      at: Date.now(),
      body_bytes: 20,
      body: "Meteor.pdf",
    });
    await signIn(page, `${fixture.pageUrl}/?status=failed`, OPERATOR);
    await page.getByText("(name hidden)").first().click();
    await page.getByText("Your role shows contracts without names").waitFor();
    assert.equal(await page.getByRole("button", { name: "Show the document" }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Delete document and result…" }).count(), 0);
    await page.getByRole("button", { name: "Try again" }).first().waitFor();
    await page.getByRole("link", { name: "Quarantine" }).click();
    await page.getByRole("link", { name: /Malformed/ }).click();
    await page.getByText("your role does not show it").waitFor();
    await page.getByRole("button", { name: "Redrive…" }).waitFor();
    assert.doesNotMatch((await page.locator("body").textContent()) ?? "", /Meteor/);
  });

  test("an auditor reads, is offered nothing that changes, and is told what the role lacks", async () => {
    fixture.set(newJob({ name: "Meteor.pdf", status: "Failed", failure: { cause: "ModelError", detail: "" } }));
    await signIn(page, `${fixture.pageUrl}/support/audit`, AUDITOR);
    await page.getByRole("heading", { name: "Audit", exact: true }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Quarantine" }).count(), 0);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as JSON lines" }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^audit .*\.jsonl$/);
    await page.goto(`${fixture.pageUrl}/support/quarantine`);
    await page.getByText("As auditor you may not").waitFor();
    await page.goto(`${fixture.pageUrl}/?status=failed`);
    await page.getByText("(name hidden)").first().click();
    await page.getByText("Your role shows contracts without names").waitFor();
    assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
  });

  test("a person saves what is stored about them", async () => {
    fixture.set(newJob({ name: "mine.pdf", uploaded_by: REVIEWER }));
    fixture.set(newJob({ name: "of-another.pdf", uploaded_by: "x@acme.example" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByLabel(/^Signed in as/).click();
    await page.getByRole("button", { name: "Account and e-mail" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save your data" }).click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).job.job.name),
      ["mine.pdf"],
    );
  });
});
