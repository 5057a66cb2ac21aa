/** A model's keys and values as words. */

import { titleCase } from "../../lib/format";
import { isFields, type Json } from "./json";

/** `liability_cap` as "Liability cap". A key that is no name, such as a sentence, stays as it is. */
export function label(key: string): string {
  return /^[\p{L}\d_-]{1,60}$/u.test(key) && !/^[\d_-]+$/.test(key) ? titleCase(key) : key === "" ? "(no name)" : key;
}

/** A value on one line, whatever it is. */
export function inline(value: Json): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(inline).join("; ");
  if (isFields(value))
    return Object.entries(value)
      .map(([key, one]) => `${label(key)}: ${inline(one)}`)
      .join(", ");
  return value === null ? "–" : String(value);
}

/** What a result says of its model, as a sentence: its name, and the rest in brackets. Empty if it says nothing. */
export function modelSentence(model: readonly [string, Json][]): string {
  if (model.length === 0) return "";
  const name = model.find(([key]) => key === "name");
  const rest = model.filter((one) => one !== name).map(([key, value]) => `${label(key)}: ${inline(value)}`);
  return `Model${name ? `: ${inline(name[1])}` : ""}${rest.length > 0 ? ` (${rest.join(", ")})` : ""}.`;
}

/** At most `limit` UTF-16 units, without half a character at the end. */
export function cut(text: string, limit: number): string {
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, "");
}
