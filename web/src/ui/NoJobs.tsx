/** What an empty list says. A chunk of its own. */

import type { JSX } from "preact";
import type { JobFilter } from "../live/merge";
import { EmptyState } from "./components";

export default function NoJobs({ filter }: { filter: JobFilter }): JSX.Element {
  if (filter.q)
    return (
      <EmptyState icon="search" title={`No file name begins with “${filter.q}”`}>
        Three letters or more find any part of a name, and any id.
      </EmptyState>
    );
  if (filter.found !== undefined)
    return (
      <EmptyState icon="inbox" title="No contracts">
        No contract with this is known. Results that were never opened or listed are not counted: show the list without
        this filter, and the page counts them.
      </EmptyState>
    );
  if (isNarrowed(filter))
    return (
      <EmptyState icon="inbox" title="No contracts">
        No contract matches these filters.
      </EmptyState>
    );
  switch (filter.status) {
    case "open":
      return (
        <EmptyState icon="check" title="No open contracts">
          All uploaded contracts are processed.
        </EmptyState>
      );
    case "failed":
      return <EmptyState icon="check" title="No failed contracts" />;
    case "ready":
      return (
        <EmptyState icon="inbox" title="No ready contracts yet">
          Results appear here automatically.
        </EmptyState>
      );
    case "cancelled":
      return <EmptyState icon="inbox" title="No cancelled contracts" />;
    case "erased":
      return <EmptyState icon="inbox" title="No contracts whose data was deleted" />;
    case undefined:
      return (
        <EmptyState icon="upload" title="No contracts yet">
          Drop a file anywhere on this page.
        </EmptyState>
      );
  }
}

function isNarrowed({ pipeline, cause, reviewed, uploader, assigned, since }: JobFilter): boolean {
  return [pipeline, cause, reviewed, uploader, assigned, since].some((one) => one !== undefined);
}
