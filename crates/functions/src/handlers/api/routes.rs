//! The routes of the HTTP API in one table. Requests are dispatched by it, and `docs/api.md` is generated from it.

use api::ApiError;
use api::permission::Permission::{
    self, ChangeTenants, ChangeWebhooks, CommandJobs, CreateTenants, DeleteData, ManagePauses,
    ManagePlans, ManageQuarantine, MarkJobs, PrioritizeJobs, ReadAudit, ReadContents, ReadEvents,
    ReadPlans, ReadReceipts, ReadTenants, ReadUsage, ReadWebhooks, ReceiveDigests, ResendEvents,
    SeeJobs, UploadDocuments,
};

use super::http::HttpEvent;
use super::problem::HttpError;

/// Longer ids in a path are refused.
pub const MAX_ID_BYTES: usize = 200;

/// A route: method, path, and what it takes and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub operation: Operation,
    pub method: &'static str,
    /// Segments in braces are parameters.
    pub path: &'static str,
    /// What the caller needs; for which jobs and tenants, the use case decides. `None`: callers without a token.
    pub permission: Option<Permission>,
    /// A type of [`api::types`]: the query of a GET, else the body.
    pub request: Option<&'static str>,
    /// The status of a successful response.
    pub status: u16,
    /// A type of [`api::types`].
    pub response: Option<&'static str>,
    /// For the documentation.
    pub summary: &'static str,
}

macro_rules! routes {
    ($($operation:ident: $method:literal $path:literal, $permission:expr, $request:expr => $status:literal $response:expr, $summary:literal;)*) => {
        /// What a route does. The name is the `operationId` of the OpenAPI document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = $summary] $operation,)*
        }

        pub const ROUTES: &[Route] = &[
            $(Route {
                operation: Operation::$operation,
                method: $method,
                path: $path,
                permission: $permission,
                request: $request,
                status: $status,
                response: $response,
                summary: $summary,
            },)*
        ];
    };
}

routes! {
    GetConfiguration: "GET" "/configuration", None, None => 200 Some("ClientConfiguration"),
        "Returns what a client needs to sign in. Requires no token.";
    GetMe: "GET" "/me", Some(SeeJobs), None => 200 Some("CallerView"),
        "Returns the caller's name, roles and tenants, and the pipelines.";
    GetMyData: "GET" "/me/data", Some(SeeJobs), Some("PageQuery") => 200 Some("DataExportPage"),
        "Exports what is stored about the caller: jobs of its uploads, jobs that name it, its webhooks and digests, and its part of the audit log.";
    CreateUpload: "POST" "/uploads", Some(UploadDocuments), Some("NewUpload") => 201 Some("UploadView"),
        "Creates an upload session. Returns the job's id and the signed request that uploads the file. Files above 100 MB are uploaded in parts.";
    GetUpload: "GET" "/uploads/{job_id}", Some(UploadDocuments), None => 200 Some("UploadView"),
        "Returns how to continue an upload: the uploaded parts, or a newly signed request. Like all requests about an upload, only for its uploader.";
    SignUploadParts: "POST" "/uploads/{job_id}/parts", Some(UploadDocuments), Some("SignPartsRequest") => 200 Some("SignedParts"),
        "Signs the upload of parts.";
    CompleteUpload: "POST" "/uploads/{job_id}/complete", Some(UploadDocuments), None => 200 Some("UploadView"),
        "Creates the object from its parts. Refused as `parts-missing` if parts are not uploaded yet.";
    AbortUpload: "DELETE" "/uploads/{job_id}", Some(UploadDocuments), None => 204 None,
        "Aborts an upload.";
    ListJobs: "GET" "/jobs", Some(SeeJobs), Some("JobQuery") => 200 Some("JobPage"),
        "Lists jobs, newest first, or finds jobs by any id. One response examines at most 500 jobs.";
    GetJob: "GET" "/jobs/{job_id}", Some(SeeJobs), None => 200 Some("JobDetail"),
        "Returns a job with its attempts and an explanation. Also works while the file is not uploaded yet.";
    GetResult: "GET" "/jobs/{job_id}/result", Some(ReadContents), Some("ResultQuery") => 200 Some("ResultView"),
        "Signs the download of a result: the job's, or an earlier one if the job was run again. Refused as `not-ready` if there is no result, and as `gone` if it was deleted.";
    GetDocument: "GET" "/jobs/{job_id}/document", Some(ReadContents), None => 200 Some("ResultView"),
        "Signs the download of a job's document, in the version that the job processes. Refused as `gone` if it was deleted.";
    GetReceipt: "GET" "/jobs/{job_id}/receipt", Some(ReadReceipts), Some("ResultQuery") => 200 Some("ReceiptView"),
        "Returns a signed receipt for a result: which document, which model, when, and the hashes of both files. Refused as `not-ready` and `gone` like the result.";
    ListReceiptKeys: "GET" "/receipt-keys", Some(SeeJobs), None => 200 Some("ReceiptKeys"),
        "Returns the public keys that receipts are signed with.";
    RetryJob: "POST" "/jobs/{job_id}/retry", Some(CommandJobs), Some("JobCommandRequest") => 202 Some("JobCommandResult"),
        "Schedules another attempt of a failed job. Refused as `changed`, `refused` or `poisoned`.";
    RunJobAgain: "POST" "/jobs/{job_id}/run-again", Some(PrioritizeJobs), Some("JobCommandRequest") => 202 Some("JobCommandResult"),
        "Schedules another run of a ready job, with the model that its endpoint serves now. The result before it stays readable, also if the run fails. Refused as `changed` or `refused`.";
    MakeJobUrgent: "POST" "/jobs/{job_id}/urgent", Some(PrioritizeJobs), Some("JobCommandRequest") => 200 Some("JobCommandResult"),
        "Lets a queued job start before all others of its pipeline. At most 20 jobs of a pipeline are urgent at a time. Refused as `changed` or `refused`.";
    CancelJob: "POST" "/jobs/{job_id}/cancel", Some(CommandJobs), Some("JobCommandRequest") => 200 Some("JobCommandResult"),
        "Cancels an open job. `cancelled_without_run` in the response says that nothing of it was queued or running at the endpoint; otherwise its run may continue, and the result is ignored, since SageMaker cannot cancel a request.";
    MarkJob: "POST" "/jobs/{job_id}/marks", Some(MarkJobs), Some("MarksChange") => 200 Some("JobCommandResult"),
        "Marks a contract as reviewed, assigns it, writes its note, or says that the caller has opened it. Other marks stay. Pages that show it get a push. Refused as `refused` if there is no result or its data was deleted.";
    DeleteJobData: "POST" "/jobs/{job_id}/data-deletion", Some(DeleteData), Some("JobCommandRequest") => 200 Some("JobCommandResult"),
        "Permanently deletes the uploaded file, its copies and its results. The job's row stays. Customers and reviewers may do it if the pipeline has `customers_may_delete`; `may_delete` of the job says so.";
    CreateRetryPlan: "POST" "/retry-plans", Some(ManagePlans), Some("NewRetryPlan") => 201 Some("RetryPlanView"),
        "Selects failed jobs to retry together, or ready jobs to run again (`run_again`), or open jobs to cancel (`cancel`). Returns counts and an estimate, and changes no job. To cancel, the filter must not be empty.";
    ListRetryPlans: "GET" "/retry-plans", Some(ReadPlans), None => 200 Some("RetryPlanList"),
        "Lists the newest 50 retry plans.";
    GetRetryPlan: "GET" "/retry-plans/{plan_id}", Some(ReadPlans), None => 200 Some("RetryPlanView"),
        "Returns a retry plan with the progress of its jobs.";
    ListRetryPlanJobs: "GET" "/retry-plans/{plan_id}/jobs", Some(ReadPlans), Some("RetryPlanJobsQuery") => 200 Some("RetryPlanJobs"),
        "Lists the jobs of a retry plan, each with what became of it.";
    ApplyRetryPlan: "POST" "/retry-plans/{plan_id}/apply", Some(ManagePlans), None => 200 Some("RetryPlanView"),
        "Starts to release the jobs of a retry plan at its rate. Has no effect on a plan that is already applied.";
    StopRetryPlan: "POST" "/retry-plans/{plan_id}/stop", Some(ManagePlans), None => 200 Some("RetryPlanView"),
        "Stops a retry plan: no more of its jobs are started or cancelled, also those whose command is on its way. What has started continues.";
    ListPauses: "GET" "/pauses", Some(SeeJobs), None => 200 Some("PauseList"),
        "Lists what is paused, and until when.";
    CreatePause: "POST" "/pauses", Some(ManagePauses), Some("NewPause") => 201 Some("PauseView"),
        "Pauses a pipeline, a tenant, or a tenant in a pipeline: their jobs wait, and nothing of them is sent to the endpoint. Replaces an earlier pause of the same.";
    ResumePause: "POST" "/pauses/resume", Some(ManagePauses), Some("ResumeRequest") => 200 Some("ResumeResult"),
        "Ends a pause. Jobs that no other pause holds are released, oldest first.";
    ListQuarantine: "GET" "/quarantine", Some(ManageQuarantine), Some("PageQuery") => 200 Some("QuarantinePage"),
        "Lists the messages in quarantine, by queue.";
    GetQuarantineEntry: "GET" "/quarantine/{entry_id}", Some(ManageQuarantine), None => 200 Some("QuarantineEntry"),
        "Returns a message in quarantine, with its body for support.";
    RedriveQuarantineEntry: "POST" "/quarantine/{entry_id}/redrive", Some(ManageQuarantine), Some("QuarantineCommandRequest") => 202 Some("QuarantineEntry"),
        "Sends a message to its queue again. If it fails again, it is quarantined again.";
    DiscardQuarantineEntry: "POST" "/quarantine/{entry_id}/discard", Some(ManageQuarantine), Some("QuarantineCommandRequest") => 204 None,
        "Deletes a message from quarantine. The audit log keeps its cause and its size.";
    ListAudit: "GET" "/audit", Some(ReadAudit), Some("AuditQuery") => 200 Some("AuditPage"),
        "Lists the audit log, newest first: all of it for callers who see all tenants, else the entries of the caller's tenants.";
    GetBatch: "GET" "/batches/{batch}", Some(ReadContents), Some("BatchQuery") => 200 Some("BatchView"),
        "Counts the jobs of a batch, and says when the last of them will be ready. `GET /jobs?batch=` lists them.";
    GetSummary: "GET" "/summary", Some(SeeJobs), Some("SummaryQuery") => 200 Some("JobSummary"),
        "Counts open and failed jobs.";
    GetUsage: "GET" "/usage", Some(ReadUsage), Some("UsageQuery") => 200 Some("UsageView"),
        "Returns what a tenant has used in a month: documents, bytes, runs and their time. A caller who reads all tenants gets them, and the time of instances. The sums of batches are for those who may read contents.";
    ListEvents: "GET" "/events", Some(ReadEvents), Some("EventQuery") => 200 Some("EventPage"),
        "Lists a tenant's events in the order in which they were recorded, with the hashes that prove that none is missing.";
    ListWebhooks: "GET" "/webhooks", Some(ReadWebhooks), Some("WebhookQuery") => 200 Some("WebhookList"),
        "Lists a tenant's webhooks.";
    CreateWebhook: "POST" "/webhooks", Some(ChangeWebhooks), Some("NewWebhook") => 201 Some("WebhookView"),
        "Creates a webhook. Only this response and the one of a rotation contain its secret.";
    GetWebhook: "GET" "/webhooks/{webhook_id}", Some(ReadWebhooks), None => 200 Some("WebhookView"),
        "Returns a webhook, and how far delivery has come.";
    ChangeWebhook: "POST" "/webhooks/{webhook_id}", Some(ChangeWebhooks), Some("WebhookChange") => 200 Some("WebhookView"),
        "Changes a webhook, pauses it or enables it again.";
    DeleteWebhook: "DELETE" "/webhooks/{webhook_id}", Some(ChangeWebhooks), None => 204 None,
        "Deletes a webhook.";
    RotateWebhookSecret: "POST" "/webhooks/{webhook_id}/secret", Some(ChangeWebhooks), None => 200 Some("WebhookView"),
        "Makes a new secret. For 24 hours each request is signed with both.";
    SendTestEvent: "POST" "/webhooks/{webhook_id}/test", Some(ResendEvents), None => 202 None,
        "Sends a test event, once. Its outcome is in the list of deliveries.";
    RedeliverEvents: "POST" "/webhooks/{webhook_id}/redeliver", Some(ResendEvents), Some("RedeliverRequest") => 202 None,
        "Sends one event, or all from a time on, again.";
    ListDeliveries: "GET" "/webhooks/{webhook_id}/deliveries", Some(ChangeWebhooks), None => 200 Some("DeliveryList"),
        "Lists the newest 50 attempts to deliver an event, of the last 7 days.";
    EndMySessions: "DELETE" "/me/sessions", Some(SeeJobs), None => 204 None,
        "Ends all sign-ins of the caller, on all devices, whether by password or by a company. Tokens that were issued work until they expire. Refused as `refused` for a program, which has no sessions.";
    GetMyDigests: "GET" "/me/digests", Some(ReceiveDigests), Some("DigestQuery") => 200 Some("DigestView"),
        "Returns the caller's settings for e-mail digests of a tenant, and whether there are any.";
    ChangeMyDigests: "POST" "/me/digests", Some(ReceiveDigests), Some("DigestChange") => 200 Some("DigestView"),
        "Switches the caller's e-mail digests on or off, or changes them. They are sent to the verified address of the caller's account. Refused as `refused` if this deployment sends no e-mail or the address is not verified.";
    ChangeTenantDigests: "POST" "/tenants/{tenant}/digests", Some(ChangeTenants), Some("TenantDigestChange") => 200 Some("TenantDigestView"),
        "Sets whether the e-mail digests of a tenant have the names of files and batches.";
    ShowUnsubscribe: "GET" "/unsubscribe/{link}", None, None => 200 None,
        "The link in an e-mail digest. Answers an HTML page with a button, and changes nothing, since mail scanners follow links.";
    Unsubscribe: "POST" "/unsubscribe/{link}", None, None => 200 None,
        "Stops the e-mail digests of the mail's recipient (RFC 8058, one-click). Answers an HTML page. Requires no token: the link is the proof.";
    ListTenants: "GET" "/tenants", Some(ReadTenants), None => 200 Some("TenantList"),
        "Lists the known tenants: those that support created, and those under whose prefix S3 has objects.";
    CreateTenant: "POST" "/tenants", Some(CreateTenants), Some("NewTenant") => 201 Some("TenantView"),
        "Creates a tenant, so that documents can be uploaded to it. Has no effect on a tenant that was created before.";
    ChangeTenantRetention: "POST" "/tenants/{tenant}/retention", Some(ChangeTenants), Some("TenantRetentionChange") => 200 Some("TenantView"),
        "Sets or removes a tenant's retention: after how many days from a job's end its data is deleted, also of jobs that have ended. It can be taken back for a day.";
    CreateTicket: "POST" "/ws-tickets", Some(SeeJobs), Some("NewTicket") => 201 Some("TicketView"),
        "Issues a ticket that opens one WebSocket within 60 seconds.";
}

/// The parameters in the path of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathParameters(Vec<(&'static str, String)>);

impl PathParameters {
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// # Panics
    /// If the route has no such parameter.
    pub(super) fn get(&self, name: &str) -> &str {
        match self.find(name) {
            Some(value) => value,
            None => unreachable!("the path of this route has no parameter {name}"),
        }
    }
}

impl Route {
    /// The values of the path's parameters, if the path of a request has the form of this route's.
    fn parameters(&self, segments: &[String]) -> Option<PathParameters> {
        let mut pattern = self.path.trim_start_matches('/').split('/');
        let mut parameters = Vec::new();
        for segment in segments {
            let expected = pattern.next()?;
            match parameter_name(expected) {
                Some(name) => parameters.push((name, segment.clone())),
                None if expected == segment => {}
                None => return None,
            }
        }
        pattern
            .next()
            .is_none()
            .then_some(PathParameters(parameters))
    }
}

fn parameter_name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn is_id(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_ID_BYTES && !value.chars().any(char::is_control)
}

/// The path of a request's route, for the log. It contains no ids.
pub(super) fn path_of(request: &HttpEvent) -> &'static str {
    find_route(request).map_or("unknown", |(route, _)| route.path)
}

/// The route of a request and the parameters in its path.
pub(super) fn find_route(
    request: &HttpEvent,
) -> Result<(&'static Route, PathParameters), HttpError> {
    let not_found = || ApiError::NotFound("there is no such path; see docs/api.md".to_owned());
    let segments = request.segments().ok_or_else(not_found)?;
    let matching: Vec<(&Route, PathParameters)> = ROUTES
        .iter()
        .filter_map(|route| Some((route, route.parameters(&segments)?)))
        .collect();
    if matching.is_empty() {
        return Err(not_found().into());
    }
    let method = request.method();
    let allowed: Vec<&str> = matching.iter().map(|(route, _)| route.method).collect();
    let allowed = allowed.join(", ");
    let (route, parameters) = matching
        .into_iter()
        .find(|(route, _)| route.method == method)
        .ok_or_else(|| HttpError::MethodNotAllowed {
            method: method.to_owned(),
            allowed,
        })?;
    if parameters.0.iter().all(|(_, value)| is_id(value)) {
        Ok((route, parameters))
    } else {
        Err(not_found().into())
    }
}
