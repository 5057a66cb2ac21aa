/**
 * What readers of contracts are told. They know documents and reviews, not endpoints, attempts or models. What the service
 * itself says stands under "For support".
 */

import type { FailureCause, JobDetail, JobView } from "../api/types";

interface FailureText {
  what: string;
  next: string;
  /** Whether the failure's detail is meant for the person who uploaded the document. */
  hasReason?: boolean;
}

const TRY_AGAIN = "It may succeed if you try again. If it fails again, ask support.";
const ASK_SUPPORT = "Support can see why. Trying again helps only after the cause is gone.";

const CAUSES: Record<FailureCause, FailureText> = {
  InvalidInput: { what: "The document cannot be read", next: "Upload a corrected document.", hasReason: true },
  Superseded: { what: "A newer version was uploaded", next: "The newer version is reviewed instead." },
  ModelRejected: {
    what: "The document was rejected",
    next: "Correct the document and upload it again.",
    hasReason: true,
  },
  ModelError: { what: "The review failed", next: TRY_AGAIN },
  TimedOut: { what: "The review took too long", next: TRY_AGAIN },
  Expired: { what: "The review could not start in time", next: ASK_SUPPORT },
  Lost: { what: "The review gave no result", next: TRY_AGAIN },
  PipelineGone: { what: "This kind of review is no longer offered", next: "Ask support." },
  Refused: { what: "The review could not start", next: ASK_SUPPORT },
  Unprocessable: {
    what: "The document cannot be reviewed",
    next: "Change the document, such as by splitting or printing it again, and upload that.",
  },
  EndpointDown: { what: "The review could not start in time", next: ASK_SUPPORT },
  Unknown: { what: "The review failed", next: TRY_AGAIN },
};

/** Why a contract failed. A later release may add a cause. */
export function failureWords(cause: string | undefined): FailureText {
  return CAUSES[(cause ?? "Unknown") as FailureCause] ?? CAUSES.Unknown;
}

/** What an open contract is doing. */
export function waitingWords(job: JobView, detail: JobDetail | undefined): string {
  if (detail?.explanation.waiting?.on === "stalled")
    return "This takes longer than it should. If it is urgent, ask support.";
  if (detail?.explanation.waiting?.on === "breaker")
    return "Reviews of this kind do not work at the moment. This one starts by itself as soon as they do.";
  switch (job.status) {
    case "Queued":
      return queuedWords(detail);
    case "Submitting":
      return "The document has arrived. Its review starts in a moment.";
    case "RetryScheduled":
      return "A first try failed. The next one starts by itself.";
    default:
      return job.attempt > 1
        ? "A first try failed. The review was started again and is waiting or running."
        : "The review is waiting for its turn or running.";
  }
}

function queuedWords(detail: JobDetail | undefined): string {
  const waiting = detail?.explanation.waiting;
  if (waiting?.on === "pause")
    return "Reviews are paused at the moment. This one starts by itself when the pause ends.";
  if (detail?.job?.urgent) return "The document is the next to be reviewed. Its review starts by itself.";
  const place = waiting?.turn === undefined ? "" : `, ${waiting.turn}`;
  return `The document waits for its turn${place}. Its review starts by itself.`;
}
