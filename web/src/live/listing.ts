/** A list as it was read from the API, page by page, and how it is confirmed after the page was cut off. */

import type { Client } from "../api/client";
import type { JobPage, JobQuery } from "../api/types";
import { Emitter } from "../lib/emitter";
import { type Filter, matches } from "./merge";
import type { JobStore } from "./store";

const PAGE_ROWS = 100;
/** Rows that are confirmed again at most; older ones are forgotten and read when somebody scrolls there. */
const MOST_ROWS = 1000;
/** Jobs that left a list are looked up one by one, if they are few. */
const MOST_SINGLE = 20;

export class Listing extends Emitter {
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
  private again = false;

  constructor(
    private readonly client: Pick<Client, "jobs" | "job">,
    private readonly store: JobStore,
    readonly filter: Filter,
  ) {
    super();
  }

  /** Reads the next page. */
  more(): Promise<void> {
    if (this.busy || this.state === "whole") return this.busy ?? Promise.resolve();
    return this.run(async () => {
      const page = await this.client.jobs(this.query(this.cursor));
      this.take(page);
    });
  }

  /** Reads again what was read, so that it is what the table says, whatever was missed. */
  refresh(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return this.busy;
    }
    return this.run(async () => {
      const began = performance.now();
      const wanted = Math.min(Math.max(this.count, 1), MOST_ROWS);
      const seen = new Set<string>();
      let page = await this.client.jobs(this.query());
      for (;;) {
        for (const job of page.jobs) seen.add(job.id);
        this.store.take(page.jobs);
        if (page.cursor === undefined || seen.size >= wanted) break;
        page = await this.client.jobs(this.query(page.cursor));
      }
      this.count = 0;
      this.take(page, seen.size);
      await this.settle(seen, began);
    });
  }

  /** What should have been listed and was not has left this list, or is gone. */
  private async settle(seen: ReadonlySet<string>, began: number): Promise<void> {
    // Across tenants a list has another order, so an absence says something only at its end.
    if (this.filter.tenant === undefined && this.state !== "whole") return;
    const left = [...this.store.jobs.values()].filter(
      (job) =>
        job.created_at >= this.horizon &&
        matches(this.filter, job) &&
        !seen.has(job.id) &&
        this.store.heardBefore(job.id, began),
    );
    const single = left.slice(0, MOST_SINGLE);
    const found = await Promise.all(
      single.map((job) =>
        this.client.job(job.id).then(
          (detail) => detail.job,
          () => undefined,
        ),
      ),
    );
    this.store.take(found.filter((job) => job !== undefined));
    const gone = left.filter((_, index) => found[index] === undefined).map((job) => job.id);
    if (gone.length > 0) this.store.forget(gone);
  }

  private take(page: JobPage, count = page.jobs.length): void {
    this.store.take(page.jobs);
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
        if (this.again) {
          this.again = false;
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
