/**
 * What is known of the jobs, from three sources that overlap: lists, snapshots and pushes. The table counts a job's
 * changes, so whatever the order of arrival the highest version is the newest, and two pages end up with the same.
 */

import { statusGroup } from "../api/status";
import type { JobView, StatusGroup } from "../api/types";

export type JobMap = ReadonlyMap<string, JobView>;

export interface JobChange {
  before: JobView | undefined;
  after: JobView;
}

/** The jobs with those of `incoming` that are newer. The same map if none is. */
export function merge(known: JobMap, incoming: readonly JobView[]): { jobs: JobMap; changes: JobChange[] } {
  const changes: JobChange[] = [];
  let jobs: Map<string, JobView> | undefined;
  for (const after of incoming) {
    const before = (jobs ?? known).get(after.id);
    if (before && before.version >= after.version) continue;
    jobs ??= new Map(known);
    jobs.set(after.id, after);
    changes.push({ before, after });
  }
  return { jobs: jobs ?? known, changes };
}

/** Whether this change is one that a person waited for. */
export function isResult(change: JobChange, pushed: boolean): boolean {
  const after = statusGroup(change.after.status);
  if (after !== "ready" && after !== "failed") return false;
  return change.before
    ? statusGroup(change.before.status) === "open" || (after === "ready" && change.before.status === "Failed")
    : pushed;
}

/** What a list shows. */
export interface JobFilter {
  tenant?: string | undefined;
  status?: StatusGroup | undefined;
  pipeline?: string | undefined;
  cause?: string | undefined;
  q?: string | undefined;
}

export function matchesFilter(filter: JobFilter, job: JobView): boolean {
  return (
    (filter.tenant === undefined || job.tenant === filter.tenant) &&
    (filter.status === undefined || statusGroup(job.status) === filter.status) &&
    (filter.pipeline === undefined || job.pipeline === filter.pipeline) &&
    (filter.cause === undefined || job.failure?.cause === filter.cause) &&
    (!filter.q || job.name.toLowerCase().startsWith(filter.q.toLowerCase()))
  );
}

/**
 * The rows of a list, newest first; the failed ones of all tenants by when they failed, as the service lists them. A list that was read back to `horizon` shows nothing older: other lists may have
 * brought a few such jobs, and a list with holes would be taken for the whole.
 */
export function visibleJobs(jobs: JobMap, filter: JobFilter, horizon: number): JobView[] {
  const found: JobView[] = [];
  for (const job of jobs.values()) if (job.created_at >= horizon && matchesFilter(filter, job)) found.push(job);
  const at = (job: JobView): number =>
    filter.tenant === undefined && filter.status === "failed" ? job.updated_at : job.created_at;
  return found.sort((a, b) => at(b) - at(a) || (a.id < b.id ? -1 : 1));
}
