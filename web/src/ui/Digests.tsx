/** The part of the account's dialog for e-mail digests. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Client } from "../api/client";
import { errorMessage } from "../api/errors";
import type { DigestView } from "../api/types";

export function Digests({
  client,
  tenant,
  readsTenant,
  needsTenant,
}: {
  client: Client;
  /** The selected tenant. */
  tenant: string | undefined;
  readsTenant: boolean;
  needsTenant: boolean;
}): JSX.Element {
  const [settings, setSettings] = useState<DigestView>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [isSaved, setIsSaved] = useState(false);
  const lacksTenant = needsTenant && tenant === undefined;
  const run = async (work: () => Promise<DigestView>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    setIsSaved(false);
    try {
      setSettings(await work());
      setBusy(false);
      return true;
    } catch (problem) {
      setError(errorMessage(problem));
      setBusy(false);
      return false;
    }
  };
  useEffect(() => {
    if (!lacksTenant) void run(() => client.digests(tenant));
  }, []);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!settings) return;
    const { enabled, scope, ready, failed } = settings;
    const change = { enabled, scope, ready, failed, ...(tenant === undefined ? {} : { tenant }) };
    void run(() => client.changeDigests(change)).then(setIsSaved);
  };
  const set = (change: Partial<DigestView>): void => {
    setIsSaved(false);
    if (settings) setSettings({ ...settings, ...change });
  };
  return (
    <form onSubmit={submit} aria-labelledby="account-digests">
      <h3 id="account-digests">E-mail digests</h3>
      {lacksTenant && <p>Select a tenant above the list first: digests are about one tenant.</p>}
      {settings?.available === false && <p>Not available: {settings.unavailable_reason}.</p>}
      {settings?.available && <Choices settings={settings} readsTenant={readsTenant} set={set} />}
      <p class="form-error" role="alert">
        {error}
      </p>
      <p role="status">{isSaved && (settings?.enabled ? "Saved. You get e-mail digests." : "Saved. You get none.")}</p>
      {settings?.available && (
        <button type="submit" class="primary" disabled={busy}>
          Save
        </button>
      )}
    </form>
  );
}

function Choices({
  settings,
  readsTenant,
  set,
}: {
  settings: DigestView;
  readsTenant: boolean;
  set(change: Partial<DigestView>): void;
}): JSX.Element {
  const { address, enabled, failed, include_names, off_reason, ready, scope, tenant } = settings;
  return (
    <>
      <p>
        One e-mail to <bdi>{address}</bdi> for each batch when it is complete, and for other documents at most one every
        quarter of an hour.{" "}
        {include_names ? "It lists the names of the files." : "It has numbers, and no names of files."}
      </p>
      {off_reason !== undefined && !enabled && <p class="late">Off: {off_reason}.</p>}
      <label class="check">
        <input type="checkbox" checked={enabled} onChange={(event) => set({ enabled: event.currentTarget.checked })} />{" "}
        Send me e-mail digests
      </label>
      <fieldset disabled={!enabled}>
        <legend>About</legend>
        {readsTenant &&
          (
            [
              ["own", "my own uploads"],
              ["tenant", `all documents of ${tenant}`],
            ] as const
          ).map(([value, text]) => (
            <label key={value} class="check">
              <input type="radio" name="scope" checked={scope === value} onChange={() => set({ scope: value })} />{" "}
              {text}
            </label>
          ))}
        <label class="check">
          <input
            type="checkbox"
            checked={ready}
            disabled={ready && !failed}
            onChange={(event) => set({ ready: event.currentTarget.checked })}
          />{" "}
          documents that are ready
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={failed}
            disabled={failed && !ready}
            onChange={(event) => set({ failed: event.currentTarget.checked })}
          />{" "}
          documents that failed
        </label>
      </fieldset>
    </>
  );
}
