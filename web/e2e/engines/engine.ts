/**
 * The few actions that the main path needs, the same in each browser engine. No library drives all three as Debian ships
 * them: Playwright patches Firefox and WebKit, Puppeteer knows no WebKit, and Selenium needs geckodriver for Firefox.
 */

/** Elements are named by XPath, which all libraries understand. Every action waits until there is such an element. */
export interface Tab {
  open(url: string): Promise<void>;
  /** The function runs in the page, so it sees only its arguments, which must be JSON. */
  evaluate<R, A extends unknown[]>(run: (...given: A) => R | Promise<R>, ...given: A): Promise<R>;
  /** Runs a script in the page, whatever its Content-Security-Policy says. */
  run(script: string): Promise<void>;
  count(xpath: string): Promise<number>;
  click(xpath: string): Promise<void>;
  type(xpath: string, text: string): Promise<void>;
  select(xpath: string, value: string): Promise<void>;
  chooseFile(xpath: string, path: string): Promise<void>;
  /** Writes what the window shows as a PNG file. */
  screenshot(path: string): Promise<void>;
  /** Closes the whole browser. */
  close(): Promise<void>;
}

export interface BrowserEngine {
  name: string;
  /** What this machine lacks to run it. Undefined if nothing. */
  missing: string | undefined;
  launch(): Promise<Tab>;
}

export const WINDOW = { width: 1280, height: 900 };

/** Says how to get what is missing. `found` are executables by the name of their Debian package. */
export function missingPackages(found: Record<string, boolean>): string | undefined {
  const missing = Object.keys(found).filter((name) => !found[name]);
  return missing.length === 0
    ? undefined
    : `not installed: ${missing.join(", ")} (apt-get install ${missing.join(" ")})`;
}
