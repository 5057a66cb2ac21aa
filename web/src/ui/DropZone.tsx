/** What can be uploaded for what, on the list. Files can be dropped on every screen (DropTarget). */

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import * as LIMITS from "../api/limits";
import { formatBytes } from "../lib/format";
import { fileKinds } from "../upload/file";
import { Icon, Name } from "./components";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";

export function DropZone(): JSX.Element | null {
  const app = useAppContext();
  useEmitters(app);
  const { pipelines } = app.me;
  const pipeline = app.uploadPipeline;
  const input = useRef<HTMLInputElement>(null);
  if (!app.canUpload) return null;
  const accepted = (pipeline ? [pipeline] : pipelines).flatMap((one) => one.content_types);
  return (
    <section class="drop" aria-label="Upload">
      <Icon name="upload" />
      <p>
        <strong class="wide">Drop {pipeline ? `${fileKinds(pipeline)}s` : "files"} anywhere on this page</strong>
        <strong class="narrow">Upload {pipeline ? `${fileKinds(pipeline)}s` : "files"}</strong>
        {pipeline && <span class="muted">Up to {formatBytes(pipeline.max_bytes)} each</span>}
      </p>
      {pipelines.length > 1 && (
        <label class="inline">
          <span>for</span>
          <select
            value={pipeline?.name ?? ""}
            aria-label="Pipeline for uploads"
            onChange={(event) => app.chooseUploadPipeline(event.currentTarget.value)}
          >
            {!pipeline && <option value="">Choose…</option>}
            {pipelines.map((one) => (
              <option key={one.name} value={one.name}>
                {app.pipelineLabel(one.name)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="inline">
        <span>batch</span>
        <input
          class="batch"
          maxLength={LIMITS.batch}
          value={app.uploadBatch}
          placeholder="None"
          aria-label="Batch for uploads; empty for none"
          title="Documents that belong together, such as a data room: their progress is shown together"
          onInput={(event) => app.chooseUploadBatch(event.currentTarget.value)}
        />
      </label>
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <button
        type="button"
        class="link wide"
        onClick={() => chooseFolder((list) => app.receiveFolder((folders) => folders.chosenFiles(list)))}
      >
        or a folder
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={[...new Set(accepted)].flatMap((type) => [type, `.${type.split("/")[1]}`]).join(",")}
        onChange={(event) => {
          app.receiveFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
      <Unfinished />
    </section>
  );
}

function chooseFolder(onFiles: (list: FileList | null) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.webkitdirectory = true;
  input.onchange = () => onFiles(input.files);
  input.click();
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
