/** `npm run pictures`: writes the main screens to docs/pictures as PNG files, over the fixture with its sample. */

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { launch, newContext, signIn } from "./browser";
import { WEB } from "./fixture/csp";
import { sample } from "./fixture/sample";
import { Fixture } from "./fixture/server";

const OUT = process.argv[2] ?? join(WEB, "..", "docs", "pictures");
const MAX_BYTES = 150_000;
const WIDE = { width: 1280, height: 820 };
/** The narrowest window with the document beside the result. */
const BESIDE = { width: 1140, height: 700 };
const NARROW = { width: 390, height: 844 };

mkdirSync(OUT, { recursive: true });
const fixture = await new Fixture().start();
fixture.stepMs = undefined;
const ids = sample(fixture);
const browser = await launch();
let tooLarge = 0;

async function picture(
  name: string,
  options: BrowserContextOptions,
  user: string | undefined,
  path: string,
  before: (page: Page) => Promise<unknown>,
): Promise<void> {
  const context = await newContext(browser, {
    viewport: WIDE,
    locale: "en-GB",
    timezoneId: afternoon(),
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  if (user !== undefined) await signIn(page, fixture.pageUrl + path, user);
  else await page.goto(fixture.pageUrl + path);
  await before(page);
  const file = join(OUT, `${name}.png`);
  await page.screenshot({ path: file });
  const { size } = statSync(file);
  console.log(`${String(size).padStart(7)} B  ${name}.png`);
  if (size > MAX_BYTES) tooLarge += 1;
  await context.close();
}

/** A time zone in which it is afternoon now, so that the sample's times look like working hours. */
function afternoon(): string {
  const hours = 15 - new Date().getUTCHours();
  return `Etc/GMT${hours > 0 ? "-" : "+"}${Math.min(Math.abs(hours), 12)}`;
}

const REVIEWER = "reviewer@acme.example";
const SUPPORT = "support@docket.example";
const list = (page: Page): Promise<unknown> =>
  Promise.all([page.getByText("Live", { exact: true }).waitFor(), page.locator(".row").nth(9).waitFor()]);
const result = (page: Page): Promise<unknown> => page.getByText("findings").first().waitFor();
/** The contract's name and summary, a finding, and its place in the document beside it. */
const place = async (page: Page): Promise<void> => {
  await page.locator(".flag", { hasText: "Renews automatically" }).getByRole("button", { name: "page 2" }).click();
  await page.locator(".pdf-mark.chosen").first().waitFor();
  await page.evaluate(() => scrollTo(0, 0));
};

await picture("sign-in", {}, undefined, "/", (page) => page.getByLabel("E-mail").waitFor());
await picture("list-light", {}, REVIEWER, "/", list);
await picture("list-dark", { colorScheme: "dark" }, REVIEWER, "/", list);
await picture("list-narrow", { viewport: NARROW }, REVIEWER, "/", list);
await picture("contract-light", { viewport: BESIDE }, REVIEWER, `/jobs/${ids.ready}`, place);
await picture("contract-dark", { viewport: BESIDE, colorScheme: "dark" }, REVIEWER, `/jobs/${ids.ready}`, place);
await picture("contract-narrow", { viewport: NARROW }, REVIEWER, `/jobs/${ids.ready}`, result);
await picture("waiting", {}, REVIEWER, `/jobs/${ids.retry}`, (page) => page.getByText("History").waitFor());
await picture("failed", {}, REVIEWER, `/jobs/${ids.failed}`, async (page) => {
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByLabel("Reason").fill("The model was repaired this morning");
});
await picture("uploads", { viewport: { width: 1280, height: 640 } }, REVIEWER, "/", async (page) => {
  await list(page);
  await page.locator("input[type=file]").setInputFiles([
    { name: "Addendum 3, signed.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(90_000, "%PDF-1.7\n") },
    { name: "notes.docx", mimeType: "application/msword", buffer: Buffer.alloc(2000) },
    { name: "all annexes.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(31_000_000, "%PDF-1.7\n") },
  ]);
  await page.getByText("Received").first().waitFor();
});
await picture("offline", { viewport: { width: 1280, height: 420 } }, REVIEWER, "/", async (page) => {
  await list(page);
  await page.context().setOffline(true);
  await page.getByText(/Offline, last update/).waitFor();
});
await picture("support-overview", {}, SUPPORT, "/support", (page) =>
  page.getByText("The model returned an error").waitFor(),
);
await picture("support-plan", { colorScheme: "dark" }, SUPPORT, "/support/plans/0b0d0a52-plan", (page) =>
  page.getByText("of 212 contracts started").waitFor(),
);
await picture("support-quarantine", {}, SUPPORT, "/support/quarantine/uploads%3A6f2c1a", (page) =>
  page.getByText("Message", { exact: true }).waitFor(),
);
await picture("support-audit", {}, SUPPORT, "/support/audit", (page) =>
  page.getByRole("cell", { name: "Cancel" }).waitFor(),
);

await browser.close();
fixture.stop();
if (tooLarge > 0) throw new Error(`${tooLarge} pictures have more than ${MAX_BYTES} bytes`);
process.exit(0);
