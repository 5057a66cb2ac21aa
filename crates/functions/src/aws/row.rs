//! A job as a DynamoDB item. The attribute names must not change: rows outlive releases.
//!
//! Rules for a change: readers learn a new [`SCHEMA`] one release before writers write it; a row of a newer schema
//! is not touched; attributes of other writers stay, since saves set and remove only those in [`OWNED`].

pub(super) mod read;
pub(super) mod reader;
pub(super) mod write;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The schema that this release writes.
pub const SCHEMA: u32 = 1;

pub(super) type Item = HashMap<String, AttributeValue>;

/// The reference, preceded by the tenant: the key of index `by_reference`. Only jobs with a reference have it.
pub(super) const REFERENCE: &str = "tenant_reference";
/// As [`REFERENCE`], of the batch and index `by_batch`.
pub(super) const BATCH: &str = "tenant_batch";
const TAGS: &str = "tags";
/// Absent: `standard`.
const LANE: &str = "lane";
const INVALID_LABELS: &str = "invalid_labels";
/// Of a failure, in an attempt and in the state: [`jobs::state::Failure::container_status`].
const CONTAINER_STATUS: &str = "http";
/// Of an open attempt: [`jobs::job::AttemptRecord::model_tag`].
const MODEL_TAG: &str = "model_tag";
/// Of an open attempt: the output's key after the job's prefix. That saves the 62 bytes by which the row of a job with labels
/// would be larger than a kilobyte. A release that does not know it looks for the output under the prefix. Rows of attempts that
/// have ended have the whole key as `output`.
const OPEN_OUTPUT: &str = "key";
/// What people noted, as JSON. Not in [`OWNED`]: a save leaves it as it is, unless it deletes the document's data.
pub(super) const MARKS: &str = "marks";
pub(super) const MARKS_REVISION: &str = "marks_revision";

/// Every attribute that a save sets or removes, except the key.
pub(super) const OWNED: [&str; 33] = [
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
    "shard",
    "check_shard",
    "next_check_at",
    "queue_shard",
    "queue_position",
    "queued_attempt",
    "queued_bytes",
    "sent_s",
    "failed_shard",
    "failed_at",
    REFERENCE,
    BATCH,
    TAGS,
    LANE,
    INVALID_LABELS,
];

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn tenant_status_group(tenant: &str, group: jobs::state::StatusGroup) -> String {
    format!("{tenant}#{}", group.name())
}

/// `#` is not in a tenant's name.
pub(super) fn tenant_label(tenant: &str, label: &str) -> String {
    format!("{tenant}#{label}")
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
    use super::read::from_item;
    use super::reader::BadRow;
    use super::write::to_item;
    use super::*;
    use jobs::adjust_instances::MAX_ENTRIES_PER_SHARD;
    use jobs::id::Attempt;
    use jobs::job::Job;
    use jobs::labels::{Labels, Tags};
    use jobs::lane::Lane;
    use jobs::model_version::{AttemptModel, ModelTag, ModelVersion};
    use jobs::state::State;
    use testkit::conformance::one_in_every_state;

    /// The name that CloudFormation gives an endpoint configuration, and a digest.
    fn model() -> AttemptModel {
        let image = format!("docket@sha256:{}", "0123456789abcdef".repeat(4));
        AttemptModel {
            version: ModelVersion::new("EndpointConfig-1aB2cD3eF4gH", Some(&image)),
            other: None,
            uncertain: false,
        }
    }

    /// Gives the attempts what they have on AWS: keys as long as SageMaker's, and the model.
    fn with_real_attempts(job: &mut Job) {
        let name = "1f0e8c1c-3f3b-4d0a-9a55-0c6b1f9679f3";
        let key = format!("{}a1/{name}.out", job.output_prefix());
        let failure_key = format!("failure/legal-review/{name}-error.out");
        for record in &mut job.attempts {
            let locations = [
                (&mut record.output, &key),
                (&mut record.failure_object, &failure_key),
            ];
            for (location, key) in locations {
                if let Some(location) = location {
                    location.bucket.clone_from(&job.input.bucket);
                    location.key.clone_from(key);
                }
            }
            record.model = record.closed_at.map(|_| model());
            let is_open = record.closed_at.is_none();
            record.model_tag = is_open.then_some(ModelTag(u32::MAX));
        }
    }

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
                record.pages = Some(12);
                record.model = Some(model());
                record.model_tag = Some(ModelTag(7));
            }
            assert_eq!(from_item(&whole_item(&job)), Ok(job.clone()));
            if let State::Submitting { budget, .. }
            | State::InProgress { budget, .. }
            | State::RetryScheduled { budget, .. }
            | State::Queued { budget, .. } = &mut job.state
            {
                budget.earlier_result = Attempt(1);
            }
            for record in &mut job.attempts {
                record.model = Some(AttemptModel {
                    other: Some(ModelVersion::new("Docket-2", None)),
                    uncertain: true,
                    ..model()
                });
            }
            assert_eq!(from_item(&whole_item(&job)), Ok(job));
        }
    }

    /// An earlier release wrote whole keys while an attempt was open, and no tag.
    #[test]
    fn open_attempt_with_the_whole_key_of_its_output_is_read() {
        let running = &one_in_every_state("b", "acme")[1];
        let output = running.attempts[0].output.clone().unwrap();
        let mut item = whole_item(running);
        let Some(AttributeValue::L(records)) = item.get_mut("attempts") else {
            panic!("{item:?}")
        };
        let Some(AttributeValue::M(record)) = records.first_mut() else {
            panic!("{records:?}")
        };
        assert_eq!(record.remove(OPEN_OUTPUT), Some(s("a1/0c6b1f9679f3.out")));
        record.insert("output".to_owned(), s(output.key));
        assert_eq!(from_item(&item), Ok(running.clone()));
    }

    /// DynamoDB deletes rows by this attribute.
    #[test]
    fn row_of_an_open_job_has_no_time_to_live() {
        for job in one_in_every_state("b", "acme") {
            let is_open = job.state.is_open();
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
        let mut jobs = one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme");
        let ready = jobs
            .iter_mut()
            .find(|job| matches!(job.state, State::Ready { .. }))
            .unwrap();
        with_real_attempts(ready);
        for record in &mut ready.attempts {
            record.pages = Some(120);
        }
        let bytes = charged_bytes(&whole_item(ready));
        assert!(bytes <= 1024, "{bytes} bytes");
    }

    /// What labels add to a row, and what they cost: an entry in each of the two indexes, and one write unit more for each save
    /// that makes the row larger than another kilobyte. With both labels that is the save of the outcome, which adds the model.
    #[test]
    fn row_of_a_job_with_labels_stays_within_two_write_units() {
        let ordinary = Labels {
            reference: Some("INV-2026-471".to_owned()),
            batch: Some("2026-05".to_owned()),
            ..Labels::default()
        };
        let tags: Vec<String> = (0..8)
            .map(|number| format!("t{number}={}", "y".repeat(62)))
            .collect();
        let longest = Labels {
            reference: Some("x".repeat(64)),
            batch: Some("x".repeat(64)),
            tags: Tags::from_lines(tags.join("\n")),
            lane: Lane::Bulk,
            invalid: String::new(),
        };
        for mut job in one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme") {
            with_real_attempts(&mut job);
            assert_eq!(from_item(&whole_item(&job)), Ok(job.clone()));
            let without = charged_bytes(&whole_item(&job));
            job.input.labels = ordinary.clone();
            assert_eq!(charged_bytes(&whole_item(&job)) - without, 57);
            if matches!(
                job.state,
                State::Submitting { .. } | State::InProgress { .. }
            ) {
                let bytes = charged_bytes(&whole_item(&job));
                assert!(bytes <= 1024, "{bytes} bytes: {:?}", job.state);
            }
            job.input.labels = longest.clone();
            assert_eq!(from_item(&whole_item(&job)), Ok(job.clone()));
            let with = charged_bytes(&whole_item(&job));
            assert_eq!(with - without, 705);
            assert!(with <= 2048, "{with} bytes");
            let mut entry = whole_item(&job);
            let key = ["job_id", "created_at", REFERENCE];
            entry.retain(|name, _| key.contains(&name.as_str()));
            assert!(
                charged_bytes(&entry) + 100 <= 1024,
                "an index entry is one write unit"
            );
        }
    }

    /// The budget of function `capacity`: what it reads of a shard of index by_next_check is one read unit, which is 8 KB
    /// of an eventually consistent query (developer guide, "DynamoDB read consistency").
    #[test]
    fn entries_that_a_reading_takes_of_a_shard_are_one_read_unit() {
        const PROJECTED: [&str; 6] = [
            "job_id",
            "check_shard",
            "next_check_at",
            "pipeline",
            "created_at",
            "sent_s",
        ];
        for mut job in one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme") {
            job.pipeline = "p".repeat(40); // the longest name
            let mut entry = whole_item(&job);
            entry.retain(|name, _| PROJECTED.contains(&name.as_str()));
            if entry.contains_key("check_shard") {
                assert_eq!(
                    entry.contains_key("sent_s"),
                    job.sent_at().is_some(),
                    "{:?}",
                    job.state
                );
                let bytes = charged_bytes(&entry) * usize::from(MAX_ENTRIES_PER_SHARD);
                assert!(bytes <= 8192, "{bytes} bytes");
            }
        }
    }

    /// The keys of the indexes in `infra/service.yaml` that a job without reference and batch can be in.
    const INDEXES: [[&str; 2]; 4] = [
        ["tenant_status_group", "created_at"],
        ["check_shard", "next_check_at"],
        ["queue_shard", "queue_position"],
        ["failed_shard", "failed_at"],
    ];

    /// What saving these versions costs: one unit for the row, one for each index entry that appears or goes, and two for one
    /// that moves (developer guide, "Using global secondary indexes", write capacity).
    fn write_units(versions: &[&Job]) -> usize {
        let entry = |job: &Job, keys: [&str; 2]| {
            let item = to_item(job);
            let key = keys.map(|name| item.get(name).cloned());
            key.iter().all(Option::is_some).then_some(key)
        };
        let mut units = 0;
        for (at, job) in versions.iter().enumerate() {
            units += 1;
            for keys in INDEXES {
                let before = at.checked_sub(1).and_then(|at| entry(versions[at], keys));
                let after = entry(job, keys);
                if before != after {
                    units += usize::from(before.is_some()) + usize::from(after.is_some());
                }
            }
        }
        units
    }

    #[test]
    fn job_that_was_queued_costs_three_write_units_more_than_another() {
        let all = one_in_every_state("docket-jobs-123456789012-eu-central-1", "acme");
        let [submitting, in_progress, _, ready, ..] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(write_units(&[submitting, in_progress, ready]), 8);
        let State::Submitting {
            attempt, budget, ..
        } = submitting.state
        else {
            panic!("{submitting:?}")
        };
        let mut queued = submitting.clone();
        queued.attempts.clear();
        queued.state = State::Queued {
            next: attempt,
            since: queued.created_at,
            start_by: None,
            urgent: false,
            budget,
        };
        assert_eq!(write_units(&[&queued, submitting, in_progress, ready]), 11);
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
