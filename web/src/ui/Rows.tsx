/** The rows of a list of contracts. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { JobView } from "../api/types";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";
import { JobRow } from "./JobRow";
import { later } from "./later";

interface SelectionProps {
  /** The selected ones. */
  jobs: readonly JobView[];
  all: readonly JobView[];
}

const SelectionBar = later<SelectionProps>(() => import("./SelectionBar"));

/** Acts on the selected rows of a list, while rows are selected. */
export function Selection({ jobs }: { jobs: readonly JobView[] }): JSX.Element | null {
  const { selected } = useAppContext();
  return selected ? <SelectionBar jobs={jobs.filter((job) => selected.has(job.id))} all={jobs} /> : null;
}

/**
 * The rows. All of them are in the document, so that the browser's search and screen readers find them. The browser does
 * not lay out rows that are out of view (see list.css).
 */
export function Rows({ jobs, order = "newest first" }: { jobs: readonly JobView[]; order?: string }): JSX.Element {
  const app = useAppContext();
  const [active, setActive] = useState<string>();
  const ref = useRef<HTMLUListElement>(null);
  const current = active !== undefined && jobs.some((job) => job.id === active) ? active : jobs[0]?.id;
  useEmitters(app);
  useEffect(() => {
    app.order = jobs.map((job) => job.id);
  }, [jobs]);
  const place = useRef(0);
  useLayoutEffect(() => {
    if (active === undefined) return;
    const at = jobs.findIndex((job) => job.id === active);
    if (at >= 0) place.current = at;
    // The row that had the focus has left the list: the arrow keys go on where it was.
    else if (document.activeElement === document.body)
      ref.current?.children[Math.min(place.current, jobs.length - 1)]
        ?.querySelector("a")
        ?.focus({ preventScroll: true });
    else setActive(undefined);
  }, [jobs, active]);
  const showTenant = app.tenant === undefined;
  // After returning from a contract, the focus goes back to its row.
  useEffect(() => {
    const left = app.lastOpened;
    app.lastOpened = undefined;
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
      aria-label={`Contracts, ${order}. Use the arrow keys to move between rows.`}
      onKeyDown={keys}
      onFocusIn={(event) => setActive((event.target as HTMLElement).dataset.id)}
    >
      {jobs.map((job) => (
        <JobRow
          key={job.id}
          job={job}
          pipeline={app.pipeline(job.pipeline)}
          unread={app.isNew(job)}
          me={app.me.actor}
          showTenant={showTenant}
          isStaff={app.isStaff}
          active={job.id === current}
          {...(app.selected && { selected: app.selected.has(job.id), onSelect: () => app.toggleSelected(job.id) })}
        />
      ))}
    </ul>
  );
}
