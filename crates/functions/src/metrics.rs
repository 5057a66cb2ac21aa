//! The metrics of the service in embedded metric format (CloudWatch user guide), which CloudWatch extracts from the logs.
//! Dashboards and alarms use the names and units.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Docket";

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $unit:ident,)*) => {
        /// A metric. Its name in CloudWatch is that of the variant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// CloudWatch's name of the unit (API reference, `MetricDatum`).
            const fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($unit),)*
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

metrics! {
    /// Events `Ready`; a redelivered message counts again.
    JobsReady: Count,
    /// Events `Failed`; a redelivered message counts again.
    JobsFailed: Count,
    RetriesScheduled: Count,
    /// From the creation of a job to `Ready`, in milliseconds.
    TimeToReady: Milliseconds,
    Quarantined: Count,
    /// Messages that were returned to their queue.
    Redelivered: Count,
    /// Updates that reached a page.
    Pushed: Count,
    /// Updates that did not; the page syncs within a minute.
    PushesDropped: Count,
    /// Results that a check found in S3 and no notification had reported.
    ResultsRecovered: Count,
    /// Attempts that timed out at their deadline, with neither an output nor a failure object in S3.
    AttemptsTimedOut: Count,
    /// Open jobs that were overdue, so that a check was sent.
    ChecksReenqueued: Count,
    /// Open jobs whose rows cannot be read, at each run of the reconciler.
    JobsUnreadable: Count,
    /// Objects without a job whose upload events were re-enqueued.
    UploadEventsReenqueued: Count,
    /// Age of the latest complete inventory scan, in seconds.
    InventoryScanAge: Seconds,
    /// By how much the inventory scan is later than the number of objects explains, in seconds.
    InventoryScanDelay: Seconds,
    /// Dead letters that were redriven to their queue.
    DeadLettersRedriven: Count,
    /// Complete runs of the reconciler.
    ReconcilerRuns: Count,
    /// Events `Ready` of probes, which are in none of the other figures of jobs that have ended.
    ProbesReady: Count,
    /// Events `Failed` of probes.
    ProbesFailed: Count,
    /// Attempts that a job took to become ready.
    Attempts: Count,
    /// Open jobs, counted every five minutes; not written if some could not be counted.
    JobsOpen: Count,
    /// Jobs that a pause or a circuit breaker holds, or held until a moment ago, counted every five minutes. Those that a pause holds are not
    /// among `JobsOpen`.
    JobsQueued: Count,
    /// Pipelines whose circuit breaker is open, counted every five minutes.
    BreakersOpen: Count,
    /// Age of the oldest open job in seconds; 0 if there is none.
    OldestOpenJobAge: Seconds,
    /// Open jobs that are older than three quarters of their pipeline's `slo_seconds`.
    JobsAtRisk: Count,
    /// Instances that function `capacity` last asked for.
    InstancesDesired: Count,
    /// Instances that were asked for and are not in service yet.
    InstancesStarting: Count,
    InstancesInService: Count,
    /// Complete evaluations of function `capacity`.
    CapacityRuns: Count,
    /// Runs of function `retention` in which everything answered.
    RetentionRuns: Count,
    /// Events that a receiver took.
    WebhooksDelivered: Count,
    /// Attempts that failed; most are repeated.
    WebhooksFailed: Count,
    /// Events that were not delivered within three days.
    WebhooksGivenUp: Count,
    /// Events that expired before a receiver took them: its webhook was paused or disabled for 30 days.
    WebhooksExpired: Count,
    /// Webhooks that were disabled because they failed for too long, or the receiver answered 410.
    WebhooksDisabled: Count,
    /// E-mail digests that SES took.
    DigestsSent: Count,
    /// Mails that SES refused, and how often it took none at all: all are tried again.
    DigestsDelayed: Count,
    /// Mails that SES refused for three days.
    DigestsGivenUp: Count,
    /// Users whose digests were switched off: mail came back or was reported as spam, or they lost access.
    DigestRecipientsRemoved: Count,
}

/// The dimensions of a metric in addition to the service's name, which all have because an account may have several
/// services. Values are only names that we choose: each distinct value is a metric that costs.
#[derive(Clone, Copy, Debug)]
pub enum Dimension<'a> {
    /// By pipeline, and of the whole service.
    Pipeline(&'a str),
    /// By pipeline only: gauges have no total.
    Gauge(&'a str),
    /// By pipeline and cause of failure only: the totals are counted by pipeline.
    Cause(&'a str, &'a str),
    /// By the queue that the message came from, and of the whole service.
    Queue(&'a str),
    /// Of the whole service.
    Service,
}

/// One log line of embedded metric format. Several `values` of a metric become a distribution.
pub fn line(
    service: &str,
    now_ms: u64,
    dimension: Dimension<'_>,
    values: &[(Metric, Vec<u64>)],
) -> Option<String> {
    let values: Vec<_> = values
        .iter()
        .filter(|(_, numbers)| !numbers.is_empty())
        .collect();
    if values.is_empty() {
        return None;
    }
    let (named, is_part): (&[(&str, &str)], bool) = match dimension {
        Dimension::Pipeline(of) => (&[("Pipeline", of)], false),
        Dimension::Gauge(of) => (&[("Pipeline", of)], true),
        Dimension::Cause(of, cause) => (&[("Pipeline", of), ("Cause", cause)], true),
        Dimension::Queue(of) => (&[("Queue", of)], false),
        Dimension::Service => (&[], false),
    };
    let mut set = vec!["Service"];
    set.extend(named.iter().map(|(name, _)| *name));
    let mut sets = vec![set.as_slice()];
    if set.len() > 1 && !is_part {
        sets.push(&["Service"]);
    }
    let definitions = values
        .iter()
        .map(|(metric, _)| Definition {
            name: metric.name(),
            unit: metric.unit(),
        })
        .collect();
    let line = MetricsLogLine {
        aws: Metadata {
            timestamp: now_ms,
            metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: sets,
                metrics: definitions,
            }],
        },
        service,
        named,
        values: &values,
    };
    serde_json::to_string(&line).ok()
}

/// A log line of embedded metric format (CloudWatch user guide, "Embedded metric format specification").
struct MetricsLogLine<'a> {
    aws: Metadata<'a>,
    service: &'a str,
    named: &'a [(&'a str, &'a str)],
    values: &'a [&'a (Metric, Vec<u64>)],
}

impl Serialize for MetricsLogLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &self.aws)?;
        line.serialize_entry("Service", self.service)?;
        for (name, value) in self.named {
            line.serialize_entry(name, value)?;
        }
        for (metric, numbers) in self.values {
            line.serialize_entry(metric.name(), numbers)?;
        }
        line.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    #[serde(rename = "CloudWatchMetrics")]
    metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: Vec<&'a [&'a str]>,
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

/// Writes metrics to standard output, where Lambda collects them.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch reads metrics from standard output"
)]
pub fn emit(service: &str, now_ms: u64, dimension: Dimension<'_>, values: &[(Metric, Vec<u64>)]) {
    if let Some(line) = line(service, now_ms, dimension, values) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    #[test]
    fn metric_line_is_valid_embedded_metric_format() {
        let value = read(
            Dimension::Pipeline("legal-review"),
            &[
                (Metric::JobsReady, vec![2]),
                (Metric::TimeToReady, vec![800, 1200]),
                (Metric::JobsFailed, vec![]),
            ],
        );
        assert_eq!(value["Service"], "docket");
        assert_eq!(value["Pipeline"], "legal-review");
        assert_eq!(value["TimeToReady"], json!([800, 1200]));
        assert!(value.get("JobsFailed").is_none());
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Service", "Pipeline"], ["Service"]])
        );
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Metrics"][1],
            json!({"Name": "TimeToReady", "Unit": "Milliseconds"})
        );
        let total = read(Dimension::Service, &[(Metric::InventoryScanAge, vec![0])]);
        assert_eq!(
            total["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Service"]])
        );
    }

    /// Alarms and dashboards are tested against that file.
    #[test]
    fn names_and_units_are_those_of_infra_metrics_json() {
        let listed: Map<String, Value> =
            serde_json::from_str(include_str!("../../../infra/metrics.json")).unwrap();
        let listed: Vec<(&str, &str)> = listed
            .iter()
            .map(|(name, metric)| (name.as_str(), metric["unit"].as_str().unwrap()))
            .collect();
        let mut metrics: Vec<(&str, &str)> = Metric::ALL
            .iter()
            .map(|metric| (metric.name(), metric.unit()))
            .collect();
        metrics.sort_unstable();
        assert_eq!(metrics, listed);
    }

    #[test]
    fn failures_by_cause_are_not_added_to_the_totals() {
        let of = Dimension::Cause("legal-review", "ModelRejected");
        let value = read(of, &[(Metric::JobsFailed, vec![1])]);
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Service", "Pipeline", "Cause"]])
        );
        assert_eq!(value["Cause"], "ModelRejected");
    }

    fn read(dimension: Dimension<'_>, values: &[(Metric, Vec<u64>)]) -> Value {
        let line = line("docket", 1_700_000_000_000, dimension, values).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
