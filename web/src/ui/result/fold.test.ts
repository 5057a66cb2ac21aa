import assert from "node:assert/strict";
import { test } from "node:test";
import { depthWithin } from "./fold";
import type { Json } from "./json";

test("a small result can be opened to its full depth", () => {
  const json: Json = { a: { b: { c: [1, { d: 2 }] } }, e: 1 };
  const { depth, of } = depthWithin(json);
  assert.equal(depth, of);
  assert.ok(depth >= 4);
});

test("a large result is opened only as deep as the limit allows", () => {
  const wide = (levels: number): Json =>
    levels === 0 ? 1 : Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, wide(levels - 1)]));
  const { depth, of } = depthWithin(wide(3));
  assert.equal(depth, 2);
  assert.ok(of > depth);
});

test("entries beyond the first step do not count, because they are not shown", () => {
  const long: Json = Array.from({ length: 100_000 }, () => ({ a: 1, b: 2 }));
  const { depth, of } = depthWithin(long, 500);
  assert.equal(depth, of);
});

test("a value without parts has no depth", () => {
  assert.deepEqual(depthWithin("text"), { depth: 0, of: 0 });
  assert.deepEqual(depthWithin([]), { depth: 0, of: 0 });
});
