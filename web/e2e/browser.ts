/** The browser of the tests: Debian's Chromium, or the executable in CHROMIUM. */

import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { PASSWORD } from "./fixture/state";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Without a browser the tests are skipped, except in CI, where they fail. */
export const NO_BROWSER = existsSync(EXECUTABLE) || process.env.CI ? undefined : `no browser at ${EXECUTABLE}`;

export function launch(): Promise<Browser> {
  // Containers seldom allow Chromium's sandbox, and the tests load only local pages.
  return chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export async function signIn(page: Page, url: string, email: string, password = PASSWORD): Promise<void> {
  await page.goto(url);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("header.top").waitFor();
}
