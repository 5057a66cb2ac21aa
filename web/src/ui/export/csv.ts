/** Findings of many contracts as a table (RFC 4180), for spreadsheets. */

import type { JobView } from "../../api/types";
import { foundWords, reviewedBy } from "../../live/marks";
import { statusLabel } from "../labels";
import type { Finding } from "../result/finding";
import { findingPage } from "../result/finding-text";
import { inline, label } from "../result/words";

const COLUMNS = [
  "Contract",
  "Reference",
  "Tenant",
  "Uploaded",
  "Uploaded by",
  "Status",
  "Found",
  "Assigned to",
  "Reviewed by",
  "Note",
  "Level",
  "Finding",
  "Text",
  "Quote",
  "Page",
  "Confidence",
  "Also",
  "Link",
];

export interface Contract {
  job: JobView;
  /** Undefined if there is no result. A text says why those of a result are not known: an empty cell would read as none. */
  findings: readonly Finding[] | string | undefined;
}

/** A line for each finding, and one for each contract without any. */
export function csv(contracts: readonly Contract[], origin: string): string {
  const lines: (string | number)[][] = [COLUMNS];
  for (const { job, findings } of contracts) {
    const known = typeof findings === "string" ? undefined : findings;
    const about = [
      job.name,
      job.reference ?? "",
      job.tenant,
      new Date(job.created_at).toISOString(),
      job.uploaded_by ?? "",
      statusLabel(job),
      typeof findings === "string" ? findings : foundWords(job),
      job.marks?.assigned_to ?? "",
      reviewedBy(job)?.by ?? "",
      job.marks?.note ?? "",
    ];
    const link = `${origin}/jobs/${job.id}`;
    if (!known?.length) lines.push([...about, "", "", "", "", "", "", "", link]);
    for (const one of known ?? []) {
      const also = one.rest.map(([name, value]) => `${label(name)}: ${inline(value)}`).join("\n");
      lines.push([
        ...about,
        one.level,
        one.title,
        one.text,
        one.quote,
        one.page === 0 ? findingPage(one) : (one.page ?? ""),
        one.confidence ?? "",
        also,
        link,
      ]);
    }
  }
  // With a byte order mark, without which Excel takes the text for Latin 1.
  return `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** A cell that begins like a formula would be run by spreadsheets (OWASP, "CSV Injection"). */
function cell(value: string | number): string {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
