import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatDuration, formatExactly, formatMoment, humanize, roughDuration, titleCase } from "./format";

test("sizes have two significant digits and durations at most two units", () => {
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

test("a time is shown as time of day, yesterday, date or year by its age", () => {
  const now = new Date(2026, 10, 23, 15, 4).getTime();
  assert.match(formatMoment(new Date(2026, 10, 23, 10, 31).getTime(), now), /^10.31( AM)?$/);
  assert.match(formatMoment(new Date(2026, 10, 22, 10, 31).getTime(), now), /^yesterday 10.31/);
  assert.match(formatMoment(new Date(2026, 10, 3, 10, 31).getTime(), now), /Nov.*10.31/);
  assert.match(formatMoment(new Date(2024, 10, 3, 10, 31).getTime(), now), /2024/);
});

test("identifiers of the service are shown as words", () => {
  assert.equal(humanize("ModelError"), "model error");
  assert.equal(titleCase("liability_cap"), "Liability cap");
});

test("a tooltip has the time in UTC too, as the command line prints it", () => {
  assert.match(formatExactly(Date.UTC(2026, 10, 23, 10, 31, 5)), /\(2026-11-23 10:31:05Z\)$/);
});
