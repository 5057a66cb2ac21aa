/** The address `/sign-in`: where a company's provider sends the reader back to, and where its links begin a sign-in. */

import { begin, complete } from "./company";
import type { Session } from "./session";

/**
 * Ends the sign-in whose code is in the address, or begins one with `?provider=NAME`, as a link in a company's portal or
 * another tab does. Afterwards the address is the one where the reader was, and the code is in no history.
 */
export async function arrive(session: Session): Promise<void> {
  const { company_sign_in: company } = session.configuration;
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", "/");
  if (!company) return;
  const provider = company.providers.find(({ name }) => name === query.get("provider"));
  if (provider) {
    if (session.status === "in") return;
    await begin(company, provider.name, "/");
    // The browser is leaving the page.
    return new Promise(() => {});
  }
  if (!query.has("state")) return;
  const { returnTo, answer, problem } = await complete(company, query);
  history.replaceState(null, "", returnTo);
  session.arrived(answer, problem);
}
