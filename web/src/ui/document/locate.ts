/** Where on which page a place is: by its box, else by its words, else only its page. */

import type { PDFPageProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import { Util } from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PdfDocument } from "./open";
import type { Place } from "./places";
import { PageText, type RunPart } from "./text";

/** Without a page, so many are searched for the words. */
const MAX_SEARCHED_PAGES = 300;
/** Texts of pages that are kept. */
const MAX_TEXTS = 12;

/** In parts of the page's width and height. */
export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Located {
  by: "box" | "words" | "page" | "nothing";
  page: number | undefined;
  rects: Rect[];
}

interface Run {
  str: string;
  transform: number[];
  width: number;
  height: number;
}

interface Searched {
  text: PageText;
  runs: Run[];
  page: PDFPageProxy;
}

export class Locator {
  private readonly found = new Map<string, Promise<Located>>();
  private readonly texts = new Map<number, Promise<Searched>>();

  constructor(private readonly document: PdfDocument) {}

  locate(place: Place): Promise<Located> {
    const known = this.found.get(place.id);
    if (known) return known;
    const located = this.search(place);
    this.found.set(place.id, located);
    // It can succeed later: a part of the file may be missing now.
    located.catch(() => this.found.delete(place.id));
    return located;
  }

  private async search(place: Place): Promise<Located> {
    const { numPages } = this.document;
    const page = place.page !== undefined && place.page <= numPages ? place.page : undefined;
    if (page !== undefined && place.box) {
      const viewport = (await this.document.getPage(page)).getViewport({ scale: 1 });
      const { unit, left, top, right, bottom } = place.box;
      const [width, height] = unit === "point" ? [viewport.width, viewport.height] : [1, 1];
      const rect = { left: left / width, top: top / height, right: right / width, bottom: bottom / height };
      if (rect.right <= 1.01 && rect.bottom <= 1.01) return { by: "box", page, rects: [rect] };
    }
    for (const number of place.words.length > 0 ? this.candidates(page) : []) {
      const searched = await this.text(number);
      for (const words of place.words) {
        const parts = searched.text.find(words);
        if (parts) return { by: "words", page: number, rects: parts.map((part) => rectOf(part, searched)) };
      }
    }
    return page === undefined ? { by: "nothing", page: undefined, rects: [] } : { by: "page", page, rects: [] };
  }

  /** The page that the model names and its neighbours; without one, all pages from the first. */
  private candidates(page: number | undefined): number[] {
    const { numPages } = this.document;
    if (page !== undefined) return [page, page + 1, page - 1].filter((one) => one >= 1 && one <= numPages);
    return Array.from({ length: Math.min(numPages, MAX_SEARCHED_PAGES) }, (_, index) => index + 1);
  }

  private text(number: number): Promise<Searched> {
    const known = this.texts.get(number);
    if (known) return known;
    const read = this.readText(number);
    this.texts.set(number, read);
    read.catch(() => this.texts.delete(number));
    const [oldest] = this.texts.keys();
    if (this.texts.size > MAX_TEXTS && oldest !== undefined) this.texts.delete(oldest);
    return read;
  }

  private async readText(number: number): Promise<Searched> {
    const page = await this.document.getPage(number);
    const { items } = await page.getTextContent();
    const runs = items.filter((item): item is (typeof items)[number] & Run => "str" in item);
    return { text: new PageText(runs), runs, page };
  }
}

/** The rectangle around a part of a run. Its characters are taken as equally wide. */
function rectOf(part: RunPart, { runs, page }: Searched): Rect {
  const run = runs[part.run] as Run;
  const [a = 0, b = 0, c = 0, d = 0, x = 0, y = 0] = run.transform;
  const along = unit(a, b);
  const up = unit(c, d);
  const width = run.width / Math.max(run.str.length, 1);
  const corner = (position: number, height: number): [number, number] => [
    x + along[0] * width * position + up[0] * height,
    y + along[1] * width * position + up[1] * height,
  ];
  const viewport = page.getViewport({ scale: 1 });
  const corners = [
    corner(part.from, -0.22 * run.height),
    corner(part.to, -0.22 * run.height),
    corner(part.from, 0.9 * run.height),
    corner(part.to, 0.9 * run.height),
  ].map(([cornerX, cornerY]) => {
    const point: [number, number] = [cornerX, cornerY];
    Util.applyTransform(point, viewport.transform);
    return point;
  });
  const xs = corners.map((one) => one[0] / viewport.width);
  const ys = corners.map((one) => one[1] / viewport.height);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function unit(x: number, y: number): [number, number] {
  const length = Math.hypot(x, y) || 1;
  return [x / length, y / length];
}
