/** Telling a person who looks elsewhere: the tab's title, and the system's notifications if they want them. */

import type { Change } from "../live/merge";

const KEY = "docket.notify";

export type Permission = "unsupported" | "denied" | "off" | "on";

export function permission(): Permission {
  if (typeof Notification === "undefined") return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
}

/** Only ever after a click: a page that asks by itself is refused for good by most people. */
export async function turn(on: boolean): Promise<Permission> {
  if (typeof Notification === "undefined") return "unsupported";
  if (on && Notification.permission === "default") await Notification.requestPermission();
  localStorage.setItem(KEY, on && Notification.permission === "granted" ? "on" : "off");
  return permission();
}

/** What happened, in a sentence. */
export function sentence(results: readonly Change[]): string {
  const [first] = results;
  if (first === undefined) return "";
  if (results.length === 1) return `${first.after.name} ${first.after.status === "Ready" ? "is ready" : "failed"}`;
  const ready = results.filter((one) => one.after.status === "Ready").length;
  const failed = results.length - ready;
  const parts = [ready > 0 ? `${ready} ready` : "", failed > 0 ? `${failed} failed` : ""].filter(Boolean);
  return `${results.length} contracts: ${parts.join(", ")}`;
}

export function show(results: readonly Change[], open: (id: string) => void): void {
  if (permission() !== "on" || !document.hidden) return;
  const [first] = results;
  if (first === undefined) return;
  try {
    // The same tag from two tabs is one notification.
    const note = new Notification(sentence(results), {
      tag: `docket-${first.after.id}-${first.after.version}`,
      icon: "/icon.svg",
    });
    note.onclick = () => {
      window.focus();
      if (results.length === 1) open(first.after.id);
      note.close();
    };
  } catch {
    // Some browsers only let service workers notify. The title tells all the same.
  }
}
