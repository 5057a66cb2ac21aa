import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "./throttle";

const evenly = (count: number, ms: number): number[] => Array.from({ length: count }, (_, at) => (at * ms) / count);

test("a burst and a steady rate are served, and what exceeds both is refused", () => {
  const throttle = new Throttle(100, 200);
  assert.equal(throttle.refused(evenly(200, 1)), 0, "a burst");
  assert.equal(throttle.refused(evenly(1000, 10_000)), 0, "a steady rate");
  const refused = throttle.refused(evenly(2000, 10_000));
  assert.ok(Math.abs(refused - 800) <= 1, `1,000 and the burst are served, ${refused} are not`);
  assert.equal(throttle.refused([]), 0);
});
