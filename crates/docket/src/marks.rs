//! `docket jobs mark`.

use api::types::{JobCommandResult, MarksChange};
use clap::Args;

use crate::CommandContext;
use crate::client::Idempotency;
use crate::error::{CombinedExit, Exit, Result};
use crate::job_ids::{job_id, whole_ids};
use crate::print::sanitize;
use crate::url::path_segment;

#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct MarkArgs {
    /// Ids of the jobs, or their first 8 characters
    #[arg(required = true, value_name = "ID", value_parser = job_id)]
    ids: Vec<String>,
    /// The result is reviewed
    #[arg(long, group = "what", conflicts_with = "not_reviewed")]
    reviewed: bool,
    /// The result is not reviewed after all
    #[arg(long, group = "what")]
    not_reviewed: bool,
    /// Who is to review it, an e-mail address; empty to unassign it
    #[arg(long, group = "what", value_name = "PERSON")]
    assign: Option<String>,
    /// A note of one line; empty for none
    #[arg(long, group = "what", value_name = "TEXT")]
    note: Option<String>,
    /// Reason, for the audit log; only support gives one
    #[arg(long, short)]
    reason: Option<String>,
}

pub(crate) async fn run(context: &CommandContext, args: MarkArgs) -> Result<Exit> {
    let change = MarksChange {
        reviewed: match (args.reviewed, args.not_reviewed) {
            (false, false) => None,
            (reviewed, _) => Some(reviewed),
        },
        assigned_to: args.assign,
        note: args.note,
        reason: args.reason,
        ..MarksChange::default()
    };
    let ids = whole_ids(context, &args.ids).await?;
    let mut combined = CombinedExit::default();
    for id in &ids {
        let path = format!("/jobs/{}/marks", path_segment(id));
        let response = context
            .client
            .post::<JobCommandResult>(&path, &change, Idempotency::Idempotent)
            .await;
        match response {
            Ok(result) if context.printer.json => context.printer.json_line(&result)?,
            Ok(result) => {
                let line = format!("{id}  marked ({})", result.job.name);
                context.printer.line(&sanitize(&line))?;
            }
            Err(error) if ids.len() == 1 || error.exit == Exit::Unavailable => return Err(error),
            Err(error) => {
                combined.record(error.exit);
                context.printer.error(&error.with_subject(id));
            }
        }
    }
    Ok(combined.exit())
}
