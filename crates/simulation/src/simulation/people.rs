//! What users do after an answer of the HTTP API: they repeat a failed request, or continue an upload or a retry plan.

use std::rc::Rc;

use api::ApiError;
use api::types::{NewRetryPlan, NewUpload, RetryPlanFilter, UploadView};
use jobs::state::State;

use super::Simulation;
use crate::api_request::{ApiAnswer, ClientRequest};
use crate::checks;
use crate::event::TimelineEvent;
use crate::fault::FaultKind;
use crate::function::Task;
use crate::people::{AppliedPlan, ClientUpload, Deletion};
use crate::time::{HOUR, MINUTE, SECOND};
use crate::timeline::After;
use crate::user_action::{self, UserAction};

/// How long the reconciler may take to release the jobs of a plan.
const MAX_RELEASE_TIME: u64 = 2 * HOUR;
/// The collection of the plans whose release is not complete.
const ACTIVE_PLANS: &str = "plan-active";

impl Simulation {
    pub(super) fn ask(&mut self, request: ClientRequest) {
        self.plan([After::new(1, Task::Api(request))]);
    }

    pub(super) fn ask_later(&mut self, delay: u64, request: ClientRequest) {
        let action = UserAction::Ask(request);
        self.plan([After::new(delay, TimelineEvent::Action(action))]);
    }

    /// A reason that no other action has.
    pub(super) fn reason(&mut self) -> String {
        format!("reason {} of a customer", self.env.fresh_id())
    }

    /// Support picks a suitable job.
    pub(super) fn command_a_job(&mut self, cancel: bool) {
        let job = user_action::job_for_support(&mut self.env, &self.table, |state| {
            if cancel {
                state.is_open()
            } else {
                matches!(state, State::Failed { .. })
            }
        });
        if let Some(job) = job {
            let reason = self.reason();
            self.ask(if cancel {
                ClientRequest::Cancel(job, reason)
            } else {
                ClientRequest::Retry(job, reason)
            });
        }
    }

    /// Support runs a ready job again.
    pub(super) fn run_a_job_again(&mut self) {
        let is_ready = |state: &State| matches!(state, State::Ready { .. });
        let job = user_action::job_for_support(&mut self.env, &self.table, is_ready);
        if let Some(job) = job {
            let reason = self.reason();
            self.ask(ClientRequest::RunAgain(job, reason));
        }
    }

    /// Support lets a queued job start before the others.
    pub(super) fn make_a_job_urgent(&mut self) {
        let is_queued = |state: &State| matches!(state, State::Queued { .. });
        let job = user_action::job_for_support(&mut self.env, &self.table, is_queued);
        if let Some(job) = job {
            let reason = self.reason();
            self.ask(ClientRequest::Urgent(job, reason));
        }
    }

    /// Support deletes the data of an ended job.
    pub(super) fn delete_data_of_a_job(&mut self) {
        let is_final = |state: &State| !state.is_open();
        let job = user_action::job_for_support(&mut self.env, &self.table, is_final);
        let row = job.and_then(|job| self.table.row(job));
        let Some(row) = row.filter(|row| !row.job.is_erased()) else {
            return;
        };
        let (job, deletion) = (row.job.id, Deletion::of(&row.job, &self.bucket));
        if self.people.deletions.contains_key(&job) {
            return;
        }
        self.people.deletions.insert(job, deletion);
        let reason = self.reason();
        self.ask(ClientRequest::DeleteData(job, reason));
    }

    /// Support retries all failed jobs, or those of one tenant.
    pub(super) fn plan_retries(&mut self, tenant: Option<String>) {
        let per_minute = self.env.pick(&[1, 20, 600]);
        let force = self.env.rng.up_to(1) == 0;
        // Support does not cancel the documents of all tenants.
        let cancel = tenant.is_some() && self.env.rng.up_to(2) == 0;
        let reason = self.reason();
        self.ask(ClientRequest::CreatePlan(Rc::new(NewRetryPlan {
            filter: RetryPlanFilter {
                tenant,
                ..RetryPlanFilter::default()
            },
            reason,
            per_minute: Some(per_minute),
            force,
            run_again: false,
            cancel,
        })));
    }

    pub(super) fn start_upload(&mut self, new: Rc<NewUpload>, poisoned: bool) {
        self.people.uploads.push(ClientUpload {
            new: Rc::clone(&new),
            poisoned,
            id: None,
            part_count: 0,
            may_be_complete: false,
            is_complete: false,
            is_aborted: false,
        });
        self.ask(ClientRequest::CreateUpload(
            self.people.uploads.len() - 1,
            new,
        ));
    }

    /// A client sends a whole file. S3 refuses it if the object exists.
    pub(super) fn send_file(&mut self, client: usize, key: &str) {
        let upload = &mut self.people.uploads[client];
        upload.may_be_complete = true;
        upload.is_complete = true;
        let object = user_action::uploaded_pdf(upload.new.bytes, upload.poisoned);
        if self.bucket.current(key).is_none() {
            self.upload(key, object);
        }
    }

    /// A request failed, or its function died. Support gives a retry or a cancellation up; the rest is repeated.
    pub(crate) fn api_failed(&mut self, request: ClientRequest) {
        if !matches!(
            request,
            ClientRequest::Retry(..)
                | ClientRequest::RunAgain(..)
                | ClientRequest::Urgent(..)
                | ClientRequest::Cancel(..)
        ) {
            self.ask_again(request);
        }
    }

    fn ask_again(&mut self, request: ClientRequest) {
        if let ClientRequest::RotateSecret(tenant) = &request {
            self.receivers.rotation_asked(tenant);
        }
        let delay = self.env.between(5 * SECOND, 10 * MINUTE);
        self.ask_later(delay, request);
    }

    pub(crate) fn api_answered(&mut self, request: ClientRequest, answer: ApiAnswer) {
        self.env.log(|| match &answer {
            ApiAnswer::Refused(error) => format!("API        refuses {request:?}: {error}"),
            _ => format!("API        answers {request:?}"),
        });
        match (request, answer) {
            (ClientRequest::DeleteData(job, _), ApiAnswer::Done) => {
                if let Some(deletion) = self.people.deletions.get_mut(&job) {
                    deletion.is_complete = true;
                }
                checks::deletions::check(self, job, false);
            }
            (ClientRequest::DeleteData(job, _), ApiAnswer::Refused(_)) => {
                self.people.deletions.remove(&job);
            }
            (ClientRequest::CreatePlan(_), ApiAnswer::Plan(plan)) if plan.jobs > 0 => {
                let times = 1 + u8::from(self.env.strikes(FaultKind::PlanAppliedTwice));
                let pause = self.env.between(SECOND, 5 * MINUTE);
                for _ in 0..times {
                    let delay = pause + self.env.between(0, SECOND);
                    self.ask_later(delay, ClientRequest::ApplyPlan(plan.id.clone()));
                }
            }
            (ClientRequest::ApplyPlan(id), ApiAnswer::Plan(plan)) => {
                let applied = AppliedPlan {
                    cancel: plan.cancel,
                    jobs: plan.jobs,
                    applied_at: self.env.now,
                    outcome: None,
                };
                self.people.plans.entry(id).or_insert(applied);
            }
            (ClientRequest::ShowPlan(id), ApiAnswer::Plan(plan)) => {
                if let Some(applied) = self.people.plans.get_mut(&id) {
                    applied.outcome = plan.outcome;
                }
            }
            (
                request @ ClientRequest::CreateUpload(..),
                ApiAnswer::Refused(ApiError::LimitReached {
                    detail,
                    retry_after_seconds,
                }),
            ) => {
                checks::limits::check_refusal(self, &request, &detail);
                self.ask_later(retry_after_seconds * SECOND, request);
            }
            (ClientRequest::CreateUpload(client, _), ApiAnswer::Upload(view)) => {
                self.continue_upload(client, *view);
            }
            (ClientRequest::SignParts(client, id, _), ApiAnswer::Parts(signed)) => {
                for part in &signed.parts {
                    if !self.env.strikes(FaultKind::UploadPartLost) {
                        self.multipart.put_part(&part.request);
                    }
                }
                self.complete_or_abort(client, &id);
            }
            (
                ClientRequest::CompleteUpload(client, id),
                ApiAnswer::Refused(ApiError::PartsMissing(_)),
            ) => self.sign_parts(client, id),
            (ClientRequest::CompleteUpload(client, _), ApiAnswer::Upload(_)) => {
                self.people.uploads[client].is_complete = true;
            }
            (ClientRequest::AbortUpload(client, _), ApiAnswer::Done) => {
                self.people.uploads[client].is_aborted = true;
            }
            (ClientRequest::RotateSecret(tenant), ApiAnswer::Secret(secret)) => {
                self.secret_rotated(tenant, secret);
            }
            (
                request @ (ClientRequest::EnableWebhook(_) | ClientRequest::RotateSecret(_)),
                ApiAnswer::Refused(ApiError::Changed(_)),
            ) => self.ask_again(request),
            _ => {}
        }
    }

    fn continue_upload(&mut self, client: usize, view: UploadView) {
        let upload = &mut self.people.uploads[client];
        upload.id = Some(view.job_id.clone());
        if let Some(multipart) = view.multipart {
            upload.part_count = multipart.part_count;
            return self.sign_parts(client, view.job_id);
        }
        let Some(put) = view.put else { return };
        if self.env.strikes(FaultKind::UploadAborted) {
            let delay = self.env.between(SECOND, 2 * MINUTE);
            self.ask_later(delay, ClientRequest::AbortUpload(client, view.job_id));
            if self.env.rng.up_to(1) == 0 {
                return;
            }
        }
        let times = 1 + u8::from(self.env.strikes(FaultKind::UploadSentTwice));
        for _ in 0..times {
            let delay = self.env.between(SECOND, 2 * MINUTE);
            let key = put.url.clone();
            let send = UserAction::SendFile { client, key };
            self.plan([After::new(delay, TimelineEvent::Action(send))]);
        }
    }

    fn sign_parts(&mut self, client: usize, id: String) {
        let numbers = (1..=self.people.uploads[client].part_count).collect();
        let delay = self.env.between(SECOND, MINUTE);
        self.ask_later(delay, ClientRequest::SignParts(client, id, numbers));
    }

    /// The parts are sent. The client completes the upload, or aborts it, or both at about the same time.
    fn complete_or_abort(&mut self, client: usize, id: &str) {
        let pause = self.env.between(SECOND, 2 * MINUTE);
        if self.env.strikes(FaultKind::UploadAborted) {
            let delay = pause + self.env.between(0, SECOND);
            self.ask_later(delay, ClientRequest::AbortUpload(client, id.to_owned()));
            if self.env.rng.up_to(1) == 0 {
                return;
            }
        }
        self.people.uploads[client].may_be_complete = true;
        let times = 1 + u8::from(self.env.strikes(FaultKind::UploadCompletedTwice));
        for _ in 0..times {
            let delay = pause + self.env.between(0, SECOND);
            self.ask_later(delay, ClientRequest::CompleteUpload(client, id.to_owned()));
        }
    }

    /// Whether the reconciler is still releasing jobs of retry plans.
    pub(super) fn is_releasing(&self) -> bool {
        let mut plans = self.people.plans.values();
        plans.any(|plan| plan.applied_at + MAX_RELEASE_TIME > self.env.now)
            && !self
                .records
                .list_descending(ACTIVE_PLANS, None, 1)
                .is_empty()
    }

    /// Support looks at all plans.
    pub(super) fn look_at_plans(&mut self) {
        let plans: Vec<String> = self.people.plans.keys().cloned().collect();
        for id in plans {
            self.ask(ClientRequest::ShowPlan(id));
        }
    }
}
