//! Tables of jobs.

use api::types::NamedCount;
use console::Style;
use jobs::view::JobView;

use super::{Cell, Column, Printer, TextTable, byte_size, sanitize};

/// The color of a job's status.
pub(crate) fn status_style(status: &str) -> Style {
    let style = Style::new();
    match status {
        "Ready" => style.green(),
        "Failed" => style.red(),
        "RetryScheduled" | "Queued" => style.yellow(),
        "Cancelled" | "Erased" => style.dim(),
        _ => style.cyan(),
    }
}

/// Left out if no job has a reference.
const REFERENCE_COLUMN: usize = 2;

/// The status, and of a queued job what decides its turn.
fn status_and_lane(job: &JobView) -> String {
    let is_queued = job.status == "Queued";
    if job.urgent {
        format!("{} (urgent)", job.status)
    } else if is_queued && !job.lane.is_standard() {
        format!("{} ({})", job.status, job.lane.name())
    } else {
        job.status.to_string()
    }
}

pub(crate) fn jobs_table(printer: &Printer, jobs: &[JobView]) -> TextTable {
    let has_references = jobs.iter().any(|job| job.reference.is_some());
    let columns = [
        Column::new("STATUS"),
        Column::new("NAME").truncate(),
        Column::new("REFERENCE").truncate().drop_rank(7),
        Column::new("SIZE").align_right().drop_rank(4),
        Column::new("PIPELINE").drop_rank(3),
        Column::new("TENANT").drop_rank(6),
        Column::new("ATTEMPT").align_right().drop_rank(5),
        Column::new("CHANGED").drop_rank(1),
        Column::new("READY BY").drop_rank(2),
        Column::new("CAUSE").drop_rank(2),
        Column::new("ID"),
    ];
    let is_shown = |at: usize| has_references || at != REFERENCE_COLUMN;
    let shown = columns.into_iter().enumerate();
    let shown = shown.filter(|(at, _)| is_shown(*at));
    let mut table = TextTable::new(shown.map(|(_, column)| column));
    for job in jobs {
        let cells = [
            Cell::styled(status_style(&job.status), &status_and_lane(job)),
            Cell::from(&job.name),
            Cell::from(job.reference.as_deref().unwrap_or_default()),
            Cell::from(byte_size(job.bytes)),
            Cell::from(&job.pipeline),
            Cell::from(&job.tenant),
            Cell::from(job.attempt.to_string()),
            Cell::from(printer.table_time(job.updated_at)),
            Cell::from(printer.ready_by(job.ready_by.as_ref())),
            Cell::from(
                job.failure
                    .as_ref()
                    .map_or("", |failure| failure.cause.as_ref()),
            ),
            Cell::from(&job.id),
        ];
        let shown = cells.into_iter().enumerate();
        let shown = shown.filter(|(at, _)| is_shown(*at));
        table.row(shown.map(|(_, cell)| cell));
    }
    table
}

/// Counts on one line, such as `3 ModelError, 1 TimedOut`.
pub(crate) fn counts(counts: &[NamedCount]) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = counts
        .iter()
        .map(|count| format!("{} {}", count.count, count.name))
        .collect();
    sanitize(&words.join(", "))
}
