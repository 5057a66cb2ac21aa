/** The list of contracts, with upload, filters and search. */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { errorMessage } from "../api/errors";
import { statusGroup } from "../api/status";
import type { StatusGroup } from "../api/types";
import { now } from "../lib/clock";
import { formatMoment, formatNumber } from "../lib/format";
import { type ListRoute, listPath, type PageRoute } from "../lib/route";
import type { LiveJobList } from "../live/job-list";
import { comparison, SORTS, type Sort } from "../live/marks";
import { type JobFilter, visibleJobs } from "../live/merge";
import { ErrorMessage, Heading, Icon, Loading } from "./components";
import { useAppContext } from "./context";
import { DropZone } from "./DropZone";
import { Found } from "./Found";
import { ESTIMATE_REFRESH_MS, useEmitters } from "./hooks";
import { isSearchable } from "./ids";
import { useKeys } from "./keys";
import { causeLabel, GROUP_LABELS } from "./labels";
import { later } from "./later";
import { Pauses } from "./Pauses";
import { Rows, Selection } from "./Rows";
import type { Uncounted } from "./result/count";
import { TriageBar } from "./TriageBar";

const TABS: readonly { status: StatusGroup | undefined; label: string }[] = [
  { status: undefined, label: "All" },
  ...(Object.keys(GROUP_LABELS) as StatusGroup[]).map((status) => ({ status, label: GROUP_LABELS[status] })),
];

const Counting = later<Uncounted & { isFilter: boolean }>(() => import("./Counting"));
const NoJobs = later<{ filter: JobFilter }>(() => import("./NoJobs"));
const Batch = later<{ name: string; tenant: string | undefined }>(() => import("./Batch"));

/** A sorted list loads further pages automatically, up to this number of rows. */
const MAX_SORTED_ROWS = 2000;
/** The number of open jobs, the newest, whose estimates are loaded again. */
const ESTIMATED_ROWS = 50;

export function ListScreen({ route }: { route: Extract<PageRoute, { screen: "list" }> }): JSX.Element {
  const app = useAppContext();
  const { router, tenant } = app;
  // Across all tenants the service lists only open and failed jobs.
  const searches = route.q !== undefined && isSearchable(route.q);
  const isPartly = tenant === undefined && !searches && route.batch === undefined;
  const tabs = isPartly ? TABS.filter(({ status }) => status === "open" || status === "failed") : TABS;
  const status = tabs.some((tab) => tab.status === route.status) ? route.status : tabs[0]?.status;
  // A file name's beginning is asked of the service only by those who may read names.
  const q = app.may("read-contents") ? route.q : undefined;
  const { pipeline, cause, batch } = route;
  const here = route;
  return (
    <>
      <div class="screen-head">
        <Heading>Contracts</Heading>
        {isPartly && <p class="muted">Choose a tenant above to see ready contracts and to upload.</p>}
      </div>
      <Pauses />
      <DropZone />
      <div class="toolbar">
        <nav class="tabs" aria-label="Filter">
          {tabs.map((tab) => (
            <a
              key={tab.label}
              href={listPath({ ...here, status: tab.status, cause: undefined })}
              aria-current={tab.status === status ? "page" : undefined}
            >
              {tab.label}
              {tab.status === "open" && <OpenCount />}
            </a>
          ))}
        </nav>
        {app.me.pipelines.length > 1 && (
          <select
            class="filter"
            aria-label="Pipeline"
            value={route.pipeline ?? ""}
            onChange={(event) => router.go(listPath({ ...here, pipeline: event.currentTarget.value || undefined }))}
          >
            <option value="">All pipelines</option>
            {app.me.pipelines.map(({ name }) => (
              <option key={name} value={name}>
                {app.pipelineLabel(name)}
              </option>
            ))}
          </select>
        )}
        <Search
          q={route.q ?? ""}
          byName={app.may("read-contents")}
          go={(q) => router.go(listPath({ ...here, q: q || undefined }), true)}
        />
      </div>
      <Triage route={route} />
      {batch !== undefined && (
        <>
          <p class="chip-line">
            <a
              class="chip"
              href={listPath({ ...here, batch: undefined })}
              aria-label={`Batch: ${batch}. Remove filter`}
            >
              Batch: {batch} <Icon name="cross" />
            </a>
          </p>
          <Batch name={batch} tenant={tenant} />
        </>
      )}
      {route.cause !== undefined && (
        <p class="chip-line">
          <a
            class="chip"
            href={listPath({ ...here, cause: undefined })}
            aria-label={`Failed by: ${causeLabel(route.cause)}. Remove filter`}
          >
            {causeLabel(route.cause)} <Icon name="cross" />
          </a>
        </p>
      )}
      {searches && route.q !== undefined ? (
        <Found
          search={route.q}
          filter={{ tenant, status, pipeline, cause, batch, ...triageFilter(route) }}
          sort={route.sort}
        />
      ) : (
        <Jobs filter={{ tenant, status, pipeline, cause, batch, q, ...triageFilter(route) }} sort={route.sort} />
      )}
    </>
  );
}

/** What narrows the list besides its tabs. */
function triageFilter({ found, reviewed, uploader, assigned, days }: ListRoute): JobFilter {
  return {
    found,
    reviewed,
    uploader,
    assigned: assigned === "unassigned" ? "" : assigned,
    // To the hour, so that the list stays the same one while it is shown.
    since: days === undefined ? undefined : Math.floor(now() / 3_600_000) * 3_600_000 - days * 86_400_000,
  };
}

function Triage({ route }: { route: ListRoute }): JSX.Element {
  const { store } = useAppContext();
  useEmitters(store);
  const uploaders = useMemo(
    () => [...new Set([...store.jobs.values()].flatMap((job) => job.uploaded_by ?? []))].sort(),
    [store.jobs],
  );
  return <TriageBar route={route} uploaders={uploaders} />;
}

function OpenCount(): JSX.Element | null {
  const { store, tenant } = useAppContext();
  useEmitters(store);
  const count = useMemo(() => visibleJobs(store.jobs, { tenant, status: "open" }, 0).length, [store.jobs]);
  return count > 0 ? <span class="count">{formatNumber(count)}</span> : null;
}

function Search({ q, byName, go }: { q: string; byName: boolean; go: (q: string) => void }): JSX.Element {
  const [text, setText] = useState(q);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (document.activeElement !== field.current) setText(q);
  }, [q]);
  // The list may be narrowed otherwise, or left, before it is searched.
  const latest = useRef(go);
  latest.current = go;
  useEffect(() => () => clearTimeout(timer.current), []);
  useKeys({ "/": () => field.current?.focus() });
  const change = (value: string, wait: number): void => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => latest.current(value.trim()), wait);
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        change(text, 0);
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label={
          byName ? "Search by a part of a file name, uploader, reference or tag, or by any id" : "Search by any id"
        }
        title={
          byName
            ? "Any part of a file name, e-mail address, reference or tag, or any id. Press / to search."
            : "The id of a job, an inference or a message. Your role shows no names. Press / to search."
        }
        placeholder={byName ? "Name, person or id" : "Id"}
        value={text}
        onInput={(event) => change(event.currentTarget.value, 250)}
        onKeyDown={(event) => event.key === "Escape" && change("", 0)}
      />
    </form>
  );
}

function Jobs({ filter, sort }: { filter: JobFilter; sort: Sort | undefined }): JSX.Element {
  const app = useAppContext();
  const list = app.list(filter);
  useEmitters(app, app.store, list);
  const newestFirst = useMemo(
    () => visibleJobs(app.store.jobs, filter, list.horizon),
    [app.store.jobs, list, list.horizon],
  );
  const jobs = useMemo(() => (sort ? [...newestFirst].sort(comparison(sort)) : newestFirst), [newestFirst, sort]);
  // A filter by findings shows only what is counted; the others are counted too.
  const toCount = useMemo(
    () =>
      filter.found === undefined
        ? newestFirst
        : visibleJobs(app.store.jobs, { ...filter, found: undefined }, list.horizon),
    [newestFirst],
  );
  useEffect(() => app.countFindings(toCount), [toCount]);
  const uncounted = app.uncounted(toCount);
  useEffect(() => () => app.countFindings([]), []);
  // An order is one of the whole list, as far as it can be shown.
  const isSortable = !filter.q && sort !== undefined && mayGoOn(list) && newestFirst.length < MAX_SORTED_ROWS;
  useEffect(() => {
    if (isSortable) void list.loadMore();
  }, [isSortable, newestFirst.length]);
  const hasOpen = jobs.some((job) => statusGroup(job.status) === "open");
  const { tenant } = filter;
  useEffect(() => {
    if (!hasOpen) return;
    let isLoading = false;
    const load = async (): Promise<void> => {
      if (document.hidden || isLoading) return;
      isLoading = true;
      const query = { status: "open" as const, limit: ESTIMATED_ROWS, ...(tenant === undefined ? {} : { tenant }) };
      // Without it the estimates stay as they are; the list itself says if the service does not answer.
      await app.client.jobs(query).then(
        (page) => app.store.add(page.jobs),
        () => undefined,
      );
      isLoading = false;
    };
    const timer = setInterval(() => void load(), ESTIMATE_REFRESH_MS);
    return () => clearInterval(timer);
  }, [hasOpen, tenant]);
  if (jobs.length === 0) {
    if (list.state === "loading") return <Loading what="Loading the list…" />;
    if (list.state === "failed") return <ErrorMessage error={list.error} onRetry={() => void list.loadMore()} />;
  }
  return (
    <>
      <Selection jobs={jobs} />
      {jobs.length === 0 ? <NoJobs filter={filter} /> : <Rows jobs={jobs} {...(sort && { order: SORTS[sort] })} />}
      {sort && list.state !== "complete" && (
        <p class="muted small">Sorted are the {formatNumber(jobs.length)} contracts that are loaded so far.</p>
      )}
      {uncounted.waiting + uncounted.notCounted > 0 && (
        <Counting {...uncounted} isFilter={filter.found !== undefined} />
      )}
      <End filter={filter} />
    </>
  );
}

/** Whether more is loaded without being asked for. After a failure the person asks. */
function mayGoOn(list: LiveJobList): boolean {
  return list.state === "more" && !list.loading && list.error === undefined;
}

/** Loads more when the end of the list comes into view. The button serves keyboards and retries. */
function End({ filter }: { filter: JobFilter }): JSX.Element | null {
  const app = useAppContext();
  const list = app.list(filter);
  useEmitters(list);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const end = ref.current;
    if (!end || filter.q || !mayGoOn(list)) return;
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && void list.loadMore(), {
      rootMargin: "1200px",
    });
    watch.observe(end);
    return () => watch.disconnect();
    // Observed anew after each page: the observer does not report an end that stays in view again.
  }, [list, list.loading]);
  if (list.state === "complete") return null;
  return (
    <div ref={ref} class="list-end">
      {list.searchedBackTo !== undefined && (
        <span class="muted">Searched back to {formatMoment(list.searchedBackTo, now())}.</span>
      )}
      {list.error !== undefined && (
        <span class="form-error" role="alert">
          {errorMessage(list.error)}
        </span>
      )}
      <button type="button" class="quiet" disabled={list.loading} onClick={() => void list.loadMore()}>
        {list.loading ? "Loading…" : filter.q ? "Search further back" : "Show more"}
      </button>
    </div>
  );
}
