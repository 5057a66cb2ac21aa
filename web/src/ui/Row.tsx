/** One contract in the list. */

import { Component, type JSX } from "preact";
import type { JobView, PipelineView } from "../api/types";
import { now } from "../lib/clock";
import { about, bytes, duration } from "../lib/format";
import { jobPath } from "../lib/route";
import { group } from "../live/merge";
import { useTicking } from "./hooks";
import { Elapsed, Icon, Moment, Name } from "./parts";
import { cause, isLate, waiting } from "./words";

interface Props {
  job: JobView;
  pipeline: PipelineView | undefined;
  unread: boolean;
  showTenant: boolean;
  /** Tab comes to this row; the arrows lead to the others. */
  active: boolean;
}

/** Drawn again only when its own job changes: a push in a list of a thousand costs one row. */
export class Row extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { job, unread, active, showTenant } = this.props;
    return next.job !== job || next.unread !== unread || next.active !== active || next.showTenant !== showTenant;
  }

  override render({ job, pipeline, unread, showTenant, active }: Props): JSX.Element {
    return (
      <li class={`row ${group(job.status)}`}>
        <a href={jobPath(job.id)} data-id={job.id} tabIndex={active ? 0 : -1}>
          <Mark job={job} />
          <span class="row-main">
            <span class="row-name">
              <Name text={job.name} />
              {unread && <span class="badge new">New</span>}
            </span>
            <span class="row-about">
              {job.pipeline} · {bytes(job.bytes)}
              {showTenant && <> · {job.tenant}</>}
            </span>
          </span>
          <State job={job} pipeline={pipeline} />
          <span class="row-when">
            <Moment at={job.created_at} />
          </span>
        </a>
      </li>
    );
  }
}

export function Mark({ job }: { job: JobView }): JSX.Element {
  switch (group(job.status)) {
    case "ready":
      return (
        <span class="mark ready" aria-hidden="true">
          <Icon name="check" />
        </span>
      );
    case "failed":
      return (
        <span class="mark failed" aria-hidden="true">
          <Icon name="alert" />
        </span>
      );
    case "cancelled":
      return (
        <span class="mark cancelled" aria-hidden="true">
          <Icon name="stop" />
        </span>
      );
    case "open":
      return (
        <span class="mark open" aria-hidden="true">
          {job.status === "RetryScheduled" ? <Icon name="retry" /> : <span class="ring" />}
        </span>
      );
  }
}

function State({ job, pipeline }: { job: JobView; pipeline: PipelineView | undefined }): JSX.Element {
  switch (group(job.status)) {
    case "ready":
      return (
        <span class="row-state">
          <strong>Ready{job.corrected ? " after all" : ""}</strong>
          <span class="row-about">after {duration(job.updated_at - job.created_at)}</span>
        </span>
      );
    case "failed":
      return (
        <span class="row-state">
          <strong>Failed</strong>
          <span class="row-about">{cause(job.failure?.cause ?? "Unknown")}</span>
        </span>
      );
    case "cancelled":
      return (
        <span class="row-state">
          <strong>Canceled</strong>
          <span class="row-about">
            <Moment at={job.updated_at} />
          </span>
        </span>
      );
    case "open":
      return (
        <span class="row-state">
          <strong>{waiting(job)}</strong>
          <span class="row-about">
            <WaitingTime job={job} pipeline={pipeline} />
          </span>
        </span>
      );
  }
}

/** How long it has been waited for, honestly: since the upload, not since the last try. */
export function WaitingTime({ job, pipeline }: { job: JobView; pipeline: PipelineView | undefined }): JSX.Element {
  const late = useTicking(() => (isLate(job, pipeline, now()) ? "late" : ""));
  return (
    <>
      waiting <Elapsed since={job.created_at} />
      {late && pipeline ? <span class="late"> · promised within {about(pipeline.promise_seconds)}</span> : null}
      {job.retry_at !== undefined && !late ? <RetryIn at={job.retry_at} /> : null}
    </>
  );
}

function RetryIn({ at }: { at: number }): JSX.Element {
  const due = useTicking(() => (at <= now() ? "due" : ""));
  return due ? (
    <> · next try is due</>
  ) : (
    <>
      {" "}
      · next try in <Elapsed until={at} />
    </>
  );
}
