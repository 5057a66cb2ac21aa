//! Receivers of webhooks: one of each tenant, which takes, refuses or does not answer requests.

use std::collections::{BTreeMap, BTreeSet};

use api::feed::{FeedPosition, HEAD_KEY, StoredEvents, head_collection};
use api::webhooks::ports::{WebhookRequest, WebhookResponse};
use api::webhooks::{DeliveryState, Webhook, collection, state_collection};
use jobs::id::Tenant;
use jobs::ports::Record;
use serde_json::Value;
use testkit::key_value_map::KeyValueMap;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::mistake::Mistake;

/// The last part of the ids of all webhooks.
const KEY: &str = "0123456789abcdef";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Debug, Default)]
pub(crate) struct Receivers {
    /// The ids of the events that each tenant's receiver has.
    received: BTreeMap<Tenant, BTreeSet<String>>,
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
                created_by: "customer".to_owned(),
                created_at: 0,
                paused: false,
                enabled_at: 0,
            };
            let state = DeliveryState::new(FeedPosition::start());
            put(records, &collection(&tenant), &webhook);
            put(records, &state_collection(&tenant), &state);
            self.received.insert(tenant, BTreeSet::new());
        }
    }

    pub(crate) fn post(
        &mut self,
        env: &mut SimulationEnvironment,
        request: &WebhookRequest<'_>,
    ) -> Result<WebhookResponse, String> {
        let answer = |status| {
            Ok(WebhookResponse {
                status,
                body: String::new(),
            })
        };
        if env.strikes(FaultKind::ReceiverRefuses) {
            let status = env.pick(&[500_u16, 503, 302, 429, 404]);
            env.log(|| format!("receiver   {} answers {status}", request.url.host));
            return answer(if env.has(Mistake::RefusalTakenForDelivery) {
                204
            } else {
                status
            });
        }
        let body: Value = serde_json::from_str(request.body).unwrap_or_default();
        let text = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
        if let Ok(tenant) = text("tenant").parse::<Tenant>() {
            let id = text("event_id");
            env.log(|| format!("receiver   {tenant} takes {id}"));
            self.received.entry(tenant).or_default().insert(id);
        }
        if env.strikes(FaultKind::ReceiverAnswerLost) {
            return Err("no response within 15 seconds".to_owned());
        }
        answer(204)
    }

    /// Whether each webhook has sent all events of its feed, and none waits to be sent again.
    pub(crate) fn have_all(&self, records: &KeyValueMap) -> bool {
        self.received.keys().all(|tenant| {
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
        let received = self.received.get(tenant);
        received.is_none_or(|received| received.contains(event_id))
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
