/** Sends one signed request. It uses XMLHttpRequest because fetch does not report upload progress. */

import type { SignedRequest } from "../api/types";

/** A request without progress for this long has failed. */
const STALL_TIMEOUT_MS = 60_000;

/** S3 answered with an error status, or with none (0). */
export class SendError extends Error {
  constructor(readonly status: number) {
    super(status === 0 ? "the connection was lost" : `S3 answered ${status}`);
  }

  /** Whether another request, signed anew, may succeed: 403 for an expired signature, 400 for expired credentials and for a
   *  connection that was too slow or broke off. */
  get needsNewRequest(): boolean {
    return this.status === 403 || this.status === 400;
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    // 409: S3 is processing another request for the same key, and asks for a retry.
    return this.status === 0 || this.status === 408 || this.status === 409 || this.status === 429 || this.status >= 500;
  }
}

export function send(
  request: SignedRequest,
  body: Blob,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const xhr = new XMLHttpRequest();
    let stall: ReturnType<typeof setTimeout> | undefined;
    const restartStallTimer = (): void => {
      clearTimeout(stall);
      stall = setTimeout(() => {
        finish();
        xhr.abort();
        reject(new SendError(0));
      }, STALL_TIMEOUT_MS);
    };
    const abort = (): void => {
      finish();
      xhr.abort();
      reject(signal.reason as Error);
    };
    const finish = (): void => {
      clearTimeout(stall);
      signal.removeEventListener("abort", abort);
    };
    xhr.upload.onprogress = (event) => {
      restartStallTimer();
      onProgress(event.loaded);
    };
    xhr.onload = () => {
      finish();
      if (xhr.status >= 200 && xhr.status < 300) resolve();
      else reject(new SendError(xhr.status));
    };
    xhr.onerror = () => {
      finish();
      reject(new SendError(0));
    };
    signal.addEventListener("abort", abort);
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      // Only the browser may set these.
      if (!/^(content-length|host)$/i.test(name)) xhr.setRequestHeader(name, value);
    }
    restartStallTimer();
    xhr.send(body);
  });
}
