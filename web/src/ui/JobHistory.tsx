/** What happened to a contract. */

import type { JSX } from "preact";
import { statusGroup } from "../api/status";
import type { JobDetail, JobView } from "../api/types";
import { Time } from "./components";
import { sentence } from "./labels";
import { failureWords } from "./reader-words";

/** What happened, in the reader's words: the upload, what people did, and how it ended. */
export function History({ job, detail }: { job: JobView; detail: JobDetail }): JSX.Element {
  const byPeople = detail.explanation.timeline.filter((step) => step.actor !== undefined);
  const group = statusGroup(job.status);
  return (
    <section class="card">
      <h2>History</h2>
      <ol class="timeline">
        <li>
          <Time at={job.created_at} />
          <div>Uploaded.{detail.uploaded_by !== undefined && <span class="muted"> {detail.uploaded_by}</span>}</div>
        </li>
        {byPeople.map((step, index) => (
          <Step key={index} step={step} />
        ))}
        {group === "ready" && (
          <li>
            <Time at={job.updated_at} />
            <div>Ready.</div>
          </li>
        )}
        {group === "failed" && (
          <li>
            <Time at={job.updated_at} />
            <div>{sentence(failureWords(job.failure?.cause).what)}</div>
          </li>
        )}
      </ol>
    </section>
  );
}

export function Step({ step }: { step: JobDetail["explanation"]["timeline"][number] }): JSX.Element {
  return (
    <li>
      <Time at={step.at} />
      <div>
        {sentence(step.what)}
        {step.actor !== undefined && <span class="muted"> {step.actor}</span>}
        {step.reason !== undefined && <q class="quote">{step.reason}</q>}
      </div>
    </li>
  );
}
