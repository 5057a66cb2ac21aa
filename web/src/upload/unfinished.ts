/**
 * Uploads that have begun, kept over a reload. A page may not open a file by itself, so the person drops it once more;
 * by this record it goes on where it stopped. No contents are kept, only what names the upload.
 */

const KEY = "docket.uploads";
/** More unfinished uploads than anybody looks after. */
const MAX_UPLOADS = 200;

export interface UnfinishedUpload {
  actor: string;
  fingerprint: string;
  jobId: string;
  name: string;
  bytes: number;
  expiresAt: number;
}

export function unfinishedUploads(actor: string, now: number): UnfinishedUpload[] {
  return all().filter((one) => one.actor === actor && one.expiresAt > now);
}

export function saveUnfinished(one: UnfinishedUpload): void {
  save([one, ...all().filter((other) => other.jobId !== one.jobId)].slice(0, MAX_UPLOADS));
}

export function removeUnfinished(jobId: string): void {
  save(all().filter((one) => one.jobId !== jobId));
}

function all(): UnfinishedUpload[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? (found as UnfinishedUpload[]) : [];
  } catch {
    return [];
  }
}

function save(list: UnfinishedUpload[]): void {
  try {
    if (list.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Full or forbidden: then a reload begins anew.
  }
}
