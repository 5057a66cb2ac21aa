import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { guideHtml } from "../../../scripts/guide";
import { CAUSES_IN_GUIDE, guideAbout } from "./guide";

const GUIDE = guideHtml(readFileSync(join(process.cwd(), "..", "docs", "support-guide.md"), "utf8"));

test("each cause leads to a section of the guide", () => {
  for (const cause of [...CAUSES_IN_GUIDE, "OfALaterRelease"]) {
    const id = guideAbout(cause).split("#")[1];
    assert.ok(GUIDE.includes(` id="${id}"`), `${cause}: no section ${id}`);
  }
});

test("the guide's page has no link that leads nowhere, and nothing inline that the page's policy forbids", () => {
  for (const [, id] of GUIDE.matchAll(/href="#([^"]*)"/g)) assert.ok(GUIDE.includes(` id="${id}"`), id);
  assert.doesNotMatch(GUIDE, /<script|style=|href="(?!#)/);
});
