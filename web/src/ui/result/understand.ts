/**
 * What the page understands of a model's JSON: title, summary, findings, clauses, facts. Nothing is dropped: what is not
 * understood is in `rest`. The names are those of docs/models.md, which the CLI's `docket result check` reads too; both are
 * tested with tests/results/cases.json.
 */

import type { ResultPaths } from "../../api/types";
import { type Finding, findingsIn, pageNumber, rankOf, share } from "./finding";
import { type Fields, isFields, type Json, plainName, pointerNames, Remainder, scalarText } from "./json";

/** The version of the schema in docs/models.md. */
export const SCHEMA = "docket-result/1";

export interface Clause {
  type: string;
  title: string;
  text: string;
  /** From 1; 0 if it concerns the whole document. */
  page: number | undefined;
  confidence: number | undefined;
  rest: [string, Json][];
}

export interface Understood {
  /** Which schema the result names, if it is not {@link SCHEMA}. */
  otherSchema: string | undefined;
  title: string;
  summary: string;
  /**
   * Undefined if the result has no list of findings that is understood, or only empty ones although it says otherwise, which
   * is not the same as no findings.
   */
  findings: Finding[] | undefined;
  clauses: Clause[];
  facts: [string, Json][];
  model: [string, Json][];
  disclaimer: string;
  /** Everything else. */
  rest: Json | undefined;
}

/** Names of an object that wraps the whole result. */
const WRAPPERS = ["result", "results", "review", "output", "data", "prediction", "predictions", "response", "analysis"];
const FINDINGS = ["flags", "findings", "issues", "risks", "warnings", "problems", "alerts", "violations", "redflags"];
const SUMMARY = ["summary", "abstract", "overview"];

export function understand(json: Json, paths: ResultPaths = {}): Understood {
  const left = new Remainder(json);
  const root = rootOf(json);
  const path = (pointer: string | undefined): string[] | undefined =>
    pointer === undefined ? undefined : pointerNames(pointer);
  const schema = left.takeNamed(root, ["schema"], (value) =>
    typeof value === "string" && value.startsWith("docket-result/") ? value : undefined,
  );
  const before = left.rest;
  let findings = takeFindings(left, root, path(paths.findings), paths);
  if (findings?.length === 0 && saysOtherwise(left.rest)) {
    findings = undefined;
    left.rest = before;
  }
  const title =
    left.take(path(paths.title), scalarText) ??
    left.takeNamed(root, ["title"], scalarText) ??
    left.takeNamed([...root, fieldName(left, root, "document")], ["title"], scalarText);
  const summary = left.take(path(paths.summary), paragraphs) ?? left.takeNamed(root, SUMMARY, paragraphs);
  const clauses = left.takeNamed(root, ["clauses"], clausesIn);
  const facts = [
    ...(left.takeNamed(root, ["facts"], entries) ?? []),
    ...(left.takeNamed(root, ["document"], entries) ?? []),
  ];
  const disclaimer = left.takeNamed([...root, fieldName(left, root, "model")], ["disclaimer"], scalarText);
  const model = left.takeNamed(root, ["model"], entries);
  return {
    otherSchema: schema === SCHEMA ? undefined : schema,
    title: title ?? "",
    summary: summary ?? "",
    findings,
    clauses: clauses ?? [],
    facts,
    model: model ?? [],
    disclaimer: disclaimer ?? "",
    rest: left.rest,
  };
}

/** Whether anything but `rest` was found. */
export function isUnderstood(found: Understood): boolean {
  return found.findings !== undefined || found.clauses.length > 0 || found.summary !== "";
}

/** The path of the object that holds the parts: the whole result, or its only wrapper. */
function rootOf(json: Json): string[] {
  if (Array.isArray(json))
    return json.length === 1 && isFields(json[0] ?? null) ? ["0", ...rootOf(json[0] ?? null)] : [];
  if (!isFields(json)) return [];
  const known = [...FINDINGS, ...SUMMARY, "clauses"];
  if (Object.keys(json).some((key) => known.includes(plainName(key)))) return [];
  const wrapper = Object.keys(json).filter((key) => {
    const inner = json[key] ?? null;
    return WRAPPERS.includes(plainName(key)) && (isFields(inner) || (Array.isArray(inner) && inner.length === 1));
  });
  const [only] = wrapper;
  return only !== undefined && wrapper.length === 1 ? [only, ...rootOf(json[only] ?? null)] : [];
}

/** All lists of findings that the result has, in one. */
function takeFindings(
  left: Remainder,
  root: string[],
  path: string[] | undefined,
  paths: ResultPaths,
): Finding[] | undefined {
  const read = (value: Json): Finding[] | undefined => findingsIn(value, paths);
  const lists: Finding[][] = [];
  const configured = left.take(path, read);
  if (configured) lists.push(configured);
  for (const name of FINDINGS) {
    const named = left.takeNamed(root, [name], read);
    if (named) lists.push(named);
  }
  if (lists.length === 0 && Array.isArray(left.rest) && left.rest.every((one) => hasLevel(one))) {
    const all = left.take([], read);
    if (all && all.length > 0) lists.push(all);
  }
  return lists.length === 0 ? undefined : lists.flat();
}

/** Fields that say that the model failed. */
const ERRORS = ["error", "errors", "errormessage"];
const FAILURES = ["error", "failed", "failure"];
/** Fields that say how serious something is. */
const LEVELS = ["severity", "risklevel", "level", "schwere", "schweregrad"];

/**
 * Whether a result with an empty list of findings also says, in what is not understood, that there are some, that something is
 * serious, or that the model failed. Then the empty list does not mean that there are none.
 */
function saysOtherwise(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some(saysOtherwise);
  if (!isFields(value)) return false;
  return Object.entries(value).some(([key, inner]) => {
    const name = plainName(key);
    if (FINDINGS.includes(name) || ERRORS.includes(name)) return saysSomething(inner);
    if (name === "status" && typeof inner === "string" && FAILURES.includes(plainName(inner))) return true;
    if (LEVELS.includes(name) && typeof inner === "string") return ["high", "medium"].includes(rankOf(inner));
    return saysOtherwise(inner);
  });
}

function saysSomething(value: Json): boolean {
  if (typeof value === "string") return value.trim() !== "";
  if (Array.isArray(value)) return value.length > 0;
  if (isFields(value)) return Object.values(value).some(saysSomething);
  return value !== null && value !== 0 && value !== false;
}

function hasLevel(value: Json): boolean {
  const keys = isFields(value) ? Object.keys(value).map(plainName) : [];
  return keys.includes("severity") || keys.includes("risklevel") || keys.includes("level");
}

/** The key under which an object has a field of this name. */
function fieldName(left: Remainder, at: string[], name: string): string {
  const fields = left.peek(at);
  return (isFields(fields) && Object.keys(fields).find((key) => plainName(key) === name)) || name;
}

function paragraphs(value: Json): string | undefined {
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string"))
    return value.join("\n\n");
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

function entries(value: Json): [string, Json][] | undefined {
  return isFields(value) && Object.keys(value).length > 0 ? Object.entries(value) : undefined;
}

function clausesIn(value: Json): Clause[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  if (!value.every((one) => isFields(one) || typeof one === "string")) return undefined;
  return value.map((one) => clause(typeof one === "string" ? { text: one } : (one as Fields)));
}

function clause(fields: Fields): Clause {
  const left = new Remainder(fields);
  const take = (names: string[]): string => left.takeNamed([], names, scalarText) ?? "";
  const type = take(["type", "clause", "kind", "category"]);
  const title = take(["title", "heading", "name"]);
  const text = take(["text", "content", "quote"]);
  const page = left.takeNamed([], ["page", "pagenumber"], (value) => pageNumber(value, 1));
  const confidence = left.takeNamed([], ["confidence", "probability"], share);
  return { type, title, text, page, confidence, rest: left.fields() };
}
