/** The results of a search. The search continues until it has examined every contract, and shows its progress. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { FailureCause, JobQuery, QuarantineEntry } from "../api/types";
import { now } from "../lib/clock";
import { formatMoment, plural } from "../lib/format";
import { comparison, type Sort } from "../live/marks";
import type { JobFilter } from "../live/merge";
import { EmptyState, ErrorMessage, Loading } from "./components";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";
import type { OtherMatch } from "./other-ids";
import { Rows, Selection } from "./Rows";

/** The id of a plan or a webhook. */
const OTHER_ID = /^(p|[a-z0-9-]{1,40}\.)[0-9a-f]{16}$/;
/** A search stops here, and goes on when the person asks. */
const PAUSE_AFTER_ROWS = 200;

interface SearchProgress {
  ids: readonly string[];
  messages: readonly QuarantineEntry[];
  others: readonly OtherMatch[];
  cursor?: string | undefined;
  searchedBackTo?: number | undefined;
  state: "searching" | "paused" | "complete" | "failed";
  error?: unknown;
}

const START: SearchProgress = { ids: [], messages: [], others: [], state: "searching" };

export function Found({
  search,
  filter,
  sort,
}: {
  search: string;
  filter: JobFilter;
  sort: Sort | undefined;
}): JSX.Element {
  const app = useAppContext();
  const { tenant, status, pipeline, cause, batch, uploader, assigned, reviewed, found, since } = filter;
  const query: JobQuery = {
    search,
    ...(tenant === undefined ? {} : { tenant }),
    ...(status === undefined ? {} : { status }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(batch === undefined ? {} : { batch }),
    ...(uploader === undefined ? {} : { uploaded_by: uploader }),
    ...(assigned === undefined ? {} : { assigned_to: assigned }),
    ...(reviewed === undefined ? {} : { reviewed }),
    ...(found === undefined ? {} : { found }),
    ...(since === undefined ? {} : { since }),
    ...(cause === undefined ? {} : { cause: cause as FailureCause }), // from the address: the service checks it
  };
  const [progress, setProgress] = useState<SearchProgress>(START);
  const key = JSON.stringify(query);
  /** Ends the search that runs. */
  const stop = useRef(() => {});
  const run = (from: SearchProgress): void => {
    stop.current();
    let current = true;
    stop.current = () => {
      current = false;
    };
    const go = async (): Promise<void> => {
      let at: SearchProgress = { ...from, state: "searching" };
      const limit = at.ids.length + PAUSE_AFTER_ROWS;
      setProgress(at);
      try {
        if (from === START && OTHER_ID.test(search)) {
          const { lookUp } = await import("./other-ids");
          at = { ...at, others: await lookUp(app, search) };
        }
        do {
          const page = await app.client.jobs({ ...query, ...(at.cursor === undefined ? {} : { cursor: at.cursor }) });
          if (!current) return;
          app.store.add(page.jobs);
          at = {
            ...at,
            ids: [...new Set([...at.ids, ...page.jobs.map((job) => job.id)])],
            messages: [...at.messages, ...(page.quarantine ?? [])],
            cursor: page.cursor,
            searchedBackTo: page.searched_back_to,
            state: "searching",
          };
          setProgress(at);
        } while (at.cursor !== undefined && at.ids.length < limit);
        setProgress({ ...at, state: at.cursor === undefined ? "complete" : "paused" });
      } catch (error) {
        if (current) setProgress({ ...at, state: "failed", error });
      }
    };
    void go();
  };
  useEffect(() => {
    run(START);
    return () => stop.current();
  }, [key]);
  useEmitters(app, app.store);
  const { ids, messages, others, state, searchedBackTo } = progress;
  const jobs = ids.flatMap((id) => app.store.jobs.get(id) ?? []);
  if (sort) jobs.sort(comparison(sort));
  const count = jobs.length + messages.length + others.length;
  const backTo = searchedBackTo === undefined ? "" : `, looked back to ${formatMoment(searchedBackTo, now())}`;
  return (
    <>
      {count === 0 && state === "complete" && (
        <EmptyState icon="search" title={`Nothing matches “${search}”`}>
          Every contract that you may see was looked at: names, uploaders, references, tags and ids. Each word must
          occur.
        </EmptyState>
      )}
      {count > 0 && (
        <p class="muted" role="status">
          {plural(count, "match", "matches")}
          {state === "complete" ? "" : `${backTo}${state === "searching" ? "; searching…" : "."}`}
        </p>
      )}
      {messages.length + others.length > 0 && (
        <ul class="plain-list">
          {others.map(({ href, text }) => (
            <li key={href}>
              <a href={href}>
                <bdi>{text}</bdi>
              </a>
            </li>
          ))}
          {messages.map((message) => (
            <li key={message.id}>
              <a href={`/support/quarantine/${encodeURIComponent(message.id)}`}>In quarantine: {message.problem}</a>
            </li>
          ))}
        </ul>
      )}
      <Selection jobs={jobs} />
      {jobs.length > 0 && <Rows jobs={jobs} />}
      {count === 0 && state === "searching" && <Loading what={`Searching all contracts${backTo}…`} />}
      {state === "failed" && <ErrorMessage error={progress.error} onRetry={() => run(progress)} />}
      {state === "paused" && (
        <div class="list-end">
          <button type="button" class="quiet" onClick={() => run(progress)}>
            Search further back
          </button>
        </div>
      )}
    </>
  );
}
