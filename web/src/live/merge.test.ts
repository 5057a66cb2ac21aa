import assert from "node:assert/strict";
import { test } from "node:test";
import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";
import { isResult, matchesFilter, merge, visibleJobs } from "./merge";

const job = (id: string, version: number, some: Partial<JobView> = {}): JobView => ({
  id,
  version,
  status: "InProgress",
  pipeline: "legal-review",
  tenant: "acme",
  name: `${id}.pdf`,
  bytes: 1,
  attempt: 1,
  created_at: 1000,
  updated_at: 1000,
  ...some,
});

test("a push keeps the estimate while the same attempt waits, and a list brings a newer one", () => {
  const estimate = (about: number) => ({ about, earliest: about - 1, latest: about + 1, explanation: "" });
  const of = (...arrivals: JobView[]) => {
    let jobs = merge(new Map(), []).jobs;
    for (const one of arrivals) jobs = merge(jobs, [one]).jobs;
    return jobs.get("a")?.ready_by?.about;
  };
  const listed = job("a", 1, { status: "Submitting", ready_by: estimate(10) });
  assert.equal(of(listed, job("a", 2)), 10);
  assert.equal(of(listed, job("a", 1, { status: "Submitting", ready_by: estimate(20) })), 20);
  assert.equal(of(listed, job("a", 2, { status: "RetryScheduled" })), undefined);
  assert.equal(of(listed, job("a", 2, { attempt: 2 })), undefined);
  assert.equal(of(listed, job("a", 2, { status: "Ready" })), undefined);
  assert.equal(of(job("a", 2), job("a", 1, { ready_by: estimate(10) })), undefined);
});

test("the newest marks win in any order of arrival, whatever the version of the job", () => {
  const marks = (revision: number) => ({ marks: { revision, note: String(revision) } });
  const of = (...arrivals: JobView[]) => {
    let jobs = merge(new Map(), []).jobs;
    for (const one of arrivals) jobs = merge(jobs, [one]).jobs;
    const shown = jobs.get("a");
    return [shown?.version, shown?.marks?.note];
  };
  assert.deepEqual(of(job("a", 2, marks(1)), job("a", 2, marks(2))), [2, "2"]);
  assert.deepEqual(of(job("a", 2, marks(2)), job("a", 2, marks(1))), [2, "2"]);
  assert.deepEqual(of(job("a", 3), job("a", 2, marks(1))), [3, "1"], "an older view with newer marks");
  assert.deepEqual(of(job("a", 2, marks(2)), job("a", 3, marks(1))), [3, "2"], "a newer view with older marks");
  assert.deepEqual(of(job("a", 2, marks(2)), job("a", 3, { status: "Erased" })), [3, undefined]);
});

test("a push without contents keeps the name that is known, and a view with contents replaces one without", () => {
  const hidden = (version: number, some: Partial<JobView> = {}) =>
    job("a", version, { name: "(name hidden)", contents_hidden: true, ...some });
  const of = (...arrivals: JobView[]) => {
    let jobs = merge(new Map(), []).jobs;
    for (const one of arrivals) jobs = merge(jobs, [one]).jobs;
    const shown = jobs.get("a");
    return [shown?.version, shown?.name, shown?.reference, shown?.contents_hidden === true];
  };
  const full = job("a", 1, { reference: "INV-1" });
  assert.deepEqual(of(full, hidden(2)), [2, "a.pdf", "INV-1", false]);
  assert.deepEqual(of(hidden(1), full), [1, "a.pdf", "INV-1", false]);
  assert.deepEqual(of(hidden(1), hidden(2)), [2, "(name hidden)", undefined, true]);
  assert.deepEqual(of(full, hidden(2, { status: "Erased" })), [2, "(name hidden)", undefined, true]);
  const noted = { ...full, marks: { revision: 1, note: "call them" } };
  const pushed = merge(merge(new Map(), [noted]).jobs, [hidden(2, { marks: { revision: 1 } })]).jobs;
  assert.equal(pushed.get("a")?.marks?.note, "call them");
});

test("lists filter by people, review and findings of the newest result", () => {
  const findings = { attempt: 1, serious: 0, other: 2 };
  const reviewed = { attempt: 1, by: "rita", at: 1 };
  const one = job("a", 3, {
    status: "Ready",
    uploaded_by: "carla",
    marks: { revision: 1, findings, reviewed, assigned_to: "rita" },
  });
  const again = { ...one, attempt: 2 };
  const matches = (filter: Parameters<typeof matchesFilter>[0], at = one): boolean => matchesFilter(filter, at);
  assert.deepEqual([matches({ found: "any" }), matches({ found: "any" }, again)], [true, false]);
  assert.deepEqual([matches({ found: "serious" }), matches({ found: "none" })], [false, false]);
  assert.deepEqual([matches({ reviewed: true }), matches({ reviewed: true }, again)], [true, false]);
  assert.equal(matches({ reviewed: false }, job("b", 1)), false, "without a result there is nothing to review");
  assert.deepEqual([matches({ assigned: "rita" }), matches({ assigned: "" })], [true, false]);
  assert.deepEqual([matches({ uploader: "carla" }), matches({ since: 1001 })], [true, false]);
});

test("the highest version of a job wins in any order of arrival", () => {
  const versions = [
    job("a", 1),
    job("a", 2),
    job("a", 3, { status: "Ready" }),
    job("b", 1),
    job("b", 2, { status: "Failed" }),
  ];
  const arrivals = permutations(versions);
  const seen = new Set(
    arrivals.map((arrival) => {
      let jobs = merge(new Map(), []).jobs;
      for (const one of arrival) jobs = merge(jobs, [one]).jobs;
      return JSON.stringify([...jobs.values()].sort((x, y) => (x.id < y.id ? -1 : 1)));
    }),
  );
  assert.equal(arrivals.length, 120);
  assert.deepEqual([...seen], [JSON.stringify([versions[2], versions[4]])]);
});

test("two pages that received the same jobs by push and by snapshot show the same", () => {
  const pushes = [job("a", 2), job("a", 3, { status: "Ready" }), job("b", 4)];
  const snapshot = [job("a", 2), job("b", 4)];
  const one = merge(merge(new Map(), pushes).jobs, snapshot).jobs;
  const other = merge(merge(new Map(), snapshot).jobs, [...pushes].reverse()).jobs;
  assert.deepEqual(visibleJobs(one, {}, 0), visibleJobs(other, {}, 0));
});

test("an older or equal version changes nothing and returns the same map", () => {
  const known = merge(new Map(), [job("a", 3)]).jobs;
  const { jobs, changes } = merge(known, [job("a", 2, { status: "Failed" }), job("a", 3, { status: "Failed" })]);
  assert.equal(jobs, known);
  assert.deepEqual(changes, []);
});

test("several versions of a job in one answer are merged to the highest", () => {
  const { jobs, changes } = merge(new Map(), [job("a", 2), job("a", 5, { status: "Ready" }), job("a", 4)]);
  assert.equal(jobs.get("a")?.version, 5);
  assert.deepEqual(
    changes.map((change) => [change.before?.version, change.after.version]),
    [
      [undefined, 2],
      [2, 5],
    ],
  );
});

test("a change counts as a result if the user waits for it", () => {
  const open = job("a", 1);
  const ready = job("a", 2, { status: "Ready" });
  const failed = job("a", 2, { status: "Failed" });
  assert.equal(isResult({ before: open, after: ready }, false), true);
  assert.equal(isResult({ before: open, after: failed }, false), true);
  assert.equal(isResult({ before: failed, after: { ...ready, version: 3 } }, false), true, "a correction");
  assert.equal(isResult({ before: undefined, after: ready }, true), true, "pushed, so it is new");
  assert.equal(isResult({ before: undefined, after: ready }, false), false, "listed, so it may be old");
  assert.equal(isResult({ before: ready, after: { ...ready, version: 3 } }, true), false);
  assert.equal(isResult({ before: open, after: job("a", 2, { status: "Cancelled" }) }, true), false);
});

test("an unknown status counts as open", () => {
  assert.equal(statusGroup("Thinking" as JobView["status"]), "open");
});

test("visible jobs match the filter, are newest first and not older than the horizon", () => {
  const jobs = merge(new Map(), [
    job("a", 1, { created_at: 1 }),
    job("b", 1, { created_at: 3, status: "Ready" }),
    job("c", 1, { created_at: 2 }),
    job("d", 1, { created_at: 4, tenant: "globex" }),
  ]).jobs;
  const ids = (...args: Parameters<typeof visibleJobs> extends [unknown, ...infer Rest] ? Rest : never): string[] =>
    visibleJobs(jobs, ...args).map((one) => one.id);
  assert.deepEqual(ids({}, 0), ["d", "b", "c", "a"]);
  assert.deepEqual(ids({ tenant: "acme" }, 0), ["b", "c", "a"]);
  assert.deepEqual(ids({ tenant: "acme", status: "open" }, 0), ["c", "a"]);
  assert.deepEqual(ids({}, 3), ["d", "b"]);
});

test("a name is matched by its beginning, ignoring case, as the service does", () => {
  assert.equal(matchesFilter({ q: "NDA" }, job("a", 1, { name: "nda halden.pdf" })), true);
  assert.equal(matchesFilter({ q: "halden" }, job("a", 1, { name: "nda halden.pdf" })), false);
});

function permutations<T>(of: readonly T[]): T[][] {
  if (of.length <= 1) return [[...of]];
  return of.flatMap((one, index) =>
    permutations([...of.slice(0, index), ...of.slice(index + 1)]).map((rest) => [one, ...rest]),
  );
}
