//! Every metric of the service, as CloudWatch reads it out of the logs
//! (embedded metric format, CloudWatch user guide). Names and units are an API: dashboards and alarms use them.

use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Docket";

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Announcements of `Ready`; a message that is delivered again announces again.
    JobsReady,
    /// Announcements of `Failed`; a message that is delivered again announces again.
    JobsFailed,
    /// Retry messages that were owed.
    RetriesScheduled,
    /// From the making of a job to `Ready`, in milliseconds.
    TimeToReady,
    /// Messages that were quarantined.
    Quarantined,
    /// Messages that were given back to their queue.
    Redelivered,
    /// Frames that reached a page.
    Pushed,
    /// Frames that did not; the page syncs within a minute.
    PushesDropped,
    /// Results that were found by looking, since nobody had told of them.
    Adopted,
    /// Attempts that were given up without a trace at their deadline.
    Lost,
    /// Open jobs that nothing was on its way for, so that a wake-up was sent.
    Woken,
    /// Open jobs whose rows cannot be read, at each look.
    JobsUnreadable,
    /// Objects without a job that were announced again.
    Announced,
    /// Age of the latest complete look through the bucket, in seconds.
    SweepAge,
    /// Dead letters that were sent back to their queue.
    SentBack,
    /// Runs of the reconciler in which everything answered.
    Reconciled,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::JobsReady => "JobsReady",
            Self::JobsFailed => "JobsFailed",
            Self::RetriesScheduled => "RetriesScheduled",
            Self::TimeToReady => "TimeToReady",
            Self::Quarantined => "Quarantined",
            Self::Redelivered => "Redelivered",
            Self::Pushed => "Pushed",
            Self::PushesDropped => "PushesDropped",
            Self::Adopted => "Adopted",
            Self::Lost => "Lost",
            Self::Woken => "Woken",
            Self::JobsUnreadable => "JobsUnreadable",
            Self::Announced => "Announced",
            Self::SweepAge => "SweepAge",
            Self::SentBack => "SentBack",
            Self::Reconciled => "Reconciled",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::TimeToReady => "Milliseconds",
            Self::JobsReady
            | Self::JobsFailed
            | Self::RetriesScheduled
            | Self::Quarantined
            | Self::Redelivered
            | Self::Pushed
            | Self::PushesDropped
            | Self::Adopted
            | Self::Lost
            | Self::Woken
            | Self::JobsUnreadable
            | Self::Announced
            | Self::SentBack
            | Self::Reconciled => "Count",
            Self::SweepAge => "Seconds",
        }
    }
}

/// What a metric is counted by. Only names that we choose: a user's text as a dimension would be a bill.
#[derive(Clone, Copy, Debug)]
pub enum Dimension<'a> {
    /// By pipeline.
    Pipeline(&'a str),
    /// By the queue that the message came from.
    Queue(&'a str),
    /// By nothing: of the whole service.
    Service,
}

/// One line of embedded metric format; `values` of the same metric are given as a distribution.
pub fn line(
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
    let named = match dimension {
        Dimension::Pipeline(of) => Some(("Pipeline", of)),
        Dimension::Queue(of) => Some(("Queue", of)),
        Dimension::Service => None,
    };
    let definitions: Vec<Value> = values
        .iter()
        .map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()}))
        .collect();
    let mut root = Map::new();
    // Each also as a total, without a dimension.
    let mut sets = vec![json!([])];
    if let Some((name, of)) = named {
        sets.insert(0, json!([name]));
        root.insert(name.into(), of.into());
    }
    root.insert("_aws".into(), json!({"Timestamp": now_ms, "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": definitions}]}));
    for (metric, numbers) in values {
        root.insert(metric.name().into(), json!(numbers));
    }
    Some(Value::Object(root).to_string())
}

/// Writes metrics to where Lambda collects them.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch reads metrics from standard output"
)]
pub fn emit(now_ms: u64, dimension: Dimension<'_>, values: &[(Metric, Vec<u64>)]) {
    if let Some(line) = line(now_ms, dimension, values) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_cloudwatch_needs() {
        let line = line(
            1_700_000_000_000,
            Dimension::Pipeline("legal-review"),
            &[
                (Metric::JobsReady, vec![2]),
                (Metric::TimeToReady, vec![800, 1200]),
                (Metric::JobsFailed, vec![]),
            ],
        )
        .unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][0],
            "Pipeline"
        );
        assert_eq!(value["Pipeline"], "legal-review");
        assert_eq!(value["TimeToReady"], json!([800, 1200]));
        assert!(value.get("JobsFailed").is_none());
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Pipeline"], []])
        );
        assert_eq!(
            value["_aws"]["CloudWatchMetrics"][0]["Metrics"][1],
            json!({"Name": "TimeToReady", "Unit": "Milliseconds"})
        );
        let total = super::line(1, Dimension::Service, &[(Metric::SweepAge, vec![0])]).unwrap();
        let total: Value = serde_json::from_str(&total).unwrap();
        assert_eq!(
            total["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([[]])
        );
    }
}
