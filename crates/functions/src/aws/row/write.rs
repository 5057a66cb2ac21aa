//! Writes a job as an item.

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::id::{Attempt, Location};
use jobs::input::Input;
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::queue_position;
use jobs::state::{Failure, RetryBudget, State};
use jobs::transition::Policy;

use super::{
    BATCH, CONTAINER_STATUS, INVALID_LABELS, Item, LANE, MODEL_TAG, OPEN_OUTPUT, REFERENCE, SCHEMA,
    TAGS, n, s, tenant_label, tenant_status_group,
};

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

/// The attributes of `job` except its key.
pub(in crate::aws) fn to_item(job: &Job) -> Item {
    let bucket = &job.input.bucket;
    let output_prefix = job.output_prefix();
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
                    .map(|record| {
                        AttributeValue::M(attempt_to_item(record, bucket, &output_prefix))
                    })
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
        ("shard", n(job.id.shard())),
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
    put_labels(&mut item, job);
    if let Some(next_check_at) = job.next_check_at() {
        item.extend(map([
            ("check_shard", n(job.id.shard())),
            ("next_check_at", n(next_check_at.0)),
        ]));
    }
    // Seconds after `created_at`: with a longer name and the time itself, the rows of jobs with labels would be larger than a
    // kilobyte while they are in progress, and cost one write unit more.
    let sent = job.sent_at().map(|at| at.since(job.created_at).as_secs());
    put(&mut item, "sent_s", sent.map(n));
    if let Some(position) = job.queue_position() {
        item.extend(map([
            ("queue_shard", n(queue_position::shard(&job.pipeline))),
            ("queue_position", n(position)),
            ("queued_attempt", n(job.state.attempt())),
            ("queued_bytes", n(job.input.bytes)),
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

fn put_labels(item: &mut Item, job: &Job) {
    let labels = &job.input.labels;
    let of_tenant = |label: &String| s(tenant_label(job.tenant.as_str(), label));
    let text = |text: &str| (!text.is_empty()).then(|| s(text));
    put(item, REFERENCE, labels.reference.as_ref().map(of_tenant));
    put(item, BATCH, labels.batch.as_ref().map(of_tenant));
    put(item, TAGS, text(labels.tags.lines()));
    put(
        item,
        LANE,
        (!labels.lane.is_standard()).then(|| s(labels.lane.name())),
    );
    put(item, INVALID_LABELS, text(&labels.invalid));
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
        ]));
        let earlier = Some(budget.earlier_result).filter(|it| *it != Attempt::NONE);
        put(item, "earlier_result", earlier.map(n));
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
            due: at,
            budget: b,
        } => {
            let mut item = map([("attempt", n(next)), ("due", n(at.0))]);
            budget(&mut item, b);
            item
        }
        State::Queued {
            next,
            since,
            start_by,
            urgent,
            budget: b,
        } => {
            let mut item = map([("attempt", n(next)), ("since", n(since.0))]);
            put(&mut item, "start_by", start_by.map(|at| n(at.0)));
            put(
                &mut item,
                "urgent",
                urgent.then_some(AttributeValue::Bool(true)),
            );
            budget(&mut item, b);
            item
        }
        State::Failed { attempt, failure } => {
            let mut item = failure_to_item(failure);
            item.insert("attempt".to_owned(), n(attempt));
            item
        }
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

fn attempt_to_item(record: &AttemptRecord, bucket: &str, output_prefix: &str) -> Item {
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
    let output = record.output.as_ref();
    let is_open = record.closed_at.is_none();
    let rest = output
        .filter(|output| is_open && output.bucket == bucket)
        .and_then(|output| output.key.strip_prefix(output_prefix));
    match rest {
        Some(rest) => put(&mut item, OPEN_OUTPUT, Some(s(rest))),
        None => put(&mut item, "output", output.map(stored)),
    }
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
    put(&mut item, "pages", record.pages.map(n));
    put(&mut item, MODEL_TAG, record.model_tag.map(|tag| n(tag.0)));
    if let Some(model) = &record.model {
        item.insert("model".to_owned(), s(model.version.to_string()));
        let other = model.other.as_ref().map(|other| s(other.to_string()));
        put(&mut item, "other_model", other);
        let uncertain = model.uncertain.then_some(AttributeValue::Bool(true));
        put(&mut item, "model_uncertain", uncertain);
    }
    put(&mut item, "closed_at", record.closed_at.map(|at| n(at.0)));
    item.extend(record.failure.iter().flat_map(failure_to_item));
    item
}

fn failure_to_item(failure: &Failure) -> Item {
    let mut item = map([
        ("cause", s(failure.cause.name())),
        ("detail", s(&failure.detail)),
    ]);
    put(&mut item, CONTAINER_STATUS, failure.container_status.map(n));
    item
}

fn entry_to_item(entry: &HistoryEntry) -> Item {
    let mut item = map([("event", s(entry.event.name())), ("at", n(entry.at.0))]);
    put(&mut item, "actor", entry.actor.as_deref().map(s));
    put(&mut item, "reason", entry.reason.as_deref().map(s));
    item
}
