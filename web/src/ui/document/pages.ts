/**
 * The pages of a document in a box that scrolls. Only pages near the visible ones are drawn, and what is far is released, so
 * that a thousand pages need no more memory than twenty.
 */

import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import { type Located, Locator } from "./locate";
import type { PdfDocument } from "./open";
import type { Place } from "./places";

/** Space between pages, in CSS pixels. */
const GAP = 12;
/** A larger canvas is drawn with fewer pixels and stretched. */
const MAX_CANVAS_PIXELS = 12_000_000;
/** pdf.js keeps fonts and pictures of all pages until it is told to forget them. */
const CLEAN_AFTER_PAGES = 100;
const RESIZE_PAUSE_MS = 150;

interface Slot {
  readonly number: number;
  readonly element: HTMLDivElement;
  /** In points, as the page is shown. */
  width: number;
  height: number;
  isNear: boolean;
  /** The scale that it was drawn with. */
  drawn: number | undefined;
  cancel: (() => void) | undefined;
}

export interface PagesEvents {
  /** The page in the middle of the box. */
  onPage: (page: number) => void;
  /** A highlight was chosen. */
  onPick: (place: string) => void;
}

export class Pages {
  private readonly slots: Slot[] = [];
  private readonly locator: Locator;
  private readonly near: IntersectionObserver;
  private readonly size: ResizeObserver;
  private zoom = 1;
  /** Of a page at zoom 1, in CSS pixels. */
  private width = 100;
  private boxWidth = 0;
  private current = 1;
  private chosen: string | undefined;
  private isDrawing = false;
  private isDestroyed = false;
  private released = 0;
  private resizing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly box: HTMLElement,
    private readonly document: PdfDocument,
    first: { width: number; height: number },
    private readonly places: readonly Place[],
    private readonly events: PagesEvents,
  ) {
    this.locator = new Locator(document);
    this.near = new IntersectionObserver((entries) => this.seen(entries), { root: box, rootMargin: "60% 0px" });
    for (let number = 1; number <= document.numPages; number += 1) {
      const element = window.document.createElement("div");
      element.className = "pdf-page";
      element.dataset.page = String(number);
      this.slots.push({ number, element, ...first, isNear: false, drawn: undefined, cancel: undefined });
    }
    this.layOut();
    box.append(...this.slots.map((slot) => slot.element));
    for (const slot of this.slots) this.near.observe(slot.element);
    box.addEventListener("scroll", this.scrolled, { passive: true });
    this.size = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.rescale(), RESIZE_PAUSE_MS);
    });
    this.size.observe(box);
  }

  destroy(): void {
    this.isDestroyed = true;
    clearTimeout(this.resizing);
    this.near.disconnect();
    this.size.disconnect();
    this.box.removeEventListener("scroll", this.scrolled);
    for (const slot of this.slots) this.release(slot);
    this.box.replaceChildren();
  }

  setZoom(zoom: number): void {
    this.zoom = zoom;
    this.rescale();
  }

  goTo(page: number, top = 0): void {
    const slot = this.slots[page - 1];
    if (!slot) return;
    // The box may just have become visible.
    if (this.box.clientWidth !== this.boxWidth) this.rescale();
    const offset = top * slot.height * this.scale(slot);
    // A third of the box stays above the place, as context.
    const above = top > 0 ? this.box.clientHeight / 3 : 0;
    this.box.scrollTop = slot.element.offsetTop - GAP / 2 + Math.max(0, offset - above);
    this.noteCurrent();
  }

  /** Goes to a place and highlights it. Says how it was found. */
  async show(place: Place): Promise<Located> {
    this.chosen = place.id;
    const located = await this.locator.locate(place);
    if (this.isDestroyed || this.chosen !== place.id) return located;
    if (located.page !== undefined) {
      await this.measure(located.page);
      this.goTo(located.page, located.rects[0]?.top ?? 0);
    }
    this.highlightDrawn();
    return located;
  }

  /** Highlights no place more than the others. */
  unchoose(): void {
    this.chosen = undefined;
    this.highlightDrawn();
  }

  private highlightDrawn(): void {
    for (const slot of this.slots.filter((one) => one.drawn !== undefined)) void this.highlight(slot);
  }

  private readonly scrolled = (): void => this.noteCurrent();

  private noteCurrent(): void {
    const middle = this.box.scrollTop + this.box.clientHeight / 2;
    // The pages are in order, so the last one that begins above the middle is found by halving.
    let [low, high] = [0, this.slots.length - 1];
    while (low < high) {
      const half = Math.ceil((low + high) / 2);
      if ((this.slots[half]?.element.offsetTop ?? 0) <= middle) low = half;
      else high = half - 1;
    }
    if (low + 1 === this.current) return;
    this.current = low + 1;
    this.events.onPage(this.current);
  }

  /** CSS pixels for a point: the page is as wide as the box, times the zoom. */
  private scale(slot: Slot): number {
    return (this.width / slot.width) * this.zoom;
  }

  private layOut(): void {
    this.boxWidth = this.box.clientWidth;
    this.width = Math.max(this.boxWidth - 2 * GAP, 100);
    for (const slot of this.slots) this.layOutPage(slot);
  }

  private layOutPage(slot: Slot): void {
    const scale = this.scale(slot);
    slot.element.style.width = `${slot.width * scale}px`;
    slot.element.style.height = `${slot.height * scale}px`;
    slot.element.style.setProperty("--total-scale-factor", String(scale));
  }

  private rescale(): void {
    const slot = this.slots[this.current - 1];
    if (this.isDestroyed || !slot || this.box.clientWidth === 0) return;
    const part = (this.box.scrollTop - slot.element.offsetTop) / Math.max(slot.element.offsetHeight, 1);
    this.layOut();
    this.box.scrollTop = slot.element.offsetTop + part * slot.element.offsetHeight;
    void this.draw();
  }

  private seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const slot = this.slots[Number((entry.target as HTMLElement).dataset.page) - 1];
      if (!slot) continue;
      slot.isNear = entry.isIntersecting;
      if (!slot.isNear) this.release(slot);
    }
    void this.draw();
  }

  private release(slot: Slot): void {
    slot.cancel?.();
    if (slot.element.childElementCount === 0) return;
    slot.element.querySelectorAll("canvas").forEach(discard);
    slot.element.replaceChildren();
    slot.drawn = undefined;
    this.released += 1;
  }

  /** Draws the near pages one by one, the current one first. */
  private async draw(): Promise<void> {
    if (this.isDrawing) return;
    this.isDrawing = true;
    // Pages can come near during the cleaning too.
    while (this.next()) {
      for (let slot = this.next(); slot; slot = this.next()) await this.drawSlot(slot);
      if (this.released >= CLEAN_AFTER_PAGES && !this.isDestroyed) {
        this.released = 0;
        await this.document.cleanup().catch(() => {});
      }
    }
    this.isDrawing = false;
  }

  private async drawSlot(slot: Slot): Promise<void> {
    const scale = this.scale(slot);
    try {
      await this.drawPage(slot, scale);
    } catch (error) {
      // A page that was left while it was drawn is drawn when it is near again.
      const wasLeft = error instanceof pdfjs.RenderingCancelledException || error instanceof pdfjs.AbortException;
      if (!this.isDestroyed && !wasLeft) {
        slot.drawn = scale;
        this.showFailure(slot);
      }
    }
    slot.cancel = undefined;
  }

  private next(): Slot | undefined {
    if (this.isDestroyed) return undefined;
    const waiting = this.slots.filter((slot) => slot.isNear && slot.drawn !== this.scale(slot));
    const distance = (slot: Slot): number => Math.abs(slot.number - this.current);
    return waiting.sort((a, b) => distance(a) - distance(b))[0];
  }

  /** Takes over the page's real size: until then it has that of the first page. */
  private async measure(number: number): Promise<pdfjs.PDFPageProxy | undefined> {
    const slot = this.slots[number - 1];
    if (!slot) return undefined;
    const page = await this.document.getPage(number);
    const { width, height } = page.getViewport({ scale: 1 });
    if (width !== slot.width || height !== slot.height) {
      Object.assign(slot, { width, height });
      this.layOutPage(slot);
    }
    return page;
  }

  private async drawPage(slot: Slot, scale: number): Promise<void> {
    const page = await this.measure(slot.number);
    if (!page || !slot.isNear || this.isDestroyed) return;
    const real = this.scale(slot);
    const viewport = page.getViewport({ scale: real });
    const canvas = window.document.createElement("canvas");
    canvas.setAttribute("role", "presentation");
    const pixels = viewport.width * viewport.height;
    const ratio = Math.min(window.devicePixelRatio || 1, Math.sqrt(MAX_CANVAS_PIXELS / pixels));
    canvas.width = Math.floor(viewport.width * ratio);
    canvas.height = Math.floor(viewport.height * ratio);
    const words = window.document.createElement("div");
    words.className = "textLayer";
    try {
      const task = page.render({ canvas, viewport, transform: [ratio, 0, 0, ratio, 0, 0] });
      slot.cancel = () => task.cancel();
      await task.promise;
      if (slot.isNear && !this.isDestroyed) {
        const layer = new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: words, viewport });
        slot.cancel = () => layer.cancel();
        await layer.render();
      }
    } catch (error) {
      discard(canvas);
      throw error;
    } finally {
      // What the worker sent of a page is kept until then, also of one that was left while it was drawn.
      page.cleanup();
    }
    if (!slot.isNear || this.isDestroyed) return discard(canvas);
    slot.element.querySelectorAll("canvas").forEach(discard);
    slot.element.replaceChildren(canvas, words);
    // The scale of before, if the page has another size than was thought: it is drawn with the real one.
    slot.drawn = real === scale ? scale : real;
    await this.highlight(slot);
  }

  private showFailure(slot: Slot): void {
    const text = window.document.createElement("p");
    text.className = "pdf-failure";
    text.textContent = `Page ${slot.number} cannot be shown.`;
    slot.element.replaceChildren(text);
  }

  /** Shows what the result says about this page. */
  private async highlight(slot: Slot): Promise<void> {
    const here = this.places.filter((one) => one.page === slot.number || one.id === this.chosen);
    const marks: HTMLElement[] = [];
    for (const place of here) {
      const isChosen = place.id === this.chosen;
      // Clauses cover most of a page: only the chosen one is shown.
      if (!isChosen && !place.id.startsWith("finding")) continue;
      const located = await this.locator.locate(place);
      if (located.page === slot.number) marks.push(...this.marks(place, located, isChosen));
    }
    if (slot.drawn === undefined || this.isDestroyed) return;
    for (const old of slot.element.querySelectorAll(".pdf-mark")) old.remove();
    slot.element.append(...marks);
  }

  private marks(place: Place, located: Located, isChosen: boolean): HTMLElement[] {
    return located.rects.map((rect, index) => {
      // One button for the keyboard; the other lines of the place belong to it.
      const mark = window.document.createElement(index === 0 ? "button" : "div");
      mark.className = `pdf-mark ${place.rank}${isChosen ? " chosen" : ""}`;
      if (mark instanceof HTMLButtonElement) {
        mark.type = "button";
        mark.setAttribute("aria-label", `${place.label}: show in the result`);
      }
      mark.style.left = `${rect.left * 100}%`;
      mark.style.top = `${rect.top * 100}%`;
      mark.style.width = `${(rect.right - rect.left) * 100}%`;
      mark.style.height = `${(rect.bottom - rect.top) * 100}%`;
      mark.addEventListener("click", () => this.events.onPick(place.id));
      return mark;
    });
  }
}

/** A canvas keeps its memory until it has no size, also after it left the page. */
function discard(canvas: HTMLCanvasElement): void {
  canvas.width = canvas.height = 0;
}
