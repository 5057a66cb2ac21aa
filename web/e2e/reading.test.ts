/** Reading a document while other things change: pages leave, parts do not load, the contract is run again or deleted. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { makePdf } from "./fixture/pdf";
import { fixture, page, REVIEWER, SKIP_REASON, setUp } from "./harness";

const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

describe("reading a document", { skip: SKIP_REASON }, () => {
  setUp();

  async function open(viewport = WIDE, fields: Parameters<typeof newJob>[0] = {}): Promise<void> {
    await page.setViewportSize(viewport);
    const job = fixture.set(newJob({ status: "Ready", version: 3, name: "Supply agreement.pdf", ...fields }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
  }

  test("a number of a page that is being typed stays while other contracts change", async () => {
    const lines = Array.from({ length: 20 }, (_, index) => [`Page ${index + 1}`]);
    fixture.document = makePdf(lines);
    const other = fixture.set(newJob({ name: "Other.pdf" }));
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    const field = page.getByRole("spinbutton", { name: "Page" });
    await field.press("ControlOrMeta+a");
    await field.press("1");
    fixture.change(other.id, { status: "Ready" });
    await page.getByText("Other.pdf is ready").waitFor({ state: "attached" });
    await field.press("2");
    await field.press("Enter");
    await page.locator('.pdf-page[data-page="12"] canvas').waitFor();
    await field.fill("99");
    await field.press("Enter");
    await until("the last page", async () => (await field.inputValue()) === "20" || field.inputValue());
  });

  test("a document that could not be loaded any more is opened again where the reader was", async () => {
    fixture.document = makePdf(
      Array.from({ length: 30 }, (_, index) => [`Page ${index + 1}`]),
      "",
      300_000,
    );
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.getByRole("button", { name: "Zoom in" }).click();
    const parts = "**/s3/document-*";
    await page.route(parts, (route) => route.abort());
    await page.getByRole("spinbutton", { name: "Page" }).fill("25");
    await page.keyboard.press("Enter");
    const again = page.locator("#panel-document").getByRole("button", { name: "Try again" });
    await again.waitFor();
    await page.unroute(parts);
    await again.click();
    await page.locator('.pdf-page[data-page="25"] canvas').waitFor();
    assert.equal(await page.getByRole("spinbutton", { name: "Page" }).inputValue(), "25");
    const [sheet, box] = await page.evaluate(() => [
      document.querySelector(".pdf-page")?.clientWidth ?? 0,
      document.querySelector(".pdf-pages")?.clientWidth ?? 0,
    ]);
    assert.ok((sheet ?? 0) > (box ?? 0), "it is as large as before");
  });

  test("text that is selected over several pages is there to be copied, and not without end", async () => {
    fixture.document = makePdf(Array.from({ length: 30 }, (_, index) => [`Page ${index + 1} begins here`]));
    await open();
    const words = (number: number): string => `.pdf-page[data-page="${number}"] .textLayer span`;
    // Not by the field of the page's number: to type there ends a selection.
    const goTo = async (number: number): Promise<void> => {
      await page.locator(".pdf-pages").evaluate(
        (box, part) => {
          box.scrollTop = part * box.scrollHeight;
        },
        (number - 1) / 30,
      );
      await page.locator(words(number)).first().waitFor();
    };
    /** Begins a selection on a page, or extends it to one. */
    const select = (number: number, extend: boolean): Promise<void> =>
      page.evaluate(
        ([at, extends_]) => {
          const text = document.querySelector(at as string)?.firstChild as Text;
          if (extends_) getSelection()?.extend(text, text.length);
          else getSelection()?.setBaseAndExtent(text, 0, text, text.length);
        },
        [words(number), extend],
      );
    await page.locator(words(1)).first().waitFor();
    await select(1, false);
    await goTo(4);
    await select(4, true);
    const selected = await page.evaluate(() => String(getSelection()));
    for (const number of [1, 2, 3, 4]) assert.match(selected, new RegExp(`Page ${number} begins here`));
    await goTo(25);
    await page.locator('.pdf-page[data-page="1"]').waitFor({ state: "detached" });
    assert.ok((await page.locator(".pdf-page").count()) <= 8);
  });

  test("the focus stays in the document when its highlight is drawn again or leaves with its page", async () => {
    fixture.document = makePdf(Array.from({ length: 20 }, (_, index) => [`Page ${index + 1} Lorem ipsum dolor`]));
    const flag = (number: number): object => ({ text: `no. ${number}`, page: number, quote: `Page ${number} Lorem` });
    fixture.review = JSON.stringify({ flags: [flag(1), flag(2)] });
    await open();
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.className ?? "");
    const mark = page.locator('.pdf-page[data-page="1"] button.pdf-mark');
    await mark.waitFor();
    await mark.focus();
    await page.keyboard.press("n");
    await page.locator(".pdf-mark.chosen").first().waitFor();
    assert.match(await focused(), /pdf-mark/);
    const width = (): Promise<number> =>
      page.locator('.pdf-page[data-page="1"] canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).width);
    const before = await width();
    await page.setViewportSize({ width: 1300, height: 900 });
    await until("it is drawn again", async () => (await width()) < before);
    await page.locator('.pdf-page[data-page="1"] button.pdf-mark.chosen').waitFor();
    assert.match(await focused(), /pdf-mark/);
    await page.locator(".pdf-pages").evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await page.locator('.pdf-page[data-page="20"] canvas').waitFor();
    assert.equal(await focused(), "pdf-pages");
  });

  test("on a phone the focus goes with the reader to the document", async () => {
    await open(PHONE);
    const link = page.locator(".flag", { hasText: "Renews automatically" }).getByRole("button", { name: "page 2" });
    await link.focus();
    await page.keyboard.press("Enter");
    await page.locator(".pdf-mark.chosen").first().waitFor();
    await until("the tab has the focus", () => page.evaluate(() => document.activeElement?.id === "tab-document"));
  });

  test("a reader keeps place while the document is run again", async () => {
    await open();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.locator(".flag", { hasText: "Renews" }).getByRole("button", { name: "page 2" }).click();
    await page.locator(".pdf-mark.chosen").first().waitFor();
    const job = [...fixture.jobs.values()].at(-1);
    assert.ok(job);
    const signed = fixture.signedDocuments;
    fixture.change(job.id, { status: "Submitting", attempt: 2, earlier_result: 1 });
    await page.getByText("The document is reviewed again").waitFor();
    fixture.change(job.id, { status: "InProgress", attempt: 2, earlier_result: 1 });
    await page.getByText("Processing, attempt 2").waitFor();
    assert.equal(await page.locator(".flag.chosen", { hasText: "Renews" }).count(), 1);
    assert.equal(await page.locator(".pdf-mark.chosen").first().isVisible(), true);
    assert.equal(fixture.signedDocuments, signed, "the document is not opened again");
  });

  test("the document of a contract is hidden when its data is deleted, and never printed in part", async () => {
    await open(WIDE, { status: "Failed", failure: { cause: "ModelError", detail: "x" } });
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Show the document" }).click();
    await page.locator(".pdf-page canvas").first().waitFor();
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator(".pdf").isVisible(), false);
    await page.emulateMedia({ media: "screen" });
    const job = [...fixture.jobs.values()].at(-1);
    fixture.change(job?.id ?? "", { status: "Erased" });
    await page.getByText("The data was deleted").waitFor();
    assert.equal(await page.locator(".pdf").count(), 0);
  });

  test("a signed request whose credentials have expired is replaced", async () => {
    fixture.document = makePdf(
      Array.from({ length: 30 }, (_, index) => [`Page ${index + 1}`]),
      "",
      300_000,
    );
    await open();
    await page.locator(".pdf-page canvas").first().waitFor();
    const headers = { "access-control-allow-origin": "*" };
    await page.route(/document-.*signed=1(&|$)/, (route) => route.fulfill({ status: 400, headers }));
    await page.getByRole("spinbutton", { name: "Page" }).fill("25");
    await page.keyboard.press("Enter");
    await page.locator('.pdf-page[data-page="25"] canvas').waitFor();
    assert.equal(fixture.signedDocuments, 2);
  });

  test("a page is shown also if the browser has no memory left for what makes it collect garbage", async () => {
    await page.addInitScript(() => {
      globalThis.ArrayBuffer = new Proxy(ArrayBuffer, {
        construct(target, [bytes, ...rest]: [number]) {
          if (bytes === 8_000_000) throw new RangeError("Array buffer allocation failed");
          return Reflect.construct(target, [bytes, ...rest]);
        },
      });
    });
    fixture.document = makePdf([["Page 1 Lorem ipsum dolor"]]);
    fixture.review = JSON.stringify({ flags: [{ text: "first", page: 1, quote: "Page 1 Lorem" }] });
    await open();
    await page.locator('.pdf-page[data-page="1"] .pdf-mark').first().waitFor();
    assert.ok(await page.locator('.pdf-page[data-page="1"] canvas').isVisible());
  });
});
