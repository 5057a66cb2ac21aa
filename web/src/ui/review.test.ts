import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReview } from "./review";

test("a review is parsed with findings by severity, unknown severities as high, and missing fields tolerated", () => {
  const found = parseReview({
    clauses: [{ type: "term", page: 2, text: "x", title: "T", confidence: 0.6 }, "nonsense", { type: "odd" }],
    flags: [
      { severity: "low", clause: "a", page: 0, reason: "l" },
      { severity: "catastrophic", clause: "b", page: 1, reason: "c" },
      null,
    ],
    facts: { parties: [{ name: "A", role: "Supplier" }, { name: "B" }], term: "", amounts: ["EUR 1"] },
  });
  assert.deepEqual(
    found?.flags.map((flag) => flag.severity),
    ["high", "low"],
  );
  assert.equal(found?.clauses.length, 2);
  assert.deepEqual(found?.facts, [
    ["Parties", ["A (Supplier)", "B"]],
    ["Amounts", ["EUR 1"]],
  ]);
  for (const other of [null, 1, "x", [], {}, { clauses: 1, flags: [] }]) assert.equal(parseReview(other), undefined);
});
