/** What differs between the findings of two results of one document. */

import type { Finding } from "./finding";
import { plainName } from "./json";

export interface FieldChange {
  name: "Level" | "Title" | "Text" | "Quote" | "Page" | "Other details";
  before: string;
  after: string;
}

export interface ChangedFinding {
  before: Finding;
  after: Finding;
  fields: FieldChange[];
}

export interface Comparison {
  added: Finding[];
  removed: Finding[];
  changed: ChangedFinding[];
  /** How many are the same in both. */
  same: number;
}

/** What two findings have in common if they are about the same thing, the most telling first. Empty: nothing to go by. */
const KEYS: readonly ((finding: Finding) => string)[] = [
  (one) => JSON.stringify(fields(one)),
  (one) => (one.title === "" || one.page === undefined ? "" : `${plainName(one.title)} ${one.page}`),
  (one) => words(one.quote),
  (one) => plainName(one.title),
  (one) => words(one.text),
];

/**
 * Pairs the findings of two results, each with one of the other result at most. Two findings are about the same thing if they are
 * equal, or have the same title on the same page, the same quote, the same title, or the same text. The confidence does not
 * count: it differs a little in every run.
 */
export function compareFindings(before: readonly Finding[], after: readonly Finding[]): Comparison {
  let older = [...before];
  let newer = [...after];
  const changed: ChangedFinding[] = [];
  let same = 0;
  for (const key of KEYS) {
    const byKey = new Map<string, Finding[]>();
    for (const one of newer) {
      const name = key(one);
      if (name !== "") byKey.set(name, [...(byKey.get(name) ?? []), one]);
    }
    const paired = new Set<Finding>();
    for (const one of older) {
      const other = byKey.get(key(one))?.shift();
      if (other === undefined) continue;
      paired.add(one).add(other);
      const differences = fieldChanges(one, other);
      if (differences.length === 0) same += 1;
      else changed.push({ before: one, after: other, fields: differences });
    }
    older = older.filter((one) => !paired.has(one));
    newer = newer.filter((one) => !paired.has(one));
  }
  changed.sort((a, b) => after.indexOf(a.after) - after.indexOf(b.after));
  return { added: newer, removed: older, changed, same };
}

function fieldChanges(before: Finding, after: Finding): FieldChange[] {
  const [old, now] = [fields(before), fields(after)];
  return (Object.keys(old) as FieldChange["name"][])
    .filter((name) => old[name] !== now[name])
    .map((name) => ({ name, before: old[name], after: now[name] }));
}

function fields(one: Finding): Record<FieldChange["name"], string> {
  return {
    Level: one.level,
    Title: one.title,
    Text: words(one.text),
    Quote: words(one.quote),
    Page: one.page === undefined ? "" : one.page === 0 ? "whole document" : String(one.page),
    "Other details": one.rest.length === 0 ? "" : JSON.stringify(Object.fromEntries(one.rest)),
  };
}

/** Line breaks and runs of blanks do not count. */
function words(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
