//! `docket jobs batch`.

use api::types::{BatchQuery, BatchView, JobQuery};
use jobs::state::Cause;

use crate::CommandContext;
use crate::cli::{BatchArgs, JobCommandArgs};
use crate::error::{CliError, Exit, Result};
use crate::job_commands;
use crate::job_ids::all_ids;
use crate::print::{Printer, counts, sanitize};
use crate::url::{path_segment, query_string};

pub(crate) async fn run(context: &CommandContext, args: BatchArgs) -> Result<Exit> {
    if let Some(reason) = args.retry {
        return retry(context, args.name, args.tenant, reason).await;
    }
    let batch = fetch(context, &args.name, args.tenant.clone()).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&batch)?;
        return Ok(Exit::Success);
    }
    printer.field("batch", &sanitize(&batch.name))?;
    printer.field("progress", &progress(&batch))?;
    if let Some(at) = batch.ready_by {
        printer.field("ready by", &format!("about {}", Printer::time_and_age(at)))?;
    }
    if !batch.failed_by_cause.is_empty() {
        printer.field("by cause", &counts(&batch.failed_by_cause))?;
        if batch
            .failed_by_cause
            .iter()
            .any(|of| retry_can_help(&of.name))
        {
            let command = retry_command(&batch.name, args.tenant.as_deref());
            printer.info(&format!("to retry what failed: {}", sanitize(&command)));
        }
    }
    Ok(Exit::Success)
}

/// A batch of the service.
pub(crate) async fn fetch(
    context: &CommandContext,
    name: &str,
    tenant: Option<String>,
) -> Result<BatchView> {
    let query = query_string(&BatchQuery { tenant });
    let path = format!("/batches/{}{query}", path_segment(name));
    context.client.get(&path).await
}

/// Whether another attempt at the same document can end otherwise.
fn retry_can_help(cause: &str) -> bool {
    ![Cause::ModelRejected, Cause::InvalidInput]
        .map(Cause::name)
        .contains(&cause)
}

fn retry_command(batch: &str, tenant: Option<&str>) -> String {
    let tenant = tenant.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"));
    let name = batch.replace('\'', r"'\''");
    format!("docket jobs batch '{name}'{tenant} --retry '…'")
}

/// Such as `187 of 200 ready, 3 failed, 10 open`.
pub(crate) fn progress(batch: &BatchView) -> String {
    let more = if batch.more { " or more" } else { "" };
    let mut text = format!("{} of {}{more} ready", batch.ready, batch.jobs);
    for (count, what) in [
        (batch.failed, "failed"),
        (batch.open, "open"),
        (batch.cancelled, "cancelled or deleted"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// Retries the failed jobs of the batch.
async fn retry(
    context: &CommandContext,
    name: String,
    tenant: Option<String>,
    reason: String,
) -> Result<Exit> {
    let query = JobQuery {
        tenant,
        batch: Some(name),
        status: Some("failed".to_owned()),
        ..JobQuery::default()
    };
    let ids = all_ids(context, query).await?;
    if ids.is_empty() {
        let nothing = "no document of this batch has failed";
        return Err(CliError::new(Exit::NotFound, "not-found", nothing));
    }
    let args = JobCommandArgs {
        ids,
        reason,
        expected_version: None,
    };
    job_commands::retry(context, args, false).await
}
