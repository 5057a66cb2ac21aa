/** Formats numbers and times in the reader's locale and time zone. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "340 KB", "25 MB", "1.0 GB": in powers of 1024, as the pipelines' limits are. */
export function formatBytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = count;
  let unit = "B";
  for (const next of units) {
    if (value < 1023.5) break;
    value /= 1024;
    unit = next;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** "8 s", "4 min", "2 h 5 min", "3 days": two units at most. */
export function formatDuration(ms: number): string {
  const left = Math.max(0, ms);
  if (left < MINUTE) return `${Math.floor(left / 1000)} s`;
  if (left < 10 * MINUTE) {
    const seconds = Math.floor((left % MINUTE) / 1000);
    return `${Math.floor(left / MINUTE)} min${seconds ? ` ${seconds} s` : ""}`;
  }
  if (left < HOUR) return `${Math.floor(left / MINUTE)} min`;
  if (left < DAY) {
    const minutes = Math.floor((left % HOUR) / MINUTE);
    return `${Math.floor(left / HOUR)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  const days = Math.floor(left / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

/** An SLO or a typical run time, rounded: "8 hours", "45 seconds". */
export function roughDuration(seconds: number): string {
  if (seconds < 90) return `${seconds} seconds`;
  if (seconds < 5400 && seconds % 3600 !== 0) return plural(Math.round(seconds / 60), "minute");
  if (seconds < 36 * 3600) return plural(Math.round(seconds / 3600), "hour");
  return plural(Math.round(seconds / 86_400), "day");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

const numbers = new Intl.NumberFormat();

export function formatNumber(count: number): string {
  return numbers.format(count);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function formatTime(at: number): string {
  return clock.format(at);
}

/** "10:31" today, "yesterday 10:31", "Tue, 3 Nov 10:31" this year, else the date. */
export function formatMoment(at: number, now: number): string {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  if (at >= midnight.getTime() && at < midnight.getTime() + DAY) return clock.format(at);
  if (at >= midnight.getTime() - DAY && at < midnight.getTime()) return `yesterday ${clock.format(at)}`;
  if (new Date(at).getFullYear() === midnight.getFullYear()) return `${day.format(at)}, ${clock.format(at)}`;
  return year.format(at);
}

/** The date, always with its year. */
export function formatDay(at: number): string {
  return year.format(at);
}

/** Full date and time, for a tooltip: in the reader's time zone, and in UTC as the command line prints it. */
export function formatExactly(at: number): string {
  return `${exact.format(at)} (${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z)`;
}

/** "ModelError" → "model error"; "liability_cap" → "liability cap". */
export function humanize(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .toLowerCase();
}

/** "liability_cap" → "Liability cap". */
export function titleCase(name: string): string {
  const plain = humanize(name);
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
