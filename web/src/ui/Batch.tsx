/** The progress of a batch above its list, the retry of its failures, and its exports. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { errorMessage } from "../api/errors";
import * as LIMITS from "../api/limits";
import type { BatchView, JobView } from "../api/types";
import { formatNumber, formatTime, plural } from "../lib/format";
import { ErrorMessage, Loading } from "./components";
import { useAppContext } from "./context";
import { ReasonDialog } from "./Dialog";
import { ESTIMATE_REFRESH_MS, useAsync } from "./hooks";

export default function Batch({ name, tenant }: { name: string; tenant: string | undefined }): JSX.Element {
  const app = useAppContext();
  const [batch, reload] = useAsync(`${tenant} ${name}`, () => app.client.batch(name, tenant));
  const [retrying, setRetrying] = useState(false);
  const [message, setMessage] = useState("");
  const [saving, setSaving] = useState(false);
  useEffect(() => {
    // Counting reads every document of the batch: not at each change of one.
    const timer = setInterval(() => document.hidden || reload(), ESTIMATE_REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const found = batch.value;
  if (!found)
    return batch.state === "failed" ? (
      <ErrorMessage error={batch.error} onRetry={reload} />
    ) : (
      <Loading what="Counting the batch…" />
    );
  /** All documents of the batch, page by page. */
  const load = async (status?: "failed"): Promise<JobView[]> => {
    const all: JobView[] = [];
    let cursor: string | undefined;
    do {
      const page = await app.client.jobs({
        batch: name,
        limit: LIMITS.jobsPerPage,
        ...(status === undefined ? {} : { status }),
        ...(tenant === undefined ? {} : { tenant }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      all.push(...page.jobs);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return all;
  };
  const save = async (form: "saveTable" | "saveArchive"): Promise<void> => {
    setSaving(true);
    try {
      const many = await import("./export/many");
      setMessage(await many[form]({ client: app.client, jobs: () => load(), name, progress: setMessage }));
    } catch (error) {
      setMessage(errorMessage(error));
    }
    setSaving(false);
  };
  const retry = async (reason: string): Promise<void> => {
    let refused: unknown;
    for (const job of await load("failed")) {
      try {
        const { job: after } = await app.client.retry(job.id, { reason, expected_version: job.version });
        app.store.add([after]);
      } catch (error) {
        refused ??= error; // The others are still tried.
      }
    }
    reload();
    if (refused !== undefined) throw new Error(`Not all were retried: ${errorMessage(refused)}`);
  };
  return (
    <section class="card batch-card" aria-label={`Batch ${name}`}>
      <p>
        <strong>{progress(found)}</strong>
      </p>
      <progress max={Math.max(found.jobs, 1)} value={found.jobs - found.open} aria-label="Finished documents" />
      <div class="buttons">
        {found.failed > 0 && app.may("command-jobs") && (
          <button type="button" class="quiet" onClick={() => setRetrying(true)}>
            Try the {plural(found.failed, "failed one", "failed ones")} again…
          </button>
        )}
        {found.jobs > 0 && app.may("read-contents") && (
          <>
            <button type="button" class="quiet" disabled={saving} onClick={() => void save("saveTable")}>
              Save all as CSV
            </button>
            <button type="button" class="quiet" disabled={saving} onClick={() => void save("saveArchive")}>
              Save all as ZIP
            </button>
          </>
        )}
        <span class="muted small" role="status">
          {message}
        </span>
      </div>
      {retrying && (
        <ReasonDialog
          title="Try the failed documents of this batch again"
          action="Try again"
          onSubmit={retry}
          onClose={() => setRetrying(false)}
        />
      )}
    </section>
  );
}

/** Such as “187 of 200 ready, 3 failed, the rest by about 14:10”. */
export function progress(batch: BatchView): string {
  const parts = [`${formatNumber(batch.ready)} of ${formatNumber(batch.jobs)}${batch.more ? " or more" : ""} ready`];
  if (batch.failed > 0) parts.push(`${formatNumber(batch.failed)} failed`);
  if (batch.cancelled > 0) parts.push(`${formatNumber(batch.cancelled)} cancelled or deleted`);
  if (batch.open > 0)
    parts.push(
      batch.ready_by === undefined
        ? `${formatNumber(batch.open)} open`
        : `the rest by about ${formatTime(batch.ready_by)}`,
    );
  return parts.join(", ");
}
