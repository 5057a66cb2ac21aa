/** A WebSocket connection: it requests a snapshot when it opens and about every minute, and reports when it is dead. */

import type { JobView, PushMessage } from "../api/types";

/** The longest time between two syncs. Also keeps the socket alive: API Gateway closes an idle one after 10 minutes. */
export const SYNC_INTERVAL_MS = 60_000;
/** The shortest, as a fraction of the longest. It differs from page to page, so that pages do not ask in lockstep. */
const MIN_SYNC_INTERVAL = 0.85;
/** The same for the first sync after a connection opened: many may have opened within a second. */
const MIN_FIRST_SYNC_INTERVAL = 0.5;
/** A snapshot takes well under a second. One that takes longer than this is requested once more; then the connection is dead. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** Shorter, because after a sleep most sockets are dead without having noticed. */
export const RESUME_ANSWER_TIMEOUT_MS = 4000;

export interface ConnectionEvents {
  /** The message that requests a snapshot. */
  syncMessage(): string;
  snapshot(jobs: JobView[], more: boolean, mark: string | undefined): void;
  changed(job: JobView): void;
  ended(): void;
}

export type Socket = Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose" | "onerror">;

export class Connection {
  private open = false;
  private closed = false;
  private syncTimer: ReturnType<typeof setTimeout> | undefined;
  private answerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly events: ConnectionEvents,
    private readonly random: () => number,
  ) {
    // The timeout also covers a socket that never opens.
    this.expectAnswer(ANSWER_TIMEOUT_MS, 1);
    socket.onopen = () => {
      this.open = true;
      this.request(ANSWER_TIMEOUT_MS, 2, MIN_FIRST_SYNC_INTERVAL);
    };
    socket.onmessage = (event: MessageEvent) => this.receive(event.data);
    socket.onclose = () => this.end();
    socket.onerror = () => this.end();
  }

  /** Requests a snapshot. */
  sync(timeoutMs = ANSWER_TIMEOUT_MS): void {
    this.request(timeoutMs, 2, MIN_SYNC_INTERVAL);
  }

  private request(timeoutMs: number, tries: number, minInterval: number): void {
    if (!this.open || this.closed) return;
    clearTimeout(this.syncTimer);
    const interval = SYNC_INTERVAL_MS * (minInterval + (1 - minInterval) * this.random());
    this.syncTimer = setTimeout(() => this.sync(), interval);
    this.expectAnswer(timeoutMs, tries);
    try {
      this.socket.send(this.events.syncMessage());
    } catch {
      this.end();
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.syncTimer);
    clearTimeout(this.answerTimer);
    this.socket.close(1000);
  }

  private expectAnswer(timeoutMs: number, tries: number): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = setTimeout(() => {
      if (tries > 1) this.request(timeoutMs, tries - 1, MIN_SYNC_INTERVAL);
      else this.end();
    }, timeoutMs);
  }

  private receive(data: unknown): void {
    if (this.closed) return;
    const frame = parse(data);
    if (frame?.type === "snapshot") {
      clearTimeout(this.answerTimer);
      this.events.snapshot(frame.jobs, frame.more, frame.mark);
    } else if (frame?.type === "job.changed") {
      this.events.changed(frame.job);
    } else if (frame?.type === "error") {
      // The service does not know this connection any more. The page has to open another.
      this.end();
    }
  }

  private end(): void {
    if (this.closed) return;
    this.close();
    this.events.ended();
  }
}

/** Parses a push message. Undefined for other messages, such as API Gateway's errors: those show as a missing answer anyway. */
function parse(data: unknown): PushMessage | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame = JSON.parse(data) as Partial<PushMessage> | null;
    if (frame?.type === "snapshot" && Array.isArray(frame.jobs)) return frame as PushMessage;
    if (frame?.type === "job.changed" && typeof frame.job?.id === "string") return frame as PushMessage;
    if (frame?.type === "error") return frame as PushMessage;
  } catch {
    // Not JSON.
  }
  return undefined;
}
