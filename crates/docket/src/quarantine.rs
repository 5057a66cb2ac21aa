//! `docket quarantine`.

use api::types::{QuarantineCommandRequest, QuarantineEntry, QuarantinePage};
use http::Method;

use crate::Context;
use crate::api::{Repeat, segment};
use crate::cli::{Paging, Quarantine};
use crate::desk::{Cursor, more};
use crate::exit::{Exit, Outcome};
use crate::print::{Cell, Column, Print, Style, Table, harmless, harmless_lines, size};

pub(crate) async fn run(context: &Context, command: Quarantine) -> Outcome<Exit> {
    match command {
        Quarantine::List(paging) => list(context, paging).await,
        Quarantine::Show { id } => show(context, &id).await,
        Quarantine::Replay { id, reason } => replay(context, &id, reason).await,
        Quarantine::Discard { id, reason } => discard(context, &id, reason).await,
    }
}

async fn list(context: &Context, paging: Paging) -> Outcome<Exit> {
    let mut all = QuarantinePage {
        entries: Vec::new(),
        cursor: paging.cursor.clone(),
    };
    loop {
        let page: QuarantinePage = context
            .api
            .get(&format!("/quarantine{}", Cursor::query(all.cursor.take())))
            .await?;
        all.entries.extend(page.entries);
        all.cursor = page.cursor;
        if all.cursor.is_none() || all.entries.len() >= paging.wanted() {
            break;
        }
    }
    let print = &context.print;
    if print.json {
        print.document(&all)?;
    } else if all.entries.is_empty() {
        print.line("nothing is in quarantine")?;
    } else {
        let shown = all.entries.len().min(paging.wanted());
        print.table(&table(print, &all.entries[..shown]))?;
        more(
            print,
            shown,
            all.cursor.is_some() || shown < all.entries.len(),
        );
    }
    Ok(Exit::Done)
}

/// A list of messages.
pub(crate) fn table(print: &Print, entries: &[QuarantineEntry]) -> Table {
    let mut table = Table::new([
        Column::new("SET ASIDE").spare(1),
        Column::new("CAUSE"),
        Column::new("PROBLEM").cut(),
        Column::new("SIZE").right().spare(2),
        Column::new("ID"),
    ]);
    for entry in entries {
        table.row([
            Cell::from(print.when(entry.at)),
            Cell::styled(Style::Yellow, &entry.cause),
            Cell::from(&entry.problem),
            Cell::from(size(entry.body_bytes)),
            Cell::from(&entry.id),
        ]);
    }
    table
}

async fn show(context: &Context, id: &str) -> Outcome<Exit> {
    let entry: QuarantineEntry = context
        .api
        .get(&format!("/quarantine/{}", segment(id)))
        .await?;
    let print = &context.print;
    if print.json {
        print.document(&entry)?;
        return Ok(Exit::Done);
    }
    print.field("message", &harmless(&entry.id))?;
    print.field("from", &harmless(&entry.source))?;
    print.field("set aside", &Print::when_exactly(entry.at))?;
    print.field("cause", &harmless(&entry.cause))?;
    print.field("problem", &harmless(&entry.problem))?;
    print.field("size", &size(entry.body_bytes))?;
    if let Some(body) = &entry.body {
        print.line("")?;
        print.line(&harmless_lines(body))?;
        if (body.len() as u64) < entry.body_bytes {
            print.note("the rest of the message is not shown");
        }
    }
    Ok(Exit::Done)
}

async fn replay(context: &Context, id: &str, reason: String) -> Outcome<Exit> {
    let path = format!("/quarantine/{}/replay", segment(id));
    let entry: QuarantineEntry = context
        .api
        .post(&path, &QuarantineCommandRequest { reason }, Repeat::Unsafe)
        .await?;
    if context.print.json {
        context.print.document(&entry)?;
    } else {
        context.print.line(&harmless(&format!(
            "{} is read again; if it still cannot be understood it comes back",
            entry.id
        )))?;
    }
    Ok(Exit::Done)
}

async fn discard(context: &Context, id: &str, reason: String) -> Outcome<Exit> {
    let path = format!("/quarantine/{}/discard", segment(id));
    context
        .api
        .order(
            Method::POST,
            &path,
            &QuarantineCommandRequest { reason },
            Repeat::Unsafe,
        )
        .await?;
    if !context.print.json {
        context
            .print
            .line(&harmless(&format!("{id} is thrown away")))?;
    }
    Ok(Exit::Done)
}
