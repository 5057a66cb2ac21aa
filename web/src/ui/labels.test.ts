import assert from "node:assert/strict";
import { test } from "node:test";
import { readySentence } from "./labels";

test("a contract that a pause holds is not ready before the end of the pause", () => {
  const now = Date.UTC(2026, 10, 23, 1, 31);
  const explanation = "A pause holds it; then it waits for its turn.";
  assert.equal(readySentence({ explanation }, now, false), explanation);
  const said = readySentence({ explanation, earliest: now + 7_200_000 }, now, false);
  assert.match(said, /^Not before .*\d.*\. A pause holds it;/);
});
