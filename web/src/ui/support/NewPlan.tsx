/** The dialog that creates a plan from a filter. Creating a plan changes no contract. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import * as LIMITS from "../../api/limits";
import type { FailureCause } from "../../api/types";
import { now } from "../../lib/clock";
import { useAppContext } from "../context";
import { ReasonDialog } from "../Dialog";
import { causeLabel } from "../labels";

const HOUR_MS = 3_600_000;
const SINCE: readonly [string, number][] = [
  ["in the last hour", HOUR_MS],
  ["in the last 24 hours", 24 * HOUR_MS],
  ["in the last 7 days", 7 * 24 * HOUR_MS],
  ["ever", 0],
];

export type PlanAction = "retry" | "run-again" | "cancel";

const ACTIONS: Record<PlanAction, string> = {
  retry: "Try failed contracts again",
  "run-again": "Review ready contracts again; their results stay",
  cancel: "Stop open reviews",
};
/** The word before the time of the filter. */
const SINCE_LABEL: Record<PlanAction, string> = { retry: "Failed", "run-again": "Ready", cancel: "Uploaded" };

export function NewPlanDialog({ cause, onClose }: { cause: string | undefined; onClose: () => void }): JSX.Element {
  const app = useAppContext();
  const [pipeline, setPipeline] = useState("");
  const [since, setSince] = useState(1);
  const [perMinute, setPerMinute] = useState<string>();
  const [force, setForce] = useState(false);
  const [action, setAction] = useState<PlanAction>("retry");
  const [model, setModel] = useState("");
  const again = action === "run-again";
  const span = SINCE[since]?.[1] ?? 0;
  // Open reviews of all tenants are never stopped at once.
  const isTooWide = action === "cancel" && app.tenant === undefined && pipeline === "" && span === 0;
  const rate = perMinute ?? String(action === "cancel" ? LIMITS.perMinute : 20);
  const create = async (reason: string): Promise<void> => {
    const plan = await app.client.createPlan({
      filter: {
        ...(app.tenant === undefined ? {} : { tenant: app.tenant }),
        ...(pipeline === "" ? {} : { pipeline }),
        ...(again && model.trim() !== "" ? { model: model.trim() } : {}),
        ...(cause === undefined || action !== "retry" ? {} : { cause: cause as FailureCause }), // from a count, or the address: the service checks it
        ...(span === 0 ? {} : { since: now() - span }),
      },
      reason,
      per_minute: Number(rate),
      ...(force && action === "retry" ? { force } : {}),
      ...(again ? { run_again: true } : {}),
      ...(action === "cancel" ? { cancel: true } : {}),
    });
    app.router.go(`/support/plans/${encodeURIComponent(plan.id)}`);
  };
  return (
    <ReasonDialog
      title="New plan"
      action="Create plan"
      disabled={isTooWide}
      problem={isTooWide ? "To stop reviews, choose a tenant, a pipeline or a time." : undefined}
      maxLength={LIMITS.planReason}
      placeholder="For the history of each contract"
      onSubmit={create}
      onClose={onClose}
    >
      <label>
        What it does
        <select value={action} onChange={(event) => setAction(event.currentTarget.value as PlanAction)}>
          {(Object.keys(ACTIONS) as PlanAction[])
            .filter((one) => one !== "run-again" || app.tenant !== undefined)
            .map((one) => (
              <option key={one} value={one}>
                {ACTIONS[one]}
              </option>
            ))}
        </select>
      </label>
      <p class="muted">
        {again ? (
          "Ready contracts, with the model that is deployed now"
        ) : action === "cancel" ? (
          "Contracts under review, queued or at the endpoint,"
        ) : cause === undefined ? (
          "Failed contracts"
        ) : (
          <>Contracts that failed: “{causeLabel(cause)}”</>
        )}
        {app.tenant === undefined ? " of all tenants" : <> of {app.tenant}</>}. You can look at the plan before it does
        anything.
      </p>
      <div class="fields">
        <label>
          Pipeline
          <select value={pipeline} onChange={(event) => setPipeline(event.currentTarget.value)}>
            <option value="">All</option>
            {app.me.pipelines.map(({ name }) => (
              <option key={name} value={name}>
                {app.pipelineLabel(name)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {SINCE_LABEL[action]}
          <select value={since} onChange={(event) => setSince(Number(event.currentTarget.value))}>
            {SINCE.map(([label], index) => (
              <option key={label} value={index}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label>
          Contracts per minute
          <input
            type="number"
            min={1}
            max={LIMITS.perMinute}
            required
            value={rate}
            onInput={(event) => setPerMinute(event.currentTarget.value)}
          />
        </label>
      </div>
      {again && (
        <label>
          Only results of this model
          <input
            type="text"
            maxLength={LIMITS.model}
            value={model}
            placeholder="All models"
            onInput={(event) => setModel(event.currentTarget.value)}
          />
        </label>
      )}
      {action === "retry" && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Include
          contracts that keep failing in the same way
        </label>
      )}
    </ReasonDialog>
  );
}
