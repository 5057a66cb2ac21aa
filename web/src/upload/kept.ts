/**
 * Uploads that have begun, kept over a reload. A page may not open a file by itself, so the person drops it once more;
 * by this record it goes on where it stopped. No contents are kept, only what names the upload.
 */

const KEY = "docket.uploads";
/** More unfinished uploads than anybody looks after. */
const MOST = 200;

export interface Kept {
  actor: string;
  fingerprint: string;
  jobId: string;
  name: string;
  bytes: number;
  expiresAt: number;
}

export function kept(actor: string, now: number): Kept[] {
  return all().filter((one) => one.actor === actor && one.expiresAt > now);
}

export function keep(one: Kept): void {
  save([one, ...all().filter((other) => other.jobId !== one.jobId)].slice(0, MOST));
}

export function drop(jobId: string): void {
  save(all().filter((one) => one.jobId !== jobId));
}

function all(): Kept[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? (found as Kept[]) : [];
  } catch {
    return [];
  }
}

function save(list: Kept[]): void {
  try {
    if (list.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Full or forbidden: then a reload begins anew.
  }
}
