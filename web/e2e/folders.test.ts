/** Uploads of folders, and without a network. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { signIn } from "./browser";
import { context, fixture, PDF, page, pdf, REVIEWER, row, SKIP_REASON, setUp, upload } from "./harness";

describe("folders and offline", { skip: SKIP_REASON }, () => {
  setUp();

  test("a folder is uploaded with its subfolders, and each file that is refused is named", async () => {
    const folder = mkdtempSync(join(tmpdir(), "docket-room-"));
    mkdirSync(join(folder, "deep"));
    for (const name of ["Lease.pdf", "deep/NDA.pdf", ".hidden.pdf"]) writeFileSync(join(folder, name), PDF);
    writeFileSync(join(folder, "notes.txt"), "text");
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "or a folder" }).click(),
    ]);
    await chooser.setFiles(folder);
    await row("Lease.pdf").waitFor();
    await row("NDA.pdf").waitFor();
    await page.locator(".upload.refused", { hasText: "notes.txt" }).getByText("Not a PDF").waitFor();
    await page.locator(".upload.refused", { hasText: ".hidden.pdf" }).getByText("Hidden, so it was left out").waitFor();
    assert.equal(fixture.uploads.size, 2);
    rmSync(folder, { recursive: true });
  });

  test("files that are added without a network are uploaded when it is back", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    await context.setOffline(true);
    await upload(pdf("Lease.pdf"));
    await page.locator(".upload", { hasText: "Lease.pdf" }).getByText("Queued until the network is back").waitFor();
    assert.equal(fixture.uploads.size, 0);
    await context.setOffline(false);
    await page.locator(".upload.received", { hasText: "Lease.pdf" }).waitFor();
  });
});
