/** The address `/sign-in/code`: shows the code that `docket login --paste` asks for. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./components";
import { Logo } from "./SignIn";

/** What the provider has added to the page's address. It is taken out of there, so that it is in no history. */
function takeAnswer(): URLSearchParams {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname);
  return query;
}

export default function SignInCode(): JSX.Element {
  const [query] = useState(takeAnswer);
  const [copied, setCopied] = useState("");
  document.title = "Sign-in code · Docket";
  const [code, state] = [query.get("code"), query.get("state")];
  if (!code || !state) return <NoCode query={query} />;
  const text = `${code}#${state}`;
  const copy = (): Promise<void> =>
    navigator.clipboard.writeText(text).then(
      () => setCopied("Copied."),
      () => setCopied("Copying did not work. Select the code and copy it."),
    );
  return (
    <section class="sign-in" aria-labelledby="code-title">
      <Logo />
      <h1 id="code-title">Your sign-in code</h1>
      <p class="muted">
        Paste it into the terminal in which <code>docket login</code> waits. It works once, for a few minutes.
      </p>
      <code class="key">{text}</code>
      <button type="button" class="primary" onClick={() => void copy()}>
        Copy the code
      </button>
      <p role="status">{copied}</p>
      <p class="form-error">
        <Icon name="alert" /> Do not pass it on: a person who asks you for it could sign in as you.
      </p>
    </section>
  );
}

function NoCode({ query }: { query: URLSearchParams }): JSX.Element {
  const error = query.get("error");
  return (
    <section class="sign-in" aria-labelledby="code-title">
      <Logo />
      <h1 id="code-title">There is no code</h1>
      <p>
        {error === null ? (
          "This page shows a code once, right after the sign-in."
        ) : (
          <>
            The sign-in was refused: <bdi>{query.get("error_description") || error}</bdi>
          </>
        )}
      </p>
      <p class="muted">
        Stop <code>docket login</code> with Ctrl-C, run it again, and open the address that it shows. In the browser of
        the same machine no code is needed.
      </p>
    </section>
  );
}
