//! The end of the demo: counts, what went wrong, and the line for programs.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::watch::{Board, Document, Expect, Phase, Screen, Style, wrong};

/// How the demo went.
pub(super) struct Summary {
    pub(super) result: Outcome,
    /// Every job ended as it should.
    pub(super) right: bool,
}

/// The last line of standard output.
#[derive(Serialize)]
pub(super) struct Outcome {
    uploaded: usize,
    ready: usize,
    failed: usize,
    /// Jobs that have not ended.
    lost: usize,
    /// From the moment a result was in S3 to its frame on the page, in milliseconds.
    push_ms: Percentiles,
}

#[derive(Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
}

/// Counts, shows and judges.
pub(super) fn sum_up(screen: &mut Screen, board: &Board) -> Summary {
    let count =
        |wanted: fn(&Phase) -> bool| board.documents.iter().filter(|d| wanted(&d.phase)).count();
    let ready = count(|phase| matches!(phase, Phase::Ready));
    let failed = count(|phase| matches!(phase, Phase::Failed { .. } | Phase::Cancelled));
    let uploaded = board.documents.len();
    let lost = uploaded - ready - failed;
    let mut pushes: Vec<Duration> = board
        .documents
        .iter()
        .filter_map(|document| document.push)
        .collect();
    pushes.sort_unstable();
    let (p50, p99) = (percentile(&pushes, 50), percentile(&pushes, 99));

    screen.line("");
    let counts = format!("{uploaded} uploaded, {ready} ready, {failed} failed, {lost} lost");
    let ms = |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    screen.line(&format!(
        "{}; from the result in S3 to the page: p50 {}, p99 {}",
        screen.paint(Style::Bold, &counts),
        ms(&p50),
        ms(&p99)
    ));
    let is_refused = |d: &&Document| d.plan.expect == Expect::Refused;
    let refused = board.documents.iter().filter(is_refused).count();
    if refused > 0 {
        let text = format!("{refused} of the samples are broken on purpose and should fail");
        screen.line(&screen.paint(Style::Dim, &text));
    }
    let not_right: Vec<_> = board
        .documents
        .iter()
        .filter(|document| !document.is_right())
        .collect();
    for document in &not_right {
        screen.line(&screen.paint(Style::Red, &wrong(document)));
    }
    let right = not_right.is_empty();
    Summary {
        result: Outcome {
            uploaded,
            ready,
            failed,
            lost,
            push_ms: Percentiles { p50, p99 },
        },
        right,
    }
}

/// The nearest-rank percentile in milliseconds, to a tenth.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let value = sorted.get(rank - 1)?;
    Some((value.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// Writes the last line of standard output.
pub(super) fn print(result: &Outcome) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(result)?)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
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
