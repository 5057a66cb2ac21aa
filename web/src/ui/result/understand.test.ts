import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ResultPaths } from "../../api/types";
import type { Finding } from "./finding";
import { type Json, parseJson } from "./json";
import { understand } from "./understand";

interface Case {
  name: string;
  paths?: ResultPaths;
  result: Json;
  understood: object;
}

/** The CLI is tested with the same file. */
const CASES = JSON.parse(readFileSync("../tests/results/cases.json", "utf8")) as Case[];

test("results are understood as the CLI does, and nothing of them is dropped", () => {
  assert.ok(CASES.length > 10);
  for (const { name, paths, result, understood } of CASES) {
    const found = understand(result, paths);
    const finding = (one: Finding): object =>
      given({
        rank: one.rank,
        level: one.level,
        title: one.title,
        text: one.text,
        quote: one.quote,
        page: one.page,
        box: one.box && [one.box.left, one.box.top, one.box.right, one.box.bottom],
        rest: one.rest.length > 0 ? Object.fromEntries(one.rest) : undefined,
      });
    const all = given({
      title: found.title,
      summary: found.summary,
      clauses: found.clauses.length || undefined,
      findings: found.findings?.map(finding),
      rest: found.rest,
      other_schema: found.otherSchema,
    });
    assert.deepEqual(all, understood, name);
  }
});

function given(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""));
}

test("long integers keep their digits where the engine shows them", () => {
  assert.deepEqual(parseJson('{"a":[1,12.5,"1234567890123456789"]}'), { a: [1, 12.5, "1234567890123456789"] });
  const [found] = parseJson("[12345678901234567890]") as Json[];
  // Node before 21 does not tell the source of a number.
  const showsSource = typeof (JSON as { rawJSON?: unknown }).rawJSON === "function";
  assert.equal(found, showsSource ? "12345678901234567890" : Number("12345678901234567890"));
});
