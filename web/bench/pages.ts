/**
 * The pages of `make bench-pages`: many copies of the page's own code for live updates in one process, each with its own
 * WebSocket, jobs and lists. Standard input has one command per line, standard output one JSON answer per command.
 *
 *   cut     all connections are about to be cut; the three minutes begin
 *   synced  how many pages have had an answer that confirms their state
 *   pushes ["id", …]   which pages got the push that each job, in this order, is ready
 *   report  what became of the syncs since the cut
 */

import { createInterface } from "node:readline";
import { Client } from "../src/api/client";
import type { PushMessage } from "../src/api/types";
import type { Session } from "../src/auth/session";
import { LiveJobList } from "../src/live/job-list";
import { JobCache } from "../src/live/store";
import { LiveUpdates } from "../src/live/updates";
import { Throttle } from "./throttle";

interface Options {
  apiUrl: string;
  token: string;
  tenant: string;
  pages: number;
  /** The time over which the pages are opened. */
  openingMs: number;
}

/** A sync counts as unanswered if it has no answer after its second try. */
const MAX_ANSWER_MS = 20_000;
const MINUTE_MS = 60_000;
const MINUTES = 3;

interface Sync {
  page: number;
  askedAt: number;
  isAnswered: boolean;
}

const options = JSON.parse(process.argv[2] ?? "{}") as Options;
const syncs: Sync[] = [];
/** Pages that have had an answer with a mark. */
const settled = new Set<number>();
/** The pages that got the push that a job is ready, by its id. */
const readyPushes = new Map<string, Set<number>>();
/** Times of requests by the method of the route, and those that were answered with 429. */
const requestTimes: Record<string, number[]> = { GET: [], POST: [] };
let refused = 0;
let failedRequests = 0;
/** What failed since the cut: requests by method and status, and syncs whose connection ended. */
const failures = new Map<string, number>();
/** How long the HTTP API and the syncs took to answer since the cut, in milliseconds. */
const apiTimes: number[] = [];
const syncTimes: number[] = [];
let cutAt = Number.POSITIVE_INFINITY;

function fail(what: string): void {
  failures.set(what, (failures.get(what) ?? 0) + 1);
}

function failRequest(what: string): void {
  failedRequests += 1;
  fail(what);
}

// What the page takes from the browser.
Object.assign(globalThis, {
  document: { hidden: false },
  requestAnimationFrame: (render: () => void) => setTimeout(render, 16),
});
const plainFetch = globalThis.fetch;
globalThis.fetch = async (url, init) => {
  requestTimes[init?.method ?? "GET"]?.push(Date.now());
  const sentAt = Date.now();
  const method = init?.method ?? "GET";
  try {
    const response = await plainFetch(url, init);
    apiTimes.push(Date.now() - sentAt);
    if (response.status === 429) refused += 1;
    if (!response.ok) failRequest(`${method} ${response.status}`);
    return response;
  } catch (error) {
    failRequest(`${method} ${error instanceof Error ? error.name : "error"}`);
    throw error;
  }
};

const tokenExpiresAt = Date.now() + 3_600_000;
const session = { token: async () => options.token, tokenRejected: async () => {}, expiresAt: tokenExpiresAt };

function openPage(page: number): void {
  const { tenant } = options;
  const client = new Client(options.apiUrl, session as unknown as Session);
  const store = new JobCache();
  const lists = [
    new LiveJobList(client, store, { tenant, status: "open" }),
    new LiveJobList(client, store, { tenant }),
  ];
  // The list that the page shows first loads by itself.
  void lists[1]?.loadMore();
  const live = new LiveUpdates({
    requestTicket: async () => ({ url: (await client.createTicket(tenant)).url, tokenExpiresAt }),
    connect: (url) => watch(page, new WebSocket(url)),
    jobs: () => store.jobs.values(),
    storeJobs: (jobs, pushed) => store.add(jobs, pushed),
    refreshLists: async () => {
      await Promise.all(lists.map((list) => list.refresh()));
      const broken = lists.find((list) => list.error !== undefined);
      if (broken) throw broken.error;
    },
    isOnline: () => true,
    isHidden: () => false,
    random: Math.random,
  });
  live.start();
}

/** Records what is asked and answered on a connection. A repeated question is the same sync. */
function watch(page: number, socket: WebSocket): WebSocket {
  let pending: Sync | undefined;
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    if (!pending) {
      pending = { page, askedAt: Date.now(), isAnswered: false };
      syncs.push(pending);
    }
    send(data);
  };
  socket.addEventListener("close", (event) => {
    if (pending && !pending.isAnswered) fail(`SYNC closed with ${event.code}`);
  });
  socket.addEventListener("message", (event) => {
    const frame = JSON.parse(String(event.data)) as PushMessage;
    if (frame.type === "error") fail(`SYNC ${frame.message}`);
    if (frame.type === "snapshot") {
      if (pending) syncTimes.push(Date.now() - pending.askedAt);
      if (pending && Date.now() - pending.askedAt <= MAX_ANSWER_MS) pending.isAnswered = true;
      pending = undefined;
      if (frame.mark !== undefined) settled.add(page);
    } else if (frame.type === "job.changed" && frame.job.status === "Ready") {
      const reached = readyPushes.get(frame.job.id) ?? new Set();
      readyPushes.set(frame.job.id, reached.add(page));
    }
  });
  return socket;
}

/** Where time went and what failed since the cut. */
function details(): object {
  const percentiles = (times: number[]): object => {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share: number): number | undefined => sorted[Math.floor(share * (sorted.length - 1))];
    return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
  };
  const silent = Array.from({ length: MINUTES }, (_, minute) => {
    const from = cutAt + minute * MINUTE_MS;
    const asked = syncs.filter((sync) => sync.askedAt >= from && sync.askedAt < from + MINUTE_MS);
    return options.pages - new Set(asked.map((sync) => sync.page)).size;
  });
  return {
    pagesThatDidNotAsk: silent,
    apiMs: percentiles(apiTimes),
    syncMs: percentiles(syncTimes),
    failures: Object.fromEntries(failures),
  };
}

/** The share of syncs that were answered, by minute since the cut. A page that asked nothing counts as one unanswered. */
function answered(): number[] {
  return Array.from({ length: MINUTES }, (_, minute) => {
    const from = cutAt + minute * MINUTE_MS;
    const asked = syncs.filter((sync) => sync.askedAt >= from && sync.askedAt < from + MINUTE_MS);
    const silent = options.pages - new Set(asked.map((sync) => sync.page)).size;
    const share = asked.filter((sync) => sync.isAnswered).length / (asked.length + silent);
    return Math.floor(share * 10_000) / 10_000;
  });
}

/** The requests since the cut that API Gateway would have refused, and this stack did not. */
function throttled(): number {
  return Object.values(requestTimes)
    .map((times) => new Throttle().refused(times.filter((at) => at >= cutAt)))
    .reduce((sum, one) => sum + one, 0);
}

/** How many pages each job's push did not reach, and how many pages two jobs in a row did not. */
function missed(jobs: string[]): { missed: number[]; twice: number } {
  const without = jobs.map((job) => {
    const reached = readyPushes.get(job) ?? new Set();
    return new Set(Array.from({ length: options.pages }, (_, page) => page).filter((page) => !reached.has(page)));
  });
  const twice = new Set(without.slice(1).flatMap((pages, at) => [...pages].filter((page) => without[at]?.has(page))));
  return { missed: without.map((pages) => pages.size), twice: twice.size };
}

function answer(command: string, argument: string): object {
  switch (command) {
    case "cut":
      cutAt = Date.now();
      refused = 0;
      failedRequests = 0;
      failures.clear();
      apiTimes.length = 0;
      syncTimes.length = 0;
      return {};
    case "synced":
      return { pages: settled.size };
    case "pushes":
      return missed(JSON.parse(argument) as string[]);
    case "report":
      process.stderr.write(`${JSON.stringify(details())}\n`);
      return { answered: answered(), refused: refused + throttled(), failedRequests };
    default:
      throw new Error(`there is no command ${command}`);
  }
}

for (let page = 0; page < options.pages; page += 1) {
  setTimeout(() => openPage(page), (options.openingMs * page) / options.pages);
}
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [command = "", argument = ""] = line.split(/ (.*)/, 2);
    process.stdout.write(`${JSON.stringify(answer(command, argument))}\n`);
  })
  .on("close", () => process.exit());
