/** Finds texts in a large result: where they are, and what is there. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { plural } from "../../lib/format";
import { countValues, isFields, type Json } from "./json";
import { cut, label } from "./words";

const MAX_HITS = 50;
const MAX_VALUE_CHARS = 200;
/** A smaller result is read faster than searched. */
const MIN_VALUES = 30;

export interface Hit {
  /** The keys on the way, such as `clauses`, `3`, `text`. */
  path: string[];
  value: string;
}

/** The values that contain the text, or stand under a key that does. Stops at `limit`. */
export function searchJson(json: Json, text: string, limit = MAX_HITS): Hit[] {
  const wanted = text.trim().toLowerCase();
  const hits: Hit[] = [];
  if (wanted === "") return hits;
  const visit = (value: Json, path: string[]): void => {
    if (hits.length >= limit) return;
    const entries = Array.isArray(value) ? value.entries() : isFields(value) ? Object.entries(value) : undefined;
    if (entries) {
      for (const [key, inner] of entries) visit(inner, [...path, String(key)]);
      return;
    }
    const key = path.findLast((one) => !/^\d+$/.test(one)) ?? "";
    const shown = String(value);
    if (shown.toLowerCase().includes(wanted) || label(key).toLowerCase().includes(wanted))
      hits.push({ path, value: shown });
  };
  visit(json, []);
  return hits;
}

export function JsonSearch({ json }: { json: Json }): JSX.Element | null {
  const [text, setText] = useState("");
  const isLarge = useMemo(() => countValues(json, MIN_VALUES) >= MIN_VALUES, [json]);
  const hits = useMemo(() => searchJson(json, text), [json, text]);
  if (!isLarge) return null;
  return (
    <div class="json-search">
      <input
        type="search"
        aria-label="Search in this result"
        placeholder="Search in this result"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {text.trim() !== "" && (
        <>
          <p class="muted small" role="status">
            {hits.length >= MAX_HITS ? `The first ${MAX_HITS} places` : plural(hits.length, "place")}
          </p>
          <ul class="json-hits">
            {hits.map((hit, index) => (
              <li key={index}>
                <span class="muted small">
                  <bdi>
                    {hit.path.map((key) => (/^\d+$/.test(key) ? `no. ${Number(key) + 1}` : label(key))).join(" › ")}
                  </bdi>
                </span>
                <br />
                <bdi>{hit.value.length > MAX_VALUE_CHARS ? `${cut(hit.value, MAX_VALUE_CHARS)}…` : hit.value}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
