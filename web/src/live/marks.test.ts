import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobView } from "../api/types";
import { comparison, foundWords, isNewTo } from "./marks";

const DAY = 86_400_000;

function ready(some: Partial<JobView> = {}): JobView {
  return {
    id: "a",
    version: 3,
    status: "Ready",
    pipeline: "p",
    tenant: "acme",
    name: "a.pdf",
    bytes: 1,
    attempt: 1,
    created_at: 0,
    updated_at: 0,
    ...some,
  };
}

const counted = (serious: number, other: number, attempt = 1): JobView =>
  ready({ name: `${serious}.${other}`, marks: { revision: 1, findings: { attempt, serious, other } } });
const unclear = (serious: number, other: number, unclear_findings: number): JobView => {
  const job = counted(serious, other);
  return {
    ...job,
    name: `${serious}.${other}.${unclear_findings}`,
    marks: { revision: 1, ...job.marks, unclear_findings },
  };
};

test("a result is new for two weeks, until this reader opens it", () => {
  const opened = (attempt: number, ...by: string[]) => ready({ marks: { revision: 1, opened: { attempt, by } } });
  assert.equal(isNewTo("me", ready(), DAY), true);
  assert.equal(isNewTo("me", ready(), 15 * DAY), false);
  assert.equal(isNewTo("me", ready({ status: "InProgress" }), DAY), false);
  assert.equal(isNewTo("me", opened(1, "you", "me"), DAY), false);
  assert.equal(isNewTo("me", opened(1, "you"), DAY), true);
  assert.equal(isNewTo("me", { ...opened(1, "me"), attempt: 2 }, DAY), true, "a newer result");
});

test("what was found is said in words, and nothing about what was not counted", () => {
  const words = [counted(3, 8), counted(1, 0), counted(0, 8), counted(0, 1), counted(0, 0), ready(), counted(3, 8, 2)];
  const expected = ["3 serious, 8 more", "1 serious", "8 findings", "1 finding", "No findings", "", ""];
  assert.deepEqual(words.map(foundWords), expected);
  const notUnderstood = [unclear(0, 2, 2), unclear(0, 3, 2), unclear(1, 3, 2)].map(foundWords);
  assert.deepEqual(notUnderstood, [
    "2 of unclear level",
    "2 of unclear level, 1 more",
    "1 serious, 2 of unclear level, 1 more",
  ]);
});

test("the most serious results are first, and what was not counted last", () => {
  const jobs = [ready({ name: "?" }), counted(0, 0), counted(1, 0), counted(0, 9), unclear(0, 1, 1), counted(1, 5)];
  const names = jobs.sort(comparison("found")).map((job) => job.name);
  assert.deepEqual(names, ["1.5", "1.0", "0.1.1", "0.9", "0.0", "?"]);
});
