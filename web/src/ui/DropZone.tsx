/** Accepts files for upload: dropped anywhere on the page, or chosen with the file dialog. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatBytes } from "../lib/format";
import { fileKinds } from "../upload/file";
import { Icon, Name } from "./components";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";

const KEY = "docket.pipeline";

export function DropZone(): JSX.Element | null {
  const app = useAppContext();
  const { pipelines } = app.me;
  const [name, setName] = useState(() => localStorage.getItem(KEY) ?? "");
  const pipeline = pipelines.find((one) => one.name === name) ?? pipelines[0];
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const canUpload = pipeline !== undefined && (!app.isSupport || app.tenant !== undefined);

  useEffect(() => {
    if (!canUpload || !pipeline) return;
    let depth = 0;
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      depth -= 1;
      if (depth <= 0) setOver(false);
    };
    const hold = (event: DragEvent): void => {
      if (holdsFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      app.uploads.add([...(event.dataTransfer?.files ?? [])], pipeline, app.tenant);
    };
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", hold);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", hold);
      removeEventListener("drop", drop);
    };
  }, [app, canUpload, pipeline]);

  if (!pipeline) return null;
  if (!canUpload) return null;
  return (
    <section class={over ? "drop over" : "drop"} aria-label="Upload">
      <Icon name="upload" />
      <p>
        {over ? (
          <strong>Drop to upload to {pipeline.name}</strong>
        ) : (
          <>
            <strong class="wide">Drop {fileKinds(pipeline)}s anywhere on this page</strong>
            <strong class="narrow">Upload {fileKinds(pipeline)}s</strong>
            <span class="muted">Up to {formatBytes(pipeline.max_bytes)} each</span>
          </>
        )}
      </p>
      {pipelines.length > 1 && (
        <label class="inline">
          <span>for</span>
          <select
            value={pipeline.name}
            aria-label="Pipeline for uploads"
            onChange={(event) => {
              setName(event.currentTarget.value);
              localStorage.setItem(KEY, event.currentTarget.value);
            }}
          >
            {pipelines.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
      )}
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={pipeline.content_types.flatMap((type) => [type, `.${type.split("/")[1]}`]).join(",")}
        onChange={(event) => {
          app.uploads.add([...(event.currentTarget.files ?? [])], pipeline, app.tenant);
          event.currentTarget.value = "";
        }}
      />
      <Unfinished />
    </section>
  );
}

/** Uploads that a reload interrupted. A page cannot reopen files by itself, so the person has to drop them again. */
function Unfinished(): JSX.Element | null {
  const { uploads } = useAppContext();
  useEmitters(uploads);
  const open = uploads.unfinished();
  if (open.length === 0) return null;
  return (
    <div class="unfinished">
      <p>
        {open.length === 1 ? "One upload was interrupted." : `${open.length} uploads were interrupted.`} Drop the same{" "}
        {open.length === 1 ? "file" : "files"} again to resume.
      </p>
      <ul>
        {open.slice(0, 5).map((one) => (
          <li key={one.jobId}>
            <Name text={one.name} /> <span class="muted">{formatBytes(one.bytes)}</span>
            <button type="button" class="link" onClick={() => void uploads.discard(one)}>
              Discard
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
