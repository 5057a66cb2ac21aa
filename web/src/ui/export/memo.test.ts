import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { Packer } from "docx";
import type { JobView } from "../../api/types";
import { understand } from "../result/understand";
import { memoDocument } from "./memo";

/** A file of a ZIP archive, by its entry in the central directory (APPNOTE.TXT, 4.3.12). */
function unzip(archive: Buffer, name: string): string {
  for (let at = archive.indexOf("PK\x01\x02"); at >= 0; at = archive.indexOf("PK\x01\x02", at + 4)) {
    const nameBytes = archive.readUInt16LE(at + 28);
    if (archive.subarray(at + 46, at + 46 + nameBytes).toString() !== name) continue;
    const from = archive.readUInt32LE(at + 42);
    const start = from + 30 + archive.readUInt16LE(from + 26) + archive.readUInt16LE(from + 28);
    const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20));
    return (archive.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed)).toString();
  }
  throw new Error(`no ${name}`);
}

test("a memo has everything of the result, and nothing that Word refuses", async () => {
  const job: JobView = {
    id: "a",
    version: 3,
    status: "Ready",
    pipeline: "p",
    tenant: "acme",
    name: "Lease <& Žižka>.pdf",
    bytes: 1,
    attempt: 1,
    created_at: 0,
    updated_at: 0,
    marks: { revision: 1, note: "ask about § 7" },
  };
  const result = {
    summary: "Two parties.\nTwo years.",
    flags: [
      {
        severity: "high",
        clause: "liability_cap",
        reason: "uncapped\u0000 \ud800",
        page: 3,
        confidence: 0.64,
        remedy: { cap: "1 M" },
      },
    ],
    title: "Lease of the ground floor",
    clauses: [{ type: "term", text: "two years", page: 0, confidence: 0.97, party: "the tenant" }],
    facts: { law: "Norway" },
    extra: [1, { deep: true }],
  };
  const archive = await Packer.toBuffer(memoDocument(job, understand(result)));
  const xml = unzip(archive, "word/document.xml");
  const words = xml.replace(/<[^>]+>/g, " ");
  for (const part of [
    "Lease &lt;&amp; Žižka&gt;",
    "ask about § 7",
    "Two years.",
    "High",
    "page 3",
    "uncapped",
    "1 M",
    "64 %",
    "Lease of the ground floor",
    "whole document",
    "97 %",
    "the tenant",
    "Norway",
  ])
    assert.ok(words.includes(part), part);
  assert.ok(words.includes("Deep: true"), "what is not understood");
  assert.ok(!/\p{Cs}|(?![\t\n\r])\p{Cc}/u.test(xml), "no character that XML forbids");
});
