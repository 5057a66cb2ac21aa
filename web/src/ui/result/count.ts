/** Counts the findings of listed results that have no counts yet, and records them for all readers. */

import type { Client } from "../../api/client";
import * as LIMITS from "../../api/limits";
import type { JobView } from "../../api/types";
import { countsOf } from "../../live/marks";
import type { Finding } from "./finding";
import { loadResult } from "./load";
import { understand } from "./understand";

/** Larger results are counted when a user opens them. */
const MAX_COUNTED_BYTES = 1_000_000;
/** What one visit counts at most. */
const MAX_RESULTS = 60;

/** The numbers of a list of findings. Findings of a level that the page does not know are not called serious. */
export function countFindings(findings: readonly Finding[]): { serious: number; other: number } {
  const serious = findings.filter((one) => one.rank === "high").length;
  const limit = (count: number): number => Math.min(count, LIMITS.countedFindings);
  return { serious: limit(serious), other: limit(findings.length - serious) };
}

/** Records the counts of a result, unless they are known. */
export async function recordCounts(
  client: Client,
  job: JobView,
  attempt: number,
  findings: readonly Finding[],
): Promise<JobView | undefined> {
  const counts = { attempt, ...countFindings(findings) };
  const known = countsOf(job);
  if (known?.serious === counts.serious && known.other === counts.other) return undefined;
  return (await client.mark(job.id, { findings: counts })).job;
}

/** Counts one result after the other, so that the person's own requests are not delayed. */
export class Counter {
  private readonly tried = new Set<string>();
  private busy = false;
  private waiting: readonly JobView[] = [];

  constructor(
    private readonly client: Client,
    private readonly store: (job: JobView) => void,
  ) {}

  /** Counts what of these is not counted, in this order. */
  async count(jobs: readonly JobView[]): Promise<void> {
    this.waiting = jobs;
    if (this.busy) return;
    this.busy = true;
    try {
      for (;;) {
        const job = this.waiting.find(
          (one) => one.status === "Ready" && !countsOf(one) && !this.tried.has(`${one.id}.${one.attempt}`),
        );
        if (!job || this.tried.size >= MAX_RESULTS || document.hidden) return;
        this.tried.add(`${job.id}.${job.attempt}`);
        const counted = await this.countOne(job).catch(() => undefined);
        if (counted) this.store(counted);
      }
    } finally {
      this.busy = false;
    }
  }

  private async countOne(job: JobView): Promise<JobView | undefined> {
    const result = await loadResult(this.client, job.id, undefined, MAX_COUNTED_BYTES);
    if (result.kind !== "json") return undefined;
    const { findings } = understand(result.json, result.paths);
    return findings && recordCounts(this.client, job, job.attempt, findings);
  }
}
