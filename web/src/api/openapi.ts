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
         * Lists who did what and why, newest first.
         * @description Who: support.
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
    "/configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says what a program must know before anyone has signed in. Needs no token.
         * @description Who: anyone.
         */
        get: operations["Configure"];
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
         * Lists jobs, newest first, or finds them by any id. Looks at no more than 500 rows for one answer.
         * @description Who: all.
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
         * Tells all about a job in plain words; also of one whose file has not arrived.
         * @description Who: whoever sees the job.
         */
        get: operations["ShowJob"];
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
         * Gives an open job up. SageMaker cannot cancel: a result that still comes is dropped.
         * @description Who: whoever sees the job.
         */
        post: operations["Cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/data": {
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
         * Deletes the uploaded file, its copies and its results for good. The record of the job stays.
         * @description Who: support.
         */
        delete: operations["DeleteData"];
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
         * Signs the download of a result. Refused as `not-ready` if there is none, `gone` if it was deleted.
         * @description Who: whoever sees the job.
         */
        get: operations["FetchResult"];
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
         * Has a failed job run again. Refused as `changed`, `refused` or `poisoned`.
         * @description Who: whoever sees the job.
         */
        post: operations["Retry"];
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
         * Says who the caller is and may do, and what can be uploaded.
         * @description Who: all.
         */
        get: operations["ShowMe"];
        put?: never;
        post?: never;
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
         * Lists the messages that could not be understood, by queue.
         * @description Who: support.
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
         * Shows such a message with its text.
         * @description Who: support.
         */
        get: operations["ShowQuarantined"];
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
         * Throws a message away; the audit log keeps what it was.
         * @description Who: support.
         */
        post: operations["Discard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/{entry_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends a message to its queue again. It comes back if it fails again.
         * @description Who: support.
         */
        post: operations["Replay"];
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
         * Lists the newest 50 plans.
         * @description Who: support.
         */
        get: operations["ListPlans"];
        put?: never;
        /**
         * Names failed jobs to run again together, with counts and an estimate. Starts none.
         * @description Who: support.
         */
        post: operations["MakePlan"];
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
         * Shows a plan and what became of its jobs.
         * @description Who: support.
         */
        get: operations["ShowPlan"];
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
         * Begins to release a plan's jobs at its rate. A second time changes nothing.
         * @description Who: support.
         */
        post: operations["ApplyPlan"];
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
         * Says how things stand in a few numbers.
         * @description Who: all.
         */
        get: operations["Summarize"];
        put?: never;
        post?: never;
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
         * Announces an upload and answers its job's id and the signed requests that send it. Above 100 MB it goes in parts.
         * @description Who: all.
         */
        post: operations["Announce"];
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
         * Says how to go on with an upload: which parts have arrived, and a request signed anew.
         * @description Who: whoever announced it.
         */
        get: operations["ShowUpload"];
        put?: never;
        post?: never;
        /**
         * Gives an upload up.
         * @description Who: whoever announced it.
         */
        delete: operations["Abort"];
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
         * Makes the object of the parts that have arrived. Refused as `parts-missing` if some have not.
         * @description Who: whoever announced it.
         */
        post: operations["Complete"];
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
         * Signs the sending of some parts.
         * @description Who: whoever announced it.
         */
        post: operations["SignParts"];
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
         * Issues a ticket that opens one WebSocket within a minute.
         * @description Who: all.
         */
        post: operations["IssueTicket"];
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
        /** @description What a person can do about a job. */
        Action: "retry" | "cancel" | "result" | "upload" | "operate";
        /** @description One attempt. */
        AttemptView: {
            /**
             * Format: uint8
             * @description Its number, from 1.
             */
            attempt: number;
            /**
             * Format: uint64
             * @description When it ended.
             */
            closed_at?: number;
            /** @description Why it failed, if it did. */
            failure?: components["schemas"]["FailureView"];
            /** @description What SageMaker calls it. */
            inference_id: string;
            /** @description Where its output is, or is said to become. */
            output?: string;
            /**
             * Format: uint64
             * @description When it began.
             */
            started_at: number;
        };
        /** @description Who did what, and why. */
        AuditEntry: {
            /**
             * @description What: `retry`, `cancel`, `delete-data`, `plan`, `apply-plan`, `replay`, `discard`.
             * @enum {string}
             */
            action: "retry" | "cancel" | "delete-data" | "plan" | "apply-plan" | "replay" | "discard";
            /** @description Who. */
            actor: string;
            /**
             * Format: uint64
             * @description When.
             */
            at: number;
            /** @description What came of it, where there is something to say. */
            detail?: string;
            /** @description Why, in that person's words. Text, never markup. */
            reason: string;
            /** @description To what: the id of a job, a plan or a message in quarantine. */
            target: string;
            /** @description Whose it was, where that is known. */
            tenant?: string;
        };
        /** @description `GET /audit`. */
        AuditPage: {
            /** @description There are more: ask again with it. */
            cursor?: string;
            /** @description Newest first. */
            entries: components["schemas"]["AuditEntry"][];
        };
        /** @description `GET /configuration`: what a program must know before anyone has signed in. */
        Configuration: {
            /** @description The client id to sign in with. */
            client_id: string;
            /** @description Where people sign in: the address of Amazon Cognito's user pools API. */
            sign_in_url: string;
            /** @description Where pages connect, with `?ticket=…`. */
            web_socket_url: string;
        };
        /** @description A word and how often. */
        Count: {
            /**
             * Format: uint32
             * @description How often.
             */
            count: number;
            /** @description The word. */
            name: string;
        };
        /** @description What people are told about a job. All times are milliseconds since 1970 UTC. */
        Explanation: {
            /** @description What a person can do now that helps. */
            help: components["schemas"]["Help"][];
            /** @description What happens by itself if nothing else does, soonest first. */
            next: components["schemas"]["Step"][];
            /** @description Where it stands, in a sentence. */
            summary: string;
            /** @description What happened, oldest first. */
            timeline: components["schemas"]["Step"][];
            /** @description What it waits for; none once it has ended. */
            waiting?: components["schemas"]["Waiting"];
        };
        /** @description A failure as people see it. */
        FailureView: {
            /**
             * @description A word of [`crate::state::Cause`].
             * @enum {string}
             */
            cause: "InvalidInput" | "Superseded" | "ModelRejected" | "ModelError" | "TimedOut" | "Expired" | "Lost" | "PipelineGone" | "Refused" | "Unknown";
            /** @description What was said about it. */
            detail: string;
        };
        /** @description Something that a person can do. */
        Help: {
            /** @description A word for it, for programs. */
            action: components["schemas"]["Action"];
            /** @description Why it helps, or what to know before. */
            why: string;
        };
        /** @description What came of it. */
        JobAnswer: {
            /** @description The job as it is now. */
            job: components["schemas"]["JobView"];
            /** @description No run was needed: a result had come after all, and the job is about to become ready. */
            result_found?: boolean;
        };
        /** @description `GET /jobs/{id}`. */
        JobDetail: {
            /** @description Its attempts, oldest first. */
            attempts: components["schemas"]["AttemptView"][];
            /**
             * Format: uint64
             * @description When this record may be deleted; none while the job is open.
             */
            expires_at?: number;
            /** @description Where it stands, in plain words. */
            explanation: components["schemas"]["Explanation"];
            /** @description The object's address, `s3://bucket/key`. */
            input: string;
            /** @description The object's version. */
            input_version?: string;
            /** @description The job; none while its file has not arrived. */
            job?: components["schemas"]["JobView"];
            /** @description The trace that its logs carry. */
            trace_id?: string;
            /** @description The upload that it will be made from, while it has not arrived. */
            upload?: components["schemas"]["UploadView"];
            /** @description Who uploaded it, if that went through this API. */
            uploaded_by?: string;
        };
        /** @description `POST /jobs/{id}/retry`, `POST /jobs/{id}/cancel` and `DELETE /jobs/{id}/data`. */
        JobOrder: {
            /** @description A retry although the same input has failed the same way again and again. Support only. */
            force?: boolean;
            /** @description Why, for the job's history and the audit log: 1 to 500 characters. */
            reason: string;
            /**
             * Format: uint64
             * @description The version of the job that the caller saw; if it has changed since, nothing is done. None: whatever it is now.
             */
            seen?: number;
        };
        /** @description Some jobs: newest first; the open ones of all tenants by when somebody must look at them. */
        JobPage: {
            /** @description There may be more: ask again with it. */
            cursor?: string;
            /** @description The jobs. */
            jobs: components["schemas"]["JobView"][];
            /** @description Messages in quarantine that were found; only with `find`, and only for support. */
            quarantine?: components["schemas"]["QuarantineEntry"][];
            /**
             * Format: uint64
             * @description How far back was searched: at most 500 jobs are looked at for one answer.
             */
            searched_back_to?: number;
        };
        /** @description `GET /jobs`, as query parameters. */
        JobQuery: {
            /** @description Failed by which cause, such as `ModelError`. */
            cause?: string;
            /** @description Where to go on, as an earlier answer said. Good only with the same filters and the same sign-in. */
            cursor?: string;
            /**
             * @description Any id that a person may hold: of a job or an inference, an object's key or address, the UUID in a key, a message
             *     in quarantine. All other filters are left aside, and at most a few jobs found.
             */
            find?: string;
            /**
             * Format: uint16
             * @description How many jobs at most, 1 to 100; 50 if it is not said.
             */
            limit?: number;
            /** @description Of which pipeline. */
            pipeline?: string;
            /** @description How the file's name begins, in any case. */
            q?: string;
            /**
             * Format: uint64
             * @description Made (failed, if failed jobs of all tenants are listed) at or after this time.
             */
            since?: number;
            /**
             * @description `open`, `failed`, `ready` or `cancelled`; of a tenant also none, for all.
             * @enum {string}
             */
            status?: "open" | "ready" | "failed" | "cancelled";
            /** @description Of which tenant. Support sees all if it names none, but then only those that are open or failed. */
            tenant?: string;
        };
        /** @description A job as it is pushed to pages and listed. At most about 2 KB of JSON, most of it the file name. */
        JobView: {
            /**
             * Format: uint8
             * @description The newest attempt, from 1; 0 if none was started.
             */
            attempt: number;
            /**
             * Format: uint64
             * @description The input's size in bytes.
             */
            bytes: number;
            /** @description It was announced as failed before, and this is the correction. */
            corrected?: boolean;
            /**
             * Format: uint64
             * @description When the job was made, in milliseconds since 1970 UTC.
             */
            created_at: number;
            /** @description Why it failed, or why its last attempt did. */
            failure?: components["schemas"]["FailureView"];
            /** @description Its id. */
            id: string;
            /** @description The file name. Text, never markup. */
            name: string;
            /** @description The pipeline's name. */
            pipeline: string;
            /**
             * Format: uint64
             * @description When the next attempt is due, in milliseconds since 1970 UTC.
             */
            retry_at?: number;
            /**
             * @description `Submitting`, `InProgress`, `RetryScheduled`, `Ready`, `Failed` or `Cancelled`.
             * @enum {string}
             */
            status: "Submitting" | "InProgress" | "RetryScheduled" | "Ready" | "Failed" | "Cancelled";
            /** @description The tenant's name. */
            tenant: string;
            /**
             * Format: uint64
             * @description When it last changed, in milliseconds since 1970 UTC.
             */
            updated_at: number;
            /**
             * Format: uint64
             * @description Counts changes; a page keeps the highest it has seen.
             */
            version: number;
        };
        /** @description `GET /me`: who the caller is and may do. */
        Me: {
            /** @description The name that the audit log knows the caller by. */
            actor: string;
            /**
             * Format: uint64
             * @description When the sign-in ends.
             */
            expires_at: number;
            /** @description What can be uploaded. */
            pipelines: components["schemas"]["PipelineView"][];
            /** @description What the caller is: some of `customer`, `reviewer`, `support`. */
            roles: ("customer" | "reviewer" | "support")[];
            /** @description Whose jobs the caller works with; empty for support, who works with all. */
            tenants: string[];
        };
        /** @description An upload in parts. */
        Multipart: {
            /** @description The numbers of those that have arrived. */
            arrived: number[];
            /**
             * Format: uint64
             * @description How large a part is, in bytes; the last one is what is left.
             */
            part_bytes: number;
            /**
             * Format: uint32
             * @description How many there are, numbered from 1.
             */
            parts: number;
        };
        /** @description `POST /retry-plans`: failed jobs to run again together. It names them and starts none. */
        NewPlan: {
            /**
             * @description Which jobs.
             * @default {}
             */
            filter?: components["schemas"]["PlanFilter"];
            /** @description Also those that have failed the same way again and again. */
            force?: boolean;
            /**
             * Format: uint16
             * @description How many jobs to start in a minute, 1 to 600; 20 if it is not said.
             */
            per_minute?: number;
            /** @description Why, for each job's history and the audit log: 1 to 400 characters. */
            reason: string;
        };
        /** @description `POST /ws-tickets`. */
        NewTicket: {
            /** @description Which tenant to watch; needed only if the caller has several. Support watches all if it names none. */
            tenant?: string;
        };
        /** @description `POST /uploads`. */
        NewUpload: {
            /**
             * Format: uint64
             * @description Its size in bytes.
             */
            bytes: number;
            /** @description Its media type, one of the pipeline's. */
            content_type: string;
            /** @description The file's name, 1 to 200 characters. Text, never markup. */
            name: string;
            /** @description For which pipeline. */
            pipeline: string;
            /** @description For which of the caller's tenants; needed only if there are several. */
            tenant?: string;
        };
        /** @description Of which tenant. */
        Of: {
            /** @description Of which tenant; support that names none means all. */
            tenant?: string;
        };
        /** @description Where the cursor of a simple list goes. */
        Page: {
            /** @description Where to go on, as an earlier answer said. */
            cursor?: string;
        };
        /** @description `POST /uploads/{id}/parts`: signed requests for some parts. */
        PartsWanted: {
            /** @description Their numbers, at most 100. */
            numbers: number[];
        };
        /** @description A pipeline as uploaders see it. */
        PipelineView: {
            /** @description The media types that it takes. */
            content_types: string[];
            /**
             * Format: uint64
             * @description The largest file, in bytes.
             */
            max_bytes: number;
            /** @description Its name. */
            name: string;
            /**
             * Format: uint32
             * @description "Ready within", in seconds.
             */
            promise_seconds: number;
            /** @description The media type of its results. */
            result_type: string;
            /**
             * Format: uint32
             * @description What one run takes as a rule, in seconds.
             */
            typical_run_seconds: number;
        };
        /** @description Which failed jobs a plan is about. */
        PlanFilter: {
            /** @description Failed by which cause. */
            cause?: string;
            /** @description Of which pipeline. */
            pipeline?: string;
            /**
             * Format: uint64
             * @description Failed at or after this time.
             */
            since?: number;
            /** @description Of which tenant. */
            tenant?: string;
            /**
             * Format: uint64
             * @description Failed before this time.
             */
            until?: number;
        };
        /** @description What became of a plan's jobs. */
        PlanOutcome: {
            /**
             * Format: uint32
             * @description Started, and failed again or canceled.
             */
            failed: number;
            /**
             * Format: uint32
             * @description Started, and not ended yet.
             */
            open: number;
            /**
             * Format: uint32
             * @description Ready: by another run, or by a result that had come after all.
             */
            ready: number;
            /**
             * Format: uint32
             * @description Not started: the job had changed since the plan was made, or could not be run again.
             */
            skipped: number;
            /**
             * Format: uint32
             * @description Not started yet.
             */
            waiting: number;
        };
        /** @description A retry plan. */
        PlanView: {
            /** @description Who made it. */
            actor: string;
            /**
             * Format: uint64
             * @description When its jobs began to be started.
             */
            applied_at?: number;
            /** @description How many of which cause. */
            by_cause: components["schemas"]["Count"][];
            /** @description How many of which pipeline. */
            by_pipeline: components["schemas"]["Count"][];
            /**
             * Format: uint64
             * @description When it was made.
             */
            created_at: number;
            /** @description Which jobs it asked for. */
            filter: components["schemas"]["PlanFilter"];
            /**
             * Format: uint32
             * @description What the runs take on a GPU as a rule, in minutes.
             */
            gpu_minutes: number;
            /** @description Its id. */
            id: string;
            /**
             * Format: uint32
             * @description How many jobs it names.
             */
            jobs: number;
            /** @description What became of them; only of a single plan that was applied. */
            outcome?: components["schemas"]["PlanOutcome"];
            /**
             * Format: uint16
             * @description How many jobs are started in a minute.
             */
            per_minute: number;
            /**
             * Format: uint32
             * @description How many were left out because they have failed the same way again and again; `force` takes them in.
             */
            poisoned: number;
            /** @description Why. Text, never markup. */
            reason: string;
            /**
             * Format: uint32
             * @description How many have been handed on so far.
             */
            released: number;
            /**
             * @description `planned`, `releasing` or `released`.
             * @enum {string}
             */
            status: "planned" | "releasing" | "released";
            /** @description There are more jobs than one plan takes; make another after this one. */
            truncated: boolean;
        };
        /** @description `GET /retry-plans`: the newest 50. */
        Plans: {
            /** @description Newest first. */
            plans: components["schemas"]["PlanView"][];
        };
        /** @description Why a request was refused: problem details (RFC 9457), `application/problem+json`. */
        Problem: {
            /** @description What is wrong with this request, and what to do. */
            detail: string;
            /**
             * Format: uint16
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind of problem, for people. */
            title: string;
            /** @description The kind of problem, `urn:docket:problem:<word>`, for programs. */
            type: string;
        };
        /** @description A message that could not be understood or contradicts what is known. */
        QuarantineEntry: {
            /**
             * Format: uint64
             * @description When it was set aside.
             */
            at: number;
            /** @description The message, its first 64 KB; only of a single entry. Text, never markup. */
            body?: string;
            /**
             * Format: uint64
             * @description How long it is, in bytes.
             */
            body_bytes: number;
            /** @description A word for the kind of trouble. */
            cause: string;
            /** @description Its id: the queue and the id of the first message that carried it. */
            id: string;
            /** @description What is wrong, in a sentence. */
            problem: string;
            /** @description The queue that it came from. */
            source: string;
        };
        /** @description `GET /quarantine`. */
        QuarantinePage: {
            /** @description There are more: ask again with it. */
            cursor?: string;
            /** @description By queue, then by message. */
            entries: components["schemas"]["QuarantineEntry"][];
        };
        /** @description `POST /quarantine/{id}/replay`, `POST /quarantine/{id}/discard`. */
        Reason: {
            /** @description Why, for the audit log: 1 to 500 characters. */
            reason: string;
        };
        /** @description `GET /jobs/{id}/result`. */
        ResultView: {
            /**
             * Format: uint64
             * @description Its size in bytes.
             */
            bytes: number;
            /** @description Its media type. */
            content_type: string;
            /** @description What to call it. */
            name: string;
            /** @description How to fetch it. */
            request: components["schemas"]["SignedRequest"];
        };
        /** @description How to send one part. */
        SignedPart: {
            /**
             * Format: uint32
             * @description Its number.
             */
            number: number;
            /** @description The request. */
            request: components["schemas"]["SignedRequest"];
        };
        /** @description The answer to it. */
        SignedParts: {
            /** @description One for each number. */
            parts: components["schemas"]["SignedPart"][];
        };
        /** @description A request to S3 that the service has signed. It is sent as it is: another size, type or key is refused by S3. */
        SignedRequest: {
            /**
             * Format: uint64
             * @description Until when it must have begun.
             */
            expires_at: number;
            /** @description The headers that must be sent with it. A browser sets `content-length` by itself. */
            headers: [
                string,
                string
            ][];
            /** @description `PUT` or `GET`. */
            method: string;
            /** @description The address. */
            url: string;
        };
        /** @description Something that happened, or will. */
        Step: {
            /** @description Who did it, if it was a person. */
            actor?: string;
            /**
             * Format: uint64
             * @description When; for what is to come, at the latest.
             */
            at: number;
            /** @description Why, in that person's words. Text, never markup. */
            reason?: string;
            /** @description What, in a sentence. */
            what: string;
        };
        /** @description `GET /summary`: of all tenants for support, else of the caller's. */
        Summary: {
            /**
             * Format: uint64
             * @description When it was made.
             */
            at: number;
            /**
             * Format: uint32
             * @description Jobs that failed in the last 24 hours, counted up to 500.
             */
            failed: number;
            /** @description The failed jobs by cause. */
            failed_by_cause: components["schemas"]["Count"][];
            /** @description There are more failed jobs than were counted. */
            failed_more: boolean;
            /**
             * Format: uint32
             * @description Open jobs, counted up to 500.
             */
            open: number;
            /** @description There are more open jobs than were counted. */
            open_more: boolean;
            /**
             * Format: uint32
             * @description Messages in quarantine, counted up to 100; only for support.
             */
            quarantined?: number;
            /**
             * Format: uint32
             * @description Open jobs at which somebody should have looked, and nobody has; only for support.
             */
            stalled?: number;
        };
        /** @description A ticket for one WebSocket. */
        TicketView: {
            /**
             * Format: uint64
             * @description Until when; it serves once.
             */
            expires_at: number;
            /** @description Where to connect, the ticket included. */
            url: string;
        };
        /** @description An upload that may begin: the answer to `POST /uploads`, and to `GET /uploads/{id}` while the file has not arrived. */
        UploadView: {
            /**
             * Format: uint64
             * @description Its size in bytes.
             */
            bytes: number;
            /** @description Its media type. */
            content_type: string;
            /**
             * Format: uint64
             * @description When it was announced.
             */
            created_at: number;
            /**
             * Format: uint64
             * @description When it can no longer be completed.
             */
            expires_at: number;
            /** @description The job that it becomes, and its own name. */
            job_id: string;
            /** @description How to send the file, if it goes in parts. */
            multipart?: components["schemas"]["Multipart"];
            /** @description The file's name. Text, never markup. */
            name: string;
            /** @description The pipeline's name. */
            pipeline: string;
            /** @description How to send the file, if it goes in one piece. */
            put?: components["schemas"]["SignedRequest"];
            /** @description The tenant's name. */
            tenant: string;
        };
        /** @description What an open job waits for. */
        Waiting: {
            /** @description A word for it, for programs. */
            on: components["schemas"]["WaitsOn"];
            /**
             * Format: uint64
             * @description Since when.
             */
            since: number;
        };
        /** @description What an open job can wait for. */
        WaitsOn: "upload" | "submission" | "endpoint" | "retry" | "stalled";
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
                /** @description Where to go on, as an earlier answer said. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description Refused, and why. */
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
    Configure: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Configuration"];
                };
            };
            /** @description Refused, and why. */
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
                /** @description Failed by which cause, such as `ModelError`. */
                cause?: string;
                /** @description Where to go on, as an earlier answer said. Good only with the same filters and the same sign-in. */
                cursor?: string;
                /**
                 * @description Any id that a person may hold: of a job or an inference, an object's key or address, the UUID in a key, a message
                 *     in quarantine. All other filters are left aside, and at most a few jobs found.
                 */
                find?: string;
                /** @description How many jobs at most, 1 to 100; 50 if it is not said. */
                limit?: number;
                /** @description Of which pipeline. */
                pipeline?: string;
                /** @description How the file's name begins, in any case. */
                q?: string;
                /** @description Made (failed, if failed jobs of all tenants are listed) at or after this time. */
                since?: number;
                /** @description `open`, `failed`, `ready` or `cancelled`; of a tenant also none, for all. */
                status?: "open" | "ready" | "failed" | "cancelled";
                /** @description Of which tenant. Support sees all if it names none, but then only those that are open or failed. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            /** @description Refused, and why. */
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
    ShowJob: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
            /** @description Refused, and why. */
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
    Cancel: {
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
                "application/json": components["schemas"]["JobOrder"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            /** @description Refused, and why. */
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
    DeleteData: {
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
                "application/json": components["schemas"]["JobOrder"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            /** @description Refused, and why. */
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
    FetchResult: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResultView"];
                };
            };
            /** @description Refused, and why. */
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
    Retry: {
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
                "application/json": components["schemas"]["JobOrder"];
            };
        };
        responses: {
            /** @description Done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            /** @description Refused, and why. */
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
    ShowMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Refused, and why. */
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
                /** @description Where to go on, as an earlier answer said. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantinePage"];
                };
            };
            /** @description Refused, and why. */
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
    ShowQuarantined: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantineEntry"];
                };
            };
            /** @description Refused, and why. */
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
    Discard: {
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
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused, and why. */
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
    Replay: {
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
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantineEntry"];
                };
            };
            /** @description Refused, and why. */
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
    ListPlans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plans"];
                };
            };
            /** @description Refused, and why. */
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
    MakePlan: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPlan"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description Refused, and why. */
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
    ShowPlan: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description Refused, and why. */
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
    ApplyPlan: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description Refused, and why. */
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
    Summarize: {
        parameters: {
            query?: {
                /** @description Of which tenant; support that names none means all. */
                tenant?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summary"];
                };
            };
            /** @description Refused, and why. */
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
    Announce: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUpload"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description Refused, and why. */
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
    ShowUpload: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description Refused, and why. */
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
    Abort: {
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
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused, and why. */
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
    Complete: {
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
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadView"];
                };
            };
            /** @description Refused, and why. */
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
    SignParts: {
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
                "application/json": components["schemas"]["PartsWanted"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedParts"];
                };
            };
            /** @description Refused, and why. */
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
    IssueTicket: {
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
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketView"];
                };
            };
            /** @description Refused, and why. */
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
