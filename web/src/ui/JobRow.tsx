/** A contract in the list. */

import { Component, type JSX } from "preact";
import { statusGroup } from "../api/status";
import type { JobView, PipelineView } from "../api/types";
import { now } from "../lib/clock";
import { formatBytes, formatDuration, roughDuration } from "../lib/format";
import { jobPath } from "../lib/route";
import { foundWords, reviewedBy } from "../live/marks";
import { Elapsed, Icon, Name, Time } from "./components";
import { useTickingText } from "./hooks";
import { causeLabel, isPastSlo, readyAbout, statusIcon, statusLabel } from "./labels";
import { failureWords } from "./reader-words";

interface Props {
  job: JobView;
  pipeline: PipelineView | undefined;
  unread: boolean;
  showTenant: boolean;
  /** The person's name in marks. */
  me: string;
  /** Staff sees the cause of a failure, readers what it means for them. */
  isStaff: boolean;
  /** Whether Tab reaches this row (roving tabindex). The arrow keys move to the others. */
  active: boolean;
  /** Whether it is selected. Undefined: nothing is being selected. */
  selected?: boolean;
  onSelect?: () => void;
}

/** Renders again only when its own job changes: a push to a list of 1,000 rows renders one. */
export class JobRow extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { job, unread, active, showTenant, selected } = this.props;
    return (
      next.selected !== selected ||
      next.job !== job ||
      next.unread !== unread ||
      next.active !== active ||
      next.showTenant !== showTenant
    );
  }

  override render({ job, pipeline, unread, showTenant, me, isStaff, active, selected, onSelect }: Props): JSX.Element {
    return (
      <li class={`row ${statusGroup(job.status)}`}>
        {selected !== undefined && (
          <label class="row-select">
            <input type="checkbox" checked={selected} onChange={onSelect} />
            <span class="visually-hidden">Select {job.name}</span>
          </label>
        )}
        <a href={jobPath(job.id)} data-id={job.id} tabIndex={active ? 0 : -1}>
          <StatusIcon job={job} />
          <span class="row-main">
            <span class="row-name">
              <Name text={job.name} />
              {unread && <span class="badge new">New</span>}
              <RowMarks job={job} me={me} />
            </span>
            <span class="row-about">
              {pipeline?.display_name ?? job.pipeline} · {formatBytes(job.bytes)}
              {showTenant && <> · {job.tenant}</>}
              {job.reference !== undefined && <> · {job.reference}</>}
              {job.urgent ? " · goes first" : job.lane === "bulk" && " · bulk"}
              {job.marks?.note !== undefined && (
                <>
                  {" "}
                  · <bdi class="row-note">{job.marks.note}</bdi>
                </>
              )}
            </span>
          </span>
          <StatusCell job={job} pipeline={pipeline} isStaff={isStaff} />
          <span class="row-when">
            <Time at={job.created_at} />
          </span>
        </a>
      </li>
    );
  }
}

/** Who reviewed it or is to. */
function RowMarks({ job, me }: { job: JobView; me: string }): JSX.Element | null {
  const reviewed = reviewedBy(job);
  const assignee = job.marks?.assigned_to;
  if (reviewed)
    return (
      <span class="badge reviewed" title={`by ${reviewed.by}`}>
        Reviewed
      </span>
    );
  if (assignee === undefined) return null;
  return (
    <span class="badge assigned" title={`assigned to ${assignee}`}>
      {assignee === me ? "Yours" : assignee.split("@")[0]}
    </span>
  );
}

export function StatusIcon({ job }: { job: JobView }): JSX.Element {
  const icon = statusIcon(job.status);
  return (
    <span class={`mark ${statusGroup(job.status)}`} aria-hidden="true">
      {icon === "spinner" ? <span class="ring" /> : <Icon name={icon} />}
    </span>
  );
}

type StatusProps = Pick<Props, "job" | "pipeline" | "isStaff">;

function StatusCell(props: StatusProps): JSX.Element {
  return (
    <span class="row-state">
      <strong>{statusLabel(props.job)}</strong>
      <span class="row-about">
        <StatusDetail {...props} />
      </span>
    </span>
  );
}

function StatusDetail({ job, pipeline, isStaff }: StatusProps): JSX.Element {
  switch (statusGroup(job.status)) {
    case "open":
      return <WaitingTime job={job} pipeline={pipeline} withEstimate />;
    case "ready":
      return <Found job={job} />;
    case "failed":
      return <>{isStaff ? causeLabel(job.failure?.cause ?? "Unknown") : failureWords(job.failure?.cause).what}</>;
    case "cancelled":
    case "erased":
      return <Time at={job.updated_at} />;
  }
}

/** The number of findings, or when the contract became ready if they are not counted. */
function Found({ job }: { job: JobView }): JSX.Element {
  const found = foundWords(job);
  if (found === "") return <>after {formatDuration(job.updated_at - job.created_at)}</>;
  return <span class={/serious|unclear/.test(found) ? "found serious" : "found"}>{found}</span>;
}

interface WaitingTimeProps {
  job: JobView;
  pipeline: PipelineView | undefined;
  /** Also when it is ready, if that is known. A row has no room for the time of the next attempt beside it. */
  withEstimate?: boolean;
}

/** The time since the upload, not since the latest attempt. */
export function WaitingTime({ job, pipeline, withEstimate = false }: WaitingTimeProps): JSX.Element {
  const pastSlo = useTickingText(() => (isPastSlo(job, pipeline, now()) ? "late" : ""));
  const ready = useTickingText(() => (withEstimate ? readyAbout(job, now()) : ""));
  return (
    <>
      waiting <Elapsed since={job.created_at} />
      {ready !== "" && <> · {ready}</>}
      {pastSlo && pipeline ? (
        <span class="late">
          {" "}
          · late{withEstimate ? "" : `, expected within ${roughDuration(pipeline.slo_seconds)}`}
        </span>
      ) : null}
      {job.retry_at !== undefined && !pastSlo && ready === "" ? <RetryIn at={job.retry_at} /> : null}
    </>
  );
}

function RetryIn({ at }: { at: number }): JSX.Element {
  const due = useTickingText(() => (at <= now() ? "due" : ""));
  return due ? (
    <> · retry is due</>
  ) : (
    <>
      {" "}
      · retry in <Elapsed until={at} />
    </>
  );
}
