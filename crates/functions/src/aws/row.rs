//! A job as a DynamoDB item. The attribute names must not change: rows outlive releases.
//!
//! Rules for a change: readers learn a new [`SCHEMA`] one release before writers write it; a row of a newer schema
//! is not touched; attributes of other writers stay, since saves set and remove only those in [`OWNED`].

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::event::EventKind;
use jobs::id::{Attempt, LeaseToken, Location, Timestamp};
use jobs::input::Input;
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::Policy;

/// The schema that this release writes.
pub const SCHEMA: u32 = 1;

pub(super) type Item = HashMap<String, AttributeValue>;

/// Every attribute that a save sets or removes, except the key.
pub(super) const OWNED: [&str; 22] = [
    "schema",
    "version",
    "tenant",
    "pipeline",
    "input",
    "status",
    "state",
    "policy",
    "attempts",
    "history",
    "history_dropped",
    "created_at",
    "updated_at",
    "expires_at",
    "row_ttl_days",
    "trace_id",
    "corrected",
    "tenant_status_group",
    "check_shard",
    "next_check_at",
    "failed_shard",
    "failed_at",
];

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn map<const N: usize>(entries: [(&str, AttributeValue); N]) -> Item {
    entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn put(item: &mut Item, name: &str, value: Option<AttributeValue>) {
    if let Some(value) = value {
        item.insert(name.to_owned(), value);
    }
}

pub(super) fn tenant_status_group(tenant: &str, group: jobs::state::StatusGroup) -> String {
    format!("{tenant}#{}", group.name())
}

/// The attributes of `job` except its key.
pub(super) fn to_item(job: &Job) -> Item {
    let bucket = &job.input.bucket;
    let mut item = map([
        ("schema", n(SCHEMA)),
        ("version", n(job.version)),
        ("tenant", s(job.tenant.as_str())),
        ("pipeline", s(&job.pipeline)),
        ("input", AttributeValue::M(input_to_item(&job.input))),
        ("status", s(job.state.name())),
        ("state", AttributeValue::M(state_to_item(&job.state))),
        ("policy", AttributeValue::M(policy_to_item(&job.policy))),
        (
            "attempts",
            AttributeValue::L(
                job.attempts
                    .iter()
                    .map(|record| AttributeValue::M(attempt_to_item(record, bucket)))
                    .collect(),
            ),
        ),
        (
            "history",
            AttributeValue::L(
                job.history
                    .iter()
                    .map(|entry| AttributeValue::M(entry_to_item(entry)))
                    .collect(),
            ),
        ),
        ("created_at", n(job.created_at.0)),
        ("updated_at", n(job.updated_at.0)),
        ("row_ttl_days", n(job.row_ttl_days)),
        (
            "tenant_status_group",
            s(tenant_status_group(
                job.tenant.as_str(),
                job.state.status_group(),
            )),
        ),
    ]);
    put(
        &mut item,
        "history_dropped",
        (job.history_dropped > 0).then(|| n(job.history_dropped)),
    );
    // DynamoDB's time to live counts seconds (developer guide, "Using time to live").
    put(
        &mut item,
        "expires_at",
        job.expires_at.map(|at| n(at.0 / 1000)),
    );
    put(
        &mut item,
        "corrected",
        job.corrected.then_some(AttributeValue::Bool(true)),
    );
    put(
        &mut item,
        "trace_id",
        job.trace_id.map(|id| s(id.to_string())),
    );
    if let Some(next_check_at) = job.next_check_at() {
        item.extend(map([
            ("check_shard", n(job.id.shard())),
            ("next_check_at", n(next_check_at.0)),
        ]));
    }
    if matches!(job.state, State::Failed { .. }) {
        item.extend(map([
            ("failed_shard", n(job.id.shard())),
            ("failed_at", n(job.updated_at.0)),
        ]));
    }
    item
}

fn input_to_item(input: &Input) -> Item {
    let mut item = map([
        ("bucket", s(&input.bucket)),
        ("key", s(&input.key)),
        ("version", s(&input.version)),
        ("etag", s(&input.etag)),
        ("bytes", n(input.bytes)),
        ("type", s(&input.content_type)),
    ]);
    put(&mut item, "name", input.name.as_deref().map(s));
    put(
        &mut item,
        "uploaded_by",
        input.uploaded_by.as_deref().map(s),
    );
    item
}

fn state_to_item(state: &State) -> Item {
    let budget = |item: &mut Item, budget: &RetryBudget| {
        item.extend(map([
            ("last_attempt", n(budget.last_attempt)),
            ("budget_expires_at", n(budget.expires_at.0)),
        ]))
    };
    match state {
        State::Submitting {
            attempt,
            lease_token,
            lease_expires_at,
            deadline,
            budget: b,
        } => {
            let mut item = map([
                ("attempt", n(attempt)),
                ("lease_token", n(lease_token.0)),
                ("lease_expires_at", n(lease_expires_at.0)),
                ("deadline", n(deadline.0)),
            ]);
            budget(&mut item, b);
            item
        }
        State::InProgress {
            attempt,
            deadline,
            budget: b,
        } => {
            let mut item = map([("attempt", n(attempt)), ("deadline", n(deadline.0))]);
            budget(&mut item, b);
            item
        }
        State::RetryScheduled {
            next,
            due,
            budget: b,
        } => {
            let mut item = map([("attempt", n(next)), ("due", n(due.0))]);
            budget(&mut item, b);
            item
        }
        State::Failed { attempt, failure } => map([
            ("attempt", n(attempt)),
            ("cause", s(failure.cause.name())),
            ("detail", s(&failure.detail)),
        ]),
        State::Ready { attempt } | State::Cancelled { attempt } | State::Erased { attempt } => {
            map([("attempt", n(attempt))])
        }
    }
}

fn policy_to_item(policy: &Policy) -> Item {
    map([
        ("attempts", n(policy.max_attempts)),
        (
            "backoff",
            AttributeValue::L(policy.backoff_seconds.iter().map(n).collect()),
        ),
        ("attempt_s", n(policy.max_attempt_seconds)),
        ("deadline_s", n(policy.job_deadline_seconds)),
    ])
}

fn attempt_to_item(record: &AttemptRecord, bucket: &str) -> Item {
    // Most locations are in the job's own bucket. Only their key is stored, since each kilobyte of a row costs a write unit.
    let stored = |location: &Location| {
        s(if location.bucket == bucket {
            location.key.clone()
        } else {
            location.to_string()
        })
    };
    let mut item = map([("n", n(record.attempt)), ("at", n(record.started_at.0))]);
    put(
        &mut item,
        "twice",
        record.may_run_twice.then_some(AttributeValue::Bool(true)),
    );
    put(&mut item, "output", record.output.as_ref().map(stored));
    put(
        &mut item,
        "failure",
        record.failure_object.as_ref().map(stored),
    );
    put(
        &mut item,
        "unexpected_content_type",
        record.unexpected_content_type.as_ref().map(s),
    );
    put(&mut item, "closed_at", record.closed_at.map(|at| n(at.0)));
    put(
        &mut item,
        "cause",
        record
            .failure
            .as_ref()
            .map(|failure| s(failure.cause.name())),
    );
    put(
        &mut item,
        "detail",
        record.failure.as_ref().map(|failure| s(&failure.detail)),
    );
    item
}

fn entry_to_item(entry: &HistoryEntry) -> Item {
    let mut item = map([("event", s(entry.event.name())), ("at", n(entry.at.0))]);
    put(&mut item, "actor", entry.actor.as_deref().map(s));
    put(&mut item, "reason", entry.reason.as_deref().map(s));
    item
}

/// A row that cannot be read, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadRow {
    Newer,
    Wrong(String),
}

/// Reads a whole item, key included.
pub(super) fn from_item(item: &Item) -> Result<Job, BadRow> {
    let row = Reader { item, path: "" };
    if row.number::<u32>("schema")? > SCHEMA {
        return Err(BadRow::Newer);
    }
    let input = row.map("input", input_from_item)?;
    let bucket = input.bucket.clone();
    Ok(Job {
        id: row.parsed("job_id")?,
        version: row.number("version")?,
        tenant: row.parsed("tenant")?,
        pipeline: row.text("pipeline")?.to_owned(),
        state: row.map("state", |state| state_from_item(row.text("status")?, state))?,
        policy: row.map("policy", policy_from_item)?,
        attempts: row.list("attempts", |record| attempt_from_item(record, &bucket))?,
        history: row.list("history", entry_from_item)?,
        history_dropped: row
            .optional("history_dropped", Reader::number)?
            .unwrap_or(0),
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        expires_at: row
            .optional("expires_at", Reader::number::<u64>)?
            .map(|seconds| Timestamp(seconds * 1000)),
        row_ttl_days: row.number("row_ttl_days")?,
        corrected: item.contains_key("corrected"),
        // An invalid trace id counts as absent; the job then uses the one derived from its id.
        trace_id: row
            .optional_text("trace_id")?
            .and_then(|text| text.parse().ok()),
        input,
    })
}

fn input_from_item(item: Reader<'_>) -> Result<Input, BadRow> {
    Ok(Input {
        bucket: item.text("bucket")?.to_owned(),
        key: item.text("key")?.to_owned(),
        version: item.text("version")?.to_owned(),
        etag: item.text("etag")?.to_owned(),
        bytes: item.number("bytes")?,
        content_type: item.text("type")?.to_owned(),
        name: item.optional_text("name")?,
        uploaded_by: item.optional_text("uploaded_by")?,
    })
}

fn state_from_item(status: &str, item: Reader<'_>) -> Result<State, BadRow> {
    let attempt = Attempt(item.number("attempt")?);
    let budget = || {
        Ok(RetryBudget {
            last_attempt: Attempt(item.number("last_attempt")?),
            expires_at: item.time("budget_expires_at")?,
        })
    };
    Ok(match status {
        "Submitting" => State::Submitting {
            attempt,
            lease_token: LeaseToken(item.number("lease_token")?),
            lease_expires_at: item.time("lease_expires_at")?,
            deadline: item.time("deadline")?,
            budget: budget()?,
        },
        "InProgress" => State::InProgress {
            attempt,
            deadline: item.time("deadline")?,
            budget: budget()?,
        },
        "RetryScheduled" => State::RetryScheduled {
            next: attempt,
            due: item.time("due")?,
            budget: budget()?,
        },
        "Ready" => State::Ready { attempt },
        "Failed" => State::Failed {
            attempt,
            failure: Failure {
                cause: Cause::from_name(item.text("cause")?),
                detail: item.text("detail")?.to_owned(),
            },
        },
        "Cancelled" => State::Cancelled { attempt },
        "Erased" => State::Erased { attempt },
        other => return Err(BadRow::Wrong(format!("status {other:?} is unknown"))),
    })
}

fn policy_from_item(item: Reader<'_>) -> Result<Policy, BadRow> {
    let delays = item
        .item
        .get("backoff")
        .and_then(|value| value.as_l().ok())
        .ok_or_else(|| item.wrong("backoff"))?;
    let delay = |value: &AttributeValue| {
        value
            .as_n()
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| item.wrong("backoff"))
    };
    Ok(Policy {
        max_attempts: item.number("attempts")?,
        backoff_seconds: delays.iter().map(delay).collect::<Result<_, _>>()?,
        max_attempt_seconds: item.number("attempt_s")?,
        job_deadline_seconds: item.number("deadline_s")?,
    })
}

fn attempt_from_item(item: Reader<'_>, bucket: &str) -> Result<AttemptRecord, BadRow> {
    let location = |name: &'static str| -> Result<Option<Location>, BadRow> {
        let Some(text) = item.optional_text(name)? else {
            return Ok(None);
        };
        if text.starts_with("s3://") {
            return text.parse().map(Some).map_err(|_| item.wrong(name));
        }
        Ok(Some(Location {
            bucket: bucket.to_owned(),
            key: text,
        }))
    };
    let cause = item.optional_text("cause")?;
    let detail = item.optional_text("detail")?.unwrap_or_default();
    Ok(AttemptRecord {
        attempt: Attempt(item.number("n")?),
        started_at: item.time("at")?,
        may_run_twice: item.item.contains_key("twice"),
        output: location("output")?,
        failure_object: location("failure")?,
        closed_at: item.optional("closed_at", Reader::number)?.map(Timestamp),
        failure: cause.map(|cause| Failure {
            cause: Cause::from_name(&cause),
            detail,
        }),
        unexpected_content_type: item.optional_text("unexpected_content_type")?,
    })
}

fn entry_from_item(item: Reader<'_>) -> Result<HistoryEntry, BadRow> {
    Ok(HistoryEntry {
        at: item.time("at")?,
        event: EventKind::from_name(item.text("event")?),
        actor: item.optional_text("actor")?,
        reason: item.optional_text("reason")?,
    })
}

/// Reads attributes by name and says which one is wrong.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) item: &'a Item,
    pub(super) path: &'static str,
}

impl<'a> Reader<'a> {
    fn wrong(&self, name: &str) -> BadRow {
        BadRow::Wrong(format!(
            "attribute {}{}{name} is missing or of the wrong type",
            self.path,
            if self.path.is_empty() { "" } else { "." }
        ))
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, BadRow> {
        let text = self.item.get(name).and_then(|value| value.as_s().ok());
        text.map(String::as_str).ok_or_else(|| self.wrong(name))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, BadRow> {
        let number = self.item.get(name).and_then(|value| value.as_n().ok());
        number
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.wrong(name))
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, BadRow> {
        self.number(name).map(Timestamp)
    }

    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, BadRow> {
        self.text(name)?.parse().map_err(|_| self.wrong(name))
    }

    fn optional<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Self, &'static str) -> Result<T, BadRow>,
    ) -> Result<Option<T>, BadRow> {
        if self.item.contains_key(name) {
            read(self, name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<String>, BadRow> {
        self.optional(name, |row, name| row.text(name).map(str::to_owned))
    }

    pub(super) fn map<T>(
        &self,
        name: &'static str,
        read: impl Fn(Self) -> Result<T, BadRow>,
    ) -> Result<T, BadRow> {
        let item = self
            .item
            .get(name)
            .and_then(|value| value.as_m().ok())
            .ok_or_else(|| self.wrong(name))?;
        read(Reader { item, path: name })
    }

    fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(Self) -> Result<T, BadRow>,
    ) -> Result<Vec<T>, BadRow> {
        let entries = self
            .item
            .get(name)
            .and_then(|value| value.as_l().ok())
            .ok_or_else(|| self.wrong(name))?;
        let read_one = |value: &'a AttributeValue| {
            read(Reader {
                item: value.as_m().map_err(|_| self.wrong(name))?,
                path: name,
            })
        };
        entries.iter().map(read_one).collect()
    }
}

/// The size that DynamoDB charges for: names and values in UTF-8, numbers at two digits a byte plus one, three bytes for
/// a map or list and one for each of its entries (developer guide, "DynamoDB item sizes and formats").
#[cfg(test)]
fn charged_bytes(item: &Item) -> usize {
    fn value(v: &AttributeValue) -> usize {
        match v {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::L(values) => 3 + values.iter().map(|v| 1 + value(v)).sum::<usize>(),
            AttributeValue::M(entries) => {
                3 + entries
                    .iter()
                    .map(|(name, v)| 1 + name.len() + value(v))
                    .sum::<usize>()
            }
            _ => 1,
        }
    }
    item.iter().map(|(name, v)| name.len() + value(v)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobs::adjust_instances::MAX_ENTRIES_PER_SHARD;
    use testkit::conformance::one_in_every_state;

    fn whole_item(job: &Job) -> Item {
        let mut item = to_item(job);
        item.insert("job_id".to_owned(), s(job.id.to_string()));
        item
    }

    #[test]
    fn row_round_trips_in_every_state() {
        for mut job in one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme") {
            assert_eq!(from_item(&whole_item(&job)), Ok(job.clone()));
            for record in &mut job.attempts {
                record.unexpected_content_type = Some("text/html".to_owned());
            }
            assert_eq!(from_item(&whole_item(&job)), Ok(job));
        }
    }

    /// DynamoDB deletes rows by this attribute.
    #[test]
    fn row_of_an_open_job_has_no_time_to_live() {
        for job in one_in_every_state("b", "acme") {
            let is_open = job.state.check_deadline().is_some();
            assert_eq!(
                to_item(&job).contains_key("expires_at"),
                !is_open,
                "{:?}",
                job.state
            );
        }
    }

    #[test]
    fn every_written_attribute_is_listed_for_removal() {
        for job in one_in_every_state("b", "acme") {
            for name in to_item(&job).keys() {
                assert!(
                    OWNED.contains(&name.as_str()),
                    "{name} would never be removed"
                );
            }
        }
    }

    /// The budget of one write unit: a row of ordinary length at `Ready` has at most 1,024 bytes.
    #[test]
    fn ready_row_fits_into_one_write_unit() {
        let jobs = one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme");
        let ready = jobs
            .iter()
            .find(|job| matches!(job.state, State::Ready { .. }))
            .unwrap();
        let bytes = charged_bytes(&whole_item(ready));
        assert!(bytes <= 1024, "{bytes} bytes");
    }

    /// The budget of function `capacity`: what it reads of a shard of index by_next_check is one read unit, which is 8 KB
    /// of an eventually consistent query (developer guide, "DynamoDB read consistency").
    #[test]
    fn entries_that_a_reading_takes_of_a_shard_are_one_read_unit() {
        const PROJECTED: [&str; 5] = [
            "job_id",
            "check_shard",
            "next_check_at",
            "pipeline",
            "created_at",
        ];
        for mut job in one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme") {
            job.pipeline = "p".repeat(40); // the longest name
            let mut entry = whole_item(&job);
            entry.retain(|name, _| PROJECTED.contains(&name.as_str()));
            if entry.contains_key("check_shard") {
                assert_eq!(entry.len(), PROJECTED.len());
                let bytes = charged_bytes(&entry) * usize::from(MAX_ENTRIES_PER_SHARD);
                assert!(bytes <= 8192, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn row_of_a_newer_release_is_distinguished_from_an_unreadable_row() {
        let job = &one_in_every_state("b", "acme")[0];
        let mut item = whole_item(job);
        item.insert("schema".to_owned(), n(SCHEMA + 1));
        assert_eq!(from_item(&item), Err(BadRow::Newer));
        let mut item = whole_item(job);
        item.remove("tenant");
        assert_eq!(
            from_item(&item),
            Err(BadRow::Wrong(
                "attribute tenant is missing or of the wrong type".to_owned()
            ))
        );
    }
}
