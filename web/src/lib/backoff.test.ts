import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "./backoff";

test("backoff has full jitter and a maximum", () => {
  assert.equal(
    backoff(0, 500, 30_000, () => 1),
    500,
  );
  assert.equal(
    backoff(50, 500, 30_000, () => 1),
    30_000,
  );
  assert.equal(
    backoff(5, 500, 30_000, () => 0),
    0,
  );
});
