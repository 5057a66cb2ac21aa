//! `docket audit`.

use api::types::AuditEntry;

use crate::CommandContext;
use crate::cli::PagingArgs;
use crate::error::{Exit, Result};
use crate::paging::{fetch_entries, print_more};
use crate::print::{Cell, Column, Printer, TextTable};

pub(crate) async fn run(context: &CommandContext, args: PagingArgs) -> Result<Exit> {
    let page = fetch_entries(context, "/audit", &args).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&page)?;
        return Ok(Exit::Success);
    }
    let shown = page.first(args.max_items());
    if shown.is_empty() {
        printer.line("the audit log is empty")?;
    } else {
        printer.table(&table(printer, shown))?;
        print_more(printer, shown.len(), &page);
    }
    Ok(Exit::Success)
}

fn table(printer: &Printer, entries: &[AuditEntry]) -> TextTable {
    let mut table = TextTable::new([
        Column::new("WHEN"),
        Column::new("WHO").truncate(),
        Column::new("ACTION"),
        Column::new("TENANT").drop_rank(3),
        Column::new("REASON").truncate().drop_rank(1),
        Column::new("DETAIL").truncate().drop_rank(2),
        Column::new("TARGET"),
    ]);
    for entry in entries {
        table.row([
            Cell::from(printer.table_time(entry.at)),
            Cell::from(&entry.actor),
            Cell::from(&entry.action),
            Cell::from(entry.tenant.as_deref().unwrap_or_default()),
            Cell::from(&entry.reason),
            Cell::from(entry.detail.as_deref().unwrap_or_default()),
            Cell::from(&entry.target),
        ]);
    }
    table
}
