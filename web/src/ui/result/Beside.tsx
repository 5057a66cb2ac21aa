/** A result beside its document. A finding leads to its place in the document, and a highlight there back to the finding. */

import type { ComponentChildren, JSX } from "preact";
import { createContext } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ResultView } from "../../api/types";
import "../../style/beside.css";
import type { PdfViewerProps } from "../document/PdfViewer";
import type { Place } from "../document/places";
import { useKeys } from "../keys";
import { later } from "../later";

/** The document needs room for a readable page beside the result. */
const WIDE = "(min-width: 1100px)";
const HIDDEN_KEY = "docket.document-hidden";

interface Selection {
  chosen: string | undefined;
  /** Shows a place in the document. Undefined if the result has no such place. */
  select: ((id: string) => void) | undefined;
  places: ReadonlyMap<string, Place>;
}

const SelectionContext = createContext<Selection>({ chosen: undefined, select: undefined, places: new Map() });

/** How an entry of the result is shown that may have a place in the document. */
export function usePlace(id: string): { isChosen: boolean; show: (() => void) | undefined } {
  const { chosen, select, places } = useContext(SelectionContext);
  return { isChosen: chosen === id, show: select && places.has(id) ? () => select(id) : undefined };
}

/** The number in the id of the chosen entry of a kind, such as `finding`. */
export function useChosenIndex(kind: string): number | undefined {
  return numberOf(kind, useContext(SelectionContext).chosen);
}

function numberOf(kind: string, id: string | undefined): number | undefined {
  return id?.startsWith(`${kind}-`) ? Number(id.slice(kind.length + 1)) : undefined;
}

export function Beside({
  name,
  sign,
  places,
  findings,
  children,
}: {
  name: string;
  sign: () => Promise<ResultView>;
  places: readonly Place[];
  /** How many there are, with those that have no place in the document. */
  findings: number;
  children: ComponentChildren;
}): JSX.Element {
  const isWide = useMedia(WIDE);
  const bar = useRef<HTMLDivElement>(null);
  const [isHidden, setHidden] = useState(() => localStorage.getItem(HIDDEN_KEY) === "yes");
  const [tab, setTab] = useState<"result" | "document">("result");
  const [chosen, setChosen] = useState<string>();
  const [target, setTarget] = useState<{ place: Place; turn: number }>();
  const turns = useRef(0);
  const [wasShown, setWasShown] = useState(false);
  const showsDocument = isWide ? !isHidden : tab === "document";
  const showsResult = isWide || tab === "result";
  useEffect(() => {
    if (showsDocument) setWasShown(true);
  }, [showsDocument]);
  const byId = useMemo(() => new Map(places.map((place) => [place.id, place])), [places]);
  const hide = (hidden: boolean): void => {
    setHidden(hidden);
    localStorage.setItem(HIDDEN_KEY, hidden ? "yes" : "no");
  };
  // Two keys may arrive before the next rendering.
  const latest = useRef<string | undefined>(undefined);
  const choose = (id: string): void => {
    latest.current = id;
    setChosen(id);
    turns.current += 1;
    const place = byId.get(id);
    setTarget(place && { place, turn: turns.current });
  };
  const select = (id: string): void => {
    choose(id);
    if (!byId.has(id)) showResult(id, false);
    else if (isWide) {
      if (isHidden) hide(false);
    } else {
      setTab("document");
      requestAnimationFrame(() => {
        // The entry may be far below the tabs.
        bar.current?.scrollIntoView({ block: "start" });
        // The focus may have been in the result, which is hidden now.
        const at = document.activeElement;
        const isLost = at === document.body || document.getElementById("panel-result")?.contains(at);
        if (isLost) document.getElementById("tab-document")?.focus();
      });
    }
  };
  const showResult = (id: string, focus = true): void => {
    setTab("result");
    requestAnimationFrame(() => reveal(id, focus));
  };
  /** From the document back to the result. */
  const pick = (id: string): void => {
    choose(id);
    showResult(id);
  };
  const at = numberOf("finding", chosen);
  const step = (by: 1 | -1): void => {
    const from = numberOf("finding", latest.current);
    const next = from === undefined ? (by > 0 ? 0 : findings - 1) : from + by;
    if (next < 0 || next >= findings) return;
    const id = `finding-${next}`;
    select(id);
    if (isWide) requestAnimationFrame(() => reveal(id, false));
  };
  useKeys({ n: () => step(1), p: () => step(-1) });
  return (
    <SelectionContext.Provider value={{ chosen, select, places: byId }}>
      <div class="beside-bar" ref={bar}>
        {!isWide && (
          <div class="tabs" role="tablist" aria-label="Result and document">
            {(["result", "document"] as const).map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                id={`tab-${one}`}
                aria-selected={tab === one}
                aria-controls={`panel-${one}`}
                tabIndex={tab === one ? 0 : -1}
                onClick={() => setTab(one)}
                onKeyDown={(event) => {
                  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
                  const other = one === "result" ? "document" : "result";
                  setTab(other);
                  document.getElementById(`tab-${other}`)?.focus();
                }}
              >
                {one === "result" ? "Result" : "Document"}
              </button>
            ))}
          </div>
        )}
        {findings > 0 && (
          <>
            <button type="button" class="quiet" title="Key p" disabled={at === 0} onClick={() => step(-1)}>
              Previous finding
            </button>
            <button type="button" class="quiet" title="Key n" disabled={at === findings - 1} onClick={() => step(1)}>
              Next finding
            </button>
          </>
        )}
        {isWide && (
          <button type="button" class="link" onClick={() => hide(!isHidden)}>
            {isHidden ? "Show the document" : "Hide the document"}
          </button>
        )}
      </div>
      <div class={isWide && !isHidden ? "beside wide" : "beside"}>
        <div
          class="result"
          id="panel-result"
          hidden={!showsResult}
          {...(isWide ? {} : { role: "tabpanel", "aria-labelledby": "tab-result" })}
        >
          {children}
        </div>
        {(showsDocument || wasShown) && (
          <div
            class="document"
            id="panel-document"
            hidden={!showsDocument}
            {...(isWide ? {} : { role: "tabpanel", "aria-labelledby": "tab-document" })}
          >
            <LazyViewer name={name} sign={sign} places={places} target={target} onPick={pick} />
          </div>
        )}
      </div>
    </SelectionContext.Provider>
  );
}

/** The viewer of documents. */
export const LazyViewer = later<PdfViewerProps>(() => import("../document/PdfViewer"), "Opening the document…");

/** Scrolls to an entry of the result. */
function reveal(id: string, focus = true): void {
  const entry = document.getElementById(id);
  entry?.scrollIntoView({ block: "nearest" });
  if (focus) entry?.focus({ preventScroll: true });
}

function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = (): void => set(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}
