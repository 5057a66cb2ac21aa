/** What the counts of the list do not cover. A chunk of its own: most lists are counted. */

import type { JSX } from "preact";
import { formatNumber } from "../lib/format";
import type { Uncounted } from "./result/count";

export default function Counting({ waiting, notCounted, isFilter }: Uncounted & { isFilter: boolean }): JSX.Element {
  const contracts = (count: number): string => (count === 1 ? "1 contract" : `${formatNumber(count)} contracts`);
  const hidden = isFilter ? " They are not in this list." : "";
  return (
    <>
      {waiting > 0 && (
        <p class="muted small" role="status">
          The findings of {contracts(waiting)} are not counted yet; the page is counting.{hidden}
        </p>
      )}
      {notCounted > 0 && (
        <p class="muted small">
          The findings of {contracts(notCounted)} could not be counted here: open them to see what was found.{hidden}
        </p>
      )}
    </>
  );
}
