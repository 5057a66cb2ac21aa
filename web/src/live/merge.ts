/**
 * Merges jobs from three overlapping sources: lists, snapshots and pushes. Each change increments a job's version, so the
 * highest version is the newest whatever the order of arrival, and two pages end up with the same state.
 */

import { statusGroup } from "../api/status";
import type { FoundFilter, JobView, StatusGroup } from "../api/types";
import { foldName } from "../lib/name";
import { countsOf, mayBeSerious, reviewedBy } from "./marks";

export type JobMap = ReadonlyMap<string, JobView>;

export interface JobChange {
  before: JobView | undefined;
  after: JobView;
}

/** Adds the jobs of `incoming` that are newer, newer marks, and newer estimates. Returns the same map if there are none. */
export function merge(known: JobMap, incoming: readonly JobView[]): { jobs: JobMap; changes: JobChange[] } {
  const changes: JobChange[] = [];
  let jobs: Map<string, JobView> | undefined;
  for (const job of incoming) {
    const before = (jobs ?? known).get(job.id);
    const isOlder = before !== undefined && before.version > job.version;
    // Marks and the job change independently.
    const newer = isOlder ? before : withEstimate(before, withContents(before, job));
    const after = withNewerMarks(newer, isOlder ? job : before);
    const isNew = isNewEstimate(before, after) || hasNewMarks(before, after) || hasNewContents(before, after);
    if (before && before.version >= after.version && !isNew) continue;
    jobs ??= new Map(known);
    jobs.set(after.id, after);
    changes.push({ before, after });
  }
  return { jobs: jobs ?? known, changes };
}

function revision(job: JobView | undefined): number {
  return job?.marks?.revision ?? 0;
}

function hasNewContents(before: JobView | undefined, after: JobView): boolean {
  return before?.contents_hidden === true && after.contents_hidden !== true;
}

function hasNewMarks(before: JobView | undefined, after: JobView): boolean {
  return revision(after) > revision(before);
}

/** The job with the other view's marks, if these are newer. The deletion of the data removes them. */
function withNewerMarks(job: JobView, other: JobView | undefined): JobView {
  const marks = other?.marks;
  if (!marks || revision(other) <= revision(job) || statusGroup(job.status) === "erased") return job;
  return { ...job, marks };
}

/**
 * Pushes to people who may read only some of the jobs that they see have no contents: a job keeps those that are known. The
 * deletion of the data removes them.
 */
function withContents(before: JobView | undefined, after: JobView): JobView {
  if (!before || before.contents_hidden || !after.contents_hidden || statusGroup(after.status) === "erased")
    return after;
  const { name, reference, batch, tags } = before;
  const marks = revision(after) > revision(before) ? after.marks : before.marks;
  return {
    ...after,
    contents_hidden: false,
    name,
    ...(reference !== undefined && { reference }),
    ...(batch !== undefined && { batch }),
    ...(tags !== undefined && { tags }),
    ...(marks !== undefined && { marks }),
  };
}

/** Pushes have no estimate: a job keeps its last one while it waits for the same attempt. */
function withEstimate(before: JobView | undefined, after: JobView): JobView {
  const known = before?.ready_by;
  if (known === undefined || after.ready_by !== undefined || after.attempt !== before?.attempt) return after;
  if (statusGroup(after.status) !== "open" || after.status === "RetryScheduled" || after.status === "Queued")
    return after;
  return { ...after, ready_by: known };
}

function isNewEstimate(before: JobView | undefined, after: JobView): boolean {
  const [old, now] = [before?.ready_by, after.ready_by];
  return (
    now !== undefined &&
    (old?.about !== now.about || old?.latest !== now.latest || old?.explanation !== now.explanation)
  );
}

/** Whether this change is a result that the user waits for. */
export function isResult(change: JobChange, pushed: boolean): boolean {
  const after = statusGroup(change.after.status);
  if (after !== "ready" && after !== "failed") return false;
  return change.before
    ? statusGroup(change.before.status) === "open" || (after === "ready" && change.before.status === "Failed")
    : pushed;
}

export interface JobFilter {
  tenant?: string | undefined;
  status?: StatusGroup | undefined;
  pipeline?: string | undefined;
  cause?: string | undefined;
  batch?: string | undefined;
  q?: string | undefined;
  uploader?: string | undefined;
  /** Empty: unassigned. */
  assigned?: string | undefined;
  reviewed?: boolean | undefined;
  found?: FoundFilter | undefined;
  /** Created at or after this time. */
  since?: number | undefined;
}

export function matchesFilter(filter: JobFilter, job: JobView): boolean {
  return (
    (filter.tenant === undefined || job.tenant === filter.tenant) &&
    (filter.status === undefined || statusGroup(job.status) === filter.status) &&
    (filter.pipeline === undefined || job.pipeline === filter.pipeline) &&
    (filter.cause === undefined || job.failure?.cause === filter.cause) &&
    (filter.batch === undefined || job.batch === filter.batch) &&
    (filter.since === undefined || job.created_at >= filter.since) &&
    (filter.uploader === undefined || job.uploaded_by === filter.uploader) &&
    (filter.assigned === undefined || (job.marks?.assigned_to ?? "") === filter.assigned) &&
    (filter.reviewed === undefined || (hasResult(job) && filter.reviewed === (reviewedBy(job) !== undefined))) &&
    (filter.found === undefined || hasFound(job, filter.found)) &&
    (!filter.q || foldName(job.name).startsWith(foldName(filter.q)))
  );
}

function hasResult(job: JobView): boolean {
  return statusGroup(job.status) === "ready" || job.earlier_result !== undefined;
}

function hasFound(job: JobView, wanted: FoundFilter): boolean {
  const counts = countsOf(job);
  if (!counts) return false;
  if (wanted === "serious") return mayBeSerious(counts);
  return counts.serious + counts.other > 0 === (wanted === "any");
}

/**
 * The jobs of a list, newest first. Failed jobs of all tenants are ordered by when they failed, as the service does.
 * A list that is loaded back to `horizon` shows nothing older: other lists may have loaded a few such jobs, and a list
 * with gaps would look complete.
 */
export function visibleJobs(jobs: JobMap, filter: JobFilter, horizon: number): JobView[] {
  const found: JobView[] = [];
  for (const job of jobs.values()) if (job.created_at >= horizon && matchesFilter(filter, job)) found.push(job);
  const at = (job: JobView): number =>
    filter.tenant === undefined && filter.status === "failed" ? job.updated_at : job.created_at;
  return found.sort((a, b) => at(b) - at(a) || (a.id < b.id ? -1 : 1));
}
