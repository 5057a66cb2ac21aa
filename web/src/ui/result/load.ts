/** Loads a result and finds out what it is: the media type says what the model claims, not what it wrote. */

import type { Client } from "../../api/client";
import { ApiError, NetworkError } from "../../api/errors";
import type { ResultPaths, ResultView } from "../../api/types";
import { type Json, parseJson, repeatedName } from "./json";

/** Larger results are not parsed; the page shows how they begin. */
const MAX_PARSED_BYTES = 10_000_000;
/** How much is shown of a text that is not understood. */
const MAX_TEXT_BYTES = 100_000;

export type LoadedResult =
  | { kind: "json"; json: Json; paths: ResultPaths }
  /** `why` is a sentence for the reader; `bytes` of it were loaded. */
  | { kind: "text"; text: string; why: string; bytes: number; of: number; hasRepeatedName?: boolean }
  | { kind: "pdf"; view: ResultView }
  | { kind: "file"; view: ResultView };

/** `attempt`: the one whose result it is; without it, the job's. A result above `limit` bytes is not loaded. */
export async function loadResult(
  client: Client,
  id: string,
  attempt?: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<LoadedResult> {
  const view = await client.result(id, attempt);
  if (view.bytes > limit) return { kind: "file", view };
  const type = (view.content_type.split(";")[0] ?? "").trim().toLowerCase();
  const isJson = /^(application|text)\/([\w.-]+\+)?json$/.test(type);
  if (type === "application/pdf") return { kind: "pdf", view };
  if (!isJson && !type.startsWith("text/")) return { kind: "file", view };
  const isParsed = isJson && view.bytes <= MAX_PARSED_BYTES;
  const bytes = await readStart(view, isParsed ? MAX_PARSED_BYTES : MAX_TEXT_BYTES);
  if (bytes.subarray(0, MAX_TEXT_BYTES).includes(0)) return { kind: "file", view };
  // A character may be cut in half at the end of the part.
  const text = new TextDecoder().decode(bytes, { stream: bytes.length < view.bytes });
  const asText = (why: string): LoadedResult => {
    const shown = text.slice(0, MAX_TEXT_BYTES);
    const shownBytes = shown.length === text.length ? bytes.length : new TextEncoder().encode(shown).length;
    return { kind: "text", text: shown, why, bytes: shownBytes, of: view.bytes };
  };
  if (!isJson) return asText("");
  if (!isParsed) return asText("The result is too large to be shown in full.");
  try {
    const json = parseJson(text);
    const name = repeatedName(text);
    if (name === undefined) return { kind: "json", json, paths: view.paths ?? {} };
    const why = `An object of this result has “${name}” twice, so one of the two could be missed. It is shown as it came.`;
    return { ...asText(why), hasRepeatedName: true } as LoadedResult;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return asText(`The model says that this result is JSON, but it is not: ${reason}. It is shown as it came.`);
  }
}

/** The first bytes of a result, at most `limit`. */
async function readStart(view: ResultView, limit: number): Promise<Uint8Array> {
  const range: Record<string, string> = view.bytes > limit ? { range: `bytes=0-${limit - 1}` } : {};
  const headers = { ...view.request.headers, ...range };
  const response = await fetch(view.request.url, { headers, credentials: "omit" }).catch(() => {
    throw new NetworkError();
  });
  if (!response.ok)
    throw new ApiError(response.status, "", `The result could not be loaded (${response.status}). Try again.`);
  const buffer = await response.arrayBuffer().catch(() => {
    throw new NetworkError();
  });
  return new Uint8Array(buffer, 0, Math.min(buffer.byteLength, limit));
}
