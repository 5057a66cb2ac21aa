/** Routes: plain paths, so that people can bookmark and share them. */

import { isStatusGroup } from "../api/status";
import type { FoundFilter, StatusGroup } from "../api/types";
import { isSort, type Sort } from "../live/marks";
import { Emitter } from "./emitter";

/** What a list shows, and in which order. */
export interface ListRoute {
  status?: StatusGroup | undefined;
  q?: string | undefined;
  pipeline?: string | undefined;
  cause?: string | undefined;
  batch?: string | undefined;
  found?: FoundFilter | undefined;
  reviewed?: boolean | undefined;
  uploader?: string | undefined;
  /** A person, or `unassigned`. */
  assigned?: string | undefined;
  /** Uploaded in so many days before now. */
  days?: number | undefined;
  sort?: Sort | undefined;
}

export type PageRoute =
  | (ListRoute & { screen: "list" })
  | { screen: "job"; id: string }
  | { screen: "support" }
  | { screen: "plans" }
  | { screen: "plan"; id: string }
  | { screen: "quarantine" }
  | { screen: "quarantined"; id: string }
  | { screen: "audit" }
  | { screen: "tenants" }
  | { screen: "webhooks"; tenant?: string | undefined }
  | { screen: "unknown" };

export function parseRoute(path: string, search: string): PageRoute {
  const query = new URLSearchParams(search);
  const parts = path.split("/").filter(Boolean).map(decode);
  const [first, second, third, ...rest] = parts;
  if (first === undefined) {
    const status = query.get("status");
    return {
      screen: "list",
      status: isStatusGroup(status) ? status : undefined,
      q: query.get("q") ?? undefined,
      pipeline: query.get("pipeline") ?? undefined,
      cause: query.get("cause") ?? undefined,
      batch: query.get("batch") ?? undefined,
      ...triage(query),
    };
  }
  if (first === "jobs" && second !== undefined && third === undefined) return { screen: "job", id: second };
  if (first === "webhooks" && second === undefined)
    return { screen: "webhooks", tenant: query.get("tenant") ?? undefined };
  if (first !== "support" || rest.length > 0) return { screen: "unknown" };
  if (second === undefined) return { screen: "support" };
  if (second === "plans") return third === undefined ? { screen: "plans" } : { screen: "plan", id: third };
  if (second === "quarantine")
    return third === undefined ? { screen: "quarantine" } : { screen: "quarantined", id: third };
  if (second === "tenants" && third === undefined) return { screen: "tenants" };
  if (second === "audit" && third === undefined) return { screen: "audit" };
  return { screen: "unknown" };
}

/** What narrows and sorts the list. Values that this release does not know are left out. */
function triage(query: URLSearchParams): ListRoute {
  const found = query.get("found");
  const reviewed = query.get("reviewed");
  const days = Number(query.get("days"));
  const sort = query.get("sort");
  return {
    found: found === "serious" || found === "any" || found === "none" ? found : undefined,
    reviewed: reviewed === "yes" ? true : reviewed === "no" ? false : undefined,
    uploader: query.get("uploader") ?? undefined,
    assigned: query.get("assigned") ?? undefined,
    days: Number.isInteger(days) && days > 0 ? days : undefined,
    sort: isSort(sort) ? sort : undefined,
  };
}

/** The path of a list. Takes a route too. */
export function listPath(filter: ListRoute & { screen?: string }): string {
  const { screen: _, reviewed, ...rest } = filter;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== "");
  const pairs = given.map(([name, value]): [string, string] => [name, String(value)]);
  if (reviewed !== undefined) pairs.push(["reviewed", reviewed ? "yes" : "no"]);
  const search = new URLSearchParams(pairs).toString();
  return search ? `/?${search}` : "/";
}

export function jobPath(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}

/** The path of a tenant's webhooks. */
export function webhooksPath(tenant: string): string {
  return `/webhooks?${new URLSearchParams({ tenant })}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The current route, kept in sync with the address bar. */
export class Router extends Emitter {
  route: PageRoute = parseRoute(location.pathname, location.search);
  /** The address of the list as it was last shown. */
  lastList = "/";

  constructor() {
    super();
    history.scrollRestoration = "manual";
    addEventListener("popstate", (event: PopStateEvent) => {
      this.read();
      const y = (event.state as { y?: number } | null)?.y ?? 0;
      requestAnimationFrame(() => scrollTo(0, y));
    });
    // Only a plain click on a link navigates within the page; the browser handles all others.
    document.addEventListener("click", (event) => {
      if (
        event.defaultPrevented ||
        event.button !== 0 ||
        event.metaKey ||
        event.ctrlKey ||
        event.shiftKey ||
        event.altKey
      )
        return;
      const link = (event.target as Element | null)?.closest?.("a");
      if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    });
    this.read();
  }

  go(path: string, replace = false): void {
    if (replace) history.replaceState(history.state, "", path);
    else {
      history.replaceState({ y: scrollY }, "");
      history.pushState(null, "", path);
    }
    this.read();
    if (!replace) scrollTo(0, 0);
  }

  private read(): void {
    this.route = parseRoute(location.pathname, location.search);
    if (this.route.screen === "list") this.lastList = location.pathname + location.search;
    this.emit();
  }
}
