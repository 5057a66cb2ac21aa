/** On paper nothing can be opened: what the screen cuts, folds or shows in steps is printed. */

import { createContext, options } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { countValues } from "./json";
import type { LoadedResult } from "./load";

/** So many entries of a list are printed. */
export const PRINTED_ENTRIES = 500;
/** A larger result is printed as the screen shows it: rendering hundreds of pages takes minutes. */
const MAX_PRINTED_VALUES = 20_000;

export const PrintingContext = createContext(false);

/** Whether the browser is printing this result, and it is printed in full. */
export function useIsPrinting(result: LoadedResult): boolean {
  const isWhole = useMemo(
    () => result.kind !== "json" || countValues(result.json, MAX_PRINTED_VALUES) < MAX_PRINTED_VALUES,
    [result],
  );
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    const changeTo = (printing: boolean) => (): void => {
      // The browser prints what is there when this returns.
      const before = options.debounceRendering;
      options.debounceRendering = (render) => render();
      setPrinting(printing);
      if (before) options.debounceRendering = before;
      else delete options.debounceRendering;
    };
    const [start, end] = [changeTo(true), changeTo(false)];
    addEventListener("beforeprint", start);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", start);
      removeEventListener("afterprint", end);
    };
  }, []);
  return isPrinting && isWhole;
}
