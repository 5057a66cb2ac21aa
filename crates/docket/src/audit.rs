//! `docket audit`.

use api::types::{AuditEntry, AuditPage, AuditQuery};

use crate::CommandContext;
use crate::cli::{AuditArgs, AuditCommand, AuditExportArgs};
use crate::error::{Exit, Result};
use crate::paging::print_entries;
use crate::print::{Cell, Column, Printer, TextTable, pluralize};
use crate::url::query_string;

pub(crate) async fn run(context: &CommandContext, args: AuditArgs) -> Result<Exit> {
    match args.command {
        Some(AuditCommand::Export(args)) => export(context, args).await,
        None => {
            let paging = &args.paging;
            print_entries(context, "/audit", paging, "the audit log is empty", table).await
        }
    }
}

async fn export(context: &CommandContext, args: AuditExportArgs) -> Result<Exit> {
    let printer = &context.printer;
    let mut query = AuditQuery {
        since: args.since,
        until: args.until,
        export: true,
        cursor: args.cursor,
    };
    let mut count = 0;
    loop {
        let path = format!("/audit{}", query_string(&query));
        let page: AuditPage = match context.client.get(&path).await {
            Ok(page) => page,
            Err(error) => {
                let Some(cursor) = &query.cursor else {
                    return Err(error);
                };
                let times = [("since", query.since), ("until", query.until)];
                let times = times.iter().filter_map(|(name, at)| Some((name, (*at)?)));
                let times: String = times.map(|(name, at)| format!(" --{name} {at}")).collect();
                return Err(error.with_hint(format!(
                    "go on with `docket audit export{times} --cursor {cursor}`"
                )));
            }
        };
        for entry in &page.entries {
            printer.json_line(entry)?;
            printer.stop_without_reader()?;
            count += 1;
        }
        let Some(cursor) = page.cursor else {
            printer.info(&pluralize(count, "entry", "entries"));
            if query.since.unwrap_or(0) < page.complete_since {
                printer.info(&format!(
                    "complete since {}; older entries may have expired (retention_days.audit)",
                    Printer::time_and_age(page.complete_since)
                ));
            }
            return Ok(Exit::Success);
        };
        query.cursor = Some(cursor);
    }
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
