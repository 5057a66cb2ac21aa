//! `docket quarantine`.

use api::types::{QuarantineCommandRequest, QuarantineEntry};
use console::Style;
use http::Method;

use crate::CommandContext;
use crate::cli::{PagingArgs, QuarantineCommand};
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::paging::print_entries;
use crate::print::{Cell, Column, Printer, TextTable, byte_size, sanitize, sanitize_multiline};
use crate::url::path_segment;

pub(crate) async fn run(context: &CommandContext, command: QuarantineCommand) -> Result<Exit> {
    match command {
        QuarantineCommand::List(args) => list(context, args).await,
        QuarantineCommand::Show { id } => show(context, &id).await,
        QuarantineCommand::Redrive { id, reason } => redrive(context, &id, reason).await,
        QuarantineCommand::Discard { id, reason } => discard(context, &id, reason).await,
    }
}

async fn list(context: &CommandContext, args: PagingArgs) -> Result<Exit> {
    print_entries(
        context,
        "/quarantine",
        &args,
        "the quarantine is empty",
        table,
    )
    .await
}

pub(crate) fn table(printer: &Printer, entries: &[QuarantineEntry]) -> TextTable {
    let mut table = TextTable::new([
        Column::new("QUARANTINED").drop_rank(1),
        Column::new("CAUSE"),
        Column::new("PROBLEM").truncate(),
        Column::new("SIZE").align_right().drop_rank(2),
        Column::new("ID"),
    ]);
    for entry in entries {
        table.row([
            Cell::from(printer.table_time(entry.at)),
            Cell::styled(Style::new().yellow(), &entry.cause),
            Cell::from(&entry.problem),
            Cell::from(byte_size(entry.body_bytes)),
            Cell::from(&entry.id),
        ]);
    }
    table
}

async fn show(context: &CommandContext, id: &str) -> Result<Exit> {
    let entry: QuarantineEntry = context
        .client
        .get(&format!("/quarantine/{}", path_segment(id)))
        .await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&entry)?;
        return Ok(Exit::Success);
    }
    printer.field("message", &sanitize(&entry.id))?;
    printer.field("queue", &sanitize(&entry.source))?;
    printer.field("quarantined", &Printer::time_and_age(entry.at))?;
    printer.field("cause", &sanitize(&entry.cause))?;
    printer.field("problem", &sanitize(&entry.problem))?;
    printer.field("size", &byte_size(entry.body_bytes))?;
    if let Some(body) = &entry.body {
        printer.line("")?;
        printer.line(&sanitize_multiline(body))?;
        if (body.len() as u64) < entry.body_bytes {
            printer.info("the message is longer; the rest is not shown");
        }
    }
    Ok(Exit::Success)
}

async fn redrive(context: &CommandContext, id: &str, reason: String) -> Result<Exit> {
    let path = format!("/quarantine/{}/redrive", path_segment(id));
    let entry: QuarantineEntry = context
        .client
        .post(
            &path,
            &QuarantineCommandRequest { reason },
            Idempotency::NotIdempotent,
        )
        .await?;
    if context.printer.json {
        context.printer.json_document(&entry)?;
    } else {
        context.printer.line(&sanitize(&format!(
            "{} will be processed again; if that fails, it returns to the quarantine",
            entry.id
        )))?;
    }
    Ok(Exit::Success)
}

async fn discard(context: &CommandContext, id: &str, reason: String) -> Result<Exit> {
    let path = format!("/quarantine/{}/discard", path_segment(id));
    context
        .client
        .send_json(
            Method::POST,
            &path,
            &QuarantineCommandRequest { reason },
            Idempotency::NotIdempotent,
        )
        .await?;
    if !context.printer.json {
        context.printer.line(&sanitize(&format!("{id}  deleted")))?;
    }
    Ok(Exit::Success)
}
