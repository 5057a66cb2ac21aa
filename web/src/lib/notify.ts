/** System notifications about results, if the user has turned them on. */

import type { JobChange } from "../live/merge";

const KEY = "docket.notify";

export type NotificationState = "unsupported" | "denied" | "off" | "on";

export function notificationState(): NotificationState {
  if (typeof Notification === "undefined") return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
}

/** Turns notifications on or off. The browser's permission prompt appears only after the user's click. */
export async function setNotifications(on: boolean): Promise<NotificationState> {
  if (typeof Notification === "undefined") return "unsupported";
  if (on && Notification.permission === "default") await Notification.requestPermission();
  localStorage.setItem(KEY, on && Notification.permission === "granted" ? "on" : "off");
  return notificationState();
}

/** The results as one sentence. */
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
    // The tag makes one notification of those from two tabs.
    const notification = new Notification(summarize(results), {
      tag: `docket-${first.after.id}-${first.after.version}`,
      icon: "/icon.svg",
    });
    notification.onclick = () => {
      window.focus();
      if (results.length === 1) open(first.after.id);
      notification.close();
    };
  } catch {
    // Some browsers let only service workers notify. The tab's title shows the count anyway.
  }
}
