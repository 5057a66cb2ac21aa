//! The endpoint, queues, events, connections and tickets in memory.

use super::Memory;
use ::api::audit::{AuditEvent, AuditEventBus};
use jobs::id::{JobId, Location};
use jobs::job::Job;
use jobs::ports::{
    Accepted, CheckQueue, CheckRequest, Connection, Connections, DelayedMessage, EventBus,
    FailedEntries, InferenceEndpoint, Invocation, InvokeError, PushError, Pusher, Quarantine,
    QuarantinedMessage, RecentStarts, Ticket, Tickets, Unavailable,
};
use jobs::state::StatusGroup;

impl InferenceEndpoint for Memory {
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError> {
        let refused = self.operation("invoke", |state| {
            let refusal = state.refusals.pop_front();
            if refusal.is_none() {
                state.invocations.push(invocation.clone());
            }
            refusal
        });
        match refused {
            Err(error) => Err(InvokeError::OutcomeUnknown(error)),
            Ok(Some(reason)) => Err(InvokeError::Refused(reason)),
            Ok(None) => {
                let id = invocation.inference_id;
                let location = |kind: &str, name: &str| Location {
                    bucket: invocation.input.bucket.clone(),
                    key: format!("{kind}/{name}"),
                };
                // Opaque names, as SageMaker's: no code may parse them.
                let pipeline = invocation.endpoint.trim_start_matches("docket-");
                let opaque = JobId::of_key("opaque", &id.to_string());
                Ok(Accepted {
                    output: Some(location(
                        &format!("outbound/{pipeline}/{}/a{}", id.job, id.attempt),
                        &format!("{opaque}.out"),
                    )),
                    failure: Some(location(
                        &format!("failure/{pipeline}"),
                        &format!("{opaque}-error.out"),
                    )),
                })
            }
        }
    }
}

impl CheckQueue for Memory {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        match self.operation("send", |state| state.checks.extend_from_slice(checks)) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(checks.len()),
        }
    }

    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        let send = |state: &mut super::MemoryState| {
            state.release_requests.extend_from_slice(pipelines);
        };
        match self.operation("request_releases", send) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(pipelines.len()),
        }
    }
}

impl AuditEventBus for Memory {
    async fn publish_audit(&self, events: &[AuditEvent]) -> FailedEntries {
        match self.operation("publish_audit", |state| {
            state.audit_events.extend_from_slice(events)
        }) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(events.len()),
        }
    }
}

impl RecentStarts for Memory {
    fn count_start(&self, pipeline: &str) -> u32 {
        let mut state = self.state();
        let minute = state.now.0 / 60_000;
        let count = state
            .starts
            .entry((minute, pipeline.to_owned()))
            .or_default();
        *count += 1;
        *count
    }
}

impl EventBus for Memory {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let published = self.operation("publish", |state| {
            let kind = |job: &Job| {
                if job.state.status_group() == StatusGroup::Ready {
                    "JobReady"
                } else {
                    "JobFailed"
                }
            };
            state
                .events
                .extend(jobs.iter().map(|job| (kind(job), (*job).clone())));
        });
        if published.is_ok() {
            FailedEntries::none()
        } else {
            FailedEntries::all(jobs.len())
        }
    }
}

impl Connections for Memory {
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable> {
        self.operation("register", |state| {
            state.connections.retain(|known| {
                known.subscription != connection.subscription
                    || known.connection_id != connection.connection_id
            });
            state.connections.push(connection.clone());
        })
    }

    async fn unregister(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable> {
        self.operation("unregister", |state| {
            state.connections.retain(|known| {
                known.subscription != subscription || known.connection_id != connection_id
            })
        })
    }

    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable> {
        self.operation("connected", |state| {
            state
                .connections
                .iter()
                .filter(|connection| connection.subscription == subscription)
                .cloned()
                .collect()
        })
    }
}

impl Pusher for Memory {
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError> {
        let gone = self.operation("push", |state| {
            state.now.0 += state.push_ms;
            let gone = state.gone.iter().any(|known| known == connection_id);
            if !gone {
                state.frames.push((
                    connection_id.to_owned(),
                    String::from_utf8_lossy(frame).into_owned(),
                ));
            }
            gone
        })?;
        if gone { Err(PushError::Gone) } else { Ok(()) }
    }
}

impl Tickets for Memory {
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable> {
        self.operation("issue", |state| {
            state.tickets.insert(secret.to_owned(), ticket.clone());
        })
    }

    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        self.operation("redeem", |state| {
            let live = state
                .tickets
                .get(secret)
                .is_some_and(|ticket| ticket.expires_at > state.now);
            if live {
                state.tickets.remove(secret)
            } else {
                None
            }
        })
    }
}

impl Quarantine for Memory {
    async fn quarantine(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
        self.operation("quarantine", |state| {
            let known = |there: &QuarantinedMessage| {
                there.source == entry.source && there.message_id == entry.message_id
            };
            let name = (entry.source.clone(), entry.message_id.clone());
            if state.redriven_at.remove(&name).is_some() {
                state.quarantine.retain(|there| !known(there));
            }
            if !state.quarantine.iter().any(known) {
                state.quarantine.push(entry.clone());
            }
        })
    }
}
