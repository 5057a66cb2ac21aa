/** The root component: sign-in, tenant selection, header and the current screen. */

import type { ComponentType, JSX } from "preact";
import { Component, type ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Client } from "../api/client";
import type { CallerView, Permission } from "../api/types";
import type { Session } from "../auth/session";
import type { PageRoute, Router } from "../lib/route";
import { BrowserUploads } from "../upload/queue";
import { EmptyState, ErrorMessage, Heading, Loading } from "./components";
import { AppContext, AppContextRoot, useAppContext } from "./context";
import { Dialog } from "./Dialog";
import { DropTarget } from "./DropTarget";
import { Header } from "./Header";
import { useAsync, useEmitters } from "./hooks";
import { ListScreen } from "./ListScreen";
import { later } from "./later";
import { SignIn } from "./SignIn";
import { UploadTray } from "./UploadTray";

const TENANT_KEY = "docket.tenant";

export function App({ session, apiUrl, router }: { session: Session; apiUrl: string; router: Router }): JSX.Element {
  useEmitters(session);
  if (session.status === "out") {
    document.title = "Sign in · Docket";
    return (
      <main class="start-page">
        <SignIn session={session} />
      </main>
    );
  }
  return (
    <>
      <SignedIn key="in" session={session} apiUrl={apiUrl} router={router} />
      {session.status === "expired" && (
        <Dialog title="Please sign in again">
          <SignIn session={session} hasExpired />
        </Dialog>
      )}
    </>
  );
}

function SignedIn({ session, apiUrl, router }: { session: Session; apiUrl: string; router: Router }): JSX.Element {
  const client = useMemo(() => new Client(apiUrl, session), []);
  const [me, reload] = useAsync<CallerView>("me", () => client.me());
  if (me.value === undefined) {
    return (
      <main class="start-page">
        {me.state === "failed" ? (
          <>
            <ErrorMessage error={me.error} onRetry={reload} />
            <button type="button" class="quiet" onClick={() => session.signOut()}>
              Sign out
            </button>
          </>
        ) : (
          <Loading what="Opening Docket…" />
        )}
      </main>
    );
  }
  return <Main session={session} client={client} router={router} me={me.value} />;
}

function Main({
  session,
  client,
  router,
  me,
}: {
  session: Session;
  client: Client;
  router: Router;
  me: CallerView;
}): JSX.Element {
  useEmitters(router);
  const seesAllTenants = me.all_tenants === true;
  const [tenant, setTenant] = useState<string | undefined>(() => {
    const saved = sessionStorage.getItem(TENANT_KEY) ?? "";
    if (seesAllTenants) return saved || undefined;
    return me.tenants.includes(saved) ? saved : me.tenants[0];
  });
  const uploads = useMemo(() => new BrowserUploads(client, me.actor), []);
  const app = useMemo(() => new AppContext(session, client, router, uploads, me, tenant), [tenant]);
  useEffect(() => () => uploads.stop(), [uploads]);
  useEffect(() => {
    app.start();
    return () => app.stop();
  }, [app]);
  const selectTenant = (next: string | undefined): void => {
    if (next === undefined) sessionStorage.removeItem(TENANT_KEY);
    else sessionStorage.setItem(TENANT_KEY, next);
    setTenant(next);
    if (router.route.screen === "job") router.go("/");
  };
  // A link can name the tenant of the webhooks. The header shows it and may choose another, so the address does not keep it.
  const named = router.route.screen === "webhooks" ? router.route.tenant : undefined;
  useEffect(() => {
    if (named === undefined) return;
    if (named !== tenant && (seesAllTenants || me.tenants.includes(named))) selectTenant(named);
    router.go("/webhooks", true);
  }, [named]);
  return (
    <AppContextRoot.Provider value={app}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to content
      </a>
      <Header app={app} onSelectTenant={selectTenant} />
      <main id="main" tabIndex={-1}>
        <ErrorBoundary key={location.pathname}>
          {!seesAllTenants && me.tenants.length === 0 ? (
            <EmptyState icon="inbox" title="Your account has no contracts to show">
              Your account belongs to no tenant. Ask your administrator to add it to one, then sign in again.
            </EmptyState>
          ) : (
            <Screen app={app} />
          )}
        </ErrorBoundary>
      </main>
      <UploadTray />
      <DropTarget />
      <p class="visually-hidden" role="status" aria-live="polite">
        <Announcement app={app} />
      </p>
    </AppContextRoot.Provider>
  );
}

function Announcement({ app }: { app: AppContext }): JSX.Element {
  useEmitters(app);
  return <>{app.announcement}</>;
}

const TITLES: Record<PageRoute["screen"], string> = {
  list: "Contracts",
  job: "Contract",
  support: "Overview",
  plans: "Retry plans",
  plan: "Retry plan",
  quarantine: "Quarantine",
  quarantined: "Quarantine",
  audit: "Audit",
  tenants: "Tenants",
  webhooks: "Webhooks",
  unknown: "Not found",
};

function Screen({ app }: { app: AppContext }): JSX.Element {
  useEmitters(app.router, app, app.store);
  const { route } = app.router;
  const name = route.screen === "job" ? (app.store.jobs.get(route.id)?.name ?? TITLES.job) : TITLES[route.screen];
  const title = `${app.unseen > 0 ? `(${app.unseen}) ` : ""}${name} · Docket`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  // The first contract that is opened need not wait for its screen, and one can be opened without a connection.
  useEffect(() => {
    const timer = setTimeout(() => void loadContract().catch(() => {}), 1000);
    return () => clearTimeout(timer);
  }, []);
  switch (route.screen) {
    case "list":
      return <ListScreen route={route} />;
    case "job":
      return <JobScreen key={route.id} route={route} />;
    case "webhooks":
      return app.may("read-webhooks") ? <Webhooks route={route} /> : <NotAllowed what="read webhooks" />;
    case "unknown":
      return <NotFound />;
    default:
      return app.may(NEEDED[route.screen]) ? (
        <Support key={"id" in route ? route.id : route.screen} route={route} />
      ) : (
        <NotAllowed what={`open "${TITLES[route.screen]}"`} />
      );
  }
}

/** What the screens for staff need. */
const NEEDED: Record<Exclude<PageRoute["screen"], "list" | "job" | "webhooks" | "unknown">, Permission> = {
  support: "read-audit",
  plans: "read-plans",
  plan: "read-plans",
  quarantine: "manage-quarantine",
  quarantined: "manage-quarantine",
  audit: "read-audit",
  tenants: "read-tenants",
};

function NotAllowed({ what }: { what: string }): JSX.Element {
  const { me } = useAppContext();
  return (
    <>
      <Heading>Not for your role</Heading>
      <EmptyState icon="alert" title={`As ${me.roles.join(" and ")} you may not ${what}`}>
        Ask your administrator for a role that may. <a href="/">Go to the contracts</a>
      </EmptyState>
    </>
  );
}

function NotFound(): JSX.Element {
  return (
    <>
      <Heading>Not found</Heading>
      <EmptyState icon="search" title="This page does not exist">
        <a href="/">Go to the contracts</a>
      </EmptyState>
    </>
  );
}

/** The screens that are chunks of their own. */
interface ScreenProps {
  route: PageRoute;
}
const loadContract = (): Promise<{ default: ComponentType<ScreenProps> }> => import("./JobScreen");
const JobScreen = later(loadContract);
const Support = later<ScreenProps>(() => import("./support/Support"));
const Webhooks = later<ScreenProps>(() => import("./webhooks/Webhooks"));

/** Contains an error to the screen that threw it. */
class ErrorBoundary extends Component<{ children: ComponentChildren }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error });
  }

  override render(): ComponentChildren {
    if (this.state.error === undefined) return this.props.children;
    return (
      <ErrorMessage
        error={new Error("This screen failed to render. No data was lost.")}
        onRetry={() => location.reload()}
      />
    );
  }
}
