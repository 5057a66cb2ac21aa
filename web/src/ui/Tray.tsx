/** The uploads under way, in a corner: nothing else moves when they come and go. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { bytes, duration, plural } from "../lib/format";
import { jobPath } from "../lib/route";
import type { Item } from "../upload/queue";
import { useDesk } from "./desk";
import { useHeard } from "./hooks";
import { Icon, Name } from "./parts";

export function Tray(): JSX.Element | null {
  const { queue } = useDesk();
  useHeard(queue);
  const [folded, setFolded] = useState(false);
  useEffect(() => {
    // The browser asks before it throws uploads away.
    const ask = (event: BeforeUnloadEvent): void => {
      if (queue.busy) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [queue]);
  const { items } = queue;
  if (items.length === 0) return null;
  const active = items.filter((item) => !["received", "refused", "failed"].includes(item.state)).length;
  const bad = items.filter((item) => item.state === "refused" || item.state === "failed").length;
  const title =
    active > 0
      ? `Uploading ${plural(active, "file")}`
      : [items.length > bad ? `${items.length - bad} uploaded` : "", bad > 0 ? `${bad} not` : ""]
          .filter(Boolean)
          .join(", ");
  return (
    <aside class="tray" aria-label="Uploads">
      <header>
        <h2 aria-live="polite">{title}</h2>
        <button type="button" class="link" aria-expanded={!folded} onClick={() => setFolded(!folded)}>
          {folded ? "Show" : "Hide"}
        </button>
        {active === 0 && (
          <button type="button" class="link" onClick={() => queue.clear()}>
            Clear
          </button>
        )}
      </header>
      {!folded && (
        <ul>
          {items.map((item) => (
            <Upload key={item.key} item={item} />
          ))}
        </ul>
      )}
    </aside>
  );
}

function Upload({ item }: { item: Item }): JSX.Element {
  const { queue } = useDesk();
  const { state, file } = item;
  const over = state === "received" || state === "refused";
  return (
    <li class={`upload ${state}`}>
      <div class="upload-line">
        {state === "received" && item.jobId !== undefined ? (
          <a href={jobPath(item.jobId)}>
            <Name text={file.name} />
          </a>
        ) : (
          <Name text={file.name} />
        )}
        {state === "failed" && (
          <button
            type="button"
            class="icon-button"
            aria-label={`Try to upload ${file.name} again`}
            title="Try again"
            onClick={() => queue.again(item)}
          >
            <Icon name="retry" />
          </button>
        )}
        {state === "received" ? (
          <span class="mark ready">
            <Icon name="check" />
          </span>
        ) : (
          <button
            type="button"
            class="icon-button"
            aria-label={over ? `Take ${file.name} off the list` : `Stop uploading ${file.name}`}
            title={over ? "Take off the list" : "Stop"}
            onClick={() => queue.cancel(item)}
          >
            <Icon name="cross" />
          </button>
        )}
      </div>
      {!over && state !== "failed" && (
        <progress max={file.size} value={state === "queued" ? 0 : item.sent} aria-label={`${file.name}: sent`} />
      )}
      <p class="upload-note">{note(item)}</p>
    </li>
  );
}

function note(item: Item): string {
  const { file, sent } = item;
  switch (item.state) {
    case "refused":
    case "failed":
      return item.why ?? "";
    case "queued":
      return "Waits for its turn";
    case "paused":
      return `No network. ${bytes(sent)} of ${bytes(file.size)} sent; it goes on by itself`;
    case "retrying":
      return `The connection broke. ${bytes(sent)} of ${bytes(file.size)} sent; trying again`;
    case "received":
      return "Received";
    case "sending": {
      if (sent >= file.size) return "Sent; waiting for the receipt";
      const resumed = item.resumed && sent > 0 ? "Goes on: " : "";
      return `${resumed}${bytes(sent)} of ${bytes(file.size)}${left(item)}`;
    }
  }
}

function left(item: Item): string {
  if (!item.began) return "";
  const took = performance.now() - item.began.at;
  const done = item.sent - item.began.sent;
  if (took < 3000 || done <= 0) return "";
  return `, about ${duration(((item.file.size - item.sent) * took) / done)} left`;
}
