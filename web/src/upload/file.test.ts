import assert from "node:assert/strict";
import { test } from "node:test";
import type { PipelineView } from "../api/types";
import {
  checkReadable,
  checkUnchanged,
  FileUnreadable,
  fingerprint,
  firstBytes,
  mediaType,
  missingParts,
  partRange,
  rejectionReason,
  sha256,
  shortName,
} from "./file";

const pipeline: PipelineView = {
  name: "legal-review",
  content_types: ["application/pdf"],
  max_bytes: 26_214_400,
  result_type: "application/json",
  slo_seconds: 28_800,
  typical_run_seconds: 45,
};
const file = (some: object = {}): { name: string; size: number; type: string; lastModified: number } => ({
  name: "a.pdf",
  size: 1000,
  type: "application/pdf",
  lastModified: 1,
  ...some,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const PDF = bytes("%PDF-1.7\n");
const OTHER = bytes("<!doctype html>");

test("a file that the pipeline rejects is refused before upload, with the reason", () => {
  assert.equal(rejectionReason(file(), PDF, pipeline), undefined);
  assert.equal(rejectionReason(file({ size: 26_214_400 }), PDF, pipeline), undefined);
  assert.equal(
    rejectionReason(file({ size: 26_214_401 }), PDF, pipeline),
    "Too large: 25 MB. legal-review accepts at most 25 MB.",
  );
  assert.match(
    rejectionReason(file({ size: 26_214_401 }), PDF, { ...pipeline, display_name: "Contract review" }) ?? "",
    /Contract review accepts at most 25 MB/,
  );
  assert.equal(rejectionReason(file({ size: 0 }), OTHER, pipeline), "The file is empty.");
  assert.match(rejectionReason(file({ type: "image/png", name: "a.png" }), OTHER, pipeline) ?? "", /Not a PDF/);
});

test("the first bytes decide whether a file is a PDF, whatever the browser says", () => {
  for (const type of ["application/pdf", "application/x-download", "text/html", "application/x-pdf", ""])
    for (const name of ["a.pdf", "a.PDF", "a.html", "scan"]) {
      assert.equal(mediaType(file({ type, name }), PDF, pipeline), "application/pdf", type);
      assert.equal(mediaType(file({ type, name }), OTHER, pipeline), undefined, type);
    }
  const padded = bytes(`${" ".repeat(1019)}%PDF-`);
  assert.equal(mediaType(file(), padded, pipeline), "application/pdf", "the header may follow other bytes");
  assert.equal(
    mediaType(file(), bytes(`${" ".repeat(1020)}%PDF-`), pipeline),
    undefined,
    "the service reads no further",
  );
});

test("the media type of other files is the browser's, or derived from the file extension", () => {
  const pictures = { ...pipeline, content_types: ["image/png", "application/pdf"] };
  assert.equal(mediaType(file({ type: "image/png", name: "a" }), OTHER, pictures), "image/png");
  assert.equal(mediaType(file({ type: "", name: "SCAN.PNG" }), OTHER, pictures), "image/png");
  assert.equal(mediaType(file({ type: "", name: "scan" }), OTHER, pictures), undefined);
  assert.equal(mediaType(file({ type: "text/html", name: "scan.png" }), OTHER, pictures), undefined);
  assert.equal(mediaType(file({ type: "image/png", name: "a.png" }), PDF, pictures), "application/pdf");
});

test("a file that can no longer be read, or has become shorter, is noticed", async () => {
  const whole = new Blob(["%PDF-1.7 and more"]);
  await checkReadable(whole);
  assert.equal(new TextDecoder().decode((await firstBytes(whole)).subarray(0, 5)), "%PDF-");
  const slice = (part: () => Promise<ArrayBuffer>): Blob =>
    ({ size: 17, slice: (from: number, to = 17) => ({ size: to - from, arrayBuffer: part }) }) as unknown as Blob;
  const deleted = slice(() => Promise.reject(new DOMException("gone", "NotReadableError")));
  const shorter = slice(async () => new ArrayBuffer(0));
  for (const broken of [deleted, shorter]) {
    await assert.rejects(checkReadable(broken), FileUnreadable);
    await assert.rejects(firstBytes(broken), FileUnreadable);
  }
});

test("a file that takes too long to be read is not said to be changed", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const part = { size: 1, arrayBuffer: () => new Promise<ArrayBuffer>(() => undefined) };
  const slow = { size: 17, slice: () => part } as unknown as Blob;
  const reading = firstBytes(slow);
  context.mock.timers.tick(30_000);
  await assert.rejects(reading, (error) => error instanceof FileUnreadable && /cloud folder/.test(error.message));
});

test("a file that was changed while it was sent is noticed, whatever its length", async () => {
  const hash = await sha256(new Blob(["%PDF-1.7 one"]));
  await checkUnchanged(new Blob(["%PDF-1.7 one"]), hash);
  await assert.rejects(checkUnchanged(new Blob(["%PDF-1.7 two"]), hash), FileUnreadable);
  // A large file has no hash.
  await checkUnchanged(new Blob(["%PDF-1.7 two"]), undefined);
});

test("parts cover each byte of the file exactly once", () => {
  for (const size of [1, 16, 17, 160, 161]) {
    const parts = Math.ceil(size / 16);
    let at = 0;
    for (let part = 1; part <= parts; part += 1) {
      const [start, end] = partRange(part, 16, size);
      assert.equal(start, at);
      assert.ok(end > start);
      at = end;
    }
    assert.equal(at, size);
  }
});

test("only parts that are not uploaded yet are sent", () => {
  assert.deepEqual(missingParts(5, [2, 5]), [1, 3, 4]);
  assert.deepEqual(missingParts(2, [2, 1]), []);
});

test("a long name is shortened in the middle, keeps its extension and splits no character", () => {
  const name = `${"😀".repeat(300)}.pdf`;
  const short = shortName(name);
  assert.ok([...short].length <= 200 && new TextEncoder().encode(short).length <= 500);
  assert.equal([...shortName(`${"a".repeat(300)}.pdf`)].length, 200);
  assert.equal(shortName("a/b\u0007.pdf"), "a_b_.pdf");
  assert.ok(short.endsWith(".pdf"));
  assert.ok(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(short));
  assert.equal(shortName("a.pdf"), "a.pdf");
});

test("the same file for another pipeline or tenant is another upload", () => {
  const marks = [
    fingerprint(file(), "a", "t"),
    fingerprint(file(), "b", "t"),
    fingerprint(file(), "a", "u"),
    fingerprint(file({ lastModified: 2 }), "a", "t"),
  ];
  assert.equal(new Set(marks).size, 4);
});
