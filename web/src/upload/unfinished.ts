/**
 * Remembers unfinished uploads across reloads, in localStorage. A page cannot reopen a file by itself, so the person
 * drops it again, and the upload resumes. Only the upload's name and id are stored, never the file's content.
 */

const KEY = "docket.uploads";
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
    // The storage is full or blocked: after a reload, uploads start from the beginning.
  }
}
