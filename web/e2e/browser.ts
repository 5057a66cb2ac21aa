/** The browser of the tests: Debian's Chromium, or the executable in CHROMIUM; and how tests wait. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PASSWORD } from "./fixture/state";

export const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How long a test waits for anything. Generous: it ends a test that fails, and measures nothing. */
export const WAIT_TIMEOUT_MS = 120_000;

/** Without a browser the tests are skipped, except in CI, where they fail. */
export const NO_BROWSER = existsSync(EXECUTABLE) || process.env.CI ? undefined : `no browser at ${EXECUTABLE}`;

export function launch(args: readonly string[] = []): Promise<Browser> {
  // Containers seldom allow Chromium's sandbox, and the tests load only local pages.
  return chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });
}

/** A new context, whose pages wait for {@link WAIT_TIMEOUT_MS} and whose user has chosen a pipeline for uploads. */
export async function newContext(browser: Browser, options?: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_TIMEOUT_MS);
  await context.addInitScript(() => {
    if (localStorage.getItem("docket.pipeline") === null) localStorage.setItem("docket.pipeline", "legal-review");
  });
  return context;
}

/** Asks until the answer is `true`. Any other answer says what is still missing. */
export async function until(what: string, ask: () => unknown): Promise<void> {
  const end = performance.now() + WAIT_TIMEOUT_MS;
  for (let answer = await ask(); answer !== true; answer = await ask()) {
    assert.ok(performance.now() < end, `not within ${WAIT_TIMEOUT_MS / 1000} s: ${what} (${answer})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Lets only the first parts of a multipart upload through: the requests for others stay open until the page is reloaded.
 * Returns a function that lets all through from then on.
 */
export async function holdPartsAfter(page: Page, count: number): Promise<() => Promise<void>> {
  const url = /[?&]part(?:Number)?=(\d+)/;
  const passing = new Set<string | undefined>();
  await page.route(url, async (route) => {
    const part = url.exec(route.request().url())?.[1];
    if (passing.size < count) passing.add(part);
    if (passing.has(part)) await route.continue();
  });
  return () => page.unroute(url);
}

export async function signIn(page: Page, url: string, email: string, password = PASSWORD): Promise<void> {
  await page.goto(url);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("header.top").waitFor();
}

/** What goes wrong in a page from now on: script errors, and violations of its Content-Security-Policy. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) errors.push(message.text());
  });
  return errors;
}
