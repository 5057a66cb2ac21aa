/** The document beside its result, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { makePdf } from "./fixture/pdf";
import { fixture, page, REVIEWER, SKIP_REASON, setUp } from "./harness";

const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

describe("the document beside its result", { skip: SKIP_REASON }, () => {
  setUp();

  async function open(viewport = WIDE, fields: Parameters<typeof newJob>[0] = {}): Promise<void> {
    await page.setViewportSize(viewport);
    const job = fixture.set(newJob({ status: "Ready", version: 3, name: "Supply agreement.pdf", ...fields }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
  }

  /** The words of the document under the chosen highlight. */
  const highlighted = (): Promise<string> =>
    page.evaluate(() => {
      const marks = [...document.querySelectorAll(".pdf-mark.chosen")].map((one) => one.getBoundingClientRect());
      const isUnder = (a: DOMRect): boolean =>
        marks.some((b) => a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 4 && b.top < a.bottom - 4);
      const runs = [...document.querySelectorAll(".textLayer span")].filter((one) =>
        isUnder(one.getBoundingClientRect()),
      );
      return runs.map((one) => one.textContent).join(" ");
    });
  const chosenPage = (): Promise<string | undefined> =>
    page.evaluate(
      () => document.querySelector<HTMLElement>(".pdf-mark.chosen")?.closest<HTMLElement>(".pdf-page")?.dataset.page,
    );

  test("a finding leads to its words in the document, and the highlight back to the finding", async () => {
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    const finding = page.locator(".flag", { hasText: "Renews automatically" });
    await finding.getByRole("button", { name: "page 2" }).click();
    await page.locator(".pdf-mark.chosen").first().waitFor();
    assert.equal(await chosenPage(), "2");
    assert.match(await highlighted(), /renewed automatically for successive terms/);
    const isVisible = await page.evaluate(() => {
      const mark = document.querySelector(".pdf-mark.chosen")?.getBoundingClientRect();
      const box = document.querySelector(".pdf-pages")?.getBoundingClientRect();
      return Boolean(mark && box && mark.top >= box.top && mark.bottom <= box.bottom);
    });
    assert.ok(isVisible, "the highlight is in the visible part of the document");
    await page
      .locator(".clause", { hasText: "Prices are those of Annex B" })
      .getByRole("button", { name: "page 1" })
      .click();
    await until("the clause is highlighted", async () => /Annex B/.test(await highlighted()));
    const mark = page.getByRole("button", { name: "Auto renewal: show in the result" }).first();
    await mark.scrollIntoViewIfNeeded();
    const at = await mark.boundingBox();
    assert.ok(at);
    await page.mouse.move(at.x + 2, at.y + at.height / 2);
    await page.mouse.down();
    await page.mouse.move(at.x + at.width - 2, at.y + at.height / 2, { steps: 3 });
    await page.mouse.up();
    assert.match(await page.evaluate(() => String(getSelection())), /renewed/, "words under a highlight can be copied");
    assert.match(await highlighted(), /Annex B/, "selecting them chooses nothing");
    // The first click ends the selection, as everywhere.
    await mark.click({ force: true });
    await page.waitForFunction(() => getSelection()?.isCollapsed);
    await mark.click({ force: true });
    await page.waitForFunction(() => document.activeElement?.id.startsWith("finding-"));
    assert.match((await page.evaluate(() => document.activeElement?.textContent)) ?? "", /Renews automatically/);
  });

  test("the keys n and p go from finding to finding, also to those without a place in the document", async () => {
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.keyboard.press("n");
    await page.locator(".flag.chosen", { hasText: "No limitation of liability" }).waitFor();
    await page.keyboard.press("n");
    await page.locator(".flag.chosen", { hasText: "Renews automatically" }).waitFor();
    await page.locator(".pdf-mark.chosen").first().waitFor();
    await page.keyboard.press("n");
    await page.locator(".flag.chosen", { hasText: "No termination for convenience" }).waitFor();
    await page.locator(".pdf-mark.chosen").first().waitFor({ state: "detached" });
    await page.keyboard.press("n");
    await page.locator(".flag.chosen", { hasText: "Switzerland" }).waitFor();
    assert.ok(await page.getByRole("button", { name: "Next finding" }).isDisabled());
    await page.keyboard.press("p");
    await page.locator(".flag.chosen", { hasText: "No termination for convenience" }).waitFor();
  });

  test("keys that follow each other within a frame count each", async () => {
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.evaluate(() => {
      for (const _ of [1, 2]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true }));
    });
    await page.locator(".flag.chosen", { hasText: "Renews automatically" }).waitFor();
  });

  test("a box is highlighted where the result says; a place that is not there says so", async () => {
    fixture.review = JSON.stringify({
      flags: [
        { text: "boxed", page: 2, box: [0.25, 0.5, 0.75, 0.6] },
        { text: "misquoted", page: 1, quote: "these words are not in the contract" },
        { text: "elsewhere", page: 1, quote: "United Nations Convention on Contracts" },
        { text: "beyond", page: 99 },
      ],
    });
    await open();
    const show = (text: string): Promise<void> =>
      page.locator(".flag", { hasText: text }).getByRole("button", { name: "page" }).click();
    await show("Boxed");
    await page.locator(".pdf-mark.chosen").waitFor();
    const at = await page.locator(".pdf-mark.chosen").evaluate((mark) => {
      const sheet = mark.closest(".pdf-page")?.getBoundingClientRect() ?? new DOMRect();
      const box = mark.getBoundingClientRect();
      const parts = [(box.left - sheet.left) / sheet.width, (box.top - sheet.top) / sheet.height];
      return [...parts, (box.right - sheet.left) / sheet.width, (box.bottom - sheet.top) / sheet.height].map(
        (one) => Math.round(one * 100) / 100,
      );
    });
    assert.deepEqual(at, [0.25, 0.5, 0.75, 0.6]);
    await show("Misquoted");
    await page.getByText("The words are not in the text of page 1").waitFor();
    await show("Elsewhere");
    await page.getByText("Found on page 2; the result names page 1").waitFor();
    assert.match(await highlighted(), /United Nations Convention/);
    await show("Beyond");
    await page.getByText("The document has no page 99").waitFor();
  });

  test("of a thousand pages a few are drawn, and only the parts that are looked at are loaded", async () => {
    const pages = Array.from({ length: 1000 }, (_, index) => [`Page ${index + 1}`, "Lorem ipsum dolor sit amet"]);
    fixture.document = makePdf(pages, "", 100_000);
    assert.ok(fixture.document.length > 100_000_000);
    fixture.review = JSON.stringify({ flags: [{ text: "late", page: 900, quote: "Page 900 Lorem ipsum" }] });
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.locator(".flag").getByRole("button", { name: "page 900" }).click();
    await page.locator('.pdf-page[data-page="900"] .pdf-mark.chosen').first().waitFor();
    assert.match(await highlighted(), /Page 900/);
    for (const number of [1, 250, 500, 750, 1000]) {
      await page.getByRole("spinbutton", { name: "Page" }).fill(String(number));
      await page.keyboard.press("Enter");
      await page.locator(`.pdf-page[data-page="${number}"] canvas`).waitFor();
      const [boxes, drawn] = [page.locator(".pdf-page"), page.locator(".pdf-page canvas")];
      assert.ok((await drawn.count()) <= 8, `${await drawn.count()} pages are drawn`);
      assert.ok((await boxes.count()) <= 8, `${await boxes.count()} pages are in the document, drawn or not`);
    }
    const ranges = fixture.requests.filter((one) => one.includes("/s3/document-"));
    assert.ok(
      ranges.every((one) => one.includes(" bytes=")),
      "only ranges are requested",
    );
    const loaded = ranges
      .map((one) => /bytes=(\d+)-(\d+)/.exec(one))
      .reduce((sum, one) => sum + Number(one?.[2]) - Number(one?.[1]), 0);
    assert.ok(loaded < 20_000_000, `${loaded} bytes were loaded`);
  });

  test("pages that are out of view are released: their canvases, and the words above them", async () => {
    const pages = Array.from({ length: 60 }, (_, index) => [`Page ${index + 1}`, "Lorem ipsum dolor sit amet"]);
    fixture.document = makePdf(pages);
    // What the page makes, also what it has taken out of the document. Canvases without pixels need no memory.
    await page.addInitScript(() => {
      const made: { canvases: Element[]; words: WeakRef<Element>[] } = { canvases: [], words: [] };
      const create = Document.prototype.createElement;
      Document.prototype.createElement = function (this: Document, ...what: Parameters<typeof create>) {
        const element = create.apply(this, what);
        if (element instanceof HTMLCanvasElement) made.canvases.push(element);
        if (element instanceof HTMLSpanElement) made.words.push(new WeakRef(element));
        return element;
      } as typeof create;
      Object.assign(globalThis, { made });
    });
    await open();
    for (let number = 1; number <= pages.length; number += 1) {
      await page.locator(".pdf-pages").evaluate(
        (box, before) => {
          box.scrollTop = before * box.scrollHeight;
        },
        (number - 1) / pages.length,
      );
      await page.locator(`.pdf-page[data-page="${number}"] .textLayer`).waitFor();
    }
    /** Canvases that hold pixels, and words of the document. pdf.js keeps one canvas to measure text. */
    const kept = (): Promise<{ canvases: number; words: number }> =>
      page.evaluate(() => {
        const { made } = globalThis as unknown as {
          made: { canvases: HTMLCanvasElement[]; words: WeakRef<Element>[] };
        };
        return {
          canvases: made.canvases.filter((one) => one.width > 0).length,
          words: made.words.filter((one) => one.deref()?.textContent?.startsWith("Lorem ipsum")).length,
        };
      });
    const { canvases } = await kept();
    assert.ok(canvases <= 8, `${canvases} canvases hold pixels`);
    await until("the words of pages out of view are collected", async () => {
      await page.requestGC();
      const { words } = await kept();
      return (words > 0 && words <= 8) || `${words} lines are kept`;
    });
  });

  test("a page stays where it is while pages around it turn out to have another size than the first", async () => {
    const pages = Array.from({ length: 40 }, (_, index) => [`Page ${index + 1}`]);
    fixture.document = makePdf(pages, "", 0, (number) => (number === 1 ? 842 : 300 + 10 * number));
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.getByRole("spinbutton", { name: "Page" }).fill("20");
    await page.keyboard.press("Enter");
    for (const number of [19, 20, 21]) await page.locator(`.pdf-page[data-page="${number}"] canvas`).waitFor();
    const [above, height, width] = await page.locator('.pdf-page[data-page="20"]').evaluate((sheet) => {
      const { top, height, width } = sheet.getBoundingClientRect();
      return [top - (sheet.parentElement?.getBoundingClientRect().top ?? 0), height, width];
    });
    assert.ok(above !== undefined && Math.abs(above) <= 12, `page 20 begins ${above} pixels below the box's top`);
    assert.equal(Math.round((595 * (height ?? 0)) / (width ?? 1)), 500);
    await page.locator(".pdf-pages").evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await page.locator('.pdf-page[data-page="40"] canvas').waitFor();
  });

  test("a signed request that has expired is replaced", async () => {
    fixture.document = makePdf(
      Array.from({ length: 30 }, (_, index) => [`Page ${index + 1}`]),
      "",
      300_000,
    );
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    for (let number = 1; number <= fixture.signedDocuments; number += 1) fixture.expiredDocuments.add(number);
    await page.getByRole("spinbutton", { name: "Page" }).fill("25");
    await page.keyboard.press("Enter");
    await page.locator('.pdf-page[data-page="25"] canvas').waitFor();
  });

  test("a document that was deleted, is damaged or needs a password says so, and the result stays", async () => {
    fixture.document = undefined;
    await open();
    await page.getByText("The document is no longer available").waitFor();
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    fixture.document = Buffer.from("<html>no PDF</html>");
    await page.reload();
    await page.getByText("This document is damaged or is not a PDF").waitFor();
  });

  test("scripts in a document do not run", async () => {
    const script = "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\); this.print\\(\\);)>>";
    fixture.document = makePdf([["With a script"]], script);
    const dialogs: string[] = [];
    page.on("dialog", (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await open();
    await page.locator(".textLayer span", { hasText: "With a script" }).waitFor();
    assert.deepEqual(dialogs, []);
    assert.ok(!fixture.requests.some((one) => one.includes("sandbox")));
  });

  test("on a phone the result and the document are tabs", async () => {
    await open(PHONE);
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    assert.equal(fixture.signedDocuments, 0, "the document is loaded when it is looked at");
    await page.locator(".flag", { hasText: "Renews automatically" }).getByRole("button", { name: "page 2" }).click();
    await page.locator(".pdf-mark.chosen").first().waitFor();
    assert.equal(await page.getByRole("tab", { name: "Document" }).getAttribute("aria-selected"), "true");
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= PHONE.width, `${width} pixels wide`);
    await page.getByRole("tab", { name: "Document" }).press("ArrowLeft");
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    await page.locator(".pdf-page").first().waitFor({ state: "detached" });
    await page.getByRole("tab", { name: "Result" }).press("ArrowRight");
    await page.locator('.pdf-page[data-page="2"] canvas').waitFor();
  });

  test("the document of a failed contract is shown on request", async () => {
    await open(WIDE, { status: "Failed", failure: { cause: "ModelError", detail: "x" } });
    await page.getByRole("button", { name: "Show the document" }).click();
    await page.locator(".pdf-page canvas").first().waitFor();
  });
});
