import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { JobView } from "../api/types";
import { ANSWER_TIMEOUT_MS, type Socket, SYNC_INTERVAL_MS } from "./connection";
import { LiveUpdates } from "./updates";

/** A socket that the test controls. */
class FakeSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  sent: string[] = [];
  closed = false;

  send(data: string): void {
    this.sent.push(data);
  }
  close(): void {
    this.closed = true;
  }
  open(): void {
    this.onopen?.call(this as unknown as WebSocket, new Event("open"));
  }
  receive(frame: unknown): void {
    this.onmessage?.call(this as unknown as WebSocket, { data: JSON.stringify(frame) } as MessageEvent);
  }
  disconnect(): void {
    this.onclose?.call(this as unknown as WebSocket, {} as CloseEvent);
  }
  snapshot(more = false, jobs: JobView[] = [], mark = "m"): void {
    this.receive({ type: "snapshot", jobs, more, mark });
  }
}

class TestEnvironment {
  sockets: FakeSocket[] = [];
  tickets = 0;
  refreshes = 0;
  stored: [string, boolean][] = [];
  online = true;
  hidden = false;
  tokenExpiresAt = Number.POSITIVE_INFINITY;
  refusesTickets = false;
  refusesRefreshes = false;
  random = (): number => 1;
  jobs: JobView[] = [];
  readonly live = new LiveUpdates({
    requestTicket: async () => {
      this.tickets += 1;
      if (this.refusesTickets) throw new Error("not reached");
      return { url: "ws://fixture", tokenExpiresAt: this.tokenExpiresAt };
    },
    connect: () => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      return socket;
    },
    jobs: () => this.jobs,
    storeJobs: (jobs, pushed) => this.stored.push(...jobs.map((job): [string, boolean] => [job.id, pushed])),
    refreshLists: async () => {
      this.refreshes += 1;
      if (this.refusesRefreshes) throw new Error("not reached");
    },
    isOnline: () => this.online,
    isHidden: () => this.hidden,
    random: () => this.random(),
  });

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    assert.ok(socket, "there is a socket");
    return socket;
  }
  get status(): string {
    return this.live.status.kind;
  }
}

const flushPromises = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};
/** Advances the time in steps of at most a second, as on a machine that is awake: no timer is late. */
const advance = async (ms: number): Promise<void> => {
  for (let left = ms; left > 0; left -= 1000) {
    mock.timers.tick(Math.min(left, 1000));
    await flushPromises();
  }
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_700_000_000_000 });
});

async function connected(env = new TestEnvironment()): Promise<TestEnvironment> {
  env.live.start();
  await flushPromises();
  env.last.open();
  env.last.snapshot();
  await flushPromises();
  return env;
}

test("a new connection requests a snapshot and is live after the answer", async () => {
  const env = new TestEnvironment();
  assert.equal(env.status, "connecting");
  env.live.start();
  await flushPromises();
  env.last.open();
  assert.deepEqual(env.last.sent, ['{"action":"sync"}']);
  assert.equal(env.status, "connecting", "an open socket is not live yet");
  env.last.snapshot();
  assert.equal(env.status, "live");
  assert.equal(env.refreshes, 1, "lists are refreshed after the first connect");
  env.live.stop();
});

test("a snapshot is requested every minute, and an incomplete one refreshes the lists", async () => {
  const env = await connected();
  for (let minute = 2; minute <= 4; minute += 1) {
    await advance(SYNC_INTERVAL_MS);
    assert.equal(env.last.sent.length, minute);
    env.last.snapshot(minute === 4);
    await flushPromises();
  }
  assert.equal(env.refreshes, 2);
  env.live.stop();
});

test("a connection that does not answer in time is not live", async () => {
  const env = await connected();
  const until = env.live.status.kind === "live" ? env.live.status.asOf : 0;
  await advance(SYNC_INTERVAL_MS + ANSWER_TIMEOUT_MS + 100);
  assert.equal(env.last.sent.length, 3, "it asks once more");
  assert.equal(env.status, "live");
  await advance(ANSWER_TIMEOUT_MS);
  assert.equal(env.status, "reconnecting");
  assert.deepEqual(
    env.live.status,
    { kind: "reconnecting", asOf: until },
    "the status has the time of the last update",
  );
  assert.equal(env.sockets[0]?.closed, true);
  env.live.stop();
});

test("a socket that never opens is replaced after the timeout", async () => {
  const env = new TestEnvironment();
  env.live.start();
  await flushPromises();
  await advance(ANSWER_TIMEOUT_MS + 6000);
  assert.equal(env.sockets.length, 2);
  env.live.stop();
});

test("reconnects back off with full jitter up to a minute", async () => {
  const env = new TestEnvironment();
  env.refusesTickets = true;
  const delays: number[] = [];
  env.live.start();
  await flushPromises();
  for (let tries = 1; tries <= 5; tries += 1) {
    const before = env.tickets;
    let waited = 0;
    while (env.tickets === before) {
      mock.timers.tick(100);
      waited += 100;
      await flushPromises();
    }
    delays.push(waited);
  }
  assert.deepEqual(delays, [5000, 10_000, 20_000, 40_000, 60_000]);
  env.random = () => 0;
  await advance(61_000);
  const before = env.tickets;
  await advance(1000);
  assert.ok(env.tickets > before, "the jitter includes no delay at all");
  env.live.stop();
});

test("pages that lose their connections together reconnect over 45 seconds, and one that is refused tries again soon", async () => {
  const reconnectedAfter: number[] = [];
  for (const random of [0, 0.5, 1]) {
    const env = await connected();
    env.random = () => random;
    env.refusesTickets = true;
    const before = env.tickets;
    env.last.disconnect();
    let waited = 0;
    for (; env.tickets === before; waited += 1) await advance(1000);
    reconnectedAfter.push(waited);
    env.refusesTickets = false;
    await advance(5000);
    assert.equal(env.tickets, before + 2);
    env.live.stop();
  }
  assert.deepEqual(reconnectedAfter, [1, 23, 45]);
});

test("after a sleep the page is live only after a new snapshot", async () => {
  const env = await connected();
  await advance(20_000);
  const { sent } = env.last;
  const asked = sent.length;
  // An hour without timers, as during a sleep.
  mock.timers.setTime(Date.now() + 3_600_000);
  mock.timers.tick(5000);
  await flushPromises();
  assert.notEqual(env.status, "live");
  assert.ok(sent.length > asked || env.sockets.length > 1, "it requests a snapshot at once");
  await advance(5000);
  env.last.open();
  env.last.snapshot();
  assert.equal(env.status, "live");
  env.live.stop();
});

test("a connection is replaced before two hours and stays live throughout", async () => {
  const env = await connected();
  const [first] = env.sockets;
  const statuses = new Set<string>();
  env.live.subscribe(() => statuses.add(env.status));
  for (let minute = 0; minute < 119 && env.sockets.length === 1; minute += 1) {
    await advance(60_000);
    first?.snapshot();
  }
  assert.equal(env.sockets.length, 2);
  assert.equal(first?.closed, false, "the old connection stays until the new one has answered");
  env.last.open();
  env.last.snapshot();
  assert.equal(first?.closed, true);
  assert.deepEqual([...statuses], ["live"]);
  env.live.stop();
});

test("a connection is replaced before its ID token expires", async () => {
  const env = new TestEnvironment();
  env.tokenExpiresAt = Date.now() + 10 * 60_000;
  await connected(env);
  let minutes = 0;
  for (; env.tickets === 1; minutes += 1) {
    await advance(60_000);
    env.sockets[0]?.snapshot();
  }
  assert.equal(minutes, 8);
  assert.equal(env.sockets[0]?.closed, false);
  env.live.stop();
});

test("an error message closes the connection and opens another", async () => {
  const env = await connected();
  env.last.receive({ type: "error", message: "connect again" });
  assert.equal(env.status, "reconnecting");
  await advance(45_000);
  assert.equal(env.sockets.length, 2);
  env.live.stop();
});

test("without a network the status is offline, and it reconnects at once when back online", async () => {
  const env = await connected();
  env.online = false;
  env.live.offline();
  assert.equal(env.status, "offline");
  env.last.disconnect();
  assert.equal(env.status, "offline");
  await advance(40_000);
  env.online = true;
  const before = env.tickets;
  env.live.resume(true);
  await flushPromises();
  assert.equal(env.tickets, before + 1, "it does not wait for the backoff");
  env.live.stop();
});

test("without a connection the lists are refreshed every minute, and the status has their time", async () => {
  const env = new TestEnvironment();
  env.refusesTickets = true;
  env.live.start();
  await advance(SYNC_INTERVAL_MS + 6000);
  assert.equal(env.refreshes, 1);
  assert.equal(env.live.status.kind, "reconnecting");
  assert.ok(env.live.status.kind === "reconnecting" && env.live.status.asOf !== undefined);
  env.live.stop();
});

test("pages that lose their connections together do not refresh their lists together", async () => {
  const refreshedAfter: number[] = [];
  for (const random of [0, 0.5, 1]) {
    const env = await connected();
    env.random = () => random;
    for (let minute = 0; minute < 3; minute += 1) {
      await advance(SYNC_INTERVAL_MS);
      env.last.snapshot();
    }
    const before = env.refreshes;
    env.refusesTickets = true;
    env.last.disconnect();
    let seconds = 0;
    for (; env.refreshes === before; seconds += 1) await advance(1000);
    refreshedAfter.push(seconds);
    env.live.stop();
  }
  assert.ok(Math.min(...refreshedAfter) >= 30, `the last snapshot is recent: ${refreshedAfter}`);
  assert.ok(Math.max(...refreshedAfter) <= 65, `about as often as a connection would sync: ${refreshedAfter}`);
  assert.ok(Math.max(...refreshedAfter) - Math.min(...refreshedAfter) >= 25, `spread: ${refreshedAfter}`);
});

test("after an incomplete snapshot the page is live only after the lists are refreshed", async () => {
  const env = new TestEnvironment();
  env.refusesRefreshes = true;
  env.live.start();
  await flushPromises();
  env.last.open();
  env.last.snapshot(true);
  await flushPromises();
  assert.notEqual(env.status, "live");
  env.last.receive({ type: "job.changed", job: { id: "a" } });
  assert.notEqual(env.status, "live", "a push does not complete the snapshot");
  env.refusesRefreshes = false;
  await advance(15_000);
  assert.equal(env.status, "live");
  env.refusesRefreshes = true;
  await advance(SYNC_INTERVAL_MS);
  env.last.snapshot(true);
  await flushPromises();
  assert.equal(env.status, "reconnecting");
  env.live.stop();
});

test("pushes are distinguished from snapshots, and unknown messages are ignored", async () => {
  const env = await connected();
  env.last.receive({ type: "job.changed", job: { id: "a" } });
  env.last.receive({ message: "Internal server error", connectionId: "x", requestId: "y" });
  env.last.receive(null);
  env.last.snapshot(false, [{ id: "b" } as JobView]);
  assert.deepEqual(env.stored, [
    ["a", true],
    ["b", false],
  ]);
  assert.equal(env.status, "live");
  env.live.stop();
});

test("a stopped page opens no more connections", async () => {
  const env = await connected();
  env.live.stop();
  await advance(600_000);
  assert.equal(env.sockets.length, 1);
  assert.equal(env.last.closed, true);
});

test("pages that connected at the same moment sync and reconnect at different times", async () => {
  const asked: number[] = [];
  for (const random of [0, 0.5, 1]) {
    const env = new TestEnvironment();
    env.random = () => random;
    await connected(env);
    const startedAt = Date.now();
    while (env.last.sent.length === 1) await advance(100);
    asked.push(Date.now() - startedAt);
    env.last.snapshot();
    env.last.disconnect();
    const cutAt = Date.now();
    while (env.sockets.length === 1) await advance(100);
    asked.push(Date.now() - cutAt);
    env.live.stop();
  }
  const [sync = [], reconnect = []] = [0, 1].map((which) => asked.filter((_, index) => index % 2 === which));
  for (const times of [sync, reconnect])
    for (const [index, at] of times.slice(1).entries()) assert.ok(at - (times[index] ?? 0) > 4000, String(times));
  assert.ok(Math.max(...sync) <= SYNC_INTERVAL_MS, "a lost push is made up for within a minute");
});

test("a clock that is set back while there is no connection does not stop the refreshes of the lists", async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  let elapsed = 0;
  const monotonic = mock.method(performance, "now", () => elapsed);
  const wall = mock.method(Date, "now", () => 1_700_000_000_000 - 3_600_000 * Number(elapsed > 1000));
  const env = new TestEnvironment();
  env.refusesTickets = true;
  env.live.start();
  for (let second = 0; second < 130; second += 1) {
    elapsed += 1000;
    mock.timers.tick(1000);
    await flushPromises();
  }
  env.live.stop();
  monotonic.mock.restore();
  wall.mock.restore();
  assert.equal(env.refreshes, 2);
});

test("a sync says what the page knows, and a hidden page refreshes an incomplete state when it is shown", async () => {
  const env = await connected();
  const job = (id: string, status: JobView["status"]): JobView =>
    ({ id, version: 2, status, created_at: 1 }) as unknown as JobView;
  env.jobs = [job("a", "Ready"), job("b", "InProgress")];
  env.hidden = true;
  await advance(SYNC_INTERVAL_MS);
  assert.deepEqual(JSON.parse(env.last.sent.at(-1) ?? ""), {
    action: "sync",
    mark: "m",
    known: [
      ["b", 2, "open"],
      ["a", 2, "ready"],
    ],
  });
  const before = env.refreshes;
  env.last.snapshot(true);
  env.hidden = false;
  env.live.resume();
  env.last.snapshot(false);
  await flushPromises();
  assert.equal(env.refreshes, before + 1);
  env.live.stop();
});

test("after a short interruption the snapshot suffices; after a long one the lists are refreshed", async () => {
  for (const [minutes, refreshes] of [
    [1, 0],
    [10, 1],
  ] as const) {
    const env = await connected();
    const before = env.refreshes;
    env.refusesTickets = true;
    env.hidden = true;
    env.last.disconnect();
    await advance(minutes * 60_000);
    env.hidden = false;
    env.refusesTickets = false;
    while (env.sockets.length === 1) await advance(100);
    const during = env.refreshes - before;
    env.last.open();
    env.last.snapshot();
    await flushPromises();
    assert.equal(env.refreshes - before - during, refreshes);
    env.live.stop();
  }
});
