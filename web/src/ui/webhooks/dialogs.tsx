/** The dialogs about webhooks. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import * as LIMITS from "../../api/limits";
import type { EventType, WebhookView } from "../../api/types";
import { useAppContext } from "../context";
import { Dialog, FormDialog } from "../Dialog";

const EVENT_TYPES: readonly [EventType, string][] = [
  ["job.ready", "A contract is ready"],
  ["job.failed", "A contract has failed"],
];

interface Props {
  webhook: WebhookView;
  /** A webhook that has a new secret is given. */
  onDone: (changed?: WebhookView) => void;
  onClose: () => void;
}

export function NewWebhook({
  tenant,
  onDone,
  onClose,
}: Omit<Props, "webhook"> & { tenant: string | undefined }): JSX.Element {
  const { client } = useAppContext();
  const [url, setUrl] = useState("");
  const [chosen, setChosen] = useState<readonly EventType[]>(EVENT_TYPES.map(([type]) => type));
  const [details, setDetails] = useState(false);
  const create = async (): Promise<void> => {
    const all = chosen.length === EVENT_TYPES.length;
    onDone(
      await client.createWebhook({
        url: url.trim(),
        ...(tenant === undefined ? {} : { tenant }),
        ...(all ? {} : { event_types: [...chosen] }),
        ...(details ? { include_details: true } : {}),
      }),
    );
  };
  return (
    <FormDialog
      title="New webhook"
      action="Create webhook"
      disabled={chosen.length === 0}
      onSubmit={create}
      onClose={onClose}
    >
      <label>
        Address of your program
        <input
          required
          type="url"
          maxLength={LIMITS.webhookUrl}
          placeholder="https://example.com/docket"
          value={url}
          onInput={(event) => setUrl(event.currentTarget.value)}
        />
      </label>
      <fieldset>
        <legend>Tell it when</legend>
        {EVENT_TYPES.map(([type, text]) => (
          <label key={type} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(type)}
              onChange={(event) =>
                setChosen(event.currentTarget.checked ? [...chosen, type] : chosen.filter((one) => one !== type))
              }
            />{" "}
            {text}
          </label>
        ))}
      </fieldset>
      <label class="check">
        <input type="checkbox" checked={details} onChange={(event) => setDetails(event.currentTarget.checked)} /> Also
        send the file's name and the model's words about a failure
      </label>
    </FormDialog>
  );
}

/** The one time that a secret is shown. */
export function Secret({ url, secret, onClose }: { url: string; secret: string; onClose: () => void }): JSX.Element {
  const [copied, setCopied] = useState(false);
  return (
    <Dialog title="The secret of the webhook" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
        }}
      >
        <h2>The secret of the webhook</h2>
        <p>
          Store it in your program, which verifies with it that requests to <bdi>{url}</bdi> come from Docket. It is
          shown only now; afterwards you can only make a new one.
        </p>
        <label>
          Secret
          <input readOnly value={secret} onFocus={(event) => event.currentTarget.select()} />
        </label>
        <div class="buttons">
          <button
            type="button"
            class="quiet"
            onClick={() => void navigator.clipboard?.writeText(secret).then(() => setCopied(true))}
          >
            {copied ? "Copied" : "Copy"}
          </button>
          <button type="submit" class="primary">
            I have stored it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function NewSecret({ webhook, onDone, onClose }: Props): JSX.Element {
  const { client } = useAppContext();
  return (
    <FormDialog
      title="Make a new secret"
      action="Make a new secret"
      onSubmit={async () => onDone(await client.rotateWebhookSecret(webhook.id))}
      onClose={onClose}
    >
      <p class="muted">
        For {LIMITS.previousSecretHours} hours each request is signed with the old and the new secret, so that your
        program misses nothing while you change it.
      </p>
    </FormDialog>
  );
}

export function Resend({ webhook, onDone, onClose }: Props): JSX.Element {
  const app = useAppContext();
  const [since, setSince] = useState(() => localInput(Date.now() - 86_400_000));
  const send = async (): Promise<void> => {
    await app.client.redeliver(webhook.id, { from: new Date(since).getTime() });
    app.announce("The events are sent again");
    onDone();
  };
  return (
    <FormDialog title="Send events again" action="Send again" onSubmit={send} onClose={onClose}>
      <p class="muted">
        All events since that time are sent again, also those that were given up. Events are kept for 30 days.
      </p>
      <label>
        Since
        <input required type="datetime-local" value={since} onInput={(event) => setSince(event.currentTarget.value)} />
      </label>
    </FormDialog>
  );
}

export function DeleteWebhook({ webhook, onDone, onClose }: Props): JSX.Element {
  const { client } = useAppContext();
  const remove = async (): Promise<void> => {
    await client.deleteWebhook(webhook.id);
    onDone();
  };
  return (
    <FormDialog title="Delete this webhook" action="Delete webhook" danger onSubmit={remove} onClose={onClose}>
      <p class="muted">
        Nothing more is sent to <bdi>{webhook.url}</bdi>, and its secret is gone. The events stay in the feed.
      </p>
    </FormDialog>
  );
}

/** The value of an input for date and time in the reader's time zone. */
function localInput(at: number): string {
  const zoneMs = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - zoneMs).toISOString().slice(0, 16);
}
