//! Receivers of webhooks: one of each tenant, which takes, refuses or does not answer requests, and verifies each by the
//! secret that it has.

use std::collections::{BTreeMap, BTreeSet};

use api::feed::{FeedPosition, HEAD_KEY, StoredEvents, head_collection};
use api::webhooks::ports::{WebhookRequest, WebhookResponse};
use api::webhooks::{
    DeliveryState, MAX_PREVIOUS_SECRETS, Webhook, WebhookId, collection, state_collection,
};
use jobs::id::{Tenant, Timestamp};
use jobs::ports::Record;
use serde_json::Value;
use testkit::key_value_map::KeyValueMap;

use crate::checks::guarantees::SIGNATURES;
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::mistake::Mistake;
use crate::time::{MINUTE, SECOND};

/// The last part of the ids of all webhooks.
const KEY: &str = "0123456789abcdef";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How old a request may be (Standard Webhooks specification 1.0, "Verifying webhook authenticity").
const MAX_AGE: u64 = 5 * MINUTE;
/// A function that read the webhook before a rotation has ended by then.
const MAX_TURN: u64 = 2 * MINUTE;

/// What became of a request.
pub(crate) struct ReceiverAnswer {
    /// The time that it took, in milliseconds.
    pub(crate) after: u64,
    pub(crate) response: Result<WebhookResponse, String>,
    /// The tenant whose receiver answered 410, so that its webhook must be enabled again.
    pub(crate) gone: Option<Tenant>,
}

/// The receiver of a tenant.
struct Receiver {
    /// The ids of the events that it has.
    received: BTreeSet<String>,
    /// By which it verifies requests.
    secret: String,
    /// The secret of a rotation that it will use from some time on, and when the tenant got it.
    next_secret: Option<(String, u64)>,
    /// Rotations since the secret was installed: more than one if answers were lost.
    rotations: usize,
}

#[derive(Default)]
pub(crate) struct Receivers {
    of_tenants: BTreeMap<Tenant, Receiver>,
}

impl Receivers {
    /// Creates a webhook for each tenant, before its first event.
    pub(crate) fn create(&mut self, records: &mut KeyValueMap, tenants: &[&str]) {
        for tenant in tenants
            .iter()
            .filter_map(|name| name.parse::<Tenant>().ok())
        {
            let webhook = Webhook {
                url: format!("https://{tenant}.example/"),
                event_types: vec![],
                include_details: false,
                secret: SECRET.to_owned(),
                previous_secret: None,
                earlier_secrets: vec![],
                created_by: "customer".to_owned(),
                created_at: 0,
                paused: false,
                enabled_at: 0,
            };
            let state = DeliveryState::new(FeedPosition::start());
            put(records, &collection(&tenant), &webhook);
            put(records, &state_collection(&tenant), &state);
            let receiver = Receiver {
                received: BTreeSet::new(),
                secret: SECRET.to_owned(),
                next_secret: None,
                rotations: 0,
            };
            self.of_tenants.insert(tenant, receiver);
        }
    }

    /// A receiver gets a request.
    pub(crate) fn post(
        &mut self,
        env: &mut SimulationEnvironment,
        request: &WebhookRequest<'_>,
    ) -> ReceiverAnswer {
        let body: Value = serde_json::from_str(request.body).unwrap_or_default();
        let text = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
        let tenant = text("tenant").parse::<Tenant>().ok();
        let timeout = u64::try_from(request.timeout.as_millis()).unwrap_or(u64::MAX);
        let answer = |after, status| ReceiverAnswer {
            after,
            response: Ok(WebhookResponse {
                status,
                body: String::new(),
            }),
            gone: None,
        };
        if env.strikes(FaultKind::ReceiverHangs) {
            env.log(|| format!("receiver   {} hangs", request.url.host));
            if env.has(Mistake::HangTakenForDelivery) {
                return answer(timeout, 204);
            }
            return ReceiverAnswer {
                after: timeout,
                response: Err(format!("no response within {:?}", request.timeout)),
                gone: None,
            };
        }
        let after = if env.strikes(FaultKind::ReceiverSlow) {
            env.between(timeout / 4, timeout.saturating_sub(1))
        } else {
            0
        };
        if env.strikes(FaultKind::ReceiverGone) {
            env.log(|| format!("receiver   {} answers 410", request.url.host));
            let is_taken = env.has(Mistake::GoneTakenForDelivery);
            return ReceiverAnswer {
                gone: tenant,
                ..answer(after, if is_taken { 204 } else { 410 })
            };
        }
        if env.strikes(FaultKind::ReceiverRefuses) {
            let status = env.pick(&[500_u16, 503, 302, 429, 404]);
            env.log(|| format!("receiver   {} answers {status}", request.url.host));
            let is_taken = env.has(Mistake::RefusalTakenForDelivery);
            return answer(after, if is_taken { 204 } else { status });
        }
        let Some((tenant, receiver)) = tenant.and_then(|tenant| {
            let receiver = self.of_tenants.get_mut(&tenant)?;
            Some((tenant, receiver))
        }) else {
            return answer(after, 404);
        };
        if let Err(problem) = receiver.verify(env, request) {
            env.log(|| format!("receiver   {tenant} answers 401: {problem}"));
            return answer(after, 401);
        }
        let id = text("event_id");
        env.log(|| format!("receiver   {tenant} takes {id}"));
        receiver.received.insert(id);
        if env.strikes(FaultKind::ReceiverAnswerLost) {
            return ReceiverAnswer {
                after: timeout,
                response: Err(format!("no response within {:?}", request.timeout)),
                gone: None,
            };
        }
        answer(after, 204)
    }

    /// A tenant asks for another secret. `false` if an earlier one is not installed yet.
    pub(crate) fn begin_rotation(&mut self, tenant: &Tenant) -> bool {
        let receiver = self.of_tenants.get(tenant);
        let may_begin = receiver.is_some_and(|receiver| receiver.rotations == 0);
        if may_begin {
            self.rotation_asked(tenant);
        }
        may_begin
    }

    /// A rotation is asked for, perhaps again since the answer to the last request was lost.
    pub(crate) fn rotation_asked(&mut self, tenant: &Tenant) {
        if let Some(receiver) = self.of_tenants.get_mut(tenant) {
            receiver.rotations += 1;
        }
    }

    /// The tenant has the new secret. The receiver still verifies by the one before.
    pub(crate) fn rotated(&mut self, now: u64, tenant: &Tenant, secret: String) {
        if let Some(receiver) = self.of_tenants.get_mut(tenant) {
            receiver.next_secret = Some((secret, now));
        }
    }

    /// From now on the receiver verifies by the new secret alone.
    pub(crate) fn install_secret(&mut self, tenant: &Tenant) {
        if let Some(receiver) = self.of_tenants.get_mut(tenant)
            && let Some((secret, _)) = receiver.next_secret.take()
        {
            receiver.secret = secret;
            receiver.rotations = 0;
        }
    }

    /// Whether each webhook has sent all events of its feed, and none waits to be sent again.
    pub(crate) fn have_all(&self, records: &KeyValueMap) -> bool {
        self.of_tenants.keys().all(|tenant| {
            let head = records.get(&head_collection(tenant), HEAD_KEY);
            let end = head.and_then(|head| StoredEvents::parse(&head.body).ok());
            let end = end.map_or(0, |head| head.end());
            let state = records.get(&state_collection(tenant), KEY);
            let state = state.and_then(|it| serde_json::from_str::<DeliveryState>(&it.body).ok());
            state.is_some_and(|it| it.is_idle_at(end))
        })
    }

    /// Whether a tenant's receiver has an event. True for tenants without a webhook.
    pub(crate) fn has(&self, tenant: &Tenant, event_id: &str) -> bool {
        let receiver = self.of_tenants.get(tenant);
        receiver.is_none_or(|receiver| receiver.received.contains(event_id))
    }
}

impl Receiver {
    /// Verifies a request as the reference library of the specification does, in virtual time. While a rotation is under way
    /// the new secret must do as well.
    fn verify(
        &self,
        env: &mut SimulationEnvironment,
        request: &WebhookRequest<'_>,
    ) -> Result<(), String> {
        let verified = verify(request, &self.secret, env.wall());
        // The secrets before that were rotated out.
        let is_kept = self.rotations <= MAX_PREVIOUS_SECRETS;
        if is_kept && let Err(problem) = &verified {
            let host = &request.url.host;
            env.violation(SIGNATURES, || format!("{host} has its secret: {problem}"));
        }
        if let Some((secret, since)) = &self.next_secret
            && env.now > since + MAX_TURN
            && let Err(problem) = verify(request, secret, env.wall())
        {
            let host = &request.url.host;
            env.violation(SIGNATURES, || format!("{host} has a new secret: {problem}"));
        }
        verified
    }
}

/// What a receiver does (Standard Webhooks specification 1.0, "Verifying webhook authenticity"). The crate that makes the
/// expected signature is the specification's reference library; its own check of the time asks the real clock.
fn verify(request: &WebhookRequest<'_>, secret: &str, now: Timestamp) -> Result<(), String> {
    let header = |name: &str| {
        let mut headers = request.headers.iter();
        let found = headers.find(|(known, _)| *known == name);
        found
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| format!("there is no header {name}"))
    };
    let at = header("webhook-timestamp")?;
    let seconds: i64 = at.parse().map_err(|_| format!("the time is {at:?}"))?;
    let age = now.0.abs_diff(seconds.unsigned_abs() * SECOND);
    if seconds < 0 || age > MAX_AGE {
        return Err(format!("the time of the request is {age} ms off"));
    }
    let signer = standardwebhooks::Webhook::new(secret).map_err(|error| error.to_string())?;
    let id = header("webhook-id")?;
    let expected = signer
        .sign(id, seconds, request.body.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut signatures = header("webhook-signature")?.split(' ');
    if signatures.any(|signature| signature == expected) {
        Ok(())
    } else {
        Err("no signature is by it".to_owned())
    }
}

/// The name of a tenant's webhook.
pub(crate) fn webhook_id(tenant: &Tenant) -> String {
    let id = WebhookId {
        tenant: tenant.clone(),
        key: KEY.to_owned(),
    };
    id.to_string()
}

/// [`Mistake::RedeliverySkips`]: the position of a webhook moves to the end of the feed, and nothing waits to be sent again. A
/// redelivery moves the position back to its time, which may be after events that were not sent yet.
pub(crate) fn skip_to_end(records: &mut KeyValueMap, tenant: &Tenant) {
    let states = state_collection(tenant);
    let head = records.get(&head_collection(tenant), HEAD_KEY);
    let head = head.and_then(|head| StoredEvents::parse(&head.body).ok());
    let events = head.and_then(|head| head.events().ok());
    let end = events.as_ref().and_then(|events| events.last());
    let record = records.get(&states, KEY);
    let (Some(end), Some(mut record)) = (end, record) else {
        return;
    };
    if let Ok(mut state) = serde_json::from_str::<DeliveryState>(&record.body) {
        state.position = end.into();
        state.waiting.clear();
        record.body = serde_json::to_string(&state).unwrap_or_default();
        record.revision += 1;
        records.put(&states, KEY, &record);
    }
}

fn put(records: &mut KeyValueMap, collection: &str, value: &impl serde::Serialize) {
    let record = Record {
        body: serde_json::to_string(value).unwrap_or_default(),
        revision: 1,
        expires_at: None,
    };
    records.put(collection, KEY, &record);
}
