/** The result of a contract: summary, findings, clauses and facts, and everything else that the model wrote. */

import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { ApiError } from "../../api/errors";
import type { AttemptView, ResultView } from "../../api/types";
import { formatBytes } from "../../lib/format";
import { EmptyState, ErrorMessage, Loading } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";
import "../../style/result.css";
import { type Place, placesOf } from "../document/places";
import { Beside, LazyViewer } from "./Beside";
import { type Choice, ComparisonView, ResultChoice } from "./Compare";
import { recordCounts } from "./count";
import { FoldableJson } from "./FoldButtons";
import { JsonSearch } from "./JsonSearch";
import { type LoadedResult, loadResult } from "./load";
import { PrintingContext, useIsPrinting } from "./printing";
import { ReviewView } from "./ReviewView";
import { TakeAway } from "./Take";
import { isUnderstood, type Understood, understand } from "./understand";

/** A contract's result beside its document; without a result, only the document. */
export default function Result({ id, shown, name, isReady, results }: ResultProps): JSX.Element {
  const { client } = useAppContext();
  const sign = useCallback(() => client.document(id), [id]);
  const [choice, setChoice] = useState<Choice>();
  if (isReady && results.length > 1) {
    const newest = results[results.length - 1] as AttemptView;
    const chosen = choice ?? { attempt: newest.attempt, with: undefined };
    return (
      <>
        <ResultChoice id={id} results={results} choice={chosen} onChoose={setChoice} />
        <Chosen id={id} name={name} sign={sign} results={results} choice={chosen} />
      </>
    );
  }
  if (isReady) return <ReadyResult id={id} shown={shown} name={name} sign={sign} />;
  return (
    <div class="beside">
      <div class="document">
        <LazyViewer name={name} sign={sign} places={NO_PLACES} target={undefined} onPick={() => {}} />
      </div>
    </div>
  );
}

export interface ResultProps {
  id: string;
  /** The attempt whose result is the job's. */
  shown: number;
  /** Of the document. */
  name: string;
  /** It has a result. */
  isReady: boolean;
  /** The attempts with a result, oldest first. Several, if the document was run again. */
  results: readonly AttemptView[];
}

const NO_PLACES: readonly Place[] = [];

/** One of several results, or what differs between two. */
function Chosen({
  id,
  name,
  sign,
  results,
  choice,
}: Omit<ReadyProps, "shown" | "attempt"> & { results: readonly AttemptView[]; choice: Choice }): JSX.Element {
  const [older, newer] = results.filter((one) => one.attempt === choice.attempt || one.attempt === choice.with);
  if (older && newer) return <ComparisonView id={id} older={older} newer={newer} />;
  return <ReadyResult id={id} shown={choice.attempt} attempt={choice.attempt} name={name} sign={sign} />;
}

interface ReadyProps {
  id: string;
  /** Only another attempt's result is loaded anew: the reader keeps place while the job is run again. */
  shown: number;
  /** Whose result it is; without it, the job's. */
  attempt?: number;
  name: string;
  sign: () => Promise<ResultView>;
}

function ReadyResult({ id, shown, attempt, name, sign }: ReadyProps): JSX.Element {
  const { client } = useAppContext();
  const [result, reload] = useAsync<LoadedResult>(`${id}:${shown}:${attempt ?? ""}`, () =>
    loadResult(client, id, attempt),
  );
  if (result.state === "failed") {
    const gone = result.error instanceof ApiError && result.error.status === 410;
    return gone ? (
      <EmptyState icon="inbox" title="The result is no longer available">
        It has expired or was deleted.
      </EmptyState>
    ) : (
      <ErrorMessage error={result.error} onRetry={reload} />
    );
  }
  if (result.value === undefined) return <Loading what="Loading the result…" />;
  return (
    <Loaded result={result.value} id={id} {...(attempt === undefined ? {} : { attempt })} name={name} sign={sign} />
  );
}

function Loaded({
  result,
  id,
  attempt,
  name,
  sign,
}: Omit<ReadyProps, "shown"> & { result: LoadedResult }): JSX.Element {
  const { client, store, isStaff } = useAppContext();
  const found = useMemo(() => (result.kind === "json" ? understand(result.json, result.paths) : undefined), [result]);
  useEffect(() => {
    const job = store.jobs.get(id);
    const counted = attempt ?? (job && (job.earlier_result ?? job.attempt));
    const isNewest = job !== undefined && counted === (job.earlier_result ?? job.attempt);
    if (!found?.findings || counted === undefined || !isNewest || isStaff) return;
    // The list says what was found. Otherwise the next visit of a reader records it.
    recordCounts(client, job, counted, found.findings).then(
      (after) => after && store.add([after]),
      () => undefined,
    );
  }, [found]);
  const places = useMemo(() => (found && isUnderstood(found) ? placesOf(found) : NO_PLACES), [found]);
  // A result that is a PDF is the document with something in it, such as recognized words.
  const isPdf = result.kind === "pdf";
  const shown = useCallback(() => (isPdf ? client.result(id, attempt) : sign()), [isPdf, attempt, sign]);
  return (
    <Beside name={isPdf ? result.view.name : name} sign={shown} places={places} findings={found?.findings?.length ?? 0}>
      <TakeAway
        id={id}
        {...(attempt === undefined ? {} : { attempt })}
        found={found && isUnderstood(found) ? found : undefined}
        json={result.kind === "json" ? result.json : undefined}
      />
      <PrintingContext.Provider value={useIsPrinting(result)}>
        <LoadedResultView result={result} found={found} name={name} />
      </PrintingContext.Provider>
    </Beside>
  );
}

function LoadedResultView({
  result,
  found,
  name,
}: {
  result: LoadedResult;
  found: Understood | undefined;
  name: string;
}): JSX.Element {
  switch (result.kind) {
    case "json": {
      if (found && isUnderstood(found)) return <ReviewView found={found} name={name} />;
      return (
        <section class="card">
          <h2>Result</h2>
          <p class="muted">
            This page does not know the form of this result. It shows all of it, as the model wrote it.
          </p>
          <JsonSearch json={result.json} />
          <FoldableJson json={result.json} />
        </section>
      );
    }
    case "text":
      return (
        <section class="card">
          <h2>Result</h2>
          {result.why !== "" && <p class="notice">{result.why}</p>}
          <pre class="raw" tabIndex={0}>
            <bdi>{result.text}</bdi>
          </pre>
          {result.bytes < result.of && (
            <p class="muted">
              The first {formatBytes(result.bytes)} of {formatBytes(result.of)} are shown. Download the result to read
              all of it.
            </p>
          )}
        </section>
      );
    case "pdf":
      return <ResultFile view={result.view} text="The result is a PDF. It is shown as the document." />;
    case "file":
      return <ResultFile view={result.view} text="This result cannot be shown here. Download it to read it." />;
  }
}

function ResultFile({ view, text }: { view: ResultView; text: string }): JSX.Element {
  return (
    <section class="card">
      <h2>Result</h2>
      <p>
        <bdi>{view.name}</bdi> <span class="muted">{formatBytes(view.bytes)}</span>
      </p>
      <p class="muted">{text}</p>
    </section>
  );
}
