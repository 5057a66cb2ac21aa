//! `docket audit` and `docket summary`.

use api::types::{AuditPage, Summary};
use serde::Serialize;

use crate::Context;
use crate::api::query;
use crate::cli::Paging;
use crate::exit::{Exit, Outcome};
use crate::plans::counts;
use crate::print::{Cell, Column, Print, Style, Table, count};

/// Where a list goes on.
#[derive(Debug, Serialize)]
pub(crate) struct Cursor {
    cursor: Option<String>,
}

impl Cursor {
    /// As query parameters.
    pub(crate) fn query(cursor: Option<String>) -> String {
        query(&Self { cursor })
    }
}

/// Says that a list goes on.
pub(crate) fn more(print: &Print, shown: usize, more: bool) {
    if more {
        print.note(&format!(
            "{}; there are more: --all or --limit",
            count(shown as u64, "entry", "entries")
        ));
    }
}

pub(crate) async fn audit(context: &Context, paging: Paging) -> Outcome<Exit> {
    let mut all = AuditPage {
        entries: Vec::new(),
        cursor: paging.cursor.clone(),
    };
    loop {
        let page: AuditPage = context
            .api
            .get(&format!("/audit{}", Cursor::query(all.cursor.take())))
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
        return Ok(Exit::Done);
    }
    if all.entries.is_empty() {
        print.line("nothing has been done yet")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::new("WHEN"),
        Column::new("WHO").cut(),
        Column::new("WHAT"),
        Column::new("TENANT").spare(3),
        Column::new("REASON").cut().spare(1),
        Column::new("DETAIL").cut().spare(2),
        Column::new("TARGET"),
    ]);
    let shown = all.entries.len().min(paging.wanted());
    for entry in &all.entries[..shown] {
        table.row([
            Cell::from(print.when(entry.at)),
            Cell::from(&entry.actor),
            Cell::from(&entry.action),
            Cell::from(entry.tenant.as_deref().unwrap_or_default()),
            Cell::from(&entry.reason),
            Cell::from(entry.detail.as_deref().unwrap_or_default()),
            Cell::from(&entry.target),
        ]);
    }
    print.table(&table)?;
    more(
        print,
        shown,
        all.cursor.is_some() || shown < all.entries.len(),
    );
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct Tenant {
    tenant: Option<String>,
}

pub(crate) async fn summary(context: &Context, tenant: Option<String>) -> Outcome<Exit> {
    let path = format!("/summary{}", query(&Tenant { tenant }));
    let summary: Summary = context.api.get(&path).await?;
    let print = &context.print;
    if print.json {
        print.document(&summary)?;
        return Ok(Exit::Done);
    }
    let number = |count: u32, more: bool| format!("{count}{}", if more { " or more" } else { "" });
    let alarming = |count: u32| {
        let style = if count > 0 { Style::Red } else { Style::Green };
        print.paint(style, &count.to_string())
    };
    print.field("open", &number(summary.open, summary.open_more))?;
    if let Some(stalled) = summary.stalled {
        print.field("stalled", &alarming(stalled))?;
    }
    print.field(
        "failed",
        &format!(
            "{} in the last 24 hours",
            number(summary.failed, summary.failed_more)
        ),
    )?;
    if !summary.failed_by_cause.is_empty() {
        print.field("by cause", &counts(&summary.failed_by_cause))?;
    }
    if let Some(quarantined) = summary.quarantined {
        print.field("quarantine", &alarming(quarantined))?;
    }
    print.field("as of", &Print::when_exactly(summary.at))?;
    Ok(Exit::Done)
}
