/** Whether the parts of a result are folded, and how much of it can be opened at once. */

import { createContext } from "preact";
import { isFields, type Json } from "./json";

/** How many entries of a list or an object are shown at first, and with each click on "more". */
export const STEP = 50;
/** So many values a page renders within about a second. */
export const MAX_OPEN_VALUES = 3000;

/** What the reader last asked for: everything folded, or everything down to a depth opened. */
export interface Folding {
  /** Parts deeper than this are folded; -1 folds all. Undefined: each part has its default. */
  openTo: number | undefined;
  /** Counts the requests, so that a repeated one has an effect on parts that were opened or folded by hand since. */
  request: number;
}

export const FoldingContext = createContext<Folding>({ openTo: undefined, request: 0 });

/** How deep a value can be opened with at most `limit` values shown, and how deep it is. Lists count up to the first step. */
export function depthWithin(json: Json, limit = MAX_OPEN_VALUES): { depth: number; of: number } {
  let level: Json[] = [json];
  let count = 0;
  let depth = 0;
  let of = 0;
  for (; level.length > 0; of += 1) {
    const next: Json[] = [];
    for (const one of level) {
      const inner: Json[] = Array.isArray(one) ? one : isFields(one) ? Object.values(one) : [];
      next.push(...inner.slice(0, STEP));
      // A level that is too large need not be counted to its end.
      if (next.length > limit) break;
    }
    count += next.length;
    if (next.length > 0 && count <= limit) depth = of + 1;
    if (next.length === 0 || count > limit) {
      return next.length === 0 ? { depth, of } : { depth, of: Math.max(of + 1, depth + 1) };
    }
    level = next;
  }
  return { depth, of };
}
