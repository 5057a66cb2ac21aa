//! Jobs in a list.

use jobs::view::JobView;

use super::{Cell, Column, Print, Style, Table, size};

/// How a job's status looks.
pub(crate) fn status(status: &str) -> Style {
    match status {
        "Ready" => Style::Green,
        "Failed" => Style::Red,
        "RetryScheduled" => Style::Yellow,
        "Cancelled" => Style::Dim,
        _ => Style::Cyan,
    }
}

/// A list of jobs.
pub(crate) fn jobs_table(print: &Print, jobs: &[JobView]) -> Table {
    let mut table = Table::new([
        Column::new("STATUS"),
        Column::new("NAME").cut(),
        Column::new("SIZE").right().spare(4),
        Column::new("PIPELINE").spare(3),
        Column::new("TENANT").spare(6),
        Column::new("TRY").right().spare(5),
        Column::new("CHANGED").spare(1),
        Column::new("CAUSE").spare(2),
        Column::new("ID"),
    ]);
    for job in jobs {
        table.row([
            Cell::styled(status(&job.status), &job.status),
            Cell::from(&job.name),
            Cell::from(size(job.bytes)),
            Cell::from(&job.pipeline),
            Cell::from(&job.tenant),
            Cell::from(job.attempt.to_string()),
            Cell::from(print.when(job.updated_at)),
            Cell::from(
                job.failure
                    .as_ref()
                    .map_or("", |failure| failure.cause.as_ref()),
            ),
            Cell::from(&job.id),
        ]);
    }
    table
}
