/**
 * The page's `sync` message. It says what the page knows, so that the service answers with the changes only
 * (`Known` in crates/api/src/snapshot.rs).
 */

import * as LIMITS from "../api/limits";
import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";

/** The service ignores the jobs beyond this many, and one message of a browser must stay below 32 KB. */
export const MAX_KNOWN_JOBS = LIMITS.snapshotKnownJobs;
/** The service reads the rows of the first jobs of a message again, also if their status group has not changed. */
export const MAX_CHECKED_JOBS = LIMITS.snapshotCheckedJobs;
/** Of these, open jobs come first: they change most often. */
const MAX_CHECKED_OPEN_JOBS = 8;

export class SyncState {
  private mark: string | undefined;
  /** In which sync each job's row was read last. */
  private readonly checkedIn = new Map<string, number>();
  private checking: string[] = [];
  private syncs = 0;

  /** The next message. */
  message(jobs: Iterable<JobView>): string {
    if (this.mark === undefined) return '{"action":"sync"}';
    const newest = [...jobs].sort((a, b) => b.created_at - a.created_at);
    const isOpen = (job: JobView): boolean => statusGroup(job.status) === "open";
    const open = newest.filter(isOpen);
    const ended = newest.filter((job) => !isOpen(job));
    const listed = [...open, ...ended].slice(0, MAX_KNOWN_JOBS);
    const byTurn = listed.sort((a, b) => (this.checkedIn.get(a.id) ?? 0) - (this.checkedIn.get(b.id) ?? 0));
    const firstOpen = byTurn.filter(isOpen).slice(0, MAX_CHECKED_OPEN_JOBS);
    const first = new Set(
      [...firstOpen, ...byTurn.filter((job) => !firstOpen.includes(job))].slice(0, MAX_CHECKED_JOBS),
    );
    this.checking = [...first].map((job) => job.id);
    const known = [...first, ...byTurn.filter((job) => !first.has(job))];
    return JSON.stringify({
      action: "sync",
      mark: this.mark,
      known: known.map((job) => {
        const revision = job.marks?.revision;
        return [job.id, job.version, statusGroup(job.status), ...(revision === undefined ? [] : [revision])];
      }),
    });
  }

  /** The answer to the last message arrived. Without a mark, the service could not confirm its state: the old one stays. */
  answered(mark: string | undefined): void {
    this.mark = mark ?? this.mark;
    this.syncs += 1;
    for (const id of this.checking) this.checkedIn.set(id, this.syncs);
    this.checking = [];
  }
}
