/** Counts the findings of listed results that have no counts yet, and records them for all readers. */

import type { Client } from "../../api/client";
import * as LIMITS from "../../api/limits";
import type { JobView } from "../../api/types";
import { countsOf, type FoundCounts } from "../../live/marks";
import type { Finding } from "./finding";
import { loadResult } from "./load";
import { understand } from "./understand";

/** Larger results are counted when a user opens them. */
const MAX_COUNTED_BYTES = 5_000_000;
/** So many results are loaded at once: few enough that the user's own requests are not delayed. */
const AT_ONCE = 3;

/** The numbers of a list of findings. Findings of a level that the page does not know are counted apart: they may be serious. */
export function countFindings(findings: readonly Finding[]): FoundCounts {
  const count = (rank: Finding["rank"]): number => findings.filter((one) => one.rank === rank).length;
  const limit = (count: number): number => Math.min(count, LIMITS.countedFindings);
  const serious = count("high");
  return { serious: limit(serious), other: limit(findings.length - serious), unclear: limit(count("other")) };
}

/** Records the counts of a result, unless they are known. */
export async function recordCounts(
  client: Client,
  job: JobView,
  attempt: number,
  findings: readonly Finding[],
): Promise<JobView | undefined> {
  const { serious, other, unclear } = countFindings(findings);
  const known = countsOf(job);
  if (known?.serious === serious && known.other === other && known.unclear === unclear) return undefined;
  return (await client.mark(job.id, { findings: { attempt, serious, other }, unclear_findings: unclear })).job;
}

/** The results of a list that have no count. */
export interface Uncounted {
  /** They are counted one after the other while the list is open. */
  waiting: number;
  /** Loading them failed, or they are too large: they are counted when a user opens them. */
  notCounted: number;
}

export class Counter {
  onChange: () => void = () => {};
  /** By job and attempt: whether the result has findings that could be counted, once it was tried. */
  private readonly tried = new Map<string, "running" | "done" | "not counted">();
  private running = 0;
  private jobs: readonly JobView[] = [];

  constructor(
    private readonly client: Client,
    private readonly store: (job: JobView) => void,
  ) {
    document.addEventListener("visibilitychange", () => this.goOn());
  }

  /** Counts what of these is not counted, in this order, and no longer what was given before. */
  count(jobs: readonly JobView[]): void {
    this.jobs = jobs;
    this.goOn();
  }

  uncounted(jobs: readonly JobView[]): Uncounted {
    const states = jobs.filter(needsCount).map((job) => this.tried.get(keyOf(job)));
    const is = (...wanted: (string | undefined)[]): number => states.filter((one) => wanted.includes(one)).length;
    return { waiting: is(undefined, "running"), notCounted: is("not counted") };
  }

  private goOn(): void {
    while (this.running < AT_ONCE && !document.hidden) {
      const job = this.jobs.find((one) => needsCount(one) && !this.tried.has(keyOf(one)));
      if (!job) return;
      void this.countOne(job);
    }
  }

  private async countOne(job: JobView): Promise<void> {
    this.running += 1;
    this.tried.set(keyOf(job), "running");
    try {
      const counted = await this.counted(job);
      this.tried.set(keyOf(job), "done");
      if (counted) this.store(counted);
    } catch {
      this.tried.set(keyOf(job), "not counted");
    }
    this.running -= 1;
    this.onChange();
    this.goOn();
  }

  /** Undefined if the result is none that has findings. */
  private async counted(job: JobView): Promise<JobView | undefined> {
    const result = await loadResult(this.client, job.id, undefined, MAX_COUNTED_BYTES);
    if (result.kind === "file" && result.view.bytes > MAX_COUNTED_BYTES) throw new Error("too large");
    if (result.kind === "text" && result.hasRepeatedName) throw new Error("findings could be missed");
    if (result.kind !== "json") return undefined;
    const { findings } = understand(result.json, result.paths);
    return findings && recordCounts(this.client, job, job.attempt, findings);
  }
}

function needsCount(job: JobView): boolean {
  return job.status === "Ready" && countsOf(job) === undefined;
}

function keyOf(job: JobView): string {
  return `${job.id}.${job.attempt}`;
}
