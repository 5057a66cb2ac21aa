/** Findings in a model's JSON, under the names of docs/models.md or where the pipeline says. */

import type { ResultPaths } from "../../api/types";
import { isFields, type Json, plainName, pointerNames, Remainder, scalarText } from "./json";

/** How serious a finding is. `other`: the model's word is not known, and it is shown as it is. `none`: the model says nothing. Both come after the high ones. */
export type Rank = "high" | "other" | "none" | "medium" | "low" | "info";
const RANKS: readonly Rank[] = ["high", "other", "none", "medium", "low", "info"];

/** A place on a page in parts of its width and height, or in points, from its top left corner. */
export interface Box {
  unit: "fraction" | "point";
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Finding {
  rank: Rank;
  /** The model's own word. */
  level: string;
  title: string;
  text: string;
  /** The words of the document that it is about. */
  quote: string;
  /** From 1; 0 if it concerns the whole document. Undefined if the model does not say. */
  page: number | undefined;
  box: Box | undefined;
  confidence: number | undefined;
  /** Everything else that the model says about it. */
  rest: [string, Json][];
}

const TEXT = [
  "reason",
  "text",
  "message",
  "description",
  "finding",
  "issue",
  "problem",
  "explanation",
  "detail",
  "details",
  "comment",
  "rationale",
];
const TITLE = ["clause", "title", "heading", "name", "type", "category", "rule", "label", "topic"];
const LEVEL = ["severity", "level", "risklevel", "risk", "priority", "importance", "criticality"];
const QUOTE = ["quote", "excerpt", "evidence", "snippet", "citation", "sourcetext"];
const PAGE = ["page", "pagenumber", "pageno"];
const BOX = ["box", "bbox", "boundingbox"];

const WORDS: Record<Exclude<Rank, "other" | "none">, readonly string[]> = {
  high: [
    "high",
    "critical",
    "severe",
    "serious",
    "major",
    "veryhigh",
    "blocker",
    "fatal",
    "error",
    "red",
    "urgent",
    "hoch",
    "kritisch",
    "schwer",
    "schwerwiegend",
    "sehrhoch",
  ],
  medium: ["medium", "moderate", "mid", "warning", "warn", "amber", "yellow", "orange", "mittel"],
  low: ["low", "verylow", "minor", "green", "gering", "niedrig"],
  info: ["info", "information", "informational", "note", "notice", "hint", "hinweis"],
};

/** The rank of the model's word. */
export function rankOf(level: string): Rank {
  if (level === "") return "none";
  const word = plainName(level);
  const known = (Object.keys(WORDS) as (keyof typeof WORDS)[]).find((rank) => WORDS[rank].includes(word));
  return known ?? "other";
}

/** Findings, the most serious first. Undefined if the value cannot be a list of findings. */
export function findingsIn(value: Json, paths: ResultPaths): Finding[] | undefined {
  return collect(value, paths)?.sort((a, b) => RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank));
}

function collect(value: Json, paths: ResultPaths): Finding[] | undefined {
  if (Array.isArray(value)) return value.map((one) => finding(one, paths));
  if (typeof value === "string") return value.trim() === "" ? undefined : [finding(value, paths)];
  if (!isFields(value)) return undefined;
  const keys = Object.keys(value).map(plainName);
  if (keys.some((key) => TEXT.includes(key) || LEVEL.includes(key))) return [finding(value, paths)];
  // By name, or by level: {"high": […], "low": […]}.
  const groups = Object.entries(value);
  if (!groups.every(([, one]) => typeof one === "string" || (typeof one === "object" && one !== null)))
    return undefined;
  return groups.flatMap(([key, group]) => {
    const isLevel = !["other", "none"].includes(rankOf(key));
    const members = Array.isArray(group) ? group : [group];
    return members.map((one) => {
      const found = finding(one, paths);
      if (isLevel && found.level === "") return { ...found, level: key, rank: rankOf(key) };
      return found.title === ""
        ? { ...found, title: key }
        : { ...found, rest: [["group", key] as [string, Json], ...found.rest] };
    });
  });
}

function finding(value: Json, paths: ResultPaths): Finding {
  const left = new Remainder(value);
  const take = <T>(pointer: string | undefined, names: string[], read: (value: Json) => T | undefined): T | undefined =>
    left.take(pointer === undefined ? undefined : pointerNames(pointer), read) ?? left.takeNamed([], names, read);
  if (!isFields(value) || Object.keys(value).length === 0) {
    const text = scalarText(value) ?? JSON.stringify(value);
    return {
      rank: "none",
      level: "",
      title: "",
      text,
      quote: "",
      page: undefined,
      box: undefined,
      confidence: undefined,
      rest: [],
    };
  }
  const level = take(paths.finding_level, LEVEL, scalarText) ?? "";
  const text = take(paths.finding_text, TEXT, scalarText) ?? "";
  const title = take(paths.finding_title, TITLE, scalarText) ?? "";
  const quote =
    take(paths.finding_quote, QUOTE, (one) => (typeof one === "string" ? scalarText(one) : undefined)) ?? "";
  const page =
    take(paths.finding_page_index, [], (one) => pageNumber(one, 0)) ??
    take(paths.finding_page, PAGE, (one) => pageNumber(one, 1));
  // A box without its page leads nowhere.
  const box = page
    ? (take(paths.finding_box_points, [], (one) => boxIn(one, "point")) ??
      take(paths.finding_box, BOX, (one) => boxIn(one, "fraction")))
    : undefined;
  const confidence = left.takeNamed([], ["confidence", "probability"], share);
  return { rank: rankOf(level), level, title, text, quote, page, box, confidence, rest: left.fields() };
}

/** `[left, top, right, bottom]`, or an object with these or with `x`, `y`, `width`, `height`. Undefined if it is no place. */
export function boxIn(value: Json, unit: Box["unit"]): Box | undefined {
  const numbers = Array.isArray(value) ? value : isFields(value) ? sides(value) : [];
  const [left, top, right, bottom] = numbers;
  if (numbers.length !== 4 || !numbers.every((one) => typeof one === "number" && Number.isFinite(one)))
    return undefined;
  const box = { unit, left, top, right, bottom } as Box;
  const isPlace = box.left >= 0 && box.top >= 0 && box.left < box.right && box.top < box.bottom;
  const isOnPage = unit === "point" || (box.right <= 1.001 && box.bottom <= 1.001);
  return isPlace && isOnPage ? box : undefined;
}

function sides(fields: { [key: string]: Json }): Json[] {
  const of = (...names: string[]): Json | undefined => {
    const keys = Object.keys(fields);
    const name = names.find((one) => keys.some((key) => plainName(key) === one));
    return name === undefined ? undefined : fields[keys.find((key) => plainName(key) === name) ?? ""];
  };
  const left = of("left", "x0", "x1", "x", "xmin");
  const top = of("top", "y0", "y1", "y", "ymin");
  const [width, height] = [of("width", "w"), of("height", "h")];
  const end = (start: Json | undefined, size: Json | undefined): Json | undefined =>
    typeof start === "number" && typeof size === "number" ? start + size : undefined;
  const right = end(left, width) ?? of("right", "x2", "xmax") ?? (of("x0") === undefined ? undefined : of("x1"));
  const bottom = end(top, height) ?? of("bottom", "y2", "ymax") ?? (of("y0") === undefined ? undefined : of("y1"));
  // An object that says more than its sides is not only a box.
  const known = 4;
  return Object.keys(fields).length === known ? [left ?? null, top ?? null, right ?? null, bottom ?? null] : [];
}

/** A confidence is shown as a bar only if it is one for certain: a number from 0 to 1. */
export function share(value: Json): number | undefined {
  return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
}

/** Counted from 1; 0 is the whole document. `first` is the number that the model gives to the first page. */
export function pageNumber(value: Json, first: number): number | undefined {
  const digits = typeof value === "string" ? /^\s*(?:p(?:age|\.)?\s*)?(\d{1,6})\s*$/i.exec(value)?.[1] : undefined;
  const page = typeof value === "number" ? value : digits === undefined ? undefined : Number(digits);
  if (page === undefined || !Number.isInteger(page) || page < 0 || page > 999_999) return undefined;
  return first === 0 ? page + 1 : page;
}
