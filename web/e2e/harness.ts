/** Set-up of the browser tests over the fixture: one browser per file, one fixture and one page per test. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { statusGroup } from "../src/api/status";
import { errorsOf, launch, NO_BROWSER, newContext, until } from "./browser";
import { Fixture } from "./fixture/server";

export const REVIEWER = "reviewer@acme.example";
export const OTHER = "reviewer@globex.example";
export const SUPPORT = "support@docket.example";
export const PDF = Buffer.from("%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n");
/** Why these tests are skipped, or false. */
export const SKIP_REASON = NO_BROWSER ?? (process.env.PAGE_URL ? "PAGE_URL is set" : false);

export let browser: Browser;
export let context: BrowserContext;
export let page: Page;
export let fixture: Fixture;
let pageErrors: string[];
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
    context = await newContext(browser);
    page = await context.newPage();
    pageErrors = errorsOf(page);
  });
  afterEach(async () => {
    await context.close();
    fixture.stop();
    assert.deepEqual(pageErrors, [], "no script error and no Content-Security-Policy violation");
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

/** Writes a file to disk: large files cannot be passed through Playwright's protocol. */
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

/** Waits until the page shows exactly the jobs of the fixture, each with its status group. */
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
  const wanted = Object.fromEntries([...fixture.jobs.values()].map((job) => [job.id, statusGroup(job.status)]));
  await until("the page shows the table", async () => differences(await shown(), wanted));
}

/** The keys whose values differ, or true if there are none. */
export function differences(one: Record<string, string>, other: Record<string, string>): true | string {
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => one[key] !== other[key]);
  return keys.length === 0 || keys.map((key) => `${key}: ${one[key]}, not ${other[key]}`).join("; ");
}
