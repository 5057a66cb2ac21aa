/** The frame around the screens: signed in or not, whose contracts, how live they are. */

import type { ComponentType, JSX } from "preact";
import { Component, type ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Client } from "../api/client";
import type { Me } from "../api/types";
import type { Session } from "../auth/session";
import type { Route, Router } from "../lib/route";
import { UploadQueue } from "../upload/queue";
import { Desk, DeskContext } from "./desk";
import { Dialog } from "./Dialog";
import { useHeard, useLoaded } from "./hooks";
import { JobScreen } from "./JobScreen";
import { ListScreen } from "./ListScreen";
import { Empty, Heading, Trouble, Waiting } from "./parts";
import { Header } from "./Header";
import { SignIn } from "./SignIn";
import { Tray } from "./Tray";

const TENANT = "docket.tenant";

export function App({ session, apiUrl, router }: { session: Session; apiUrl: string; router: Router }): JSX.Element {
  useHeard(session);
  if (session.standing === "out") {
    document.title = "Sign in · Docket";
    return (
      <main class="door">
        <SignIn session={session} />
      </main>
    );
  }
  return (
    <>
      <SignedIn key="in" session={session} apiUrl={apiUrl} router={router} />
      {session.standing === "expired" && (
        <Dialog title="Please sign in again">
          <SignIn session={session} again />
        </Dialog>
      )}
    </>
  );
}

function SignedIn({ session, apiUrl, router }: { session: Session; apiUrl: string; router: Router }): JSX.Element {
  const client = useMemo(() => new Client(apiUrl, session), []);
  const [me, again] = useLoaded<Me>("me", () => client.me());
  if (me.value === undefined) {
    return (
      <main class="door">
        {me.state === "failed" ? (
          <>
            <Trouble error={me.error} again={again} />
            <button type="button" class="quiet" onClick={() => session.signOut()}>
              Sign out
            </button>
          </>
        ) : (
          <Waiting what="Opening Docket…" />
        )}
      </main>
    );
  }
  return <Work session={session} client={client} router={router} me={me.value} />;
}

function Work({
  session,
  client,
  router,
  me,
}: {
  session: Session;
  client: Client;
  router: Router;
  me: Me;
}): JSX.Element {
  useHeard(router);
  const isSupport = me.roles.includes("support");
  const [tenant, setTenant] = useState<string | undefined>(() => {
    const kept = sessionStorage.getItem(TENANT) ?? "";
    if (isSupport) return kept || undefined;
    return me.tenants.includes(kept) ? kept : me.tenants[0];
  });
  const queue = useMemo(() => new UploadQueue(client, me.actor), []);
  const desk = useMemo(() => new Desk(session, client, router, queue, me, tenant), [tenant]);
  useEffect(() => () => queue.stop(), [queue]);
  useEffect(() => {
    desk.start();
    return () => desk.stop();
  }, [desk]);
  const choose = (next: string | undefined): void => {
    if (next === undefined) sessionStorage.removeItem(TENANT);
    else sessionStorage.setItem(TENANT, next);
    setTenant(next);
    if (router.route.screen === "job") router.go("/");
  };
  return (
    <DeskContext.Provider value={desk}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}
      >
        Skip to the contents
      </a>
      <Header desk={desk} choose={choose} />
      <main id="main" tabIndex={-1}>
        <Guard key={location.pathname}>
          {!isSupport && me.tenants.length === 0 ? (
            <Empty icon="inbox" title="Your account has no contracts to show">
              It belongs to no tenant yet. Whoever runs Docket for you can add it to one; then sign in again.
            </Empty>
          ) : (
            <Screen desk={desk} />
          )}
        </Guard>
      </main>
      <Tray />
      <p class="unseen" role="status" aria-live="polite">
        <Said desk={desk} />
      </p>
    </DeskContext.Provider>
  );
}

function Said({ desk }: { desk: Desk }): JSX.Element {
  useHeard(desk);
  return <>{desk.said}</>;
}

const TITLES: Record<Route["screen"], string> = {
  list: "Contracts",
  job: "Contract",
  support: "Overview",
  plans: "Retry plans",
  plan: "Retry plan",
  quarantine: "Quarantine",
  quarantined: "Quarantine",
  audit: "Audit",
  unknown: "Not found",
};

function Screen({ desk }: { desk: Desk }): JSX.Element {
  useHeard(desk.router, desk, desk.store);
  const { route } = desk.router;
  const name = route.screen === "job" ? (desk.store.jobs.get(route.id)?.name ?? TITLES.job) : TITLES[route.screen];
  const title = `${desk.unseen > 0 ? `(${desk.unseen}) ` : ""}${name} · Docket`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  switch (route.screen) {
    case "list":
      return <ListScreen route={route} />;
    case "job":
      return <JobScreen key={route.id} id={route.id} />;
    case "unknown":
      return <NotHere />;
    default:
      return desk.isSupport ? <Later route={route} /> : <NotHere />;
  }
}

function NotHere(): JSX.Element {
  return (
    <>
      <Heading>Not found</Heading>
      <Empty icon="search" title="There is nothing at this address">
        <a href="/">Go to the contracts</a>
      </Empty>
    </>
  );
}

/** The screens of support, fetched when they are first wanted. */
function Later({ route }: { route: Route }): JSX.Element {
  const [support, again] = useLoaded<{ default: ComponentType<{ route: Route }> }>(
    "support",
    () => import("./support/Support"),
  );
  if (support.state === "failed")
    return (
      <Trouble error={new Error("This screen could not be fetched. Try again, or reload the page.")} again={again} />
    );
  if (support.value === undefined) return <Waiting what="One moment…" />;
  const Support = support.value.default;
  return <Support key={"id" in route ? route.id : route.screen} route={route} />;
}

/** A screen that breaks leaves the rest standing. */
class Guard extends Component<{ children: ComponentChildren }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error });
  }

  override render(): ComponentChildren {
    if (this.state.error === undefined) return this.props.children;
    return <Trouble error={new Error("This screen broke. What it showed is safe.")} again={() => location.reload()} />;
  }
}
