/** axe, which finds what people with a disability cannot use. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { WEB } from "./fixture/csp";

/** The script that defines `window.axe`. */
export const AXE = readFileSync(createRequire(`${WEB}/package.json`).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[] }[];
}

/** Runs in the page, after {@link AXE}. The serious and critical violations, each with the first element that has it. */
export async function seriousViolations(): Promise<string[]> {
  const { axe } = window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.target.join(" ")}`);
}
