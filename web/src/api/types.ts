/**
 * Names for the generated types of the HTTP API and of the WebSocket API's messages. Times are milliseconds since 1970
 * UTC. The service may add fields and values later, so the page ignores what it does not know.
 */

import type { components } from "./openapi";

type Schemas = components["schemas"];

export type ClientConfiguration = Schemas["ClientConfiguration"];
export type CompanySignIn = Schemas["CompanySignIn"];
export type CallerView = Schemas["CallerView"];
export type Permission = Schemas["Permission"];
export type JobCommandRequest = Schemas["JobCommandRequest"];
export type JobCommandResult = Schemas["JobCommandResult"];
export type PipelineView = Schemas["PipelineView"];
export type Problem = Schemas["Problem"];
export type SignedRequest = Schemas["SignedRequest"];
export type NamedCount = Schemas["NamedCount"];

export type JobView = Schemas["JobView"];
export type ReadyByView = Schemas["ReadyByView"];
export type JobStatus = Schemas["JobStatus"];
export type StatusGroup = Schemas["StatusGroup"];
export type MarksChange = Schemas["MarksChange"];
export type FoundFilter = NonNullable<Schemas["JobQuery"]["found"]>;
export type FailureCause = Schemas["FailureCause"];
export type JobQuery = Schemas["JobQuery"];
export type JobPage = Schemas["JobPage"];
export type DataExportPage = Schemas["DataExportPage"];
export type JobDetail = Schemas["JobDetail"];
export type Explanation = Schemas["Explanation"];
export type WaitsOn = Schemas["WaitsOn"];
export type JobAction = Schemas["JobAction"];
export type ResultView = Schemas["ResultView"];
export type ReceiptView = Schemas["ReceiptView"];
/** JSON Pointers by part (docs/models.md). */
export type ResultPaths = Readonly<Record<string, string>>;

export type UploadView = Schemas["UploadView"];
export type MultipartUploadView = Schemas["MultipartUploadView"];
export type SignedParts = Schemas["SignedParts"];

export type FailureView = Schemas["FailureView"];
export type ModelView = Schemas["ModelView"];
export type AttemptView = Schemas["AttemptView"];

export type RetryPlanView = Schemas["RetryPlanView"];
export type PlannedJobView = Schemas["PlannedJobView"];
export type RetryPlanFilter = Schemas["RetryPlanFilter"];
export type PauseView = Schemas["PauseView"];
export type QuarantineEntry = Schemas["QuarantineEntry"];
export type QuarantinePage = Schemas["QuarantinePage"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditPage = Schemas["AuditPage"];
export type BatchView = Schemas["BatchView"];
export type TenantView = Schemas["TenantView"];
export type JobSummary = Schemas["JobSummary"];

export type EventType = Schemas["EventType"];
export type WebhookView = Schemas["WebhookView"];
export type DeliveryView = Schemas["DeliveryView"];
export type DigestView = Schemas["DigestView"];

export type PushMessage = Schemas["PushMessage"];
