/** One WebSocket: it asks for the state when it opens and every minute, and says when it is of no use any more. */

import type { Frame, JobView } from "../api/types";

/** Also keeps the socket alive: API Gateway closes one that is silent for 10 minutes (API Gateway quotas). */
export const SYNC_MS = 60_000;
/** A snapshot takes well under a second; a line that needs this long is dead. */
export const ANSWER_MS = 10_000;
/** After a sleep most sockets are dead without knowing it, so the answer is awaited less patiently. */
export const WAKE_ANSWER_MS = 4000;

export interface LineEvents {
  snapshot(jobs: JobView[], more: boolean): void;
  changed(job: JobView): void;
  ended(): void;
}

export type Socket = Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose" | "onerror">;

export class Line {
  private open = false;
  private over = false;
  private beat: ReturnType<typeof setTimeout> | undefined;
  private answer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly events: LineEvents,
  ) {
    // Also a socket that never opens gets no longer than that.
    this.await(ANSWER_MS);
    socket.onopen = () => {
      this.open = true;
      this.sync();
    };
    socket.onmessage = (event: MessageEvent) => this.heard(event.data);
    socket.onclose = () => this.end();
    socket.onerror = () => this.end();
  }

  /** Asks for a snapshot. */
  sync(patience = ANSWER_MS): void {
    if (!this.open || this.over) return;
    clearTimeout(this.beat);
    this.beat = setTimeout(() => this.sync(), SYNC_MS);
    this.await(patience);
    try {
      this.socket.send('{"action":"sync"}');
    } catch {
      this.end();
    }
  }

  close(): void {
    this.over = true;
    clearTimeout(this.beat);
    clearTimeout(this.answer);
    this.socket.close(1000);
  }

  private await(patience: number): void {
    clearTimeout(this.answer);
    this.answer = setTimeout(() => this.end(), patience);
  }

  private heard(data: unknown): void {
    if (this.over) return;
    const frame = parse(data);
    if (frame?.type === "snapshot") {
      clearTimeout(this.answer);
      this.events.snapshot(frame.jobs, frame.more);
    } else if (frame?.type === "job.changed") {
      this.events.changed(frame.job);
    } else if (frame?.type === "error") {
      // The service does not know this line (any more). A new one it will.
      this.end();
    }
  }

  private end(): void {
    if (this.over) return;
    this.close();
    this.events.ended();
  }
}

/** A frame, if it is one. Others (API Gateway's own error messages) say nothing that the missing answer does not. */
function parse(data: unknown): Frame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame = JSON.parse(data) as Partial<Frame> | null;
    if (frame?.type === "snapshot" && Array.isArray(frame.jobs)) return frame as Frame;
    if (frame?.type === "job.changed" && typeof frame.job?.id === "string") return frame as Frame;
    if (frame?.type === "error") return frame as Frame;
  } catch {
    // Not ours.
  }
  return undefined;
}
