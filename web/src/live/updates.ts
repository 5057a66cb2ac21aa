/**
 * Keeps the page's jobs in step with the table over a WebSocket connection. The connection is replaced before it expires,
 * reconnected with jitter when it breaks, and checked whenever the page may have slept. A push is only a hint: each new
 * connection starts with a snapshot, and if a snapshot is incomplete, the page refreshes its lists.
 */

import type { JobView } from "../api/types";
import { backoff } from "../lib/backoff";
import { now, Stopwatch } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import { ANSWER_TIMEOUT_MS, Connection, RESUME_ANSWER_TIMEOUT_MS, type Socket, SYNC_INTERVAL_MS } from "./connection";
import { SyncState } from "./sync";

/** API Gateway closes a WebSocket after two hours (API Gateway quotas). The jitter spreads the replacements of many pages. */
const MAX_CONNECTION_AGE_MS = 110 * 60_000;
const CONNECTION_AGE_JITTER_MS = 8 * 60_000;
/** The service drops a connection when the ID token that opened it expires. */
const TOKEN_EXPIRY_MARGIN_MS = 2 * 60_000;
/**
 * A thousand pages that lost their connections in the same second ask for 22 tickets a second. A sleep, or a network that
 * comes back, is noticed by the page itself, which then reconnects at once (`resume`).
 */
const RECONNECT_SPREAD_MS = 45_000;
/** Another try after a ticket or a connection was refused. */
const RETRY_BASE_MS = 5000;
const MAX_RETRY_DELAY_MS = 60_000;
/** After a shorter interruption the snapshot holds all that was missed, and the lists need no refresh. */
const MAX_GAP_WITHOUT_REFRESH_MS = 5 * 60_000;
const TICK_INTERVAL_MS = 5000;
/** A tick that comes this late means that the machine slept or the browser suspended the tab. */
const SLEEP_THRESHOLD_MS = 20_000;
/**
 * Without a connection, the lists are refreshed as often as a connection would sync. The interval begins with the loss of
 * the connection and differs from page to page, so that pages that lost theirs together do not ask together. This is the
 * shortest, as a fraction of `SYNC_INTERVAL_MS`.
 */
const MIN_REFRESH_INTERVAL = 0.5;
/** The delay before another refresh of lists that could not be loaded. */
const REFRESH_RETRY_MS = 10_000;

export type LiveStatus =
  | { kind: "connecting" }
  | { kind: "live"; asOf: number }
  | { kind: "reconnecting"; asOf: number | undefined }
  | { kind: "offline"; asOf: number | undefined };

export interface UpdatePorts {
  /** Requests a WebSocket ticket. */
  requestTicket(): Promise<{ url: string; tokenExpiresAt: number }>;
  connect(url: string): Socket;
  /** The jobs that the page shows. */
  jobs(): Iterable<JobView>;
  storeJobs(jobs: JobView[], pushed: boolean): void;
  /** Refreshes the lists, if a snapshot is incomplete or there is no connection. Rejects if one could not be loaded. */
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
  private readonly sinceTick = new Stopwatch();
  /** Since the last refresh of the lists, or since the connection was lost. */
  private readonly sinceRefresh = new Stopwatch();
  private refreshIntervalMs = SYNC_INTERVAL_MS;
  /** Since the last message of a connection. */
  private readonly sinceFrame = new Stopwatch();
  private readonly syncState = new SyncState();
  private hasSynced = false;
  private asOf: number | undefined;
  /** The connection is up, but the lists could not be refreshed. */
  private listsAreStale = false;
  /** A snapshot was incomplete while the page was hidden. */
  private hasSkippedRefresh = false;
  private stopped = false;

  constructor(private readonly env: UpdatePorts) {
    super();
  }

  start(): void {
    this.sinceTick.restart();
    this.sinceRefresh.restart();
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

  /** Checks the connection after an event that may have broken it: the page is visible again, or the network is back. */
  resume(afterSleep = false): void {
    if (this.stopped) return;
    if (this.connection) {
      if (afterSleep) {
        // Not live until the connection has answered.
        this.status = { kind: "reconnecting", asOf: this.asOf };
        this.emit();
      }
      this.connection.sync(afterSleep ? RESUME_ANSWER_TIMEOUT_MS : ANSWER_TIMEOUT_MS);
    } else {
      if (afterSleep) {
        // It was opened before the sleep or without a network, so it would only run into its timeout.
        this.replacement?.close();
        this.replacement = undefined;
      }
      this.attempts = 0;
      clearTimeout(this.reconnectTimer);
      void this.connect();
    }
  }

  /** The browser reports that it is offline. */
  offline(): void {
    this.updateStatus();
  }

  private tick(): void {
    const gap = this.sinceTick.elapsedMs;
    this.sinceTick.restart();
    if (gap > SLEEP_THRESHOLD_MS) this.resume(true);
    const interval = this.connection
      ? this.listsAreStale
        ? REFRESH_RETRY_MS
        : Number.POSITIVE_INFINITY
      : this.refreshIntervalMs;
    if (this.sinceRefresh.elapsedMs >= interval && !this.env.isHidden() && this.env.isOnline()) this.refreshLists(true);
  }

  private async connect(): Promise<void> {
    if (this.requestingTicket || this.replacement || this.stopped) return;
    this.requestingTicket = true;
    try {
      const { url, tokenExpiresAt } = await this.env.requestTicket();
      if (this.stopped) return;
      this.replacement = this.open(url, tokenExpiresAt);
    } catch {
      this.retry();
    } finally {
      this.requestingTicket = false;
    }
  }

  private open(url: string, tokenExpiresAt: number): Connection {
    const connection: Connection = new Connection(
      this.env.connect(url),
      {
        syncMessage: () => this.syncState.message(this.env.jobs()),
        snapshot: (jobs, more, mark) => {
          const isLongGap = !this.hasSynced || this.sinceFrame.elapsedMs > MAX_GAP_WITHOUT_REFRESH_MS;
          const isNew = connection !== this.connection && isLongGap;
          if (connection !== this.connection) this.promote(connection, tokenExpiresAt);
          this.hasSynced = true;
          this.syncState.answered(mark);
          this.sinceFrame.restart();
          this.env.storeJobs(jobs, false);
          // The service says once that there are more jobs. A hidden page refreshes its lists when it is shown.
          const isIncomplete = more || this.hasSkippedRefresh;
          const needsRefresh = (isNew || isIncomplete) && !this.env.isHidden();
          this.hasSkippedRefresh = isIncomplete && !needsRefresh;
          // With an incomplete snapshot, a new connection is live only after the lists are refreshed.
          if (!(isIncomplete && needsRefresh) || (this.status.kind === "live" && !this.listsAreStale)) this.markLive();
          if (needsRefresh) this.refreshLists(isIncomplete);
        },
        changed: (job) => {
          this.env.storeJobs([job], true);
          if (connection === this.connection && this.status.kind === "live") this.markLive();
        },
        ended: () => {
          if (connection === this.connection) return this.lose();
          if (connection === this.replacement) this.replacement = undefined;
          this.retry();
        },
      },
      this.env.random,
    );
    return connection;
  }

  /** Makes a connection that has answered the current one, and closes the old one. */
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

  /** The current connection has ended. Its last snapshot is recent, so the lists need no refresh yet. */
  private lose(): void {
    this.connection = undefined;
    this.sinceRefresh.restart();
    const spread = 1 - MIN_REFRESH_INTERVAL;
    this.refreshIntervalMs = SYNC_INTERVAL_MS * (MIN_REFRESH_INTERVAL + spread * this.env.random());
    this.connectIn(RECONNECT_SPREAD_MS * this.env.random());
  }

  private retry(): void {
    this.connectIn(backoff(this.attempts, RETRY_BASE_MS, MAX_RETRY_DELAY_MS, this.env.random));
    this.attempts += 1;
  }

  private connectIn(delayMs: number): void {
    if (this.stopped) return;
    this.updateStatus();
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(() => void this.connect(), delayMs);
  }

  /** Refreshes the lists. With `decidesStatus`, the page is live only if that succeeds. */
  private refreshLists(decidesStatus: boolean): void {
    this.sinceRefresh.restart();
    const { connection } = this;
    void this.env.refreshLists().then(
      () => {
        if (!decidesStatus || this.stopped || connection !== this.connection) return;
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

  /** Sets the status after the network or the connection changed. */
  private updateStatus(): void {
    if (!this.env.isOnline()) this.status = { kind: "offline", asOf: this.asOf };
    else if (this.connection) return;
    else if (this.asOf === undefined && this.attempts === 0) this.status = { kind: "connecting" };
    else this.status = { kind: "reconnecting", asOf: this.asOf };
    this.emit();
  }
}
