//! The mailboxes of users who asked for e-mail digests, and SES before them, which takes, refuses or loses its answer.

use std::collections::{BTreeMap, BTreeSet};

use api::digests::ports::{DirectoryUser, MailError};
use api::digests::{
    DigestScope, DigestState, Mail, Recipient, STATE_KEY, recipient_collection, recipient_key,
    state_collection,
};
use api::feed::{FeedPosition, HEAD_KEY, StoredEvents, head_collection};
use jobs::id::Tenant;
use jobs::ports::Record;
use testkit::key_value_map::KeyValueMap;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::mistake::Mistake;

/// Of each tenant that has recipients.
const USERS: [&str; 2] = ["ana", "bea"];

#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    /// How many documents the mails to each address have reported.
    reported: BTreeMap<(Tenant, String), usize>,
}

impl Mailboxes {
    /// Creates recipients of a tenant's digests, before its first event.
    pub(crate) fn create(&mut self, records: &mut KeyValueMap, tenant: &str) {
        let Ok(tenant) = tenant.parse::<Tenant>() else {
            return;
        };
        for user in USERS {
            let address = format!("{user}@{tenant}.example");
            let recipient = Recipient {
                address: address.clone(),
                username: address.clone(),
                scope: DigestScope::Tenant,
                ready: true,
                failed: true,
                token: "0".repeat(32),
                enabled: true,
                enabled_at: 0,
                off_reason: None,
            };
            let key = recipient_key(&address);
            put(records, &recipient_collection(&tenant), &key, &recipient);
            self.reported.insert((tenant.clone(), address), 0);
        }
        let state = DigestState::new(FeedPosition::start());
        put(records, &state_collection(&tenant), STATE_KEY, &state);
    }

    /// SES gets a mail.
    pub(crate) fn take(
        &mut self,
        env: &mut SimulationEnvironment,
        mail: &Mail,
    ) -> Result<(), MailError> {
        if env.strikes(FaultKind::MailNotTaken) {
            env.log(|| format!("mail       not taken now, to {}", mail.to));
            if env.has(Mistake::MailNotTakenCountsAsSent) {
                return Ok(());
            }
            return Err(MailError::NotNow("TooManyRequestsException".to_owned()));
        }
        if env.strikes(FaultKind::MailRefused) {
            env.log(|| format!("mail       refused, to {}", mail.to));
            return Err(MailError::Refused("MessageRejected".to_owned()));
        }
        let words = mail.subject.split(' ');
        let count: usize = words.filter_map(|word| word.parse::<usize>().ok()).sum();
        env.log(|| format!("mail       {} to {}", mail.subject, mail.to));
        let boxes = self.reported.iter_mut();
        for ((_, address), reported) in boxes {
            if *address == mail.to {
                *reported += count;
            }
        }
        if env.strikes(FaultKind::MailAnswerLost) {
            return Err(MailError::NotNow("no answer".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn find_user(&self, username: &str) -> Option<DirectoryUser> {
        let mut boxes = self.reported.keys();
        let (tenant, address) = boxes.find(|(_, address)| address == username)?;
        Some(DirectoryUser {
            email: Some(address.clone()),
            email_verified: true,
            enabled: true,
            groups: vec!["reviewer".to_owned(), format!("tenant:{tenant}")],
        })
    }

    fn tenants(&self) -> BTreeSet<&Tenant> {
        self.reported.keys().map(|(tenant, _)| tenant).collect()
    }

    /// Whether all events of the feeds were reported, and no mail waits.
    pub(crate) fn have_all(&self, records: &KeyValueMap) -> bool {
        self.tenants().into_iter().all(|tenant| {
            let head = records.get(&head_collection(tenant), HEAD_KEY);
            let end = head.and_then(|head| StoredEvents::parse(&head.body).ok());
            let end = end.map_or(0, |head| head.end());
            let state = records.get(&state_collection(tenant), STATE_KEY);
            let state = state.and_then(|it| serde_json::from_str::<DigestState>(&it.body).ok());
            state.is_some_and(|it| it.is_idle_at(end))
        })
    }

    /// How many documents the mails to each address of a tenant have reported.
    pub(crate) fn reported(&self) -> impl Iterator<Item = (&Tenant, &str, usize)> {
        let boxes = self.reported.iter();
        boxes.map(|((tenant, address), count)| (tenant, address.as_str(), *count))
    }
}

fn put(records: &mut KeyValueMap, collection: &str, key: &str, value: &impl serde::Serialize) {
    let record = Record {
        body: serde_json::to_string(value).unwrap_or_default(),
        revision: 1,
        expires_at: None,
    };
    records.put(collection, key, &record);
}
