/** What can be done with the selected contracts of a list. A chunk of its own. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { errorMessage } from "../api/errors";
import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";
import { plural } from "../lib/format";
import { reviewedBy } from "../live/marks";
import { useAppContext } from "./context";
import { ReasonDialog } from "./Dialog";
import { type BulkSave, saveArchive, saveTable } from "./export/many";

type BulkAction = "retry" | "cancel" | "review";

const ACTIONS: Record<BulkAction, { title: string; action: string }> = {
  retry: { title: "Try the selected contracts again", action: "Try again" },
  cancel: { title: "Stop the selected reviews", action: "Stop the reviews" },
  review: { title: "Mark the selected contracts as reviewed", action: "Mark as reviewed" },
};

export default function SelectionBar({
  jobs,
  all,
}: {
  jobs: readonly JobView[];
  all: readonly JobView[];
}): JSX.Element {
  const app = useAppContext();
  const [dialog, setDialog] = useState<BulkAction>();
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => () => app.select(), []);
  const mayJudge = app.may("judge-contracts");
  const mayCommand = app.may("command-jobs");
  const mayRead = app.may("read-contents");
  const of: Record<BulkAction, JobView[]> = {
    retry: mayCommand ? jobs.filter((job) => job.status === "Failed") : [],
    cancel: mayCommand
      ? jobs.filter((job) => statusGroup(job.status) === "open" && job.earlier_result === undefined)
      : [],
    review: mayJudge ? jobs.filter((job) => job.status === "Ready" && !reviewedBy(job)) : [],
  };

  /** One after the other. One that is refused does not stop the others, and is named. */
  const run = async (action: BulkAction, reason: string): Promise<void> => {
    const refused: string[] = [];
    const chosen = of[action];
    for (const [index, job] of chosen.entries()) {
      setMessage(`${index + 1} of ${chosen.length}…`);
      const body = { reason, expected_version: job.version };
      try {
        const answer =
          action === "retry"
            ? await app.client.retry(job.id, body)
            : action === "cancel"
              ? await app.client.cancel(job.id, body)
              : await app.client.mark(job.id, { reviewed: true, ...(app.isSupport ? { reason } : {}) });
        app.store.add([answer.job]);
      } catch (error) {
        refused.push(`${job.name}: ${errorMessage(error)}`);
      }
    }
    setMessage(`${plural(chosen.length - refused.length, "contract")} done.`);
    if (refused.length > 0) throw new Error(`${plural(refused.length, "was", "were")} refused. ${refused.join(" ")}`);
  };

  const begin = (action: BulkAction): void => {
    if (action !== "review" || app.isSupport) setDialog(action);
    else run(action, "").catch((error: unknown) => setMessage(errorMessage(error)));
  };

  const take = async (work: () => Promise<string>): Promise<void> => {
    setBusy(true);
    try {
      setMessage(await work());
    } catch (error) {
      setMessage(errorMessage(error));
    }
    setBusy(false);
  };
  const today = new Date().toISOString().slice(0, 10);
  const many: BulkSave = {
    client: app.client,
    jobs: async () => jobs,
    name: `contracts ${today}`,
    progress: setMessage,
  };

  return (
    <div class="selection card" role="region" aria-label="Selected contracts">
      <p>
        <strong>{plural(jobs.length, "contract")} selected</strong>{" "}
        <button type="button" class="link" onClick={() => app.select(all.map((job) => job.id))}>
          Select all {all.length} shown
        </button>{" "}
        <button type="button" class="link" onClick={() => app.select([])}>
          Select none
        </button>
      </p>
      <div class="buttons">
        {(Object.keys(ACTIONS) as BulkAction[]).map(
          (action) =>
            of[action].length > 0 && (
              <button key={action} type="button" class="quiet" disabled={busy} onClick={() => begin(action)}>
                {ACTIONS[action].action} ({of[action].length})
              </button>
            ),
        )}
        {mayRead && jobs.length > 0 && (
          <>
            <button type="button" class="quiet" disabled={busy} onClick={() => void take(() => saveTable(many))}>
              Save as CSV
            </button>
            <button type="button" class="quiet" disabled={busy} onClick={() => void take(() => saveArchive(many))}>
              Save as ZIP
            </button>
          </>
        )}
      </div>
      <p class="muted" role="status">
        {message}
      </p>
      {dialog && (
        <ReasonDialog
          {...ACTIONS[dialog]}
          danger={dialog === "cancel"}
          onSubmit={(reason) => run(dialog, reason)}
          onClose={() => setDialog(undefined)}
        >
          <p class="muted">{plural(of[dialog].length, "contract")}, each with this reason in its history.</p>
        </ReasonDialog>
      )}
    </div>
  );
}
