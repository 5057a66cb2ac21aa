/** Messages that could not be processed: read, redrive or discard them. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import * as LIMITS from "../../api/limits";
import type { QuarantineEntry } from "../../api/types";
import { formatBytes, titleCase } from "../../lib/format";
import { EmptyState, ErrorMessage, Heading, Icon, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { ReasonDialog } from "../Dialog";
import { useAsync } from "../hooks";
import { sentence } from "../labels";
import { usePaged } from "./paged";

export function Quarantine(): JSX.Element {
  const { client } = useAppContext();
  const page = usePaged((cursor) => client.quarantine(cursor));
  return (
    <>
      <div class="screen-head">
        <Heading>Quarantine</Heading>
      </div>
      {page.state === "failed" && <ErrorMessage error={page.error} onRetry={page.more} />}
      {page.entries.length === 0 && page.state === "loading" && <Loading what="Loading the messages…" />}
      {page.entries.length === 0 && page.state === "complete" && (
        <EmptyState icon="check" title="Quarantine is empty">
          Docket keeps messages here that it cannot process.
        </EmptyState>
      )}
      {page.entries.length > 0 && (
        <ul class="rows">
          {page.entries.map((entry) => (
            <li key={entry.id} class="row">
              <a href={`/support/quarantine/${encodeURIComponent(entry.id)}`}>
                <span class="mark failed" aria-hidden="true">
                  <Icon name="alert" />
                </span>
                <span class="row-main">
                  <span class="row-name">{sentence(entry.problem) || titleCase(entry.cause)}</span>
                  <span class="row-about">
                    {titleCase(entry.cause)} · from {entry.source} · {formatBytes(entry.body_bytes)}
                  </span>
                </span>
                <span class="row-when">
                  <Time at={entry.at} />
                </span>
              </a>
            </li>
          ))}
        </ul>
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

export function QuarantineMessage({ id }: { id: string }): JSX.Element {
  const { client, router } = useAppContext();
  const [entry, reload] = useAsync<QuarantineEntry>(id, () => client.quarantineEntry(id));
  const [dialog, setDialog] = useState<"redrive" | "discard">();
  const found = entry.value;
  return (
    <>
      <a class="back" href="/support/quarantine">
        <Icon name="back" /> Quarantine
      </a>
      <div class="screen-head">
        <Heading>{found ? sentence(found.problem) || titleCase(found.cause) : "Message"}</Heading>
        {found && (
          <div class="buttons">
            <button type="button" class="primary" onClick={() => setDialog("redrive")}>
              Redrive…
            </button>
            <button type="button" class="danger quiet" onClick={() => setDialog("discard")}>
              Discard…
            </button>
          </div>
        )}
      </div>
      {entry.state === "failed" && <ErrorMessage error={entry.error} onRetry={reload} />}
      {!found ? (
        entry.state !== "failed" && <Loading what="Loading the message…" />
      ) : (
        <>
          <p class="meta">
            {titleCase(found.cause)} · from {found.source} · <Time at={found.at} /> · {formatBytes(found.body_bytes)}
          </p>
          <section class="card">
            <h2>Message</h2>
            {found.body === undefined ? (
              <p>It may name a document, so your role does not show it. You can redrive or discard it all the same.</p>
            ) : (
              <pre class="raw" tabIndex={0}>
                {pretty(found.body)}
              </pre>
            )}
            {found.body !== undefined && found.body_bytes > LIMITS.shownMessageBytes && (
              <p class="muted">Only the first {formatBytes(LIMITS.shownMessageBytes)} are shown.</p>
            )}
            <p class="muted small">
              Id <code>{found.id}</code>
            </p>
          </section>
        </>
      )}
      {dialog === "redrive" && (
        <ReasonDialog
          title="Redrive this message"
          action="Redrive"
          onSubmit={async (reason) => {
            await client.redrive(id, reason);
            router.go("/support/quarantine");
          }}
          onClose={() => setDialog(undefined)}
        >
          <p class="muted">
            Docket sends the message to its queue again. If it still cannot be processed, it comes back here.
          </p>
        </ReasonDialog>
      )}
      {dialog === "discard" && (
        <ReasonDialog
          title="Discard this message"
          action="Discard"
          danger
          onSubmit={async (reason) => {
            await client.discard(id, reason);
            router.go("/support/quarantine");
          }}
          onClose={() => setDialog(undefined)}
        >
          <p class="muted">The message is deleted permanently. The job that it belongs to does not change.</p>
        </ReasonDialog>
      )}
    </>
  );
}

/** JSON with line breaks, any other text unchanged. */
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
