/**
 * The main path over a running stack with the real functions, in three browser engines: sign in, upload, become ready by
 * push, lose the connection and get it back, open the document, follow a finding to its place.
 *
 * PAGE_URL is the page's address, as `make up` prints it. PAGE_PICTURES is a folder for a picture of each screen.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { JobPage } from "../src/api/types";
import { AXE, seriousViolations } from "./axe";
import { until, WAIT_TIMEOUT_MS } from "./browser";
import { CuttableProxy } from "./cut-line";
import type { BrowserEngine, Tab } from "./engines/engine";
import { chromium, firefox } from "./engines/puppeteer";
import { webkit } from "./engines/webkit";
import { WEB } from "./fixture/csp";

const AT = (process.env.PAGE_URL ?? "").replace(/\/$/, "");
const PASSWORD = process.env.PAGE_PASSWORD ?? "docket-on-this-machine";
const PICTURES = process.env.PAGE_PICTURES;
const REVIEWER = "reviewer@acme.example";
const CONTRACT = readFileSync(join(WEB, "..", "samples", "contracts", "DPA_Stadtwerke+Meteor.pdf"));

for (const engine of [chromium, firefox, webkit]) {
  // In CI nothing is skipped because it is missing: the launch fails, and says what was not found.
  const missing = process.env.CI ? undefined : engine.missing;
  const skip = missing ?? (AT === "" ? "PAGE_URL is not set" : false);
  describe(`the main path in ${engine.name}`, { skip, timeout: 5 * WAIT_TIMEOUT_MS }, () => mainPath(engine));
}

function mainPath(engine: BrowserEngine): void {
  let tab: Tab;
  let line: CuttableProxy;
  let folder: string;
  const first = `${engine.name} ${Date.now().toString(36)}.pdf`;
  const second = first.replace(".pdf", ", second.pdf");

  before(async () => {
    assert.equal(engine.missing, undefined);
    folder = mkdtempSync(join(tmpdir(), "docket-main-path-"));
    line = await CuttableProxy.to(AT);
    tab = await engine.launch();
  });
  after(async () => {
    await tab?.close();
    line?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  const shown = (xpath: string): Promise<void> =>
    until(`the page shows ${xpath}`, async () => (await tab.count(xpath)) > 0);
  const row = (name: string, state: string): string =>
    `//li[contains(concat(' ', @class, ' '), ' row ')][contains(concat(' ', @class, ' '), ' ${state} ')][contains(., '${name}')]`;
  const live = "//span[contains(@class, 'is-live')]";

  /** Each upload has its own bytes: the service would notice equal ones. */
  async function upload(name: string): Promise<void> {
    const path = join(folder, name);
    writeFileSync(path, Buffer.concat([CONTRACT, Buffer.from(`\n% ${name}\n`)]));
    await tab.chooseFile("//input[@type='file']", path);
  }

  /** The status of a job as the API has it, asked with the page's token. */
  async function status(name: string): Promise<string | undefined> {
    const token = await tab.evaluate(
      () => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id,
    );
    const { api_url } = (await (await fetch(`${AT}/config.json`)).json()) as { api_url: string };
    const answer = await fetch(`${api_url}/jobs?tenant=acme&limit=100`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(answer.status, 200);
    const { jobs } = (await answer.json()) as JobPage;
    return jobs.find((job) => job.name === name)?.status;
  }

  /** Checks a screen with axe, once nothing on it is loading. */
  async function check(screen: string): Promise<void> {
    await until(`${screen} has loaded`, async () => (await tab.count("//*[@aria-busy='true']")) === 0);
    if (PICTURES) {
      mkdirSync(PICTURES, { recursive: true });
      await tab.screenshot(join(PICTURES, `${engine.name} ${screen}.png`.toLowerCase().replaceAll(" ", "-")));
    }
    await tab.run(AXE);
    assert.deepEqual(await tab.evaluate(seriousViolations), [], screen);
  }

  test("a reviewer signs in", async () => {
    await tab.open(line.url);
    await shown("//input[@name='email']");
    await check("sign-in");
    await tab.type("//input[@name='email']", REVIEWER);
    await tab.type("//input[@name='password']", PASSWORD);
    await tab.click("//button[@type='submit']");
    await shown(live);
    // A reload would lose it.
    await tab.evaluate(() => {
      Object.assign(window, { neverReloaded: true });
    });
  });

  test("an uploaded contract becomes ready while the page stays open", async () => {
    await tab.select("//select[@aria-label='Pipeline for uploads']", "legal-review");
    await upload(first);
    await shown(row(first, "ready"));
    assert.equal(await tab.count(live), 1, "the change came by push");
    await check("list");
  });

  test("a page whose socket was cut shows what happened meanwhile", async () => {
    const opened = line.opened;
    line.cut();
    await until("the page notices the cut", async () => (await tab.count(live)) === 0);
    await upload(second);
    await until("the service has made the job ready", async () => {
      const now = await status(second);
      return now === "Ready" || now;
    });
    line.mend();
    await shown(row(second, "ready"));
    await shown(live);
    assert.ok(line.opened > opened, "the page connected again");
  });

  test("a finding leads to its place in the document", async () => {
    await tab.click(`${row(first, "ready")}//a`);
    await shown(`//h1[contains(., '${first}')]`);
    await shown("//*[contains(@class, 'pdf-page')]//canvas");
    await tab.click("//*[contains(@class, 'result')]//button[starts-with(normalize-space(.), 'page ')]");
    await until("the marked place is in sight", () =>
      tab.evaluate(() => {
        const mark = document.querySelector(".pdf-mark.chosen")?.getBoundingClientRect();
        const pages = document.querySelector(".pdf-pages")?.getBoundingClientRect();
        if (!mark || !pages) return "there is no mark";
        const isInSight =
          mark.width > 0 &&
          mark.height > 0 &&
          mark.top < pages.bottom &&
          mark.bottom > pages.top &&
          mark.top < innerHeight;
        return isInSight || `the mark is at ${mark.top} to ${mark.bottom}`;
      }),
    );
    await check("contract");
    assert.equal(await tab.evaluate(() => "neverReloaded" in window), true, "the page was never reloaded");
  });
}
