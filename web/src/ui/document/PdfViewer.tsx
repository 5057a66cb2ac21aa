/** A document in pdf.js, with the places that the result speaks of. It is a chunk of its own. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, errorMessage } from "../../api/errors";
import type { ResultView } from "../../api/types";
import { formatNumber } from "../../lib/format";
import "../../style/document.css";
import { EmptyState, ErrorMessage, Icon, Loading } from "../components";
import { sentence } from "../labels";
import type { Located } from "./locate";
import { type OpenedPdf, openPdf } from "./open";
import { Pages } from "./pages";
import type { Place } from "./places";

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];

export interface PdfViewerProps {
  name: string;
  /** A newly signed request for the file. */
  sign: () => Promise<ResultView>;
  places: readonly Place[];
  /** The place to show. Another `turn` shows the same one again. */
  target: { place: Place; turn: number } | undefined;
  onPick: (place: string) => void;
}

export default function PdfViewer({ name, sign, places, target, onPick }: PdfViewerProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const pages = useRef<Pages | undefined>(undefined);
  const [opened, setOpened] = useState<OpenedPdf>();
  const [error, setError] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  const [page, setPage] = useState(1);
  const [zoom, setZoom] = useState(1);
  const [note, setNote] = useState("");
  const pick = useRef(onPick);
  pick.current = onPick;

  useEffect(() => {
    let current = true;
    let toClose: OpenedPdf | undefined;
    setError(undefined);
    openPdf(sign, (failure) => current && setError(failure)).then(
      (found) => {
        toClose = found;
        if (current) setOpened(found);
        else found.close();
      },
      (failure: unknown) => current && setError(failure),
    );
    return () => {
      current = false;
      setOpened(undefined);
      toClose?.close();
    };
  }, [turn]);

  useEffect(() => {
    if (!opened) return;
    let current = true;
    opened.document.getPage(1).then(
      (first) => {
        if (!current || !box.current) return;
        const events = { onPage: setPage, onPick: (place: string) => pick.current(place) };
        const size = first.getViewport({ scale: 1 });
        pages.current = new Pages(box.current, opened, size, places, events);
        pages.current.setZoom(zoom);
        // Opened again after a failure, it goes on where the reader was, unless that was on the way to a place.
        if (target && shown.current !== target.turn) void show(target);
        else if (page > 1) pages.current.goTo(page);
        else if (target) void show(target);
      },
      (failure: unknown) => current && setError(failure),
    );
    return () => {
      current = false;
      pages.current?.destroy();
      pages.current = undefined;
    };
  }, [opened, places]);

  const shown = useRef<number | undefined>(undefined);
  const show = async ({ place, turn }: { place: Place; turn: number }): Promise<void> => {
    const located = await pages.current?.show(place).catch(() => undefined);
    if (!located) return;
    shown.current = turn;
    setNote(noteOf(place, located));
  };
  useEffect(() => {
    if (target) void show(target);
    else {
      pages.current?.unchoose();
      setNote("");
    }
  }, [target?.turn]);

  const count = opened?.document.numPages ?? 0;
  const goTo = (next: number): void => pages.current?.goTo(Math.min(Math.max(next, 1), count));
  const setZoomBy = (step: number): void => {
    const next = ZOOMS[ZOOMS.indexOf(zoom) + step];
    if (next === undefined) return;
    setZoom(next);
    pages.current?.setZoom(next);
  };

  if (error !== undefined) {
    const isGone = error instanceof ApiError && [404, 410].includes(error.status);
    return isGone ? (
      <EmptyState icon="inbox" title="The document is no longer available">
        {sentence(error.message)}
      </EmptyState>
    ) : (
      <ErrorMessage error={error} onRetry={() => setTurn(turn + 1)} />
    );
  }
  return (
    <div class="pdf">
      <div class="pdf-bar" role="toolbar" aria-label="Document">
        <button
          type="button"
          class="icon-button"
          aria-label="Previous page"
          disabled={page <= 1}
          onClick={() => goTo(page - 1)}
        >
          <Icon name="up" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Next page"
          disabled={page >= count}
          onClick={() => goTo(page + 1)}
        >
          <Icon name="downward" />
        </button>
        <PageNumber page={page} count={count} goTo={goTo} />
        {count > 0 && <span class="muted">of {formatNumber(count)}</span>}
        <span class="pdf-space" />
        <button
          type="button"
          class="icon-button"
          aria-label="Zoom out"
          disabled={zoom === ZOOMS[0]}
          onClick={() => setZoomBy(-1)}
        >
          <Icon name="minus" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Zoom in"
          disabled={zoom === ZOOMS.at(-1)}
          onClick={() => setZoomBy(1)}
        >
          <Icon name="plus" />
        </button>
        <OpenOutside sign={sign} onFailure={(failure) => setNote(errorMessage(failure))} />
      </div>
      <p class="pdf-note muted small" role="status">
        {note}
      </p>
      <div ref={box} class="pdf-pages" tabIndex={0} role="region" aria-label={`Document ${name}`} />
      {!opened && (
        <div class="pdf-loading">
          <Loading what="Opening the document…" />
        </div>
      )}
    </div>
  );
}

/** Says how a place was found, if the reader could take it for more exact than it is. */
function noteOf(place: Place, { by, page }: Located): string {
  if (by === "nothing")
    return place.page === undefined
      ? "The words are not in the text of this document."
      : `The document has no page ${place.page}.`;
  if (by === "page")
    return place.words.length > 0
      ? `The words are not in the text of page ${page}.`
      : `The result names page ${page}, and no place on it.`;
  return place.page !== undefined && page !== place.page
    ? `Found on page ${page}; the result names page ${place.page}.`
    : "";
}

interface PageNumberProps {
  page: number;
  count: number;
  goTo: (page: number) => void;
}

/** The number of the page. What is being typed stays while the viewer renders again, as it does for each pushed change. */
function PageNumber({ page, count, goTo }: PageNumberProps): JSX.Element {
  const [typed, setTyped] = useState<string>();
  return (
    <label class="pdf-number">
      <span class="visually-hidden">Page</span>
      <input
        type="number"
        min={1}
        max={Math.max(count, 1)}
        value={typed ?? page}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => {
          goTo(Number(event.currentTarget.value) || page);
          setTyped(undefined);
        }}
        // Browsers report no change to the number that was there before.
        onBlur={() => setTyped(undefined)}
      />
    </label>
  );
}

interface OpenOutsideProps {
  sign: () => Promise<ResultView>;
  onFailure: (error: unknown) => void;
}

/** The document in a tab of its own, in the browser's reader. */
function OpenOutside({ sign, onFailure }: OpenOutsideProps): JSX.Element {
  const open = (): void => {
    sign().then((view) => {
      const link = document.createElement("a");
      link.href = view.request.url;
      link.target = "_blank";
      link.rel = "noopener";
      link.click();
    }, onFailure);
  };
  return (
    <button type="button" class="icon-button" aria-label="Open in a new tab" title="Open in a new tab" onClick={open}>
      <Icon name="outside" />
    </button>
  );
}
