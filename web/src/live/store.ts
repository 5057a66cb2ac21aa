/** The jobs of one page, and what is new to the person who looks at it. */

import type { JobView } from "../api/types";
import { Emitter } from "../lib/emitter";
import { type Change, type Jobs, group, isResult, merge } from "./merge";

export class JobStore extends Emitter {
  jobs: Jobs = new Map();
  /** Results that came while the page was open and were not opened yet. */
  readonly unread = new Set<string>();
  /** When something was last heard of each job: what a list does not name may have arrived after the list was made. */
  private readonly heardAt = new Map<string, number>();
  private frame = 0;

  constructor(private readonly onResults: (results: Change[]) => void = () => {}) {
    super();
  }

  take(incoming: readonly JobView[], pushed = false): void {
    const at = performance.now();
    for (const job of incoming) this.heardAt.set(job.id, at);
    const { jobs, changes } = merge(this.jobs, incoming);
    if (jobs === this.jobs) return;
    this.jobs = jobs;
    const results = changes.filter((change) => isResult(change, pushed));
    for (const { after } of results) this.unread.add(after.id);
    for (const { after } of changes) if (group(after.status) === "open") this.unread.delete(after.id);
    this.emitSoon();
    if (results.length > 0) this.onResults(results);
  }

  /** Drops what could not be confirmed; it is fetched again when somebody scrolls to it. */
  forget(ids: readonly string[]): void {
    const jobs = new Map(this.jobs);
    for (const id of ids) {
      jobs.delete(id);
      this.heardAt.delete(id);
      this.unread.delete(id);
    }
    this.jobs = jobs;
    this.emitSoon();
  }

  heardBefore(id: string, at: number): boolean {
    return (this.heardAt.get(id) ?? 0) < at;
  }

  read(id: string): void {
    if (this.unread.delete(id)) this.emitSoon();
  }

  /** A burst of pushes is drawn once a frame. */
  private emitSoon(): void {
    if (this.frame !== 0) return;
    const draw = (): void => {
      this.frame = 0;
      this.emit();
    };
    // A hidden page gets no frames, but its title must still tell.
    this.frame = document.hidden ? (setTimeout(draw, 50) as unknown as number) : requestAnimationFrame(draw);
  }
}
