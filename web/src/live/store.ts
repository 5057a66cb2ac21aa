/** The jobs that the page knows, and which results are unread. */

import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";
import { Emitter } from "../lib/emitter";
import { isResult, type JobChange, type JobMap, merge } from "./merge";

export class JobCache extends Emitter {
  jobs: JobMap = new Map();
  /** Results that arrived while the page was open and have not been opened. */
  readonly unread = new Set<string>();
  /** When each job was last received: a job that a list lacks may have been created after the list was read. */
  private readonly lastSeenAt = new Map<string, number>();
  private frame = 0;

  constructor(private readonly onResults: (results: JobChange[]) => void = () => {}) {
    super();
  }

  add(incoming: readonly JobView[], pushed = false): void {
    const at = performance.now();
    for (const job of incoming) this.lastSeenAt.set(job.id, at);
    const { jobs, changes } = merge(this.jobs, incoming);
    if (jobs === this.jobs) return;
    this.jobs = jobs;
    const results = changes.filter((change) => isResult(change, pushed));
    for (const { after } of results) this.unread.add(after.id);
    for (const { after } of changes) if (statusGroup(after.status) === "open") this.unread.delete(after.id);
    this.emitSoon();
    if (results.length > 0) this.onResults(results);
  }

  /** Removes jobs that could not be confirmed. Scrolling to them loads them again. */
  remove(ids: readonly string[]): void {
    const jobs = new Map(this.jobs);
    for (const id of ids) {
      jobs.delete(id);
      this.lastSeenAt.delete(id);
      this.unread.delete(id);
    }
    this.jobs = jobs;
    this.emitSoon();
  }

  lastSeenBefore(id: string, at: number): boolean {
    return (this.lastSeenAt.get(id) ?? 0) < at;
  }

  markRead(id: string): void {
    if (this.unread.delete(id)) this.emitSoon();
  }

  /** Renders a burst of pushes once per frame. */
  private emitSoon(): void {
    if (this.frame !== 0) return;
    const render = (): void => {
      this.frame = 0;
      this.emit();
    };
    // A hidden page gets no animation frames, but its title must still change.
    this.frame = document.hidden ? (setTimeout(render, 50) as unknown as number) : requestAnimationFrame(render);
  }
}
