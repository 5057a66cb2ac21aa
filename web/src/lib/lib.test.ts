import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, errorMessage, NetworkError, parseError } from "../api/errors";
import { readClaims } from "../auth/tokens";
import { isId } from "../ui/ids";
import { parseReview } from "../ui/review";
import { backoff } from "./backoff";
import { formatBytes, formatDuration, formatMoment, humanize, roughDuration, titleCase } from "./format";
import { jobPath, listPath, parseRoute } from "./route";

test("sizes and times are told in two figures and two units at most", () => {
  assert.deepEqual([0, 1023, 1024, 26_214_400, 1_073_741_824, 1_500_000].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.0 KB",
    "25 MB",
    "1.0 GB",
    "1.4 MB",
  ]);
  assert.deepEqual([-5, 8000, 61_000, 600_000, 3_600_000, 7_500_000, 86_400_000, 200_000_000].map(formatDuration), [
    "0 s",
    "8 s",
    "1 min 1 s",
    "10 min",
    "1 h",
    "2 h 5 min",
    "1 day",
    "2 days",
  ]);
  assert.deepEqual([45, 1800, 3600, 28_800, 172_800].map(roughDuration), [
    "45 seconds",
    "30 minutes",
    "1 hour",
    "8 hours",
    "2 days",
  ]);
});

test("a moment is told by how long ago it was", () => {
  const now = new Date(2026, 10, 23, 15, 4).getTime();
  assert.match(formatMoment(new Date(2026, 10, 23, 10, 31).getTime(), now), /^10.31( AM)?$/);
  assert.match(formatMoment(new Date(2026, 10, 22, 10, 31).getTime(), now), /^yesterday 10.31/);
  assert.match(formatMoment(new Date(2026, 10, 3, 10, 31).getTime(), now), /Nov.*10.31/);
  assert.match(formatMoment(new Date(2024, 10, 3, 10, 31).getTime(), now), /2024/);
});

test("words of the service read as words", () => {
  assert.equal(humanize("ModelError"), "model error");
  assert.equal(titleCase("liability_cap"), "Liability cap");
});

test("an address names its screen and comes back the same", () => {
  assert.deepEqual(parseRoute("/", "?status=failed&q=nda"), {
    screen: "list",
    status: "failed",
    q: "nda",
    pipeline: undefined,
    cause: undefined,
  });
  assert.deepEqual(parseRoute("/", "?status=nonsense"), {
    screen: "list",
    status: undefined,
    q: undefined,
    pipeline: undefined,
    cause: undefined,
  });
  assert.deepEqual(parseRoute(jobPath("a/b:c"), ""), { screen: "job", id: "a/b:c" });
  assert.deepEqual(parseRoute("/support/quarantine/uploads%3A1", ""), { screen: "quarantined", id: "uploads:1" });
  assert.deepEqual(parseRoute("/nowhere", ""), { screen: "unknown" });
  assert.deepEqual(parseRoute("/jobs/%E0%A4%A", ""), { screen: "job", id: "%E0%A4%A" });
  assert.equal(listPath({ status: "open", q: "a&b" }), "/?status=open&q=a%26b");
  assert.equal(listPath({}), "/");
});

test("ids are told from the beginnings of names", () => {
  assert.ok(isId("906d03da-3840-5325-9a54-000000000001"));
  assert.ok(isId("906d03da-3840-5325-9a54-000000000001.a2"));
  assert.ok(isId("s3://bucket/inbound/acme/x.pdf"));
  assert.ok(isId("inbound/acme/x.pdf"));
  assert.ok(!isId("NDA 2026"));
  assert.ok(!isId("inbound mail.pdf"));
});

test("backoff has full jitter and a limit", () => {
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

test("a refusal says what the service said, and a foreign one at least what to do", () => {
  const problem = parseError(
    409,
    '{"type":"urn:docket:problem:changed","title":"x","status":409,"detail":"the job has changed"}',
  );
  assert.equal(problem.code, "changed");
  assert.equal(errorMessage(problem), "The job has changed.");
  assert.equal(parseError(401, '{"message":"Unauthorized"}').code, "");
  assert.match(errorMessage(parseError(503, "<html>")), /Try again in a minute/);
  assert.match(errorMessage(parseError(429, "")), /few seconds/);
  assert.match(errorMessage(new NetworkError()), /Check your connection/);
  assert.ok(problem instanceof ApiError);
});

test("an ID token is read, in any script", () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `x.${encode({ sub: "1", email: "zoë@müller.example", exp: 100, iat: 40 })}.y`;
  assert.deepEqual(readClaims(token), {
    subject: "1",
    email: "zoë@müller.example",
    expiresAt: 100_000,
    issuedAt: 40_000,
  });
  assert.throws(() => readClaims(`x.${encode({ sub: "1" })}.y`));
});

test("a review is read with care: worst first, what is new stands out, what is missing breaks nothing", () => {
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
