//! The summary of the demo: counts, unexpected outcomes, and the JSON result.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::watch::{
    Board, DocumentStatus, ExpectedOutcome, Style, Terminal, TrackedDocument, unexpected_outcome,
};

pub(super) struct DemoSummary {
    pub(super) result: DemoResult,
    /// Every job ended as expected.
    pub(super) all_as_expected: bool,
}

/// The last line of standard output.
#[derive(Serialize)]
pub(super) struct DemoResult {
    uploaded: usize,
    ready: usize,
    failed: usize,
    /// Jobs that did not end.
    lost: usize,
    /// From the result in S3 to the push, in milliseconds.
    push_ms: Percentiles,
}

#[derive(Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
}

pub(super) fn summarize(terminal: &mut Terminal, board: &Board) -> DemoSummary {
    let count = |wanted: fn(&DocumentStatus) -> bool| {
        board.documents.iter().filter(|d| wanted(&d.status)).count()
    };
    let ready = count(|phase| matches!(phase, DocumentStatus::Ready));
    let failed = count(|phase| {
        matches!(
            phase,
            DocumentStatus::Failed { .. } | DocumentStatus::Cancelled
        )
    });
    let uploaded = board.documents.len();
    let lost = uploaded - ready - failed;
    let mut push_delays: Vec<Duration> = board
        .documents
        .iter()
        .filter_map(|document| document.push_delay)
        .collect();
    push_delays.sort_unstable();
    let (p50, p99) = (percentile(&push_delays, 50), percentile(&push_delays, 99));

    terminal.line("");
    let counts = format!("{uploaded} uploaded, {ready} ready, {failed} failed, {lost} lost");
    let ms = |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    terminal.line(&format!(
        "{}; time from the result in S3 to the push: p50 {}, p99 {}",
        terminal.paint(Style::Bold, &counts),
        ms(&p50),
        ms(&p99)
    ));
    let is_broken_sample = |d: &&TrackedDocument| d.upload.expected == ExpectedOutcome::Rejected;
    let broken_samples = board.documents.iter().filter(is_broken_sample).count();
    if broken_samples > 0 {
        let text = format!("{broken_samples} of the samples are broken on purpose and must fail");
        terminal.line(&terminal.paint(Style::Dim, &text));
    }
    let unexpected: Vec<_> = board
        .documents
        .iter()
        .filter(|document| !document.ended_as_expected())
        .collect();
    for document in &unexpected {
        terminal.line(&terminal.paint(Style::Red, &unexpected_outcome(document)));
    }
    let all_as_expected = unexpected.is_empty();
    DemoSummary {
        result: DemoResult {
            uploaded,
            ready,
            failed,
            lost,
            push_ms: Percentiles { p50, p99 },
        },
        all_as_expected,
    }
}

/// The nearest-rank percentile in milliseconds, to a tenth.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let value = sorted.get(rank - 1)?;
    Some((value.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// Writes the result to standard output.
pub(super) fn print(result: &DemoResult) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(result)?)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_computed_by_nearest_rank() {
        let values: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(
            (percentile(&values, 50), percentile(&values, 99)),
            (Some(50.0), Some(99.0))
        );
        assert_eq!(
            (percentile(&values[..3], 50), percentile(&values[..3], 99)),
            (Some(2.0), Some(3.0))
        );
        assert_eq!(percentile(&[], 50), None);
    }
}
