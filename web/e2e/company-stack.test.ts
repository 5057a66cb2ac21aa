/**
 * Sign-in by the company of a local stack, with the real functions and a real provider. PAGE_URL is the page's address and
 * PAGE_COMPANY the company's name, as `make up COMPANY=1` prints them.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { errorsOf, launch, NO_BROWSER, newContext } from "./browser";
import { WEB } from "./fixture/csp";

const AT = (process.env.PAGE_URL ?? "").replace(/\/$/, "");
const COMPANY = process.env.PAGE_COMPANY ?? "";
const CONTRACT = readFileSync(join(WEB, "..", "samples", "contracts", "NDA Halden-Brightwater.pdf"));

describe("sign-in by the company of a running stack", {
  skip: NO_BROWSER ?? (AT === "" || COMPANY === "" ? "PAGE_URL or PAGE_COMPANY is not set" : false),
}, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let pageErrors: string[];

  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    context = await newContext(browser);
    page = await context.newPage();
    pageErrors = errorsOf(page);
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(pageErrors, [], "no script error and no Content-Security-Policy violation");
  });

  const button = (name: string, at = page) => at.getByRole("button", { name, exact: true });
  const signInAs = async (who: string | RegExp, path = "/"): Promise<void> => {
    await page.goto(AT + path);
    await button(`Sign in with ${COMPANY}`).click();
    await page.getByRole("heading", { name: COMPANY }).waitFor();
    await page.getByRole("button", { name: who }).click();
  };

  test("a reviewer signs in, uploads, is told of the result, and signs out in all tabs", async () => {
    await signInAs(/^Rita/, "/?status=ready");
    await page.getByLabel("Signed in as rita@acme.example").waitFor();
    assert.equal(page.url(), `${AT}/?status=ready`);
    await page.getByText("Live", { exact: true }).waitFor();
    const name = `Company ${Date.now().toString(36)}.pdf`;
    const buffer = Buffer.concat([CONTRACT, Buffer.from(`\n% ${name}\n`)]);
    await page.locator("input[type=file]").setInputFiles({ name, mimeType: "application/pdf", buffer });
    await page.locator(".row", { hasText: name }).getByText("Ready", { exact: true }).waitFor();

    const second = await context.newPage();
    await second.goto(`${AT}/`);
    await second.getByLabel("Signed in as rita@acme.example").waitFor();
    await page.locator("details.person summary").click();
    await button("Sign out").click();
    for (const tab of [page, second]) await button(`Sign in with ${COMPANY}`, tab).waitFor();
    await page.waitForURL(`${AT}/`);
    // Another person, in the same browser.
    await second.close();
    await signInAs(/^Carl/);
    await page.getByLabel("Signed in as carl@acme.example").waitFor();
  });

  test("a user in no group of Docket is told which groups arrived", async () => {
    await signInAs(/^Nils/);
    await page.getByText(`${COMPANY} sent the groups everyone`).first().waitFor();
  });

  test("who cancels at the company is back where they were, and told so", async () => {
    await signInAs("Cancel", "/?status=failed");
    await page.getByText(/^The sign-in was refused: .*no account was chosen$/).waitFor();
    assert.equal(page.url(), `${AT}/?status=failed`);
  });
});
