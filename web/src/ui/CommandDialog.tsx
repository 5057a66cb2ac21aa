/** The dialogs that ask for the reason of a command about a contract. */

import type { JSX } from "preact";
import type { Client } from "../api/client";
import * as LIMITS from "../api/limits";
import type { JobCommandRequest, JobCommandResult, JobView, PipelineView } from "../api/types";
import { formatDuration } from "../lib/format";
import { ReasonDialog } from "./Dialog";
import { sloSentence } from "./labels";

export type JobCommandName = "retry" | "run-again" | "urgent" | "cancel" | "delete";

/** Sends a command about a contract. */
export function send(
  client: Client,
  name: JobCommandName,
  id: string,
  body: JobCommandRequest,
): Promise<JobCommandResult> {
  switch (name) {
    case "retry":
      return client.retry(id, body);
    case "run-again":
      return client.runAgain(id, body);
    case "urgent":
      return client.urgent(id, body);
    case "cancel":
      return client.cancel(id, body);
    case "delete":
      return client.deleteData(id, body);
  }
}

export function CommandDialog({
  command,
  job,
  pipeline,
  canForce,
  onSubmit,
  onClose,
}: {
  command: JobCommandName;
  job: JobView;
  pipeline: PipelineView | undefined;
  /** Whether a retry can be forced. */
  canForce: boolean;
  onSubmit: (reason: string, force: boolean) => Promise<void>;
  onClose: () => void;
}): JSX.Element {
  const common = { onSubmit, onClose };
  switch (command) {
    case "retry":
      return (
        <ReasonDialog title="Try the review again" action="Try again" canForce={canForce} {...common}>
          <p class="muted">The same document is reviewed again. {pipeline && sloSentence(pipeline)}</p>
        </ReasonDialog>
      );
    case "run-again":
      return (
        <ReasonDialog title="Review the document again" action="Review again" {...common}>
          <p class="muted">
            The model that the endpoint serves now reviews the same document. The present result stays and can be
            compared with the new one, also if the new review fails.
            {pipeline && ` A run takes about ${formatDuration(pipeline.typical_run_seconds * 1000)} of an instance.`}
          </p>
        </ReasonDialog>
      );
    case "urgent":
      return (
        <ReasonDialog title="Review this document first" action="Review first" {...common}>
          <p class="muted">
            It starts before all others of its kind that wait, also those of other organizations. Reviews that have
            started go on. At most {LIMITS.urgentJobs} documents can be first at a time.
          </p>
        </ReasonDialog>
      );
    case "cancel":
      return (
        <ReasonDialog title="Stop the review" action="Stop the review" danger {...common}>
          <p class="muted">
            The document is not reviewed, and nothing else happens to it. You cannot undo this.
            {job.status !== "Queued" && " If the review is already running, its result is ignored."}
          </p>
        </ReasonDialog>
      );
    case "delete":
      return (
        <ReasonDialog title="Delete document and result" action="Delete permanently" danger {...common}>
          <p class="muted">The file and its result are deleted permanently. The history stays.</p>
        </ReasonDialog>
      );
  }
}
