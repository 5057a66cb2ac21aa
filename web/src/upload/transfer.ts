/** Sends a file to S3: in one request, or in parts of which several are sent at a time. */

import type { Client } from "../api/client";
import { ApiError, NetworkError } from "../api/errors";
import type { MultipartUploadView, SignedRequest, UploadView } from "../api/types";
import { backoff, pause } from "../lib/backoff";
import { now } from "../lib/clock";
import { checkReadable, checkUnchanged, missingParts, partRange } from "./file";
import { SendError, send } from "./send";

const PARALLEL_PARTS = 3;
/** Few enough that a slow network can send them before the signatures expire. */
const SIGNED_PARTS_PER_REQUEST = 12;
const MAX_ATTEMPTS = 8;
/** A signature that expires sooner is not used. */
const MIN_SIGNATURE_LIFE_MS = 30_000;

export interface TransferOptions {
  client: Pick<Client, "upload" | "signParts" | "completeUpload">;
  signal: AbortSignal;
  /** Of the file when its upload began, if it is known. */
  sha256?: string | undefined;
  /** Bytes that have been sent, including parts in progress. */
  progress(sent: number): void;
  /** The transfer was interrupted and will continue. */
  paused(reason: "offline" | "retry"): void;
}

interface CheckedOptions extends TransferOptions {
  /**
   * Throws `FileUnreadable`. A browser reports a file that it cannot read as a lost connection, or sends what is left of
   * it, which S3 refuses.
   */
  checkSource(): Promise<void>;
}

/** Sends what is missing. Resolves when S3 has the whole file. */
export async function transfer(upload: UploadView, file: Blob, options: TransferOptions): Promise<void> {
  const way = { ...options, checkSource: () => checkReadable(file) };
  if (upload.multipart) await sendParts(upload, upload.multipart, file, way);
  else await sendWhole(upload, file, way);
}

async function sendWhole(upload: UploadView, file: Blob, way: CheckedOptions): Promise<void> {
  let request = upload.put;
  await withRetries(way, async () => {
    if (!request || request.expires_at - MIN_SIGNATURE_LIFE_MS < now())
      request = (await way.client.upload(upload.job_id)).put;
    if (!request) throw new ApiError(409, "", "The upload can no longer be completed.");
    try {
      await send(request, file, way.progress, way.signal);
    } catch (error) {
      // The object exists: an earlier attempt succeeded although its answer was lost.
      if (error instanceof SendError && error.status === 412) return;
      if (error instanceof SendError && error.needsNewRequest) request = undefined;
      throw error;
    }
  });
}

async function sendParts(
  upload: UploadView,
  multipart: MultipartUploadView,
  file: Blob,
  way: CheckedOptions,
): Promise<void> {
  const todo = missingParts(multipart.part_count, multipart.uploaded_parts);
  const sent = new Map<number, number>();
  for (const part of multipart.uploaded_parts) sent.set(part, size(part, multipart.part_bytes, file.size));
  const reportProgress = (): void => way.progress([...sent.values()].reduce((sum, one) => sum + one, 0));
  reportProgress();

  const signed = new Map<number, SignedRequest>();
  let signing: Promise<void> | undefined;
  const sign = async (part: number): Promise<SignedRequest> => {
    for (;;) {
      const request = signed.get(part);
      if (request && request.expires_at - MIN_SIGNATURE_LIFE_MS > now()) return request;
      // One request signs several parts; the workers wait for the same answer.
      signing ??= (async () => {
        const partNumbers = [part, ...todo.filter((other) => other !== part && !signed.has(other))].slice(
          0,
          SIGNED_PARTS_PER_REQUEST,
        );
        const { parts } = await way.client.signParts(upload.job_id, partNumbers);
        for (const { part_number, request: made } of parts) signed.set(part_number, made);
      })().finally(() => {
        signing = undefined;
      });
      await signing;
    }
  };

  const worker = async (): Promise<void> => {
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      const number = part;
      const [start, end] = partRange(number, multipart.part_bytes, file.size);
      await withRetries(way, async () => {
        const request = await sign(number);
        try {
          await send(
            request,
            file.slice(start, end),
            (bytes) => {
              sent.set(number, Math.min(bytes, end - start));
              reportProgress();
            },
            way.signal,
          );
          sent.set(number, end - start);
        } catch (error) {
          sent.delete(number);
          if (error instanceof SendError && error.needsNewRequest) signed.delete(number);
          throw error;
        }
      });
      reportProgress();
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_PARTS }, worker));
  // Parts of two states of a file are no document.
  await checkUnchanged(file, way.sha256);
  await withRetries(way, async () => {
    await way.client.completeUpload(upload.job_id);
  });
}

function size(part: number, partBytes: number, whole: number): number {
  const [start, end] = partRange(part, partBytes, whole);
  return end - start;
}

/** Repeats `work` until it succeeds, is cancelled or fails permanently. While offline, it waits for the network. */
async function withRetries(way: CheckedOptions, work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    way.signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      way.signal.throwIfAborted();
      if (error instanceof SendError) await way.checkSource();
      if (!navigator.onLine) {
        way.paused("offline");
        await online(way.signal);
        tries = 0;
        continue;
      }
      const expired = error instanceof SendError && error.needsNewRequest;
      const isTransient =
        error instanceof NetworkError ||
        (error instanceof SendError && error.isTransient) ||
        (error instanceof ApiError && (error.status === 429 || error.status >= 500));
      if (!(isTransient || (expired && tries < 2)) || tries >= MAX_ATTEMPTS) throw error;
      way.paused("retry");
      await pause(250 + backoff(tries, 1000, 20_000));
    }
  }
}

function online(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      removeEventListener("online", done);
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const stop = (): void => {
      removeEventListener("online", done);
      reject(signal.reason as Error);
    };
    addEventListener("online", done);
    signal.addEventListener("abort", stop);
  });
}
