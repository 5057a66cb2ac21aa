/** The list of contracts: filtered, searched, live. */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { JobPage, JobView } from "../api/types";
import { moment, number } from "../lib/format";
import { now } from "../lib/clock";
import { listPath, type Route } from "../lib/route";
import { type Filter, type Group, rows } from "../live/merge";
import { useDesk } from "./desk";
import { DropZone } from "./DropZone";
import { looksLikeId } from "./find";
import { useHeard, useLoaded } from "./hooks";
import { Empty, Heading, Icon, Trouble, Waiting } from "./parts";
import { Row } from "./Row";
import { cause as causeWords } from "./words";

const TABS: readonly { status: Group | undefined; label: string }[] = [
  { status: undefined, label: "All" },
  { status: "open", label: "Waiting" },
  { status: "ready", label: "Ready" },
  { status: "failed", label: "Failed" },
  { status: "cancelled", label: "Canceled" },
];

export function ListScreen({ route }: { route: Extract<Route, { screen: "list" }> }): JSX.Element {
  const desk = useDesk();
  const { router, tenant } = desk;
  // Across all tenants the service lists only what is open or failed.
  const tabs = tenant === undefined ? TABS.filter(({ status }) => status === "open" || status === "failed") : TABS;
  const status = tabs.some((tab) => tab.status === route.status) ? route.status : tabs[0]?.status;
  const here = { status: route.status, q: route.q, pipeline: route.pipeline, cause: route.cause };
  const searchesId = route.q !== undefined && looksLikeId(route.q);
  return (
    <>
      <div class="screen-head">
        <Heading>Contracts</Heading>
        {tenant === undefined && <p class="muted">Choose a tenant above to see what is ready, and to upload.</p>}
      </div>
      <DropZone />
      <div class="toolbar">
        <nav class="tabs" aria-label="Filter">
          {tabs.map((tab) => (
            <a
              key={tab.label}
              href={listPath({ ...here, q: searchesId ? undefined : here.q, status: tab.status, cause: undefined })}
              aria-current={!searchesId && tab.status === status ? "page" : undefined}
            >
              {tab.label}
              {tab.status === "open" && <OpenCount />}
            </a>
          ))}
        </nav>
        {desk.me.pipelines.length > 1 && (
          <select
            class="filter"
            aria-label="Pipeline"
            value={route.pipeline ?? ""}
            onChange={(event) => router.go(listPath({ ...here, pipeline: event.currentTarget.value || undefined }))}
          >
            <option value="">All pipelines</option>
            {desk.me.pipelines.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        <Search q={route.q ?? ""} go={(q) => router.go(listPath({ ...here, q: q || undefined }), true)} />
      </div>
      {route.cause !== undefined && (
        <p class="chip-line">
          <a
            class="chip"
            href={listPath({ ...here, cause: undefined })}
            aria-label={`Failed by: ${causeWords(route.cause)}. Remove this filter`}
          >
            {causeWords(route.cause)} <Icon name="cross" />
          </a>
        </p>
      )}
      {searchesId && route.q !== undefined ? (
        <Found find={route.q} />
      ) : (
        <Jobs filter={{ tenant, status, pipeline: route.pipeline, cause: route.cause, q: route.q }} />
      )}
    </>
  );
}

function OpenCount(): JSX.Element | null {
  const { store, tenant } = useDesk();
  useHeard(store);
  const count = useMemo(() => rows(store.jobs, { tenant, status: "open" }, 0).length, [store.jobs]);
  return count > 0 ? <span class="count">{number(count)}</span> : null;
}

function Search({ q, go }: { q: string; go: (q: string) => void }): JSX.Element {
  const [text, setText] = useState(q);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (document.activeElement !== field.current) setText(q);
  }, [q]);
  useEffect(() => {
    const slash = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || target.closest("input, textarea, select, dialog"))
        return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  const change = (value: string, wait: number): void => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => go(value.trim()), wait);
  };
  return (
    <form class="search" role="search" onSubmit={(event) => (event.preventDefault(), change(text, 0))}>
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label="Search by the beginning of a file name, or by any id"
        title="The beginning of a file name, or any id: of a job, an inference, an object, a message. Press / to come here."
        placeholder="File name or any id"
        value={text}
        onInput={(event) => change(event.currentTarget.value, 250)}
        onKeyDown={(event) => event.key === "Escape" && change("", 0)}
      />
    </form>
  );
}

function Jobs({ filter }: { filter: Filter }): JSX.Element {
  const desk = useDesk();
  const list = desk.list(filter);
  useHeard(desk.store, list);
  const jobs = useMemo(() => rows(desk.store.jobs, filter, list.horizon), [desk.store.jobs, list, list.horizon]);
  if (jobs.length === 0) {
    if (list.state === "loading") return <Waiting what="Fetching the list…" />;
    if (list.state === "failed") return <Trouble error={list.error} again={() => void list.more()} />;
  }
  return (
    <>
      {jobs.length === 0 ? <Nothing filter={filter} /> : <Rows jobs={jobs} />}
      <End filter={filter} />
    </>
  );
}

function Nothing({ filter }: { filter: Filter }): JSX.Element {
  if (filter.q)
    return (
      <Empty icon="search" title={`No file name begins with “${filter.q}”`}>
        An id is found too: of a job, an inference or an object.
      </Empty>
    );
  if (filter.pipeline || filter.cause)
    return (
      <Empty icon="inbox" title="Nothing here">
        No contract fits these filters.
      </Empty>
    );
  switch (filter.status) {
    case "open":
      return (
        <Empty icon="check" title="Nothing is waiting">
          Everything that was uploaded has been dealt with.
        </Empty>
      );
    case "failed":
      return <Empty icon="check" title="Nothing has failed" />;
    case "ready":
      return (
        <Empty icon="inbox" title="Nothing is ready yet">
          Results appear here by themselves.
        </Empty>
      );
    case "cancelled":
      return <Empty icon="inbox" title="Nothing was canceled" />;
    case undefined:
      return (
        <Empty icon="upload" title="No contracts yet">
          Drop the first one anywhere on this page.
        </Empty>
      );
  }
}

/** More is read when the end comes near; the button is for when that is refused, and for the keyboard. */
function End({ filter }: { filter: Filter }): JSX.Element | null {
  const desk = useDesk();
  const list = desk.list(filter);
  useHeard(list);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const end = ref.current;
    if (!end || filter.q || list.loading) return;
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && void list.more(), {
      rootMargin: "1200px",
    });
    watch.observe(end);
    return () => watch.disconnect();
    // Watched anew after each page: an end that stayed in sight would not be reported again.
  }, [list, list.loading]);
  if (list.state === "whole") return null;
  return (
    <div ref={ref} class="list-end">
      {list.searchedBackTo !== undefined && (
        <span class="muted">Searched back to {moment(list.searchedBackTo, now())}.</span>
      )}
      <button type="button" class="quiet" disabled={list.loading} onClick={() => void list.more()}>
        {list.loading ? "Fetching more…" : filter.q ? "Search further back" : "Show more"}
      </button>
    </div>
  );
}

/** The rows. All of them are in the page, so that the browser's own search and screen readers find them; those out of sight are not laid out (see list.css). */
export function Rows({ jobs }: { jobs: readonly JobView[] }): JSX.Element {
  const desk = useDesk();
  const [active, setActive] = useState<string>();
  const ref = useRef<HTMLUListElement>(null);
  const current = active !== undefined && jobs.some((job) => job.id === active) ? active : jobs[0]?.id;
  const showTenant = desk.tenant === undefined;
  // Who comes back from a contract goes on from its row.
  useEffect(() => {
    const left = desk.lastOpened;
    desk.lastOpened = undefined;
    const at = document.activeElement;
    if (left !== undefined && (at === document.body || at?.tagName === "H1")) {
      ref.current?.querySelector<HTMLElement>(`a[data-id="${CSS.escape(left)}"]`)?.focus({ preventScroll: true });
    }
  }, []);
  const keys = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = (event.target as Element).closest("li");
    const list = ref.current;
    if (!row || !list) return;
    const to: Record<string, Element | null> = {
      ArrowDown: row.nextElementSibling,
      j: row.nextElementSibling,
      ArrowUp: row.previousElementSibling,
      k: row.previousElementSibling,
      Home: list.firstElementChild,
      End: list.lastElementChild,
    };
    if (!(event.key in to)) return;
    event.preventDefault();
    to[event.key]?.querySelector("a")?.focus();
  };
  return (
    <ul
      ref={ref}
      class="rows"
      aria-label="Contracts, newest first. The arrow keys go from one to the next."
      onKeyDown={keys}
      onFocusIn={(event) => setActive((event.target as HTMLElement).dataset["id"])}
    >
      {jobs.map((job) => (
        <Row
          key={job.id}
          job={job}
          pipeline={desk.pipeline(job.pipeline)}
          unread={desk.store.unread.has(job.id)}
          showTenant={showTenant}
          active={job.id === current}
        />
      ))}
    </ul>
  );
}

/** What an id led to. */
function Found({ find }: { find: string }): JSX.Element {
  const desk = useDesk();
  const [found, again] = useLoaded<JobPage>(find, async () => {
    const page = await desk.client.jobs({ find, ...(desk.tenant === undefined ? {} : { tenant: desk.tenant }) });
    desk.store.take(page.jobs);
    return page;
  });
  useHeard(desk.store);
  if (found.state === "failed") return <Trouble error={found.error} again={again} />;
  if (found.value === undefined) return <Waiting what="Looking for this id…" />;
  const jobs = found.value.jobs.map((job) => desk.store.jobs.get(job.id) ?? job);
  const messages = found.value.quarantine ?? [];
  if (jobs.length + messages.length === 0)
    return (
      <Empty icon="search" title="Nothing has this id">
        It may belong to somebody else, or its record was deleted after its time.
      </Empty>
    );
  return (
    <>
      {jobs.length > 0 && <Rows jobs={jobs} />}
      {messages.length > 0 && (
        <ul class="plain-list">
          {messages.map((message) => (
            <li key={message.id}>
              <a href={`/support/quarantine/${encodeURIComponent(message.id)}`}>In quarantine: {message.problem}</a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
