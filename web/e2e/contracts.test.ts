/** Contracts on the page, over the fixture: upload, result, retry, tenants. */

import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { holdPartsAfter, signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { file, fixture, OTHER, PDF, page, pdf, REVIEWER, row, SKIP_REASON, SUPPORT, setUp, upload } from "./harness";

/** A list of uploads that folds by itself has folded after it. */
const FOLDED_MS = 6000;

describe("contracts from upload to result", { skip: SKIP_REASON }, () => {
  setUp();

  test("an uploaded contract becomes ready without a reload", async () => {
    fixture.stepMs = undefined;
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("No contracts yet").waitFor();
    await upload(pdf("Lease, ground floor.pdf"));
    await row("Lease, ground floor.pdf").getByText("Submitting").waitFor();
    const [job] = fixture.jobs.values();
    fixture.change(job?.id ?? "", { status: "InProgress" });
    await row("Lease, ground floor.pdf").getByText("Processing").waitFor();
    fixture.change(job?.id ?? "", { status: "Ready" });
    await row("Lease, ground floor.pdf").getByText("Ready").waitFor();
    await row("Lease, ground floor.pdf").getByText("New").waitFor();
    await row("Lease, ground floor.pdf").locator("a").click();
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    await page.getByText("No limitation of liability").waitFor();
    assert.equal(await page.title(), "Lease, ground floor.pdf · Docket");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download result" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "review.json");
  });

  test("the list of uploads says what became of each, and folds by itself", async () => {
    fixture.stepMs = undefined;
    await page.clock.install();
    await signIn(page, fixture.pageUrl, REVIEWER);
    const tray = page.getByRole("complementary", { name: "Uploads" });
    await upload(pdf("a.pdf"), pdf("b.pdf"));
    await tray.getByRole("heading", { name: "2 uploaded" }).waitFor();
    await tray.getByText("Received").first().waitFor();
    const [first, second] = [...fixture.jobs.values()];
    fixture.change(first?.id ?? "", { status: "Ready" });
    await tray.getByRole("heading", { name: "1 ready, 1 uploaded" }).waitFor();
    await tray.getByText("Ready", { exact: true }).waitFor();
    await page.clock.runFor(FOLDED_MS);
    await tray.locator("li").first().waitFor({ state: "detached" });
    const failure = { cause: "ModelRejected" as const, detail: "the PDF is cut off" };
    fixture.change(second?.id ?? "", { status: "Failed", failure });
    await tray.getByRole("heading", { name: "1 ready, 1 not reviewed" }).waitFor();
    await tray.getByRole("button", { name: "Show" }).click();
    await tray.getByText("The document was rejected").waitFor();
    // What asks for something does not fold.
    await tray.getByRole("button", { name: "Clear" }).click();
    await upload({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no PDF") }, pdf("c.pdf"));
    await tray.getByRole("heading", { name: "1 uploaded, 1 not uploaded" }).waitFor();
    await tray.getByText("Not a PDF: Contract review accepts nothing else.").waitFor();
    await page.clock.runFor(FOLDED_MS);
    assert.equal(await tray.locator("li").count(), 2);
  });

  test("what was not uploaded is first in the list of uploads, which does not cover the next screen", async () => {
    const ready = fixture.set(newJob({ status: "Ready", version: 3, name: "Lease.pdf" }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    const tray = page.getByRole("complementary", { name: "Uploads" });
    const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no PDF") };
    await upload(pdf("a.pdf"), pdf("b.pdf"), notes);
    await tray.getByRole("heading", { name: "1 not uploaded" }).waitFor();
    assert.match((await tray.locator("li").first().textContent()) ?? "", /notes\.txt/);
    await row("Lease.pdf").locator(`a[data-id="${ready.id}"]`).click();
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    assert.equal(await tray.locator("li").count(), 0);
    await tray.getByRole("heading", { name: "1 not uploaded" }).waitFor();
    await tray.getByRole("button", { name: "Show" }).click();
    await tray.getByText("Not a PDF").waitFor();
  });

  test("while reviews are paused the list says until when, and what waits is stopped before it runs", async () => {
    fixture.pauses.push({
      pipeline: "legal-review",
      since: Date.now() - 60_000,
      until: Date.now() + 3_600_000,
      actor: "sam@docket.example",
      reason: "the quota is used up",
    });
    try {
      fixture.set(newJob({ name: "Waiting.pdf", status: "Queued", version: 1 }));
      await signIn(page, fixture.pageUrl, REVIEWER);
      await page.getByText("Contract review is paused").waitFor();
      assert.equal(await page.getByText("the quota is used up").count(), 0);
      await row("Waiting.pdf").getByText("Queued", { exact: true }).waitFor();
      await row("Waiting.pdf").locator("a").click();
      await page.getByText("This one starts by itself when the pause ends.").waitFor();
      await page.getByRole("button", { name: "Stop the review" }).click();
      const dialog = page.getByRole("dialog");
      assert.equal(await dialog.getByText("already running").count(), 0);
      await dialog.getByRole("textbox").fill("the wrong file");
      await dialog.getByRole("button", { name: "Stop the review" }).click();
      await page.getByText("Nothing of it was running.").waitFor();
    } finally {
      fixture.pauses.length = 0;
    }
  });

  test("a dropped file is uploaded like a chosen one", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["%PDF-1.7"], "dropped.pdf", { type: "application/pdf" }));
      return transfer;
    });
    await page.dispatchEvent("main", "dragenter", { dataTransfer: data });
    await page.getByText("Drop to upload to Contract review").waitFor();
    await page.dispatchEvent("main", "drop", { dataTransfer: data });
    await row("dropped.pdf").getByText("Ready").waitFor();
  });

  test("a file that is dropped on an open contract is uploaded, for what the person chooses", async () => {
    const job = fixture.set(newJob({ status: "Ready", version: 3 }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    await page.evaluate(() => localStorage.setItem("docket.pipeline", "a pipeline that is gone"));
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["%PDF-1.7"], "dropped.pdf", { type: "application/pdf" }));
      return transfer;
    });
    await page.dispatchEvent("main", "dragenter", { dataTransfer: data });
    await page.dispatchEvent("main", "drop", { dataTransfer: data });
    const dialog = page.getByRole("dialog");
    await dialog.getByText("What is this file for?").waitFor();
    assert.equal(fixture.uploads.size, 0, "nothing is guessed");
    await dialog.getByRole("button", { name: "Document questions" }).click();
    await page.locator(".upload.received", { hasText: "dropped.pdf" }).waitFor();
    assert.equal([...fixture.uploads.values()][0]?.view.pipeline, "doc-understanding");
    assert.ok(page.url().includes(job.id), "the contract stays open");
  });

  test('a failed contract says what it means for the reader, and the rest under "For support"', async () => {
    const detail = "ClientError: Received server error (500) from model. See the log group in account 123456789012.";
    const failure = { cause: "ModelError" as const, detail, container_status: 500 };
    const failed = fixture.set(newJob({ status: "Failed", version: 4, failure }));
    await signIn(page, `${fixture.pageUrl}/jobs/${failed.id}`, REVIEWER);
    await page.getByText("It may succeed if you try again").waitFor();
    await page.getByText("For support").waitFor();
    assert.equal(await page.getByText("ClientError").first().isVisible(), false);
    await page.getByText("For support").click();
    await page.locator(".for-support").getByText("ClientError").first().waitFor();
    await page.locator(".for-support td", { hasText: "The model returned an error (HTTP 500)" }).waitFor();
    const open = fixture.set(newJob({ model: { version: "Legal-1" } }));
    await page.goto(`${fixture.pageUrl}/jobs/${open.id}`);
    await page.getByText("The review is waiting for its turn or running").waitFor();
    assert.equal(await page.getByText("SageMaker").first().isVisible(), false);
    await page.getByText("For support").click();
    await page.locator(".for-support td", { hasText: "Legal-1" }).waitFor();
  });

  test("for a rejected document the first button uploads a corrected one to the same pipeline", async () => {
    const failure = { cause: "ModelRejected" as const, detail: "the PDF is cut off" };
    const failed = fixture.set(newJob({ status: "Failed", version: 4, pipeline: "doc-understanding", failure }));
    await signIn(page, `${fixture.pageUrl}/jobs/${failed.id}`, REVIEWER);
    await page.getByText("the PDF is cut off").first().waitFor();
    const [first] = await page.locator(".screen-head button").allTextContents();
    assert.match(first ?? "", /Upload a corrected version/);
    await upload(pdf("Corrected.pdf"));
    await page.locator(".upload.received", { hasText: "Corrected.pdf" }).waitFor();
    assert.equal([...fixture.uploads.values()][0]?.view.pipeline, "doc-understanding");
    await page.getByRole("link", { name: "corrected version" }).click();
    await page.getByRole("heading", { name: "Corrected.pdf" }).waitFor();
    await page.getByRole("link", { name: "an earlier document" }).click();
    await page.getByText("the PDF is cut off").first().waitFor();
  });

  test("versions of the same object name each other", async () => {
    const failure = { cause: "Superseded" as const, detail: "a newer version was uploaded" };
    const older = newJob({ name: "NDA.pdf", status: "Failed", failure, created_at: Date.now() - 60_000 });
    fixture.set(older);
    fixture.set(newJob({ name: "NDA.pdf", status: "Ready" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${older.id}`, REVIEWER);
    const versions = page.getByRole("list", { name: "Other versions" });
    await versions.getByText("A newer version of this file").waitFor();
    await versions.getByRole("link").click();
    await versions.getByText("An older version of this file").waitFor();
    await versions.getByRole("link").click();
    await versions.getByText("A newer version of this file").waitFor();
  });

  test("a failed contract is retried with a reason and becomes ready", async () => {
    fixture.failNext = true;
    await signIn(page, fixture.pageUrl, REVIEWER);
    await upload(pdf("Supply agreement.pdf"));
    await row("Supply agreement.pdf").getByText("The review failed").first().waitFor();
    await row("Supply agreement.pdf").locator("a").click();
    await page.getByRole("button", { name: "Try again" }).click();
    const confirm = page.getByRole("dialog").getByRole("button", { name: "Try again" });
    assert.equal(await confirm.isDisabled(), true, "not without a reason");
    await page.getByLabel("Reason").fill("The model was repaired");
    await confirm.click();
    await page.getByRole("button", { name: "Download result" }).waitFor();
    await page.getByText("The model was repaired").first().waitFor();
    assert.equal(fixture.audit[0]?.reason, "The model was repaired");
  });

  test("a retry of a contract that has changed is refused with an explanation", async () => {
    const failed = fixture.set(newJob({ status: "Failed", version: 4, failure: { cause: "TimedOut", detail: "x" } }));
    await signIn(page, `${fixture.pageUrl}/jobs/${failed.id}`, REVIEWER);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByLabel("Reason").fill("once more");
    fixture.silent = true;
    fixture.change(failed.id, { status: "InProgress", attempt: 2 });
    await page.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
    await page.getByText("has changed in the meantime").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByText("Processing, attempt 2").waitFor();
  });

  test("cancelling asks for a reason", async () => {
    const open = fixture.set(newJob());
    await signIn(page, `${fixture.pageUrl}/jobs/${open.id}`, REVIEWER);
    await page.getByRole("button", { name: "Stop the review" }).click();
    await page.getByLabel("Reason").fill("wrong file");
    await page.getByRole("dialog").getByRole("button", { name: "Stop the review" }).click();
    await page.getByText("If it was already running, its result is ignored").first().waitFor();
    assert.equal(fixture.jobs.get(open.id)?.status, "Cancelled");
  });

  test("rejected files are reported before any upload request", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    const word = Buffer.from("PK\u0003\u0004");
    await upload(
      { name: "a.docx", mimeType: "application/msword", buffer: word },
      pdf("no.pdf", word),
      pdf("empty.pdf", Buffer.alloc(0)),
    );
    await page.locator("input[type=file]").setInputFiles(file("large.pdf", 27_000_000));
    await page.getByText("Not a PDF").nth(1).waitFor();
    await page.getByText("The file is empty").waitFor();
    await page.getByText("Too large: 26 MB").waitFor();
    assert.deepEqual(
      fixture.requests.filter((one) => one.includes("uploads")),
      [],
    );
  });

  test("a PDF that the browser takes for something else is uploaded", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await upload({ name: "download", mimeType: "application/x-download", buffer: PDF });
    await row("download").waitFor();
  });

  test("a file that changes, moves or disappears before it is sent is reported at once and can be chosen again", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    const path = file("moving.pdf", 100_000);
    for (const break_ of [() => writeFileSync(path, "%PDF-1.7 changed"), () => rmSync(path)]) {
      file("moving.pdf", 100_000);
      // The file breaks after it was checked, while the upload is being created.
      await page.route("**/uploads", async (route) => {
        if (route.request().method() === "POST") break_();
        await route.continue();
      });
      await page.locator("input[type=file]").setInputFiles(path);
      await page.getByText("Choose it again").waitFor();
      assert.equal(await page.getByRole("button", { name: "Try to upload" }).count(), 0, "another try cannot help");
      await page.unroute("**/uploads");
      file("moving.pdf", 100_001);
      await page.locator("input[type=file]").setInputFiles(path);
      await page.locator(".upload.received").waitFor();
      assert.equal(await page.locator(".upload").count(), 1, "the file that was chosen again replaces the other");
      await page.getByRole("button", { name: "Clear" }).click();
    }
  });

  test("a multipart upload survives a failed part and a reload without sending a part twice", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByLabel("Pipeline for uploads").selectOption("ocr-batch");
    const path = file("all annexes.pdf", 113 * 1024 * 1024);
    const release = await holdPartsAfter(page, 3);
    fixture.failParts.add(2);
    await page.locator("input[type=file]").setInputFiles(path);
    await page.locator(".upload", { hasText: "all annexes" }).waitFor();
    const parts = (): number[] => [...([...fixture.uploads.values()][0]?.parts.keys() ?? [])];
    await until("three parts were uploaded", () => parts().length === 3 || parts());
    page.on("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await release();
    await page.getByText("One upload was interrupted").waitFor();
    const before = parts();
    fixture.requests.length = 0;
    await page.getByLabel("Pipeline for uploads").selectOption("ocr-batch");
    await page.locator("input[type=file]").setInputFiles(path);
    await row("all annexes").waitFor();
    const sent = fixture.requests
      .filter((one) => one.startsWith("PUT"))
      .map((one) => Number(/part=(\d+)/.exec(one)?.[1]));
    assert.deepEqual(
      sent.filter((part) => before.includes(part)),
      [],
      "uploaded parts are not sent again",
    );
    assert.equal(fixture.requests.filter((one) => one === "POST /uploads").length, 0, "the same upload is resumed");
    assert.equal(await page.getByText("was interrupted").count(), 0);
  });

  test("a batch shows its progress, its documents and the retry of its failures", async () => {
    const about = new Date();
    about.setHours(14, 10, 0, 0);
    for (let number = 0; number < 8; number += 1)
      fixture.set(newJob({ name: `room ${number}.pdf`, batch: "Data room", status: "Ready" }));
    const ready_by = { about: about.getTime(), explanation: "" };
    fixture.set(newJob({ name: "waits.pdf", batch: "Data room", status: "InProgress", ready_by }));
    const failure = { cause: "TimedOut" as const, detail: "too long" };
    const failed = fixture.set(newJob({ name: "broken.pdf", batch: "Data room", status: "Failed", failure }));
    const other = fixture.set(newJob({ name: "other.pdf", status: "Ready" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${failed.id}`, REVIEWER);
    await page.getByRole("link", { name: "Data room" }).click();
    await page.getByText(/8 of 10 ready, 1 failed, the rest by about (14:10|02:10\sPM)/).waitFor();
    await row("broken.pdf").waitFor();
    assert.equal(await row(other.name).count(), 0);
    await page.getByRole("button", { name: "Try the 1 failed one again" }).click();
    await page.getByLabel("Reason").fill("The model was too slow");
    await page.getByRole("button", { name: "Try again", exact: true }).click();
    await page.getByText("8 of 10 ready, 2 open").waitFor();
    await page.goto(fixture.pageUrl);
    await page.getByLabel("Batch for uploads").fill("Second room");
    await upload(pdf("new.pdf"));
    await row("new.pdf").waitFor();
    await page.goto(`${fixture.pageUrl}/?batch=Second+room`);
    await row("new.pdf").waitFor();
    assert.equal(await page.locator(".row").count(), 1);
  });

  test("readers are told when a contract is ready, and support also what that is based on", async () => {
    const at = Date.now() + 600_000;
    const ready_by = {
      earliest: at,
      about: at,
      latest: at,
      explanation: "From its place in the queue and the instances.",
    };
    const job = fixture.set(newJob({ name: "waits.pdf", ready_by }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    const sentence = page.getByText(/^Ready about .*, at the latest/);
    assert.doesNotMatch((await sentence.textContent()) ?? "", /instances/);
    await page.getByLabel(/^Signed in as/).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, SUPPORT);
    assert.match((await sentence.textContent()) ?? "", /From its place in the queue and the instances\.$/);
  });

  test("another tenant's contracts are not visible", async () => {
    const mine = fixture.set(newJob({ name: "secret.pdf", status: "Ready" }));
    await signIn(page, fixture.pageUrl, OTHER);
    await page.getByText("No contracts yet").waitFor();
    fixture.change(mine.id, {});
    fixture.set(newJob({ name: "secret too.pdf" }));
    fixture.set(newJob({ name: "ours.pdf", tenant: "globex" }));
    await row("ours.pdf").waitFor();
    assert.equal(await page.locator(".row").count(), 1);
    await page.goto(`${fixture.pageUrl}/jobs/${mine.id}`);
    await page.getByText("This contract does not exist").waitFor();
    await page.goto(`${fixture.pageUrl}/support`);
    await page.getByText("As reviewer you may not open").waitFor();
  });

  test("names with markup are shown as isolated text", async () => {
    const names = [
      '<img src=x onerror="document.title=1">.pdf',
      "<script>alert(1)</script>.pdf",
      "&lt;b&gt;.pdf",
      "\u202egnp.exe.pdf",
      "عقد.pdf",
    ];
    for (const name of names)
      fixture.set(newJob({ name, status: "Failed", failure: { cause: "InvalidInput", detail: `<b>${name}</b>` } }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    for (const name of names)
      assert.equal(
        await page
          .locator(".row .name", { hasText: name })
          .first()
          .evaluate((at) => at.tagName),
        "BDI",
      );
    assert.equal(await page.locator("main img, main script").count(), 0);
    await row("<script>").locator("a").click();
    await page.locator(".quote", { hasText: "<b><script>alert(1)</script>.pdf</b>" }).first().waitFor();
    await page.goBack();
    await upload(pdf("<i>later.pdf"));
    await row("<i>later.pdf").waitFor();
    assert.equal(await page.locator("main i").count(), 0);
  });
});
