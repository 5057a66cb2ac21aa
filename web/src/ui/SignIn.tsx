/**
 * The sign-in form: for a normal sign-in, for what Cognito asks for after the password, for a forgotten password, and for
 * signing in again after expiry.
 */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Challenge, SignInError, SignInUnavailable } from "../auth/cognito";
import type { Session } from "../auth/session";
import { CompanySignIn } from "./CompanySignIn";
import { FormError } from "./components";

/** `forgot` asks for the address, `reset` for the code that was sent there. */
type Step = { kind: "password" | "forgot" | "reset" } | { kind: "challenge"; challenge: Challenge };

interface FormText {
  title: string;
  text: string;
  action: string;
}

export function SignIn({ session, hasExpired }: { session: Session; hasExpired?: boolean }): JSX.Element {
  const [email, setEmail] = useState(hasExpired ? session.email : "");
  const [password, setPassword] = useState("");
  const [step, setStep] = useState<Step>({ kind: "password" });
  const [chosen, setChosen] = useState("");
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const isFirst = step.kind === "password";
  const hasCompany = isFirst && Boolean(session.configuration.company_sign_in?.providers.length);
  // Whom a company signed in has no password here.
  const hasPassword = !(hasExpired && session.byCompany);
  const form = useRef<HTMLFormElement>(null);
  const needs = (kind: "forgot" | "reset" | "NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA"): boolean =>
    step.kind === kind || (step.kind === "challenge" && step.challenge.name === kind);
  const go = (next: Step): void => {
    setCode("");
    setError(undefined);
    setStep(next);
  };
  useEffect(
    () => form.current?.querySelector<HTMLElement>("input:not([readonly]), .providers button")?.focus(),
    [step],
  );

  const send = async (): Promise<void> => {
    const user = email.trim();
    let challenge: Challenge | undefined;
    switch (step.kind) {
      case "password":
        challenge = await session.signIn(user, password);
        break;
      case "challenge":
        challenge = await session.answer(user, step.challenge, needs("SOFTWARE_TOKEN_MFA") ? code.trim() : chosen);
        break;
      case "forgot":
        await session.sendResetCode(user);
        return go({ kind: "reset" });
      case "reset":
        challenge = await session.resetPassword(user, code.trim(), chosen);
    }
    if (challenge) go({ kind: "challenge", challenge });
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await send();
    } catch (problem) {
      if (problem instanceof SignInError) {
        if (problem.code === "PasswordResetRequiredException") go({ kind: "forgot" });
        // The challenge's session is over, or its user is unknown.
        else if (step.kind === "challenge" && problem.code === "NotAuthorizedException") go({ kind: "password" });
        const isOver = step.kind === "challenge" && problem.code === "NotAuthorizedException";
        setError(isOver ? "The sign-in took too long. Sign in again." : problem.message);
      } else if (problem instanceof SignInUnavailable) {
        setError("The sign-in service cannot be reached. Check your connection, then try again.");
      } else setError("Sign-in failed. Try again.");
    } finally {
      setBusy(false);
    }
  };

  const words = hasPassword ? wordsOf(step, email.trim(), hasExpired ?? false) : AGAIN_BY_COMPANY;
  return (
    <form class="sign-in" ref={form} onSubmit={(event) => void submit(event)} aria-labelledby="sign-in-title">
      <Logo />
      <h1 id="sign-in-title">{words.title}</h1>
      <p class="muted">{words.text}</p>
      {hasCompany && <CompanySignIn session={session} hasExpired={hasExpired ?? false} />}
      {hasCompany && hasPassword && <p class="or muted">or with a password</p>}
      {((isFirst && hasPassword) || needs("forgot")) && (
        <label>
          E-mail
          <input
            type="email"
            name="email"
            autocomplete="username"
            required
            readOnly={Boolean(hasExpired && session.email)}
            value={email}
            onInput={(event) => setEmail(event.currentTarget.value)}
          />
        </label>
      )}
      {isFirst && hasPassword && (
        <label>
          Password
          <input
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
      )}
      {(needs("reset") || needs("SOFTWARE_TOKEN_MFA")) && <CodeField value={code} onInput={setCode} />}
      {(needs("reset") || needs("NEW_PASSWORD_REQUIRED")) && <NewPasswordField value={chosen} onInput={setChosen} />}
      {hasPassword && (
        <>
          <FormError text={error} />
          <button type="submit" class={hasCompany ? "quiet" : "primary"} disabled={busy}>
            {busy ? "One moment…" : words.action}
          </button>
        </>
      )}
      {isFirst && hasPassword && (
        <button type="button" class="quiet" onClick={() => go({ kind: "forgot" })}>
          Forgot your password?
        </button>
      )}
      {!isFirst && (
        <button type="button" class="quiet" onClick={() => go({ kind: "password" })}>
          Back
        </button>
      )}
      {hasExpired && (
        <button type="button" class="quiet" onClick={() => session.signOut()}>
          Sign in as a different user
        </button>
      )}
    </form>
  );
}

const AGAIN_BY_COMPANY: FormText = {
  title: "Please sign in again",
  text: "Your sign-in has expired. The sign-in opens in a new tab. This page keeps its state, and uploads continue after it.",
  action: "",
};

function wordsOf(step: Step, email: string, hasExpired: boolean): FormText {
  switch (step.kind) {
    case "password":
      return hasExpired
        ? {
            title: "Please sign in again",
            text: "Your sign-in has expired. The page keeps its state, and uploads continue after you sign in.",
            action: "Sign in",
          }
        : { title: "Sign in to Docket", text: "See the status of your contracts.", action: "Sign in" };
    case "forgot":
      return {
        title: "Reset your password",
        text: "We send a code to your e-mail address. With it you choose a new password.",
        action: "Send the code",
      };
    case "reset":
      return {
        title: "Choose a new password",
        text: `If ${email} has an account, a code is on its way there. It is valid for an hour.`,
        action: "Save and sign in",
      };
    case "challenge":
      return step.challenge.name === "SOFTWARE_TOKEN_MFA"
        ? {
            title: "Enter your code",
            text: "Your authenticator app shows a code of six digits for Docket. If you lost the app, ask your administrator.",
            action: "Sign in",
          }
        : {
            title: "Choose a password",
            text: "Your temporary password works only once.",
            action: "Save and sign in",
          };
  }
}

interface SignInFieldProps {
  value: string;
  onInput(value: string): void;
}

/** A code from an e-mail or from an authenticator app. */
export function CodeField({ value, onInput }: SignInFieldProps): JSX.Element {
  return (
    <label>
      Code
      <input
        name="code"
        inputMode="numeric"
        autocomplete="one-time-code"
        required
        pattern="\s*[0-9]{6}\s*"
        title="Six digits"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

/** The user pool's limits (`infra/service.yaml`). */
export function NewPasswordField({ value, onInput }: SignInFieldProps): JSX.Element {
  return (
    <label>
      New password
      <input
        type="password"
        name="new-password"
        autocomplete="new-password"
        required
        maxLength={256}
        aria-describedby="new-password-rule"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <small id="new-password-rule" class="muted">
        At least 12 characters. A few unrelated words are best.
      </small>
    </label>
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
