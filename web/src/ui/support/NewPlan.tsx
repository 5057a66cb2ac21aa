/** The dialog that creates a retry plan from a filter. Creating a plan starts nothing. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorMessage } from "../../api/errors";
import type { Cause } from "../../api/types";
import { now } from "../../lib/clock";
import { useAppContext } from "../context";
import { Dialog } from "../Dialog";
import { causeLabel } from "../labels";

const HOUR_MS = 3_600_000;
const SINCE: readonly [string, number][] = [
  ["in the last hour", HOUR_MS],
  ["in the last 24 hours", 24 * HOUR_MS],
  ["in the last 7 days", 7 * 24 * HOUR_MS],
  ["ever", 0],
];

export function NewPlanDialog({ cause, onClose }: { cause: string | undefined; onClose: () => void }): JSX.Element {
  const app = useAppContext();
  const [pipeline, setPipeline] = useState("");
  const [since, setSince] = useState(1);
  const [perMinute, setPerMinute] = useState("20");
  const [force, setForce] = useState(false);
  const [again, setAgain] = useState(false);
  const [model, setModel] = useState("");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const span = SINCE[since]?.[1] ?? 0;
    try {
      const plan = await app.client.createPlan({
        filter: {
          ...(app.tenant === undefined ? {} : { tenant: app.tenant }),
          ...(pipeline === "" ? {} : { pipeline }),
          ...(again && model.trim() !== "" ? { model: model.trim() } : {}),
          ...(cause === undefined || again ? {} : { cause: cause as Cause }), // from a count, or the address: the service checks it
          ...(span === 0 ? {} : { since: now() - span }),
        },
        reason: reason.trim(),
        per_minute: Number(perMinute),
        ...(force && !again ? { force } : {}),
        ...(again ? { run_again: true } : {}),
      });
      onClose();
      app.router.go(`/support/plans/${encodeURIComponent(plan.id)}`);
    } catch (problem) {
      setError(errorMessage(problem));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Plan a retry" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>Plan a retry</h2>
        <p class="muted">
          {again ? (
            "Ready contracts, with the model that is deployed now"
          ) : cause === undefined ? (
            "Failed contracts"
          ) : (
            <>Contracts that failed: “{causeLabel(cause)}”</>
          )}
          {app.tenant === undefined ? " of all tenants" : <> of {app.tenant}</>}. You can review the plan before it
          starts.
        </p>
        <div class="fields">
          <label>
            Pipeline
            <select value={pipeline} onChange={(event) => setPipeline(event.currentTarget.value)}>
              <option value="">All</option>
              {app.me.pipelines.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            {again ? "Ready" : "Failed"}
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
              max={600}
              required
              value={perMinute}
              onInput={(event) => setPerMinute(event.currentTarget.value)}
            />
          </label>
        </div>
        {app.tenant !== undefined && (
          <label class="check">
            <input type="checkbox" checked={again} onChange={(event) => setAgain(event.currentTarget.checked)} /> Review
            ready contracts again; their results stay
          </label>
        )}
        {again && (
          <label>
            Only results of this model
            <input
              type="text"
              maxLength={76}
              value={model}
              placeholder="All models"
              onInput={(event) => setModel(event.currentTarget.value)}
            />
          </label>
        )}
        <label class="check" hidden={again}>
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Include
          contracts that keep failing in the same way
        </label>
        <label>
          Reason
          <textarea
            required
            maxLength={400}
            rows={2}
            value={reason}
            placeholder="For the history of each contract"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <p class="form-error" role="alert">
          {error}
        </p>
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary" disabled={busy || reason.trim() === ""}>
            {busy ? "Counting…" : "Create plan"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
