/** What the screens share: who is signed in, whose jobs are shown, and the line that keeps them true. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Client } from "../api/client";
import type { Me, PipelineView } from "../api/types";
import type { Session } from "../auth/session";
import { Emitter } from "../lib/emitter";
import * as notify from "../lib/notify";
import { jobPath, type Router } from "../lib/route";
import { Listing } from "../live/listing";
import { Live } from "../live/live";
import type { Change, Filter } from "../live/merge";
import { JobStore } from "../live/store";
import type { UploadQueue } from "../upload/queue";

/** What is bought with a sign-in (a line) should last longer than this. In milliseconds. */
const TICKET_MS = 4 * 60_000;
/** Lists that are kept while others are looked at. */
const MOST_LISTS = 8;

export class Desk extends Emitter {
  readonly store: JobStore;
  readonly live: Live;
  /** Results that came while nobody looked: the number in the tab's title. */
  unseen = 0;
  /** The contract that was looked at last. */
  lastOpened: string | undefined;
  /** What is read out to those who do not see it. */
  said = "";
  private readonly lists = new Map<string, Listing>();
  private readonly open: Listing;
  private stopWatching = (): void => {};

  constructor(
    readonly session: Session,
    readonly client: Client,
    readonly router: Router,
    readonly queue: UploadQueue,
    readonly me: Me,
    /** Whose jobs are shown; all for support if none is chosen. */
    readonly tenant: string | undefined,
  ) {
    super();
    this.store = new JobStore((results) => this.tell(results));
    this.open = new Listing(client, this.store, { tenant, status: "open" });
    this.live = new Live({
      ticket: async () => {
        await session.fresh(TICKET_MS);
        const goodUntil = session.expiresAt;
        return { url: (await client.ticket(tenant)).url, goodUntil };
      },
      connect: (url) => new WebSocket(url),
      take: (jobs, pushed) => this.store.take(jobs, pushed),
      read: async () => {
        const lists = [this.open, ...this.shown()];
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
    const seen = (): void => {
      if (document.hidden) return;
      this.unseen = 0;
      this.emit();
      this.live.wake();
    };
    const online = (): void => this.live.wake(true);
    const offline = (): void => this.live.offline();
    document.addEventListener("visibilitychange", seen);
    addEventListener("pageshow", seen);
    addEventListener("online", online);
    addEventListener("offline", offline);
    this.stopWatching = () => {
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("pageshow", seen);
      removeEventListener("online", online);
      removeEventListener("offline", offline);
    };
    this.live.start();
  }

  stop(): void {
    this.stopWatching();
    this.live.stop();
  }

  /** The list for a filter; the same one each time, so that coming back finds it as it was left. */
  list(filter: Filter): Listing {
    const key = JSON.stringify(filter);
    const known = this.lists.get(key);
    this.lists.delete(key);
    const list = known ?? new Listing(this.client, this.store, filter);
    this.lists.set(key, list);
    const [oldest] = this.lists.keys();
    if (this.lists.size > MOST_LISTS && oldest !== undefined) this.lists.delete(oldest);
    if (!known) void list.more();
    return list;
  }

  /** The list that is or was looked at last; the others are read again when they are looked at. */
  private shown(): Listing[] {
    const all = [...this.lists.values()];
    for (const old of all.slice(0, -1)) this.lists.delete(JSON.stringify(old.filter));
    return all.slice(-1);
  }

  say(text: string): void {
    this.said = text;
    this.emit();
  }

  private tell(results: Change[]): void {
    if (document.hidden) this.unseen += results.length;
    notify.show(results, (id) => this.router.go(jobPath(id)));
    this.say(notify.sentence(results));
  }
}

export const DeskContext = createContext<Desk | undefined>(undefined);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("a screen outside the desk");
  return desk;
}
