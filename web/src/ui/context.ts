/** What the screens share: who is signed in, whose jobs are shown, and the line that keeps them true. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Client } from "../api/client";
import type { Me, PipelineView } from "../api/types";
import type { Session } from "../auth/session";
import { Emitter } from "../lib/emitter";
import * as notify from "../lib/notify";
import { jobPath, type Router } from "../lib/route";
import { JobList } from "../live/job-list";
import type { JobChange, JobFilter } from "../live/merge";
import { JobStore } from "../live/store";
import { LiveUpdates } from "../live/updates";
import type { UploadQueue } from "../upload/queue";

/** What is bought with a sign-in (a line) should last longer than this. In milliseconds. */
const MIN_TOKEN_LIFE_MS = 4 * 60_000;
/** Lists that are kept while others are looked at. */
const MAX_LISTS = 8;

export class AppContext extends Emitter {
  readonly store: JobStore;
  readonly live: LiveUpdates;
  /** Results that came while nobody looked: the number in the tab's title. */
  unseen = 0;
  /** The contract that was looked at last. */
  lastOpened: string | undefined;
  /** What is read out to those who do not see it. */
  announcement = "";
  private readonly lists = new Map<string, JobList>();
  private readonly openJobs: JobList;
  private removeListeners = (): void => {};

  constructor(
    readonly session: Session,
    readonly client: Client,
    readonly router: Router,
    readonly uploads: UploadQueue,
    readonly me: Me,
    /** Whose jobs are shown; all for support if none is chosen. */
    readonly tenant: string | undefined,
  ) {
    super();
    this.store = new JobStore((results) => this.notifyResults(results));
    this.openJobs = new JobList(client, this.store, { tenant, status: "open" });
    this.live = new LiveUpdates({
      requestTicket: async () => {
        await session.ensureTokenLife(MIN_TOKEN_LIFE_MS);
        const goodUntil = session.expiresAt;
        return { url: (await client.createTicket(tenant)).url, tokenExpiresAt: goodUntil };
      },
      connect: (url) => new WebSocket(url),
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

  get isSupport(): boolean {
    return this.me.roles.includes("support");
  }

  pipeline(name: string): PipelineView | undefined {
    return this.me.pipelines.find((pipeline) => pipeline.name === name);
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

  /** The list for a filter; the same one each time, so that coming back finds it as it was left. */
  list(filter: JobFilter): JobList {
    const key = JSON.stringify(filter);
    const known = this.lists.get(key);
    this.lists.delete(key);
    const list = known ?? new JobList(this.client, this.store, filter);
    this.lists.set(key, list);
    const [oldest] = this.lists.keys();
    if (this.lists.size > MAX_LISTS && oldest !== undefined) this.lists.delete(oldest);
    if (!known) void list.loadMore();
    return list;
  }

  /** The list that is or was looked at last; the others are read again when they are looked at. */
  private currentList(): JobList[] {
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
  if (!app) throw new Error("a screen outside the app");
  return app;
}
