/** A list as it was read from the API, page by page, and how it is confirmed after the page was cut off. */

import type { Client } from "../api/client";
import type { JobPage, JobQuery } from "../api/types";
import { Emitter } from "../lib/emitter";
import { type JobFilter, matchesFilter } from "./merge";
import type { JobStore } from "./store";

const PAGE_ROWS = 100;
/** Rows that are confirmed again at most; older ones are forgotten and read when somebody scrolls there. */
const MAX_REFRESHED_ROWS = 1000;
/** Jobs that left a list are looked up one by one, if they are few. */
const MAX_LOOKUPS = 20;

export class JobList extends Emitter {
  state: "loading" | "more" | "whole" | "failed" = "loading";
  /** Why the last reading failed; nothing if it did not. */
  error: unknown;
  /** Nothing older than this was listed. */
  horizon = Number.POSITIVE_INFINITY;
  /** How far back names were searched, if the search is not at its end. */
  searchedBackTo: number | undefined;
  private cursor: string | undefined;
  private count = 0;
  private busy: Promise<void> | undefined;
  private refreshAgain = false;

  constructor(
    private readonly client: Pick<Client, "jobs" | "job">,
    private readonly store: JobStore,
    readonly filter: JobFilter,
  ) {
    super();
  }

  /** Reads the next page. */
  loadMore(): Promise<void> {
    if (this.busy || this.state === "whole") return this.busy ?? Promise.resolve();
    return this.run(async () => {
      const page = await this.client.jobs(this.query(this.cursor));
      this.takePage(page);
    });
  }

  /** Reads again what was read, so that it is what the table says, whatever was missed. */
  refresh(): Promise<void> {
    if (this.busy) {
      this.refreshAgain = true;
      return this.busy;
    }
    return this.run(async () => {
      const began = performance.now();
      const wanted = Math.min(Math.max(this.count, 1), MAX_REFRESHED_ROWS);
      const seen = new Set<string>();
      let page = await this.client.jobs(this.query());
      for (;;) {
        for (const job of page.jobs) seen.add(job.id);
        this.store.add(page.jobs);
        if (page.cursor === undefined || seen.size >= wanted) break;
        page = await this.client.jobs(this.query(page.cursor));
      }
      this.count = 0;
      this.takePage(page, seen.size);
      await this.reconcileMissing(seen, began);
    });
  }

  /** What should have been listed and was not has left this list, or is gone. */
  private async reconcileMissing(seen: ReadonlySet<string>, began: number): Promise<void> {
    // Across tenants a list has another order, so an absence says something only at its end.
    if (this.filter.tenant === undefined && this.state !== "whole") return;
    const missing = [...this.store.jobs.values()].filter(
      (job) =>
        job.created_at >= this.horizon &&
        matchesFilter(this.filter, job) &&
        !seen.has(job.id) &&
        this.store.lastSeenBefore(job.id, began),
    );
    const lookups = missing.slice(0, MAX_LOOKUPS);
    const found = await Promise.all(
      lookups.map((job) =>
        this.client.job(job.id).then(
          (detail) => detail.job,
          () => undefined,
        ),
      ),
    );
    this.store.add(found.filter((job) => job !== undefined));
    const gone = missing.filter((_, index) => found[index] === undefined).map((job) => job.id);
    if (gone.length > 0) this.store.remove(gone);
  }

  private takePage(page: JobPage, count = page.jobs.length): void {
    this.store.add(page.jobs);
    this.count += count;
    this.cursor = page.cursor;
    this.searchedBackTo = page.cursor === undefined ? undefined : page.searched_back_to;
    this.state = page.cursor === undefined ? "whole" : "more";
    if (page.cursor === undefined || this.filter.tenant === undefined) this.horizon = 0;
    else this.horizon = page.searched_back_to ?? page.jobs.at(-1)?.created_at ?? this.horizon;
  }

  private run(work: () => Promise<void>): Promise<void> {
    const before = this.state;
    if (before === "failed") this.state = "loading";
    this.busy = work()
      .then(() => {
        this.error = undefined;
      })
      .catch((error: unknown) => {
        this.error = error;
        // What is on the page stays; only a list that has never been read shows the failure in its place.
        this.state = this.count > 0 ? (this.cursor === undefined ? "whole" : "more") : "failed";
      })
      .finally(() => {
        this.busy = undefined;
        this.emit();
        if (this.refreshAgain) {
          this.refreshAgain = false;
          void this.refresh();
        }
      });
    this.emit();
    return this.busy;
  }

  get loading(): boolean {
    return this.busy !== undefined;
  }

  private query(cursor?: string): JobQuery {
    const { tenant, status, pipeline, cause, q } = this.filter;
    return {
      limit: PAGE_ROWS,
      ...(tenant === undefined ? {} : { tenant }),
      ...(status === undefined ? {} : { status }),
      ...(pipeline === undefined ? {} : { pipeline }),
      ...(cause === undefined ? {} : { cause }),
      ...(q ? { q } : {}),
      ...(cursor === undefined ? {} : { cursor }),
    };
  }
}
