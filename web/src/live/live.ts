/**
 * Keeps the page's jobs as the table has them: a line that is always there, replaced before it ends, made again with
 * jitter when it breaks, and doubted whenever the page may have slept. Push is a hint; each new line begins with a
 * snapshot, and where a snapshot does not hold everything the page reads its lists again.
 */

import type { JobView } from "../api/types";
import { backoff } from "../lib/backoff";
import { now } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import { ANSWER_MS, Line, type Socket, SYNC_MS, WAKE_ANSWER_MS } from "./line";

/** API Gateway ends every WebSocket after two hours (API Gateway quotas). It is replaced before, not all at the same time. */
const LIFE_MS = 110 * 60_000;
const LIFE_JITTER_MS = 8 * 60_000;
/** The service forgets a line when the sign-in that opened it ends. */
const BEFORE_EXPIRY_MS = 2 * 60_000;
const RETRY_MS = 500;
const MOST_RETRY_MS = 30_000;
/** Timers that come this much late were asleep with the machine, or in a tab that the browser had put aside. */
const TICK_MS = 5000;
const SLEPT_MS = 20_000;
/** Lists that could not be read are asked for again so often. In milliseconds. */
const READ_AGAIN_MS = 10_000;

export type Sign =
  | { kind: "connecting" }
  | { kind: "live"; asOf: number }
  | { kind: "reconnecting"; asOf: number | undefined }
  | { kind: "offline"; asOf: number | undefined };

export interface World {
  /** Buys a ticket; answers with where to connect and until when the sign-in behind it is good. */
  ticket(): Promise<{ url: string; goodUntil: number }>;
  connect(url: string): Socket;
  take(jobs: JobView[], pushed: boolean): void;
  /** The snapshot did not hold everything, or there is no line: read the lists. Rejects if one could not be read. */
  read(): Promise<void>;
  isOnline(): boolean;
  isHidden(): boolean;
  random(): number;
}

export class Live extends Emitter {
  sign: Sign = { kind: "connecting" };
  private line: Line | undefined;
  private next: Line | undefined;
  private buying = false;
  private tries = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private lastTick = 0;
  private lastRead = 0;
  private asOf: number | undefined;
  /** The line is there, but the lists could not be read. */
  private behind = false;
  private stopped = false;

  constructor(private readonly world: World) {
    super();
  }

  start(): void {
    this.lastTick = now();
    this.lastRead = now();
    this.ticking = setInterval(() => this.tick(), TICK_MS);
    if (!this.world.isOnline()) this.show();
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.ticking);
    clearTimeout(this.retry);
    clearTimeout(this.renewal);
    this.line?.close();
    this.next?.close();
  }

  /** Something happened after which the line is doubtful: the page is seen again, the network is back. */
  wake(slept = false): void {
    if (this.stopped) return;
    if (this.line) {
      if (slept) {
        // Not live until it has answered.
        this.sign = { kind: "reconnecting", asOf: this.asOf };
        this.emit();
      }
      this.line.sync(slept ? WAKE_ANSWER_MS : ANSWER_MS);
    } else {
      if (slept) {
        // Begun before the sleep or without a network: it would only cost its patience.
        this.next?.close();
        this.next = undefined;
      }
      this.tries = 0;
      clearTimeout(this.retry);
      void this.connect();
    }
  }

  /** The browser says that there is no network. */
  offline(): void {
    this.show();
  }

  private tick(): void {
    const at = now();
    const gap = at - this.lastTick;
    this.lastTick = at;
    if (gap > SLEPT_MS) this.wake(true);
    // Without a line the table is asked as often as a line would ask.
    const patience = this.line ? (this.behind ? READ_AGAIN_MS : Number.POSITIVE_INFINITY) : SYNC_MS;
    if (at - this.lastRead >= patience && !this.world.isHidden() && this.world.isOnline()) this.read(true);
  }

  private async connect(): Promise<void> {
    if (this.buying || this.next || this.stopped) return;
    this.buying = true;
    try {
      const { url, goodUntil } = await this.world.ticket();
      if (this.stopped) return;
      this.next = this.open(url, goodUntil);
    } catch {
      this.again();
    } finally {
      this.buying = false;
    }
  }

  private open(url: string, goodUntil: number): Line {
    const line: Line = new Line(this.world.connect(url), {
      snapshot: (jobs, more) => {
        const first = line !== this.line;
        if (first) this.use(line, goodUntil);
        this.world.take(jobs, false);
        const reads = (first || more) && !this.world.isHidden();
        // Where the snapshot is not everything, a new line is live when the rest has been read.
        if (!(more && reads) || (this.sign.kind === "live" && !this.behind)) this.heard();
        if (reads) this.read(more);
      },
      changed: (job) => {
        this.world.take([job], true);
        if (line === this.line && this.sign.kind === "live") this.heard();
      },
      ended: () => {
        if (line === this.next) this.next = undefined;
        else if (line === this.line) this.line = undefined;
        this.again();
      },
    });
    return line;
  }

  /** A line that has answered takes over; only then is the older one let go. */
  private use(line: Line, goodUntil: number): void {
    this.line?.close();
    this.line = line;
    this.next = undefined;
    this.tries = 0;
    clearTimeout(this.retry);
    clearTimeout(this.renewal);
    const life = Math.min(LIFE_MS - this.world.random() * LIFE_JITTER_MS, goodUntil - now() - BEFORE_EXPIRY_MS);
    this.renewal = setTimeout(() => void this.connect(), Math.max(life, 30_000));
  }

  private again(): void {
    if (this.stopped) return;
    this.show();
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(), backoff(this.tries, RETRY_MS, MOST_RETRY_MS, this.world.random));
    this.tries += 1;
  }

  /** Reads the lists. If what is shown depends on them, it is as old as they are until they have been read. */
  private read(counts: boolean): void {
    this.lastRead = now();
    const { line } = this;
    void this.world.read().then(
      () => {
        if (!counts || this.stopped || line !== this.line) return;
        this.behind = false;
        if (this.line) return this.heard();
        this.asOf = now();
        this.show();
      },
      () => {
        if (!counts || this.stopped || !this.line) return;
        this.behind = true;
        this.sign = { kind: this.world.isOnline() ? "reconnecting" : "offline", asOf: this.asOf };
        this.emit();
      },
    );
  }

  private heard(): void {
    this.asOf = now();
    this.sign = { kind: "live", asOf: this.asOf };
    this.emit();
  }

  /** Says what is true now if nothing new was heard. */
  private show(): void {
    if (!this.world.isOnline()) this.sign = { kind: "offline", asOf: this.asOf };
    else if (this.line) return;
    else if (this.asOf === undefined && this.tries === 0) this.sign = { kind: "connecting" };
    else this.sign = { kind: "reconnecting", asOf: this.asOf };
    this.emit();
  }
}
