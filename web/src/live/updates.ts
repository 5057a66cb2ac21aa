/**
 * Keeps the page's jobs as the table has them: a line that is always there, replaced before it ends, made again with
 * jitter when it breaks, and doubted whenever the page may have slept. Push is a hint; each new line begins with a
 * snapshot, and where a snapshot does not hold everything the page reads its lists again.
 */

import type { JobView } from "../api/types";
import { backoff } from "../lib/backoff";
import { now } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import { ANSWER_TIMEOUT_MS, Connection, RESUME_ANSWER_TIMEOUT_MS, type Socket, SYNC_INTERVAL_MS } from "./connection";

/** API Gateway ends every WebSocket after two hours (API Gateway quotas). It is replaced before, not all at the same time. */
const MAX_CONNECTION_AGE_MS = 110 * 60_000;
const CONNECTION_AGE_JITTER_MS = 8 * 60_000;
/** The service forgets a line when the sign-in that opened it ends. */
const TOKEN_EXPIRY_MARGIN_MS = 2 * 60_000;
const RECONNECT_BASE_MS = 500;
const MAX_RECONNECT_DELAY_MS = 30_000;
/** Timers that come this much late were asleep with the machine, or in a tab that the browser had put aside. */
const TICK_INTERVAL_MS = 5000;
const SLEEP_THRESHOLD_MS = 20_000;
/** Lists that could not be read are asked for again so often. In milliseconds. */
const REFRESH_RETRY_MS = 10_000;

export type LiveStatus =
  | { kind: "connecting" }
  | { kind: "live"; asOf: number }
  | { kind: "reconnecting"; asOf: number | undefined }
  | { kind: "offline"; asOf: number | undefined };

export interface Environment {
  /** Buys a ticket; answers with where to connect and until when the sign-in behind it is good. */
  requestTicket(): Promise<{ url: string; tokenExpiresAt: number }>;
  connect(url: string): Socket;
  storeJobs(jobs: JobView[], pushed: boolean): void;
  /** The snapshot did not hold everything, or there is no line: read the lists. Rejects if one could not be read. */
  refreshLists(): Promise<void>;
  isOnline(): boolean;
  isHidden(): boolean;
  random(): number;
}

export class LiveUpdates extends Emitter {
  status: LiveStatus = { kind: "connecting" };
  private connection: Connection | undefined;
  private replacement: Connection | undefined;
  private requestingTicket = false;
  private attempts = 0;
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private replaceTimer: ReturnType<typeof setTimeout> | undefined;
  private tickTimer: ReturnType<typeof setInterval> | undefined;
  private lastTick = 0;
  private lastRead = 0;
  private asOf: number | undefined;
  /** The line is there, but the lists could not be read. */
  private listsAreStale = false;
  private stopped = false;

  constructor(private readonly env: Environment) {
    super();
  }

  start(): void {
    this.lastTick = now();
    this.lastRead = now();
    this.tickTimer = setInterval(() => this.tick(), TICK_INTERVAL_MS);
    if (!this.env.isOnline()) this.updateStatus();
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.tickTimer);
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.replaceTimer);
    this.connection?.close();
    this.replacement?.close();
  }

  /** Something happened after which the line is doubtful: the page is seen again, the network is back. */
  resume(afterSleep = false): void {
    if (this.stopped) return;
    if (this.connection) {
      if (afterSleep) {
        // Not live until it has answered.
        this.status = { kind: "reconnecting", asOf: this.asOf };
        this.emit();
      }
      this.connection.sync(afterSleep ? RESUME_ANSWER_TIMEOUT_MS : ANSWER_TIMEOUT_MS);
    } else {
      if (afterSleep) {
        // Begun before the sleep or without a network: it would only cost its patience.
        this.replacement?.close();
        this.replacement = undefined;
      }
      this.attempts = 0;
      clearTimeout(this.reconnectTimer);
      void this.connect();
    }
  }

  /** The browser says that there is no network. */
  offline(): void {
    this.updateStatus();
  }

  private tick(): void {
    const at = now();
    const gap = at - this.lastTick;
    this.lastTick = at;
    if (gap > SLEEP_THRESHOLD_MS) this.resume(true);
    // Without a line the table is asked as often as a line would ask.
    const patience = this.connection
      ? this.listsAreStale
        ? REFRESH_RETRY_MS
        : Number.POSITIVE_INFINITY
      : SYNC_INTERVAL_MS;
    if (at - this.lastRead >= patience && !this.env.isHidden() && this.env.isOnline()) this.refreshLists(true);
  }

  private async connect(): Promise<void> {
    if (this.requestingTicket || this.replacement || this.stopped) return;
    this.requestingTicket = true;
    try {
      const { url, tokenExpiresAt: goodUntil } = await this.env.requestTicket();
      if (this.stopped) return;
      this.replacement = this.open(url, goodUntil);
    } catch {
      this.scheduleReconnect();
    } finally {
      this.requestingTicket = false;
    }
  }

  private open(url: string, tokenExpiresAt: number): Connection {
    const connection: Connection = new Connection(this.env.connect(url), {
      snapshot: (jobs, more) => {
        const first = connection !== this.connection;
        if (first) this.promote(connection, tokenExpiresAt);
        this.env.storeJobs(jobs, false);
        const reads = (first || more) && !this.env.isHidden();
        // Where the snapshot is not everything, a new line is live when the rest has been read.
        if (!(more && reads) || (this.status.kind === "live" && !this.listsAreStale)) this.markLive();
        if (reads) this.refreshLists(more);
      },
      changed: (job) => {
        this.env.storeJobs([job], true);
        if (connection === this.connection && this.status.kind === "live") this.markLive();
      },
      ended: () => {
        if (connection === this.replacement) this.replacement = undefined;
        else if (connection === this.connection) this.connection = undefined;
        this.scheduleReconnect();
      },
    });
    return connection;
  }

  /** A line that has answered takes over; only then is the older one let go. */
  private promote(connection: Connection, tokenExpiresAt: number): void {
    this.connection?.close();
    this.connection = connection;
    this.replacement = undefined;
    this.attempts = 0;
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.replaceTimer);
    const life = Math.min(
      MAX_CONNECTION_AGE_MS - this.env.random() * CONNECTION_AGE_JITTER_MS,
      tokenExpiresAt - now() - TOKEN_EXPIRY_MARGIN_MS,
    );
    this.replaceTimer = setTimeout(() => void this.connect(), Math.max(life, 30_000));
  }

  private scheduleReconnect(): void {
    if (this.stopped) return;
    this.updateStatus();
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(
      () => void this.connect(),
      backoff(this.attempts, RECONNECT_BASE_MS, MAX_RECONNECT_DELAY_MS, this.env.random),
    );
    this.attempts += 1;
  }

  /** Reads the lists. If what is shown depends on them, it is as old as they are until they have been read. */
  private refreshLists(decidesStatus: boolean): void {
    this.lastRead = now();
    const { connection: line } = this;
    void this.env.refreshLists().then(
      () => {
        if (!decidesStatus || this.stopped || line !== this.connection) return;
        this.listsAreStale = false;
        if (this.connection) return this.markLive();
        this.asOf = now();
        this.updateStatus();
      },
      () => {
        if (!decidesStatus || this.stopped || !this.connection) return;
        this.listsAreStale = true;
        this.status = { kind: this.env.isOnline() ? "reconnecting" : "offline", asOf: this.asOf };
        this.emit();
      },
    );
  }

  private markLive(): void {
    this.asOf = now();
    this.status = { kind: "live", asOf: this.asOf };
    this.emit();
  }

  /** Says what is true now if nothing new was heard. */
  private updateStatus(): void {
    if (!this.env.isOnline()) this.status = { kind: "offline", asOf: this.asOf };
    else if (this.connection) return;
    else if (this.asOf === undefined && this.attempts === 0) this.status = { kind: "connecting" };
    else this.status = { kind: "reconnecting", asOf: this.asOf };
    this.emit();
  }
}
