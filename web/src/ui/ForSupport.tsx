/** The part of a contract's screen for support: the service's own words, ids and attempts. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { JobDetail, JobView } from "../api/types";
import { now } from "../lib/clock";
import { Icon, Time } from "./components";
import { useAppContext } from "./context";
import { Step } from "./JobHistory";
import { ACTION_LABELS, failureLabel, modelWords, sentence } from "./labels";
import { GuideLink } from "./support/GuideLink";

/** What the service says about the job, in its own words. */
function Explanation({ job, detail }: { job: JobView; detail: JobDetail }): JSX.Element {
  const { isStaff } = useAppContext();
  const { summary, timeline, next, help } = detail.explanation;
  const actions = help.filter((one) => one.action !== "cancel" && one.action !== "result");
  return (
    <>
      <p>{sentence(summary)}</p>
      {job.failure?.detail && <p class="quote">{job.failure.detail}</p>}
      {job.failure && isStaff && (
        <p>
          <GuideLink cause={job.failure.cause} />
        </p>
      )}
      {actions.length > 0 && (
        <ul class="help">
          {actions.map((one) => (
            <li key={one.action}>
              <strong>{ACTION_LABELS[one.action]}:</strong> {one.why}
            </li>
          ))}
        </ul>
      )}
      <h3>What the service did</h3>
      <ol class="timeline">
        {timeline.map((step, index) => (
          <Step key={index} step={step} />
        ))}
        {next.map((step, index) => (
          <li key={`next-${index}`} class="coming">
            <span>
              {step.at > now() ? "by " : ""}
              <Time at={step.at} />
            </span>
            <div>{sentence(step.what)}</div>
          </li>
        ))}
      </ol>
    </>
  );
}

export function ForSupport({
  job,
  detail,
  isOpen,
  onDelete,
  onRunAgain,
  onUrgent,
}: {
  job: JobView;
  detail: JobDetail;
  isOpen: boolean;
  onDelete: (() => void) | undefined;
  onRunAgain: (() => void) | undefined;
  onUrgent: (() => void) | undefined;
}): JSX.Element {
  return (
    <details class="card for-support" open={isOpen}>
      <summary>For support: what the service did, ids and attempts</summary>
      <Explanation job={job} detail={detail} />
      <dl class="ids">
        <Id name="Job" text={job.id} />
        <Id name="Version" text={String(job.version)} />
        <Id name="Input" text={detail.input} />
        {detail.input_version !== undefined && <Id name="Input version" text={detail.input_version} />}
        {detail.trace_id !== undefined && <Id name="Trace" text={detail.trace_id} />}
        {detail.expires_at !== undefined && (
          <>
            <dt>Record kept until</dt>
            <dd>
              <Time at={detail.expires_at} />
            </dd>
          </>
        )}
      </dl>
      {detail.attempts.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Attempts">
          <table>
            <thead>
              <tr>
                <th>Attempt</th>
                <th>Started</th>
                <th>Ended</th>
                <th>Outcome</th>
                <th>Model</th>
                <th>Inference id</th>
              </tr>
            </thead>
            <tbody>
              {detail.attempts.map((attempt) => (
                <tr key={attempt.attempt}>
                  <td>{attempt.attempt}</td>
                  <td>
                    <Time at={attempt.started_at} />
                  </td>
                  <td>{attempt.closed_at !== undefined ? <Time at={attempt.closed_at} /> : "–"}</td>
                  <td>
                    {attempt.failure ? (
                      <>
                        {failureLabel(attempt.failure)}
                        {attempt.failure.detail && <span class="quote">{attempt.failure.detail}</span>}
                      </>
                    ) : attempt.closed_at !== undefined ? (
                      "Result"
                    ) : (
                      "Open"
                    )}
                  </td>
                  <td>{attempt.model ? modelWords(attempt.model) : "–"}</td>
                  <td>
                    <code>{attempt.inference_id}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {onRunAgain && (
        <p>
          <button type="button" class="quiet" onClick={onRunAgain}>
            Review again with the current model…
          </button>
        </p>
      )}
      {onUrgent && (
        <p>
          <button type="button" class="quiet" onClick={onUrgent}>
            Review this document first…
          </button>
        </p>
      )}
      {onDelete && (
        <p>
          <button type="button" class="danger quiet" onClick={onDelete}>
            Delete document and result…
          </button>
        </p>
      )}
    </details>
  );
}

function Id({ name, text }: { name: string; text: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    });
  };
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <code>{text}</code>
        <button
          type="button"
          class="icon-button"
          aria-label={`Copy ${name}`}
          title={copied ? "Copied" : "Copy"}
          onClick={copy}
        >
          <Icon name={copied ? "check" : "copy"} />
        </button>
      </dd>
    </>
  );
}
