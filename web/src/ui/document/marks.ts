/** The highlights on a page. They lie over its words and let the pointer through, so that the words can be selected. */

import type { Rect } from "./locate";
import type { Place } from "./places";

/** One for each line of a place. */
export function makeMarks(place: Place, rects: readonly Rect[], isChosen: boolean): HTMLElement[] {
  return rects.map((rect, index) => {
    // One button for the keyboard; the other lines of the place belong to it.
    const mark = document.createElement(index === 0 ? "button" : "div");
    mark.className = `pdf-mark ${place.rank}${isChosen ? " chosen" : ""}`;
    mark.dataset.place = place.id;
    if (mark instanceof HTMLButtonElement) {
      mark.type = "button";
      mark.setAttribute("aria-label", `${place.label}: show in the result`);
    }
    mark.style.left = `${rect.left * 100}%`;
    mark.style.top = `${rect.top * 100}%`;
    mark.style.width = `${(rect.right - rect.left) * 100}%`;
    mark.style.height = `${(rect.bottom - rect.top) * 100}%`;
    return mark;
  });
}

/** The place whose highlight was clicked, if a click on a page is not the end of a selection. */
export function placeAt(page: HTMLElement, { target, clientX, clientY }: MouseEvent): string | undefined {
  const marks = [...page.querySelectorAll<HTMLElement>(".pdf-mark")];
  // By the keyboard or a screen reader.
  const activated = marks.find((mark) => mark === target);
  if (activated) return activated.dataset.place;
  if (!document.getSelection()?.isCollapsed) return undefined;
  const isHere = (mark: HTMLElement): boolean => {
    const { left, top, right, bottom } = mark.getBoundingClientRect();
    return left <= clientX && clientX <= right && top <= clientY && clientY <= bottom;
  };
  return marks.findLast(isHere)?.dataset.place;
}
