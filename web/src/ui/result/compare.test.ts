import assert from "node:assert/strict";
import { test } from "node:test";
import { compareFindings } from "./compare";
import { type Finding, findingsIn } from "./finding";
import type { Json } from "./json";

function findings(...all: Json[]): Finding[] {
  return findingsIn(all, {}) ?? [];
}

const CAP = { severity: "high", clause: "liability cap", page: 2, reason: "liability is uncapped", confidence: 0.91 };
const TERM = { severity: "low", clause: "term", page: 3, reason: "renews by itself", quote: "shall renew" };

test("equal results have no differences, whatever their order and confidence", () => {
  const found = compareFindings(findings(CAP, TERM), findings(TERM, { ...CAP, confidence: 0.84 }));
  assert.deepEqual([found.added, found.removed, found.changed, found.same], [[], [], [], 2]);
});

test("findings are added, removed and changed", () => {
  const venue = { severity: "medium", clause: "venue", page: 5, reason: "Paris" };
  const found = compareFindings(findings(CAP, TERM), findings({ ...CAP, severity: "medium" }, venue));
  assert.deepEqual(
    found.added.map((one) => one.title),
    ["venue"],
  );
  assert.deepEqual(
    found.removed.map((one) => one.title),
    ["term"],
  );
  assert.deepEqual(
    found.changed.map((one) => one.fields),
    [[{ name: "Level", before: "high", after: "medium" }]],
  );
  assert.equal(found.same, 0);
});

test("a finding is recognized by its quote or its title if its place or its words differ", () => {
  const quoted = { ...TERM, clause: "automatic renewal", page: 4, reason: "extends the term", quote: "shall\n renew" };
  const moved = { ...CAP, page: 7 };
  const found = compareFindings(findings(CAP, TERM), findings(quoted, moved));
  assert.deepEqual([found.added, found.removed], [[], []]);
  const names = found.changed.map((one) => one.fields.map((field) => field.name));
  assert.deepEqual(names.sort(), [["Page"], ["Title", "Text", "Page"]].sort());
});

test("of several findings with the same title each has one partner at most, the one on its page first", () => {
  const at = (page: number, reason: string): Json => ({ clause: "payment", severity: "low", page, reason });
  const found = compareFindings(findings(at(1, "a"), at(2, "b")), findings(at(2, "b, again"), at(1, "a"), at(9, "c")));
  assert.equal(found.same, 1);
  assert.deepEqual(
    found.changed.map((one) => [one.before.page, one.after.page]),
    [[2, 2]],
  );
  assert.deepEqual(
    found.added.map((one) => one.page),
    [9],
  );
});

test("every finding of both results is in exactly one group", () => {
  const many = (seed: number): Finding[] =>
    findings(
      ...Array.from({ length: 40 }, (_, index) => ({
        clause: `c${(index * seed) % 7}`,
        severity: ["high", "low"][(index + seed) % 2] ?? "",
        page: (index * seed) % 5,
        reason: `r${(index * seed) % 11}`,
      })),
    );
  const [before, after] = [many(3), many(8)];
  const { added, removed, changed, same } = compareFindings(before, after);
  assert.equal(removed.length + changed.length + same, before.length);
  assert.equal(added.length + changed.length + same, after.length);
  assert.equal(new Set([...removed, ...changed.map((one) => one.before)]).size, removed.length + changed.length);
});
