/** Telling a person who looks elsewhere: the tab's title, and the system's notifications if they want them. */

import type { JobChange } from "../live/merge";

const KEY = "docket.notify";

export type NotificationState = "unsupported" | "denied" | "off" | "on";

export function notificationState(): NotificationState {
  if (typeof Notification === "undefined") return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
}

/** Only ever after a click: a page that asks by itself is refused for good by most people. */
export async function setNotifications(on: boolean): Promise<NotificationState> {
  if (typeof Notification === "undefined") return "unsupported";
  if (on && Notification.permission === "default") await Notification.requestPermission();
  localStorage.setItem(KEY, on && Notification.permission === "granted" ? "on" : "off");
  return notificationState();
}

/** What happened, in a sentence. */
export function summarize(results: readonly JobChange[]): string {
  const [first] = results;
  if (first === undefined) return "";
  if (results.length === 1) return `${first.after.name} ${first.after.status === "Ready" ? "is ready" : "failed"}`;
  const ready = results.filter((one) => one.after.status === "Ready").length;
  const failed = results.length - ready;
  const parts = [ready > 0 ? `${ready} ready` : "", failed > 0 ? `${failed} failed` : ""].filter(Boolean);
  return `${results.length} contracts: ${parts.join(", ")}`;
}

export function notify(results: readonly JobChange[], open: (id: string) => void): void {
  if (notificationState() !== "on" || !document.hidden) return;
  const [first] = results;
  if (first === undefined) return;
  try {
    // The same tag from two tabs is one notification.
    const note = new Notification(summarize(results), {
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
