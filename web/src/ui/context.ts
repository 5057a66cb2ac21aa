/** The application context that all screens share: user, tenant, jobs, live updates, uploads. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Client } from "../api/client";
import type { CallerView, JobView, Permission, PipelineView } from "../api/types";
import type { Session } from "../auth/session";
import { now } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import * as notify from "../lib/notify";
import { jobPath, type Router } from "../lib/route";
import { LiveJobList } from "../live/job-list";
import { countsOf, isNewTo } from "../live/marks";
import type { JobChange, JobFilter } from "../live/merge";
import { JobCache } from "../live/store";
import { LiveUpdates } from "../live/updates";
import type { ChosenFiles, LeftOut } from "../upload/folders";
import type { BrowserUploads } from "../upload/queue";
import type { Counter, Uncounted } from "./result/count";

/** A connection lives only as long as the token that opened it, so the token is renewed if it expires sooner. */
const MIN_TOKEN_LIFE_MS = 4 * 60_000;
/** The pipeline that the person chose for uploads on this device. */
const PIPELINE_KEY = "docket.pipeline";
/** Lists that are kept while another is shown. */
const MAX_LISTS = 8;

export class AppContext extends Emitter {
  readonly store: JobCache;
  readonly live: LiveUpdates;
  /** Results that arrived while the tab was hidden: the number in its title. */
  unseen = 0;
  /** The contract that was opened last. */
  lastOpened: string | undefined;
  /** The contracts of the list that was shown last, as it was sorted. */
  order: readonly string[] = [];
  /** Files that wait until the person has said what they are for. */
  waitingFiles: readonly File[] = [];
  /** The latest message for screen readers. */
  announcement = "";
  private readonly lists = new Map<string, LiveJobList>();
  private readonly openJobs: LiveJobList;
  private counter: Counter | undefined;
  private toCount: readonly JobView[] = [];
  private removeListeners = (): void => {};

  constructor(
    readonly session: Session,
    readonly client: Client,
    readonly router: Router,
    readonly uploads: BrowserUploads,
    readonly me: CallerView,
    /** The selected tenant. Undefined for those who see all tenants: all. */
    readonly tenant: string | undefined,
  ) {
    super();
    this.store = new JobCache((results) => this.notifyResults(results));
    this.openJobs = new LiveJobList(client, this.store, { tenant, status: "open" });
    this.live = new LiveUpdates({
      requestTicket: async () => {
        await session.ensureTokenLife(MIN_TOKEN_LIFE_MS);
        const tokenExpiresAt = session.expiresAt;
        return { url: (await client.createTicket(tenant)).url, tokenExpiresAt };
      },
      connect: (url) => new WebSocket(url),
      jobs: () => this.store.jobs.values(),
      storeJobs: (jobs, pushed) => this.store.add(jobs, pushed),
      refreshLists: async () => {
        const lists = [this.openJobs, ...this.currentList()];
        await Promise.all(lists.map((list) => list.refresh()));
        const broken = lists.find((list) => list.error !== undefined);
        if (broken) throw broken.error;
      },
      isOnline: () => navigator.onLine,
      isHidden: () => document.hidden,
      random: Math.random,
    });
  }

  /** Whether the person's roles allow it, for some job or tenant. The service checks each request. */
  may(permission: Permission): boolean {
    return this.me.permissions?.includes(permission) === true;
  }

  /** Support: reads what customers read, and gives a reason for what it changes. */
  get isSupport(): boolean {
    return this.me.roles.includes("support");
  }

  /** Works on the service rather than on contracts: support, operators and auditors. */
  get isStaff(): boolean {
    return this.may("read-audit");
  }

  get seesAllTenants(): boolean {
    return this.me.all_tenants === true;
  }

  pipeline(name: string): PipelineView | undefined {
    return this.me.pipelines.find((pipeline) => pipeline.name === name);
  }

  /** The pipeline for uploads: the one that the person chose, or the only one. No other is guessed. */
  get uploadPipeline(): PipelineView | undefined {
    const { pipelines } = this.me;
    const chosen = this.pipeline(localStorage.getItem(PIPELINE_KEY) ?? "");
    return chosen ?? (pipelines.length === 1 ? pipelines[0] : undefined);
  }

  /** Who sees all tenants uploads for one, which has to be selected. */
  get canUpload(): boolean {
    const hasTenant = !this.seesAllTenants || this.tenant !== undefined;
    return this.may("upload-documents") && this.me.pipelines.length > 0 && hasTenant;
  }

  /** The batch of uploads. Only for this visit: tomorrow's documents are another batch. */
  uploadBatch = "";

  chooseUploadBatch(name: string): void {
    this.uploadBatch = name;
    this.emit();
  }

  /** Chooses the pipeline for uploads, and uploads the files that waited for it. */
  chooseUploadPipeline(name: string): void {
    localStorage.setItem(PIPELINE_KEY, name);
    const { waitingFiles } = this;
    this.waitingFiles = [];
    this.emit();
    if (waitingFiles.length > 0) this.receiveFiles(waitingFiles);
  }

  /** Uploads files, or lets them wait until the person has chosen a pipeline. What was left out is listed beside them. */
  receiveFiles(files: readonly File[], left: readonly LeftOut[] = []): void {
    this.uploads.leaveOut(left);
    const pipeline = this.uploadPipeline;
    const isKnown = this.canUpload && pipeline !== undefined;
    this.waitingFiles = isKnown ? [] : files;
    if (isKnown && files.length > 0)
      this.uploads.add(files, pipeline, this.tenant, { batch: this.uploadBatch.trim() || undefined });
    this.emit();
  }

  /** Takes the files of a folder, with what reads folders. */
  receiveFolder(read: (folders: typeof import("../upload/folders")) => ChosenFiles | Promise<ChosenFiles>): void {
    void import("../upload/folders").then(read).then(
      ({ files, left }) => this.receiveFiles(files, left),
      () => this.announce("The folder could not be read. Choose it again."),
    );
  }

  /** What people call a pipeline. A retired one is not known here any more. */
  pipelineLabel(name: string): string {
    return this.pipeline(name)?.display_name ?? name;
  }

  /** Whether a result or failure is new to this person. Staff sees so many that only those of this visit are new. */
  isNew(job: JobView): boolean {
    return this.isStaff ? this.store.unread.has(job.id) : isNewTo(this.me.reader_id ?? "", job, now());
  }

  /** The person has opened a contract, which other devices should know too. */
  markOpened(job: JobView): void {
    this.store.markRead(job.id);
    if (this.isStaff || job.contents_hidden || !this.isNew(job)) return;
    // Without it the contract stays new, and is marked when it is opened again.
    this.client.mark(job.id, { opened: true }).then(
      ({ job: after }) => this.store.add([after]),
      () => undefined,
    );
  }

  /** The selected contracts of the list. Undefined: nothing is being selected. */
  selected: ReadonlySet<string> | undefined;

  /** Without ids, the list goes back to what it was. */
  select(ids?: Iterable<string>): void {
    this.selected = ids && new Set(ids);
    this.emit();
  }

  toggleSelected(id: string): void {
    const selected = new Set(this.selected);
    if (!selected.delete(id)) selected.add(id);
    this.select(selected);
  }

  /** Counts the findings of results that have no counts yet, until it is called with others. */
  countFindings(jobs: readonly JobView[]): void {
    this.toCount = jobs;
    if (this.counter) this.counter.count(jobs);
    else if (!this.isStaff && jobs.some((job) => job.status === "Ready" && !countsOf(job)))
      import("./result/count").then(
        ({ Counter }) => {
          this.counter ??= new Counter(this.client, (job) => this.store.add([job]));
          this.counter.onChange = () => this.emit();
          this.counter.count(this.toCount);
        },
        // A later list tries again.
        () => {},
      );
  }

  /** Of these results: how many are not counted yet, and how many cannot be here. */
  uncounted(jobs: readonly JobView[]): Uncounted {
    return this.counter?.uncounted(jobs) ?? { waiting: 0, notCounted: 0 };
  }

  /** The people that the known jobs name, this one first. */
  people(): string[] {
    const names = new Set([this.me.actor]);
    for (const { uploaded_by, marks } of this.store.jobs.values())
      for (const name of [uploaded_by, marks?.assigned_to, marks?.reviewed?.by]) if (name) names.add(name);
    const [me, ...others] = names;
    return [...(me === undefined || this.isStaff ? [] : [me]), ...others.sort()];
  }

  start(): void {
    const onVisible = (): void => {
      if (document.hidden) return;
      this.unseen = 0;
      this.emit();
      this.live.resume();
    };
    const onOnline = (): void => this.live.resume(true);
    const onOffline = (): void => this.live.offline();
    document.addEventListener("visibilitychange", onVisible);
    addEventListener("pageshow", onVisible);
    addEventListener("online", onOnline);
    addEventListener("offline", onOffline);
    this.removeListeners = () => {
      document.removeEventListener("visibilitychange", onVisible);
      removeEventListener("pageshow", onVisible);
      removeEventListener("online", onOnline);
      removeEventListener("offline", onOffline);
    };
    this.live.start();
  }

  stop(): void {
    this.removeListeners();
    this.live.stop();
  }

  /** The list for a filter. It is kept, so that returning to it shows it unchanged. */
  list(filter: JobFilter): LiveJobList {
    const key = JSON.stringify(filter);
    const known = this.lists.get(key);
    this.lists.delete(key);
    const list = known ?? new LiveJobList(this.client, this.store, filter);
    this.lists.set(key, list);
    const [oldest] = this.lists.keys();
    if (this.lists.size > MAX_LISTS && oldest !== undefined) this.lists.delete(oldest);
    if (!known) void list.loadMore();
    return list;
  }

  /** The list that is shown or was shown last. The others are dropped, and loaded again when they are shown. */
  private currentList(): LiveJobList[] {
    const all = [...this.lists.values()];
    for (const old of all.slice(0, -1)) this.lists.delete(JSON.stringify(old.filter));
    return all.slice(-1);
  }

  announce(text: string): void {
    this.announcement = text;
    this.emit();
  }

  private notifyResults(results: JobChange[]): void {
    if (document.hidden) this.unseen += results.length;
    notify.notify(results, (id) => this.router.go(jobPath(id)));
    this.announce(notify.summarize(results));
  }
}

export const AppContextRoot = createContext<AppContext | undefined>(undefined);

export function useAppContext(): AppContext {
  const app = useContext(AppContextRoot);
  if (!app) throw new Error("there is no application context");
  return app;
}
