/** The audit log. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorMessage } from "../../api/errors";
import type { AuditEntry } from "../../api/types";
import { formatDay, plural, titleCase } from "../../lib/format";
import { jobPath } from "../../lib/route";
import { EmptyState, ErrorMessage, Heading, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { saveBlob } from "../export/save";
import { usePaged } from "./paged";

export function Audit(): JSX.Element {
  const { client } = useAppContext();
  const [saving, setSaving] = useState("");
  const [problem, setProblem] = useState<string>();
  /** The whole log as one file of JSON lines. */
  const save = async (): Promise<void> => {
    setProblem(undefined);
    setSaving("Reading…");
    try {
      const lines: string[] = [];
      let cursor: string | undefined;
      let since = 0;
      do {
        const page = await client.exportAudit(cursor);
        for (const entry of page.entries) lines.push(JSON.stringify(entry));
        since = page.complete_since ?? 0;
        setSaving(`${plural(lines.length, "entry", "entries")} read…`);
        cursor = page.cursor;
      } while (cursor !== undefined);
      const day = new Date().toISOString().slice(0, 10);
      saveBlob(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }), `audit ${day}.jsonl`);
      setSaving(`${plural(lines.length, "entry", "entries")} saved, complete since ${formatDay(since)}.`);
    } catch (error) {
      setSaving("");
      setProblem(errorMessage(error));
    }
  };
  const page = usePaged((cursor) => client.audit(cursor));
  return (
    <>
      <div class="screen-head">
        <Heading>Audit</Heading>
        <button type="button" class="quiet" disabled={saving.endsWith("…")} onClick={() => void save()}>
          Save as JSON lines
        </button>
      </div>
      <p class="muted small" role="status">
        {saving}
      </p>
      {problem !== undefined && (
        <p class="form-error" role="alert">
          {problem}
        </p>
      )}
      {page.state === "failed" && <ErrorMessage error={page.error} onRetry={page.more} />}
      {page.entries.length === 0 && page.state === "loading" && <Loading what="Loading the audit log…" />}
      {page.entries.length === 0 && page.state === "complete" && (
        <EmptyState icon="inbox" title="No actions yet">
          Sign-ins, downloads, retries, cancellations and deletions appear here, and changes of webhooks.
        </EmptyState>
      )}
      {page.entries.length > 0 && (
        <section class="card scroll-x" tabIndex={0} aria-label="Audit log">
          <table class="stacks">
            <thead>
              <tr>
                <th>Time</th>
                <th>User</th>
                <th>Action</th>
                <th>Reason</th>
                <th>Target</th>
              </tr>
            </thead>
            <tbody>
              {page.entries.map((entry, index) => (
                <tr key={index}>
                  <td class="nowrap">
                    <Time at={entry.at} />
                  </td>
                  <td>
                    {entry.actor}
                    {entry.program !== undefined && <span class="muted small"> {entry.program}</span>}
                  </td>
                  <td class="nowrap">{titleCase(entry.action)}</td>
                  <td>
                    <bdi>{entry.reason}</bdi>
                    {entry.detail && <span class="quote">{entry.detail}</span>}
                  </td>
                  <td>
                    <Target entry={entry} />
                    {entry.tenant && <span class="muted small"> {entry.tenant}</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {page.state === "more" && (
        <div class="list-end">
          <button type="button" class="quiet" onClick={page.more}>
            Show more
          </button>
        </div>
      )}
    </>
  );
}

const TARGETS: Record<AuditEntry["action"], "job" | "plan" | "message" | "scope" | "tenant" | "webhook" | "user"> = {
  retry: "job",
  "run-again": "job",
  urgent: "job",
  cancel: "job",
  mark: "job",
  "delete-data": "job",
  plan: "plan",
  "apply-plan": "plan",
  "stop-plan": "plan",
  redrive: "message",
  discard: "message",
  pause: "scope",
  resume: "scope",
  "create-tenant": "tenant",
  "change-retention": "tenant",
  "create-webhook": "webhook",
  "change-webhook": "webhook",
  "rotate-webhook-secret": "webhook",
  "delete-webhook": "webhook",
  "redeliver-events": "webhook",
  "change-digests": "tenant",
  "download-document": "job",
  "download-result": "job",
  "export-data": "user",
  "export-audit": "user",
  "sign-in": "user",
  "end-sessions": "user",
};

function Target({ entry: { action, target } }: { entry: AuditEntry }): JSX.Element {
  if (TARGETS[action] === "scope") return <>{target}</>;
  const short = <code title={target}>{target.length > 18 ? `${target.slice(0, 17)}…` : target}</code>;
  switch (TARGETS[action]) {
    case "job":
      return <a href={jobPath(target)}>{short}</a>;
    case "plan":
      return <a href={`/support/plans/${encodeURIComponent(target)}`}>{short}</a>;
    // A redriven or discarded message has left quarantine, and an unknown action has no screen.
    default:
      return short;
  }
}
