/** A result of any shape, with buttons that fold and open all of its parts. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { depthWithin, type Folding, FoldingContext } from "./fold";
import { JsonView } from "./JsonView";
import type { Json } from "./json";

export function FoldableJson({ json }: { json: Json }): JSX.Element {
  const [folding, setFolding] = useState<Folding>({ openTo: undefined, request: 0 });
  const { depth, of } = useMemo(() => depthWithin(json), [json]);
  const ask = (openTo: number): void => setFolding({ openTo, request: folding.request + 1 });
  return (
    <FoldingContext.Provider value={folding}>
      {of > 1 && (
        <p class="fold-buttons">
          <button type="button" class="link" onClick={() => ask(-1)}>
            Fold all
          </button>
          <button type="button" class="link" onClick={() => ask(depth)}>
            Unfold all
          </button>
          {folding.openTo !== undefined && folding.openTo >= 0 && depth < of && (
            <span class="muted small" role="status">
              Opened to level {depth}: the result is too large to show more at once.
            </span>
          )}
        </p>
      )}
      <JsonView value={json} />
    </FoldingContext.Provider>
  );
}
