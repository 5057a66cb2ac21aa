/** Parses the result of a contract review. It tolerates unknown and missing fields: an error here would hide findings. */

export type Severity = "high" | "medium" | "low";

export interface Flag {
  severity: Severity;
  clause: string;
  /** 0 if the finding concerns the whole document. */
  page: number;
  reason: string;
}

export interface Clause {
  type: string;
  title: string;
  page: number;
  text: string;
  confidence: number | undefined;
}

export interface Review {
  kind: string;
  title: string;
  pages: number | undefined;
  language: string;
  summary: string;
  flags: Flag[];
  clauses: Clause[];
  facts: [string, string[]][];
  note: string;
}

type Fields = Record<string, unknown>;

/** The review in the model's result. Undefined if the result is something else. */
export function parseReview(json: unknown): Review | undefined {
  if (!isFields(json) || !Array.isArray(json.clauses) || !Array.isArray(json.flags)) return undefined;
  const document = fields(json.document);
  const severities: Severity[] = ["high", "medium", "low"];
  return {
    kind: text(document.kind),
    title: text(document.title),
    pages: typeof document.pages === "number" ? document.pages : undefined,
    language: text(document.language),
    summary: text(json.summary),
    flags: json.flags
      .filter(isFields)
      .map((one) => ({
        severity: severity(one.severity),
        clause: text(one.clause),
        page: count(one.page),
        reason: text(one.reason),
      }))
      .sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)),
    clauses: json.clauses.filter(isFields).map((one) => ({
      type: text(one.type),
      title: text(one.title),
      page: count(one.page),
      text: text(one.text),
      confidence: typeof one.confidence === "number" ? one.confidence : undefined,
    })),
    facts: facts(fields(json.facts)),
    note: text(fields(json.model).note),
  };
}

const FACTS: readonly [string, string][] = [
  ["parties", "Parties"],
  ["effective_date", "Effective"],
  ["term", "Term"],
  ["amounts", "Amounts"],
  ["governing_law", "Governing law"],
  ["dates", "Dates"],
];

function facts(found: Fields): [string, string[]][] {
  return FACTS.map(([key, label]): [string, string[]] => {
    const value = found[key];
    const list = Array.isArray(value) ? value : [value];
    return [label, list.map(fact).filter((one) => one !== "")];
  }).filter(([, list]) => list.length > 0);
}

function fact(value: unknown): string {
  if (!isFields(value)) return text(value);
  const name = text(value.name);
  const role = text(value.role);
  return role ? `${name} (${role})` : name;
}

function severity(value: unknown): Severity {
  // An unknown severity is shown as the highest, so that it is not overlooked.
  return value === "low" || value === "medium" ? value : "high";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
