/** Files whose content was uploaded before, and documents whose retention time is over, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AXE, seriousViolations } from "./axe";
import { newContext, signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { browser, fixture, PDF, page, pdf, REVIEWER, SKIP_REASON, SUPPORT, setUp, upload } from "./harness";

const DAY = 86_400_000;

describe("a content that was uploaded before", { skip: SKIP_REASON }, () => {
  setUp();

  const tray = () => page.getByRole("complementary", { name: "Uploads" });
  const sent = () => fixture.requests.filter((request) => request.startsWith("PUT /s3")).length;

  test("the page asks before it sends the file again", async () => {
    fixture.noticesContent = true;
    await signIn(page, fixture.pageUrl, REVIEWER);
    await upload(pdf("lease.pdf"));
    await until("the first one is ready", () => [...fixture.jobs.values()].some((job) => job.status === "Ready"));
    const before = sent();
    await upload(pdf("lease (copy).pdf"), pdf("other.pdf", Buffer.concat([PDF, Buffer.from("%")])));
    await tray().getByText("Identical to lease.pdf, ready since").waitFor();
    await until("only the other one is sent", () => sent() === before + 1);
    assert.equal(fixture.jobs.size, 2);
    await tray().getByRole("button", { name: "Review anyway: lease (copy).pdf" }).click();
    await until("it is sent as well", () => fixture.jobs.size === 3);
    assert.equal(await tray().getByText("Identical to").count(), 0);
  });

  test("the contract with the same content is opened, and nothing is sent", async () => {
    fixture.noticesContent = true;
    await signIn(page, fixture.pageUrl, REVIEWER);
    await upload(pdf("lease.pdf"));
    await until("the first one is ready", () => [...fixture.jobs.values()].some((job) => job.status === "Ready"));
    await upload(pdf("lease (copy).pdf"));
    await tray().getByRole("link", { name: "Show it" }).click();
    await page.getByRole("heading", { name: "lease.pdf" }).waitFor();
    assert.equal(fixture.jobs.size, 1);
    await page.setViewportSize({ width: 375, height: 700 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });

  test("the question has no serious axe violation", async () => {
    fixture.noticesContent = true;
    const loose = await newContext(browser, { bypassCSP: true });
    const at = await loose.newPage();
    await signIn(at, fixture.pageUrl, REVIEWER);
    const input = at.locator("input[type=file]");
    await input.setInputFiles([pdf("lease.pdf")]);
    await until("the first one is ready", () => [...fixture.jobs.values()].some((job) => job.status === "Ready"));
    await input.setInputFiles([pdf("lease (copy).pdf")]);
    await at.getByText("Identical to").waitFor();
    await at.evaluate(AXE);
    assert.deepEqual(await at.evaluate(seriousViolations), []);
    if (process.env.PAGE_PICTURES) await at.screenshot({ path: `${process.env.PAGE_PICTURES}/identical.png` });
    await loose.close();
  });
});

describe("a document whose retention time is over", { skip: SKIP_REASON }, () => {
  setUp();

  test("is said to be deleted, and neither another review nor a download is offered", async () => {
    const now = Date.now();
    fixture.keptUntil = { document_kept_until: now - 9 * DAY, result_kept_until: now - DAY };
    const ready = fixture.set(newJob({ status: "Ready", version: 3 }));
    await signIn(page, `${fixture.pageUrl}/jobs/${ready.id}`, SUPPORT);
    await page.getByText("document deleted on").waitFor();
    await page.getByText("The result was deleted").waitFor();
    for (const name of ["Review again with the current model…", "Download"])
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);

    fixture.keptUntil = { document_kept_until: now - 9 * DAY };
    const failed = fixture.set(
      newJob({ status: "Failed", version: 4, failure: { cause: "ModelError", detail: "it broke down" } }),
    );
    await page.goto(`${fixture.pageUrl}/jobs/${failed.id}`);
    await page.getByText("The document was deleted on").waitFor();
    for (const name of ["Show the document", "Try again"])
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);
  });

  test("a document that is still there is offered as before", async () => {
    fixture.keptUntil = { document_kept_until: Date.now() + DAY, result_kept_until: Date.now() + 9 * DAY };
    const ready = fixture.set(newJob({ status: "Ready", version: 3 }));
    await signIn(page, `${fixture.pageUrl}/jobs/${ready.id}`, SUPPORT);
    await page.getByRole("button", { name: "Review again with the current model…" }).waitFor();
    await page.getByText("document kept until").waitFor();
    assert.equal(await page.getByText("The result was deleted").count(), 0);
  });
});
