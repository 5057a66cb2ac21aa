import type { JobStatus, StatusGroup } from "./types";

const GROUPS: Record<JobStatus, StatusGroup> = {
  Queued: "open",
  Submitting: "open",
  InProgress: "open",
  RetryScheduled: "open",
  Ready: "ready",
  Failed: "failed",
  Cancelled: "cancelled",
  Erased: "erased",
};

/** The group of a status. A status that a later release adds is most likely a new way of waiting, so it counts as open. */
export function statusGroup(status: JobStatus): StatusGroup {
  return GROUPS[status] ?? "open";
}

export function isStatusGroup(text: string | null): text is StatusGroup {
  return (Object.values(GROUPS) as (string | null)[]).includes(text);
}
