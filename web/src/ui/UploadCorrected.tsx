/** The button of a rejected document that uploads another one in its place. */

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { JobView, PipelineView } from "../api/types";
import { Icon } from "./components";
import { useAppContext } from "./context";

export function UploadCorrected({ pipeline, job }: { pipeline: PipelineView; job: JobView }): JSX.Element {
  const { uploads } = useAppContext();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        <Icon name="upload" /> Upload a corrected version
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={pipeline.content_types.join(",")}
        onChange={(event) => {
          uploads.add([...(event.currentTarget.files ?? [])], pipeline, job.tenant, {
            batch: job.batch,
            corrects: job.id,
          });
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
