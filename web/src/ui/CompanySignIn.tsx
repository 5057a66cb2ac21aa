/** A button per identity provider of the company. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../auth/session";
import { FormError } from "./components";

/** `hasExpired`: the page is in use, so the sign-in opens in a tab of its own, and this one learns of it. */
export function CompanySignIn({ session, hasExpired }: { session: Session; hasExpired: boolean }): JSX.Element {
  const [leaving, setLeaving] = useState("");
  const [problem, setProblem] = useState(session.problem);
  // A reader who comes back with the browser's button may find the page as it was left.
  useEffect(() => {
    const stay = (): void => setLeaving("");
    addEventListener("pageshow", stay);
    return () => removeEventListener("pageshow", stay);
  }, []);
  const signIn = async (name: string): Promise<void> => {
    if (hasExpired) {
      open(`/sign-in?provider=${encodeURIComponent(name)}`, "_blank", "noopener");
      return;
    }
    setLeaving(name);
    try {
      await session.signInByCompany(name);
    } catch {
      setLeaving("");
      setProblem("The sign-in service cannot be reached. Check your connection, then try again.");
    }
  };
  return (
    <div class="providers">
      <FormError text={problem} />
      {session.configuration.company_sign_in?.providers.map(({ name, label }) => (
        <button key={name} type="button" class="primary" disabled={leaving !== ""} onClick={() => void signIn(name)}>
          {leaving === name ? (
            "One moment…"
          ) : (
            <>
              Sign in with <bdi>{label}</bdi>
            </>
          )}
        </button>
      ))}
    </div>
  );
}
