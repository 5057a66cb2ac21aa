/** What people noted about a contract. Marks of a result before the newest one do not count. */

import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";

/** Older results are new to no user: one who signs in for the first time would find nothing else. */
const NEW_FOR_MS = 14 * 86_400_000;

/** The attempt whose result is shown. */
function attempt(job: JobView): number {
  return job.earlier_result ?? job.attempt;
}

/** Whether it ended lately and the reader has not opened it since, on any device. */
export function isNewTo(readerId: string, job: JobView, now: number): boolean {
  const group = statusGroup(job.status);
  if ((group !== "ready" && group !== "failed") || now - job.updated_at > NEW_FOR_MS) return false;
  const opened = job.marks?.opened;
  return opened?.attempt !== job.attempt || !opened.by.includes(readerId);
}

export function reviewedBy(job: JobView): { by: string; at: number } | undefined {
  const reviewed = job.marks?.reviewed;
  return reviewed?.attempt === attempt(job) ? reviewed : undefined;
}

export interface FoundCounts {
  serious: number;
  /** All others. */
  other: number;
  /** Of the others: those whose level the page did not understand. They may be serious. */
  unclear: number;
}

/** The counted findings of the result. Undefined if no page has counted them. */
export function countsOf(job: JobView): FoundCounts | undefined {
  const findings = job.marks?.findings;
  if (findings?.attempt !== attempt(job)) return undefined;
  return { serious: findings.serious, other: findings.other, unclear: job.marks?.unclear_findings ?? 0 };
}

/** “3 serious, 8 more”, “8 findings”, “2 of unclear level, 6 more”, “No findings”. Empty if they are not counted. */
export function foundWords(job: JobView): string {
  const counts = countsOf(job);
  if (!counts) return "";
  const { serious, other, unclear } = counts;
  const rest = other - unclear;
  const parts = [serious > 0 && `${serious} serious`, unclear > 0 && `${unclear} of unclear level`].filter(Boolean);
  if (parts.length > 0) return [...parts, ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
  if (rest > 0) return rest === 1 ? "1 finding" : `${rest} findings`;
  return "No findings";
}

/** Whether something was found that is serious, or may be. */
export function mayBeSerious({ serious, unclear }: FoundCounts): boolean {
  return serious > 0 || unclear > 0;
}

export const SORTS = { found: "Most serious first", name: "By name", uploader: "By uploader", oldest: "Oldest first" };
export type Sort = keyof typeof SORTS;

export function isSort(text: string | null | undefined): text is Sort {
  return text != null && text in SORTS;
}

/** Compares two jobs. Equal ones keep their order, which is the newest first. */
export function comparison(sort: Sort): (a: JobView, b: JobView) => number {
  switch (sort) {
    case "found": {
      // Contracts without counted findings come last.
      const weight = (job: JobView): number => {
        const counts = countsOf(job);
        return counts ? 1 + counts.serious * 1e10 + counts.unclear * 1e5 + counts.other : 0;
      };
      return (a, b) => weight(b) - weight(a);
    }
    case "name":
      return (a, b) => a.name.localeCompare(b.name);
    case "uploader":
      return (a, b) => (a.uploaded_by ?? "\uffff").localeCompare(b.uploaded_by ?? "\uffff");
    case "oldest":
      return (a, b) => a.created_at - b.created_at;
  }
}
