// Generated from docs/openapi.json by `npm run api-types`. Do not edit.

export interface paths {
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the audit log, newest first: all of it for callers who see all tenants, else the entries of the caller's tenants.
         * @description Access: support, operator, auditor.
         */
        get: operations["ListAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/batches/{batch}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counts the jobs of a batch, and says when the last of them will be ready. `GET /jobs?batch=` lists them.
         * @description Access: customer, reviewer, support.
         */
        get: operations["GetBatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns what a client needs to sign in. Requires no token.
         * @description Access: public.
         */
        get: operations["GetConfiguration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists a tenant's events in the order in which they were recorded, with the hashes that prove that none is missing.
         * @description Access: reviewer, support, operator, auditor.
         */
        get: operations["ListEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists jobs, newest first, or finds jobs by any id. One response examines at most 500 jobs.
         * @description Access: any role.
         */
        get: operations["ListJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a job with its attempts and an explanation. Also works while the file is not uploaded yet.
         * @description Access: any role.
         */
        get: operations["GetJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancels an open job. `cancelled_without_run` in the response says that nothing of it was queued or running at the endpoint; otherwise its run may continue, and the result is ignored, since SageMaker cannot cancel a request.
         * @description Access: customer, reviewer, support, operator.
         */
        post: operations["CancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/data-deletion": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Permanently deletes the uploaded file, its copies and its results. The job's row stays. Customers and reviewers may do it if the pipeline has `customers_may_delete`; `may_delete` of the job says so.
         * @description Access: customer, reviewer, support.
         */
        post: operations["DeleteJobData"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/document": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Signs the download of a job's document, in the version that the job processes. Refused as `gone` if it was deleted.
         * @description Access: customer, reviewer, support.
         */
        get: operations["GetDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/marks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks a contract as reviewed, assigns it, writes its note, or says that the caller has opened it. Other marks stay. Pages that show it get a push. Refused as `refused` if there is no result or its data was deleted.
         * @description Access: customer, reviewer, support.
         */
        post: operations["MarkJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/receipt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a signed receipt for a result: which document, which model, when, and the hashes of both files. Refused as `not-ready` and `gone` like the result.
         * @description Access: customer, reviewer, support, auditor.
         */
        get: operations["GetReceipt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/result": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Signs the download of a result: the job's, or an earlier one if the job was run again. Refused as `not-ready` if there is no result, and as `gone` if it was deleted.
         * @description Access: customer, reviewer, support.
         */
        get: operations["GetResult"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Schedules another attempt of a failed job. Refused as `changed`, `refused` or `poisoned`.
         * @description Access: customer, reviewer, support, operator.
         */
        post: operations["RetryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/run-again": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Schedules another run of a ready job, with the model that its endpoint serves now. The result before it stays readable, also if the run fails. Refused as `changed` or `refused`.
         * @description Access: support, operator.
         */
        post: operations["RunJobAgain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/urgent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets a queued job start before all others of its pipeline. At most 20 jobs of a pipeline are urgent at a time. Refused as `changed` or `refused`.
         * @description Access: support, operator.
         */
        post: operations["MakeJobUrgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the caller's name, roles and tenants, and the pipelines.
         * @description Access: any role.
         */
        get: operations["GetMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/data": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Exports what is stored about the caller: jobs of its uploads, jobs that name it, its webhooks and digests, and its part of the audit log.
         * @description Access: any role.
         */
        get: operations["GetMyData"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/digests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the caller's settings for e-mail digests of a tenant, and whether there are any.
         * @description Access: customer, reviewer, support.
         */
        get: operations["GetMyDigests"];
        put?: never;
        /**
         * Switches the caller's e-mail digests on or off, or changes them. They are sent to the verified address of the caller's account. Refused as `refused` if this deployment sends no e-mail or the address is not verified.
         * @description Access: customer, reviewer, support.
         */
        post: operations["ChangeMyDigests"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Ends all sign-ins of the caller, on all devices, whether by password or by a company. Tokens that were issued work until they expire. Refused as `refused` for a program, which has no sessions.
         * @description Access: any role.
         */
        delete: operations["EndMySessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pauses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what is paused, and until when.
         * @description Access: any role.
         */
        get: operations["ListPauses"];
        put?: never;
        /**
         * Pauses a pipeline, a tenant, or a tenant in a pipeline: their jobs wait, and nothing of them is sent to the endpoint. Replaces an earlier pause of the same.
         * @description Access: support, operator.
         */
        post: operations["CreatePause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pauses/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a pause. Jobs that no other pause holds are released, oldest first.
         * @description Access: support, operator.
         */
        post: operations["ResumePause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the messages in quarantine, by queue.
         * @description Access: support, operator.
         */
        get: operations["ListQuarantine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/{entry_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a message in quarantine, with its body for support.
         * @description Access: support, operator.
         */
        get: operations["GetQuarantineEntry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/{entry_id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deletes a message from quarantine. The audit log keeps its cause and its size.
         * @description Access: support, operator.
         */
        post: operations["DiscardQuarantineEntry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/{entry_id}/redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends a message to its queue again. If it fails again, it is quarantined again.
         * @description Access: support, operator.
         */
        post: operations["RedriveQuarantineEntry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/receipt-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the public keys that receipts are signed with.
         * @description Access: any role.
         */
        get: operations["ListReceiptKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retry-plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the newest 50 retry plans.
         * @description Access: support, operator, auditor.
         */
        get: operations["ListRetryPlans"];
        put?: never;
        /**
         * Selects failed jobs to retry together, or ready jobs to run again (`run_again`), or open jobs to cancel (`cancel`). Returns counts and an estimate, and changes no job. To cancel, the filter must not be empty.
         * @description Access: support, operator.
         */
        post: operations["CreateRetryPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retry-plans/{plan_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a retry plan with the progress of its jobs.
         * @description Access: support, operator, auditor.
         */
        get: operations["GetRetryPlan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retry-plans/{plan_id}/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Starts to release the jobs of a retry plan at its rate. Has no effect on a plan that is already applied.
         * @description Access: support, operator.
         */
        post: operations["ApplyRetryPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retry-plans/{plan_id}/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the jobs of a retry plan, each with what became of it.
         * @description Access: support, operator, auditor.
         */
        get: operations["ListRetryPlanJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retry-plans/{plan_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stops a retry plan: no more of its jobs are started or cancelled, also those whose command is on its way. What has started continues.
         * @description Access: support, operator.
         */
        post: operations["StopRetryPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counts open and failed jobs.
         * @description Access: any role.
         */
        get: operations["GetSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the known tenants: those that support created, and those under whose prefix S3 has objects.
         * @description Access: support, operator, auditor.
         */
        get: operations["ListTenants"];
        put?: never;
        /**
         * Creates a tenant, so that documents can be uploaded to it. Has no effect on a tenant that was created before.
         * @description Access: support, operator.
         */
        post: operations["CreateTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{tenant}/digests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets whether the e-mail digests of a tenant have the names of files and batches.
         * @description Access: support.
         */
        post: operations["ChangeTenantDigests"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{tenant}/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets or removes a tenant's retention: after how many days from a job's end its data is deleted, also of jobs that have ended. It can be taken back for a day.
         * @description Access: support.
         */
        post: operations["ChangeTenantRetention"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/unsubscribe/{link}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The link in an e-mail digest. Answers an HTML page with a button, and changes nothing, since mail scanners follow links.
         * @description Access: public.
         */
        get: operations["ShowUnsubscribe"];
        put?: never;
        /**
         * Stops the e-mail digests of the mail's recipient (RFC 8058, one-click). Answers an HTML page. Requires no token: the link is the proof.
         * @description Access: public.
         */
        post: operations["Unsubscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Creates an upload session. Returns the job's id and the signed request that uploads the file. Files above 100 MB are uploaded in parts.
         * @description Access: customer, reviewer, support.
         */
        post: operations["CreateUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns how to continue an upload: the uploaded parts, or a newly signed request. Like all requests about an upload, only for its uploader.
         * @description Access: customer, reviewer, support.
         */
        get: operations["GetUpload"];
        put?: never;
        post?: never;
        /**
         * Aborts an upload.
         * @description Access: customer, reviewer, support.
         */
        delete: operations["AbortUpload"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads/{job_id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Creates the object from its parts. Refused as `parts-missing` if parts are not uploaded yet.
         * @description Access: customer, reviewer, support.
         */
        post: operations["CompleteUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads/{job_id}/parts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs the upload of parts.
         * @description Access: customer, reviewer, support.
         */
        post: operations["SignUploadParts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns what a tenant has used in a month: documents, bytes, runs and their time. A caller who reads all tenants gets them, and the time of instances. The sums of batches are for those who may read contents.
         * @description Access: reviewer, support, operator, auditor.
         */
        get: operations["GetUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists a tenant's webhooks.
         * @description Access: reviewer, support, operator, auditor.
         */
        get: operations["ListWebhooks"];
        put?: never;
        /**
         * Creates a webhook. Only this response and the one of a rotation contain its secret.
         * @description Access: reviewer, support.
         */
        post: operations["CreateWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhook_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a webhook, and how far delivery has come.
         * @description Access: reviewer, support, operator, auditor.
         */
        get: operations["GetWebhook"];
        put?: never;
        /**
         * Changes a webhook, pauses it or enables it again.
         * @description Access: reviewer, support.
         */
        post: operations["ChangeWebhook"];
        /**
         * Deletes a webhook.
         * @description Access: reviewer, support.
         */
        delete: operations["DeleteWebhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhook_id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the newest 50 attempts to deliver an event, of the last 7 days.
         * @description Access: reviewer, support.
         */
        get: operations["ListDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhook_id}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends one event, or all from a time on, again.
         * @description Access: reviewer, support, operator.
         */
        post: operations["RedeliverEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhook_id}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a new secret. For 24 hours each request is signed with both.
         * @description Access: reviewer, support.
         */
        post: operations["RotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhook_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends a test event, once. Its outcome is in the list of deliveries.
         * @description Access: reviewer, support, operator.
         */
        post: operations["SendTestEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws-tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issues a ticket that opens one WebSocket within 60 seconds.
         * @description Access: any role.
         */
        post: operations["CreateTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One request to the endpoint. */
        AttemptView: {
            /**
             * Format: int32
             * @description 1 for the first attempt of the job.
             */
            attempt: number;
            /**
             * Format: int64
             * @description When its result or failure was saved. Absent while it is open.
             */
            closed_at?: number;
            /** @description Present if the attempt failed. */
            failure?: components["schemas"]["FailureView"];
            /** @description There is a result of it, if its retention time is not over: `GET /jobs/{job_id}/result?attempt=`. */
            has_result?: boolean;
            /** @description SageMaker's inference id. */
            inference_id: string;
            /** @description The model that it was sent to. Absent if that was not known. */
            model?: components["schemas"]["ModelView"];
            /** @description Where the endpoint writes the output. The object may not exist yet. */
            output?: string;
            /**
             * Format: int64
             * @description The pages of the document, if the result says how many.
             */
            pages?: number;
            /**
             * Format: int64
             * @description When the attempt was saved, before the endpoint was called.
             */
            started_at: number;
        };
        /**
         * @description An action that the audit log records.
         * @enum {string}
         */
        AuditAction: "retry" | "run-again" | "urgent" | "cancel" | "delete-data" | "plan" | "apply-plan" | "stop-plan" | "redrive" | "discard" | "pause" | "resume" | "create-tenant" | "change-retention" | "mark" | "create-webhook" | "change-webhook" | "rotate-webhook-secret" | "delete-webhook" | "redeliver-events" | "change-digests" | "download-document" | "download-result" | "export-data" | "export-audit" | "sign-in" | "end-sessions";
        /** @description An entry of the audit log: who did what, and why. */
        AuditEntry: {
            action: components["schemas"]["AuditAction"];
            /** @description Who acted, as in `GET /me`. */
            actor: string;
            /**
             * Format: int64
             * @description When the action began.
             */
            at: number;
            /** @description The outcome. Absent if it could not be recorded. */
            detail?: string;
            /** @description From which program the request came, as it says. Absent in entries of earlier releases. */
            program?: components["schemas"]["ClientProgram"];
            /** @description The actor's reason; empty for sign-ins, downloads, exports and changes of webhooks, which need none. Plain text. Escape it before you show it as HTML. */
            reason: string;
            /** @description The id of a job, a retry plan, a message in quarantine or a webhook, a session, or the name of a tenant or a user. */
            target: string;
            /** @description The tenant of the target, if it has one. */
            tenant?: string;
        };
        /** @description Response of `GET /audit`. */
        AuditPage: {
            /**
             * Format: int64
             * @description Since when no entry can have expired yet. Before this time, entries of pipelines with a shorter retention may be gone.
             * @default 0
             */
            complete_since?: number;
            /** @description Present if there may be more entries. Pass it in the next request. */
            cursor?: string;
            /** @description Newest first. May be empty although `cursor` is present. */
            entries: components["schemas"]["AuditEntry"][];
        };
        /** @description Query parameters of `GET /audit`. */
        AuditQuery: {
            /** @description Continues a list where an earlier response ended. Valid only with the same times. */
            cursor?: string;
            /** @description The log is being exported: the first request is an entry itself, `export-audit`. */
            export?: boolean;
            /**
             * Format: int64
             * @description Only entries at or after this time.
             */
            since?: number;
            /**
             * Format: int64
             * @description Only entries before this time.
             */
            until?: number;
        };
        /** @description Query parameters of `GET /batches/{batch}`. */
        BatchQuery: {
            /** @description The tenant of the batch. Without it, all tenants of the caller; support must name one. */
            tenant?: string;
        };
        /** @description Response of `GET /batches/{batch}`: the progress of the documents that were uploaded together. At most 2,000 are counted. */
        BatchView: {
            /**
             * Format: int64
             * @description The time of the counts.
             */
            at: number;
            /**
             * Format: int64
             * @description Cancelled, or their data was deleted.
             */
            cancelled: number;
            /** Format: int64 */
            failed: number;
            /** @description The causes of the failed jobs, the most frequent first. */
            failed_by_cause: components["schemas"]["NamedCount"][];
            /**
             * Format: int64
             * @description All jobs that the caller may see.
             */
            jobs: number;
            /** @description There are more jobs than were counted. */
            more: boolean;
            /** @description The batch. Plain text. Escape it before you show it as HTML. */
            name: string;
            /** Format: int64 */
            open: number;
            /** Format: int64 */
            ready: number;
            /**
             * Format: int64
             * @description When the last of the open jobs will probably be ready. Absent if there is none, or nothing is known about one of them.
             */
            ready_by?: number;
        };
        /**
         * @description A role, granted by membership in the user pool's group of the same name.
         * @enum {string}
         */
        CallerRole: "customer" | "reviewer" | "support" | "operator" | "auditor";
        /** @description Response of `GET /me`: the caller, and the pipelines it can upload to. */
        CallerView: {
            /** @description The caller's name in job histories and in the audit log. */
            actor: string;
            /** @description The caller sees the jobs of all tenants without their being listed here. */
            all_tenants?: boolean;
            /**
             * Format: int64
             * @description When the sign-in expires.
             */
            expires_at: number;
            /**
             * @description What the roles allow (docs/api.md, "Roles"). The service checks each request; with these a client offers only what may
             *     be done.
             * @default []
             */
            permissions?: components["schemas"]["Permission"][];
            /** @description The pipelines that take uploads. */
            pipelines: components["schemas"]["PipelineView"][];
            /** @description The caller in `opened.by` of a job's marks. */
            reader_id?: string;
            /** @description What the caller may do; several roles add up. */
            roles: components["schemas"]["CallerRole"][];
            /** @description The caller's tenants. */
            tenants: string[];
        };
        /** @description Response of `GET /configuration`: what a client needs to sign in and to connect. */
        ClientConfiguration: {
            /** @description Client id for the sign-in. */
            client_id: string;
            /** @description Sign-in by the company's identity provider, and of machine clients. Absent if the user pool has no domain. */
            company_sign_in?: components["schemas"]["CompanySignIn"];
            /** @description Origin of the page, such as `https://docket.example.com`. Absent if the service does not know it. */
            page_url?: string;
            /** @description URL of the Amazon Cognito user pools API. */
            sign_in_url: string;
            /** @description URL of the WebSocket API. `POST /ws-tickets` returns it with a ticket. */
            web_socket_url: string;
        };
        /**
         * @description A class of programs.
         * @enum {string}
         */
        ClientProgram: "browser" | "command-line" | "other" | "unknown";
        /** @description Sign-in by an identity provider of the company: authorization code with PKCE at the user pool's domain. */
        CompanySignIn: {
            /** @description Client id for this sign-in; another one than for passwords. */
            client_id: string;
            /** @description The `iss` claim of the ID tokens. */
            issuer: string;
            /** @description The identity providers, in the order in which they are offered. Empty if only machine clients use the domain. */
            providers: components["schemas"]["SignInProvider"][];
            /** @description Base URL of the user pool's domain, without a slash at its end. Below it are `/oauth2/authorize`, `/oauth2/token`, `/oauth2/revoke` and `/logout`. */
            url: string;
        };
        /** @description Response of `GET /me/data`. */
        DataExportPage: {
            /** @description Present if there is more. Pass it in the next request. */
            cursor?: string;
            /**
             * @description First jobs, newest first, then settings, then entries of the audit log, newest first. May be empty although `cursor` is
             *     present.
             */
            records: components["schemas"]["DataRecord"][];
        };
        /** @description Something that is stored about the caller. `kind` says which field is present besides `tenant` and `links`. */
        DataRecord: {
            audit?: components["schemas"]["AuditEntry"];
            digests?: components["schemas"]["StoredDigestSettings"];
            job?: components["schemas"]["JobDetail"];
            /**
             * @description `job`: a document that the caller uploaded. `mention`: another's document whose record names the caller. `webhook`,
             *     `digests`: settings that the caller made. `audit`: what the caller did, or others with a job of the caller.
             * @enum {string}
             */
            kind: "job" | "mention" | "webhook" | "digests" | "audit";
            /** @description Paths of this API by what they return: `document`, `result`. */
            links?: {
                [key: string]: string;
            };
            mention?: components["schemas"]["Mention"];
            tenant?: string;
            webhook?: components["schemas"]["WebhookView"];
        };
        /**
         * @description Response of `GET /webhooks/{webhook_id}/deliveries`: the newest 50 attempts, newest first. They are kept for 7 days. Those that
         *     name a document are deleted with the document's data.
         */
        DeliveryList: {
            deliveries: components["schemas"]["DeliveryView"][];
        };
        /** @description An attempt to deliver an event. */
        DeliveryView: {
            /** Format: int64 */
            at: number;
            /**
             * Format: int32
             * @description Counts the attempts for this event, from 1.
             */
            attempt: number;
            /** @description The header `webhook-id`. */
            event_id: string;
            /** @description Why the attempt failed; absent if it succeeded. */
            problem?: string;
            /** @description The beginning of the request's body, at most 2,048 bytes. Plain text. Escape it before you show it as HTML. */
            request?: string;
            /**
             * Format: int64
             * @description The size of the request's body.
             */
            request_bytes: number;
            /** @description The beginning of the response's body. Plain text. Escape it before you show it as HTML. */
            response?: string;
            /**
             * Format: int64
             * @description When it is tried again. Absent if it succeeded or is given up.
             */
            retry_at?: number;
            /**
             * Format: int64
             * @description The event's sequence in the feed; 0 for a test event.
             */
            sequence: number;
            /**
             * Format: int32
             * @description The status of the response; absent if there was none.
             */
            status?: number;
            url: string;
        };
        /**
         * @description Body of `POST /me/digests`. What is absent stays as it is; at first digests are off, about the caller's own documents, and
         *     report both those that are ready and those that failed.
         */
        DigestChange: {
            enabled?: boolean | null;
            /** @description Report documents that failed. */
            failed?: boolean | null;
            /** @description Report documents that became ready. */
            ready?: boolean | null;
            /** @description `tenant` is for reviewers and support. */
            scope?: components["schemas"]["DigestScope"] | null;
            /** @description The tenant. Support must name one, and so must a caller of several tenants. */
            tenant?: string | null;
        };
        /** @description Query parameters of `GET /me/digests`. */
        DigestQuery: {
            /** @description The tenant. Support must name one, and so must a caller of several tenants. */
            tenant?: string;
        };
        /**
         * @description Which documents a digest is about.
         * @enum {string}
         */
        DigestScope: "own" | "tenant";
        /** @description Response of `GET /me/digests`: the caller's e-mail digests of a tenant. */
        DigestView: {
            /** @description Where they are sent: the verified address of the caller's account. No other can be chosen. */
            address?: string;
            /** @description Whether the caller can get digests. */
            available: boolean;
            enabled: boolean;
            failed: boolean;
            /** @description Whether mails have the names of files and batches. Support sets it for the tenant. */
            include_names: boolean;
            /** @description Why they are off, if the caller did not switch them off here: the link in a mail, mail that came back, lost access. */
            off_reason?: string;
            ready: boolean;
            scope: components["schemas"]["DigestScope"];
            tenant: string;
            /** @description Why not. */
            unavailable_reason?: string;
        };
        /**
         * @description A page of the feed. `hash` is the hash of the last of `events`; a reader that computes the hashes of all events from
         *     `previous_hash` on and arrives at `hash` has received each of them unchanged.
         */
        EventPage: {
            /**
             * Format: int32
             * @description The number of events in this page.
             */
            count: number;
            /** @description Always present. Pass it as `since` in the next request, now or later. It belongs to the tenant, not to the caller. */
            cursor: string;
            /** @description The hash of that event. A program that has received all events has computed the same one. */
            end_hash: string;
            /**
             * Format: int64
             * @description The sequence of the newest event of the feed: how many events the tenant has had.
             */
            end_sequence: number;
            /** @description In the order of their sequence, without gaps. */
            events: components["schemas"]["EventView"][];
            /** @description The hash of that event. */
            hash: string;
            /** @description The hash of the event before the first of this page; 64 zeros before the first event of all. */
            previous_hash: string;
            /**
             * Format: int64
             * @description The sequence of the last event of this page, or of the one before it if it has none.
             */
            sequence: number;
            tenant: string;
        };
        /** @description Query parameters of `GET /events`. */
        EventQuery: {
            /**
             * Format: int64
             * @description Only events that were recorded at or after this time, in milliseconds since 1970 UTC. Not together with `since`.
             */
            from?: number;
            /**
             * Format: int32
             * @description Maximum number of events in the response. The default is 100.
             */
            limit?: number;
            /**
             * @description The `cursor` of an earlier response: only events after those. Without it and without `from`, events from the oldest
             *     that is kept.
             */
            since?: string;
            /** @description The tenant. Support must name one, and so must a caller of several tenants. */
            tenant?: string;
            /**
             * Format: int32
             * @description If there is no event after the position yet, wait for one, at most so many seconds. The response comes up to 5 seconds
             *     after the event, and without events if there is none. The default is 0: the response comes at once.
             */
            wait?: number;
        };
        /**
         * @description What happened to a job.
         * @enum {string}
         */
        EventType: "job.ready" | "job.failed";
        /** @description An event of the feed. */
        EventView: {
            /**
             * @description SHA-256, in lower-case hexadecimal digits, of the previous event's hash, `sequence`, `id`, `type` and `recorded_at`,
             *     with a line feed between each two.
             */
            hash: string;
            /** @description `<job id>:<version>`, as in webhooks and on the event bus. An event that occurs twice has the same id. */
            id: string;
            job_id: string;
            /**
             * Format: int64
             * @description When the event was added to the feed. Never earlier than the event before.
             */
            recorded_at: number;
            /**
             * Format: int64
             * @description Counts the tenant's events, from 1.
             */
            sequence: number;
            type: components["schemas"]["EventType"];
            /**
             * Format: int64
             * @description The version of the job. Of two events of a job, the one with the higher version is newer.
             */
            version: number;
        };
        /** @description Explanation of a job. All times are milliseconds since 1970 UTC. */
        Explanation: {
            /** @description What the caller can do now. */
            help: components["schemas"]["SuggestedAction"][];
            /** @description What happens next without intervention, soonest first. */
            next: components["schemas"]["ExplanationStep"][];
            /** @description When it will probably be ready. Absent if the job is final or its file is not uploaded. */
            ready_by?: components["schemas"]["ReadyByView"];
            /** @description The job's state, in a sentence. */
            summary: string;
            /** @description What has happened, oldest first. */
            timeline: components["schemas"]["ExplanationStep"][];
            /** @description Absent if the job is final. */
            waiting?: components["schemas"]["WaitingView"];
        };
        /** @description An event in the past or in the future. */
        ExplanationStep: {
            /** @description Who did it, if it was a user's command. */
            actor?: string;
            /**
             * Format: int64
             * @description The time of the event; for a future event, the latest time.
             */
            at: number;
            /** @description The user's reason. Plain text. Escape it before you show it as HTML. */
            reason?: string;
            /** @description What happened or will happen, in a sentence. */
            what: string;
        };
        /**
         * @description Why an attempt or a job failed.
         * @enum {string}
         */
        FailureCause: "InvalidInput" | "Superseded" | "ModelRejected" | "ModelError" | "TimedOut" | "Expired" | "Lost" | "PipelineGone" | "Refused" | "Unprocessable" | "EndpointDown" | "Unknown";
        /** @description Why a job or an attempt failed. */
        FailureView: {
            cause: components["schemas"]["FailureCause"];
            /**
             * Format: int32
             * @description The HTTP status with which the model's container answered, such as 424. Absent if it did not answer, or SageMaker did not
             *     say.
             */
            container_status?: number;
            /**
             * @description The cause in words, at most 240 bytes, from the model or from this service. Plain text. Escape it before you show it
             *     as HTML.
             */
            detail: string;
        };
        /**
         * @description The findings of a result by how serious they are. They were counted by a reader's page, which knows the result; the service
         *     does not understand it.
         */
        FindingCounts: {
            /**
             * Format: int32
             * @description The attempt with the result.
             */
            attempt: number;
            /** Format: int32 */
            other: number;
            /** Format: int32 */
            serious: number;
        };
        /** @description The body of a response that API Gateway makes itself, without calling the service. */
        GatewayError: {
            /** @description A short English text, such as `Unauthorized`. */
            message: string;
        };
        /** @description The instances of an endpoint, as function `capacity` has seen them every 30 seconds. */
        InstanceUsage: {
            /**
             * Format: int64
             * @description The rest.
             */
            idle_ms: number;
            /**
             * Format: int64
             * @description Instance time in service, in milliseconds.
             */
            in_service_ms: number;
            /**
             * Format: int64
             * @description From when on the instances are known, in this month.
             */
            known_since: number;
            pipeline: string;
            /**
             * Format: int64
             * @description Instance time from the request for an instance until it was in service, in milliseconds.
             */
            starting_ms: number;
            /**
             * Format: int64
             * @description How many instances were started.
             */
            starts: number;
            /**
             * Format: int64
             * @description Of that: the runs of the month's documents. If an instance does several runs at the same time, their time divided by that
             *     number.
             */
            working_ms: number;
        };
        /** @description The response to an invalid message, or to one after the sign-in has expired. */
        InvalidMessage: {
            /** @description What is wrong, for people. */
            message: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "error";
        };
        /**
         * @description What a caller can do about a job.
         * @enum {string}
         */
        JobAction: "retry" | "cancel" | "result" | "upload" | "operate";
        /** @description A job of the subscribed tenant has changed. */
        JobChangedMessage: {
            job: components["schemas"]["JobView"];
            /** @description Finds the job's log lines and traces. */
            trace_id?: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "job.changed";
        };
        /** @description Body of the commands about a job: `POST /jobs/{job_id}/retry`, `run-again`, `urgent`, `cancel` and `data-deletion`. */
        JobCommandRequest: {
            /**
             * Format: int64
             * @description The job's version that the caller has seen. If the job has another version, the request is refused as `changed`.
             *     Without it, the command applies to any version.
             */
            expected_version?: number | null;
            /** @description Retries even if the job has repeated the same failure too often. Only for callers who may prioritize jobs. */
            force?: boolean;
            /** @description The reason, for the job's history and the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
        };
        /** @description Outcome of a command about a job. */
        JobCommandResult: {
            /** @description The job after the command. */
            job: components["schemas"]["JobView"];
            /** @description A retry found the result of an earlier attempt. No attempt was scheduled, and the job becomes `Ready` in a moment. */
            result_recovered?: boolean;
        };
        /** @description Response of `GET /jobs/{job_id}`. */
        JobDetail: {
            /** @description Oldest first. */
            attempts: components["schemas"]["AttemptView"][];
            /**
             * Format: int64
             * @description When S3 deletes the document, at the earliest. After that another attempt cannot succeed. Absent if its data was deleted.
             */
            document_kept_until?: number;
            /**
             * Format: int64
             * @description When the job's row may be deleted. Absent while the job is open.
             */
            expires_at?: number;
            explanation: components["schemas"]["Explanation"];
            /** @description The uploaded object, `s3://bucket/key`. Empty if its data was deleted, and for callers who may not read its contents. */
            input: string;
            /** @description The version id of the uploaded object. */
            input_version?: string;
            /** @description Absent until the file is uploaded. */
            job?: components["schemas"]["JobView"];
            /** @description The caller may delete the job's data once it is final. */
            may_delete?: boolean;
            /**
             * Format: int64
             * @description When S3 deletes the newest result, at the earliest. Absent without a result.
             */
            result_kept_until?: number;
            /** @description The id of the job's trace, in logs and traces. */
            trace_id?: string;
            /** @description The upload session. Present until the file is uploaded. */
            upload?: components["schemas"]["UploadView"];
            /** @description Who uploaded the file, if it was uploaded through this API. */
            uploaded_by?: string;
        };
        /** @description A page of jobs, newest first. Open jobs of all tenants are sorted by the time of their next check instead. */
        JobPage: {
            /** @description Present if there may be more jobs. Pass it in the next request. */
            cursor?: string;
            jobs: components["schemas"]["JobView"][];
            /** @description Messages in quarantine that match `find`. Only for callers who may manage the quarantine. */
            quarantine?: components["schemas"]["QuarantineEntry"][];
            /**
             * Format: int64
             * @description The time of the oldest examined job, if the search stopped early. One response examines at most 500 jobs.
             */
            searched_back_to?: number;
        };
        /** @description Query parameters of `GET /jobs`. */
        JobQuery: {
            /** @description Only contracts that are assigned to this person. Empty: only unassigned ones. */
            assigned_to?: string;
            /** @description Only jobs of exactly this batch. Callers who see all tenants must name the tenant. */
            batch?: string;
            /** @description Only jobs that failed, or whose last attempt failed, with this cause. */
            cause?: components["schemas"]["FailureCause"];
            /** @description Continues a list where an earlier response ended. Valid only with the same filters and for the same caller. */
            cursor?: string;
            /**
             * @description Finds jobs by any id: a job id, an inference id, an event's id, an object's key or URL, the UUID in a key, a reference (the 50
             *     newest jobs), or, for callers who may manage it, the id of a message in quarantine. At most 1,024 bytes, without control characters.
             *     All other filters but `tenant` are ignored. Callers who see all tenants must name one to find a reference. Callers who may
             *     not read contents find jobs by ids, not by keys and references.
             */
            find?: string;
            /**
             * @description Only contracts in whose result such findings were counted. `serious` has also those with findings whose level was not
             *     understood: they may be serious. Results that no page has counted yet are left out.
             * @enum {string}
             */
            found?: "serious" | "any" | "none";
            /**
             * Format: int32
             * @description Maximum number of jobs in the response. The default is 50.
             */
            limit?: number;
            /** @description Only this pipeline. */
            pipeline?: string;
            /** @description Only files whose name starts with this text, ignoring case. */
            q?: string;
            /**
             * @description Only jobs with exactly this reference. Callers who see all tenants must name the tenant. This filter, and `batch`, `q` and
             *     `found`, are for callers who may read contents.
             */
            reference?: string;
            /** @description Only contracts whose result is marked as reviewed, or is not yet. */
            reviewed?: boolean;
            /**
             * @description Searches the jobs of all tenants that the caller may see, newest first: by parts of the file's name, of the uploader, of
             *     reference, batch and tags, and by every id that `find` takes, trace ids, version ids, UUIDs of outputs and the first 8
             *     characters of a job id. Case, accents and dashes are ignored, and every word must occur. At least 3 letters or digits.
             *     Combines with the other filters. `cursor` goes on where the search stopped. For callers who may not read contents it finds
             *     what `find` does.
             */
            search?: string;
            /**
             * Format: int64
             * @description Only jobs created at or after this time. If failed jobs of all tenants are listed: failed at or after it.
             */
            since?: number;
            /** @description Only jobs of this group. Without it, all. */
            status?: components["schemas"]["StatusGroup"];
            /** @description Only this tenant. Callers who see all tenants may omit it to list them, but then `status` must be `open` or `failed`. */
            tenant?: string;
            /** @description Only documents that this person uploaded through the API. A name as in `GET /me`. */
            uploaded_by?: string;
        };
        /**
         * @description The status of a job: `Queued`, `Submitting`, `InProgress` and `RetryScheduled` are open, the others final. A failed job can be
         *     retried, and becomes `Ready` if a result arrives late. Later releases may add values.
         * @enum {string}
         */
        JobStatus: "Queued" | "Submitting" | "InProgress" | "RetryScheduled" | "Ready" | "Failed" | "Cancelled" | "Erased";
        /** @description Response of `GET /summary`. */
        JobSummary: {
            /**
             * Format: int64
             * @description The time of the counts.
             */
            at: number;
            /**
             * Format: int64
             * @description Jobs that failed in the last 24 hours, counted up to 500.
             */
            failed: number;
            /** @description The failed jobs by cause. */
            failed_by_cause: components["schemas"]["NamedCount"][];
            /** @description There are more failed jobs than were counted. */
            failed_more: boolean;
            /**
             * Format: int64
             * @description Open jobs, counted up to 500.
             */
            open: number;
            /** @description There are more open jobs than were counted. */
            open_more: boolean;
            /**
             * Format: int64
             * @description Messages in quarantine, counted up to 100. Only for callers who may manage the quarantine.
             */
            quarantined?: number;
            /**
             * Format: int64
             * @description Open jobs whose check is more than 15 minutes overdue. Only for callers who see all tenants.
             */
            stalled?: number;
        };
        /** @description A job as pushed to pages and listed. At most about 4 KB of JSON; about 400 bytes with an ordinary file name. */
        JobView: {
            /**
             * Format: int32
             * @description The newest attempt, from 1; 0 if none was started.
             */
            attempt: number;
            /** @description The batch that the document belongs to. */
            batch?: string;
            /**
             * Format: int64
             * @description The document's size.
             */
            bytes: number;
            /**
             * @description The job was cancelled while nothing of it was queued or running at the endpoint. Without it, a cancelled job's run may
             *     continue, and its result is ignored.
             */
            cancelled_without_run?: boolean;
            /**
             * @description The reader's role shows jobs without contents: `name` is a placeholder, and the reference, the batch, the tags, the note, the
             *     counts of findings and the model's words are left out.
             */
            contents_hidden?: boolean;
            /** @description The job was reported as failed before; a late result has made it `Ready`. */
            corrected?: boolean;
            /**
             * Format: int64
             * @description When the job was created, in milliseconds since 1970 UTC.
             */
            created_at: number;
            /**
             * Format: int32
             * @description The attempt with the result that the job already has, while it is run again. Present if the job is open and has one.
             */
            earlier_result?: number;
            /** @description Why the job failed. Of an open job: why its last attempt did. */
            failure?: components["schemas"]["FailureView"];
            /** @description The same for all versions and attempts of the job: a UUID. */
            id: string;
            /** @description `bulk`: it gives way to documents of lane `standard` while the pipeline's endpoint has work enough. Absent: `standard`. */
            lane?: components["schemas"]["Lane"];
            /** @description What people noted about the contract. */
            marks?: components["schemas"]["MarksView"];
            /**
             * @description The model of the newest attempt; of a `Ready` job, of the attempt with the result. Of an open attempt it is in responses of
             *     `GET /jobs/{job_id}`, and may be in messages.
             */
            model?: components["schemas"]["ModelView"];
            /** @description The file name, shortened to 200 characters. Plain text. Escape it before you show it as HTML. */
            name: string;
            /** @description A `name` of `GET /me`'s pipelines, or one that takes no more uploads. */
            pipeline: string;
            /**
             * @description When an open job will probably be ready. Present in responses of `GET /jobs` and `GET /jobs/{job_id}`, absent from
             *     messages and events, which say what changed.
             */
            ready_by?: components["schemas"]["ReadyByView"];
            /** @description The uploader's own id of the document. Plain text. Escape it before you show it as HTML. So are `batch` and `tags`. */
            reference?: string;
            /**
             * Format: int64
             * @description When the next attempt is due, in milliseconds since 1970 UTC. Present if the status is `RetryScheduled`.
             */
            retry_at?: number;
            status: components["schemas"]["JobStatus"];
            /** @description The uploader's tags: values by name. */
            tags?: {
                [key: string]: string;
            };
            /** @description The tenant that the document belongs to: 1 to 40 of `a`–`z`, `0`–`9` and `-`. */
            tenant: string;
            /**
             * Format: int64
             * @description When the job last changed, in milliseconds since 1970 UTC.
             */
            updated_at: number;
            /** @description Who uploaded the document, if it was uploaded through the API. Not in events for programs. */
            uploaded_by?: string;
            /** @description It is queued, and support made it urgent: it starts before all others of its pipeline. */
            urgent?: boolean;
            /**
             * Format: int64
             * @description Grows with every change. Of two views of a job, the one with the higher version is newer.
             */
            version: number;
        };
        /**
         * @description A lane. The uploader says it, otherwise the pipeline does.
         * @enum {string}
         */
        Lane: "standard" | "bulk";
        /** @description Body of `POST /jobs/{job_id}/marks`. What is absent stays. */
        MarksChange: {
            /** @description Who is to review it, as in `GET /me`. Empty: unassigned. */
            assigned_to?: string | null;
            /** @description The id of the upload of a corrected version, for a failed job. */
            corrected_by?: string | null;
            /** @description The findings that the caller has counted in the result. */
            findings?: components["schemas"]["FindingCounts"] | null;
            /** @description One line. Empty: no note. */
            note?: string | null;
            /** @description The caller has opened the contract: it is no longer new to them. */
            opened?: boolean;
            /** @description Why support marks, assigns or notes a contract, for the audit log. Others need not say it. */
            reason?: string | null;
            /** @description Whether the caller has reviewed the contract's result. Reviewers and support only; so are `assigned_to` and `note`. */
            reviewed?: boolean | null;
            /**
             * Format: int32
             * @description Of `findings.other`: those whose level the caller did not understand. Only with `findings`; without it, 0.
             */
            unclear_findings?: number | null;
        };
        /** @description What people noted about a contract. Not in events for programs. */
        MarksView: {
            /** @description Who is to review it. Plain text. Escape it before you show it as HTML. So is `note`. */
            assigned_to?: string;
            /** @description The job of a corrected version of the document, which was uploaded for this failed one. The job may not exist yet. */
            corrected_by?: string;
            /** @description How many findings a page has understood in the result. */
            findings?: components["schemas"]["FindingCounts"];
            /** @description A note of one line. */
            note?: string;
            /** @description Who has opened the newest result or failure. */
            opened?: components["schemas"]["Opened"];
            /** @description Who has reviewed the contract. */
            reviewed?: components["schemas"]["Reviewed"];
            /**
             * Format: int64
             * @description Counts the changes of the marks, from 1. Of two views of a job, the marks with the higher revision are newer, whatever
             *     the job's version.
             */
            revision: number;
            /**
             * Format: int32
             * @description Of `findings.other`: those whose level the page did not understand. They may be serious.
             */
            unclear_findings?: number;
        };
        /** @description Where the record of another's document names the caller. */
        Mention: {
            /** @description The contract is assigned to the caller. */
            assigned?: boolean;
            /** @description The caller's commands, oldest first. `what` is the name of the event in the job's history. */
            commands: components["schemas"]["ExplanationStep"][];
            job_id: string;
            /**
             * Format: int64
             * @description When the caller marked it as reviewed.
             */
            reviewed_at?: number;
        };
        /**
         * @description The version of a model: `<endpoint configuration>@<digest>`. The digest is the first twelve hexadecimal digits of the SHA-256
         *     of its container image, and absent with its `@` if SageMaker did not name it.
         */
        ModelView: {
            /** @description What it served when the attempt ended, or serves now while the attempt is open, if that is another version. */
            other?: string;
            /**
             * @description The version that answers is not certain: the endpoint was updated while the attempt was open, or what it served meanwhile is
             *     not known.
             */
            uncertain?: boolean;
            /** @description What the endpoint served when the attempt was submitted. */
            version: string;
        };
        /** @description A multipart upload. */
        MultipartUploadView: {
            /**
             * Format: int64
             * @description The size of every part but the last, in bytes.
             */
            part_bytes: number;
            /**
             * Format: int64
             * @description How many parts there are. Part numbers start at 1.
             */
            part_count: number;
            /** @description The numbers of the parts that are already uploaded. */
            uploaded_parts: number[];
        };
        /** @description How many jobs have a value. */
        NamedCount: {
            /**
             * Format: int64
             * @description How many jobs have it.
             */
            count: number;
            /** @description The value: a failure cause, or a pipeline's name. */
            name: string;
        };
        /** @description Body of `POST /pauses`. Names a pipeline, a tenant, or both. */
        NewPause: {
            /** @description A pipeline's name. */
            pipeline?: string | null;
            /** @description The reason, for support and the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
            /** @description A tenant's name. */
            tenant?: string | null;
            /**
             * Format: int64
             * @description When the pause ends by itself, in milliseconds since 1970 UTC: in the future, and at most seven days from now.
             */
            until: number;
        };
        /**
         * @description Body of `POST /retry-plans`: failed jobs to retry together, ready jobs to run again together, or open jobs to cancel together.
         *     Creating a plan changes no job.
         */
        NewRetryPlan: {
            /**
             * @description Cancels open jobs, in place of retrying failed ones. The filter must name a tenant, a pipeline or a time, and no cause. A
             *     job that has ended by then stays as it is.
             */
            cancel?: boolean;
            /**
             * @description Without it, all failed jobs.
             * @default {}
             */
            filter?: components["schemas"]["RetryPlanFilter"];
            /** @description Includes jobs that have repeated the same failure too often. */
            force?: boolean;
            /**
             * Format: int32
             * @description How many jobs to start, or to cancel, per minute. The default is 20, and 600 to cancel.
             */
            per_minute?: number | null;
            /** @description The reason, for each job's history and the audit log: 1 to 400 characters, at least one of them visible. */
            reason: string;
            /**
             * @description Runs `Ready` jobs again, with the model that their endpoint serves then, in place of retrying failed jobs. Their results
             *     stay. The filter must name a tenant, and no cause.
             */
            run_again?: boolean;
        };
        /** @description Body of `POST /tenants`. */
        NewTenant: {
            name: string;
            /** @description The reason, for the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
        };
        /** @description Body of `POST /ws-tickets`. */
        NewTicket: {
            /** @description The tenant to subscribe to. Required if the caller has several. A caller who sees all tenants may omit it to subscribe to them. */
            tenant?: string | null;
        };
        /** @description Body of `POST /uploads`. */
        NewUpload: {
            /**
             * @description The batch that the document belongs to, by a name of your choice: 1 to 64 characters, without control characters.
             *     `GET /jobs` lists the jobs of a batch.
             */
            batch?: string | null;
            /**
             * Format: int64
             * @description The file's size in bytes, at most the pipeline's `max_bytes`.
             */
            bytes: number;
            /** @description The file's media type, one of the pipeline's `content_types`. */
            content_type: string;
            /** @description `bulk` for documents that can wait: they give way to those of `standard`. Without it, the pipeline decides. */
            lane?: components["schemas"]["Lane"] | null;
            /**
             * @description The file's name: 1 to 200 characters and at most 500 bytes, at least one of them visible. Without slashes and control
             *     characters. Invisible characters and those that change the direction of text are removed.
             */
            name: string;
            /** @description A `name` of `GET /me`'s pipelines. */
            pipeline: string;
            /**
             * @description Your own id of the document: 1 to 64 characters, without control characters. It need not be unique. `GET /jobs` finds
             *     jobs by it.
             */
            reference?: string | null;
            /** @description Processes the file although its content was uploaded before. */
            run_anyway?: boolean;
            /**
             * @description SHA-256 of the file, as 64 hexadecimal digits in lower case. With it, a file whose content the tenant has uploaded to the
             *     pipeline before is refused as `identical`, if the caller may see a job of it that is open, or ready with its result still
             *     stored. Noticed are only earlier uploads that named their SHA-256 too.
             */
            sha256?: string | null;
            /**
             * @description Tags: values by name, at most 8, together at most 512 bytes of UTF-8. A name has 1 to 32 of `A`–`Z`, `a`–`z`,
             *     `0`–`9`, `.`, `_` and `-`; a value has 1 to 64 characters, without control characters.
             */
            tags?: {
                [key: string]: string;
            };
            /** @description One of the caller's tenants. Required if the caller has several. */
            tenant?: string | null;
        };
        /** @description Body of `POST /webhooks`. */
        NewWebhook: {
            /** @description Only these events. Without it, all. */
            event_types?: components["schemas"]["EventType"][];
            /** @description Also send the file's name and the model's words about a failure. Off unless it is set. */
            include_details?: boolean;
            /** @description The tenant. Support must name one, and so must a caller of several tenants. */
            tenant?: string | null;
            /**
             * @description Where events are posted to: `https://`, a name or an address on the public internet, port 443 or above 1023, without
             *     user name and fragment.
             */
            url: string;
        };
        /** @description Who has opened which attempt's result or failure. */
        Opened: {
            /** Format: int32 */
            attempt: number;
            /** @description Each is a `reader_id` of `GET /me`. At most 50. */
            by: string[];
        };
        /** @description Query parameters of `GET /quarantine` and `GET /me/data`. */
        PageQuery: {
            /** @description Continues a list where an earlier response ended. */
            cursor?: string;
        };
        /** @description Response of `GET /pauses`. */
        PauseList: {
            /** @description For support all pauses, for others those that hold jobs of their tenants. Open circuit breakers are among them. */
            pauses: components["schemas"]["PauseView"][];
        };
        /**
         * @description A pause. It holds the jobs of the pipeline, of the tenant, or of the tenant in the pipeline: they wait, and nothing of them
         *     is sent to the endpoint. What the endpoint already has continues.
         */
        PauseView: {
            /** @description Who paused it. Only for support. */
            actor?: string;
            /**
             * @description It is no pause by support: the pipeline's circuit breaker is open, since the endpoint refused or failed every document.
             *     It closes by itself when a probe shows that the endpoint works.
             */
            breaker?: boolean;
            /** @description The pipeline; absent if the pause is about all pipelines of the tenant. */
            pipeline?: string;
            /** @description Why. Plain text. Escape it before you show it as HTML. Only for support. */
            reason?: string;
            /**
             * Format: int64
             * @description When it began, in milliseconds since 1970 UTC.
             */
            since: number;
            /** @description The tenant; absent if the pause is about all tenants of the pipeline. */
            tenant?: string;
            /**
             * Format: int64
             * @description When it ends by itself, in milliseconds since 1970 UTC. Of a circuit breaker: when one job probes the endpoint next.
             */
            until: number;
        };
        /**
         * @description What a request needs. The order is that of the documentation.
         * @enum {string}
         */
        Permission: "see-jobs" | "read-contents" | "upload-documents" | "command-jobs" | "mark-jobs" | "judge-contracts" | "receive-digests" | "read-receipts" | "read-events" | "read-usage" | "read-webhooks" | "resend-events" | "change-webhooks" | "delete-data" | "prioritize-jobs" | "manage-pauses" | "read-plans" | "manage-plans" | "manage-quarantine" | "read-messages" | "read-audit" | "read-tenants" | "create-tenants" | "change-tenants";
        /** @description A pipeline that takes uploads. */
        PipelineView: {
            /** @description The media types that the pipeline takes. */
            content_types: string[];
            /** @description Customers and reviewers may delete the data of their documents; otherwise support does it. */
            customers_may_delete?: boolean;
            /** @description What people call it. Without it, show `name`. */
            display_name?: string;
            /**
             * Format: int64
             * @description The size of the largest file, in bytes.
             */
            max_bytes: number;
            /** @description For `POST /uploads` and the filters of lists. */
            name: string;
            /** @description The media type of results. */
            result_type: string;
            /**
             * Format: int64
             * @description Target time from upload to result (SLO), in seconds.
             */
            slo_seconds: number;
            /**
             * Format: int64
             * @description Typical time of one run on the endpoint, in seconds.
             */
            typical_run_seconds: number;
        };
        /** @description A job of a plan. */
        PlannedJobView: {
            /** @description Absent if its record no longer exists. */
            job?: components["schemas"]["JobView"];
            job_id: string;
            /**
             * @description The count of `RetryPlanOutcome` that it belongs to.
             * @enum {string}
             */
            outcome: "waiting" | "skipped" | "missing" | "open" | "ready" | "failed" | "cancelled";
        };
        /** @description Why a request was refused: problem details (RFC 9457), `application/problem+json`. */
        Problem: {
            /** @description What is wrong with this request, and what to do. */
            detail: string;
            /** @description Of a problem `identical`: the jobs of the same content, newest first. */
            identical?: components["schemas"]["JobView"][];
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description A short text for the problem type. */
            title: string;
            /** @description The problem type, `urn:docket:problem:<code>`. Programs should use it rather than the texts. */
            type: string;
        };
        /** @description An error of the service, or one of API Gateway. */
        ProblemOrGatewayError: components["schemas"]["Problem"] | components["schemas"]["GatewayError"];
        /** @description A message of the WebSocket API to a page: one frame of JSON, at most 32 KB. Clients ignore types that they do not know. */
        PushMessage: components["schemas"]["JobChangedMessage"] | components["schemas"]["SnapshotMessage"] | components["schemas"]["InvalidMessage"];
        /** @description Body of `POST /quarantine/{entry_id}/redrive` and `POST /quarantine/{entry_id}/discard`. */
        QuarantineCommandRequest: {
            /** @description The reason, for the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
        };
        /** @description A message in quarantine: it could not be decoded, contradicts a job's row, or failed until it was a dead letter. */
        QuarantineEntry: {
            /**
             * Format: int64
             * @description When the message was quarantined.
             */
            at: number;
            /**
             * @description The first 64 KB of the body. Only in responses about a single message, and only for callers who may read messages. Plain text. Escape it before you show it as
             *     HTML.
             */
            body?: string;
            /**
             * Format: int64
             * @description Length of the full body, in bytes.
             */
            body_bytes: number;
            /** @description The kind of error, for programs. */
            cause: string;
            /** @description `<queue>:<id of the first message>`. */
            id: string;
            /** @description What is wrong with the message. Empty for callers who may not read messages, since it may quote them. */
            problem: string;
            /** @description The queue that the message came from. */
            source: string;
        };
        /** @description Response of `GET /quarantine`. */
        QuarantinePage: {
            /** @description Present if there are more entries. Pass it in the next request. */
            cursor?: string;
            /** @description Sorted by queue, then by message id. */
            entries: components["schemas"]["QuarantineEntry"][];
        };
        /**
         * @description When an open job will probably be ready, or why that is not known. Times are milliseconds since 1970 UTC. Nine of ten
         *     jobs are ready between `earliest` and `latest`.
         */
        ReadyByView: {
            /**
             * Format: int64
             * @description Absent if it is not known; then `explanation` says why. So are the other times, except `earliest` of a job that a pause holds: the
             *     end of the pause.
             */
            about?: number;
            /** Format: int64 */
            earliest?: number;
            /** @description Why there is no estimate, or what it is based on, in a sentence. */
            explanation: string;
            /** Format: int64 */
            latest?: number;
        };
        /** @description What the service states about a result. */
        Receipt: {
            /**
             * Format: int32
             * @description The attempt that the result is of, from 1.
             */
            attempt: number;
            /** Format: int64 */
            closed_at?: number;
            /**
             * Format: int64
             * @description When the job was created.
             */
            created_at: number;
            /** @description The uploaded file, in the version that the job processed. */
            document: components["schemas"]["ReceiptFile"];
            /**
             * Format: int64
             * @description When the receipt was made. The hashes are those of the files at this time.
             */
            issued_at: number;
            job_id: string;
            /** @description The endpoint was called again although a first call may have been made, so the model may have run twice. */
            may_run_twice?: boolean;
            /** @description The model that the attempt was sent to. Absent if that was not known. */
            model?: components["schemas"]["ModelView"];
            pipeline: string;
            /** @description What came with the upload. */
            reference?: string;
            /** @description The result, in the version that was current when the receipt was made. */
            result: components["schemas"]["ReceiptFile"];
            /**
             * Format: int64
             * @description When the attempt began, and when its result was recorded.
             */
            started_at: number;
            tenant: string;
        };
        /** @description A file that a receipt is about. */
        ReceiptFile: {
            /** Format: int64 */
            bytes: number;
            /** @description S3's ETag. */
            etag: string;
            /** @description `s3://bucket/key`. */
            location: string;
            /**
             * @description SHA-256 of the content, in lower-case hexadecimal digits. Absent for a file above 64 MB, and for a document that was
             *     deleted after its retention time.
             */
            sha256?: string;
            /** @description S3's version id. */
            version: string;
        };
        /** @description A public key (RFC 8037). */
        ReceiptKey: {
            /** @description `Ed25519`. */
            crv: string;
            /** @description The key's thumbprint (RFC 7638), which a receipt's header names too. */
            kid: string;
            /** @description `OKP`. */
            kty: string;
            /** @description The key, in base64url without padding. */
            x: string;
        };
        /** @description Response of `GET /receipt-keys`: the keys that receipts are signed with, as a JSON Web Key Set (RFC 7517). */
        ReceiptKeys: {
            keys: components["schemas"]["ReceiptKey"][];
        };
        /** @description Response of `GET /jobs/{job_id}/receipt`. */
        ReceiptView: {
            /**
             * @description A JSON Web Signature in its compact form (RFC 7515), with `alg` `EdDSA` (RFC 8037). Its payload is a `Receipt`. Store it
             *     as it is: a line feed at its end is a change.
             */
            jws: string;
            /** @description What it says. */
            receipt: components["schemas"]["Receipt"];
        };
        /** @description Body of `POST /webhooks/{webhook_id}/redeliver`: one of `sequence` and `from`. */
        RedeliverRequest: {
            /**
             * Format: int64
             * @description Send all events again that were recorded at or after this time, in milliseconds since 1970 UTC.
             */
            from?: number | null;
            /**
             * Format: int64
             * @description Send this event again.
             */
            sequence?: number | null;
        };
        /** @description Query parameters of `GET /jobs/{job_id}/result`. */
        ResultQuery: {
            /**
             * Format: int32
             * @description The result of this attempt, which `has_result` says is there. Without it, the result of the job: the newest, or while it
             *     is run again the earlier one.
             */
            attempt?: number;
        };
        /** @description Response of `GET /jobs/{job_id}/result` and `GET /jobs/{job_id}/document`. */
        ResultView: {
            /**
             * Format: int64
             * @description The size.
             */
            bytes: number;
            /** @description The media type. A browser that opens the request's URL shows a document in `application/pdf`, and saves everything else. */
            content_type: string;
            /** @description A file name. */
            name: string;
            /**
             * @description Where the parts of the result are, if its pipeline says so: JSON Pointers (RFC 6901) by part, such as `findings`. Look
             *     for other parts, and for those that are not there, under their usual names (docs/models.md). Only for JSON.
             */
            paths?: {
                [key: string]: string;
            };
            /** @description The request that downloads the result or the document. It also answers a `Range`. */
            request: components["schemas"]["SignedRequest"];
        };
        /** @description Body of `POST /pauses/resume`. Names the pipeline and the tenant exactly as the pause does. */
        ResumeRequest: {
            /** @description The pipeline of the pause. */
            pipeline?: string | null;
            /** @description The reason, for the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
            /** @description The tenant of the pause. */
            tenant?: string | null;
        };
        /** @description Response of `POST /pauses/resume`. */
        ResumeResult: {
            /** @description Jobs are left that no pause holds; they are released within five minutes. */
            more?: boolean;
            /**
             * Format: int64
             * @description Queued jobs of pipelines without a window that were released at once.
             */
            released: number;
            /**
             * Format: int64
             * @description Queued jobs of pipelines with a window: they wait for their turn.
             * @default 0
             */
            wait_for_turn?: number;
        };
        /** @description Selects the jobs of a retry plan. */
        RetryPlanFilter: {
            /** @description Only jobs of exactly this batch. Needs `tenant`. */
            batch?: string | null;
            /** @description Only jobs that failed with this cause. */
            cause?: components["schemas"]["FailureCause"] | null;
            /** @description Only jobs in this lane. */
            lane?: components["schemas"]["Lane"] | null;
            /**
             * @description Only jobs whose result is by this model: an endpoint configuration, or one with its digest as in `ModelView`. Also those of
             *     which it is not certain. Only with `run_again`.
             */
            model?: string | null;
            /** @description Only this pipeline. */
            pipeline?: string | null;
            /** @description Only jobs of exactly this reference. Needs `tenant`. */
            reference?: string | null;
            /**
             * Format: int64
             * @description Only jobs that failed, or became ready, at or after this time; of open jobs, that were uploaded then.
             */
            since?: number | null;
            /** @description Only jobs with exactly this tag, as `name=value`. Needs `tenant`. */
            tag?: string | null;
            /** @description Only jobs of this tenant. */
            tenant?: string | null;
            /**
             * Format: int64
             * @description Only jobs that failed, or became ready, before this time; of open jobs, that were uploaded then.
             */
            until?: number | null;
        };
        /** @description Response of `GET /retry-plans/{plan_id}/jobs`. */
        RetryPlanJobs: {
            /** @description In the order in which they are started. */
            jobs: components["schemas"]["PlannedJobView"][];
            /**
             * Format: int32
             * @description How many pages there are.
             */
            pages: number;
        };
        /** @description Query parameters of `GET /retry-plans/{plan_id}/jobs`. */
        RetryPlanJobsQuery: {
            /**
             * Format: int32
             * @description The page, from 0. A page has up to 100 jobs.
             * @default 0
             */
            page?: number;
        };
        /** @description Response of `GET /retry-plans`. */
        RetryPlanList: {
            /** @description The newest 50, newest first. */
            plans: components["schemas"]["RetryPlanView"][];
        };
        /** @description Progress of the jobs of a plan. The counts add up to the plan's jobs. */
        RetryPlanOutcome: {
            /**
             * Format: int64
             * @description Cancelled by this plan.
             */
            cancelled?: number;
            /**
             * Format: int64
             * @description Of these, cancelled before anything of them was queued or running at the endpoint.
             */
            cancelled_without_run?: number;
            /**
             * Format: int64
             * @description Started, then failed again or cancelled. A job that was run again without a new result counts here, and is ready with its
             *     earlier result.
             */
            failed: number;
            /**
             * Format: int64
             * @description The record of the job no longer exists: its retention time is over.
             * @default 0
             */
            missing?: number;
            /**
             * Format: int64
             * @description Started and still open.
             */
            open: number;
            /**
             * Format: int64
             * @description Ready, through a new attempt or because the result of an earlier attempt was found.
             */
            ready: number;
            /**
             * Format: int64
             * @description Not started, because the job has changed since the plan was created or cannot be retried.
             */
            skipped: number;
            /**
             * Format: int64
             * @description Not started yet.
             */
            waiting: number;
        };
        /**
         * @description How far the release of a plan's jobs is.
         * @enum {string}
         */
        RetryPlanStatus: "planned" | "releasing" | "released" | "stopped";
        /** @description Failed jobs that are retried together, ready jobs that are run again together, or open jobs that are cancelled together. */
        RetryPlanView: {
            /** @description Who created the plan. */
            actor: string;
            /**
             * Format: int64
             * @description When the release of the jobs began.
             */
            applied_at?: number;
            /** @description The jobs by failure cause. */
            by_cause: components["schemas"]["NamedCount"][];
            /** @description The jobs by the model of their result, if the plan runs ready jobs again. Those without a known model are not counted. */
            by_model?: components["schemas"]["NamedCount"][];
            /** @description The jobs by pipeline. */
            by_pipeline: components["schemas"]["NamedCount"][];
            /**
             * @description The jobs by state, when the plan was created, if it cancels them. A job in `Queued` has no request at the endpoint. Of one
             *     that is `Submitting` or `InProgress` the request continues, and its result is ignored.
             */
            by_state?: components["schemas"]["NamedCount"][];
            /** @description It cancels open jobs. */
            cancel?: boolean;
            /**
             * Format: int64
             * @description When the plan was created.
             */
            created_at: number;
            /**
             * Format: int64
             * @description How many jobs were left out because the retention time of their documents is over, so that another run would find nothing.
             * @default 0
             */
            documents_deleted?: number;
            /** @description The filter that selected the jobs when the plan was created. */
            filter: components["schemas"]["RetryPlanFilter"];
            /**
             * Format: int64
             * @description Estimated GPU time of all runs, in minutes; of a plan that cancels, of the runs that had not started.
             */
            gpu_minutes: number;
            /** @description For `GET /retry-plans/{plan_id}`. */
            id: string;
            /**
             * Format: int64
             * @description How many jobs the plan retries.
             */
            jobs: number;
            /** @description Progress of the jobs. Only in responses about a single plan that was applied. */
            outcome?: components["schemas"]["RetryPlanOutcome"];
            /**
             * Format: int32
             * @description How many jobs are started per minute.
             */
            per_minute: number;
            /**
             * Format: int64
             * @description How many jobs were left out because they have repeated the same failure too often. `force` includes them.
             */
            poisoned: number;
            /** @description Plain text. Escape it before you show it as HTML. */
            reason: string;
            /**
             * Format: int64
             * @description How many jobs were released so far.
             */
            released: number;
            /** @description It runs ready jobs again. */
            run_again?: boolean;
            status: components["schemas"]["RetryPlanStatus"];
            /**
             * Format: int64
             * @description When it was stopped.
             */
            stopped_at?: number;
            /** @description More jobs match the filter than one plan takes. Create another plan after this one. */
            truncated: boolean;
        };
        /** @description Who reviewed which result. */
        Reviewed: {
            /**
             * Format: int64
             * @description In milliseconds since 1970 UTC.
             */
            at: number;
            /**
             * Format: int32
             * @description The attempt with the result. If the job has a newer one, that is not reviewed.
             */
            attempt: number;
            /** @description As in `GET /me`. */
            by: string;
        };
        /** @description An identity provider of the company. */
        SignInProvider: {
            /** @description What people call it, such as `Acme`. */
            label: string;
            /** @description The provider's name in the user pool: `identity_provider` of a request to `/oauth2/authorize`. */
            name: string;
        };
        /** @description Body of `POST /uploads/{job_id}/parts`. */
        SignPartsRequest: {
            /** @description The numbers of the parts to sign, from 1 to the upload's `part_count`. */
            part_numbers: number[];
        };
        /** @description The request that uploads one part. */
        SignedPart: {
            /** Format: int64 */
            part_number: number;
            request: components["schemas"]["SignedRequest"];
        };
        /** @description Response of `POST /uploads/{job_id}/parts`. */
        SignedParts: {
            /** @description In the order of the request. */
            parts: components["schemas"]["SignedPart"][];
        };
        /** @description A presigned request to S3. Send it unchanged: S3 refuses another size, media type or key. */
        SignedRequest: {
            /**
             * Format: int64
             * @description The request must start before this time.
             */
            expires_at: number;
            /** @description Headers that are part of the signature, by name. A browser sets `content-length` itself. */
            headers: {
                [key: string]: string;
            };
            /** @enum {string} */
            method: "GET" | "PUT";
            /** @description The URL with the signature. All who have it can send the request. */
            url: string;
        };
        /** @description The response to `{"action":"sync"}`. */
        SnapshotMessage: {
            /** @description Newest first within each status group. */
            jobs: components["schemas"]["JobView"][];
            /** @description Names the state of the lists. A page that returns it with its next `sync` gets only what changed since. */
            mark?: string;
            /** @description Whether there are more jobs than fit. */
            more: boolean;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "snapshot";
        };
        /**
         * @description The group under which lists show a job.
         * @enum {string}
         */
        StatusGroup: "open" | "ready" | "failed" | "cancelled" | "erased";
        /** @description The caller's settings for the e-mail digests of a tenant. */
        StoredDigestSettings: {
            /** @description Where digests are sent to. */
            address: string;
            enabled: boolean;
            /**
             * Format: int64
             * @description When they were last switched on.
             */
            enabled_at: number;
            failed: boolean;
            /** @description Why they are off, if the caller did not switch them off. */
            off_reason?: string;
            ready: boolean;
            scope: components["schemas"]["DigestScope"];
        };
        /** @description An action that helps, and why. */
        SuggestedAction: {
            action: components["schemas"]["JobAction"];
            /** @description Why the action helps, or what to consider first. */
            why: string;
        };
        /** @description Query parameters of `GET /summary`. */
        SummaryQuery: {
            /** @description Only this tenant. Without it, all tenants of the caller; for a caller who sees all tenants, all. */
            tenant?: string;
        };
        /** @description Body of `POST /tenants/{tenant}/digests`. */
        TenantDigestChange: {
            /** @description Whether mails have the names of files and batches. Mails are not encrypted on their whole way. */
            include_names: boolean;
            /** @description Why. For the audit log. */
            reason: string;
        };
        /** @description Response of `POST /tenants/{tenant}/digests`. */
        TenantDigestView: {
            include_names: boolean;
            tenant: string;
        };
        /** @description Response of `GET /tenants`. */
        TenantList: {
            /** @description Sorted by name. */
            tenants: components["schemas"]["TenantView"][];
        };
        /** @description Body of `POST /tenants/{tenant}/retention`. */
        TenantRetentionChange: {
            /**
             * Format: int32
             * @description After how many days from a job's end its data is deleted: not more than each pipeline keeps it. Absent: only the pipelines say
             *     how long data is kept.
             */
            days?: number | null;
            /** @description The reason, for the audit log: 1 to 500 characters, at least one of them visible. */
            reason: string;
        };
        /** @description A known tenant. */
        TenantView: {
            /** @description Who created it. Absent if it is not created yet: an S3 client put an object under its prefix. */
            created_by?: string;
            name: string;
            /**
             * Format: int64
             * @description From when on data is deleted because of `retention_days`: until then the change can be taken back.
             */
            retention_begins_at?: number;
            /**
             * Format: int32
             * @description After how many days from a job's end its data is deleted. Absent if only the pipelines say how long it is kept.
             */
            retention_days?: number;
            /**
             * Format: int64
             * @description When it was created, or first found in S3.
             */
            since: number;
        };
        /** @description A ticket that opens one WebSocket. */
        TicketView: {
            /**
             * Format: int64
             * @description The ticket is valid once, until this time.
             */
            expires_at: number;
            /**
             * @description The WebSocket URL to connect to, with the ticket. After connecting, and then every minute, send
             *     `{"action":"sync"}`. Every frame that arrives is a `PushMessage`.
             */
            url: string;
        };
        /** @description An upload session: response of `POST /uploads` and `GET /uploads/{job_id}`. */
        UploadView: {
            batch?: string;
            /**
             * Format: int64
             * @description The file's size in bytes.
             */
            bytes: number;
            /** @description The file's media type. */
            content_type: string;
            /**
             * Format: int64
             * @description When the session was created.
             */
            created_at: number;
            /**
             * Format: int64
             * @description The upload must be completed before this time.
             */
            expires_at: number;
            /** @description The id of the upload session, and of the job that is created when the file is uploaded. */
            job_id: string;
            /** @description Of the request, or else of the pipeline. Absent: `standard`. */
            lane?: components["schemas"]["Lane"];
            /** @description Present if the file is uploaded in parts. */
            multipart?: components["schemas"]["MultipartUploadView"];
            /** @description The file's name. Plain text. Escape it before you show it as HTML. */
            name: string;
            pipeline: string;
            /** @description The request that uploads the file, if it is uploaded as a whole. */
            put?: components["schemas"]["SignedRequest"];
            /** @description As in the request. So are `batch` and `tags`. Plain text. Escape it before you show it as HTML. */
            reference?: string;
            tags?: {
                [key: string]: string;
            };
            tenant: string;
            /** @description The file is already uploaded: a repeated `POST /uploads` with the same idempotency key has nothing left to do. */
            uploaded?: boolean;
        };
        /** @description Query parameters of `GET /usage`. */
        UsageQuery: {
            /** @description Whether batches are listed apart. */
            batches?: boolean;
            /** @description The month in UTC, such as `2026-11`. The default is the present one. */
            month?: string;
            /** @description The tenant. Without it, support gets all tenants, and a caller of one tenant that tenant. */
            tenant?: string;
        };
        /** @description What a tenant has used of a pipeline. */
        UsageSum: {
            /**
             * Format: int64
             * @description Of `runs`: those that count with the usual time of a run, since nothing is known about their own.
             */
            assumed_runs: number;
            /** @description Absent for the documents without a batch, for those of batches above 500 in a day of the tenant, and if batches are not listed apart. */
            batch?: string;
            /**
             * Format: int64
             * @description The size of these documents.
             */
            bytes: number;
            /** Format: int64 */
            cancelled: number;
            /**
             * Format: int64
             * @description Jobs, also those that failed, were cancelled, or whose data was deleted.
             */
            documents: number;
            /**
             * Format: int64
             * @description Documents whose result says how many pages they have. The pages of the others are not known.
             * @default 0
             */
            documents_with_pages?: number;
            /** Format: int64 */
            failed: number;
            /**
             * Format: int64
             * @description It cannot have been longer: the time from each request to its outcome, or the time limit of a run.
             */
            max_run_ms: number;
            /**
             * Format: int64
             * @description Those that were open when they were counted.
             */
            open: number;
            /**
             * Format: int64
             * @description The pages of those in `documents_with_pages`.
             * @default 0
             */
            pages?: number;
            pipeline: string;
            /** Format: int64 */
            ready: number;
            /**
             * Format: int64
             * @description How long the model worked on them, in milliseconds. SageMaker does not say when a run begins: this follows from the order
             *     of the requests and the number of instances.
             */
            run_ms: number;
            /**
             * Format: int64
             * @description Attempts that the model has worked on. Not: attempts that the endpoint refused, that expired in its queue, or of which
             *     nothing was heard again.
             */
            runs: number;
            tenant: string;
        };
        /** @description The usage of a month: that of the documents that were uploaded in it, with all their attempts. */
        UsageView: {
            /**
             * Format: int64
             * @description Documents that were uploaded before this time are counted. Each hour is counted about ten minutes after its end, hourly
             *     while a document of it is open, and again after a day, a week and a month.
             */
            counted_until: number;
            /** @description For support, if no tenant is named: the instances of each endpoint that Docket scales. */
            instances?: components["schemas"]["InstanceUsage"][];
            /** @description In UTC, such as `2026-11`. */
            month: string;
            /** @description By tenant, pipeline and batch. */
            sums: components["schemas"]["UsageSum"][];
        };
        /** @description What an open job waits for, and since when. */
        WaitingView: {
            on: components["schemas"]["WaitsOn"];
            /**
             * Format: int64
             * @description When the job began to wait for it.
             */
            since: number;
            /**
             * @description Its place among the queued jobs of its tenant in its lane, in words, such as `12th of 40 in its organization's turn, next
             *     release in about 2 min`. Tenants take turns, so the place does not depend on what others queued.
             */
            turn?: string;
        };
        /**
         * @description What an open job can wait for.
         * @enum {string}
         */
        WaitsOn: "upload" | "submission" | "endpoint" | "retry" | "pause" | "turn" | "breaker" | "stalled";
        /** @description Body of `POST /webhooks/{webhook_id}`. What is absent stays as it is. */
        WebhookChange: {
            /** @description `false` pauses it. `true` goes on where it stopped, also after it was disabled because it failed. */
            enabled?: boolean | null;
            /** @description As in [`NewWebhook`]; an empty list means all. */
            event_types?: components["schemas"]["EventType"][] | null;
            /** @description As in [`NewWebhook`]. */
            include_details?: boolean | null;
            /** @description As in [`NewWebhook`]. */
            url?: string | null;
        };
        /** @description Response of `GET /webhooks`. */
        WebhookList: {
            webhooks: components["schemas"]["WebhookView"][];
        };
        /** @description Query parameters of `GET /webhooks`. */
        WebhookQuery: {
            /** @description The tenant. Support must name one, and so must a caller of several tenants. */
            tenant?: string;
        };
        /** @description A webhook. */
        WebhookView: {
            /** Format: int64 */
            created_at: number;
            created_by: string;
            /** @description Why Docket disabled it: it failed for too long, or the receiver answered 410. Absent if a user paused it. */
            disabled_reason?: string;
            /** @description Whether events are sent. */
            enabled: boolean;
            /** @description Empty: all. */
            event_types: components["schemas"]["EventType"][];
            /**
             * Format: int64
             * @description How many events expired before they were delivered, since events are kept for 30 days. They cannot be sent again.
             * @default 0
             */
            expired?: number;
            /**
             * Format: int64
             * @description Since when no delivery has succeeded, while deliveries fail. After three days it is disabled.
             */
            failing_since?: number;
            /** @description `<tenant>.<16 hexadecimal digits>`. */
            id: string;
            include_details: boolean;
            /**
             * Format: int64
             * @description Until when the secret before a rotation is also used.
             */
            previous_secret_until?: number;
            /** @description The secret, which is shown only once: in the response that creates the webhook or rotates its secret. */
            secret?: string;
            /**
             * Format: int64
             * @description The sequence up to which events were sent, or wait to be sent again.
             */
            sequence: number;
            tenant: string;
            url: string;
            /**
             * Format: int32
             * @description How many events wait to be sent again after a failure.
             */
            waiting: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    ListAudit: {
        parameters: {
            query?: {
                /** @description Continues a list where an earlier response ended. Valid only with the same times. */
                cursor?: string;
                /** @description The log is being exported: the first request is an entry itself, `export-audit`. */
                export?: boolean;
                /** @description Only entries at or after this time. */
                since?: number;
                /** @description Only entries before this time. */
                until?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetBatch: {
        parameters: {
            query?: {
                /** @description The tenant of the batch. Without it, all tenants of the caller; support must name one. */
                tenant?: string;
            };
            header?: never;
            path: {
                batch: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientConfiguration"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListEvents: {
        parameters: {
            query?: {
                /** @description Only events that were recorded at or after this time, in milliseconds since 1970 UTC. Not together with `since`. */
                from?: number;
                /** @description Maximum number of events in the response. The default is 100. */
                limit?: number;
                /**
                 * @description The `cursor` of an earlier response: only events after those. Without it and without `from`, events from the oldest
                 *     that is kept.
                 */
                since?: string;
                /** @description The tenant. Support must name one, and so must a caller of several tenants. */
                tenant?: string;
                /**
                 * @description If there is no event after the position yet, wait for one, at most so many seconds. The response comes up to 5 seconds
                 *     after the event, and without events if there is none. The default is 0: the response comes at once.
                 */
                wait?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListJobs: {
        parameters: {
            query?: {
                /** @description Only contracts that are assigned to this person. Empty: only unassigned ones. */
                assigned_to?: string;
                /** @description Only jobs of exactly this batch. Callers who see all tenants must name the tenant. */
                batch?: string;
                /** @description Only jobs that failed, or whose last attempt failed, with this cause. */
                cause?: components["schemas"]["FailureCause"];
                /** @description Continues a list where an earlier response ended. Valid only with the same filters and for the same caller. */
                cursor?: string;
                /**
                 * @description Finds jobs by any id: a job id, an inference id, an event's id, an object's key or URL, the UUID in a key, a reference (the 50
                 *     newest jobs), or, for callers who may manage it, the id of a message in quarantine. At most 1,024 bytes, without control characters.
                 *     All other filters but `tenant` are ignored. Callers who see all tenants must name one to find a reference. Callers who may
                 *     not read contents find jobs by ids, not by keys and references.
                 */
                find?: string;
                /**
                 * @description Only contracts in whose result such findings were counted. `serious` has also those with findings whose level was not
                 *     understood: they may be serious. Results that no page has counted yet are left out.
                 */
                found?: "serious" | "any" | "none";
                /** @description Maximum number of jobs in the response. The default is 50. */
                limit?: number;
                /** @description Only this pipeline. */
                pipeline?: string;
                /** @description Only files whose name starts with this text, ignoring case. */
                q?: string;
                /**
                 * @description Only jobs with exactly this reference. Callers who see all tenants must name the tenant. This filter, and `batch`, `q` and
                 *     `found`, are for callers who may read contents.
                 */
                reference?: string;
                /** @description Only contracts whose result is marked as reviewed, or is not yet. */
                reviewed?: boolean;
                /**
                 * @description Searches the jobs of all tenants that the caller may see, newest first: by parts of the file's name, of the uploader, of
                 *     reference, batch and tags, and by every id that `find` takes, trace ids, version ids, UUIDs of outputs and the first 8
                 *     characters of a job id. Case, accents and dashes are ignored, and every word must occur. At least 3 letters or digits.
                 *     Combines with the other filters. `cursor` goes on where the search stopped. For callers who may not read contents it finds
                 *     what `find` does.
                 */
                search?: string;
                /** @description Only jobs created at or after this time. If failed jobs of all tenants are listed: failed at or after it. */
                since?: number;
                /** @description Only jobs of this group. Without it, all. */
                status?: components["schemas"]["StatusGroup"];
                /** @description Only this tenant. Callers who see all tenants may omit it to list them, but then `status` must be `open` or `failed`. */
                tenant?: string;
                /** @description Only documents that this person uploaded through the API. A name as in `GET /me`. */
                uploaded_by?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    DeleteJobData: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetDocument: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResultView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    MarkJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MarksChange"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetReceipt: {
        parameters: {
            query?: {
                /**
                 * @description The result of this attempt, which `has_result` says is there. Without it, the result of the job: the newest, or while it
                 *     is run again the earlier one.
                 */
                attempt?: number;
            };
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReceiptView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetResult: {
        parameters: {
            query?: {
                /**
                 * @description The result of this attempt, which `has_result` says is there. Without it, the result of the job: the newest, or while it
                 *     is run again the earlier one.
                 */
                attempt?: number;
            };
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResultView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    RetryJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    RunJobAgain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    MakeJobUrgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobCommandResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CallerView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetMyData: {
        parameters: {
            query?: {
                /** @description Continues a list where an earlier response ended. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DataExportPage"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetMyDigests: {
        parameters: {
            query?: {
                /** @description The tenant. Support must name one, and so must a caller of several tenants. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DigestView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ChangeMyDigests: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DigestChange"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DigestView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    EndMySessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListPauses: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PauseList"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CreatePause: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPause"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PauseView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ResumePause: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResumeRequest"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResumeResult"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListQuarantine: {
        parameters: {
            query?: {
                /** @description Continues a list where an earlier response ended. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantinePage"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetQuarantineEntry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantineEntry"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    DiscardQuarantineEntry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuarantineCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    RedriveQuarantineEntry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuarantineCommandRequest"];
            };
        };
        responses: {
            /** @description Success. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantineEntry"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListReceiptKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReceiptKeys"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListRetryPlans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanList"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CreateRetryPlan: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRetryPlan"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetRetryPlan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ApplyRetryPlan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListRetryPlanJobs: {
        parameters: {
            query?: {
                /** @description The page, from 0. A page has up to 100 jobs. */
                page?: number;
            };
            header?: never;
            path: {
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanJobs"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    StopRetryPlan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetryPlanView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetSummary: {
        parameters: {
            query?: {
                /** @description Only this tenant. Without it, all tenants of the caller; for a caller who sees all tenants, all. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobSummary"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListTenants: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantList"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CreateTenant: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTenant"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ChangeTenantDigests: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TenantDigestChange"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantDigestView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ChangeTenantRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TenantRetentionChange"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ShowUnsubscribe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                link: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                    "text/html": string;
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "text/html": string;
                };
            };
        };
    };
    Unsubscribe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                link: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                    "text/html": string;
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "text/html": string;
                };
            };
        };
    };
    CreateUpload: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice, such as a UUID, that is new for each file. For 24 hours a repeated request with the same key returns the same upload. With another body it is refused as `idempotency-key-reused`. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUpload"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The tenant has reached one of its limits; send the request again after the seconds of `Retry-After`. From API Gateway: too many requests; send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    AbortUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CompleteUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    SignUploadParts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignPartsRequest"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedParts"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetUsage: {
        parameters: {
            query?: {
                /** @description Whether batches are listed apart. */
                batches?: boolean;
                /** @description The month in UTC, such as `2026-11`. The default is the present one. */
                month?: string;
                /** @description The tenant. Without it, support gets all tenants, and a caller of one tenant that tenant. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListWebhooks: {
        parameters: {
            query?: {
                /** @description The tenant. Support must name one, and so must a caller of several tenants. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CreateWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    GetWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ChangeWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    DeleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ListDeliveries: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryList"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    RedeliverEvents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedeliverRequest"];
            };
        };
        responses: {
            /** @description Success. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    RotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    SendTestEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    CreateTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTicket"];
            };
        };
        responses: {
            /** @description Success. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketView"];
                };
            };
            /** @description The token is missing, expired, or of another user pool. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description The caller may not do this. From API Gateway: the host name is not one of this API. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description There is no such thing, or the caller may not see it. From API Gateway: there is no such path. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description Too many requests. Send it again after a second. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayError"];
                };
            };
            /** @description Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProblemOrGatewayError"];
                    "application/problem+json": components["schemas"]["ProblemOrGatewayError"];
                };
            };
            /** @description The request was refused. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
