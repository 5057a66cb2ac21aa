import assert from "node:assert/strict";
import { test } from "node:test";
import { jobPath, type ListRoute, listPath, parseRoute, webhooksPath } from "./route";

test("a path parses into its route, and building it again gives the same path", () => {
  // JSON leaves out what is undefined.
  const list = (search: string): unknown => JSON.parse(JSON.stringify(parseRoute("/", search)));
  assert.deepEqual(list("?status=failed&q=nda"), { screen: "list", status: "failed", q: "nda" });
  assert.deepEqual(list("?status=nonsense&found=x&reviewed=1&days=-1&sort=x"), { screen: "list" });
  const narrow = "?found=serious&assigned=unassigned&days=7&sort=found&reviewed=no";
  const parsed = { found: "serious", reviewed: false, assigned: "unassigned", days: 7, sort: "found" } as const;
  assert.deepEqual(list(narrow), { screen: "list", ...parsed });
  assert.equal(listPath(parseRoute("/", narrow) as ListRoute), `/${narrow}`);
  assert.deepEqual(parseRoute(jobPath("a/b:c"), ""), { screen: "job", id: "a/b:c" });
  assert.deepEqual(parseRoute("/support/quarantine/uploads%3A1", ""), { screen: "quarantined", id: "uploads:1" });
  assert.equal(webhooksPath("acme"), "/webhooks?tenant=acme");
  assert.deepEqual(parseRoute("/webhooks", "?tenant=acme"), { screen: "webhooks", tenant: "acme" });
  assert.deepEqual(parseRoute("/nowhere", ""), { screen: "unknown" });
  assert.deepEqual(parseRoute("/jobs/%E0%A4%A", ""), { screen: "job", id: "%E0%A4%A" });
  assert.equal(listPath({ status: "open", q: "a&b" }), "/?status=open&q=a%26b");
  assert.equal(listPath({ batch: "2026-05" }), "/?batch=2026-05");
  assert.equal(listPath({}), "/");
});
