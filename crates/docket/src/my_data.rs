//! `docket my-data`: everything that is stored about the caller, as JSON lines.

use api::types::{DataExportPage, PageQuery};

use crate::CommandContext;
use crate::error::{Exit, Result};
use crate::print::pluralize;
use crate::url::query_string;

pub(crate) async fn run(context: &CommandContext) -> Result<Exit> {
    let mut cursor = None;
    let mut count = 0;
    loop {
        let query = query_string(&PageQuery { cursor });
        let page: DataExportPage = context.client.get(&format!("/me/data{query}")).await?;
        for record in &page.records {
            context.printer.json_line(record)?;
            context.printer.stop_without_reader()?;
            count += 1;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            context.printer.info(&format!(
                "{}, complete",
                pluralize(count, "record", "records")
            ));
            return Ok(Exit::Success);
        }
    }
}
