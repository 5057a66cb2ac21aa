//! Lists that the service answers in pages of `entries` with a `cursor`: the audit log and the quarantine.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::CommandContext;
use crate::cli::PagingArgs;
use crate::error::{Exit, Result};
use crate::print::{Printer, TextTable, pluralize};
use crate::url::query_string;

/// The JSON of `api::types::AuditPage` and `api::types::QuarantinePage`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryPage<T> {
    pub(crate) entries: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

impl<T> EntryPage<T> {
    /// The first entries, at most `max`.
    pub(crate) fn first(&self, max: usize) -> &[T] {
        &self.entries[..self.entries.len().min(max)]
    }
}

#[derive(Debug, Serialize)]
struct CursorQuery {
    cursor: Option<String>,
}

/// Lists entries: as one JSON document, or as a table, or `empty` if there are none.
pub(crate) async fn print_entries<T: DeserializeOwned + Serialize>(
    context: &CommandContext,
    path: &str,
    args: &PagingArgs,
    empty: &str,
    table: fn(&Printer, &[T]) -> TextTable,
) -> Result<Exit> {
    let page = fetch_entries(context, path, args).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&page)?;
        return Ok(Exit::Success);
    }
    let shown = page.first(args.max_items());
    if shown.is_empty() {
        printer.line(empty)?;
    } else {
        printer.table(&table(printer, shown))?;
        print_more(printer, shown.len(), &page);
    }
    Ok(Exit::Success)
}

/// Fetches page after page until there are enough entries or no more pages. May return more than was asked for: pages
/// are not split, because the cursor points behind the last whole page.
async fn fetch_entries<T: DeserializeOwned>(
    context: &CommandContext,
    path: &str,
    args: &PagingArgs,
) -> Result<EntryPage<T>> {
    let mut all = EntryPage {
        entries: Vec::new(),
        cursor: args.cursor.clone(),
    };
    loop {
        let query = query_string(&CursorQuery {
            cursor: all.cursor.take(),
        });
        let page: EntryPage<T> = context.client.get(&format!("{path}{query}")).await?;
        all.entries.extend(page.entries);
        all.cursor = page.cursor;
        if all.cursor.is_none() || all.entries.len() >= args.max_items() {
            return Ok(all);
        }
    }
}

/// Tells people if the list continues after the entries that were shown.
fn print_more<T>(printer: &Printer, shown: usize, page: &EntryPage<T>) {
    if page.cursor.is_some() || shown < page.entries.len() {
        printer.info(&format!(
            "{} shown; there are more: use --all or --limit",
            pluralize(shown as u64, "entry", "entries")
        ));
    }
}
