/** The header: navigation, live status, tenant, notifications, user menu. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatExactly, formatTime } from "../lib/format";
import * as notify from "../lib/notify";
import type { LiveStatus } from "../live/updates";
import type AccountDialog from "./Account";
import { Icon } from "./components";
import type { AppContext } from "./context";
import { useEmitters } from "./hooks";
import { Logo } from "./SignIn";

/** A screen reader announces an interruption only if it lasts this long. */
const ANNOUNCE_DELAY_MS = 3000;

export function Header({
  app,
  onSelectTenant,
}: {
  app: AppContext;
  onSelectTenant: (tenant: string | undefined) => void;
}): JSX.Element {
  useEmitters(app.router);
  const { screen } = app.router.route;
  const current = (...screens: string[]): "page" | undefined => (screens.includes(screen) ? "page" : undefined);
  const screens = useRef<HTMLElement>(null);
  // On a narrow screen the links scroll.
  useEffect(
    () => screens.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }),
    [screen],
  );
  return (
    <header class="top">
      <a class="home" href="/" aria-label="Docket: contracts">
        <Logo />
        <span>Docket</span>
      </a>
      {app.isStaff && (
        <nav ref={screens} aria-label="Screens" class="screens">
          <a href="/" aria-current={current("list", "job")}>
            Contracts
          </a>
          <a href="/support" aria-current={current("support")}>
            Overview
          </a>
          <a href="/support/plans" aria-current={current("plans", "plan")}>
            Retry plans
          </a>
          {app.may("manage-quarantine") && (
            <a href="/support/quarantine" aria-current={current("quarantine", "quarantined")}>
              Quarantine
            </a>
          )}
          <a href="/support/tenants" aria-current={current("tenants")}>
            Tenants
          </a>
          <a href="/support/audit" aria-current={current("audit")}>
            Audit
          </a>
        </nav>
      )}
      <div class="top-end">
        <LiveIndicator app={app} />
        <TenantSelect app={app} onSelectTenant={onSelectTenant} />
        <NotificationToggle />
        <UserMenu app={app} />
      </div>
    </header>
  );
}

function statusText(sign: LiveStatus): string {
  const asOf = "asOf" in sign && sign.asOf !== undefined ? `, last update ${formatTime(sign.asOf)}` : "";
  switch (sign.kind) {
    case "connecting":
      return "Connecting…";
    case "live":
      return "Live";
    case "reconnecting":
      return asOf ? `Reconnecting${asOf}` : "Connecting…";
    case "offline":
      return `Offline${asOf}`;
  }
}

/** Shows whether the data is live, and if not, how old it is. */
function LiveIndicator({ app }: { app: AppContext }): JSX.Element {
  useEmitters(app.live);
  const { status: sign } = app.live;
  const broken = sign.kind === "offline" || (sign.kind === "reconnecting" && sign.asOf !== undefined);
  const announcedBroken = useRef(false);
  const text = statusText(sign);
  useEffect(() => {
    if (!broken) {
      if (announcedBroken.current) app.announce("Live again");
      announcedBroken.current = false;
      return;
    }
    const timer = setTimeout(() => {
      announcedBroken.current = true;
      app.announce(text);
    }, ANNOUNCE_DELAY_MS);
    return () => clearTimeout(timer);
  }, [broken]);
  const hover =
    sign.kind === "live"
      ? `Changes appear automatically. Last update ${formatExactly(sign.asOf)}`
      : "Docket is reconnecting. Changes appear when the connection is back.";
  return (
    <span class={`live is-${sign.kind}`} title={hover}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function TenantSelect({
  app,
  onSelectTenant,
}: {
  app: AppContext;
  onSelectTenant: (tenant: string | undefined) => void;
}): JSX.Element | null {
  const { me, tenant, seesAllTenants } = app;
  if (seesAllTenants) return <AnyTenantInput app={app} onSelectTenant={onSelectTenant} />;
  if (me.tenants.length < 2) return null;
  return (
    <select aria-label="Tenant" value={tenant} onChange={(event) => onSelectTenant(event.currentTarget.value)}>
      {me.tenants.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
}

/** For those who see all tenants. The input suggests the known ones. */
function AnyTenantInput({
  app,
  onSelectTenant,
}: {
  app: AppContext;
  onSelectTenant: (tenant: string | undefined) => void;
}): JSX.Element {
  useEmitters(app.store);
  const [text, setText] = useState(app.tenant ?? "");
  useEffect(() => setText(app.tenant ?? ""), [app.tenant]);
  const [listed, setListed] = useState<readonly string[]>([]);
  const load = (): void => {
    // Without them it suggests the tenants of the jobs that the page has loaded.
    void app.client.tenants().then(
      ({ tenants }) => setListed(tenants.map((one) => one.name)),
      () => undefined,
    );
  };
  const known = [...new Set([...listed, ...[...app.store.jobs.values()].map((job) => job.tenant)])].sort();
  const go = (value: string): void => {
    const name = value.trim().toLowerCase();
    if (name === (app.tenant ?? "") || (name !== "" && !/^[a-z0-9-]{1,40}$/.test(name))) return;
    onSelectTenant(name || undefined);
  };
  return (
    <form
      class="tenant"
      onSubmit={(event) => {
        event.preventDefault();
        go(text);
      }}
    >
      <input
        list="tenants"
        aria-label="Tenant; empty for all"
        placeholder="All tenants"
        value={text}
        onFocus={load}
        onInput={(event) => {
          setText(event.currentTarget.value);
          if (known.includes(event.currentTarget.value) || event.currentTarget.value === "")
            go(event.currentTarget.value);
        }}
        onBlur={() => go(text)}
      />
      <datalist id="tenants">
        {known.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </form>
  );
}

function NotificationToggle(): JSX.Element | null {
  const [state, setState] = useState(notify.notificationState);
  if (state === "unsupported") return null;
  const on = state === "on";
  const label =
    state === "denied"
      ? "Notifications are blocked in the browser's settings"
      : on
        ? "Turn notifications off"
        : "Notify me when a contract is ready";
  return (
    <button
      type="button"
      class={on ? "icon-button on" : "icon-button"}
      aria-pressed={on}
      aria-label={label}
      title={label}
      disabled={state === "denied"}
      onClick={() => void notify.setNotifications(!on).then(setState)}
    >
      <Icon name="bell" />
    </button>
  );
}

function UserMenu({ app }: { app: AppContext }): JSX.Element {
  const { me, session } = app;
  const [Account, setAccount] = useState<typeof AccountDialog>();
  // The dialog is a chunk of its own: few people open it.
  const openAccount = async (): Promise<void> => {
    const { default: dialog } = await import("./Account");
    setAccount(() => dialog);
  };
  return (
    <>
      <details class="person">
        <summary aria-label={`Signed in as ${me.actor}`}>{me.actor.slice(0, 1).toUpperCase()}</summary>
        <div class="menu">
          <p>
            <bdi>{me.actor}</bdi>
            <span class="muted small">{[...me.roles, ...me.tenants].join(", ")}</span>
          </p>
          {app.may("read-webhooks") && (
            <a href="/webhooks" onClick={(event) => event.currentTarget.closest("details")?.removeAttribute("open")}>
              Webhooks
            </a>
          )}
          <button type="button" class="quiet" onClick={() => void openAccount()}>
            Account and e-mail
          </button>
          <button type="button" class="quiet" onClick={() => session.signOut()}>
            Sign out
          </button>
        </div>
      </details>
      {Account && <Account app={app} onClose={() => setAccount(undefined)} />}
    </>
  );
}
