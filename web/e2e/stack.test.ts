/**
 * The page over a running stack with the real functions. PAGE_URL is the page's address, as `make up` prints it,
 * PAGE_PASSWORD the password of all users, and PAGE_SAMPLES a folder with contracts (default: this repository's samples).
 */

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser, BrowserContext, Page, WebSocketRoute } from "playwright-core";
import { statusGroup } from "../src/api/status";
import type { JobPage, JobView, UploadView } from "../src/api/types";
import { AXE, seriousViolations } from "./axe";
import { errorsOf, holdPartsAfter, launch, NO_BROWSER, newContext, signIn as signInAt, until } from "./browser";
import { WEB } from "./fixture/csp";
import { differences } from "./harness";
import { totp } from "./totp";

const AT = (process.env.PAGE_URL ?? "").replace(/\/$/, "");
const PASSWORD = process.env.PAGE_PASSWORD ?? "docket-on-this-machine";
const SAMPLES = process.env.PAGE_SAMPLES ?? join(WEB, "..", "samples", "contracts");
const BROKEN = join(WEB, "..", "samples", "bad", "broken.pdf");
const REVIEWER = "reviewer@acme.example";
const OTHER = "reviewer@globex.example";
const SUPPORT = "support@docket.example";
/** The file name of a failed job of the reviewer's tenant that becomes ready after a retry. */
const FAILED = process.env.PAGE_FAILED ?? "";
/** The number of jobs of the other tenant. */
const MANY = Number(process.env.PAGE_MANY ?? "0");
/** Part of the file names of this run, so that tests can run repeatedly on one stack. */
const RUN = Date.now().toString(36);

describe("the page over a running stack", {
  skip: NO_BROWSER ?? (AT === "" ? "PAGE_URL is not set" : false),
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

  const signIn = (email: string, path = "/", at = page): Promise<void> => signInAt(at, AT + path, email, PASSWORD);
  const row = (name: string, at = page): ReturnType<Page["locator"]> => at.locator(".row", { hasText: name });
  const contracts = readdirSyncOrNone(SAMPLES).filter((name) => name.endsWith(".pdf"));
  const contract = (name: string, index = 0): { name: string; mimeType: string; buffer: Buffer } => ({
    name,
    mimeType: "application/pdf",
    // Each has its own bytes: the service notices equal ones.
    buffer: Buffer.concat([
      readFileSync(join(SAMPLES, contracts[index % contracts.length] ?? "")),
      Buffer.from(`\n% ${name}\n`),
    ]),
  });
  const upload = (...files: ReturnType<typeof contract>[]): Promise<void> =>
    page.locator("input[type=file]").setInputFiles(files);
  const ready = (name: string): Promise<void> => row(name).getByText("Ready", { exact: true }).waitFor();

  /** What the API answers, asked with the page's token. */
  async function ask<T>(path: string): Promise<T> {
    const { api_url } = (await (await fetch(`${AT}/config.json`)).json()) as { api_url: string };
    const token = await page.evaluate(
      () => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id,
    );
    const response = await fetch(api_url + path, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(response.status, 200);
    return (await response.json()) as T;
  }

  /** The jobs of the table. */
  async function table(): Promise<Map<string, JobView>> {
    const jobs = new Map<string, JobView>();
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const found: JobPage = await ask(
        `/jobs?limit=100&tenant=acme${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      );
      for (const one of found.jobs) jobs.set(one.id, one);
      cursor = found.cursor;
    }
    return jobs;
  }

  test("an uploaded contract becomes ready without a reload and shows its own review", async () => {
    await signIn(REVIEWER);
    const name = `Agreement ${RUN}.pdf`;
    await upload(contract(name));
    await row(name).waitFor();
    await ready(name);
    await row(name).locator("a").click();
    await page.getByRole("heading", { name: "Summary" }).waitFor();
    assert.ok((await page.locator(".clause").count()) > 0);
    // The document comes from S3 by a signed request for its version.
    await page.locator(".pdf-page canvas").first().waitFor();
    await page
      .locator(".clause")
      .first()
      .getByRole("button", { name: /^page \d/ })
      .click();
    await page.locator(".pdf-mark.chosen").first().waitFor();
    await page.getByText("History").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download result" }).click(),
    ]);
    assert.match(download.suggestedFilename(), /json$/);
  });

  test("a failed contract shows its cause, and a retry's reason appears in the audit log", async () => {
    await signIn(REVIEWER);
    const name = `Damaged ${RUN}.pdf`;
    await upload({ name, mimeType: "application/pdf", buffer: readFileSync(BROKEN) });
    await row(name).getByText("Failed", { exact: true }).waitFor();
    await row(name).locator("a").click();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByLabel("Reason").fill(`checked by hand ${RUN}`);
    await page.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText(`checked by hand ${RUN}`).first().waitFor();
    const support = await (await newContext(browser)).newPage();
    await signIn(SUPPORT, "/support/audit", support);
    await support.getByRole("cell", { name: `checked by hand ${RUN}` }).waitFor();
    await support.context().close();
  });

  test("a failed contract is retried with a reason and becomes ready without a reload", {
    skip: FAILED === "" ? "PAGE_FAILED is not set" : false,
  }, async () => {
    await signIn(REVIEWER);
    await row(FAILED).getByText("Failed", { exact: true }).waitFor();
    await row(FAILED).locator("a").click();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByLabel("Reason").fill("the model was repaired");
    await page.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText("the model was repaired").first().waitFor();
    await page.getByRole("button", { name: "Download result" }).waitFor();
    assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation").length), 1);
  });

  test("sign-in, search and opening a contract work with the keyboard alone", async () => {
    await page.goto(`${AT}/`);
    await page.getByLabel("E-mail").waitFor();
    await page.keyboard.type(REVIEWER);
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.locator("header.top").waitFor();
    const name = `Keys ${RUN}.pdf`;
    // The file dialog belongs to the browser, so the test does not use it.
    await upload(contract(name, 3));
    await ready(name);
    await page.keyboard.press("/");
    await page.keyboard.type(`keys ${RUN}`);
    await page.waitForURL(/q=keys/);
    await row(name).waitFor();
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let tabs = 0; tabs < 10 && !(await focused()).includes(name); tabs += 1) await page.keyboard.press("Tab");
    assert.ok((await focused()).includes(name));
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name }).waitFor();
  });

  test("a thousand rows load by scrolling", {
    skip: MANY === 0 ? "PAGE_MANY is not set" : false,
  }, async () => {
    await signIn(OTHER);
    const rows = page.locator(".row");
    await rows.first().waitFor();
    await until(`${MANY} rows`, async () => {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      const count = await rows.count();
      return count === MANY || count;
    });
    assert.match((await rows.last().textContent()) ?? "", new RegExp(`Contract ${MANY - 1}\\.pdf`));
  });

  test("another tenant's contract is neither listed, pushed nor reachable by its address", async () => {
    await signIn(REVIEWER);
    const other = await (await newContext(browser)).newPage();
    await signIn(OTHER, "/", other);
    await other.getByText("Live", { exact: true }).waitFor();
    const name = `Confidential ${RUN}.pdf`;
    await upload(contract(name, 1));
    await ready(name);
    assert.equal(await row(name, other).count(), 0);
    const id = await row(name).locator("a").getAttribute("data-id");
    await other.goto(`${AT}/jobs/${id}`);
    await other.getByText("This contract does not exist").waitFor();
    await other.context().close();
  });

  test("a file name with markup is shown as text", async () => {
    await signIn(REVIEWER);
    const name = `<img src=x onerror=alert(1)> ${RUN}.pdf`;
    await upload(contract(name, 2));
    await row(name).waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    await ready(name);
  });

  test("a page whose socket is cut during a burst of 20 uploads matches the table afterwards", async () => {
    let socket: WebSocketRoute | undefined;
    let connections = 0;
    await page.routeWebSocket(/./, (route) => {
      socket = route;
      connections += 1;
      route.connectToServer();
    });
    await signIn(REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    await upload(...Array.from({ length: 20 }, (_, index) => contract(`Burst ${index} ${RUN}.pdf`, index)));
    await row(`Burst 3 ${RUN}.pdf`).waitFor();
    await socket?.close();
    await page.waitForFunction(() => !document.querySelector(".tray h2")?.textContent?.startsWith("Uploading"));
    for (let index = 0; index < 20; index += 1) await ready(`Burst ${index} ${RUN}.pdf`);
    const burst: string[] = [];
    await until("the page shows what the table has", async () => {
      const known = await table();
      const shown = await page.evaluate(() =>
        Object.fromEntries(
          [...document.querySelectorAll<HTMLElement>(".row a[data-id]")].map((one) => [
            one.dataset.id ?? "",
            one.closest("li")?.className.replace("row ", "") ?? "",
          ]),
        ),
      );
      const inTable = [...known.values()].filter((one) => one.id in shown);
      const ours = inTable.filter((one) => one.name.startsWith("Burst") && one.name.endsWith(` ${RUN}.pdf`));
      burst.splice(0, burst.length, ...ours.map((one) => one.name));
      return differences(shown, Object.fromEntries(inTable.map((one) => [one.id, statusGroup(one.status)])));
    });
    assert.equal(new Set(burst).size, 20);
    assert.equal(burst.length, 20, "each is one job");
    await until("the page connected again", () => connections >= 2 || connections);
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("a multipart upload resumes after a reload without sending a part twice", async () => {
    const folder = mkdtempSync(join(tmpdir(), "docket-page-"));
    const name = `Archive ${RUN}.pdf`;
    const path = join(folder, name);
    // Larger than the 100 MB limit of a single request.
    writeFileSync(path, Buffer.alloc(113 * 1024 * 1024, "%PDF-1.7 "));
    try {
      await signIn(REVIEWER);
      await page.getByLabel("Pipeline for uploads").selectOption("ocr-batch");
      const release = await holdPartsAfter(page, 3);
      const created = page.waitForResponse(
        (response) => response.request().method() === "POST" && response.url().endsWith("/uploads"),
      );
      await page.locator("input[type=file]").setInputFiles(path);
      const { job_id, multipart } = (await (await created).json()) as UploadView;
      assert.equal(multipart?.part_count, 8, "113 MB in parts of 16 MB");
      const uploaded = async (): Promise<number[]> =>
        (await ask<UploadView>(`/uploads/${job_id}`)).multipart?.uploaded_parts ?? [];
      await until("S3 has three parts", async () => (await uploaded()).length === 3 || uploaded());
      const before = await uploaded();
      page.on("dialog", (dialog) => void dialog.accept());
      await page.reload();
      await release();
      await page.getByText(`${name} `).first().waitFor();
      const sent = new Set<number>();
      page.on("request", (request) => {
        const part = /[?&]partNumber=(\d+)/.exec(request.url())?.[1];
        if (request.method() === "PUT" && part !== undefined) sent.add(Number(part));
      });
      await page.locator("input[type=file]").setInputFiles(path);
      // The service makes a job only of an upload with all its parts.
      await row(name).waitFor();
      const missing = [1, 2, 3, 4, 5, 6, 7, 8].filter((part) => !before.includes(part));
      assert.deepEqual([...sent].sort(), missing, "exactly the parts that were missing");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a password is changed, forgotten and replaced, and an authenticator app asked for, by the user pool", async () => {
    const other = "pass phrase of an hour";
    const button = (name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();
    const field = (name: string): ReturnType<Page["locator"]> => page.locator(`input[name=${name}]`);
    const openAccount = async (): Promise<void> => {
      await page.locator("details.person summary").click();
      await button("Account and e-mail");
    };
    const signOut = async (): Promise<void> => {
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await button("Sign out");
      await field("email").fill(OTHER);
    };
    await signIn(OTHER);
    await openAccount();
    await field("password").fill(PASSWORD);
    await field("new-password").fill(other);
    await button("Change the password");
    await page.getByText("Your password is changed").waitFor();
    await button("Set up an app");
    const key = (await page.locator(".key").textContent()) ?? "";
    await field("code").fill(totp(key));
    await button("Turn the code on");
    await page.getByText("On: sign-in asks for a code").waitFor();
    await signOut();
    await field("password").fill(other);
    await button("Sign in");
    await field("code").fill("000000");
    await button("Sign in");
    await page.getByText("This code is not right").waitFor();
    await field("code").fill(totp(key));
    await button("Sign in");
    await page.locator("header.top").waitFor();
    await openAccount();
    await button("Turn the code off");
    await page.getByText("Off: your password alone").waitFor();
    await signOut();
    await button("Forgot your password?");
    await button("Send the code");
    // The emulator sends no e-mail; its code is always this one.
    await field("code").fill("654321");
    await field("new-password").fill(PASSWORD);
    await button("Save and sign in");
    await page.locator("header.top").waitFor();
  });

  test("the support screens of all tenants have no serious axe violations", async () => {
    const free = await newContext(browser, { bypassCSP: true, reducedMotion: "reduce" });
    const at = await free.newPage();
    await signIn(SUPPORT, "/support", at);
    for (const [path, text] of [
      ["/support", "Failed in the last 24 hours"],
      ["/support/plans", "Retry plans"],
      ["/support/quarantine", "Quarantine"],
      ["/support/audit", "Target"],
      ["/?status=failed", "Contracts"],
    ] as const) {
      await at.goto(AT + path);
      await at.getByRole("heading", { level: 1 }).waitFor();
      await at.getByText(text).first().waitFor();
      await at.locator("[aria-busy]").waitFor({ state: "detached" });
      assert.equal(await at.locator(".error-box").count(), 0, path);
      await at.evaluate(AXE);
      assert.deepEqual(await at.evaluate(seriousViolations), [], path);
    }
    await free.close();
  });
});

function readdirSyncOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
