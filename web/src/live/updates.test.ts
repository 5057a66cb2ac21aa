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
  says(frame: unknown): void {
    this.onmessage?.call(this as unknown as WebSocket, { data: JSON.stringify(frame) } as MessageEvent);
  }
  breaks(): void {
    this.onclose?.call(this as unknown as WebSocket, {} as CloseEvent);
  }
  snapshot(more = false, jobs: JobView[] = []): void {
    this.says({ type: "snapshot", jobs, more });
  }
}

class TestEnvironment {
  sockets: FakeSocket[] = [];
  tickets = 0;
  reads = 0;
  taken: [string, boolean][] = [];
  online = true;
  hidden = false;
  goodUntil = Number.POSITIVE_INFINITY;
  refusesTickets = false;
  refusesReads = false;
  random = (): number => 1;
  readonly live = new LiveUpdates({
    requestTicket: async () => {
      this.tickets += 1;
      if (this.refusesTickets) throw new Error("not reached");
      return { url: "ws://fixture", tokenExpiresAt: this.goodUntil };
    },
    connect: () => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      return socket;
    },
    storeJobs: (jobs, pushed) => this.taken.push(...jobs.map((job): [string, boolean] => [job.id, pushed])),
    refreshLists: async () => {
      this.reads += 1;
      if (this.refusesReads) throw new Error("not reached");
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
  get sign(): string {
    return this.live.status.kind;
  }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};
/** Advances the time in steps of at most a second, as on a machine that is awake: no timer is late. */
const pass = async (ms: number): Promise<void> => {
  for (let left = ms; left > 0; left -= 1000) {
    mock.timers.tick(Math.min(left, 1000));
    await settle();
  }
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_700_000_000_000 });
});

async function connected(world = new TestEnvironment()): Promise<TestEnvironment> {
  world.live.start();
  await settle();
  world.last.open();
  world.last.snapshot();
  await settle();
  return world;
}

test("a new connection requests a snapshot and is live after the answer", async () => {
  const world = new TestEnvironment();
  assert.equal(world.sign, "connecting");
  world.live.start();
  await settle();
  world.last.open();
  assert.deepEqual(world.last.sent, ['{"action":"sync"}']);
  assert.equal(world.sign, "connecting", "an open socket is not live yet");
  world.last.snapshot();
  assert.equal(world.sign, "live");
  assert.equal(world.reads, 1, "lists are refreshed after each connect");
  world.live.stop();
});

test("a snapshot is requested every minute, and an incomplete one refreshes the lists", async () => {
  const world = await connected();
  for (let minute = 2; minute <= 4; minute += 1) {
    await pass(SYNC_INTERVAL_MS);
    assert.equal(world.last.sent.length, minute);
    world.last.snapshot(minute === 4);
    await settle();
  }
  assert.equal(world.reads, 2);
  world.live.stop();
});

test("a connection that does not answer in time is not live", async () => {
  const world = await connected();
  const until = world.live.status.kind === "live" ? world.live.status.asOf : 0;
  await pass(SYNC_INTERVAL_MS + ANSWER_TIMEOUT_MS + 100);
  assert.equal(world.sign, "reconnecting");
  assert.deepEqual(
    world.live.status,
    { kind: "reconnecting", asOf: until },
    "the status has the time of the last update",
  );
  assert.equal(world.sockets[0]?.closed, true);
  world.live.stop();
});

test("a socket that never opens is replaced after the timeout", async () => {
  const world = new TestEnvironment();
  world.live.start();
  await settle();
  await pass(ANSWER_TIMEOUT_MS + 2000);
  assert.equal(world.sockets.length, 2);
  world.live.stop();
});

test("reconnects back off with full jitter up to 30 seconds", async () => {
  const world = new TestEnvironment();
  world.refusesTickets = true;
  const waits: number[] = [];
  world.live.start();
  await settle();
  for (let tries = 1; tries <= 9; tries += 1) {
    const before = world.tickets;
    let waited = 0;
    while (world.tickets === before) {
      mock.timers.tick(100);
      waited += 100;
      await settle();
    }
    waits.push(waited);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  world.random = () => 0;
  await pass(31_000);
  const before = world.tickets;
  await pass(1000);
  assert.ok(world.tickets > before, "the jitter includes no delay at all");
  world.live.stop();
});

test("after a sleep the page is live only after a new snapshot", async () => {
  const world = await connected();
  await pass(20_000);
  const { sent } = world.last;
  const asked = sent.length;
  // An hour without timers, as during a sleep.
  mock.timers.setTime(Date.now() + 3_600_000);
  mock.timers.tick(5000);
  await settle();
  assert.notEqual(world.sign, "live");
  assert.ok(sent.length > asked || world.sockets.length > 1, "it requests a snapshot at once");
  await pass(5000);
  world.last.open();
  world.last.snapshot();
  assert.equal(world.sign, "live");
  world.live.stop();
});

test("a connection is replaced before two hours and stays live throughout", async () => {
  const world = await connected();
  const [first] = world.sockets;
  const signs = new Set<string>();
  world.live.subscribe(() => signs.add(world.sign));
  for (let minute = 0; minute < 119 && world.sockets.length === 1; minute += 1) {
    await pass(60_000);
    first?.snapshot();
  }
  assert.equal(world.sockets.length, 2);
  assert.equal(first?.closed, false, "the old connection stays until the new one has answered");
  world.last.open();
  world.last.snapshot();
  assert.equal(first?.closed, true);
  assert.deepEqual([...signs], ["live"]);
  world.live.stop();
});

test("a connection is replaced before its ID token expires", async () => {
  const world = new TestEnvironment();
  world.goodUntil = Date.now() + 10 * 60_000;
  await connected(world);
  let minutes = 0;
  for (; world.tickets === 1; minutes += 1) {
    await pass(60_000);
    world.sockets[0]?.snapshot();
  }
  assert.equal(minutes, 8);
  assert.equal(world.sockets[0]?.closed, false);
  world.live.stop();
});

test("an error frame closes the connection and opens another", async () => {
  const world = await connected();
  world.last.says({ type: "error", message: "connect again" });
  assert.equal(world.sign, "reconnecting");
  await pass(1000);
  assert.equal(world.sockets.length, 2);
  world.live.stop();
});

test("without a network the status is offline, and it reconnects at once when back online", async () => {
  const world = await connected();
  world.online = false;
  world.live.offline();
  assert.equal(world.sign, "offline");
  world.last.breaks();
  assert.equal(world.sign, "offline");
  await pass(40_000);
  world.online = true;
  const before = world.tickets;
  world.live.resume(true);
  await settle();
  assert.equal(world.tickets, before + 1, "it does not wait for the backoff");
  world.live.stop();
});

test("without a connection the lists are refreshed every minute, and the status has their time", async () => {
  const world = new TestEnvironment();
  world.refusesTickets = true;
  world.live.start();
  await pass(SYNC_INTERVAL_MS + 6000);
  assert.equal(world.reads, 1);
  assert.equal(world.live.status.kind, "reconnecting");
  assert.ok(world.live.status.kind === "reconnecting" && world.live.status.asOf !== undefined);
  world.live.stop();
});

test("after an incomplete snapshot the page is live only after the lists are refreshed", async () => {
  const world = new TestEnvironment();
  world.refusesReads = true;
  world.live.start();
  await settle();
  world.last.open();
  world.last.snapshot(true);
  await settle();
  assert.notEqual(world.sign, "live");
  world.last.says({ type: "job.changed", job: { id: "a" } });
  assert.notEqual(world.sign, "live", "a push does not complete the snapshot");
  world.refusesReads = false;
  await pass(15_000);
  assert.equal(world.sign, "live");
  world.refusesReads = true;
  await pass(SYNC_INTERVAL_MS);
  world.last.snapshot(true);
  await settle();
  assert.equal(world.sign, "reconnecting");
  world.live.stop();
});

test("pushes are distinguished from snapshots, and unknown messages are ignored", async () => {
  const world = await connected();
  world.last.says({ type: "job.changed", job: { id: "a" } });
  world.last.says({ message: "Internal server error", connectionId: "x", requestId: "y" });
  world.last.says(null);
  world.last.snapshot(false, [{ id: "b" } as JobView]);
  assert.deepEqual(world.taken, [
    ["a", true],
    ["b", false],
  ]);
  assert.equal(world.sign, "live");
  world.live.stop();
});

test("a stopped page opens no more connections", async () => {
  const world = await connected();
  world.live.stop();
  await pass(600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.last.closed, true);
});
