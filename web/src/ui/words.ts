/** What a job's fields mean to the person who waits. Nothing here says more than the service knows. */

import type { JobView, PipelineView } from "../api/types";
import { about, words } from "../lib/format";
import { group } from "../live/merge";

const CAUSES: Record<string, string> = {
  InvalidInput: "The document cannot be read",
  Superseded: "A newer version took over",
  ModelRejected: "The model will not take it",
  ModelError: "The model broke down over it",
  TimedOut: "The model did not answer in time",
  Expired: "It waited too long for the model",
  Lost: "No answer came in time",
  PipelineGone: "The pipeline no longer takes documents",
  Refused: "The model did not take the request",
  Unknown: "It failed in an unknown way",
};

export function cause(name: string): string {
  return CAUSES[name] ?? words(name);
}

/** Where an open job stands. Whether the endpoint still queues it or already works on it, nobody is told. */
export function waiting(job: JobView): string {
  switch (job.status) {
    case "Submitting":
      return "Being handed over";
    case "RetryScheduled":
      return "Will be tried again";
    default:
      return job.attempt > 1 ? `With the model, try ${job.attempt}` : "With the model";
  }
}

/** Whether it takes longer than was promised. */
export function isLate(job: JobView, pipeline: PipelineView | undefined, now: number): boolean {
  return (
    pipeline !== undefined && group(job.status) === "open" && now - job.created_at > pipeline.promise_seconds * 1000
  );
}

export function promise(pipeline: PipelineView): string {
  return `A run takes about ${about(pipeline.typical_run_seconds)}; the result is promised within ${about(pipeline.promise_seconds)}.`;
}

/** The service's sentences begin in the lower case and have no stop, to stand inside others. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…”"]$/.test(start) ? start : `${start}.`;
}
