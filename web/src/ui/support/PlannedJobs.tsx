/** The contracts of a retry plan, by what became of them. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PlannedJobView, RetryPlanView } from "../../api/types";
import { formatNumber, plural } from "../../lib/format";
import { jobPath } from "../../lib/route";
import { ErrorMessage, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";
import { statusLabel } from "../labels";

export type PlannedJobOutcome = PlannedJobView["outcome"];

const OUTCOMES: Record<PlannedJobOutcome, string> = {
  ready: "Ready",
  failed: "Failed again",
  open: "Running",
  cancelled: "Stopped",
  waiting: "Not their turn yet",
  skipped: "Skipped (changed)",
  missing: "Record expired",
};

/** The label of an outcome. A plan that is stopped skips the jobs that it has not reached. */
export const outcomeLabel = (plan: RetryPlanView, outcome: PlannedJobOutcome): string =>
  outcome === "skipped" && plan.stopped_at !== undefined
    ? "Skipped (changed or not reached)"
    : (OUTCOMES[outcome] ?? outcome);

/** What can become of the contracts of a plan. */
export const OUTCOMES_OF: Record<"start" | "cancel", readonly PlannedJobOutcome[]> = {
  start: ["ready", "failed", "open", "waiting", "skipped", "missing"],
  cancel: ["cancelled", "waiting", "skipped", "missing"],
};

/** So many rows are shown at first, and with each click on "more". */
const STEP = 50;

interface Props {
  plan: RetryPlanView;
  /** Only these; undefined: all. */
  outcome: PlannedJobOutcome | undefined;
  onOutcome(outcome: PlannedJobOutcome | undefined): void;
}

export function PlannedJobs({ plan, outcome, onOutcome }: Props): JSX.Element {
  const { client } = useAppContext();
  const [limit, setLimit] = useState(STEP);
  // Loaded again when a count changes, so that list and counts agree.
  const [loaded, reload] = useAsync(`${plan.id} ${JSON.stringify(plan.outcome ?? null)}`, async () => {
    const first = await client.planJobs(plan.id, 0);
    const jobs = [...first.jobs];
    for (let page = 1; page < first.pages; page += 1) jobs.push(...(await client.planJobs(plan.id, page)).jobs);
    return jobs;
  });
  const [last, setLast] = useState<readonly PlannedJobView[]>();
  useEffect(() => {
    if (loaded.value) setLast(loaded.value);
  }, [loaded.value]);
  useEffect(() => setLimit(STEP), [outcome]);
  const all = loaded.value ?? last;
  const shown = all?.filter((one) => outcome === undefined || one.outcome === outcome);
  const present = new Set(all?.map((one) => one.outcome));
  return (
    <section class="card" id="contracts" aria-labelledby="contracts-title">
      <h2 id="contracts-title">Contracts</h2>
      {plan.status !== "planned" && (
        <select
          class="filter"
          aria-label="Outcome"
          value={outcome ?? ""}
          onChange={(event) => onOutcome((event.currentTarget.value || undefined) as PlannedJobOutcome | undefined)}
        >
          <option value="">All</option>
          {(Object.keys(OUTCOMES) as PlannedJobOutcome[])
            .filter((name) => present.has(name) || name === outcome)
            .map((name) => (
              <option key={name} value={name}>
                {outcomeLabel(plan, name)}
              </option>
            ))}
        </select>
      )}
      {loaded.state === "failed" && <ErrorMessage error={loaded.error} onRetry={reload} />}
      {!shown ? (
        loaded.state !== "failed" && <Loading what="Loading the contracts…" />
      ) : (
        <>
          <p class="muted small" role="status">
            {plural(shown.length, "contract")}
          </p>
          <ul class="planned-jobs">
            {shown.slice(0, limit).map(({ job_id, outcome: became, job }) => (
              <li key={job_id}>
                {job ? (
                  <a href={jobPath(job_id)}>
                    <bdi>{job.name}</bdi>
                  </a>
                ) : (
                  <code>{job_id}</code>
                )}
                <span class="muted small">
                  {job && (
                    <>
                      {job.tenant} · {statusLabel(job)} · <Time at={job.updated_at} />
                    </>
                  )}
                  {plan.status !== "planned" && ` · ${outcomeLabel(plan, became)}`}
                </span>
              </li>
            ))}
          </ul>
          {shown.length > limit && (
            <button type="button" class="quiet" onClick={() => setLimit(limit + STEP)}>
              Show more ({formatNumber(shown.length - limit)})
            </button>
          )}
        </>
      )}
    </section>
  );
}
