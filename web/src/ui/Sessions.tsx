/** The part of the account's dialog that signs out on all devices. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../api/client";
import { errorMessage } from "../api/errors";
import type { Session } from "../auth/session";

export function Sessions({ client, session }: { client: Client; session: Session }): JSX.Element {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  /** This device last: ending the others needs its sign-in. */
  const end = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await client.endSessions();
      session.signOut();
    } catch (problem) {
      setError(errorMessage(problem));
      setBusy(false);
    }
  };

  return (
    <section aria-labelledby="account-sessions">
      <h3 id="account-sessions">Sign-ins</h3>
      <p>
        If you have lost a device, or forgot to sign out somewhere, sign out on all of them. What is open there ends
        within an hour.
      </p>
      <button type="button" class="quiet" disabled={busy} onClick={() => void end()}>
        {busy ? "Signing out…" : "Sign out everywhere"}
      </button>
      {error !== undefined && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
    </section>
  );
}
