import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobView } from "../api/types";
import { MAX_CHECKED_JOBS, MAX_KNOWN_JOBS, SyncState } from "./sync";

const job = (number: number, status: string): JobView =>
  ({
    id: `00000000-0000-5000-8000-${String(number).padStart(12, "0")}`,
    version: 9,
    status,
    created_at: number,
  }) as unknown as JobView;
const known = (message: string): [string, number, string][] =>
  (JSON.parse(message) as { known: [string, number, string][] }).known;

test("each known job is checked in turn, and the open ones first", () => {
  const jobs = Array.from({ length: 60 }, (_, number) => job(number, number < 5 ? "InProgress" : "Ready"));
  const state = new SyncState();
  assert.equal(state.message(jobs), '{"action":"sync"}', "without a mark there is nothing to compare with");
  state.answered("m");
  const checked = new Set<string>();
  for (let sync = 0; sync < 8; sync += 1) {
    const first = known(state.message(jobs)).slice(0, MAX_CHECKED_JOBS);
    assert.equal(first.filter(([, , group]) => group === "open").length, 5);
    for (const [id] of first) checked.add(id);
    state.answered("m");
  }
  assert.equal(checked.size, 60);
});

test("a sync whose answer was lost checks the same jobs again", () => {
  const jobs = Array.from({ length: 60 }, (_, number) => job(number, "Ready"));
  const state = new SyncState();
  state.answered("m");
  assert.equal(state.message(jobs), state.message(jobs));
});

test("a message stays below 32 KB however many jobs the page shows", () => {
  const state = new SyncState();
  state.answered("m");
  const message = state.message(Array.from({ length: 5000 }, (_, number) => job(number, "InProgress")));
  assert.ok(message.length < 32 * 1024, String(message.length));
  assert.equal(known(message).length, MAX_KNOWN_JOBS);
});
