//! `docket pauses`, `docket pause` and `docket resume`.

use api::types::{NewPause, PauseList, PauseView, ResumeRequest, ResumeResult};

use crate::CommandContext;
use crate::cli::{PauseArgs, ResumeArgs};
use crate::client::Idempotency;
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable, pluralize, sanitize};

pub(crate) async fn list(context: &CommandContext) -> Result<Exit> {
    let list: PauseList = context.client.get("/pauses").await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&list)?;
        return Ok(Exit::Success);
    }
    // Only support gets names and reasons.
    let has_reasons = list.pauses.iter().any(|pause| pause.reason.is_some());
    let reason = has_reasons.then(|| Column::new("REASON").truncate().drop_rank(1));
    let columns = [
        Column::new("PIPELINE"),
        Column::new("TENANT"),
        Column::new("UNTIL"),
        Column::new("SINCE").drop_rank(3),
        Column::new("BY").truncate().drop_rank(2),
    ];
    let mut table = TextTable::new(columns.into_iter().chain(reason));
    for pause in &list.pauses {
        let reason = pause.reason.as_deref().unwrap_or_default();
        let reason = has_reasons.then(|| Cell::from(reason));
        let cells = [
            Cell::from(pause.pipeline.as_deref().unwrap_or("all")),
            Cell::from(pause.tenant.as_deref().unwrap_or("all")),
            Cell::from(if pause.breaker {
                "the endpoint works".to_owned()
            } else {
                printer.table_time(pause.until)
            }),
            Cell::from(printer.table_time(pause.since)),
            Cell::from(if pause.breaker {
                "circuit breaker"
            } else {
                pause.actor.as_deref().unwrap_or("support")
            }),
        ];
        table.row(cells.into_iter().chain(reason));
    }
    if table.is_empty() {
        printer.line("nothing is paused")?;
    } else {
        printer.table(&table)?;
    }
    Ok(Exit::Success)
}

pub(crate) async fn pause(context: &CommandContext, args: PauseArgs) -> Result<Exit> {
    let what = named(args.pipeline.as_deref(), args.tenant.as_deref())?;
    let body = NewPause {
        pipeline: args.pipeline,
        tenant: args.tenant,
        until: config::now() + args.duration,
        reason: args.reason,
    };
    // A second request replaces the pause by the same one.
    let pause: PauseView = context
        .client
        .post("/pauses", &body, Idempotency::Idempotent)
        .await?;
    if context.printer.json {
        context.printer.json_document(&pause)?;
    } else {
        context.printer.line(&sanitize(&format!(
            "{what} is paused until {}; what the endpoint already has continues",
            Printer::time_and_age(pause.until)
        )))?;
    }
    Ok(Exit::Success)
}

pub(crate) async fn resume(context: &CommandContext, args: ResumeArgs) -> Result<Exit> {
    let what = named(args.pipeline.as_deref(), args.tenant.as_deref())?;
    let body = ResumeRequest {
        pipeline: args.pipeline,
        tenant: args.tenant,
        reason: args.reason,
    };
    // If the first request succeeded and its answer was lost, a second one would find no pause.
    let result: ResumeResult = context
        .client
        .post("/pauses/resume", &body, Idempotency::NotIdempotent)
        .await?;
    if context.printer.json {
        context.printer.json_document(&result)?;
    } else {
        let line = format!("{what} is resumed{}", what_follows(&result));
        context.printer.line(&sanitize(&line))?;
    }
    Ok(Exit::Success)
}

/// What becomes of the jobs that waited.
fn what_follows(result: &ResumeResult) -> String {
    let mut words = String::new();
    if result.released > 0 || result.wait_for_turn == 0 {
        let jobs = pluralize(result.released, "waiting job", "waiting jobs");
        words = format!("; {jobs} released");
    }
    if result.wait_for_turn > 0 {
        let (one, many) = ("job waits for its turn", "jobs wait for their turn");
        let jobs = pluralize(result.wait_for_turn, one, many);
        words = format!("{words}; {jobs}");
    }
    if result.more {
        words.push_str("; the others follow within five minutes");
    }
    words
}

fn named(pipeline: Option<&str>, tenant: Option<&str>) -> Result<String> {
    match (pipeline, tenant) {
        (Some(pipeline), None) => Ok(format!("pipeline {pipeline}")),
        (None, Some(tenant)) => Ok(format!("tenant {tenant}")),
        (Some(pipeline), Some(tenant)) => Ok(format!("pipeline {pipeline} for tenant {tenant}")),
        (None, None) => Err(CliError::usage("name a --pipeline, a --tenant, or both")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_tells_released_jobs_from_those_that_wait_for_their_turn() {
        for (released, wait_for_turn, more, expected) in [
            (0, 0, false, "; 0 waiting jobs released"),
            (1, 0, false, "; 1 waiting job released"),
            (0, 267, false, "; 267 jobs wait for their turn"),
            (
                2,
                1,
                true,
                "; 2 waiting jobs released; 1 job waits for its turn; the others follow within five minutes",
            ),
        ] {
            let result = ResumeResult {
                released,
                wait_for_turn,
                more,
            };
            assert_eq!(what_follows(&result), expected);
        }
    }
}
