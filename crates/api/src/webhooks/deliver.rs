//! Sends events to the receiver of a webhook.

use std::collections::VecDeque;
use std::time::Duration;

use jobs::id::Timestamp;
use jobs::ports::{Clock, JobStore, KeyValueStore};
use tracing::warn;

use super::address::AllowedReceivers;
use super::instruction::{Instruction, send};
use super::log::{DeliveryAttempt, PostResult};
use super::ports::{WebhookQueue, WebhookRequest, WebhookSender};
use super::records::{read, write};
use super::{
    DeliveryState, ReceiverUrl, Webhook, WebhookId, collection, log, payload, signature,
    state_collection,
};
use crate::feed::{self, FeedError, FeedEvent, MAX_EVENTS_PER_PAGE};
use crate::lease::{
    DeliveredMessage, FAILED_DELAY_SECONDS, IfLeased, Lease, MAX_LEASE_TRIES, SentBy,
};

/// SQS delays no message for longer, in milliseconds.
const MAX_DELAY_MS: u64 = 900_000;
/// After this number of failures in a row the receiver counts as down, and the other events wait.
const MAX_FAILURES_IN_A_ROW: u8 = 3;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    pub delivered: u32,
    pub failed: u32,
    pub given_up: u32,
    /// Events that expired before they were delivered.
    pub expired: u64,
    pub disabled: bool,
}

/// When delivery must stop.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryTimes {
    /// No request begins after it.
    pub until: Timestamp,
    /// How long a request may take.
    pub request_timeout: Duration,
    pub lease_expires_at: Timestamp,
}

/// A message with an instruction, as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedInstruction<'a> {
    pub instruction: Instruction,
    pub arrival: DeliveredMessage<'a>,
}

struct LeasedWebhook {
    webhook: Webhook,
    /// Paused, or disabled and not enabled since.
    is_off: bool,
    state: DeliveryState,
    revision: u64,
}

struct DeliveryRun<'a, P> {
    ports: &'a P,
    id: &'a WebhookId,
    /// The id of the message that is processed.
    message: &'a str,
    webhook: Webhook,
    allowed: AllowedReceivers,
    request_timeout: Duration,
    state: DeliveryState,
    report: DeliveryReport,
}

/// Carries an instruction out. Another instruction for the same webhook can run at the same time.
///
/// # Errors
/// If a record cannot be read or written, the next instruction cannot be sent, or another function processes the same message:
/// the message must be redelivered.
pub async fn deliver<P>(
    ports: &P,
    id: &WebhookId,
    received: ReceivedInstruction<'_>,
    allowed: AllowedReceivers,
    times: DeliveryTimes,
) -> Result<DeliveryReport, FeedError>
where
    P: KeyValueStore + Clock + JobStore + WebhookSender + WebhookQueue,
{
    let Some(leased) = take_lease(ports, id, received, times.lease_expires_at).await? else {
        return Ok(DeliveryReport::default());
    };
    let mut run = DeliveryRun {
        ports,
        id,
        message: received.arrival.message,
        webhook: leased.webhook,
        allowed,
        request_timeout: times.request_timeout,
        state: leased.state,
        report: DeliveryReport::default(),
    };
    let mut done = run.follow(received.instruction).await;
    if !leased.is_off && done.is_ok() {
        done = run.send_what_is_due(times.until).await;
    }
    let delay_seconds = if done.is_ok() {
        0
    } else {
        FAILED_DELAY_SECONDS
    };
    let report = run.finish(leased.revision + 1, delay_seconds).await?;
    done.map(|()| report)
}

/// Takes the lease; `None` if there is nothing to do, or another message does it.
async fn take_lease<P>(
    ports: &P,
    id: &WebhookId,
    received: ReceivedInstruction<'_>,
    expires_at: Timestamp,
) -> Result<Option<LeasedWebhook>, FeedError>
where
    P: KeyValueStore + Clock + WebhookQueue,
{
    for _ in 0..MAX_LEASE_TRIES {
        let now = ports.now();
        let ReceivedInstruction {
            instruction,
            arrival,
        } = received;
        let Some(webhook) = read::<_, Webhook>(ports, &collection(&id.tenant), &id.key).await?
        else {
            return Ok(None);
        };
        let (webhook, _) = webhook;
        let states = state_collection(&id.tenant);
        let (mut state, revision) = match read(ports, &states, &id.key).await? {
            Some(stored) => stored,
            None => (DeliveryState::new(feed::end(ports, &id.tenant).await?), 0),
        };
        let is_off = webhook.paused || state.is_disabled(&webhook);
        if is_off && instruction != Instruction::Test {
            return Ok(None);
        }
        let lease = state.lease.as_ref();
        match lease.and_then(|lease| lease.if_taken(now, arrival)) {
            None => {}
            Some(IfLeased::Drop) => return Ok(None),
            Some(IfLeased::ComeBack) => return Err(FeedError::Leased),
            Some(IfLeased::SendAgain(sent_by, delay)) => {
                send(ports, id, instruction, sent_by, delay).await?;
                return Ok(None);
            }
        }
        if instruction == Instruction::Continue {
            let end = feed::end_sequence(ports, &id.tenant).await?;
            if !state.has_work(end, now) {
                return Ok(None);
            }
        }
        state.lease = Some(Lease {
            token: ports.random(),
            message: arrival.message.to_owned(),
            expires_at: expires_at.0,
        });
        state.continue_at = state.continue_at.filter(|_| !state.is_awaited(now));
        if !is_off && state.disabled.is_some() {
            state.enable(now);
        }
        let revision = revision + 1;
        if write(ports, &states, &id.key, &state, revision).await? {
            return Ok(Some(LeasedWebhook {
                webhook,
                is_off,
                state,
                revision,
            }));
        }
    }
    Err(FeedError::Leased)
}

impl<P> DeliveryRun<'_, P>
where
    P: KeyValueStore + Clock + JobStore + WebhookSender + WebhookQueue,
{
    async fn follow(&mut self, instruction: Instruction) -> Result<(), FeedError> {
        let tenant = &self.id.tenant;
        match instruction {
            Instruction::Continue => {}
            Instruction::Test => {
                let at = self.ports.now();
                let body = payload::of_test(tenant, at);
                let event_id = format!("test_{:016x}", self.ports.random());
                let outcome = self.post(&event_id, &body).await;
                if outcome.problem.is_none() {
                    self.state.retry_at_once(self.ports.now());
                }
                let attempt = DeliveryAttempt {
                    at,
                    event_id,
                    sequence: 0,
                    number: 1,
                    body: &body,
                    outcome,
                    retry_at: None,
                    named_job: None,
                };
                log::write(self.ports, self.id, &self.webhook.url, attempt).await;
            }
            Instruction::Sequence(sequence) => {
                if let Some(event) = feed::event(self.ports, tenant, sequence).await? {
                    self.attempt(&event).await?;
                }
            }
            Instruction::From(at) => {
                let from = feed::position_at(self.ports, tenant, Timestamp(at)).await?;
                // Never forward: the events in between were not sent yet.
                if from.sequence < self.state.position.sequence {
                    self.state.position = from;
                }
            }
        }
        Ok(())
    }

    async fn send_what_is_due(&mut self, until: Timestamp) -> Result<(), FeedError> {
        let mut next: VecDeque<FeedEvent> = VecDeque::new();
        let mut failures = 0;
        while self.ports.now() < until
            && failures < MAX_FAILURES_IN_A_ROW
            && self.state.disabled.is_none()
        {
            let now = self.ports.now();
            let due = self.state.due(now).map(|waiting| waiting.sequence);
            let event = match due {
                Some(sequence) => {
                    let Some(event) = feed::event(self.ports, &self.id.tenant, sequence).await?
                    else {
                        self.state.waiting.retain(|it| it.sequence != sequence);
                        self.expired(1);
                        continue;
                    };
                    event
                }
                None if self.state.takes_new_events() => {
                    if next.is_empty() {
                        next = self.new_events().await?;
                    }
                    let Some(event) = next.pop_front() else {
                        break;
                    };
                    self.state.position = (&event).into();
                    if !self.webhook.wants(event.event.event_type) {
                        continue;
                    }
                    event
                }
                None => break,
            };
            failures = if self.attempt(&event).await? {
                0
            } else {
                failures + 1
            };
        }
        Ok(())
    }

    async fn new_events(&mut self) -> Result<VecDeque<FeedEvent>, FeedError> {
        let tenant = &self.id.tenant;
        let position = self.state.position.clone();
        match feed::read(self.ports, tenant, &position, MAX_EVENTS_PER_PAGE).await {
            Ok(page) => Ok(page.events.into()),
            Err(error @ (FeedError::Expired(_) | FeedError::NotContinued(_))) => {
                warn!(webhook.id = %self.id, error = %error, "a webhook continues with the oldest event that is kept");
                let before = self.state.position.sequence;
                self.state.position = feed::position_at(self.ports, tenant, Timestamp(0)).await?;
                let position = self.state.position.clone();
                self.expired(position.sequence.saturating_sub(before));
                let page = feed::read(self.ports, tenant, &position, MAX_EVENTS_PER_PAGE).await?;
                Ok(page.events.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends an event and records the outcome. Returns whether it was delivered.
    async fn attempt(&mut self, event: &FeedEvent) -> Result<bool, FeedError> {
        let job = self.ports.load(event.event.job).await.ok().flatten();
        let details = self.webhook.include_details;
        let body = payload::of_event(&self.id.tenant, event, job.as_ref(), details);
        let names_document = job
            .as_ref()
            .is_some_and(|job| payload::names_document(job, details));
        let at = self.ports.now();
        let outcome = self.post(&event.event.id(), &body).await;
        let sequence = event.sequence;
        let mut waiting = self.state.waiting.iter();
        let attempts = waiting.find(|waiting| waiting.sequence == sequence);
        let attempt = attempts.map_or(0, |waiting| waiting.attempts) + 1;
        let now = self.ports.now();
        let is_delivered = outcome.problem.is_none();
        let mut retry_at = None;
        if is_delivered {
            self.report.delivered += 1;
            self.state.succeeded(sequence, now);
        } else {
            self.report.failed += 1;
            retry_at = self.state.failed(sequence, now);
            self.report.given_up += u32::from(retry_at.is_none());
            if outcome.status == Some(410) {
                self.disable(now, "the receiver answered 410 Gone");
            } else if self.state.has_failed_too_long(now) {
                self.disable(now, "no delivery has succeeded for three days");
            }
        }
        let attempt = DeliveryAttempt {
            at,
            event_id: event.event.id(),
            sequence,
            number: attempt,
            body: &body,
            outcome,
            retry_at,
            named_job: names_document.then_some(event.event.job),
        };
        log::write(self.ports, self.id, &self.webhook.url, attempt).await;
        Ok(is_delivered)
    }

    /// So many events were not delivered before they expired: the webhook was paused or disabled for too long.
    fn expired(&mut self, events: u64) {
        warn!(webhook.id = %self.id, events, "events expired before they were delivered");
        self.state.expired += events;
        self.report.expired += events;
    }

    fn disable(&mut self, now: Timestamp, reason: &str) {
        warn!(webhook.id = %self.id, reason, "a webhook is disabled");
        self.state.disabled = Some((now.0, reason.to_owned()));
        self.report.disabled = true;
    }

    async fn post(&self, event_id: &str, body: &str) -> PostResult {
        let at = self.ports.now();
        let url = match ReceiverUrl::parse(&self.webhook.url, self.allowed) {
            Ok(url) => url,
            Err(problem) => return PostResult::failed(problem),
        };
        let signature = signature::sign(&self.webhook.secrets(at), event_id, at, body);
        let request = WebhookRequest {
            url: &url,
            allowed: self.allowed,
            timeout: self.request_timeout,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("user-agent", "docket-webhooks/1".to_owned()),
                ("webhook-id", event_id.to_owned()),
                ("webhook-timestamp", signature::seconds(at).to_string()),
                ("webhook-signature", signature),
            ],
            body,
        };
        match self.ports.post(&request).await {
            Ok(response) => PostResult {
                problem: match response.status {
                    200..=299 => None,
                    300..=399 => Some(format!(
                        "the receiver answered {}; redirects are not followed",
                        response.status
                    )),
                    status => Some(format!("the receiver answered {status}")),
                },
                status: Some(response.status),
                response: response.body,
            },
            Err(problem) => PostResult::failed(problem),
        }
    }

    /// Releases the lease, and sends an instruction to continue if there is more to send, at the earliest after this delay.
    async fn finish(
        mut self,
        revision: u64,
        delay_seconds: u32,
    ) -> Result<DeliveryReport, FeedError> {
        let now = self.ports.now();
        let soonest = now.0 + u64::from(delay_seconds) * 1000;
        let (ports, id) = (self.ports, self.id);
        let send_continue = async |delay| {
            let sent_by = SentBy::Run(self.message.to_owned());
            send(ports, id, Instruction::Continue, sent_by, delay).await
        };
        let planned = self.state.continue_at;
        let next = self.state.next_due();
        let next = next.filter(|_| self.state.disabled.is_none());
        if let Some(due) = next {
            let at = due.clamp(soonest, now.0 + MAX_DELAY_MS);
            // Each continued delivery sends one instruction, not each event.
            if planned.is_none_or(|planned| planned > at) {
                let delay = u32::try_from((at - now.0).div_ceil(1000)).unwrap_or(0);
                send_continue(delay).await?;
                self.state.continue_at = Some(at);
            }
        }
        self.state.lease = None;
        let states = state_collection(&id.tenant);
        let is_ours = write(ports, &states, &id.key, &self.state, revision).await?;
        if !is_ours {
            // The lease expired, and another function sends the same events again.
            return Ok(self.report);
        }
        // Instructions that found the lease taken were dropped: the one that was planned before, and those of new events, which
        // are in the feed by now.
        let is_due = self.state.is_awaited(ports.now());
        let mut is_missed = planned.is_some() && self.state.continue_at == planned && is_due;
        if !is_missed && self.state.disabled.is_none() && self.state.takes_new_events() {
            let end = feed::end_sequence(ports, &id.tenant).await?;
            is_missed = end > self.state.position.sequence;
        }
        if is_missed {
            send_continue(delay_seconds).await?;
        }
        Ok(self.report)
    }
}
