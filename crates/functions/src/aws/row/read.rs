//! Reads a job from an item.

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::event::EventKind;
use jobs::id::{Attempt, JobId, LeaseToken, Location, Tenant, Timestamp};
use jobs::input::Input;
use jobs::job::{AttemptRecord, HistoryEntry, Job, job_output_prefix};
use jobs::labels::{Labels, Tags};
use jobs::lane::Lane;
use jobs::model_version::{AttemptModel, ModelTag, ModelVersion};
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::Policy;

use super::reader::{BadRow, Reader};
use super::{
    BATCH, CONTAINER_STATUS, INVALID_LABELS, Item, LANE, MARKS, MODEL_TAG, OPEN_OUTPUT, REFERENCE,
    SCHEMA, TAGS, tenant_label,
};

/// Reads a whole item, key included.
pub(in crate::aws) fn from_item(item: &Item) -> Result<Job, BadRow> {
    let row = Reader { item, path: "" };
    if row.number::<u32>("schema")? > SCHEMA {
        return Err(BadRow::Newer);
    }
    let tenant: Tenant = row.parsed("tenant")?;
    let mut input = row.map("input", input_from_item)?;
    input.labels = labels_from_item(row, &tenant)?;
    let bucket = input.bucket.clone();
    let id: JobId = row.parsed("job_id")?;
    let output_prefix = job_output_prefix(row.text("pipeline")?, id);
    Ok(Job {
        id,
        version: row.number("version")?,
        tenant,
        pipeline: row.text("pipeline")?.to_owned(),
        state: row.map("state", |state| state_from_item(row.text("status")?, state))?,
        policy: row.map("policy", policy_from_item)?,
        attempts: row.list("attempts", |record| {
            attempt_from_item(record, &bucket, &output_prefix)
        })?,
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
        // Marks that cannot be read must not stop the job.
        marks: row
            .optional_text(MARKS)?
            .and_then(|text| serde_json::from_str(&text).ok()),
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
        // Attributes of their own, since indexes are made of them.
        labels: Labels::default(),
    })
}

fn labels_from_item(row: Reader<'_>, tenant: &Tenant) -> Result<Labels, BadRow> {
    let start = tenant_label(tenant.as_str(), "");
    let label = |name: &'static str| {
        let text = row.optional_text(name)?;
        let without_tenant = |text: String| {
            let label = text.strip_prefix(&start).map(str::to_owned);
            label.ok_or_else(|| row.wrong(name))
        };
        text.map(without_tenant).transpose()
    };
    Ok(Labels {
        reference: label(REFERENCE)?,
        batch: label(BATCH)?,
        tags: Tags::from_lines(row.optional_text(TAGS)?.unwrap_or_default()),
        // A lane of a later release waits with the others.
        lane: row
            .optional_text(LANE)?
            .and_then(|name| Lane::from_name(&name))
            .unwrap_or_default(),
        invalid: row.optional_text(INVALID_LABELS)?.unwrap_or_default(),
    })
}

fn state_from_item(status: &str, item: Reader<'_>) -> Result<State, BadRow> {
    let attempt = Attempt(item.number("attempt")?);
    let budget = || {
        Ok(RetryBudget {
            last_attempt: Attempt(item.number("last_attempt")?),
            expires_at: item.time("budget_expires_at")?,
            earlier_result: item
                .optional("earlier_result", Reader::number)?
                .map_or(Attempt::NONE, Attempt),
        })
    };
    Ok(match status {
        "Queued" => State::Queued {
            next: attempt,
            since: item.time("since")?,
            start_by: item.optional("start_by", Reader::time)?,
            urgent: item.item.contains_key("urgent"),
            budget: budget()?,
        },
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
                container_status: item.optional(CONTAINER_STATUS, Reader::number)?,
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

fn attempt_from_item(
    item: Reader<'_>,
    bucket: &str,
    output_prefix: &str,
) -> Result<AttemptRecord, BadRow> {
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
    let output = match item.optional_text(OPEN_OUTPUT)? {
        Some(rest) => Some(Location {
            bucket: bucket.to_owned(),
            key: format!("{output_prefix}{rest}"),
        }),
        None => location("output")?,
    };
    let cause = item.optional_text("cause")?;
    let detail = item.optional_text("detail")?.unwrap_or_default();
    let container_status = item.optional(CONTAINER_STATUS, Reader::number)?;
    Ok(AttemptRecord {
        attempt: Attempt(item.number("n")?),
        started_at: item.time("at")?,
        may_run_twice: item.item.contains_key("twice"),
        output,
        failure_object: location("failure")?,
        closed_at: item.optional("closed_at", Reader::number)?.map(Timestamp),
        failure: cause.map(|cause| Failure {
            cause: Cause::from_name(&cause),
            detail,
            container_status,
        }),
        unexpected_content_type: item.optional_text("unexpected_content_type")?,
        pages: item.optional("pages", Reader::number)?,
        model_tag: item.optional(MODEL_TAG, Reader::number)?.map(ModelTag),
        model: model_from_item(item)?,
    })
}

fn model_from_item(item: Reader<'_>) -> Result<Option<AttemptModel>, BadRow> {
    let version = |name: &'static str| -> Result<Option<ModelVersion>, BadRow> {
        let text = item.optional_text(name)?;
        let parsed = text.map(|text| text.parse().map_err(|_| item.wrong(name)));
        parsed.transpose()
    };
    let Some(model) = version("model")? else {
        return Ok(None);
    };
    Ok(Some(AttemptModel {
        version: model,
        other: version("other_model")?,
        uncertain: item.item.contains_key("model_uncertain"),
    }))
}

fn entry_from_item(item: Reader<'_>) -> Result<HistoryEntry, BadRow> {
    Ok(HistoryEntry {
        at: item.time("at")?,
        event: EventKind::from_name(item.text("event")?),
        actor: item.optional_text("actor")?,
        reason: item.optional_text("reason")?,
    })
}
