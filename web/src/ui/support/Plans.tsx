/** Plans to retry, run again or stop many contracts: preview, start, stop, progress. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { errorMessage } from "../../api/errors";
import type { NamedCount, RetryPlanView } from "../../api/types";
import { formatDuration, formatNumber, humanize, plural } from "../../lib/format";
import { EmptyState, ErrorMessage, Heading, Icon, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";
import { causeLabel } from "../labels";
import { NewPlanDialog, type PlanAction } from "./NewPlan";
import { OUTCOMES_OF, outcomeLabel, type PlannedJobOutcome, PlannedJobs } from "./PlannedJobs";

const REFRESH_MS = 5000;

const STATUS: Record<RetryPlanView["status"], string> = {
  planned: "Planned",
  releasing: "Under way",
  released: "Done",
  stopped: "Stopped",
};

const kindOf = (plan: RetryPlanView): PlanAction => (plan.cancel ? "cancel" : plan.run_again ? "run-again" : "retry");
const VERB: Record<PlanAction, string> = { retry: "Retry", "run-again": "Review again", cancel: "Stop" };

export function Plans(): JSX.Element {
  const app = useAppContext();
  const { client } = app;
  const [plans, reload] = useAsync("", () => client.plans());
  const [planning, setPlanning] = useState(false);
  return (
    <>
      <div class="screen-head">
        <Heading>Retry plans</Heading>
        {app.may("manage-plans") && (
          <button type="button" class="primary" onClick={() => setPlanning(true)}>
            New plan…
          </button>
        )}
      </div>
      {plans.state === "failed" && <ErrorMessage error={plans.error} onRetry={reload} />}
      {!plans.value ? (
        plans.state !== "failed" && <Loading what="Loading the plans…" />
      ) : plans.value.plans.length === 0 ? (
        <EmptyState icon="retry" title="No plans yet">
          A plan retries many failed contracts, reviews many ready ones again, or stops many open reviews, after you
          have looked at it.
        </EmptyState>
      ) : (
        <PlanRows plans={plans.value.plans} />
      )}
      {planning && <NewPlanDialog cause={undefined} onClose={() => setPlanning(false)} />}
    </>
  );
}

export function PlanRows({ plans }: { plans: readonly RetryPlanView[] }): JSX.Element {
  return (
    <ul class="rows">
      {plans.map((plan) => (
        <li key={plan.id} class="row">
          <a href={`/support/plans/${encodeURIComponent(plan.id)}`}>
            <span class="row-main">
              <span class="row-name">
                <bdi class="name">{plan.reason}</bdi>
              </span>
              <span class="row-about">
                {VERB[kindOf(plan)]} · {plan.actor}
              </span>
            </span>
            <span class="row-state">
              <strong>{STATUS[plan.status]}</strong>
              <span class="row-about">
                {formatNumber(plan.released)} of {plural(plan.jobs, "contract")}
              </span>
            </span>
            <span class="row-when">
              <Time at={plan.created_at} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

export function Plan({ id }: { id: string }): JSX.Element {
  const app = useAppContext();
  const { client } = app;
  const [plan, reload] = useAsync<RetryPlanView>(id, () => client.plan(id));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const found = plan.value;
  const underWay =
    found !== undefined &&
    found.applied_at !== undefined &&
    (found.outcome === undefined || found.outcome.waiting + found.outcome.open > 0);
  useEffect(() => {
    if (!underWay) return;
    const timer = setInterval(() => document.hidden || reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [underWay]);
  const change = async (request: Promise<unknown>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    await request.catch((problem: unknown) => setError(errorMessage(problem)));
    setBusy(false);
    reload();
  };
  const mayManage = app.may("manage-plans");
  const maySendMore = found?.status === "releasing" || (found?.outcome?.waiting ?? 0) > 0;
  return (
    <>
      <a class="back" href="/support/plans">
        <Icon name="back" /> Retry plans
      </a>
      <div class="screen-head">
        <Heading>{found?.cancel ? "Plan to stop reviews" : "Retry plan"}</Heading>
        {mayManage && found?.status === "planned" && found.jobs > 0 && (
          <button
            type="button"
            class={found.cancel ? "danger" : "primary"}
            disabled={busy}
            onClick={() => void change(client.applyPlan(id))}
          >
            {busy ? "Working…" : `${VERB[kindOf(found)]} ${plural(found.jobs, "contract")}`}
          </button>
        )}
        {mayManage && found?.applied_at !== undefined && found.status !== "stopped" && maySendMore && (
          <button type="button" class="quiet" disabled={busy} onClick={() => void change(client.stopPlan(id))}>
            <Icon name="stop" /> Stop this plan
          </button>
        )}
      </div>
      {error !== undefined && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      {plan.state === "failed" && <ErrorMessage error={plan.error} onRetry={reload} />}
      {!found ? plan.state !== "failed" && <Loading what="Loading the plan…" /> : <PlanBody plan={found} />}
    </>
  );
}

function PlanBody({ plan }: { plan: RetryPlanView }): JSX.Element {
  const app = useAppContext();
  const [outcome, setOutcome] = useState<PlannedJobOutcome>();
  const minutes = Math.ceil(plan.jobs / Math.max(plan.per_minute, 1));
  return (
    <>
      <p class="meta">
        {plan.actor} · <Time at={plan.created_at} /> · <q>{plan.reason}</q>
      </p>
      <section class={`card ${plan.status === "planned" ? "open" : ""}`}>
        {plan.stopped_at !== undefined && (
          <p>
            <Icon name="stop" /> Stopped <Time at={plan.stopped_at} />. Contracts that had not had their turn stay as
            they are.
          </p>
        )}
        {plan.status === "planned" ? (
          <>
            <p class="lead">
              {plan.jobs === 0
                ? "No contract matches. There is nothing to do."
                : plan.cancel
                  ? "Nothing has been stopped yet."
                  : "Nothing has been started yet."}
            </p>
            {plan.jobs > 0 && plan.cancel && <Cancellation plan={plan} minutes={minutes} />}
            {plan.jobs > 0 && !plan.cancel && (
              <p class="muted">
                {plural(plan.jobs, "contract")} would be started, {plan.per_minute} in a minute, so in about{" "}
                {formatDuration(minutes * 60_000)}. Together they take about {plural(plan.gpu_minutes, "minute")} on a
                GPU. A contract that changes before its turn is skipped.
              </p>
            )}
          </>
        ) : (
          plan.applied_at !== undefined && <Progress plan={plan} onOutcome={setOutcome} />
        )}
        {(plan.documents_deleted ?? 0) > 0 && (
          <p>
            <Icon name="alert" /> {plural(plan.documents_deleted ?? 0, "contract")} left out: the retention time of the
            document is over, so there is nothing to review.
          </p>
        )}
        {plan.poisoned > 0 && (
          <p>
            <Icon name="alert" /> {plural(plan.poisoned, "contract")} skipped: the same document keeps failing in the
            same way. A new plan can include them.
          </p>
        )}
        {plan.truncated && (
          <p>
            <Icon name="alert" /> More contracts match than one plan can hold. Create another plan after this one.
          </p>
        )}
      </section>
      <div class="columns">
        {plan.cancel ? (
          <Counts title="By state" counts={plan.by_state ?? []} label={humanize} />
        ) : plan.run_again ? (
          <Counts title="By model" counts={plan.by_model ?? []} label={(name) => name} />
        ) : (
          <Counts title="By cause" counts={plan.by_cause} label={causeLabel} />
        )}
        <Counts title="By pipeline" counts={plan.by_pipeline} label={(name) => app.pipelineLabel(name)} />
      </div>
      {plan.jobs > 0 && <PlannedJobs plan={plan} outcome={outcome} onOutcome={setOutcome} />}
    </>
  );
}

/** What a plan that cancels would stop, and what that saves. */
function Cancellation({ plan, minutes }: { plan: RetryPlanView; minutes: number }): JSX.Element {
  const count = (...states: string[]): number =>
    (plan.by_state ?? []).filter((one) => states.includes(one.name)).reduce((sum, one) => sum + one.count, 0);
  const queued = count("Queued");
  const scheduled = count("RetryScheduled");
  const sent = count("Submitting", "InProgress");
  return (
    <>
      <ul>
        {queued > 0 && <li>{plural(queued, "contract")} queued: no time on a GPU is spent.</li>}
        {scheduled > 0 && <li>{plural(scheduled, "contract")} waiting for another try: it is not made.</li>}
        {sent > 0 && (
          <li>{plural(sent, "contract")} at the endpoint: a run there may go on, and its result is ignored.</li>
        )}
      </ul>
      <p class="muted">
        {plan.per_minute} are stopped in a minute, so all in about {formatDuration(minutes * 60_000)}. That saves about{" "}
        {plural(plan.gpu_minutes, "minute")} on a GPU. A contract that ends before its turn stays as it is.
      </p>
    </>
  );
}

function Progress({
  plan,
  onOutcome,
}: {
  plan: RetryPlanView;
  onOutcome: (outcome: PlannedJobOutcome) => void;
}): JSX.Element {
  const { outcome } = plan;
  const done = plan.cancel ? (outcome?.cancelled ?? 0) : plan.released;
  const names = OUTCOMES_OF[kindOf(plan) === "cancel" ? "cancel" : "start"];
  return (
    <>
      <p class="lead">
        {formatNumber(done)} of {plural(plan.jobs, "contract")} {plan.cancel ? "stopped" : "started"}
      </p>
      <progress
        max={Math.max(plan.jobs, 1)}
        value={done}
        aria-label={plan.cancel ? "Contracts stopped" : "Contracts started"}
      />
      {(outcome?.cancelled_without_run ?? 0) > 0 && (
        <p>{plural(outcome?.cancelled_without_run ?? 0, "contract")} stopped before anything of it ran.</p>
      )}
      {outcome && (
        <ul class="numbers small-numbers">
          {names.map((name) => (
            <li key={name}>
              <span class="figure">{formatNumber(outcome[name] ?? 0)}</span>
              {(outcome[name] ?? 0) > 0 ? (
                <a
                  href="#contracts"
                  onClick={(event) => {
                    event.preventDefault();
                    onOutcome(name);
                    document.getElementById("contracts")?.scrollIntoView();
                  }}
                >
                  {outcomeLabel(plan, name)}
                </a>
              ) : (
                <span>{outcomeLabel(plan, name)}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Counts({
  title,
  counts,
  label,
}: {
  title: string;
  counts: readonly NamedCount[];
  label: (name: string) => string;
}): JSX.Element {
  return (
    <section class="card">
      <h2>{title}</h2>
      {counts.length === 0 ? (
        <p class="muted">None.</p>
      ) : (
        <dl class="counts">
          {counts.map((one) => (
            <div key={one.name}>
              <dt>{label(one.name)}</dt>
              <dd>{formatNumber(one.count)}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
