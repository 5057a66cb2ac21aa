import assert from "node:assert/strict";
import { test } from "node:test";
import { isSearchable } from "./ids";

test("three letters or digits in a row can be searched", () => {
  for (const text of ["NDA 2026", "906d03da", "s3://bucket/k", "é́té", "契約", "a 123"])
    assert.ok(isSearchable(text), text);
  for (const text of ["", "ab", "a-b c", "-- 12"]) assert.ok(!isSearchable(text), text);
});
