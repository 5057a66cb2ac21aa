/**
 * How much memory the viewer of documents needs: the renderer of Chromium while all pages of a document are scrolled through,
 * for 20 and for 1,000 pages. `npm run bench-document` ends with one line of JSON, and fails if the long document needs more than
 * MAX_RATIO times the memory of the short one. The aim is 1.5 (docs/adr/0013-web-page.md says what is in the way).
 */

import { readFileSync } from "node:fs";
import { launch, newContext, signIn, until } from "../e2e/browser";
import { newJob } from "../e2e/fixture/jobs";
import { makePdf } from "../e2e/fixture/pdf";
import { Fixture } from "../e2e/fixture/server";

const LINES = Array.from(
  { length: 38 },
  (_, line) => `${line + 1}. The quick brown fox jumps over the lazy dog, and so on.`,
);

const MAX_RATIO = 1.8;

/** The largest memory of the page's process, in MB. */
async function peakMb(pages: number): Promise<number> {
  const fixture = await new Fixture().start();
  fixture.document = makePdf(Array.from({ length: pages }, (_, page) => [`Page ${page + 1}`, ...LINES]));
  const job = fixture.set(newJob({ status: "Ready", version: 3 }));
  const browser = await launch();
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
    await page.locator(".pdf-pages").evaluate((box, to) => {
      const next = box.querySelector<HTMLElement>(`[data-page="${to}"]`);
      box.scrollTop = next?.offsetTop ?? 0;
    }, number);
    // A user who scrolls does not wait for every page; the measurement waits for every fifth.
    if (number % 5 !== 0) continue;
    const canvas = page.locator(`.pdf-page[data-page="${number}"] canvas`);
    await until(`page ${number} is drawn`, async () => (await canvas.count()) === 1);
    peak = Math.max(peak, used());
  }
  await browser.close();
  fixture.stop();
  return Math.round(peak);
}

/** Proportional set size: what the process uses alone, and its share of what it shares. */
function pssMb(pid: number): number {
  const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

const peak_mb_20_pages = await peakMb(20);
const peak_mb_1000_pages = await peakMb(1000);
const ratio = Math.round((peak_mb_1000_pages / peak_mb_20_pages) * 100) / 100;
console.log(JSON.stringify({ peak_mb_20_pages, peak_mb_1000_pages, ratio }));
process.exit(ratio <= MAX_RATIO ? 0 : 1);
