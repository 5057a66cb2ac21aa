/**
 * The pages of a document in a box that scrolls. Only pages near the visible ones are in it and are drawn; a space above and
 * one below stand for all others. So a thousand pages need little more memory than twenty: each layout of the box makes
 * objects for all its children, and the browser collects them late.
 */

import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import { type Located, Locator } from "./locate";
import { makeMarks, placeAt } from "./marks";
import type { OpenedPdf, PdfDocument } from "./open";
import type { Place } from "./places";

/** Space between pages, in CSS pixels: the margin of .pdf-page. */
const GAP = 12;
/** Pages that begin or end less than this part of the box's height out of view are drawn. */
const NEAR = 0.6;
/** While text is selected, so many more pages are kept for it in each direction: a clause can go over several. */
const MAX_SELECTED_PAGES = 5;
/** A larger canvas is drawn with fewer pixels and stretched. */
const MAX_CANVAS_PIXELS = 12_000_000;
/** pdf.js keeps fonts and pictures of all pages until it is told to forget them. */
const CLEAN_AFTER_PAGES = 100;
const RESIZE_PAUSE_MS = 150;

interface Slot {
  readonly number: number;
  /** In points, as the page is shown. */
  width: number;
  height: number;
  /** Where it begins and ends in the box, in CSS pixels. */
  top: number;
  bottom: number;
  /** Only of a page that is near the visible ones. */
  element: HTMLDivElement | undefined;
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
  private readonly document: PdfDocument;
  private readonly locator: Locator;
  private readonly size: ResizeObserver;
  /** As high as the pages that are not in the box. */
  private readonly above = window.document.createElement("div");
  private readonly below = window.document.createElement("div");
  /** In the box now. */
  private near: Slot[] = [];
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
    private readonly opened: OpenedPdf,
    first: { width: number; height: number },
    private readonly places: readonly Place[],
    private readonly events: PagesEvents,
  ) {
    this.document = opened.document;
    this.locator = new Locator(opened.document);
    for (let number = 1; number <= opened.document.numPages; number += 1)
      this.slots.push({ number, ...first, top: 0, bottom: 0, element: undefined, drawn: undefined, cancel: undefined });
    box.append(this.above, this.below);
    this.layOut();
    this.update();
    box.addEventListener("scroll", this.update, { passive: true });
    this.size = new ResizeObserver(() => {
      // It is hidden or shown.
      this.update();
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.rescale(), RESIZE_PAUSE_MS);
    });
    this.size.observe(box);
  }

  destroy(): void {
    this.isDestroyed = true;
    clearTimeout(this.resizing);
    this.size.disconnect();
    this.box.removeEventListener("scroll", this.update);
    for (const slot of this.near) this.release(slot);
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
    this.box.scrollTop = slot.top - GAP / 2 + Math.max(0, offset - above);
    this.update();
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
    for (const slot of this.near.filter((one) => one.drawn !== undefined)) void this.highlight(slot);
  }

  /** After the box was scrolled or something in it has another size. */
  private readonly update = (): void => {
    if (this.isDestroyed) return;
    const { scrollTop, clientHeight } = this.box;
    const margin = NEAR * clientHeight;
    const seen = [this.pageAt(scrollTop - margin), this.pageAt(scrollTop + clientHeight + margin)] as const;
    const [first, last] = this.withSelected(...seen);
    // A box that is not shown has no height.
    this.fill(clientHeight === 0 ? [] : this.slots.slice(first - 1, last));
    const middle = this.pageAt(scrollTop + clientHeight / 2);
    if (clientHeight > 0 && middle !== this.current) {
      this.current = middle;
      this.events.onPage(middle);
    }
    void this.draw();
  };

  /** From the first to the last of these pages and of those that a selection of text begins and ends on: its words are there to be copied. */
  private withSelected(first: number, last: number): [number, number] {
    const selection = window.document.getSelection();
    if (!selection || selection.isCollapsed) return [first, last];
    const ends = [selection.anchorNode, selection.focusNode];
    const selected = this.near
      .filter(({ element }) => ends.some((end) => element?.contains(end)))
      .map(({ number }) => number)
      .filter((number) => number >= first - MAX_SELECTED_PAGES && number <= last + MAX_SELECTED_PAGES);
    return [Math.min(first, ...selected), Math.max(last, ...selected)];
  }

  /** The last page that begins above a position in the box. */
  private pageAt(position: number): number {
    // The pages are in order, so it is found by halving.
    let [low, high] = [0, this.slots.length - 1];
    while (low < high) {
      const half = Math.ceil((low + high) / 2);
      if ((this.slots[half]?.top ?? 0) <= position) low = half;
      else high = half - 1;
    }
    return low + 1;
  }

  /** Puts these pages, which follow each other, into the box. Those that stay are not touched: one may have the focus. */
  private fill(near: Slot[]): void {
    for (const slot of this.near) if (!near.includes(slot)) this.release(slot);
    this.near = near;
    let before = this.above;
    for (const slot of near) {
      slot.element ??= this.makeElement(slot);
      if (before.nextSibling !== slot.element) before.after(slot.element);
      before = slot.element;
    }
    const above = near[0] ? near[0].top - GAP : 0;
    const end = near.at(-1)?.bottom ?? 0;
    this.above.style.height = `${above}px`;
    this.below.style.height = `${(this.slots.at(-1)?.bottom ?? 0) - end}px`;
  }

  private makeElement(slot: Slot): HTMLDivElement {
    const element = window.document.createElement("div");
    element.className = "pdf-page";
    element.dataset.page = String(slot.number);
    element.addEventListener("click", (event) => {
      const place = placeAt(element, event);
      if (place !== undefined) this.events.onPick(place);
    });
    this.setSize(slot, element);
    return element;
  }

  /** CSS pixels for a point: the page is as wide as the box, times the zoom. */
  private scale(slot: Slot): number {
    return (this.width / slot.width) * this.zoom;
  }

  private layOut(): void {
    this.boxWidth = this.box.clientWidth;
    this.width = Math.max(this.boxWidth - 2 * GAP, 100);
    let top = GAP;
    for (const slot of this.slots) {
      slot.top = top;
      slot.bottom = top + slot.height * this.scale(slot);
      top = slot.bottom + GAP;
      if (slot.element) this.setSize(slot, slot.element);
    }
  }

  private setSize(slot: Slot, element: HTMLElement): void {
    const scale = this.scale(slot);
    element.style.width = `${slot.width * scale}px`;
    element.style.height = `${slot.height * scale}px`;
    element.style.setProperty("--total-scale-factor", String(scale));
  }

  /** Lays the pages out again. The current one stays where it is seen. */
  private rescale(): void {
    const slot = this.slots[this.current - 1];
    if (this.isDestroyed || !slot) return;
    if (this.box.clientWidth > 0) {
      const part = (this.box.scrollTop - slot.top) / (slot.bottom - slot.top);
      this.layOut();
      this.fill(this.near);
      this.box.scrollTop = slot.top + part * (slot.bottom - slot.top);
    }
    this.update();
  }

  private release(slot: Slot): void {
    slot.cancel?.();
    // Else the keyboard would act on the whole screen, and Tab go on at its beginning.
    if (slot.element?.contains(window.document.activeElement)) this.box.focus({ preventScroll: true });
    slot.element?.querySelectorAll("canvas").forEach(discard);
    // A selection can keep one of its elements, and must not keep the others with it.
    slot.element?.replaceChildren();
    slot.element?.remove();
    slot.element = undefined;
    if (slot.drawn !== undefined) this.released += 1;
    slot.drawn = undefined;
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
    try {
      await this.drawPage(slot);
    } catch (error) {
      // A page that was left while it was drawn is drawn when it is near again.
      const wasLeft = error instanceof pdfjs.RenderingCancelledException || error instanceof pdfjs.AbortException;
      if (slot.element && !this.isDestroyed && !wasLeft) {
        slot.drawn = this.scale(slot);
        slot.element.replaceChildren(failure(slot.number));
      }
    }
    slot.cancel = undefined;
  }

  private next(): Slot | undefined {
    if (this.isDestroyed) return undefined;
    const waiting = this.near.filter((slot) => slot.drawn !== this.scale(slot));
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
      this.rescale();
    }
    return page;
  }

  private async drawPage(slot: Slot): Promise<void> {
    const page = await this.measure(slot.number);
    if (!page || !slot.element || this.isDestroyed) return;
    const scale = this.scale(slot);
    const viewport = page.getViewport({ scale });
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
      if (slot.element && !this.isDestroyed) {
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
    if (!slot.element || this.isDestroyed) return discard(canvas);
    slot.element.querySelectorAll("canvas").forEach(discard);
    // One of the highlights may have the focus.
    for (const old of slot.element.querySelectorAll(":scope > :not(.pdf-mark)")) old.remove();
    slot.element.prepend(canvas, words);
    slot.drawn = scale;
    this.opened.hurryCollection();
    await this.highlight(slot);
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
      if (located.page === slot.number) marks.push(...makeMarks(place, located.rects, isChosen));
    }
    if (!slot.element || slot.drawn === undefined || this.isDestroyed) return;
    const { activeElement } = window.document;
    const focused = slot.element.contains(activeElement) ? (activeElement as HTMLElement).dataset.place : undefined;
    for (const old of slot.element.querySelectorAll(".pdf-mark")) old.remove();
    slot.element.append(...marks);
    if (focused === undefined) return;
    // A clause has highlights only while it is chosen.
    const again = marks.find((mark) => mark.dataset.place === focused);
    (again ?? this.box).focus({ preventScroll: true });
  }
}

function failure(page: number): HTMLElement {
  const text = window.document.createElement("p");
  text.className = "pdf-failure";
  text.textContent = `Page ${page} cannot be shown.`;
  return text;
}

/** A canvas keeps its memory until it has no size, also after it left the page. */
function discard(canvas: HTMLCanvasElement): void {
  canvas.width = canvas.height = 0;
}
