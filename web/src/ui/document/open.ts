/**
 * Opens a PDF with pdf.js, in a worker. Only the parts of the file that are looked at are loaded, each with a signed
 * request. Scripts in the document never run: pdf.js runs them only in its sandbox, which is not part of this page.
 */

import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import workerUrl from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?worker&url";
import { ApiError, NetworkError } from "../../api/errors";
import type { ResultView } from "../../api/types";
import { backoff, pause } from "../../lib/backoff";
import { now } from "../../lib/clock";

/** How often a part of the file is requested. */
const MAX_ATTEMPTS = 4;
/** A part of the file. Few requests on a slow line, and little more than a page needs. */
const PART_BYTES = 256 * 1024;
/** A signed request is replaced this long before it expires. */
const MIN_LIFE_MS = 20_000;
/** Larger pictures are left out: a picture is unpacked into memory as a whole. */
const MAX_IMAGE_PIXELS = 64_000_000;
/** Some ten times the garbage that a drawn page of text leaves. In the worker it leaves less: an eighth is enough there. */
const UNUSED_BYTES = 8_000_000;

export type PdfDocument = pdfjs.PDFDocumentProxy;

export interface OpenedPdf {
  document: PdfDocument;
  /** Makes the browser collect garbage sooner. For each page that was drawn. */
  hurryCollection: () => void;
  close: () => void;
}

/**
 * `sign` returns a newly signed request for the file. `onFailure` is called if a part of the file cannot be loaded later:
 * pdf.js would wait for it forever.
 */
export async function openPdf(
  sign: () => Promise<ResultView>,
  onFailure: (error: unknown) => void,
): Promise<OpenedPdf> {
  const view = await sign();
  const ranges = new SignedRanges(view, sign);
  const port = newWorker();
  const worker = pdfjs.PDFWorker.create({ port });
  const assets = `${import.meta.env.BASE_URL}assets/pdfjs-${pdfjs.version}/`;
  const task = pdfjs.getDocument({
    range: ranges,
    worker,
    rangeChunkSize: PART_BYTES,
    disableAutoFetch: true,
    disableStream: true,
    disableWorkerRendering: true,
    maxImageSize: MAX_IMAGE_PIXELS,
    // The Content-Security-Policy allows no WebAssembly. pdf.js has the decoders as scripts too.
    useWasm: false,
    wasmUrl: assets,
    cMapUrl: assets,
    standardFontDataUrl: assets,
  });
  const close = (): void => {
    ranges.abort();
    void task.destroy().finally(() => worker.destroy());
  };
  try {
    const opened = await Promise.race([task.promise, ranges.failed]);
    ranges.failed.catch(onFailure);
    return { document: opened, hurryCollection: () => hurryCollection(port), close };
  } catch (error) {
    close();
    throw readable(error);
  }
}

/**
 * Browsers collect garbage when enough memory was allocated since the last time, used or not. A buffer that is never written
 * to counts with its whole size and takes no memory. The worker's part of pdf.js takes no notice of such a message.
 */
function hurryCollection(worker: Worker): void {
  try {
    const here = new ArrayBuffer(UNUSED_BYTES);
    // Its size is read, because the build leaves out what is not.
    const there = new ArrayBuffer(here.byteLength / 8);
    worker.postMessage({ there }, [there]);
  } catch {
    // Without room for it the browser collects anyway. The page is drawn.
  }
}

/** A worker of this page's own script. Trusted Types allow no other address. */
function newWorker(): Worker {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypeFactory };
  policy ??= trustedTypes?.createPolicy("docket-pdf-worker", {
    createScriptURL: (url) => {
      if (url !== workerUrl) throw new TypeError("only the PDF worker may be started");
      return url;
    },
  });
  const url = policy ? (policy.createScriptURL(workerUrl) as unknown as string) : workerUrl;
  return new Worker(url, { type: "module" });
}

interface TrustedTypeFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): TrustedTypePolicy;
}
interface TrustedTypePolicy {
  createScriptURL(url: string): object;
}
let policy: TrustedTypePolicy | undefined;

/** Loads parts of the file. */
class SignedRanges extends pdfjs.PDFDataRangeTransport {
  /** Rejected when a part cannot be loaded. */
  readonly failed: Promise<never>;
  private fail: (error: unknown) => void = () => {};
  /** The file, if it came as a whole. */
  private whole: Uint8Array | undefined;
  private readonly control = new AbortController();

  constructor(
    private view: ResultView,
    private readonly sign: () => Promise<ResultView>,
  ) {
    super(view.bytes, null);
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
  }

  override requestDataRange(begin: number, end: number): void {
    this.load(begin, end).then(
      (part) => this.control.signal.aborted || this.onDataRange(begin, part),
      (error: unknown) => this.control.signal.aborted || this.fail(error),
    );
  }

  override abort(): void {
    this.control.abort();
  }

  private async load(begin: number, end: number): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (this.whole) return this.whole.slice(begin, end);
        if (this.view.request.expires_at - now() < MIN_LIFE_MS) this.view = await this.sign();
        const { url, headers } = this.view.request;
        const response = await fetch(url, {
          headers: { ...headers, range: `bytes=${begin}-${end - 1}` },
          credentials: "omit",
          signal: this.control.signal,
        });
        // S3 answers 400 if the credentials that signed it have expired before the signature.
        if (response.status === 403 || response.status === 400) this.view = await this.sign();
        if (!response.ok) throw new ApiError(response.status, "", loadError(response.status));
        const bytes = new Uint8Array(await response.arrayBuffer());
        // S3 answers ranges; something between may answer the whole file.
        if (response.status !== 206) this.whole = bytes;
        const part = response.status === 206 ? bytes : bytes.slice(begin, end);
        if (part.length !== Math.min(end, this.view.bytes) - begin) throw new NetworkError();
        return part;
      } catch (error) {
        const isFinal = error instanceof ApiError && [404, 410].includes(error.status);
        if (isFinal || attempt >= MAX_ATTEMPTS || this.control.signal.aborted)
          throw error instanceof ApiError ? error : new NetworkError();
        await pause(300 + backoff(attempt, 500, 4000));
      }
    }
  }
}

function loadError(status: number): string {
  return status === 404
    ? "The document is no longer available: it was deleted."
    : `The document could not be loaded (${status}). Try again.`;
}

/** What pdf.js says, in words for the reader. */
function readable(error: unknown): unknown {
  const name = error instanceof Error ? error.name : "";
  if (name === "PasswordException") return new Error("A password is needed to open this document.");
  if (name === "InvalidPDFException") return new Error("This document is damaged or is not a PDF.");
  return error;
}
