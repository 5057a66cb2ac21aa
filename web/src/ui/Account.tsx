/** The account's dialog: e-mail digests, own data, sign-ins, change of password, and the authenticator app as second factor. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import {
  changePassword,
  hasAuthenticator,
  newAuthenticatorKey,
  SignInError,
  SignInUnavailable,
  useAuthenticator as setAuthenticator,
  verifyAuthenticator,
} from "../auth/cognito";
import type { Session } from "../auth/session";
import type { AppContext } from "./context";
import { Dialog } from "./Dialog";
import { Digests } from "./Digests";
import { MyData } from "./MyData";
import { Sessions } from "./Sessions";
import { CodeField, NewPasswordField } from "./SignIn";

export default function Account({ app, onClose }: { app: AppContext; onClose(): void }): JSX.Element {
  const { client, session, tenant } = app;
  return (
    <Dialog title="Your account" onClose={onClose}>
      <div class="account">
        <h2>Your account</h2>
        <p class="muted">
          <bdi>{session.email}</bdi>
        </p>
        {!session.byCompany && (
          <Digests
            client={client}
            tenant={tenant}
            readsTenant={app.may("read-events")}
            needsTenant={app.seesAllTenants}
          />
        )}
        <MyData client={client} />
        <Sessions client={client} session={session} />
        {session.byCompany ? (
          <p class="muted">
            Your company signs you in: your password and a second factor are set there, not here. E-mail digests go only
            to users with a password of this service.
          </p>
        ) : (
          <>
            <Password session={session} />
            <Authenticator session={session} />
          </>
        )}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

interface CallState {
  busy: boolean;
  error: string | undefined;
  run(work: () => Promise<void>): Promise<void>;
}

/** Runs one call at a time and keeps what went wrong with it. */
function useCall(wordsOfRefusal: string): CallState {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const run = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (problem) {
      if (problem instanceof SignInUnavailable)
        setError("The sign-in service cannot be reached. Try again in a minute.");
      else if (!(problem instanceof SignInError)) setError("This did not work. Try again.");
      else setError(problem.code === "NotAuthorizedException" ? wordsOfRefusal : problem.message);
    }
    setBusy(false);
  };
  return { busy, error, run };
}

function Password({ session }: { session: Session }): JSX.Element {
  const [old, setOld] = useState("");
  const [chosen, setChosen] = useState("");
  const [isChanged, setIsChanged] = useState(false);
  const { busy, error, run } = useCall("The current password is not right.");
  const submit = (event: Event): void => {
    event.preventDefault();
    setIsChanged(false);
    void run(async () => {
      await changePassword(session.configuration, await session.accessToken(), old, chosen);
      setOld("");
      setChosen("");
      setIsChanged(true);
    });
  };
  return (
    <form onSubmit={submit} aria-labelledby="account-password">
      <h3 id="account-password">Password</h3>
      <input type="hidden" name="username" autocomplete="username" value={session.email} />
      <label>
        Current password
        <input
          type="password"
          name="password"
          autocomplete="current-password"
          required
          value={old}
          onInput={(event) => setOld(event.currentTarget.value)}
        />
      </label>
      <NewPasswordField value={chosen} onInput={setChosen} />
      <p class="form-error" role="alert">
        {error}
      </p>
      <p role="status">{isChanged && "Your password is changed."}</p>
      <button type="submit" class="primary" disabled={busy}>
        Change the password
      </button>
    </form>
  );
}

function Authenticator({ session }: { session: Session }): JSX.Element {
  const [isOn, setIsOn] = useState<boolean>();
  const [key, setKey] = useState<string>();
  const [code, setCode] = useState("");
  const { busy, error, run } = useCall("Your sign-in has expired. Sign in again.");
  const at = session.configuration;
  useEffect(() => void run(async () => setIsOn(await hasAuthenticator(at, await session.accessToken()))), []);
  const start = (): Promise<void> =>
    run(async () => setKey(await newAuthenticatorKey(at, await session.accessToken())));
  const turnOff = (): Promise<void> =>
    run(async () => {
      await setAuthenticator(at, await session.accessToken(), false);
      setIsOn(false);
    });
  const verify = (event: Event): void => {
    event.preventDefault();
    void run(async () => {
      await verifyAuthenticator(at, await session.accessToken(), code.trim());
      setKey(undefined);
      setCode("");
      setIsOn(true);
    });
  };
  return (
    <section aria-labelledby="account-app">
      <h3 id="account-app">Authenticator app</h3>
      {key === undefined ? (
        <>
          <p role="status">
            {isOn === undefined
              ? ""
              : isOn
                ? "On: sign-in asks for a code from your app."
                : "Off: your password alone is enough to sign in."}
          </p>
          {isOn !== undefined && (
            <button type="button" class="quiet" disabled={busy} onClick={() => void (isOn ? turnOff() : start())}>
              {isOn ? "Turn the code off" : "Set up an app"}
            </button>
          )}
        </>
      ) : (
        <form onSubmit={verify}>
          <p>
            Scan this code with your app (Aegis, Google Authenticator, 1Password, …), or{" "}
            <a href={appLink(session.email, key)}>open the app on this device</a>, or add an account with the key below.
            Then enter the code that the app shows.
          </p>
          <LazyQrCode text={appLink(session.email, key)} />
          <p class="key">{key.match(/.{1,4}/g)?.join(" ")}</p>
          <CodeField value={code} onInput={setCode} />
          <div class="buttons">
            <button type="button" class="quiet" onClick={() => setKey(undefined)}>
              Not now
            </button>
            <button type="submit" class="primary" disabled={busy}>
              Turn the code on
            </button>
          </div>
        </form>
      )}
      <p class="form-error" role="alert">
        {error}
      </p>
    </section>
  );
}

/** The QR code. Without it the key below does. */
function LazyQrCode({ text }: { text: string }): JSX.Element | null {
  const [chunk, setChunk] = useState<typeof import("./QrCode")>();
  useEffect(() => {
    import("./QrCode").then(
      (loaded) => setChunk(loaded),
      () => undefined,
    );
  }, []);
  if (!chunk) return null;
  const QrCode = chunk.default;
  return <QrCode text={text} label="QR code for your authenticator app" />;
}

/** The address by which authenticator apps take a key ("Key Uri Format" of Google Authenticator). */
function appLink(email: string, key: string): string {
  return `otpauth://totp/Docket:${encodeURIComponent(email)}?secret=${key}&issuer=Docket`;
}
