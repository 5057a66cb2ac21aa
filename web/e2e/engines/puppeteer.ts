/** Chromium by its DevTools protocol, and Firefox by WebDriver BiDi, which it serves itself. */

import { existsSync } from "node:fs";
import puppeteer, { type ElementHandle, type LaunchOptions } from "puppeteer-core";
import { EXECUTABLE, until } from "../browser";
import { type BrowserEngine, missingPackages, type Tab, WINDOW } from "./engine";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

export const chromium: BrowserEngine = {
  name: "Chromium",
  missing: missingPackages({ chromium: existsSync(EXECUTABLE) }),
  // Containers seldom allow Chromium's sandbox, and the tests load only local pages.
  launch: () =>
    launch({ browser: "chrome", executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-dev-shm-usage"] }),
};

export const firefox: BrowserEngine = {
  name: "Firefox",
  missing: missingPackages({ "firefox-esr": existsSync(FIREFOX) }),
  launch: () => launch({ browser: "firefox", executablePath: FIREFOX }),
};

async function launch(options: LaunchOptions): Promise<Tab> {
  const browser = await puppeteer.launch({ ...options, headless: true });
  const page = await browser.newPage();
  await page.setViewport(WINDOW);
  const all = (xpath: string): Promise<ElementHandle[]> => page.$$(`::-p-xpath(${xpath})`);
  const one = async (xpath: string): Promise<ElementHandle> => {
    let found: ElementHandle | undefined;
    await until(`there is ${xpath}`, async () => {
      [found] = await all(xpath);
      return found !== undefined;
    });
    return found as ElementHandle;
  };
  return {
    open: async (url) => {
      await page.goto(url);
    },
    evaluate: (run, ...given) => page.evaluate(run as never, ...(given as unknown as never[])),
    run: async (script) => {
      await page.evaluate(script);
    },
    count: async (xpath) => (await all(xpath)).length,
    click: async (xpath) => (await one(xpath)).click(),
    type: async (xpath, text) => (await one(xpath)).type(text),
    select: async (xpath, value) => {
      await (await one(xpath)).select(value);
    },
    chooseFile: async (xpath, path) => ((await one(xpath)) as ElementHandle<HTMLInputElement>).uploadFile(path),
    screenshot: async (path) => {
      await page.screenshot({ path: path as `${string}.png` });
    },
    close: () => browser.close(),
  };
}
