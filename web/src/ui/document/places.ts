/** The places in a document that a result speaks of. */

import type { Box, Finding, Rank } from "../result/finding";
import { plainName } from "../result/json";
import type { Clause, Understood } from "../result/understand";
import { label } from "../result/words";

export interface Place {
  /** `finding-3`, `clause-0`: also the id of its element beside the document. */
  id: string;
  label: string;
  rank: Rank;
  /** From 1. Undefined if only the words say where it is. */
  page: number | undefined;
  box: Box | undefined;
  /** Words to look for, the most exact first. */
  words: string[];
}

/** Words in quotation marks, long enough to be a quote. */
const QUOTED = /[“„«"]([^“”„«»"]{12,})[”“»"]/g;

/** The places of the findings and clauses. What concerns the whole document has none. */
export function placesOf(found: Understood): Place[] {
  const findings = (found.findings ?? []).map((one, index) => ofFinding(one, index, found.clauses));
  const clauses = found.clauses.map(
    (one, index): Place => ({
      id: `clause-${index}`,
      label: label(one.type || one.title || "clause"),
      rank: "none",
      page: one.page === 0 ? undefined : one.page,
      box: undefined,
      words: one.text === "" ? [] : [one.text],
    }),
  );
  return [...findings, ...clauses].filter((one) => one.page !== undefined || one.words.length > 0);
}

function ofFinding(finding: Finding, index: number, clauses: readonly Clause[]): Place {
  const isWhole = finding.page === 0;
  const quotes = [...finding.text.matchAll(QUOTED)].map((match) => match[1] ?? "");
  const ofClause = clauses.filter(
    (one) => finding.title !== "" && plainName(one.type) === plainName(finding.title) && one.page === finding.page,
  );
  const words = [finding.quote, ...quotes, ...(isWhole ? [] : ofClause.map((one) => one.text))];
  return {
    id: `finding-${index}`,
    label: label(finding.title || finding.level || "finding"),
    rank: finding.rank,
    page: isWhole ? undefined : finding.page,
    box: isWhole ? undefined : finding.box,
    words: words.filter((one) => one !== ""),
  };
}
