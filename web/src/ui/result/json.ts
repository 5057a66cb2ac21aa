/** JSON values of any shape: reading, pointers, and what is left when known parts are taken out. */

export type Json = null | boolean | number | string | Json[] | Fields;
export interface Fields {
  [key: string]: Json;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Integers above 2^53 stay as they are written, because a number cannot hold all their digits. */
export function parseJson(text: string): Json {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Json;
  const keepDigits = (_: string, value: Json, context?: { source?: string }): Json =>
    typeof value === "number" && /^-?\d{16,}$/.test(context?.source ?? "") ? (context?.source ?? value) : value;
  return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown) as Json;
}

/** A name that an object of a valid JSON text has twice. Parsers keep one of its values, and most say nothing. */
export function repeatedName(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === "{") objects.push(new Set());
    else if (sign === "[") objects.push(undefined);
    else if (sign === "}" || sign === "]") objects.pop();
    else if (sign === '"') {
      const end = endOfString(text, at);
      let after = end + 1;
      while (/\s/.test(text[after] ?? "")) after += 1;
      if (text[after] === ":") {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        const names = objects.at(-1);
        if (names?.has(name)) return name;
        names?.add(name);
      }
      at = end;
    }
  }
  return undefined;
}

/** The place of the quotation mark that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes += 1;
    if (escapes % 2 === 0) return end;
  }
}

/** How many values there are that hold no others. Counts no further than the limit. */
export function countValues(json: Json, limit: number): number {
  if (limit <= 0) return 0;
  if (!Array.isArray(json) && !isFields(json)) return 1;
  let count = 0;
  for (const inner of Object.values(json)) {
    count += countValues(inner, limit - count);
    if (count >= limit) break;
  }
  return count;
}

/** The names in a JSON Pointer (RFC 6901). */
export function pointerNames(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((name) => name.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** A JSON value from which parts are taken one by one. The value itself stays unchanged. */
export class Remainder {
  constructor(public rest: Json | undefined) {}

  /** The value at a path, which stays. */
  peek(path: readonly string[]): Json | undefined {
    let value: Json | undefined = this.rest;
    for (const name of path) {
      if (Array.isArray(value) && /^(0|[1-9]\d*)$/.test(name)) value = value[Number(name)];
      else if (isFields(value) && Object.hasOwn(value, name)) value = value[name];
      else return undefined;
    }
    return value;
  }

  /** Takes the value at a path out, if it is there and `read` understands it. Objects that become empty by it go too. */
  take<T>(path: readonly string[] | undefined, read: (value: Json) => T | undefined): T | undefined {
    const value = path && this.peek(path);
    const found = value === undefined ? undefined : read(value);
    if (found !== undefined && path) this.rest = without(this.rest, path);
    return found;
  }

  /** Takes the first field of an object that has one of these names and that `read` understands. */
  takeNamed<T>(at: readonly string[], names: readonly string[], read: (value: Json) => T | undefined): T | undefined {
    const fields = this.peek(at);
    if (!isFields(fields)) return undefined;
    const keys = Object.keys(fields);
    for (const name of names) {
      for (const key of keys.filter((one) => plainName(one) === name)) {
        const found = this.take([...at, key], read);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The fields that are left, of an object. */
  fields(): [string, Json][] {
    return isFields(this.rest) ? Object.entries(this.rest) : [];
  }
}

/** `Risk_Level`, `risk-level` and `riskLevel` are one name: `risklevel`. */
export function plainName(key: string): string {
  return key.toLowerCase().replace(/[\s_-]+/g, "");
}

function without(value: Json | undefined, path: readonly string[]): Json | undefined {
  const [name, ...inner] = path;
  if (name === undefined || value === undefined || value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value)) {
    // The positions of the others stay: `null` is put in the place.
    const copy = [...value];
    copy[Number(name)] = without(copy[Number(name)], inner) ?? null;
    return copy.every((one) => one === null) ? undefined : copy;
  }
  const { [name]: taken, ...others } = value;
  const left = without(taken, inner);
  if (left !== undefined) return { ...value, [name]: left };
  return Object.keys(others).length > 0 ? others : undefined;
}

/** The text of a string or a number. */
export function scalarText(value: Json): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value;
  return typeof value === "number" ? String(value) : undefined;
}
