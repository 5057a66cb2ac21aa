/** Takes files that are dropped anywhere in the application, on every screen: the browser would open them and leave the page. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { formatBytes, plural } from "../lib/format";
import { Icon } from "./components";
import { useAppContext } from "./context";
import { Dialog } from "./Dialog";
import { useEmitters } from "./hooks";

export function DropTarget(): JSX.Element | null {
  const app = useAppContext();
  useEmitters(app);
  const [over, setOver] = useState(false);
  useEffect(() => {
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
      // The browser empties the list of items after the event.
      const { items, files } = event.dataTransfer ?? {};
      const entries = [...(items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null);
      // Without folders, the files as the browser gives them: a test or an old browser may have no entries.
      if (entries.some((entry) => entry?.isDirectory)) app.receiveFolder((folders) => folders.droppedFiles(entries));
      else app.receiveFiles([...(files ?? [])]);
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
  }, [app]);
  const { uploadPipeline } = app;
  return (
    <>
      {over && (
        <p class="drop-hint">
          <Icon name="upload" />{" "}
          {uploadPipeline ? `Drop to upload to ${app.pipelineLabel(uploadPipeline.name)}` : "Drop to upload"}
        </p>
      )}
      {app.waitingFiles.length > 0 && <ChoosePipeline />}
    </>
  );
}

/** Asks what to do with files that wait: nothing is guessed. */
function ChoosePipeline(): JSX.Element {
  const app = useAppContext();
  const count = plural(app.waitingFiles.length, "file");
  const close = (): void => app.receiveFiles([]);
  if (!app.canUpload) {
    return (
      <Dialog title="These files cannot be uploaded" onClose={close}>
        <h2>{count} not uploaded</h2>
        <p>
          {app.me.pipelines.length === 0
            ? "No pipeline takes uploads at the moment."
            : "Choose a tenant first: the files would belong to it."}
        </p>
        <button type="button" class="primary" onClick={close}>
          Close
        </button>
      </Dialog>
    );
  }
  return (
    <Dialog title="What are these files for?" onClose={close}>
      <h2>What {app.waitingFiles.length === 1 ? "is this file" : `are these ${count}`} for?</h2>
      <ul class="choices">
        {app.me.pipelines.map((one) => (
          <li key={one.name}>
            <button type="button" class="quiet" onClick={() => app.chooseUploadPipeline(one.name)}>
              {app.pipelineLabel(one.name)}
              <span class="muted">up to {formatBytes(one.max_bytes)} each</span>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="link" onClick={close}>
        Upload nothing
      </button>
    </Dialog>
  );
}
