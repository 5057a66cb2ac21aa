//! `docket summary`.

use api::types::{JobSummary, SummaryQuery};
use console::Style;

use crate::CommandContext;
use crate::error::{Exit, Result};
use crate::print::{Printer, counts};
use crate::url::query_string;

pub(crate) async fn run(context: &CommandContext, tenant: Option<String>) -> Result<Exit> {
    let path = format!("/summary{}", query_string(&SummaryQuery { tenant }));
    let summary: JobSummary = context.client.get(&path).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&summary)?;
        return Ok(Exit::Success);
    }
    let number = |count: u32, more: bool| format!("{count}{}", if more { " or more" } else { "" });
    let alarming = |count: u32| {
        let style = if count > 0 {
            Style::new().red()
        } else {
            Style::new().green()
        };
        printer.paint(style, &count.to_string())
    };
    printer.field("open", &number(summary.open, summary.open_more))?;
    if let Some(stalled) = summary.stalled {
        printer.field("stalled", &alarming(stalled))?;
    }
    printer.field(
        "failed",
        &format!(
            "{} in the last 24 hours",
            number(summary.failed, summary.failed_more)
        ),
    )?;
    if !summary.failed_by_cause.is_empty() {
        printer.field("by cause", &counts(&summary.failed_by_cause))?;
    }
    if let Some(quarantined) = summary.quarantined {
        printer.field("quarantine", &alarming(quarantined))?;
    }
    printer.field("as of", &Printer::time_and_age(summary.at))?;
    Ok(Exit::Success)
}
