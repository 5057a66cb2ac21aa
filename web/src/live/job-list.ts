/** A list of jobs that is loaded page by page, and refreshed after the page was disconnected. */

import type { Client } from "../api/client";
import type { FailureCause, JobPage, JobQuery } from "../api/types";
import { Emitter } from "../lib/emitter";
import { type JobFilter, matchesFilter } from "./merge";
import type { JobCache } from "./store";

const PAGE_ROWS = 100;
/** A refresh loads at most this many rows. Older ones are removed, and loaded again by scrolling. */
const MAX_REFRESHED_ROWS = 1000;
/** A refresh looks up at most this many missing jobs one by one. The others are removed. */
const MAX_LOOKUPS = 20;

export class LiveJobList extends Emitter {
  state: "loading" | "more" | "complete" | "failed" = "loading";
  /** The error of the last request. Undefined if it succeeded. */
  error: unknown;
  /** The creation time down to which the list is complete. */
  horizon = Number.POSITIVE_INFINITY;
  /** How far back the service searched names, if the search is not complete. */
  searchedBackTo: number | undefined;
  private cursor: string | undefined;
  private count = 0;
  private busy: Promise<void> | undefined;
  /** The refresh that begins when the present request has ended. */
  private next: Promise<void> | undefined;

  constructor(
    private readonly client: Pick<Client, "jobs" | "job">,
    private readonly store: JobCache,
    readonly filter: JobFilter,
  ) {
    super();
  }

  /** Loads the next page. */
  loadMore(): Promise<void> {
    if (this.busy || this.state === "complete") return this.busy ?? Promise.resolve();
    return this.run(async () => {
      const page = await this.client.jobs(this.query(this.cursor));
      this.takePage(page);
    });
  }

  /** Loads the listed pages again, so that the list matches the table whatever the page missed. */
  refresh(): Promise<void> {
    // What is being loaded may be older than what the page missed.
    if (this.busy) {
      this.next ??= this.busy.then(() => {
        this.next = undefined;
        return this.refresh();
      });
      return this.next;
    }
    return this.run(async () => {
      const startedAt = performance.now();
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
      await this.reconcileMissing(seen, startedAt);
    });
  }

  /** Looks up the jobs that a refresh should have listed and did not: they no longer match, or are gone. */
  private async reconcileMissing(seen: ReadonlySet<string>, began: number): Promise<void> {
    // A list across tenants has another order, so an absence means something only if the list is complete.
    if (this.filter.tenant === undefined && this.state !== "complete") return;
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
    this.state = page.cursor === undefined ? "complete" : "more";
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
        // Loaded rows stay. Only a list that was never loaded shows the error instead.
        this.state = this.count > 0 ? (this.cursor === undefined ? "complete" : "more") : "failed";
      })
      .finally(() => {
        this.busy = undefined;
        this.emit();
      });
    this.emit();
    return this.busy;
  }

  get loading(): boolean {
    return this.busy !== undefined;
  }

  private query(cursor?: string): JobQuery {
    const { tenant, status, pipeline, cause, batch, q, uploader, assigned, reviewed, found, since } = this.filter;
    return {
      limit: PAGE_ROWS,
      ...(tenant === undefined ? {} : { tenant }),
      ...(status === undefined ? {} : { status }),
      ...(pipeline === undefined ? {} : { pipeline }),
      ...(cause === undefined ? {} : { cause: cause as FailureCause }), // from the address: the service checks it
      ...(batch === undefined ? {} : { batch }),
      ...(q ? { q } : {}),
      ...(uploader === undefined ? {} : { uploaded_by: uploader }),
      ...(assigned === undefined ? {} : { assigned_to: assigned }),
      ...(reviewed === undefined ? {} : { reviewed }),
      ...(found === undefined ? {} : { found }),
      ...(since === undefined ? {} : { since }),
      ...(cursor === undefined ? {} : { cursor }),
    };
  }
}
