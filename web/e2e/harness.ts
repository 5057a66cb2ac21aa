/** What the browser tests over the fixture share: a browser for the file, a fixture and a page for each test. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import type { JobView } from "../src/api/types";
import { launch, NO_BROWSER } from "./browser";
import { Fixture } from "./fixture/server";

export const REVIEWER = "reviewer@acme.example";
export const OTHER = "reviewer@globex.example";
export const SUPPORT = "support@docket.example";
export const PDF = Buffer.from("%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n");
/** Why these tests are left out, if they are. */
export const SKIP_REASON = NO_BROWSER ?? (process.env.PAGE_URL ? "PAGE_URL names a stack" : false);

export let browser: Browser;
export let context: BrowserContext;
export let page: Page;
export let fixture: Fixture;
let broken: string[];
let folder: string;

export function setUp(): void {
  before(async () => {
    browser = await launch();
    folder = mkdtempSync(join(tmpdir(), "docket-page-"));
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    fixture = await new Fixture().start();
    context = await browser.newContext();
    broken = [];
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => broken.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) broken.push(message.text());
    });
  });
  afterEach(async () => {
    await context.close();
    fixture.stop();
    assert.deepEqual(broken, [], "no script broke, and nothing was against the policy");
  });
}

export interface Given {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export function pdf(name: string, buffer = PDF): Given {
  return { name, mimeType: "application/pdf", buffer };
}

/** A file on the disk: a large one does not go through the browser's remote control. */
export function file(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(bytes, "%PDF-1.7 "));
  return path;
}

export function upload(...files: Given[]): Promise<void> {
  return page.locator("input[type=file]").setInputFiles(files);
}

export function row(name: string, at = page): Locator {
  return at.locator(".row", { hasText: name });
}

/** The page shows what the table says. */
export async function expectPageMatchesTable(at = page): Promise<void> {
  const shown = async (): Promise<Record<string, string>> =>
    at.evaluate(() =>
      Object.fromEntries(
        [...document.querySelectorAll<HTMLElement>(".row a[data-id]")].map((one) => [
          one.dataset.id ?? "",
          one.closest("li")?.className.replace("row ", "") ?? "",
        ]),
      ),
    );
  const groups: Record<string, string> = { Ready: "ready", Failed: "failed", Cancelled: "cancelled" };
  const wanted = Object.fromEntries(
    [...fixture.jobs.values()].map((one: JobView) => [one.id, groups[one.status] ?? "open"]),
  );
  for (let tries = 0; ; tries += 1) {
    try {
      assert.deepEqual(sorted(await shown()), sorted(wanted));
      return;
    } catch (error) {
      if (tries === 60) throw error;
      await at.waitForTimeout(250);
    }
  }
}
const sorted = (of: Record<string, string>): [string, string][] =>
  Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
