/** The webhooks of a tenant: what they are, how they do, and what can be done with them. A separate chunk. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorMessage } from "../../api/errors";
import * as LIMITS from "../../api/limits";
import type { WebhookView } from "../../api/types";
import "../../style/webhooks.css";
import { plural } from "../../lib/format";
import { EmptyState, ErrorMessage, Heading, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";
import { Deliveries } from "./Deliveries";
import { DeleteWebhook, NewSecret, NewWebhook, Resend, Secret } from "./dialogs";

type OpenDialog = { what: "new" } | { what: "secret" | "resend" | "delete"; webhook: WebhookView };

export default function Webhooks(): JSX.Element {
  const app = useAppContext();
  if (app.seesAllTenants && app.tenant === undefined)
    return (
      <>
        <Heading>Webhooks</Heading>
        <EmptyState icon="search" title="Choose a tenant">
          Webhooks belong to a tenant. Enter its name at the top.
        </EmptyState>
      </>
    );
  return <OfTenant key={app.tenant} tenant={app.tenant} />;
}

function OfTenant({ tenant }: { tenant: string | undefined }): JSX.Element {
  const app = useAppContext();
  const { client } = app;
  const [list, reload] = useAsync(tenant ?? "", () => client.webhooks(tenant));
  const [open, setOpen] = useState<OpenDialog>();
  const [created, setCreated] = useState<WebhookView>();
  const webhooks = list.value?.webhooks;
  const dialog = {
    onDone: (changed?: WebhookView): void => {
      if (changed) setCreated(changed);
      reload();
    },
    onClose: () => setOpen(undefined),
  };
  return (
    <>
      <div class="screen-head">
        <Heading>Webhooks</Heading>
        {app.may("change-webhooks") && (
          <button
            type="button"
            class="primary"
            disabled={(webhooks?.length ?? LIMITS.webhooks) >= LIMITS.webhooks}
            title={
              webhooks?.length === LIMITS.webhooks ? `A tenant has at most ${LIMITS.webhooks} webhooks.` : undefined
            }
            onClick={() => setOpen({ what: "new" })}
          >
            New webhook…
          </button>
        )}
      </div>
      <p class="meta">Docket tells your programs when a contract is ready or has failed, with signed requests.</p>
      {list.state === "failed" && <ErrorMessage error={list.error} onRetry={reload} />}
      {webhooks === undefined && list.state !== "failed" && <Loading what="Loading the webhooks…" />}
      {webhooks?.length === 0 && (
        <EmptyState icon="bell" title="No webhooks yet">
          A webhook needs the address of a program on the internet that receives POST requests.
        </EmptyState>
      )}
      {webhooks?.map((webhook) => (
        <Card key={webhook.id} webhook={webhook} onOpen={(what) => setOpen({ what, webhook })} onChanged={reload} />
      ))}
      {open?.what === "new" && <NewWebhook tenant={tenant} {...dialog} />}
      {open?.what === "secret" && <NewSecret webhook={open.webhook} {...dialog} />}
      {open?.what === "resend" && <Resend webhook={open.webhook} {...dialog} />}
      {open?.what === "delete" && <DeleteWebhook webhook={open.webhook} {...dialog} />}
      {created?.secret !== undefined && (
        <Secret url={created.url} secret={created.secret} onClose={() => setCreated(undefined)} />
      )}
    </>
  );
}

function Card({
  webhook,
  onOpen,
  onChanged,
}: {
  webhook: WebhookView;
  onOpen: (what: "secret" | "resend" | "delete") => void;
  onChanged: () => void;
}): JSX.Element {
  const app = useAppContext();
  const { client } = app;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [shown, setShown] = useState(false);
  /** Counts the test events of this visit: the log of deliveries is read again after each. */
  const [tests, setTests] = useState(0);
  const act = async (action: () => Promise<unknown>, done: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await action();
      app.announce(done);
    } catch (problem) {
      setError(errorMessage(problem));
    }
    setBusy(false);
  };
  const change = (enabled: boolean): void =>
    void act(() => client.changeWebhook(webhook.id, { enabled }), enabled ? "Enabled" : "Paused").then(onChanged);
  const mayChange = app.may("change-webhooks");
  const mayResend = app.may("resend-events");
  const test = (): void =>
    void act(() => client.testWebhook(webhook.id), "A test event is sent").then(() => {
      setShown(true);
      setTests((count) => count + 1);
    });
  return (
    <section class="card webhook" aria-label={webhook.url}>
      <h2>
        <bdi>{webhook.url}</bdi>
      </h2>
      <Status webhook={webhook} />
      {(webhook.expired ?? 0) > 0 && (
        <p class="late">
          {plural(webhook.expired ?? 0, "event")} expired before {webhook.expired === 1 ? "it was" : "they were"}{" "}
          delivered: events are kept for 30 days.
        </p>
      )}
      <p class="muted small">
        {webhook.event_types.length === 0 ? "All events" : `Only ${webhook.event_types.join(", ")}`}
        {webhook.include_details && ", with file names and the model's words"} · created{" "}
        <Time at={webhook.created_at} /> by <bdi>{webhook.created_by}</bdi>
        {webhook.previous_secret_until !== undefined && webhook.previous_secret_until > Date.now() && (
          <>
            {" "}
            · the previous secret is used too until <Time at={webhook.previous_secret_until} />
          </>
        )}
      </p>
      <div class="buttons">
        {mayResend && (
          <button type="button" class="quiet" disabled={busy} onClick={test}>
            Send a test event
          </button>
        )}
        {mayChange && (
          <button type="button" class="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? "Hide deliveries" : "Deliveries"}
          </button>
        )}
        {mayResend && (
          <button type="button" class="quiet" disabled={!webhook.enabled} onClick={() => onOpen("resend")}>
            Send again…
          </button>
        )}
        {mayChange && (
          <>
            <button type="button" class="quiet" onClick={() => onOpen("secret")}>
              New secret…
            </button>
            <button type="button" class="quiet" disabled={busy} onClick={() => change(!webhook.enabled)}>
              {webhook.enabled ? "Pause" : "Enable"}
            </button>
            <button type="button" class="danger quiet" onClick={() => onOpen("delete")}>
              Delete…
            </button>
          </>
        )}
      </div>
      <p class="form-error" role="alert">
        {error}
      </p>
      {shown && <Deliveries id={webhook.id} tests={tests} />}
    </section>
  );
}

function Status({ webhook }: { webhook: WebhookView }): JSX.Element {
  const waiting = webhook.waiting === 1 ? "1 event waits" : `${webhook.waiting} events wait`;
  if (webhook.disabled_reason !== undefined)
    return <p class="late">Disabled: {webhook.disabled_reason}. Nothing is sent until you enable it.</p>;
  if (!webhook.enabled) return <p class="late">Paused. Nothing is sent until you enable it.</p>;
  if (webhook.failing_since !== undefined)
    return (
      <p class="late">
        Failing since <Time at={webhook.failing_since} />; {waiting} to be sent again.
      </p>
    );
  return <p>{webhook.waiting > 0 ? `Sending; ${waiting} to be sent again.` : "Sending."}</p>;
}
