/**
 * Names for the generated types of the HTTP API, and the messages of the WebSocket API. Times are milliseconds since
 * 1970 UTC. The service may add fields and values later, so the page ignores what it does not know.
 */

import type { components } from "./openapi";

type Schemas = components["schemas"];

export type Configuration = Schemas["Configuration"];
export type Me = Schemas["Me"];
export type PipelineView = Schemas["PipelineView"];
export type Problem = Schemas["Problem"];
export type SignedRequest = Schemas["SignedRequest"];
export type Count = Schemas["Count"];

export type JobView = Schemas["JobView"];
export type JobStatus = JobView["status"];
export type StatusGroup = NonNullable<Schemas["JobQuery"]["status"]>;
export type Cause = Schemas["FailureView"]["cause"];
export type JobQuery = Schemas["JobQuery"];
export type JobPage = Schemas["JobPage"];
export type JobDetail = Schemas["JobDetail"];
export type Explanation = Schemas["Explanation"];
export type WaitsOn = Schemas["WaitsOn"];
export type Action = Schemas["Action"];
export type ResultView = Schemas["ResultView"];

export type UploadView = Schemas["UploadView"];
export type MultipartUploadView = Schemas["MultipartUploadView"];
export type SignedParts = Schemas["SignedParts"];

export type RetryPlanView = Schemas["RetryPlanView"];
export type RetryPlanFilter = Schemas["RetryPlanFilter"];
export type QuarantineEntry = Schemas["QuarantineEntry"];
export type QuarantinePage = Schemas["QuarantinePage"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditPage = Schemas["AuditPage"];
export type Summary = Schemas["Summary"];

/** A message of the WebSocket API, as `PushMessage` in `view.rs` defines it: OpenAPI describes HTTP only. */
export type PushMessage =
  | { type: "job.changed"; job: JobView; trace_id?: string }
  | { type: "snapshot"; jobs: JobView[]; more: boolean; mark?: string }
  | { type: "error"; message: string };
