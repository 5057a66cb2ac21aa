/** One contract: where it stands, what was found, what happened, what can be done. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, wordsFor } from "../api/client";
import type { JobDetail, JobView } from "../api/types";
import { now } from "../lib/clock";
import { bytes, duration, plural } from "../lib/format";
import { group } from "../live/merge";
import { useDesk } from "./desk";
import { ReasonDialog } from "./Dialog";
import { useHeard, useLoaded } from "./hooks";
import { Empty, Heading, Icon, Moment, Name, Trouble, Waiting } from "./parts";
import { Result, useDownload } from "./Result";
import { Mark, WaitingTime } from "./Row";
import { cause, promise, sentence, waiting } from "./words";

export function JobScreen({ id }: { id: string }): JSX.Element {
  const desk = useDesk();
  useHeard(desk.store);
  const pushed = desk.store.jobs.get(id);
  // Asked again for each version that is pushed: the timeline is not in the push.
  const [detail, again] = useLoaded<JobDetail>(id, async () => {
    const found = await desk.client.job(id);
    if (found.job) desk.store.take([found.job]);
    return found;
  });
  const told = detail.value?.job?.version ?? 0;
  useEffect(() => {
    if (pushed && detail.state === "done" && pushed.version > told) again();
  }, [pushed?.version, detail.state]);
  useEffect(() => {
    desk.lastOpened = id;
    desk.store.read(id);
  }, [id, pushed?.version]);

  const job = pushed ?? detail.value?.job;
  const missing = detail.state === "failed" && detail.error instanceof Refused && detail.error.status === 404;
  return (
    <>
      <a class="back" href={desk.router.lastList}>
        <Icon name="back" /> Contracts
      </a>
      {missing ? (
        <>
          <Heading>Not found</Heading>
          <Empty icon="search" title="There is no such contract">
            It may belong to somebody else, or its record was deleted after its time.
          </Empty>
        </>
      ) : job ? (
        <>
          <Job job={job} detail={detail.value} changed={again} />
          {detail.state === "failed" && <Trouble error={detail.error} again={again} />}
        </>
      ) : detail.value?.upload ? (
        <Arriving detail={detail.value} again={again} />
      ) : detail.state === "failed" ? (
        <Trouble error={detail.error} again={again} />
      ) : (
        <Waiting what="Fetching the contract…" />
      )}
    </>
  );
}

function Arriving({ detail, again }: { detail: JobDetail; again: () => void }): JSX.Element {
  const upload = detail.upload;
  useEffect(() => {
    const timer = setInterval(again, 10_000);
    return () => clearInterval(timer);
  }, []);
  if (!upload) return <Waiting what="Fetching the contract…" />;
  return (
    <>
      <Heading>
        <Name text={upload.name} />
      </Heading>
      <Card>
        <p class="lead">The file has not arrived yet.</p>
        <p class="muted">
          {sentence(detail.explanation.summary)} The upload was begun <Moment at={upload.created_at} /> and can be
          completed until <Moment at={upload.expires_at} />.
        </p>
      </Card>
    </>
  );
}

function Job({
  job,
  detail,
  changed,
}: {
  job: JobView;
  detail: JobDetail | undefined;
  changed: () => void;
}): JSX.Element {
  const desk = useDesk();
  const pipeline = desk.pipeline(job.pipeline);
  const [asking, setAsking] = useState<"retry" | "cancel" | "delete">();
  const [note, setNote] = useState<string>();
  const state = group(job.status);
  const help = detail?.explanation.help ?? [];
  const canRetry = state === "failed" && (detail === undefined || help.some((one) => one.action === "retry"));
  const showTenant = desk.isSupport || desk.me.tenants.length > 1;

  const order = async (reason: string, force: boolean): Promise<void> => {
    const seen = { seen: job.version, reason, ...(force ? { force } : {}) };
    const { client } = desk;
    try {
      const answer =
        asking === "retry"
          ? await client.retry(job.id, seen)
          : asking === "cancel"
            ? await client.cancel(job.id, seen)
            : await client.deleteData(job.id, seen);
      desk.store.take([answer.job]);
      if (answer.result_found) setNote("A result had come after all; no new run was needed.");
      else if (asking === "delete")
        setNote("The document and its result are deleted. The record of what happened stays.");
      else setNote(undefined);
    } catch (error) {
      if (error instanceof Refused && error.word === "changed") {
        changed();
        throw new Error("The contract has changed in the meantime. Look at where it stands now, then decide again.");
      }
      throw error;
    } finally {
      changed();
    }
  };

  return (
    <>
      <div class="screen-head">
        <Heading>
          <Name text={job.name} />
        </Heading>
        <div class="buttons">
          {state === "ready" && <Download id={job.id} />}
          {canRetry && (
            <button type="button" class="primary" onClick={() => setAsking("retry")}>
              <Icon name="retry" /> Try again
            </button>
          )}
          {state === "open" && (
            <button type="button" class="quiet" onClick={() => setAsking("cancel")}>
              Cancel
            </button>
          )}
        </div>
      </div>
      <p class="meta">
        {job.pipeline} · {bytes(job.bytes)}
        {showTenant && <> · {job.tenant}</>} · uploaded <Moment at={job.created_at} />
        {detail?.uploaded_by !== undefined && <> by {detail.uploaded_by}</>}
      </p>
      {note !== undefined && (
        <p class="note" role="status">
          {note}
        </p>
      )}

      {state === "ready" && (
        <p class="ready-line">
          <Mark job={job} />
          <span>
            <strong>Ready{job.corrected ? " after all" : ""}</strong>{" "}
            <span class="muted">
              <Moment at={job.updated_at} />, after {duration(job.updated_at - job.created_at)}
              {job.corrected && ". It had been announced as failed; then the result came."}
            </span>
          </span>
        </p>
      )}
      {state !== "ready" && (
        <Card kind={state}>
          <div class="standing">
            <Mark job={job} />
            <div>
              {state === "open" && (
                <>
                  <p class="lead">
                    {detail?.explanation.waiting?.on === "stalled" ? "Held up: nobody looks after it" : waiting(job)}
                  </p>
                  <p class="first-letter">
                    <WaitingTime job={job} pipeline={pipeline} />
                  </p>
                  {detail && <p class="muted">{sentence(detail.explanation.summary)}</p>}
                  {pipeline && <p class="muted">{promise(pipeline)} You may close this page; nothing is lost.</p>}
                </>
              )}
              {state === "failed" && (
                <>
                  <p class="lead">{cause(job.failure?.cause ?? "Unknown")}</p>
                  {job.failure?.detail && <p class="said">{job.failure.detail}</p>}
                  <p class="muted">
                    Failed <Moment at={job.updated_at} /> after {plural(job.attempt, "attempt")}.
                  </p>
                </>
              )}
              {state === "cancelled" && (
                <>
                  <p class="lead">Canceled</p>
                  <p class="muted">
                    <Moment at={job.updated_at} />. If a result still comes, it is dropped.
                  </p>
                </>
              )}
              {help.some((one) => one.action !== "cancel") && (
                <ul class="help">
                  {help
                    .filter((one) => one.action !== "cancel")
                    .map((one) => (
                      <li key={one.action}>
                        <strong>{HELP[one.action]}:</strong> {one.why}
                      </li>
                    ))}
                </ul>
              )}
            </div>
          </div>
        </Card>
      )}

      {state === "ready" && <Result id={job.id} version={job.version} />}
      {detail && <History detail={detail} />}
      {detail && (
        <Technical
          job={job}
          detail={detail}
          onDelete={desk.isSupport && state !== "open" ? () => setAsking("delete") : undefined}
        />
      )}

      {asking === "retry" && (
        <ReasonDialog
          title="Try this contract again"
          action="Try again"
          canForce={desk.isSupport}
          order={order}
          onClose={() => setAsking(undefined)}
        >
          <p class="muted">The same file is sent to the model once more. {pipeline && promise(pipeline)}</p>
        </ReasonDialog>
      )}
      {asking === "cancel" && (
        <ReasonDialog
          title="Cancel this contract"
          action="Cancel the contract"
          danger
          order={order}
          onClose={() => setAsking(undefined)}
        >
          <p class="muted">
            A canceled contract stays canceled. What runs already runs to its end, and its result is dropped.
          </p>
        </ReasonDialog>
      )}
      {asking === "delete" && (
        <ReasonDialog
          title="Delete document and result"
          action="Delete for good"
          danger
          order={order}
          onClose={() => setAsking(undefined)}
        >
          <p class="muted">The file and what was made of it are deleted for good. The record of what happened stays.</p>
        </ReasonDialog>
      )}
    </>
  );
}

const HELP = {
  retry: "Try again",
  cancel: "Cancel",
  result: "Result",
  upload: "Upload again",
  operate: "For operators",
} as const;

function Card({ kind = "", children }: { kind?: string; children: ComponentChildren }): JSX.Element {
  return <section class={`card ${kind}`}>{children}</section>;
}

function Download({ id }: { id: string }): JSX.Element {
  const [state, download] = useDownload(id);
  return (
    <>
      <button type="button" class="primary" disabled={state.busy} onClick={download}>
        <Icon name="down" /> Download result
      </button>
      {state.error !== undefined && (
        <span class="form-error" role="alert">
          {wordsFor(state.error)}
        </span>
      )}
    </>
  );
}

function History({ detail }: { detail: JobDetail }): JSX.Element {
  const { timeline, next } = detail.explanation;
  return (
    <section class="card">
      <h2>What happened</h2>
      <ol class="timeline">
        {timeline.map((step, index) => (
          <li key={index}>
            <Moment at={step.at} />
            <div>
              {sentence(step.what)}
              {step.actor !== undefined && <span class="muted"> {step.actor}</span>}
              {step.reason !== undefined && <q class="said">{step.reason}</q>}
            </div>
          </li>
        ))}
        {next.map((step, index) => (
          <li key={`next-${index}`} class="coming">
            <span>
              {step.at > now() ? "by " : ""}
              <Moment at={step.at} />
            </span>
            <div>{sentence(step.what)}</div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Technical({
  job,
  detail,
  onDelete,
}: {
  job: JobView;
  detail: JobDetail;
  onDelete: (() => void) | undefined;
}): JSX.Element {
  return (
    <details class="card">
      <summary>For support: ids, attempts, addresses</summary>
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
              <Moment at={detail.expires_at} />
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
                <th>Began</th>
                <th>Ended</th>
                <th>What came of it</th>
                <th>Inference id</th>
              </tr>
            </thead>
            <tbody>
              {detail.attempts.map((attempt) => (
                <tr key={attempt.attempt}>
                  <td>{attempt.attempt}</td>
                  <td>
                    <Moment at={attempt.started_at} />
                  </td>
                  <td>{attempt.closed_at !== undefined ? <Moment at={attempt.closed_at} /> : "–"}</td>
                  <td>
                    {attempt.failure ? (
                      <>
                        {cause(attempt.failure.cause)}
                        {attempt.failure.detail && <span class="said">{attempt.failure.detail}</span>}
                      </>
                    ) : attempt.closed_at !== undefined ? (
                      "A result"
                    ) : (
                      "Open"
                    )}
                  </td>
                  <td>
                    <code>{attempt.inference_id}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
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
