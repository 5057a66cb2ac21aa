/**
 * The JSON of the HTTP API and of the WebSocket, as `crates/jobs/src/api.rs`, `view.rs` and `explain.rs` define it.
 * All times are milliseconds since 1970 UTC. Fields are added there, never changed, so unknown ones are left alone.
 */

export type Status = "Submitting" | "InProgress" | "RetryScheduled" | "Ready" | "Failed" | "Cancelled";

export interface Failure {
  cause: string;
  detail: string;
}

export interface JobView {
  id: string;
  version: number;
  status: Status;
  pipeline: string;
  tenant: string;
  /** Text, never markup. */
  name: string;
  bytes: number;
  attempt: number;
  created_at: number;
  updated_at: number;
  retry_at?: number;
  corrected?: boolean;
  failure?: Failure;
}

export type Frame =
  | { type: "job.changed"; job: JobView; trace_id?: string }
  | { type: "snapshot"; jobs: JobView[]; more: boolean }
  | { type: "error"; message: string };

export interface Configuration {
  sign_in_url: string;
  client_id: string;
  web_socket_url: string;
}

export interface PipelineView {
  name: string;
  content_types: string[];
  max_bytes: number;
  result_type: string;
  promise_seconds: number;
  typical_run_seconds: number;
}

export interface Me {
  actor: string;
  roles: string[];
  tenants: string[];
  expires_at: number;
  pipelines: PipelineView[];
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
}

export interface SignedRequest {
  method: string;
  url: string;
  headers: [string, string][];
  expires_at: number;
}

export interface Count {
  name: string;
  count: number;
}

export interface NewUpload {
  pipeline: string;
  tenant?: string;
  name: string;
  bytes: number;
  content_type: string;
}

export interface UploadView {
  job_id: string;
  tenant: string;
  pipeline: string;
  name: string;
  bytes: number;
  content_type: string;
  created_at: number;
  expires_at: number;
  put?: SignedRequest;
  multipart?: { part_bytes: number; parts: number; arrived: number[] };
}

export interface SignedParts {
  parts: { number: number; request: SignedRequest }[];
}

export interface JobQuery {
  tenant?: string;
  status?: "open" | "failed" | "ready" | "cancelled";
  pipeline?: string;
  cause?: string;
  since?: number;
  q?: string;
  find?: string;
  limit?: number;
  cursor?: string;
}

export interface JobPage {
  jobs: JobView[];
  cursor?: string;
  searched_back_to?: number;
  quarantine?: QuarantineEntry[];
}

export interface Step {
  at: number;
  what: string;
  actor?: string;
  reason?: string;
}

export type Action = "retry" | "cancel" | "result" | "upload" | "operate";

export interface Explanation {
  summary: string;
  waiting?: { on: "upload" | "submission" | "endpoint" | "retry" | "stalled"; since: number };
  next: Step[];
  timeline: Step[];
  help: { action: Action; why: string }[];
}

export interface AttemptView {
  attempt: number;
  inference_id: string;
  started_at: number;
  closed_at?: number;
  output?: string;
  failure?: Failure;
}

export interface JobDetail {
  job?: JobView;
  upload?: UploadView;
  explanation: Explanation;
  attempts: AttemptView[];
  input: string;
  input_version?: string;
  uploaded_by?: string;
  trace_id?: string;
  expires_at?: number;
}

export interface ResultView {
  request: SignedRequest;
  name: string;
  content_type: string;
  bytes: number;
}

export interface JobOrder {
  seen?: number;
  reason: string;
  force?: boolean;
}

export interface JobAnswer {
  job: JobView;
  result_found?: boolean;
}

export interface PlanFilter {
  tenant?: string;
  pipeline?: string;
  cause?: string;
  since?: number;
  until?: number;
}

export interface NewPlan {
  filter: PlanFilter;
  reason: string;
  per_minute?: number;
  force?: boolean;
}

export interface PlanView {
  id: string;
  status: "planned" | "releasing" | "released";
  created_at: number;
  applied_at?: number;
  actor: string;
  reason: string;
  filter: PlanFilter;
  per_minute: number;
  jobs: number;
  by_cause: Count[];
  by_pipeline: Count[];
  poisoned: number;
  truncated: boolean;
  gpu_minutes: number;
  released: number;
  outcome?: { waiting: number; skipped: number; open: number; ready: number; failed: number };
}

export interface QuarantineEntry {
  id: string;
  source: string;
  cause: string;
  problem: string;
  at: number;
  body_bytes: number;
  /** Text, never markup. */
  body?: string;
}

export interface QuarantinePage {
  entries: QuarantineEntry[];
  cursor?: string;
}

export interface AuditEntry {
  at: number;
  actor: string;
  action: string;
  target: string;
  tenant?: string;
  reason: string;
  detail?: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  cursor?: string;
}

export interface Summary {
  at: number;
  open: number;
  open_more: boolean;
  stalled?: number;
  failed: number;
  failed_more: boolean;
  failed_by_cause: Count[];
  quarantined?: number;
}

export interface TicketView {
  url: string;
  expires_at: number;
}
