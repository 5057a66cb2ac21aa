/** The screen of a contract: status, result, history and actions. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, errorMessage } from "../api/errors";
import { statusGroup } from "../api/status";
import type { JobDetail, JobView } from "../api/types";
import { now } from "../lib/clock";
import { formatBytes, formatDuration, plural } from "../lib/format";
import { listPath, type PageRoute } from "../lib/route";
import { CORRECTS } from "../upload/queue";
import { CommandDialog, type JobCommandName, send } from "./CommandDialog";
import { Day, EmptyState, ErrorMessage, Heading, Icon, Loading, Name, Time } from "./components";
import { useAppContext } from "./context";
import { useDownload } from "./download";
import { ForSupport } from "./ForSupport";
import { ESTIMATE_REFRESH_MS, useAsync, useEmitters } from "./hooks";
import { History } from "./JobHistory";
import { StatusIcon, WaitingTime } from "./JobRow";
import { modelWords, readySentence, sentence, sloSentence, statusLabel } from "./labels";
import { later } from "./later";
import { MarksPanel } from "./Marks";
import { Neighbours } from "./Neighbours";
import { OtherVersions } from "./OtherVersions";
import { failureWords, waitingWords } from "./reader-words";
import type { ResultProps } from "./result/Result";
import { UploadCorrected } from "./UploadCorrected";

export default function JobScreen({ route }: { route: PageRoute }): JSX.Element {
  const id = "id" in route ? route.id : "";
  const app = useAppContext();
  useEmitters(app.store);
  const pushed = app.store.jobs.get(id);
  // Loaded again for each version that is pushed, because a push has no timeline.
  const [detail, reload] = useAsync<JobDetail>(id, async () => {
    const found = await app.client.job(id);
    if (found.job) app.store.add([found.job]);
    return found;
  });
  const loadedVersion = detail.value?.job?.version ?? 0;
  useEffect(() => {
    if (pushed && detail.state === "done" && pushed.version > loadedVersion) reload();
  }, [pushed?.version, detail.state]);
  const isOpen = pushed !== undefined && statusGroup(pushed.status) === "open";
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(() => document.hidden || reload(), ESTIMATE_REFRESH_MS);
    return () => clearInterval(timer);
  }, [isOpen]);
  useEffect(() => {
    app.lastOpened = id;
    const shown = app.store.jobs.get(id);
    if (shown) app.markOpened(shown);
  }, [id, pushed?.version]);

  const job = pushed ?? detail.value?.job;
  const missing = detail.state === "failed" && detail.error instanceof ApiError && detail.error.status === 404;
  return (
    <>
      <div class="around">
        <a class="back" href={app.router.lastList}>
          <Icon name="back" /> Contracts
        </a>
        <Neighbours id={id} />
      </div>
      {missing ? (
        <>
          <Heading>Not found</Heading>
          <EmptyState icon="search" title="This contract does not exist">
            It may belong to another tenant, or its record has expired.
          </EmptyState>
        </>
      ) : job ? (
        <>
          <Job job={job} detail={detail.value} changed={reload} />
          {detail.state === "failed" && <ErrorMessage error={detail.error} onRetry={reload} />}
        </>
      ) : detail.value?.upload ? (
        <PendingUpload detail={detail.value} reload={reload} />
      ) : detail.state === "failed" ? (
        <ErrorMessage error={detail.error} onRetry={reload} />
      ) : (
        <Loading what="Loading the contract…" />
      )}
    </>
  );
}

function PendingUpload({ detail, reload }: { detail: JobDetail; reload: () => void }): JSX.Element {
  const upload = detail.upload;
  useEffect(() => {
    const timer = setInterval(reload, 10_000);
    return () => clearInterval(timer);
  }, []);
  if (!upload) return <Loading what="Loading the contract…" />;
  return (
    <>
      <Heading>
        <Name text={upload.name} />
      </Heading>
      <Card>
        <p class="lead">Waiting for the file</p>
        <p class="muted">
          {sentence(detail.explanation.summary)} The upload started <Time at={upload.created_at} /> and can be completed
          until <Time at={upload.expires_at} />.
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
  const app = useAppContext();
  const pipeline = app.pipeline(job.pipeline);
  const [showsDocument, setShowsDocument] = useState(false);
  const [dialog, setDialog] = useState<JobCommandName>();
  const [message, setMessage] = useState<string>();
  const state = statusGroup(job.status);
  const failure = failureWords(job.failure?.cause);
  const help = detail?.explanation.help ?? [];
  const mayCommand = app.may("command-jobs");
  const mayPrioritize = app.may("prioritize-jobs");
  const readable = job.contents_hidden !== true;
  const mayRetry =
    mayCommand && state === "failed" && (detail === undefined || help.some((one) => one.action === "retry"));
  const canCorrect =
    app.may("upload-documents") &&
    readable &&
    state === "failed" &&
    failure.hasReason === true &&
    pipeline !== undefined;
  // A document that is run again keeps its result meanwhile.
  const hasResult = state === "ready" || job.earlier_result !== undefined;
  const isPast = (at: number | undefined): at is number => at !== undefined && at <= now();
  const documentGone = isPast(detail?.document_kept_until) ? detail.document_kept_until : undefined;
  const resultGone = isPast(detail?.result_kept_until) ? detail.result_kept_until : undefined;
  const canRetry = mayRetry && documentGone === undefined;
  const canShowDocument = readable && !hasResult && state !== "erased" && documentGone === undefined;
  const showTenant = app.seesAllTenants || app.me.tenants.length > 1;

  const submit = async (reason: string, force: boolean): Promise<void> => {
    const body = { expected_version: job.version, reason, ...(force ? { force } : {}) };
    const { client } = app;
    try {
      const answer = await send(client, dialog ?? "retry", job.id, body);
      app.store.add([answer.job]);
      if (answer.result_recovered) setMessage("A result had already arrived, so no new run was needed.");
      else if (dialog === "delete") setMessage("The document and its result are deleted. The history stays.");
      else setMessage(undefined);
    } catch (error) {
      if (error instanceof ApiError && error.code === "changed") {
        changed();
        throw new Error("The contract has changed in the meantime. Check its current status, then decide again.");
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
          {readable && hasResult && resultGone === undefined && <Download id={job.id} />}
          {canCorrect && pipeline && <UploadCorrected pipeline={pipeline} job={job} />}
          {canShowDocument && (
            <button
              type="button"
              class="quiet"
              aria-pressed={showsDocument}
              onClick={() => setShowsDocument(!showsDocument)}
            >
              {showsDocument ? "Hide the document" : "Show the document"}
            </button>
          )}
          {canRetry && (
            <button type="button" class={canCorrect ? "quiet" : "primary"} onClick={() => setDialog("retry")}>
              <Icon name="retry" /> Try again
            </button>
          )}
          {mayCommand && state === "open" && !hasResult && (
            <button type="button" class="quiet" onClick={() => setDialog("cancel")}>
              Stop the review
            </button>
          )}
        </div>
      </div>
      <p class="meta">
        {app.pipelineLabel(job.pipeline)} · {formatBytes(job.bytes)}
        {showTenant && <> · {job.tenant}</>} · uploaded <Time at={job.created_at} />
        {detail?.uploaded_by !== undefined && <> by {detail.uploaded_by}</>}
        {detail?.document_kept_until !== undefined && <KeptUntil detail={detail} />}
      </p>
      {!readable && <p class="meta">Your role shows contracts without names, documents and results.</p>}
      <Labels job={job} />
      {detail && <OtherVersions job={job} detail={detail} />}
      {state !== "erased" && <MarksPanel job={job} canReview={hasResult} />}
      {message !== undefined && (
        <p class="notice" role="status">
          {message}
        </p>
      )}

      {state === "ready" && (
        <p class="ready-summary">
          <StatusIcon job={job} />
          <span>
            <strong>{statusLabel(job)}</strong>{" "}
            <span class="muted">
              <Time at={job.updated_at} />, after {formatDuration(job.updated_at - job.created_at)}
              {job.corrected && ". It had been reported as failed before the result arrived."}
              {job.model && <span class="model"> · model {modelWords(job.model)}</span>}
            </span>
          </span>
        </p>
      )}
      {state !== "ready" && (
        <Card kind={state}>
          <div class="status-summary">
            <StatusIcon job={job} />
            <div>
              {state === "open" && (
                <>
                  <p class="lead">{statusLabel(job)}</p>
                  {hasResult && <p>The document is reviewed again. Its present result stays, and is shown below.</p>}
                  <p class="first-letter">
                    <WaitingTime job={job} pipeline={pipeline} />
                  </p>
                  {job.ready_by && <p>{readySentence(job.ready_by, now(), app.isStaff)}</p>}
                  <p class="muted">{waitingWords(job, detail)}</p>
                  {pipeline && <p class="muted">{sloSentence(pipeline)} You can close this page.</p>}
                </>
              )}
              {state === "failed" && (
                <>
                  <p class="lead">{failure.what}</p>
                  {failure.hasReason && job.failure?.detail && <p class="quote">{job.failure.detail}</p>}
                  <p>
                    {documentGone === undefined ? (
                      failure.next
                    ) : (
                      <>
                        The document was deleted on <Day at={documentGone} />, when its retention time was over, so it
                        cannot be reviewed again. Upload it again.
                      </>
                    )}
                  </p>
                  <p class="muted">
                    Failed <Time at={job.updated_at} />
                    {job.attempt > 1 && <> after {plural(job.attempt, "try", "tries")}</>}.
                  </p>
                </>
              )}
              {state === "cancelled" && (
                <>
                  <p class="lead">The review was stopped</p>
                  <p class="muted">
                    <Time at={job.updated_at} />.{" "}
                    {job.cancelled_without_run
                      ? "Nothing of it was running."
                      : "If it was already running, its result is ignored."}
                  </p>
                </>
              )}
              {state === "erased" && (
                <>
                  <p class="lead">The data was deleted</p>
                  <p class="muted">
                    The document, its results and its name are gone. A result that arrives later is deleted too.
                  </p>
                </>
              )}
            </div>
          </div>
        </Card>
      )}

      {hasResult && resultGone !== undefined && (
        <EmptyState icon="inbox" title="The result was deleted">
          Its retention time was over on <Day at={resultGone} />.
        </EmptyState>
      )}
      {((readable && hasResult && resultGone === undefined) || (canShowDocument && showsDocument)) && (
        <Result
          id={job.id}
          shown={job.earlier_result ?? job.attempt}
          name={job.name}
          isReady={hasResult}
          results={(detail?.attempts ?? []).filter((one) => one.has_result)}
        />
      )}
      {detail && <History job={job} detail={detail} />}
      {detail && (
        <ForSupport
          job={job}
          detail={detail}
          isOpen={app.isStaff}
          onDelete={detail.may_delete && state !== "open" ? () => setDialog("delete") : undefined}
          onRunAgain={
            mayPrioritize && state === "ready" && documentGone === undefined ? () => setDialog("run-again") : undefined
          }
          onUrgent={mayPrioritize && job.status === "Queued" && !job.urgent ? () => setDialog("urgent") : undefined}
        />
      )}

      {dialog && (
        <CommandDialog
          command={dialog}
          job={job}
          pipeline={pipeline}
          canForce={mayPrioritize}
          onSubmit={submit}
          onClose={() => setDialog(undefined)}
        />
      )}
    </>
  );
}

/** Until when document and result are kept. */
function KeptUntil({ detail }: { detail: JobDetail }): JSX.Element {
  const { document_kept_until: document, result_kept_until: result } = detail;
  return (
    <>
      {document !== undefined && (
        <>
          {" "}
          · document {document > now() ? "kept until" : "deleted on"} <Day at={document} />
        </>
      )}
      {result !== undefined && (
        <>
          , result {result > now() ? "kept until" : "deleted on"} <Day at={result} />
        </>
      )}
    </>
  );
}

/** What the uploader attached to the document. */
function Labels({ job }: { job: JobView }): JSX.Element | null {
  const tags = Object.entries(job.tags ?? {}).filter(([name]) => name !== CORRECTS);
  const lane = job.lane === "bulk" ? "bulk: other documents go first" : undefined;
  const labels = [["Reference", job.reference], ["Lane", lane], ...tags].filter(
    (label): label is [string, string] => label[1] !== undefined,
  );
  if (labels.length === 0 && job.batch === undefined) return null;
  return (
    <p class="meta">
      {labels.map(([name, value]) => `${name}: ${value}`).join(" · ")}
      {job.batch !== undefined && (
        <>
          {labels.length > 0 && " · "}Batch: <a href={listPath({ batch: job.batch })}>{job.batch}</a>
        </>
      )}
    </p>
  );
}

/** The result and the document. */
const Result = later<ResultProps>(() => import("./result/Result"), "Loading the result…");

function Card({ kind = "", children }: { kind?: string; children: ComponentChildren }): JSX.Element {
  return <section class={`card ${kind}`}>{children}</section>;
}

function Download({ id }: { id: string }): JSX.Element {
  const { client } = useAppContext();
  const [state, download] = useDownload(() => client.result(id));
  return (
    <>
      <button type="button" class="primary" disabled={state.busy} onClick={download}>
        <Icon name="down" /> Download result
      </button>
      {state.error !== undefined && (
        <span class="form-error" role="alert">
          {errorMessage(state.error)}
        </span>
      )}
    </>
  );
}
