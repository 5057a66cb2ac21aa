/** The sign-in form: for a normal sign-in, for choosing a first password, and for signing in again after expiry. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { SignInError, SignInUnavailable } from "../auth/cognito";
import type { Session } from "../auth/session";
import { Icon } from "./components";

export function SignIn({ session, hasExpired }: { session: Session; hasExpired?: boolean }): JSX.Element {
  const [email, setEmail] = useState(hasExpired ? session.email : "");
  const [password, setPassword] = useState("");
  const [challenge, setChallenge] = useState<string>();
  const [chosen, setChosen] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [challenge]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if (challenge === undefined) setChallenge(await session.signIn(email.trim(), password));
      else await session.choosePassword(email.trim(), challenge, chosen);
    } catch (problem) {
      if (problem instanceof SignInError) {
        setError(problem.message);
        if (challenge !== undefined && problem.code !== "InvalidPasswordException") setChallenge(undefined);
      } else if (problem instanceof SignInUnavailable) {
        setError("The sign-in service cannot be reached. Check your connection, then try again.");
      } else setError("Sign-in failed. Try again.");
    } finally {
      setBusy(false);
    }
  };

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)} aria-labelledby="sign-in-title">
      <Logo />
      <h1 id="sign-in-title">
        {challenge !== undefined ? "Choose a password" : hasExpired ? "Please sign in again" : "Sign in to Docket"}
      </h1>
      <p class="muted">
        {challenge !== undefined
          ? "Your temporary password works only once."
          : hasExpired
            ? "Your sign-in has expired. The page keeps its state, and uploads continue after you sign in."
            : "See the status of your contracts."}
      </p>
      {challenge === undefined ? (
        <>
          <label>
            E-mail
            <input
              ref={hasExpired && email ? null : field}
              type="email"
              name="email"
              autocomplete="username"
              required
              readOnly={Boolean(hasExpired && session.email)}
              value={email}
              onInput={(event) => setEmail(event.currentTarget.value)}
            />
          </label>
          <label>
            Password
            <input
              ref={hasExpired && email ? field : null}
              type="password"
              name="password"
              autocomplete="current-password"
              required
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </label>
        </>
      ) : (
        <label>
          New password
          <input
            ref={field}
            type="password"
            name="new-password"
            autocomplete="new-password"
            required
            minLength={8}
            value={chosen}
            onInput={(event) => setChosen(event.currentTarget.value)}
          />
        </label>
      )}
      <p class="form-error" role="alert">
        {error && (
          <>
            <Icon name="alert" /> {error}
          </>
        )}
      </p>
      <button type="submit" class="primary" disabled={busy}>
        {busy ? "Signing in…" : challenge !== undefined ? "Save and sign in" : "Sign in"}
      </button>
      {hasExpired && (
        <button type="button" class="quiet" onClick={() => session.signOut()}>
          Sign in as a different user
        </button>
      )}
    </form>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect class="logo-ground" width="32" height="32" rx="8" />
      <path class="logo-sheet" d="M10 7h8.5L23 11.5V25H10z" />
      <path class="logo-check" d="M13.2 17.2l2.6 2.6 4.6-5.2" />
    </svg>
  );
}
