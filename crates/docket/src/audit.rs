//! `docket audit`.

use api::types::AuditEntry;

use crate::CommandContext;
use crate::cli::PagingArgs;
use crate::error::{Exit, Result};
use crate::paging::print_entries;
use crate::print::{Cell, Column, Printer, TextTable};

pub(crate) async fn run(context: &CommandContext, args: PagingArgs) -> Result<Exit> {
    print_entries(context, "/audit", &args, "the audit log is empty", table).await
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
