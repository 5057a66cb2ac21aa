/** What can be said of a file before a byte is sent, and how a file is told from another. */

import type { PipelineView } from "../api/types";
import { formatBytes } from "../lib/format";

export interface FileLike {
  name: string;
  size: number;
  type: string;
  lastModified: number;
}

/** What the service takes as a name: characters, and bytes of UTF-8. */
const MAX_NAME_CHARS = 200;
const MAX_NAME_BYTES = 500;

/** Why a pipeline does not take a file, or nothing. */
export function rejectionReason(file: FileLike, pipeline: PipelineView): string | undefined {
  if (file.size === 0) return "The file is empty.";
  if (mediaType(file, pipeline) === undefined)
    return `Not a ${fileKinds(pipeline)}: ${pipeline.name} takes nothing else.`;
  if (file.size > pipeline.max_bytes) {
    return `Too large: ${formatBytes(file.size)}. ${pipeline.name} takes at most ${formatBytes(pipeline.max_bytes)}.`;
  }
  return undefined;
}

/** The media type to announce: browsers go by the name's ending, some leave it empty. */
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

/** The name to announce: its start and its end, which has the ending, if it is too long; nothing that the service refuses. */
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

/** The same file, dropped again, to the same place: by what a browser tells of it. */
export function fingerprint(file: FileLike, pipeline: string, tenant: string | undefined): string {
  return JSON.stringify([file.name, file.size, file.lastModified, pipeline, tenant ?? ""]);
}

/** The numbers of the parts that still have to be sent. */
export function missingParts(parts: number, arrived: readonly number[]): number[] {
  const there = new Set(arrived);
  return Array.from({ length: parts }, (_, index) => index + 1).filter((part) => !there.has(part));
}

/** Where a part lies in the file: `[start, end)`. */
export function partRange(part: number, partBytes: number, size: number): [number, number] {
  const start = (part - 1) * partBytes;
  return [start, Math.min(start + partBytes, size)];
}
