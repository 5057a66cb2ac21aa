/** WebKitGTK's MiniBrowser by WebDriver. It needs a display, so it gets a virtual one (Xvfb). */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Builder, By, Capabilities, type WebElement } from "selenium-webdriver";
import { until } from "../browser";
import { type BrowserEngine, missingPackages, type Tab, WINDOW } from "./engine";

const DRIVER = "/usr/bin/WebKitWebDriver";
const XVFB = "/usr/bin/Xvfb";

export const webkit: BrowserEngine = {
  name: "WebKitGTK",
  missing: missingPackages({
    "webkit2gtk-driver": existsSync(DRIVER) && miniBrowser() !== undefined,
    xvfb: existsSync(XVFB),
  }),
  launch,
};

/** Its folder has the machine's architecture and the API version of WebKitGTK in its name. */
function miniBrowser(): string | undefined {
  for (const folder of ["/usr/lib", ...subfolders("/usr/lib", /-linux-gnu/)])
    for (const webkitGtk of subfolders(folder, /^webkit2?gtk-/)) {
      const path = join(webkitGtk, "MiniBrowser");
      if (existsSync(path)) return path;
    }
  return undefined;
}

function subfolders(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((entry) => name.test(entry))
    .map((entry) => join(folder, entry));
}

async function launch(): Promise<Tab> {
  const children: ChildProcess[] = [];
  const stop = (): void => {
    for (const child of children.reverse()) child.kill();
  };
  try {
    // Xvfb chooses a free display and writes its number to the descriptor.
    const display = spawn(
      XVFB,
      ["-displayfd", "3", "-screen", "0", `${WINDOW.width}x${WINDOW.height + 100}x24`, "-nolisten", "tcp"],
      { stdio: ["ignore", "ignore", "ignore", "pipe"] },
    );
    children.push(display);
    const number = String((await once(display.stdio[3] as NodeJS.EventEmitter, "data"))[0]).trim();
    const port = await freePort();
    const driver = spawn(DRIVER, ["--host=127.0.0.1", `--port=${port}`], {
      env: { ...process.env, DISPLAY: `:${number}`, GDK_BACKEND: "x11" },
      stdio: "ignore",
    });
    children.push(driver);
    const url = `http://127.0.0.1:${port}`;
    await until("WebKitWebDriver answers", () =>
      fetch(`${url}/status`).then(
        (answer) => answer.ok,
        () => driver.exitCode ?? false,
      ),
    );
    return await tab(url, stop);
  } catch (error) {
    stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function tab(url: string, stop: () => void): Promise<Tab> {
  const capabilities = new Capabilities({
    browserName: "MiniBrowser",
    "webkitgtk:browserOptions": { binary: miniBrowser(), args: ["--automation"] },
  });
  const driver = await new Builder()
    .disableEnvironmentOverrides()
    .usingServer(url)
    .withCapabilities(capabilities)
    .build();
  await driver
    .manage()
    .window()
    .setRect({ x: 0, y: 0, ...WINDOW });
  const all = (xpath: string): Promise<WebElement[]> => driver.findElements(By.xpath(xpath));
  const one = async (xpath: string): Promise<WebElement> => {
    let found: WebElement | undefined;
    await until(`there is ${xpath}`, async () => {
      [found] = await all(xpath);
      return found !== undefined;
    });
    return found as WebElement;
  };
  return {
    open: (address) => driver.get(address),
    evaluate: async (run, ...given) => {
      const script = `const done = arguments[arguments.length - 1];
        Promise.resolve((${run})(...arguments[0])).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const answer = await driver.executeAsyncScript<{ value: never; error?: string }>(script, given);
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.value;
    },
    run: async (script) => {
      await driver.executeScript(script);
    },
    count: async (xpath) => (await all(xpath)).length,
    click: async (xpath) => (await one(xpath)).click(),
    type: async (xpath, text) => (await one(xpath)).sendKeys(text),
    select: async (xpath, value) => (await one(`${xpath}/option[@value=${JSON.stringify(value)}]`)).click(),
    chooseFile: async (xpath, path) => (await one(xpath)).sendKeys(path),
    screenshot: async (path) => writeFileSync(path, await driver.takeScreenshot(), "base64"),
    // The browser ends with its display, even when a command hangs.
    close: async () => stop(),
  };
}
