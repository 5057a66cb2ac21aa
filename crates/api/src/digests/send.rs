//! Reads the feed of a tenant and sends the digests that are due.

use std::collections::BTreeMap;

use jobs::id::{Tenant, Timestamp};
use jobs::ports::{Clock, JobStore, KeyValueStore, Unavailable};
use jobs::state::StatusGroup;
use tracing::{info, warn};

use super::account::tenant_settings;
use super::contents::{self, batch_of, jobs_of};
use super::feedback::switch_off;
use super::mail::{DisabledWebhook, render};
use super::message::send_continue;
use super::ports::{DigestQueue, MailError, Mailer, UserDirectory};
use super::{
    DigestScope, DigestState, MAX_RECIPIENTS, MailSettings, QUIET_MS, Recipient, STATE_KEY, access,
    recipient_collection, state_collection,
};
use crate::feed::{self, FeedError, FeedPage, MAX_EVENTS_PER_PAGE};
use crate::lease::{
    DeliveredMessage, FAILED_DELAY_SECONDS, IfLeased, Lease, MAX_LEASE_TRIES, SentBy,
};
use crate::ports::JobList;
use crate::webhooks;
use crate::webhooks::records::{read, write};

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DigestReport {
    pub sent: u32,
    /// Mails that SES refused; they are tried again.
    pub refused: u32,
    /// How often SES took no mail at all; the rest is sent later.
    pub postponed: u32,
    /// Mails that were refused for three days.
    pub given_up: u32,
    /// Recipients that were switched off.
    pub switched_off: u32,
}

/// When sending must stop.
#[derive(Clone, Copy, Debug)]
pub struct DigestTimes {
    /// No page of events is read and no mail is sent after it.
    pub until: Timestamp,
    pub lease_expires_at: Timestamp,
}

/// The message that is processed.
#[derive(Clone, Copy, Debug)]
pub struct DigestRequest<'a> {
    pub tenant: &'a Tenant,
    pub arrival: DeliveredMessage<'a>,
}

/// The record was not written: the lease expired, and another function has it.
struct LeaseLost;

struct DigestTurn<'a, P> {
    ports: &'a P,
    tenant: &'a Tenant,
    /// The id of the message that is processed.
    message: &'a str,
    settings: MailSettings<'a>,
    until: Timestamp,
    /// By key, with the revisions of the records.
    recipients: BTreeMap<String, (Recipient, u64)>,
    state: DigestState,
    revision: u64,
    report: DigestReport,
}

/// Adds new events to the digests of a tenant, and sends those that are due. Another message for the same tenant can be
/// processed at the same time.
///
/// # Errors
/// If a record cannot be read or written, the next message cannot be sent, or another function processes the same message: the
/// message must be redelivered.
pub async fn send_due<P>(
    ports: &P,
    request: DigestRequest<'_>,
    settings: MailSettings<'_>,
    times: DigestTimes,
) -> Result<DigestReport, FeedError>
where
    P: KeyValueStore + Clock + JobList + JobStore + Mailer + UserDirectory + DigestQueue,
{
    let DigestRequest { tenant, arrival } = request;
    let Some(leased) = take_lease(ports, request, times.lease_expires_at).await? else {
        return Ok(DigestReport::default());
    };
    let mut turn = DigestTurn {
        ports,
        tenant,
        message: arrival.message,
        settings,
        until: times.until,
        recipients: leased.recipients,
        state: leased.state,
        revision: leased.revision,
        report: DigestReport::default(),
    };
    let done = turn.work().await;
    if matches!(done, Ok(Err(LeaseLost))) {
        return Ok(turn.report);
    }
    let delay_seconds = if done.is_ok() {
        0
    } else {
        FAILED_DELAY_SECONDS
    };
    let report = turn.finish(delay_seconds).await?;
    done.map(|_| report)
}

struct LeasedDigests {
    recipients: BTreeMap<String, (Recipient, u64)>,
    state: DigestState,
    revision: u64,
}

/// Takes the lease; `None` if there is nothing to do, or another message does it.
async fn take_lease<P: KeyValueStore + Clock + DigestQueue>(
    ports: &P,
    request: DigestRequest<'_>,
    expires_at: Timestamp,
) -> Result<Option<LeasedDigests>, FeedError> {
    for _ in 0..MAX_LEASE_TRIES {
        let now = ports.now();
        let DigestRequest { tenant, arrival } = request;
        let states = state_collection(tenant);
        let (mut state, revision) = match read(ports, &states, STATE_KEY).await? {
            Some(stored) => stored,
            None => (DigestState::new(feed::end(ports, tenant).await?), 0),
        };
        let lease = state.lease.as_ref();
        match lease.and_then(|lease: &Lease| lease.if_taken(now, arrival)) {
            None => {}
            Some(IfLeased::Drop) => return Ok(None),
            Some(IfLeased::ComeBack) => return Err(FeedError::Leased),
            Some(IfLeased::SendAgain(sent_by, delay)) => {
                send_continue(ports, tenant, sent_by, delay).await?;
                return Ok(None);
            }
        }
        if !state.is_awaited(now) {
            // The message that is on its way finds what this one is about.
            return Ok(None);
        }
        let recipients = enabled_recipients(ports, tenant).await?;
        state.continue_at = None;
        state.lease = Some(Lease {
            token: ports.random(),
            message: arrival.message.to_owned(),
            expires_at: expires_at.0,
        });
        let revision = revision + 1;
        if write(ports, &states, STATE_KEY, &state, revision).await? {
            return Ok(Some(LeasedDigests {
                recipients,
                state,
                revision,
            }));
        }
    }
    Err(FeedError::Leased)
}

/// By key, with the revisions of the records.
async fn enabled_recipients<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
) -> Result<BTreeMap<String, (Recipient, u64)>, FeedError> {
    let collection = recipient_collection(tenant);
    let records = ports
        .list_descending(&collection, None, MAX_RECIPIENTS)
        .await?;
    let mut recipients = BTreeMap::new();
    for (key, record) in records {
        match serde_json::from_str::<Recipient>(&record.body) {
            Ok(recipient) if recipient.enabled => {
                recipients.insert(key, (recipient, record.revision));
            }
            Ok(_) => {}
            Err(error) => return Err(FeedError::Unreadable(error.to_string())),
        }
    }
    Ok(recipients)
}

impl<P> DigestTurn<'_, P>
where
    P: KeyValueStore + Clock + JobList + JobStore + Mailer + UserDirectory + DigestQueue,
{
    async fn work(&mut self) -> Result<Result<(), LeaseLost>, FeedError> {
        if self.recipients.is_empty() {
            let end = feed::end(self.ports, self.tenant).await?;
            self.state.skip_to(end);
            return Ok(Ok(()));
        }
        self.take_new_events().await?;
        self.close_batches().await?;
        self.state.close_window(self.ports.now());
        // What is due is decided before the first mail is sent.
        if self.save().await?.is_err() {
            return Ok(Err(LeaseLost));
        }
        while let Some(index) = self.state.due(self.ports.now()) {
            if self.ports.now() >= self.until || !self.send_digest(index).await? {
                break;
            }
            if self.save().await?.is_err() {
                return Ok(Err(LeaseLost));
            }
        }
        Ok(Ok(()))
    }

    async fn take_new_events(&mut self) -> Result<(), FeedError> {
        while self.ports.now() < self.until {
            let page = self.next_page().await?;
            if page.events.is_empty() {
                break;
            }
            let rows = jobs_of(self.ports, &page.events).await?;
            for event in &page.events {
                let batch = rows.get(&event.event.job).and_then(batch_of);
                if !self.state.take(event, batch) {
                    return Ok(());
                }
            }
            self.state.close_window(self.ports.now());
        }
        Ok(())
    }

    async fn next_page(&mut self) -> Result<FeedPage, FeedError> {
        let (ports, tenant) = (self.ports, self.tenant);
        let position = self.state.position.clone();
        match feed::read(ports, tenant, &position, MAX_EVENTS_PER_PAGE).await {
            Err(error @ (FeedError::Expired(_) | FeedError::NotContinued(_))) => {
                warn!(tenant = %tenant, error = %error, "digests continue with the oldest event that is kept");
                self.state.window = None;
                self.state.position = feed::position_at(ports, tenant, Timestamp(0)).await?;
                let position = self.state.position.clone();
                feed::read(ports, tenant, &position, MAX_EVENTS_PER_PAGE).await
            }
            page => page,
        }
    }

    async fn close_batches(&mut self) -> Result<(), FeedError> {
        for (name, is_late) in self.state.batches_to_check(self.ports.now()) {
            if self.ports.now() >= self.until {
                break;
            }
            let contents = contents::of_batch(self.ports, self.tenant, &name).await?;
            let is_complete = contents.count(StatusGroup::Open) == 0;
            let now = self.ports.now();
            self.state.batch_checked(&name, is_complete || is_late, now);
        }
        Ok(())
    }

    /// Sends a digest to the recipients who did not get it yet. Returns whether to go on with the next one.
    async fn send_digest(&mut self, index: usize) -> Result<bool, FeedError> {
        let subject = self.state.digests[index].subject.clone();
        let contents = match contents::read(self.ports, self.tenant, &subject).await {
            Err(error @ (FeedError::Expired(_) | FeedError::NotContinued(_))) => {
                warn!(tenant = %self.tenant, error = %error, "a digest is about events that are gone");
                contents::Contents::default()
            }
            contents => contents?,
        };
        let allowed = tenant_settings(self.ports, self.tenant).await?;
        let disabled = disabled_webhooks(self.ports, self.tenant).await;
        let keys: Vec<String> = self.recipients.keys().rev().cloned().collect();
        for key in keys {
            let Some((recipient, revision)) = self.recipients.get(&key).cloned() else {
                continue;
            };
            let part = contents.of(&recipient);
            let part = part.filter(|_| self.state.digests[index].is_for(&key));
            let Some(part) = part else { continue };
            if self.ports.now() >= self.until {
                return Ok(false);
            }
            match access::check(self.ports, self.tenant, &recipient).await {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => {
                    let (ports, tenant) = (self.ports, self.tenant);
                    switch_off(ports, tenant, &key, recipient, revision, reason).await?;
                    self.recipients.remove(&key);
                    self.report.switched_off += 1;
                    continue;
                }
                Err(error) => {
                    return Ok(self.postpone(index, &error.to_string()));
                }
            }
            // Users who see all documents of a tenant may enable its webhooks. The one who created a webhook is told in any case.
            let is_told = |webhook: &&DisabledWebhook| match recipient.scope {
                DigestScope::Tenant => true,
                DigestScope::Own => webhook.created_by.eq_ignore_ascii_case(&recipient.address),
            };
            let disabled: Vec<DisabledWebhook> = disabled.iter().filter(is_told).cloned().collect();
            let settings = self.settings;
            let mail = render(
                self.tenant,
                &key,
                &recipient,
                &part,
                &disabled,
                allowed,
                settings,
            );
            match self.ports.send_mail(&mail).await {
                Ok(()) => {
                    self.report.sent += 1;
                    info!(tenant = %self.tenant, recipient = key, "a digest was sent");
                }
                Err(MailError::Refused(problem)) => {
                    self.report.refused += 1;
                    warn!(tenant = %self.tenant, recipient = key, problem, "a digest was refused");
                    self.state.digests[index].refused.push(key.clone());
                }
                Err(MailError::NotNow(problem)) => return Ok(self.postpone(index, &problem)),
            }
            self.state.digests[index].before = Some(key);
            // After each mail, so that a function that dies sends at most one of them twice.
            if self.save().await?.is_err() {
                return Ok(false);
            }
        }
        self.report.given_up += self.state.turn_ended(index, self.ports.now());
        Ok(true)
    }

    fn postpone(&mut self, index: usize, problem: &str) -> bool {
        let now = self.ports.now();
        warn!(tenant = %self.tenant, problem, "digests are sent later");
        self.state.digests[index].postpone(now);
        // SES says it of the account, so the others wait as long.
        let due = self.state.digests[index].due;
        for digest in &mut self.state.digests {
            digest.due = digest.due.max(due);
        }
        self.report.postponed += 1;
        false
    }

    async fn save(&mut self) -> Result<Result<(), LeaseLost>, Unavailable> {
        let states = state_collection(self.tenant);
        let next = self.revision + 1;
        if !write(self.ports, &states, STATE_KEY, &self.state, next).await? {
            warn!(tenant = %self.tenant, "the lease on digests expired");
            return Ok(Err(LeaseLost));
        }
        self.revision = next;
        Ok(Ok(()))
    }

    /// Releases the lease, and sends a message to continue if something waits, at the earliest after this delay.
    async fn finish(mut self, delay_seconds: u32) -> Result<DigestReport, FeedError> {
        let (ports, tenant) = (self.ports, self.tenant);
        let now = ports.now();
        let sent_by = SentBy::Run(self.message.to_owned());
        if let Some(due) = self.state.next_due(now) {
            // While something waits, new events are looked for every minute.
            let soonest = now.0 + u64::from(delay_seconds) * 1000;
            let at = due.min(now.0 + QUIET_MS).max(soonest);
            let delay = u32::try_from((at - now.0).div_ceil(1000)).unwrap_or(0);
            send_continue(ports, tenant, sent_by.clone(), delay).await?;
            self.state.continue_at = Some(at);
        }
        self.state.lease = None;
        if self.save().await?.is_err() || self.state.continue_at.is_some() {
            return Ok(self.report);
        }
        // An event whose message found the lease taken is in the feed by now.
        let end = feed::end_sequence(ports, tenant).await?;
        if end > self.state.position.sequence {
            send_continue(ports, tenant, sent_by, delay_seconds).await?;
        }
        Ok(self.report)
    }
}

/// The webhooks of a tenant that are disabled because they failed. None if they cannot be read: the digest matters more.
async fn disabled_webhooks<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Vec<DisabledWebhook> {
    let webhooks = webhooks::of_tenant(ports, tenant).await;
    let webhooks = webhooks.unwrap_or_else(|error| {
        warn!(tenant = %tenant, error = %error, "a digest says nothing about webhooks");
        Vec::new()
    });
    let disabled = webhooks.into_iter().filter_map(|webhook| {
        webhook.disabled_reason.map(|reason| DisabledWebhook {
            receiver: webhooks::origin(&webhook.url).to_owned(),
            reason,
            created_by: webhook.created_by,
        })
    });
    disabled.collect()
}
