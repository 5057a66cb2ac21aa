import assert from "node:assert/strict";
import { test } from "node:test";
import { jobPath, listPath, parseRoute } from "./route";

test("a path parses into its route, and building it again gives the same path", () => {
  assert.deepEqual(parseRoute("/", "?status=failed&q=nda"), {
    screen: "list",
    status: "failed",
    q: "nda",
    pipeline: undefined,
    cause: undefined,
    batch: undefined,
  });
  assert.deepEqual(parseRoute("/", "?status=nonsense"), {
    screen: "list",
    status: undefined,
    q: undefined,
    pipeline: undefined,
    cause: undefined,
    batch: undefined,
  });
  assert.deepEqual(parseRoute(jobPath("a/b:c"), ""), { screen: "job", id: "a/b:c" });
  assert.deepEqual(parseRoute("/support/quarantine/uploads%3A1", ""), { screen: "quarantined", id: "uploads:1" });
  assert.deepEqual(parseRoute("/nowhere", ""), { screen: "unknown" });
  assert.deepEqual(parseRoute("/jobs/%E0%A4%A", ""), { screen: "job", id: "%E0%A4%A" });
  assert.equal(listPath({ status: "open", q: "a&b" }), "/?status=open&q=a%26b");
  assert.equal(listPath({ batch: "2026-05" }), "/?batch=2026-05");
  assert.equal(listPath({}), "/");
});
