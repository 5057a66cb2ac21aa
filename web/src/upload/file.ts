/** Checks a file before the upload, and computes its name, identity and parts. */

import * as LIMITS from "../api/limits";
import type { PipelineView } from "../api/types";
import { formatBytes } from "../lib/format";

export interface FileLike {
  name: string;
  size: number;
  type: string;
  lastModified: number;
}

/** A file in a cloud folder is fetched when it is read. One that takes longer than this is given up. */
const READ_TIMEOUT_MS = 30_000;

/** The browser cannot read the file that was chosen. The same file can only be read after it is chosen again. */
export class FileUnreadable extends Error {
  constructor(message = "The file cannot be read: it was changed, moved or deleted. Choose it again.") {
    super(message);
  }
}

const TOO_SLOW =
  "The file could not be read within 30 seconds. If it is in a cloud folder, let it be downloaded to this device first, " +
  "then choose it again.";

/** The first bytes of a file, which decide whether it is a PDF. Throws `FileUnreadable`. */
export function firstBytes(file: Blob): Promise<Uint8Array> {
  return read(file.slice(0, LIMITS.pdfHeaderBytes));
}

/**
 * Throws `FileUnreadable` if the file was changed, moved or deleted after it was chosen. Chromium and Safari refuse to
 * read such a file; Firefox reads what is there, so a shorter file lacks its last byte.
 */
export async function checkReadable(file: Blob): Promise<void> {
  await read(file.slice(0, 1));
  await read(file.slice(Math.max(file.size - 1, 0)));
}

async function read(part: Blob): Promise<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FileUnreadable(TOO_SLOW)), READ_TIMEOUT_MS);
  });
  try {
    const bytes = new Uint8Array(await Promise.race([part.arrayBuffer(), timeout]));
    if (bytes.length === part.size) return bytes;
  } catch (error) {
    // Otherwise a file that changed, or a folder.
    if (error instanceof FileUnreadable) throw error;
  } finally {
    clearTimeout(timer);
  }
  throw new FileUnreadable();
}

/** A larger file is not hashed: the browser has to hold all of it in memory for that. */
export const MAX_HASHED_BYTES = 100 * 1024 * 1024;

/** SHA-256 in hexadecimal digits. Undefined for a large file, and where the page may not use the browser's cryptography. */
export async function sha256(file: Blob): Promise<string | undefined> {
  if (file.size > MAX_HASHED_BYTES || globalThis.crypto?.subtle === undefined) return undefined;
  try {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return undefined;
  }
}

/**
 * Throws `FileUnreadable` if the file is no longer the one with this hash. Firefox reads a file that was changed and kept its
 * length; its `lastModified` stays that of the choice, and the File API gives a page no newer one.
 */
export async function checkUnchanged(file: Blob, hash: string | undefined): Promise<void> {
  if (hash !== undefined && (await sha256(file)) !== hash) throw new FileUnreadable();
}

/** Why a pipeline rejects a file with these first bytes. Undefined if it accepts the file. */
export function rejectionReason(file: FileLike, start: Uint8Array, pipeline: PipelineView): string | undefined {
  if (file.size === 0) return "The file is empty.";
  const called = pipeline.display_name ?? pipeline.name;
  if (mediaType(file, start, pipeline) === undefined)
    return `Not a ${fileKinds(pipeline)}: ${called} accepts nothing else.`;
  if (file.size > pipeline.max_bytes) {
    return `Too large: ${formatBytes(file.size)}. ${called} accepts at most ${formatBytes(pipeline.max_bytes)}.`;
  }
  return undefined;
}

const PDF = "application/pdf";

/**
 * The media type to declare. Whether a file is a PDF is decided by its first bytes, as the service does. For other types
 * it is the browser's, which derives it from the file name and sometimes leaves it empty.
 */
export function mediaType(file: FileLike, start: Uint8Array, pipeline: PipelineView): string | undefined {
  const accepted = pipeline.content_types;
  if (accepted.includes(PDF) && isPdf(start)) return PDF;
  const stated = file.type.toLowerCase();
  const ending = file.name.split(".").pop()?.toLowerCase() ?? "";
  const isUnknown = stated === "" || stated === "application/octet-stream";
  const type = accepted.find((one) => one === stated || (isUnknown && one.split("/")[1] === ending));
  return type === PDF ? undefined : type;
}

/** Whether a file with these first bytes is a PDF: `%PDF-` is among them, not necessarily at the start. */
function isPdf(start: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(start.subarray(0, LIMITS.pdfHeaderBytes)).includes("%PDF-");
}

export function fileKinds(pipeline: PipelineView): string {
  return pipeline.content_types.map((type) => (type.split("/")[1] ?? type).toUpperCase()).join(" or ");
}

/** The name to declare: without characters that the service rejects, and shortened in the middle to keep the extension. */
export function shortName(name: string): string {
  const chars = [...name.replace(/[\p{Cc}/\\]/gu, "_")];
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  for (let half = LIMITS.fileName / 2; ; half -= 1) {
    const short =
      chars.length <= 2 * half
        ? chars.join("")
        : [...chars.slice(0, half), "…", ...chars.slice(chars.length - half + 1)].join("");
    if (bytes(short) <= LIMITS.fileNameBytes) return short;
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
