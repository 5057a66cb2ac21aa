/** Checks a file before the upload, and computes its name, identity and parts. */

import type { PipelineView } from "../api/types";
import { formatBytes } from "../lib/format";

export interface FileLike {
  name: string;
  size: number;
  type: string;
  lastModified: number;
}

/** The service's limits for a name: characters, and bytes of UTF-8. */
const MAX_NAME_CHARS = 200;
const MAX_NAME_BYTES = 500;

/** Why a pipeline rejects a file. Undefined if it accepts the file. */
export function rejectionReason(file: FileLike, pipeline: PipelineView): string | undefined {
  if (file.size === 0) return "The file is empty.";
  if (mediaType(file, pipeline) === undefined)
    return `Not a ${fileKinds(pipeline)}: ${pipeline.name} accepts nothing else.`;
  if (file.size > pipeline.max_bytes) {
    return `Too large: ${formatBytes(file.size)}. ${pipeline.name} accepts at most ${formatBytes(pipeline.max_bytes)}.`;
  }
  return undefined;
}

/** The media type to declare. Browsers derive it from the file name, and some leave it empty. */
export function mediaType(file: FileLike, pipeline: PipelineView): string | undefined {
  const stated = file.type.toLowerCase();
  if (pipeline.content_types.includes(stated)) return stated;
  if (stated === "" || stated === "application/octet-stream") {
    const ending = file.name.split(".").pop()?.toLowerCase() ?? "";
    return pipeline.content_types.find((type) => type.split("/")[1] === ending);
  }
  return undefined;
}

export function fileKinds(pipeline: PipelineView): string {
  return pipeline.content_types.map((type) => (type.split("/")[1] ?? type).toUpperCase()).join(" or ");
}

/** The name to declare: without characters that the service rejects, and shortened in the middle to keep the extension. */
export function shortName(name: string): string {
  const chars = [...name.replace(/[\p{Cc}/\\]/gu, "_")];
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  for (let half = MAX_NAME_CHARS / 2; ; half -= 1) {
    const short =
      chars.length <= 2 * half
        ? chars.join("")
        : [...chars.slice(0, half), "…", ...chars.slice(chars.length - half + 1)].join("");
    if (bytes(short) <= MAX_NAME_BYTES) return short;
  }
}

/** Identifies a file and its destination, to recognize the file when it is dropped again. */
export function fingerprint(file: FileLike, pipeline: string, tenant: string | undefined): string {
  return JSON.stringify([file.name, file.size, file.lastModified, pipeline, tenant ?? ""]);
}

/** The numbers of the parts that are not uploaded yet. */
export function missingParts(partCount: number, uploaded: readonly number[]): number[] {
  const done = new Set(uploaded);
  return Array.from({ length: partCount }, (_, index) => index + 1).filter((part) => !done.has(part));
}

/** The byte range of a part: `[start, end)`. */
export function partRange(part: number, partBytes: number, size: number): [number, number] {
  const start = (part - 1) * partBytes;
  return [start, Math.min(start + partBytes, size)];
}
