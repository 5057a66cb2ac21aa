/** A WebSocket connection: it requests a snapshot when it opens and every minute, and reports when it is dead. */

import type { JobView, PushMessage } from "../api/types";

/** Also keeps the socket alive: API Gateway closes an idle one after 10 minutes (API Gateway quotas). */
export const SYNC_INTERVAL_MS = 60_000;
/** A snapshot takes well under a second, so a connection that needs longer than this is dead. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** Shorter, because after a sleep most sockets are dead without having noticed. */
export const RESUME_ANSWER_TIMEOUT_MS = 4000;

export interface ConnectionEvents {
  snapshot(jobs: JobView[], more: boolean): void;
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
  ) {
    // The timeout also covers a socket that never opens.
    this.expectAnswer(ANSWER_TIMEOUT_MS);
    socket.onopen = () => {
      this.open = true;
      this.sync();
    };
    socket.onmessage = (event: MessageEvent) => this.receive(event.data);
    socket.onclose = () => this.end();
    socket.onerror = () => this.end();
  }

  /** Requests a snapshot. */
  sync(timeoutMs = ANSWER_TIMEOUT_MS): void {
    if (!this.open || this.closed) return;
    clearTimeout(this.syncTimer);
    this.syncTimer = setTimeout(() => this.sync(), SYNC_INTERVAL_MS);
    this.expectAnswer(timeoutMs);
    try {
      this.socket.send('{"action":"sync"}');
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

  private expectAnswer(timeoutMs: number): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = setTimeout(() => this.end(), timeoutMs);
  }

  private receive(data: unknown): void {
    if (this.closed) return;
    const frame = parse(data);
    if (frame?.type === "snapshot") {
      clearTimeout(this.answerTimer);
      this.events.snapshot(frame.jobs, frame.more);
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

/** Parses a frame. Undefined for other messages, such as API Gateway's errors: those show as a missing answer anyway. */
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
