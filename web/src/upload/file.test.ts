import assert from "node:assert/strict";
import { test } from "node:test";
import type { PipelineView } from "../api/types";
import { fingerprint, mediaType, missingParts, partRange, rejectionReason, shortName } from "./file";

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

test("a file that the pipeline rejects is refused before upload, with the reason", () => {
  assert.equal(rejectionReason(file(), pipeline), undefined);
  assert.equal(rejectionReason(file({ size: 26_214_400 }), pipeline), undefined);
  assert.equal(
    rejectionReason(file({ size: 26_214_401 }), pipeline),
    "Too large: 25 MB. legal-review accepts at most 25 MB.",
  );
  assert.equal(rejectionReason(file({ size: 0 }), pipeline), "The file is empty.");
  assert.match(rejectionReason(file({ type: "image/png", name: "a.png" }), pipeline) ?? "", /Not a PDF/);
});

test("a missing media type is derived from the file extension", () => {
  assert.equal(mediaType(file({ type: "", name: "SCAN.PDF" }), pipeline), "application/pdf");
  assert.equal(mediaType(file({ type: "", name: "scan" }), pipeline), undefined);
  assert.equal(mediaType(file({ type: "text/html", name: "scan.pdf" }), pipeline), undefined);
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
