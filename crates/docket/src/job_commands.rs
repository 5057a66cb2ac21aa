//! `docket jobs retry`, `run-again`, `urgent`, `cancel` and `delete-data`.

use api::types::{JobCommandRequest, JobCommandResult};
use http::Method;

use crate::CommandContext;
use crate::account::confirm;
use crate::cli::JobCommandArgs;
use crate::client::Idempotency;
use crate::error::{CliError, CombinedExit, Exit, Result};
use crate::job_ids::whole_ids;
use crate::print::sanitize;
use crate::url::path_segment;

pub(crate) async fn retry(
    context: &CommandContext,
    args: JobCommandArgs,
    force: bool,
) -> Result<Exit> {
    send_to_each(context, args, force, "retry", |result| {
        if result.result_recovered {
            "no retry needed: a result exists and will be recorded shortly"
        } else {
            "retry started"
        }
    })
    .await
}

pub(crate) async fn run_again(context: &CommandContext, args: JobCommandArgs) -> Result<Exit> {
    send_to_each(
        context,
        args,
        false,
        "run-again",
        |_| "another run is scheduled; the present result stays",
    )
    .await
}

pub(crate) async fn urgent(context: &CommandContext, args: JobCommandArgs) -> Result<Exit> {
    send_to_each(
        context,
        args,
        false,
        "urgent",
        |_| "it starts before the others of its pipeline",
    )
    .await
}

pub(crate) async fn cancel(context: &CommandContext, args: JobCommandArgs) -> Result<Exit> {
    send_to_each(context, args, false, "cancel", |result| {
        if result.job.cancelled_without_run {
            "cancelled; nothing of it was queued or running"
        } else {
            "cancelled; a run that has begun may go on, and its result is ignored"
        }
    })
    .await
}

/// Sends the command for each job. If one is refused, the others are still sent.
async fn send_to_each(
    context: &CommandContext,
    args: JobCommandArgs,
    force: bool,
    command: &str,
    describe: impl Fn(&JobCommandResult) -> &'static str,
) -> Result<Exit> {
    if args.expected_version.is_some() && args.ids.len() > 1 {
        return Err(CliError::usage(
            "--expected-version can be used with one job only",
        ));
    }
    let body = JobCommandRequest {
        expected_version: args.expected_version,
        reason: args.reason,
        force,
    };
    let ids = whole_ids(context, &args.ids).await?;
    let mut combined = CombinedExit::default();
    let single = ids.len() == 1;
    for id in &ids {
        let path = format!("/jobs/{}/{command}", path_segment(id));
        // Not idempotent: if the first request succeeded and its answer was lost, a second one would be refused.
        match context
            .client
            .post::<JobCommandResult>(&path, &body, Idempotency::NotIdempotent)
            .await
        {
            Ok(result) if context.printer.json && single => {
                context.printer.json_document(&result)?;
            }
            Ok(result) if context.printer.json => context.printer.json_line(&result)?,
            Ok(result) => context.printer.line(&sanitize(&format!(
                "{id}  {} ({})",
                describe(&result),
                result.job.name
            )))?,
            // The remaining jobs would fail in the same way.
            Err(error) if matches!(error.exit, Exit::Unavailable) || single => {
                return Err(error);
            }
            Err(error) if error.problem.status == 401 => return Err(error),
            Err(error) => {
                combined.record(error.exit);
                context.printer.error(&error.with_subject(id));
            }
        }
    }
    Ok(combined.exit())
}

pub(crate) async fn delete_data(
    context: &CommandContext,
    id: &str,
    reason: String,
    yes: bool,
) -> Result<Exit> {
    confirm(
        context,
        &format!(
            "Permanently delete the document and the result of {}?",
            sanitize(id)
        ),
        yes,
    )
    .await?;
    let body = JobCommandRequest {
        expected_version: None,
        reason,
        force: false,
    };
    let path = format!("/jobs/{}/data-deletion", path_segment(id));
    let sent = context
        .client
        .send_json(Method::POST, &path, &body, Idempotency::Idempotent)
        .await;
    let response = sent.map_err(|error| match error.kind() {
        // The detail says who may. `docket whoami` lists delete-data even if the pipeline does not allow it.
        "forbidden" => error.without_hint(),
        _ => error,
    })?;
    let result: JobCommandResult = context.client.decode(&response)?;
    if context.printer.json {
        context.printer.json_document(&result)?;
    } else {
        context
            .printer
            .line(&sanitize(&format!("{id}  document and result deleted")))?;
    }
    Ok(Exit::Success)
}
