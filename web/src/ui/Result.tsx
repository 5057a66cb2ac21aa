/** The result of a contract: summary, findings, clauses, facts. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, NetworkError } from "../api/errors";
import { formatBytes, plural, titleCase } from "../lib/format";
import { EmptyState, ErrorMessage, Icon, Loading } from "./components";
import { useAppContext } from "./context";
import { useAsync } from "./hooks";
import { sentence } from "./labels";
import { type Clause, type Flag, parseReview, type Review, type Severity } from "./review";

/** Larger results are offered as a download only. */
const MAX_INLINE_BYTES = 10_000_000;

type LoadedResult =
  | { kind: "review"; review: Review }
  | { kind: "text"; text: string }
  | { kind: "file"; name: string; bytes: number; type: string };

export function Result({ id, version }: { id: string; version: number }): JSX.Element {
  const { client } = useAppContext();
  const [result, reload] = useAsync<LoadedResult>(`${id}:${version}`, async () => {
    const view = await client.result(id);
    if (!/json|^text\//.test(view.content_type) || view.bytes > MAX_INLINE_BYTES) {
      return { kind: "file", name: view.name, bytes: view.bytes, type: view.content_type };
    }
    const response = await fetch(view.request.url, { headers: view.request.headers, credentials: "omit" }).catch(() => {
      throw new NetworkError();
    });
    if (!response.ok)
      throw new ApiError(response.status, "", `The result could not be loaded (${response.status}). Try again.`);
    const body = await response.text();
    try {
      const json: unknown = JSON.parse(body);
      const found = parseReview(json);
      return found ? { kind: "review", review: found } : { kind: "text", text: JSON.stringify(json, null, 2) };
    } catch {
      return { kind: "text", text: body };
    }
  });
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
  switch (result.value.kind) {
    case "review":
      return <ReviewView found={result.value.review} />;
    case "text":
      return (
        <section class="card">
          <h2>Result</h2>
          <pre class="raw">{result.value.text}</pre>
        </section>
      );
    case "file":
      return (
        <section class="card">
          <h2>Result</h2>
          <p>
            <bdi>{result.value.name}</bdi> <span class="muted">{formatBytes(result.value.bytes)}</span>
          </p>
          <p class="muted">This result cannot be shown here. Download it to read it.</p>
        </section>
      );
  }
}

/** Requests a new link for each click: a link is valid for five minutes. */
export function useDownload(id: string): [{ busy: boolean; error: unknown }, () => void] {
  const { client } = useAppContext();
  const [state, set] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: undefined });
  const download = (): void => {
    set({ busy: true, error: undefined });
    client.result(id).then(
      (view) => {
        const link = document.createElement("a");
        link.href = view.request.url;
        link.download = view.name;
        link.rel = "noopener";
        link.click();
        set({ busy: false, error: undefined });
      },
      (error: unknown) => set({ busy: false, error }),
    );
  };
  return [state, download];
}

function ReviewView({ found }: { found: Review }): JSX.Element {
  const high = found.flags.filter((flag) => flag.severity === "high").length;
  return (
    <div class="review">
      <section class="card summary">
        <h2>Summary</h2>
        <p class="prose">{found.summary || "The model wrote no summary."}</p>
      </section>
      <section class="card flags" aria-labelledby="flags-title">
        <h2 id="flags-title">
          {found.flags.length === 0 ? "No findings" : plural(found.flags.length, "finding")}
          {high > 0 && <span class="badge high">{high} high</span>}
        </h2>
        {found.flags.length === 0 && <p class="muted">The model reported no findings. This is not legal advice.</p>}
        <ul>
          {found.flags.map((flag, index) => (
            <FlagItem key={index} flag={flag} />
          ))}
        </ul>
      </section>
      {found.facts.length > 0 && (
        <section class="card at-a-glance">
          <h2>At a glance</h2>
          <dl class="facts">
            {found.facts.map(([label, list]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>
                  {list.map((one, index) => (
                    <span key={index}>
                      <bdi>{one}</bdi>
                    </span>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <Clauses clauses={found.clauses} />
      {found.note && <p class="muted small review-disclaimer">{found.note}</p>}
    </div>
  );
}

const SEVERITY_LABELS: Record<Severity, string> = { high: "High", medium: "Medium", low: "Low" };

function FlagItem({ flag }: { flag: Flag }): JSX.Element {
  return (
    <li class={`flag ${flag.severity}`}>
      <span class={`badge ${flag.severity}`}>{SEVERITY_LABELS[flag.severity]}</span>
      <div>
        <p>
          <strong>{titleCase(flag.clause)}</strong>{" "}
          <span class="muted">{flag.page > 0 ? `page ${flag.page}` : "whole document"}</span>
        </p>
        <p>
          <bdi>{sentence(flag.reason)}</bdi>
        </p>
      </div>
    </li>
  );
}

function Clauses({ clauses }: { clauses: readonly Clause[] }): JSX.Element {
  const [kind, setKind] = useState("");
  const kinds = [...new Set(clauses.map((clause) => clause.type))];
  const shown = kind === "" ? clauses : clauses.filter((clause) => clause.type === kind);
  return (
    <section class="card clauses" aria-labelledby="clauses-title">
      <div class="card-head">
        <h2 id="clauses-title">{plural(clauses.length, "clause")}</h2>
        {kinds.length > 1 && (
          <select aria-label="Clause type" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">All types</option>
            {kinds.map((one) => (
              <option key={one} value={one}>
                {titleCase(one)}
              </option>
            ))}
          </select>
        )}
      </div>
      {shown.map((clause, index) => (
        <article key={`${clause.type}-${index}`} class="clause">
          <h3>
            {titleCase(clause.type)}
            {clause.title && <bdi class="muted">{clause.title}</bdi>}
          </h3>
          <p class="prose">
            <bdi>{clause.text}</bdi>
          </p>
          <p class="muted small">
            Page {clause.page}
            {clause.confidence !== undefined && clause.confidence < 0.7 && (
              <span class="unsure">
                <Icon name="alert" /> Low confidence ({Math.round(clause.confidence * 100)} %)
              </span>
            )}
          </p>
        </article>
      ))}
    </section>
  );
}
