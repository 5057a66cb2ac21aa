import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, errorMessage, NetworkError, parseError } from "./errors";

test("an API error shows the service's detail, and a gateway error says what to do", () => {
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
  assert.equal(errorMessage(new ApiError(403, "", "nils@acme.example has no role")), "nils@acme.example has no role.");
});
