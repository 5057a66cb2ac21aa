/** The top of the page: where one is, whose contracts, how live they are, who one is. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { exactly, time } from "../lib/format";
import * as notify from "../lib/notify";
import type { Sign } from "../live/live";
import type { Desk } from "./desk";
import { useHeard } from "./hooks";
import { Icon } from "./parts";
import { Logo } from "./SignIn";

/** A line that is back before that was hardly away. In milliseconds. */
const SAY_AFTER_MS = 3000;

export function Header({ desk, choose }: { desk: Desk; choose: (tenant: string | undefined) => void }): JSX.Element {
  useHeard(desk.router);
  const { screen } = desk.router.route;
  const current = (...screens: string[]): "page" | undefined => (screens.includes(screen) ? "page" : undefined);
  return (
    <header class="top">
      <a class="home" href="/" aria-label="Docket, contracts">
        <Logo />
        <span>Docket</span>
      </a>
      {desk.isSupport && (
        <nav aria-label="Screens" class="screens">
          <a href="/" aria-current={current("list", "job")}>
            Contracts
          </a>
          <a href="/support" aria-current={current("support")}>
            Overview
          </a>
          <a href="/support/plans" aria-current={current("plans", "plan")}>
            Retry plans
          </a>
          <a href="/support/quarantine" aria-current={current("quarantine", "quarantined")}>
            Quarantine
          </a>
          <a href="/support/audit" aria-current={current("audit")}>
            Audit
          </a>
        </nav>
      )}
      <div class="top-end">
        <LiveSign desk={desk} />
        <Tenant desk={desk} choose={choose} />
        <Bell />
        <Person desk={desk} />
      </div>
    </header>
  );
}

function words(sign: Sign): string {
  const asOf = "asOf" in sign && sign.asOf !== undefined ? `, showing state of ${time(sign.asOf)}` : "";
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

/** Says how much of what is shown can be trusted to be the newest. */
function LiveSign({ desk }: { desk: Desk }): JSX.Element {
  useHeard(desk.live);
  const { sign } = desk.live;
  const broken = sign.kind === "offline" || (sign.kind === "reconnecting" && sign.asOf !== undefined);
  const saidBroken = useRef(false);
  const text = words(sign);
  useEffect(() => {
    if (!broken) {
      if (saidBroken.current) desk.say("Live again");
      saidBroken.current = false;
      return;
    }
    const timer = setTimeout(() => {
      saidBroken.current = true;
      desk.say(text);
    }, SAY_AFTER_MS);
    return () => clearTimeout(timer);
  }, [broken]);
  const hover =
    sign.kind === "live"
      ? `Changes appear by themselves. Last heard ${exactly(sign.asOf)}`
      : "Changes will appear once the connection is back. It is tried again and again.";
  return (
    <span class={`live is-${sign.kind}`} title={hover}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function Tenant({ desk, choose }: { desk: Desk; choose: (tenant: string | undefined) => void }): JSX.Element | null {
  const { me, tenant, isSupport } = desk;
  if (isSupport) return <AnyTenant desk={desk} choose={choose} />;
  if (me.tenants.length < 2) return null;
  return (
    <select aria-label="Tenant" value={tenant} onChange={(event) => choose(event.currentTarget.value)}>
      {me.tenants.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
}

/** Support works with all tenants and knows their names; the page proposes those that it has seen. */
function AnyTenant({ desk, choose }: { desk: Desk; choose: (tenant: string | undefined) => void }): JSX.Element {
  useHeard(desk.store);
  const [text, setText] = useState(desk.tenant ?? "");
  useEffect(() => setText(desk.tenant ?? ""), [desk.tenant]);
  const known = [...new Set([...desk.store.jobs.values()].map((job) => job.tenant))].sort();
  const go = (value: string): void => {
    const name = value.trim().toLowerCase();
    if (name === (desk.tenant ?? "") || (name !== "" && !/^[a-z0-9-]{1,40}$/.test(name))) return;
    choose(name || undefined);
  };
  return (
    <form class="tenant" onSubmit={(event) => (event.preventDefault(), go(text))}>
      <input
        list="tenants"
        aria-label="Tenant; empty for all"
        placeholder="All tenants"
        value={text}
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

function Bell(): JSX.Element | null {
  const [state, setState] = useState(notify.permission);
  if (state === "unsupported") return null;
  const on = state === "on";
  const label =
    state === "denied"
      ? "This browser does not let Docket notify you; its settings can change that"
      : on
        ? "Notifications are on. Switch them off"
        : "Notify me when a contract is ready";
  return (
    <button
      type="button"
      class={on ? "icon-button on" : "icon-button"}
      aria-pressed={on}
      aria-label={label}
      title={label}
      disabled={state === "denied"}
      onClick={() => void notify.turn(!on).then(setState)}
    >
      <Icon name="bell" />
    </button>
  );
}

function Person({ desk }: { desk: Desk }): JSX.Element {
  const { me, session } = desk;
  return (
    <details class="person">
      <summary aria-label={`Signed in as ${me.actor}`}>{me.actor.slice(0, 1).toUpperCase()}</summary>
      <div class="menu">
        <p>
          <bdi>{me.actor}</bdi>
          <span class="muted small">{[...me.roles, ...me.tenants].join(", ")}</span>
        </p>
        <button type="button" class="quiet" onClick={() => session.signOut()}>
          Sign out
        </button>
      </div>
    </details>
  );
}
