/** Takes a result along: as a Word memo, on paper, or as JSON; and its receipt. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorMessage } from "../../api/errors";
import { useAppContext } from "../context";
import { fileName, saveBlob } from "../export/save";
import type { Json } from "./json";
import type { Understood } from "./understand";

export function TakeAway({ id, attempt, found, json }: TakeAwayProps): JSX.Element {
  const { client, store } = useAppContext();
  const [message, setMessage] = useState("");
  const saveReceipt = async (): Promise<void> => {
    setMessage("Making the receipt…");
    try {
      const { jws } = await client.receipt(id, attempt);
      saveBlob(new Blob([jws]), fileName(store.jobs.get(id)?.name ?? id, "receipt"));
      setMessage("");
    } catch (error) {
      setMessage(errorMessage(error));
    }
  };
  const saveMemo = async (): Promise<void> => {
    const job = store.jobs.get(id);
    if (!job || !found) return;
    setMessage("Writing the memo…");
    try {
      const { memo } = await import("../export/memo");
      saveBlob(await memo(job, found), fileName(job.name, "docx"));
      setMessage("");
    } catch (error) {
      setMessage(errorMessage(error));
    }
  };
  return (
    <div class="take-away">
      {found && (
        <button type="button" class="quiet" onClick={() => void saveMemo()}>
          Save as Word memo
        </button>
      )}
      {json !== undefined && (
        <>
          <button type="button" class="quiet" onClick={() => print()}>
            Print
          </button>
          <CopyButton label="Copy as JSON" text={() => JSON.stringify(json, null, 2)} />
        </>
      )}
      <button
        type="button"
        class="quiet"
        title="A signed statement of which document, which model and when. docket verify checks it."
        onClick={() => void saveReceipt()}
      >
        Save receipt
      </button>
      <span class="muted" role="status">
        {message}
      </span>
    </div>
  );
}

interface TakeAwayProps {
  id: string;
  /** Whose result it is; without it, the job's. */
  attempt?: number;
  found: Understood | undefined;
  /** Of a result that is JSON. */
  json: Json | undefined;
}

/** Copies a text. Says so, also to screen readers. */
export function CopyButton({
  label,
  text,
  link = false,
}: {
  label: string;
  text: () => string;
  link?: boolean;
}): JSX.Element {
  const [state, setState] = useState<"idle" | "copied" | "refused">("idle");
  const copy = (): void => {
    navigator.clipboard.writeText(text()).then(
      () => setState("copied"),
      () => setState("refused"),
    );
    setTimeout(() => setState("idle"), 3000);
  };
  return (
    <button type="button" class={link ? "link copy" : "quiet"} onClick={copy}>
      {state === "copied" ? "Copied" : state === "refused" ? "The browser refused" : label}
      <span class="visually-hidden" role="status">
        {state === "copied" ? "Copied" : ""}
      </span>
    </button>
  );
}
