import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { JobView } from "../api/types";
import { ANSWER_TIMEOUT_MS, type Socket, SYNC_INTERVAL_MS } from "./connection";
import { LiveUpdates } from "./updates";

/** A socket whose other end the test is. */
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
/** Lets time pass as it does for a page that is awake: no timer is late. */
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

test("it asks for the state when it opens, and is live once it was told", async () => {
  const world = new TestEnvironment();
  assert.equal(world.sign, "connecting");
  world.live.start();
  await settle();
  world.last.open();
  assert.deepEqual(world.last.sent, ['{"action":"sync"}']);
  assert.equal(world.sign, "connecting", "an open socket is no knowledge");
  world.last.snapshot();
  assert.equal(world.sign, "live");
  assert.equal(world.reads, 1, "lists are read after each connect");
  world.live.stop();
});

test("it asks again every minute, and reads the lists if the snapshot does not hold everything", async () => {
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

test("a line that does not answer is not called live any longer than the answer may take", async () => {
  const world = await connected();
  const until = world.live.status.kind === "live" ? world.live.status.asOf : 0;
  await pass(SYNC_INTERVAL_MS + ANSWER_TIMEOUT_MS + 100);
  assert.equal(world.sign, "reconnecting");
  assert.deepEqual(world.live.status, { kind: "reconnecting", asOf: until }, "it says of when the state is");
  assert.equal(world.sockets[0]?.closed, true);
  world.live.stop();
});

test("a socket that never opens is given up too", async () => {
  const world = new TestEnvironment();
  world.live.start();
  await settle();
  await pass(ANSWER_TIMEOUT_MS + 2000);
  assert.equal(world.sockets.length, 2);
  world.live.stop();
});

test("it comes back with full jitter, ever more slowly, and at most every half minute", async () => {
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
  assert.ok(world.tickets > before, "jitter reaches down to no wait at all");
  world.live.stop();
});

test("after a sleep it is not live before it has been told anew", async () => {
  const world = await connected();
  await pass(20_000);
  const { sent } = world.last;
  const asked = sent.length;
  // An hour in which no timer came.
  mock.timers.setTime(Date.now() + 3_600_000);
  mock.timers.tick(5000);
  await settle();
  assert.notEqual(world.sign, "live");
  assert.ok(sent.length > asked || world.sockets.length > 1, "it asks at once");
  await pass(5000);
  world.last.open();
  world.last.snapshot();
  assert.equal(world.sign, "live");
  world.live.stop();
});

test("it is replaced before its two hours are over, and is live throughout", async () => {
  const world = await connected();
  const [first] = world.sockets;
  const signs = new Set<string>();
  world.live.subscribe(() => signs.add(world.sign));
  for (let minute = 0; minute < 119 && world.sockets.length === 1; minute += 1) {
    await pass(60_000);
    first?.snapshot();
  }
  assert.equal(world.sockets.length, 2);
  assert.equal(first?.closed, false, "the old line serves until the new one has answered");
  world.last.open();
  world.last.snapshot();
  assert.equal(first?.closed, true);
  assert.deepEqual([...signs], ["live"]);
  world.live.stop();
});

test("it is replaced before the sign-in that bought it ends", async () => {
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

test("an error frame ends the line: the service does not know it any more", async () => {
  const world = await connected();
  world.last.says({ type: "error", message: "connect again" });
  assert.equal(world.sign, "reconnecting");
  await pass(1000);
  assert.equal(world.sockets.length, 2);
  world.live.stop();
});

test("without a network it says so, and comes back at once with it", async () => {
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
  assert.equal(world.tickets, before + 1, "no backoff is waited for");
  world.live.stop();
});

test("without a line it reads the lists every minute, and says of when they are", async () => {
  const world = new TestEnvironment();
  world.refusesTickets = true;
  world.live.start();
  await pass(SYNC_INTERVAL_MS + 6000);
  assert.equal(world.reads, 1);
  assert.equal(world.live.status.kind, "reconnecting");
  assert.ok(world.live.status.kind === "reconnecting" && world.live.status.asOf !== undefined);
  world.live.stop();
});

test("a snapshot that does not hold everything is not called live before the rest was read", async () => {
  const world = new TestEnvironment();
  world.refusesReads = true;
  world.live.start();
  await settle();
  world.last.open();
  world.last.snapshot(true);
  await settle();
  assert.notEqual(world.sign, "live");
  world.last.says({ type: "job.changed", job: { id: "a" } });
  assert.notEqual(world.sign, "live", "a push says nothing of the others");
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

test("pushes are told from lists, and anything else is left alone", async () => {
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

test("a page that was stopped opens nothing any more", async () => {
  const world = await connected();
  world.live.stop();
  await pass(600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.last.closed, true);
});
