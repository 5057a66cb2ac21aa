/**
 * How much memory the viewer of documents needs: the renderer process of Chromium, with pdf.js's worker, while all pages of a
 * document are scrolled through, for 20 and for 1,000 pages of the same text. Each page is drawn before the next one is shown.
 *
 *   peak   the largest of what is measured at every fifth page, with the garbage that the browser has not collected yet
 *   kept   what is left at the last page after the page's and the worker's garbage is collected
 *
 * `npm run bench-document` ends with one line of JSON. It fails if the long document keeps more than MAX_KEPT_RATIO times, or
 * needs more than MAX_PEAK_RATIO times the memory of the short one. docs/adr/0013-web-page.md has the figures.
 */

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { launch, newContext, signIn } from "../e2e/browser";
import { newJob } from "../e2e/fixture/jobs";
import { makePdf } from "../e2e/fixture/pdf";
import { Fixture } from "../e2e/fixture/server";

const LINES = Array.from(
  { length: 38 },
  (_, line) => `${line + 1}. The quick brown fox jumps over the lazy dog, and so on.`,
);

const MAX_KEPT_RATIO = 1.5;
const MAX_PEAK_RATIO = 1.5;
const COLLECTIONS = 3;
const MEASURED_PAGES = 5;
/** Chromium returns memory to the system a moment after it is free. */
const RETURN_MS = 2000;

interface MemoryUse {
  peak: number;
  kept: number;
}

/** In MB. */
async function measure(pages: number): Promise<MemoryUse> {
  const fixture = await new Fixture().start();
  fixture.document = makePdf(Array.from({ length: pages }, (_, page) => [`Page ${page + 1}`, ...LINES]));
  const job = fixture.set(newJob({ status: "Ready", version: 3 }));
  const browser = await launch(["--js-flags=--expose-gc"]);
  const page = await (await newContext(browser, { viewport: { width: 1440, height: 900 } })).newPage();
  await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, "reviewer@acme.example");
  await page.locator(".pdf-page canvas").first().waitFor();
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = (await session.send("SystemInfo.getProcessInfo" as never)) as {
    processInfo: { type: string; id: number }[];
  };
  const renderers = processInfo.filter((one) => one.type === "renderer").map((one) => one.id);
  const used = (): number => Math.max(...renderers.map(pssMb));
  let peak = used();
  for (let number = 1; number <= pages; number += 1) {
    await page.locator(".pdf-pages").evaluate(
      (box, before) => {
        box.scrollTop = before * box.scrollHeight;
      },
      (number - 1) / pages,
    );
    await page.locator(`.pdf-page[data-page="${number}"] canvas`).waitFor();
    if (number % MEASURED_PAGES === 0) peak = Math.max(peak, used());
  }
  await collectGarbage(page);
  const kept = used();
  await browser.close();
  fixture.stop();
  return { peak: Math.round(peak), kept: Math.round(kept) };
}

/** Of the page and of its workers, several times: each keeps what the other's garbage refers to. */
async function collectGarbage(page: Page): Promise<void> {
  for (let time = 0; time < COLLECTIONS; time += 1) {
    await page.requestGC();
    for (const worker of page.workers()) await worker.evaluate(() => (globalThis as unknown as { gc(): void }).gc());
    await new Promise((resolve) => setTimeout(resolve, RETURN_MS));
  }
}

/** Proportional set size: what the process uses alone, and its share of what it shares. */
function pssMb(pid: number): number {
  const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

const short = await measure(20);
const long = await measure(1000);
const ratio = (of: keyof MemoryUse): number => Math.round((long[of] / short[of]) * 100) / 100;
const [peak_ratio, kept_ratio] = [ratio("peak"), ratio("kept")];
console.log(
  JSON.stringify({
    peak_mb_20_pages: short.peak,
    peak_mb_1000_pages: long.peak,
    peak_ratio,
    kept_mb_20_pages: short.kept,
    kept_mb_1000_pages: long.kept,
    kept_ratio,
  }),
);
process.exit(kept_ratio <= MAX_KEPT_RATIO && peak_ratio <= MAX_PEAK_RATIO ? 0 : 1);
