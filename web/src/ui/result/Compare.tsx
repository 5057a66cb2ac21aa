/** Several results of one document: which one is shown, and what differs between two. */

import type { JSX } from "preact";
import { errorMessage } from "../../api/errors";
import type { AttemptView } from "../../api/types";
import { plural } from "../../lib/format";
import { ErrorMessage, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useDownload } from "../download";
import { useAsync } from "../hooks";
import { modelWords, sentence } from "../labels";
import { type ChangedFinding, compareFindings } from "./compare";
import type { Finding } from "./finding";
import { findingPage } from "./finding-text";
import { loadResult } from "./load";
import { type Understood, understand } from "./understand";
import { label } from "./words";

/** What is shown: a result, or a comparison of it with another. */
export interface Choice {
  attempt: number;
  with: number | undefined;
}

/** "Attempt 2, model Legal-2@0f3c5a6b7d8e". */
function resultName(one: AttemptView): string {
  return one.model ? `Attempt ${one.attempt}, model ${modelWords(one.model)}` : `Attempt ${one.attempt}`;
}

export function ResultChoice({
  id,
  results,
  choice,
  onChoose,
}: {
  id: string;
  results: readonly AttemptView[];
  choice: Choice;
  onChoose: (choice: Choice) => void;
}): JSX.Element {
  const { client } = useAppContext();
  const [state, download] = useDownload(() => client.result(id, choice.attempt));
  const others = results.filter((one) => one.attempt !== choice.attempt);
  const option = (one: AttemptView): JSX.Element => (
    <option key={one.attempt} value={one.attempt}>
      {resultName(one)}
    </option>
  );
  return (
    <div class="card result-choice">
      <p class="muted">This document was reviewed {plural(results.length, "time")}. No result replaces another.</p>
      <div class="fields">
        <label>
          Result
          <select
            value={choice.attempt}
            onChange={(event) => onChoose({ attempt: Number(event.currentTarget.value), with: undefined })}
          >
            {results.map(option)}
          </select>
        </label>
        <label>
          Compare with
          <select
            value={choice.with ?? ""}
            onChange={(event) => {
              const value = event.currentTarget.value;
              onChoose({ ...choice, with: value === "" ? undefined : Number(value) });
            }}
          >
            <option value="">(not compared)</option>
            {others.map(option)}
          </select>
        </label>
        <button type="button" class="quiet" disabled={state.busy} onClick={download}>
          Download this result
        </button>
      </div>
      {state.error !== undefined && (
        <p class="form-error" role="alert">
          {errorMessage(state.error)}
        </p>
      )}
    </div>
  );
}

export function ComparisonView({
  id,
  older,
  newer,
}: {
  id: string;
  older: AttemptView;
  newer: AttemptView;
}): JSX.Element {
  const { client } = useAppContext();
  const [found, reload] = useAsync(`${id}:${older.attempt}:${newer.attempt}`, async () => {
    const load = async ({ attempt }: AttemptView): Promise<Understood | undefined> => {
      const result = await loadResult(client, id, attempt);
      return result.kind === "json" ? understand(result.json, result.paths) : undefined;
    };
    return Promise.all([load(older), load(newer)]);
  });
  if (found.state === "failed") return <ErrorMessage error={found.error} onRetry={reload} />;
  if (found.value === undefined) return <Loading what="Comparing the results…" />;
  const [before, after] = found.value;
  return (
    <section class="card comparison" aria-labelledby="comparison-title">
      <h2 id="comparison-title">What is different</h2>
      <dl class="compared">
        <Compared name="Before" one={older} />
        <Compared name="Now" one={newer} />
      </dl>
      {before?.findings && after?.findings ? (
        <Differences before={before} after={after} />
      ) : (
        <p class="notice">
          The findings of {before?.findings ? "the newer" : after?.findings ? "the older" : "both"} cannot be read, so
          the results cannot be compared here. Download them to compare them.
        </p>
      )}
    </section>
  );
}

function Compared({ name, one }: { name: string; one: AttemptView }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {resultName(one)}
        {one.closed_at !== undefined && (
          <>
            , <Time at={one.closed_at} />
          </>
        )}
      </dd>
    </div>
  );
}

function Differences({ before, after }: { before: Understood; after: Understood }): JSX.Element {
  const { added, removed, changed, same } = compareFindings(before.findings ?? [], after.findings ?? []);
  const counts = [
    `${added.length} added`,
    `${removed.length} removed`,
    `${changed.length} changed`,
    `${same} the same in both`,
  ];
  return (
    <>
      <p role="status">
        Findings: {counts.join(", ")}.{before.summary !== after.summary && " The summaries differ."}
      </p>
      <Group title="Added" findings={added} />
      <Group title="Removed" findings={removed} />
      {changed.length > 0 && (
        <>
          <h3>Changed</h3>
          <ul class="differences">
            {changed.map((one, index) => (
              <Changed key={index} change={one} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Group({ title, findings }: { title: string; findings: readonly Finding[] }): JSX.Element | null {
  if (findings.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="differences">
        {findings.map((one, index) => (
          <li key={index}>
            <Heading finding={one} />
            {one.text !== "" && (
              <p>
                <bdi>{sentence(one.text)}</bdi>
              </p>
            )}
            {one.quote !== "" && (
              <q class="quote">
                <bdi>{one.quote}</bdi>
              </q>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

/** The level in words, the title and the page. */
function Heading({ finding }: { finding: Finding }): JSX.Element {
  return (
    <p>
      <strong>
        <bdi>{finding.title === "" ? "Finding" : label(finding.title)}</bdi>
      </strong>{" "}
      <span class="muted">{[finding.level, findingPage(finding)].filter((part) => part !== "").join(", ")}</span>
    </p>
  );
}

function Changed({ change }: { change: ChangedFinding }): JSX.Element {
  return (
    <li>
      <Heading finding={change.after} />
      <dl>
        {change.fields.map(({ name, before, after }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span class="muted">before:</span> <Value text={before} />
            </dd>
            <dd>
              <span class="muted">now:</span> <Value text={after} />
            </dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

function Value({ text }: { text: string }): JSX.Element {
  return text === "" ? <span class="muted">(nothing)</span> : <bdi>{text}</bdi>;
}
