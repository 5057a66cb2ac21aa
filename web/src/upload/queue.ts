/** The queue of files to upload, a few at a time. */

import type { Client } from "../api/client";
import { ApiError, errorMessage, NetworkError } from "../api/errors";
import type { JobView, PipelineView, UploadView } from "../api/types";
import { now } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import {
  checkReadable,
  FileUnreadable,
  fingerprint,
  firstBytes,
  mediaType,
  rejectionReason,
  sha256,
  shortName,
} from "./file";
import type { LeftOut } from "./folders";
import { SendError } from "./send";
import { transfer } from "./transfer";
import { removeUnfinished, saveUnfinished, type UnfinishedUpload, unfinishedUploads } from "./unfinished";

const PARALLEL_FILES = 3;

/** The tag of a corrected version. Its value is the id of the job of the document that was rejected. */
export const CORRECTS = "corrects";

export interface UploadLabels {
  /** The batch that the document belongs to. */
  readonly batch?: string | undefined;
  /** The job whose document this one replaces. */
  readonly corrects?: string | undefined;
}

export interface UploadItem extends UploadLabels {
  readonly key: number;
  readonly file: File;
  readonly pipeline: string;
  readonly tenant: string | undefined;
  /** Refused: the file as it was chosen cannot be uploaded. Failed: another try may succeed. */
  state: "checking" | "refused" | "queued" | "sending" | "paused" | "retrying" | "received" | "failed" | "identical";
  sent: number;
  error?: string;
  /** The job with the same content, newest first. The person decides whether the file is processed once more. */
  identical?: JobView | undefined;
  runAnyway?: boolean;
  /** What to declare. Set when the file has been checked. */
  contentType?: string;
  jobId?: string;
  /** Of the file when its upload began. Undefined for a large file. */
  sha256?: string | undefined;
  /** Whether it continues an upload that an earlier page started. */
  resumed?: boolean;
  /** When sending started and from how many bytes, to estimate the time left. */
  began?: { at: number; sent: number };
}

export class BrowserUploads extends Emitter {
  items: readonly UploadItem[] = [];
  private key = 0;
  private readonly running = new Map<number, AbortController>();
  private throttle = 0;

  constructor(
    private readonly client: Client,
    private readonly actor: string,
  ) {
    super();
    addEventListener("online", () => {
      this.emit();
      this.startNext();
    });
    addEventListener("offline", () => this.emit());
  }

  /** Uploads that an earlier page started and did not finish. */
  unfinished(): UnfinishedUpload[] {
    const here = new Set(this.items.map((item) => item.jobId));
    return unfinishedUploads(this.actor, now()).filter((one) => !here.has(one.jobId));
  }

  async discard(one: UnfinishedUpload): Promise<void> {
    removeUnfinished(one.jobId);
    this.emit();
    await this.client.abortUpload(one.jobId).catch(() => {});
  }

  add(files: readonly File[], pipeline: PipelineView, tenant: string | undefined, labels: UploadLabels = {}): void {
    const under = (item: UploadItem): boolean => !["refused", "failed", "received", "identical"].includes(item.state);
    const known = new Set(this.items.filter(under).map((item) => fingerprint(item.file, item.pipeline, item.tenant)));
    const items = files
      .filter((file) => !known.has(fingerprint(file, pipeline.name, tenant)))
      .map((file): UploadItem => {
        this.key += 1;
        return { key: this.key, file, pipeline: pipeline.name, tenant, ...labels, sent: 0, state: "checking" };
      });
    this.items = [...this.items.filter((item) => !items.some((chosen) => this.replaces(chosen, item))), ...items];
    this.emit();
    for (const item of items) void this.check(item, pipeline);
  }

  /** Lists files and folders that are not uploaded. */
  leaveOut(left: readonly LeftOut[]): void {
    const items = left.map(({ name, why }): UploadItem => {
      this.key += 1;
      const file = new File([], name);
      return { key: this.key, file, pipeline: "", tenant: undefined, sent: 0, state: "refused", error: why };
    });
    if (items.length === 0) return;
    this.items = [...this.items, ...items];
    this.emit();
  }

  /** Whether a file was chosen again because it could not be read. A changed file is another upload. */
  private replaces(chosen: UploadItem, item: UploadItem): boolean {
    const identity = (one: UploadItem): string => JSON.stringify([one.file.name, one.pipeline, one.tenant ?? ""]);
    if (item.state !== "refused" || identity(chosen) !== identity(item)) return false;
    const isSame =
      fingerprint(chosen.file, chosen.pipeline, chosen.tenant) === fingerprint(item.file, item.pipeline, item.tenant);
    if (!isSame) this.abort(item);
    return true;
  }

  /** Reads the start of the file: whether it can be read at all, and whether the pipeline accepts it. */
  private async check(item: UploadItem, pipeline: PipelineView): Promise<void> {
    try {
      const start = item.file.size === 0 ? new Uint8Array() : await firstBytes(item.file);
      const reason = rejectionReason(item.file, start, pipeline);
      if (reason === undefined) item.contentType = mediaType(item.file, start, pipeline) ?? item.file.type;
      item.state = reason === undefined ? "queued" : "refused";
      if (reason !== undefined) item.error = reason;
    } catch (error) {
      item.state = "refused";
      item.error = errorMessage(error);
    }
    this.emit();
    this.startNext();
  }

  cancel(item: UploadItem): void {
    this.running.get(item.key)?.abort(new DOMException("cancelled", "AbortError"));
    this.items = this.items.filter((other) => other !== item);
    if (item.state !== "received") this.abort(item);
    this.emit();
    this.startNext();
  }

  private abort(item: UploadItem): void {
    if (item.jobId === undefined) return;
    removeUnfinished(item.jobId);
    void this.client.abortUpload(item.jobId).catch(() => {});
  }

  retry(item: UploadItem): void {
    item.state = "queued";
    this.emit();
    this.startNext();
  }

  /** Processes a file although the same content was uploaded before. */
  runAnyway(item: UploadItem): void {
    item.runAnyway = true;
    this.retry(item);
  }

  /** Stops all uploads, as on sign-out. They can be resumed later. */
  stop(): void {
    for (const control of this.running.values()) control.abort(new DOMException("signed out", "AbortError"));
    this.items = [];
  }

  /** Removes finished uploads from the list. */
  clear(): void {
    this.items = this.items.filter((item) => !["received", "refused", "failed", "identical"].includes(item.state));
    this.emit();
  }

  get busy(): boolean {
    return this.items.some((item) => ["checking", "queued", "sending", "paused", "retrying"].includes(item.state));
  }

  private startNext(): void {
    // What waits starts when the network is back.
    if (!navigator.onLine) return;
    for (const item of this.items) {
      if (this.running.size >= PARALLEL_FILES) return;
      if (item.state === "queued" && !this.running.has(item.key)) void this.run(item);
    }
  }

  private async run(item: UploadItem): Promise<void> {
    const control = new AbortController();
    this.running.set(item.key, control);
    try {
      item.state = "sending";
      this.emit();
      await checkReadable(item.file);
      const upload = control.signal.aborted ? undefined : await this.openUpload(item);
      if (upload) {
        item.jobId = upload.job_id;
        if (control.signal.aborted) {
          // Cancelled while the upload session was being created.
          removeUnfinished(upload.job_id);
          await this.client.abortUpload(upload.job_id);
          return;
        }
        await transfer(upload, item.file, {
          client: this.client,
          signal: control.signal,
          sha256: item.sha256,
          progress: (sent) => {
            item.state = "sending";
            item.sent = Math.min(sent, item.file.size);
            item.began ??= { at: performance.now(), sent: item.sent };
            this.emitThrottled();
          },
          paused: (why) => {
            item.state = why === "offline" ? "paused" : "retrying";
            delete item.began;
            this.emit();
          },
        });
      }
      control.signal.throwIfAborted();
      item.sent = item.file.size;
      item.state = "received";
      if (item.jobId !== undefined) removeUnfinished(item.jobId);
    } catch (error) {
      if (!control.signal.aborted && error instanceof NetworkError && !navigator.onLine) {
        item.state = "queued";
      } else if (!control.signal.aborted && error instanceof ApiError && error.identical.length > 0) {
        item.state = "identical";
        item.identical = error.identical[0];
      } else if (!control.signal.aborted) {
        item.state = error instanceof FileUnreadable ? "refused" : "failed";
        if (error instanceof ApiError && error.status === 410 && item.jobId !== undefined) {
          // The upload session has expired: the next attempt starts from the beginning.
          removeUnfinished(item.jobId);
          delete item.jobId;
        }
        item.error =
          error instanceof SendError
            ? `The upload was interrupted: ${error.message}. Try again to resume it.`
            : errorMessage(error);
      }
    } finally {
      this.running.delete(item.key);
      this.emit();
      this.startNext();
    }
  }

  /** Creates an upload session, or finds the one to resume. Undefined if the file has already arrived. */
  private async openUpload(item: UploadItem): Promise<UploadView | undefined> {
    const fileId = fingerprint(item.file, item.pipeline, item.tenant);
    const oldJobId =
      item.jobId ?? unfinishedUploads(this.actor, now()).find((one) => one.fingerprint === fileId)?.jobId;
    if (oldJobId !== undefined) {
      try {
        const upload = await this.client.upload(oldJobId);
        item.resumed = true;
        return upload;
      } catch (error) {
        // The upload session is unknown or has expired.
        if (!(error instanceof ApiError && (error.status === 404 || error.status === 410))) throw error;
        removeUnfinished(oldJobId);
        delete item.jobId;
        if (await this.hasArrived(oldJobId)) {
          item.jobId = oldJobId;
          return undefined;
        }
      }
    }
    const hash = await sha256(item.file);
    item.sha256 = hash;
    const upload = await this.client.createUpload({
      pipeline: item.pipeline,
      ...(item.tenant === undefined ? {} : { tenant: item.tenant }),
      name: shortName(item.file.name),
      bytes: item.file.size,
      content_type: item.contentType ?? item.file.type,
      ...(hash === undefined ? {} : { sha256: hash }),
      ...(item.runAnyway ? { run_anyway: true } : {}),
      ...(item.batch === undefined ? {} : { batch: item.batch }),
      ...(item.corrects === undefined ? {} : { tags: { [CORRECTS]: item.corrects } }),
    });
    // The old contract links to the new one. If that fails, the upload still counts.
    if (item.corrects !== undefined)
      await this.client.mark(item.corrects, { corrected_by: upload.job_id }).catch(() => undefined);
    saveUnfinished({
      actor: this.actor,
      fingerprint: fileId,
      jobId: upload.job_id,
      name: item.file.name,
      bytes: item.file.size,
      expiresAt: upload.expires_at,
    });
    return upload;
  }

  private async hasArrived(id: string): Promise<boolean> {
    try {
      return (await this.client.job(id)).job !== undefined;
    } catch {
      return false;
    }
  }

  /** Progress events come many times a second; the page renders four times a second. */
  private emitThrottled(): void {
    if (this.throttle !== 0) return;
    this.throttle = setTimeout(() => {
      this.throttle = 0;
      this.emit();
    }, 250) as unknown as number;
  }
}
