/** The list of uploads in a corner of the page. It overlays the page, so that nothing else moves. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { statusGroup } from "../api/status";
import type { JobView } from "../api/types";
import { formatBytes, formatDuration, plural, titleCase } from "../lib/format";
import { jobPath } from "../lib/route";
import type { JobCache } from "../live/store";
import type { UploadItem } from "../upload/queue";
import { Icon, Name, Time } from "./components";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";
import { statusLabel } from "./labels";
import { failureWords } from "./reader-words";

/** Then the list folds, so that it covers nothing. What the person should read or decide stays. */
const FOLDS_AFTER_MS = 5000;
const ENDED: readonly UploadItem["state"][] = ["received", "refused", "failed", "identical"];
/** What asks for something is first in the list, then what is under way. */
const ORDER: Partial<Record<UploadItem["state"], number>> = { identical: 0, failed: 0, refused: 2, received: 3 };
const inOrder = (a: UploadItem, b: UploadItem): number => (ORDER[a.state] ?? 1) - (ORDER[b.state] ?? 1);

/** What became of a file that was received. */
type Review = "open" | "ready" | "over";

function reviewOf({ state, jobId }: UploadItem, { jobs }: JobCache): Review | undefined {
  if (state !== "received") return undefined;
  const job = jobId === undefined ? undefined : jobs.get(jobId);
  const group = job ? statusGroup(job.status) : "open";
  return group === "open" || group === "ready" ? group : "over";
}

export function UploadTray(): JSX.Element | null {
  const { uploads, store, router } = useAppContext();
  useEmitters(uploads, store, router);
  const { route } = router;
  /** What the person chose. Undefined: it folds by itself. */
  const [chosen, setChosen] = useState<boolean>();
  const [isOver, setOver] = useState(false);
  const { items } = uploads;
  const active = items.filter((item) => !ENDED.includes(item.state)).length;
  const asked = items.filter((item) => item.state === "identical").length;
  const bad = items.filter((item) => item.state === "refused" || item.state === "failed").length;
  const isSettled = active + asked + bad === 0;
  // On another screen only the title of the list stays, so that the list does not cover it.
  useEffect(() => setOver(true), ["id" in route ? route.id : route.screen]);
  useEffect(() => {
    setOver(false);
    // Files that come later are shown again, unless the person has hidden the list.
    if (!isSettled) return setChosen((before) => before || undefined);
    const timer = setTimeout(() => setOver(true), FOLDS_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isSettled, asked + bad]);
  const folded = chosen ?? isOver;
  useEffect(() => {
    // The browser asks for confirmation before it abandons uploads.
    const ask = (event: BeforeUnloadEvent): void => {
      if (uploads.busy) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [uploads]);
  if (items.length === 0) return null;
  const reviewed = items.map((item) => reviewOf(item, store));
  const count = (what: Review): number => reviewed.filter((one) => one === what).length;
  const title =
    active > 0
      ? `Uploading ${plural(active, "file")}`
      : [
          [count("ready"), "ready"] as const,
          [count("open"), "uploaded"] as const,
          [count("over"), "not reviewed"] as const,
          [bad, "not uploaded"] as const,
          [asked, "uploaded before"] as const,
        ]
          .filter(([number]) => number > 0)
          .map(([number, what]) => (items.length === 1 ? titleCase(what) : `${number} ${what}`))
          .join(", ");
  return (
    <aside class="tray" aria-label="Uploads">
      <header>
        <h2 aria-live="polite">{title}</h2>
        <button type="button" class="link" aria-expanded={!folded} onClick={() => setChosen(!folded)}>
          {folded ? "Show" : "Hide"}
        </button>
        {active === 0 && (
          <button type="button" class="link" onClick={() => uploads.clear()}>
            Clear
          </button>
        )}
      </header>
      {!folded && (
        <ul>
          {[...items].sort(inOrder).map((item) => (
            <Upload key={item.key} item={item} />
          ))}
        </ul>
      )}
    </aside>
  );
}

function Upload({ item }: { item: UploadItem }): JSX.Element {
  const { uploads, store } = useAppContext();
  const { state, file } = item;
  const job = state === "received" && item.jobId !== undefined ? store.jobs.get(item.jobId) : undefined;
  const review = reviewOf(item, store);
  const over = state === "received" || state === "refused" || state === "identical";
  return (
    <li class={`upload ${state}`}>
      <div class="upload-head">
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
            onClick={() => uploads.retry(item)}
          >
            <Icon name="retry" />
          </button>
        )}
        {state === "received" ? (
          <span class={review === "over" ? "mark failed" : "mark ready"}>
            <Icon name={review === "over" ? "alert" : "check"} />
          </span>
        ) : (
          <button
            type="button"
            class="icon-button"
            aria-label={over ? `Remove ${file.name} from the list` : `Stop uploading ${file.name}`}
            title={over ? "Remove from the list" : "Stop"}
            onClick={() => uploads.cancel(item)}
          >
            <Icon name="cross" />
          </button>
        )}
      </div>
      {!over && state !== "failed" && <progress max={file.size} value={item.sent} aria-label={`${file.name}: sent`} />}
      {state === "identical" ? <Identical item={item} /> : <p class="upload-progress">{progressText(item, job)}</p>}
    </li>
  );
}

/** The same content was uploaded before: nothing is sent until the person decides. */
function Identical({ item }: { item: UploadItem }): JSX.Element | null {
  const { uploads } = useAppContext();
  const { identical, file } = item;
  if (!identical) return null;
  const since = <Time at={identical.updated_at} />;
  return (
    <>
      <p class="upload-progress" role="status">
        Identical to <bdi>{identical.name}</bdi>,{" "}
        {identical.status === "Ready" ? <>ready since {since}</> : "under way"}.
      </p>
      <p class="upload-choice">
        <a href={jobPath(identical.id)}>Show it</a>
        <button
          type="button"
          class="link"
          aria-label={`Review anyway: ${file.name}`}
          onClick={() => uploads.runAnyway(item)}
        >
          Review anyway
        </button>
      </p>
    </>
  );
}

function progressText(item: UploadItem, job: JobView | undefined): string {
  const { file, sent } = item;
  switch (item.state) {
    case "refused":
    case "failed":
      return item.error ?? "";
    case "checking":
    case "queued":
      return navigator.onLine ? "Queued" : "Queued until the network is back";
    case "paused":
      return `No network. ${formatBytes(sent)} of ${formatBytes(file.size)} sent. The upload resumes automatically`;
    case "retrying":
      return `The connection was lost. ${formatBytes(sent)} of ${formatBytes(file.size)} sent. Retrying`;
    case "received":
      return job ? receivedText(job) : "Received";
    case "identical":
      return "Uploaded before";
    case "sending": {
      if (sent >= file.size) return "Sent. Waiting for confirmation";
      const resumed = item.resumed && sent > 0 ? "Resumed: " : "";
      return `${resumed}${formatBytes(sent)} of ${formatBytes(file.size)}${remainingTime(item)}`;
    }
  }
}

/** What became of the document. */
function receivedText(job: JobView): string {
  switch (statusGroup(job.status)) {
    case "open":
      return "Received";
    case "failed":
      return failureWords(job.failure?.cause).what;
    default:
      return statusLabel(job);
  }
}

function remainingTime(item: UploadItem): string {
  if (!item.began) return "";
  const took = performance.now() - item.began.at;
  const done = item.sent - item.began.sent;
  if (took < 3000 || done <= 0) return "";
  return `, about ${formatDuration(((item.file.size - item.sent) * took) / done)} left`;
}
