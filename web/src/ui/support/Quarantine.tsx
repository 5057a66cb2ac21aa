/** Messages that could not be understood: read them, send them once more, or let them go. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { QuarantineEntry } from "../../api/types";
import { bytes, title } from "../../lib/format";
import { useDesk } from "../desk";
import { ReasonDialog } from "../Dialog";
import { useLoaded } from "../hooks";
import { Empty, Heading, Icon, Moment, Trouble, Waiting } from "../parts";
import { sentence } from "../words";
import { usePaged } from "./paged";

export function Quarantine(): JSX.Element {
  const { client } = useDesk();
  const page = usePaged((cursor) => client.quarantine(cursor));
  return (
    <>
      <div class="screen-head">
        <Heading>Quarantine</Heading>
      </div>
      {page.state === "failed" && <Trouble error={page.error} again={page.more} />}
      {page.entries.length === 0 && page.state === "loading" && <Waiting what="Fetching the messages…" />}
      {page.entries.length === 0 && page.state === "whole" && (
        <Empty icon="check" title="No message is in quarantine">
          What cannot be understood is kept here, never dropped.
        </Empty>
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
                  <span class="row-name">{sentence(entry.problem)}</span>
                  <span class="row-about">
                    {title(entry.cause)} · from {entry.source} · {bytes(entry.body_bytes)}
                  </span>
                </span>
                <span class="row-when">
                  <Moment at={entry.at} />
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

export function Quarantined({ id }: { id: string }): JSX.Element {
  const { client, router } = useDesk();
  const [entry, again] = useLoaded<QuarantineEntry>(id, () => client.quarantined(id));
  const [asking, setAsking] = useState<"replay" | "discard">();
  const found = entry.value;
  return (
    <>
      <a class="back" href="/support/quarantine">
        <Icon name="back" /> Quarantine
      </a>
      <div class="screen-head">
        <Heading>{found ? sentence(found.problem) : "Message"}</Heading>
        {found && (
          <div class="buttons">
            <button type="button" class="primary" onClick={() => setAsking("replay")}>
              Send once more…
            </button>
            <button type="button" class="danger quiet" onClick={() => setAsking("discard")}>
              Let it go…
            </button>
          </div>
        )}
      </div>
      {entry.state === "failed" && <Trouble error={entry.error} again={again} />}
      {!found ? (
        entry.state !== "failed" && <Waiting what="Fetching the message…" />
      ) : (
        <>
          <p class="meta">
            {title(found.cause)} · from {found.source} · <Moment at={found.at} /> · {bytes(found.body_bytes)}
          </p>
          <section class="card">
            <h2>The message</h2>
            <pre class="raw" tabIndex={0}>
              {pretty(found.body ?? "")}
            </pre>
            {found.body !== undefined && found.body_bytes > 65_536 && <p class="muted">Its first 64 KB.</p>}
            <p class="muted small">
              Id <code>{found.id}</code>
            </p>
          </section>
        </>
      )}
      {asking === "replay" && (
        <ReasonDialog
          title="Send this message once more"
          action="Send it"
          order={async (reason) => {
            await client.replay(id, reason);
            router.go("/support/quarantine");
          }}
          onClose={() => setAsking(undefined)}
        >
          <p class="muted">It goes to its queue again. If it still cannot be understood, it comes back here.</p>
        </ReasonDialog>
      )}
      {asking === "discard" && (
        <ReasonDialog
          title="Let this message go"
          action="Let it go"
          danger
          order={async (reason) => {
            await client.discard(id, reason);
            router.go("/support/quarantine");
          }}
          onClose={() => setAsking(undefined)}
        >
          <p class="muted">It is deleted for good. What it was about is not changed by that.</p>
        </ReasonDialog>
      )}
    </>
  );
}

/** JSON with line breaks; anything else as it is. */
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
