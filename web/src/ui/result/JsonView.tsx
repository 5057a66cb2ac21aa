/** JSON of any shape: objects as sections, lists of objects as tables. What is long is shown in steps, and says so. */

import type { ComponentType, JSX } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { formatNumber, plural } from "../../lib/format";
import { share } from "./finding";
import { percent } from "./finding-text";
import { FoldingContext, STEP } from "./fold";
import { type Fields, isFields, type Json, plainName } from "./json";
import { looksLikeMarkdown } from "./looks-like-markdown";
import { PRINTED_ENTRIES, PrintingContext } from "./printing";
import { cut, label } from "./words";

const MAX_TEXT_CHARS = 1500;
/** A table with more columns is shown as sections instead. */
const MAX_COLUMNS = 8;
/** Deeper objects are folded, and rendered when they are opened. */
const MAX_OPEN_DEPTH = 2;
const CONFIDENCES = ["confidence", "probability"];

export function JsonView({ value, depth = 0 }: { value: Json; depth?: number }): JSX.Element {
  if (Array.isArray(value)) return <ListView list={value} depth={depth} />;
  if (isFields(value)) return <FieldsView fields={Object.entries(value)} depth={depth} />;
  return <Scalar value={value} />;
}

/** The fields of an object. */
export function FieldsView({ fields, depth = 0 }: { fields: [string, Json][]; depth?: number }): JSX.Element {
  const [shown, more] = useSteps(fields);
  if (fields.length === 0) return <span class="muted">(empty)</span>;
  return (
    <>
      <dl class="json-fields">
        {shown.map(([key, value]) => (
          <div key={key} class={isLarge(value) ? "large" : ""}>
            <dt>
              <bdi>{label(key)}</bdi>
            </dt>
            <dd>
              <Field name={key} value={value} depth={depth} />
            </dd>
          </div>
        ))}
      </dl>
      {more("field")}
    </>
  );
}

function Field({ name, value, depth }: { name: string; value: Json; depth: number }): JSX.Element {
  const isFoldable = useFoldable();
  const confidence = CONFIDENCES.includes(plainName(name)) ? share(value) : undefined;
  if (confidence !== undefined) return <Confidence share={confidence} />;
  if (isFoldable(value, depth)) return <Folded value={value} depth={depth} />;
  return <JsonView value={value} depth={depth + 1} />;
}

function ListView({ list, depth }: { list: Json[]; depth: number }): JSX.Element {
  const [shown, more] = useSteps(list);
  const isFoldable = useFoldable();
  if (list.length === 0) return <span class="muted">(empty list)</span>;
  if (isShort(list)) return <bdi>{list.map(String).join(", ")}</bdi>;
  const columns = columnsOf(shown);
  if (columns) {
    return (
      <>
        <Table rows={shown as Fields[]} columns={columns} depth={depth} />
        {more("row")}
      </>
    );
  }
  return (
    <>
      <ol class={shown.some(isLarge) ? "json-list large" : "json-list"}>
        {shown.map((one, index) => (
          <li key={index}>
            {isFoldable(one, depth) ? <Folded value={one} depth={depth} /> : <JsonView value={one} depth={depth + 1} />}
          </li>
        ))}
      </ol>
      {more("entry", "entries")}
    </>
  );
}

function Table({ rows, columns, depth }: { rows: Fields[]; columns: string[]; depth: number }): JSX.Element {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Table">
      <table class="json-table">
        <thead>
          <tr>
            {columns.map((key) => (
              <th key={key} scope="col">
                <bdi>{label(key)}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((key) => (
                <td key={key}>
                  {Object.hasOwn(row, key) &&
                    (isLarge(row[key] ?? null) ? (
                      <Folded value={row[key] ?? null} depth={depth} />
                    ) : (
                      <Field name={key} value={row[key] ?? null} depth={depth} />
                    ))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Rendered only when it is opened, so that a deep result costs nothing. */
function Folded({ value, depth }: { value: Json; depth: number }): JSX.Element {
  const { openTo, request } = useContext(FoldingContext);
  const [open, setOpen] = useState(openTo === undefined ? depth < MAX_OPEN_DEPTH : depth < openTo);
  useEffect(() => {
    if (openTo !== undefined) setOpen(depth < openTo);
  }, [request]);
  const count = Array.isArray(value) ? plural(value.length, "entry", "entries") : plural(sizeOf(value), "field");
  if (useContext(PrintingContext)) return <JsonView value={value} depth={depth + 1} />;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{count}</summary>
      {open && <JsonView value={value} depth={depth + 1} />}
    </details>
  );
}

function Scalar({ value }: { value: null | boolean | number | string }): JSX.Element {
  if (typeof value === "string") return value === "" ? <span class="muted">(empty)</span> : <LongText text={value} />;
  if (value === null) return <span class="muted">(none)</span>;
  return <>{String(value)}</>;
}

export function LongText({ text }: { text: string }): JSX.Element {
  const [all, setAll] = useState(false);
  const isPrinting = useContext(PrintingContext);
  const isCut = text.length > MAX_TEXT_CHARS && !all && !isPrinting;
  return (
    <>
      <Prose text={isCut ? cut(text, MAX_TEXT_CHARS) : text} />
      {isCut && (
        <>
          …{" "}
          <button type="button" class="link" onClick={() => setAll(true)}>
            Show all {formatNumber(text.length)} characters
          </button>
        </>
      )}
    </>
  );
}

/** A text of the model, as Markdown if it is written so. */
function Prose({ text }: { text: string }): JSX.Element {
  const isMarkdown = looksLikeMarkdown(text);
  const [chunk, setChunk] = useState<{ Markdown: ComponentType<{ text: string }> }>();
  useEffect(() => {
    // Until it is loaded, and if it cannot be, the text is shown as it came.
    if (isMarkdown && !chunk)
      import("./Markdown").then(
        ({ default: Markdown }) => setChunk({ Markdown }),
        () => undefined,
      );
  }, [isMarkdown]);
  if (isMarkdown && chunk) return <chunk.Markdown text={text} />;
  return <bdi class="prose">{text}</bdi>;
}

export function Confidence({ share }: { share: number }): JSX.Element {
  return (
    <span class="confidence">
      <meter min={0} max={1} value={share} aria-label="Confidence" /> {percent(share)}
    </span>
  );
}

/** The first entries of a list, up to the one at `needed` at least, and a button that shows the next ones. */
export function useSteps<T>(list: readonly T[], needed = 0): [T[], (one: string, many?: string) => JSX.Element | null] {
  const [chosen, setLimit] = useState(STEP);
  const isPrinting = useContext(PrintingContext);
  const limit = Math.max(isPrinting ? PRINTED_ENTRIES : 0, chosen, Math.ceil((needed + 1) / STEP) * STEP);
  const more = (one: string, many?: string): JSX.Element | null =>
    list.length <= limit ? null : (
      <p class="more">
        <span class="muted">
          {formatNumber(limit)} of {plural(list.length, one, many)} shown
        </span>{" "}
        <button type="button" class="link" onClick={() => setLimit(limit + STEP)}>
          Show {formatNumber(Math.min(STEP, list.length - limit))} more
        </button>
      </p>
    );
  return [list.slice(0, limit), more];
}

/** Whether a list fits on a line: few numbers, or few short words. */
function isShort(list: Json[]): boolean {
  const isWord = (one: Json): boolean =>
    typeof one === "number" || (typeof one === "string" && /^[^,]{1,20}$/.test(one));
  return list.length <= 12 && list.every(isWord);
}

/** The fields of all rows, if all entries are objects with fields that fit into a table. */
function columnsOf(list: Json[]): string[] | undefined {
  if (list.length < 2 || !list.every(isFields)) return undefined;
  const columns = new Set(list.flatMap((row) => Object.keys(row as Fields)));
  return columns.size > 0 && columns.size <= MAX_COLUMNS ? [...columns] : undefined;
}

/** Whether a part can be folded: all parts once the reader has folded or opened all of them, otherwise only deep ones. */
function useFoldable(): (value: Json, depth: number) => boolean {
  const { openTo } = useContext(FoldingContext);
  return (value, depth) => isLarge(value) && (depth >= MAX_OPEN_DEPTH || openTo !== undefined);
}

function isLarge(value: Json): boolean {
  return Array.isArray(value) ? value.length > 0 && value.some((one) => typeof one === "object") : isFields(value);
}

function sizeOf(value: Json): number {
  return isFields(value) ? Object.keys(value).length : 0;
}
