/** What a job's fields are called on the page. Nothing here says more than the service knows. */

import { statusGroup } from "../api/status";
import type {
  FailureCause,
  FailureView,
  JobAction,
  JobStatus,
  JobView,
  ModelView,
  PipelineView,
  ReadyByView,
  StatusGroup,
} from "../api/types";
import { formatMoment, humanize, roughDuration } from "../lib/format";
import type { IconName } from "./components";

const STATUS_LABELS: Record<JobStatus, (job: JobView) => string> = {
  Queued: () => "Queued",
  Submitting: () => "Submitting",
  // SageMaker does not report whether the request is queued or running.
  InProgress: (job) => (job.attempt > 1 ? `Processing, attempt ${job.attempt}` : "Processing"),
  RetryScheduled: () => "Retry scheduled",
  Ready: (job) => (job.corrected ? "Ready (corrected)" : "Ready"),
  Failed: () => "Failed",
  Cancelled: () => "Cancelled",
  Erased: () => "Data deleted",
};

export function statusLabel(job: JobView): string {
  return (STATUS_LABELS[job.status] ?? STATUS_LABELS.InProgress)(job);
}

const STATUS_ICONS: Record<JobStatus, IconName | "spinner"> = {
  Queued: "pause",
  Submitting: "spinner",
  InProgress: "spinner",
  RetryScheduled: "retry",
  Ready: "check",
  Failed: "alert",
  Cancelled: "stop",
  Erased: "stop",
};

export function statusIcon(status: JobStatus): IconName | "spinner" {
  return STATUS_ICONS[status] ?? "spinner";
}

export const GROUP_LABELS: Record<StatusGroup, string> = {
  open: "Open",
  ready: "Ready",
  failed: "Failed",
  cancelled: "Cancelled",
  erased: "Data deleted",
};

const CAUSE_LABELS: Record<FailureCause, string> = {
  InvalidInput: "The document is invalid",
  Superseded: "A newer version was uploaded",
  ModelRejected: "The model rejected the document",
  ModelError: "The model returned an error",
  TimedOut: "The model did not answer in time",
  Expired: "The request expired in the endpoint's queue",
  Lost: "No result arrived before the deadline",
  PipelineGone: "The pipeline is no longer configured",
  Refused: "The endpoint refused the request",
  Unprocessable: "The model failed twice on this document",
  EndpointDown: "The endpoint was down",
  Unknown: "Unknown failure",
};

/** The label of a cause. Counts and filters carry causes as plain text, and a later release may add one. */
export function causeLabel(cause: string): string {
  return cause in CAUSE_LABELS ? CAUSE_LABELS[cause as FailureCause] : humanize(cause);
}

/** The cause of an attempt's failure, and the status with which the model's container answered. */
export function failureLabel({ cause, container_status: status }: FailureView): string {
  return status == null ? causeLabel(cause) : `${causeLabel(cause)} (HTTP ${status})`;
}

export const ACTION_LABELS: Record<JobAction, string> = {
  retry: "Retry",
  cancel: "Cancel",
  result: "Result",
  upload: "Upload again",
  operate: "For operators",
};

export function isPastSlo(job: JobView, pipeline: PipelineView | undefined, now: number): boolean {
  if (pipeline === undefined || statusGroup(job.status) !== "open") return false;
  return now - job.created_at > pipeline.slo_seconds * 1000;
}

/** "ready about 14:10"; nothing if that is not known. */
export function readyAbout(job: JobView, now: number): string {
  const about = job.ready_by?.about;
  if (about == null) return "";
  return `ready about ${formatMoment(Math.max(about, now), now)}`;
}

/** "Ready about 14:10, at the latest 14:16.", or why that is not known. Staff also reads what it is based on. */
export function readySentence(ready: ReadyByView, now: number, isStaff: boolean): string {
  if (ready.about == null || ready.latest == null)
    return ready.earliest == null
      ? ready.explanation
      : `Not before ${formatMoment(ready.earliest, now)}. ${ready.explanation}`;
  const about = formatMoment(ready.about, now);
  const sentence = `Ready about ${about}, at the latest ${formatMoment(ready.latest, now)}.`;
  return isStaff ? `${sentence} ${ready.explanation}` : sentence;
}

export function sloSentence(pipeline: PipelineView): string {
  const [usual, within] = [pipeline.typical_run_seconds, pipeline.slo_seconds].map(roughDuration);
  return `A review takes about ${usual} once it starts, and should be ready within ${within}.`;
}

/** The version of a model. Two, if the endpoint was updated meanwhile. */
export function modelWords(model: ModelView): string {
  const names = model.other == null ? model.version : `${model.version} or ${model.other}`;
  return model.uncertain ? `${names} (uncertain)` : names;
}

/** Makes a sentence of a phrase of the service, which starts in lower case and has no full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…”"]$/.test(start) ? start : `${start}.`;
}
