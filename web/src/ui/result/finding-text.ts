/** A finding in plain text. */

import { titleCase } from "../../lib/format";
import type { Finding } from "./finding";

/** The model's own word. A number or a code says nothing without "level". */
export function findingLevel({ level }: Finding): string {
  if (level === "") return "No level";
  return /^[\d.]+$/.test(level) ? `Level ${level}` : titleCase(level);
}

export function findingPage({ page }: Pick<Finding, "page">): string {
  if (page === undefined) return "";
  return page === 0 ? "whole document" : `page ${page}`;
}

/** A share from 0 to 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** The text that "Copy" puts on the clipboard: everything that the model says about a finding. */
export function findingText(finding: Finding, document: string): string {
  const head = [findingLevel(finding), finding.title, findingPage(finding)].filter(Boolean).join(", ");
  const rest = finding.rest.map(
    ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const sure = finding.confidence === undefined ? "" : `Confidence ${percent(finding.confidence)}`;
  const quote = finding.quote === "" ? "" : `“${finding.quote}”`;
  return [`${document}: ${head}`, finding.text, quote, sure, ...rest].filter(Boolean).join("\n");
}
