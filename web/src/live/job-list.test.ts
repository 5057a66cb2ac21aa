import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobDetail, JobPage, JobQuery, JobView } from "../api/types";
import { LiveJobList } from "./job-list";
import { visibleJobs } from "./merge";
import { JobCache } from "./store";

// The store reads `document.hidden` to schedule rendering.
Object.assign(globalThis, { document: { hidden: true } });

const job = (number: number, some: Partial<JobView> = {}): JobView => ({
  id: `job-${number}`,
  version: 1,
  status: "InProgress",
  pipeline: "legal-review",
  tenant: "acme",
  name: `${number}.pdf`,
  bytes: 1,
  attempt: 1,
  created_at: number,
  updated_at: number,
  ...some,
});

/** A table of jobs, listed newest first. */
class Table {
  jobs = new Map<string, JobView>();
  requests = 0;

  put(...jobs: JobView[]): void {
    for (const one of jobs) this.jobs.set(one.id, one);
  }
  async list(query: JobQuery): Promise<JobPage> {
    this.requests += 1;
    const all = [...this.jobs.values()]
      .filter((one) => query.status === undefined || one.status === "InProgress")
      .sort((a, b) => b.created_at - a.created_at);
    const start = Number(query.cursor ?? 0);
    const end = start + (query.limit ?? 50);
    return { jobs: all.slice(start, end), ...(end < all.length ? { cursor: String(end) } : {}) };
  }
  readonly client = {
    jobs: (query: JobQuery) => this.list(query),
    job: async (id: string): Promise<JobDetail> => {
      const found = this.jobs.get(id);
      if (!found) throw new Error("404");
      return { job: found, explanation: { summary: "", next: [], timeline: [], help: [] }, attempts: [], input: "" };
    },
  };
}

test("pages are loaded one after another until the list is complete", async () => {
  const table = new Table();
  table.put(...Array.from({ length: 250 }, (_, index) => job(index)));
  const store = new JobCache();
  const list = new LiveJobList(table.client, store, { tenant: "acme" });
  await list.loadMore();
  assert.equal(visibleJobs(store.jobs, { tenant: "acme" }, list.horizon).length, 100);
  await list.loadMore();
  await list.loadMore();
  assert.equal(list.state, "complete");
  assert.equal(visibleJobs(store.jobs, { tenant: "acme" }, list.horizon).length, 250);
  await list.loadMore();
  assert.equal(table.requests, 3);
});

test("changes missed while disconnected are shown after a refresh", async () => {
  const table = new Table();
  table.put(...Array.from({ length: 230 }, (_, index) => job(index)));
  const store = new JobCache();
  const list = new LiveJobList(table.client, store, { tenant: "acme" });
  await list.loadMore();
  await list.loadMore();
  // Old and new jobs change, two are added, one is deleted, all without a push.
  for (let number = 30; number < 230; number += 7) table.put(job(number, { status: "Ready", version: 4 }));
  table.put(job(500), job(501, { status: "Failed", version: 2 }));
  table.jobs.delete("job-100");
  await list.refresh();
  const shown = visibleJobs(store.jobs, { tenant: "acme" }, list.horizon);
  assert.ok(shown.length >= 200);
  for (const one of shown) assert.deepEqual(one, table.jobs.get(one.id), one.id);
  assert.equal(store.jobs.has("job-100"), false);
});

test("a job that no longer matches the filter is looked up, not lost", async () => {
  const table = new Table();
  table.put(job(1), job(2), job(3));
  const store = new JobCache();
  const list = new LiveJobList(table.client, store, { tenant: "acme", status: "open" });
  await list.loadMore();
  table.put(job(2, { status: "Ready", version: 5 }));
  await list.refresh();
  assert.equal(store.jobs.get("job-2")?.status, "Ready");
});

test("a push that arrives during a refresh is not overwritten", async () => {
  const table = new Table();
  table.put(job(1));
  const store = new JobCache();
  const list = new LiveJobList(table.client, store, { tenant: "acme" });
  await list.loadMore();
  const reading = list.refresh();
  store.add([job(9, { version: 2 }), job(1, { version: 3, status: "Ready" })], true);
  await reading;
  assert.equal(store.jobs.get("job-9")?.version, 2);
  assert.equal(store.jobs.get("job-1")?.status, "Ready");
});

test("a failed refresh keeps the shown jobs, and a later one updates them", async () => {
  const table = new Table();
  table.put(job(1));
  const store = new JobCache();
  let fails = false;
  const client = {
    ...table.client,
    jobs: (query: JobQuery): Promise<JobPage> => (fails ? Promise.reject(new Error("not reached")) : table.list(query)),
  };
  const list = new LiveJobList(client, store, { tenant: "acme" });
  await list.loadMore();
  fails = true;
  await list.refresh();
  assert.equal(list.state, "complete");
  assert.equal(store.jobs.size, 1);
  fails = false;
  table.put(job(1, { version: 2, status: "Ready" }));
  await list.refresh();
  assert.equal(store.jobs.get("job-1")?.status, "Ready");
});

test("a refresh that is asked for while a page loads ends after the list was read again, and says if that failed", async () => {
  const table = new Table();
  table.put(job(1));
  const store = new JobCache();
  const answers: { answer: (page: JobPage) => void; fail: (error: Error) => void }[] = [];
  const client = {
    ...table.client,
    jobs: (): Promise<JobPage> => new Promise((answer, fail) => answers.push({ answer, fail })),
  };
  const list = new LiveJobList(client, store, { tenant: "acme" });
  const loading = list.loadMore();
  let isOver = false;
  const refreshed = list.refresh().then(() => {
    isOver = true;
  });
  // What was asked for before the refresh may be older than it.
  answers[0]?.answer({ jobs: [job(1)] });
  await loading;
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(answers.length, 2);
  assert.equal(isOver, false);
  answers[1]?.fail(new Error("not reached"));
  await refreshed;
  assert.match(String(list.error), /not reached/);
});
