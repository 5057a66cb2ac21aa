/** Leads from a contract to the ones beside it in the list that was shown last. */

import type { JSX } from "preact";
import { formatNumber } from "../lib/format";
import { jobPath } from "../lib/route";
import { useAppContext } from "./context";
import { useKeys } from "./keys";

export function Neighbours({ id }: { id: string }): JSX.Element | null {
  const { order, router } = useAppContext();
  const at = order.indexOf(id);
  const [before, after] = at < 0 ? [] : [order[at - 1], order[at + 1]];
  const go = (to: string | undefined): void => {
    if (to !== undefined) router.go(jobPath(to));
  };
  // As in the list.
  useKeys({ k: () => go(before), j: () => go(after) });
  if (at < 0 || order.length < 2) return null;
  return (
    <nav class="neighbours" aria-label="Contracts of the list">
      <Neighbour id={before} title="Key k" text="Previous contract" />
      <span class="muted small">
        {formatNumber(at + 1)} of {formatNumber(order.length)}
      </span>
      <Neighbour id={after} title="Key j" text="Next contract" />
    </nav>
  );
}

function Neighbour({ id, title, text }: { id: string | undefined; title: string; text: string }): JSX.Element {
  if (id === undefined) return <span class="muted">{text}</span>;
  return (
    <a href={jobPath(id)} title={title}>
      {text}
    </a>
  );
}
