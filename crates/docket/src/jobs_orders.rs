//! `docket jobs retry`, `cancel` and `delete-data`.

use api::types::{JobCommandRequest, JobCommandResult};
use http::Method;

use crate::Context;
use crate::account::confirm;
use crate::api::{Repeat, segment};
use crate::cli::Order;
use crate::exit::{Exit, Failure, Outcome, Several};
use crate::print::harmless;

pub(crate) async fn retry(context: &Context, order: Order, force: bool) -> Outcome<Exit> {
    each(context, order, force, "retry", |answer| {
        if answer.result_recovered {
            "no run was needed: its result is there and about to be recorded"
        } else {
            "another run is under way"
        }
    })
    .await
}

pub(crate) async fn cancel(context: &Context, order: Order) -> Outcome<Exit> {
    each(context, order, false, "cancel", |_| "cancelled").await
}

/// Sends the order for each job. One that is refused does not keep the others from being asked for.
async fn each(
    context: &Context,
    order: Order,
    force: bool,
    verb: &str,
    said: impl Fn(&JobCommandResult) -> &'static str,
) -> Outcome<Exit> {
    if order.seen.is_some() && order.ids.len() > 1 {
        return Err(Failure::usage("--seen goes with one job"));
    }
    let body = JobCommandRequest {
        expected_version: order.seen,
        reason: order.reason,
        force,
    };
    let mut several = Several::default();
    let single = order.ids.len() == 1;
    for id in &order.ids {
        let path = format!("/jobs/{}/{verb}", segment(id));
        // Sent twice, the second would be refused since the first was carried out, and that would be what is said.
        match context
            .api
            .post::<JobCommandResult>(&path, &body, Repeat::Unsafe)
            .await
        {
            Ok(answer) if context.print.json && single => context.print.document(&answer)?,
            Ok(answer) if context.print.json => context.print.json_line(&answer)?,
            Ok(answer) => context.print.line(&harmless(&format!(
                "{id}  {} ({})",
                said(&answer),
                answer.job.name
            )))?,
            // The others would not do better.
            Err(failure) if matches!(failure.exit, Exit::Unavailable) || single => {
                return Err(failure);
            }
            Err(failure) if failure.problem.status == 401 => return Err(failure),
            Err(failure) => {
                several.ended(failure.exit);
                context.print.failure(&failure.about(id));
            }
        }
    }
    Ok(several.exit())
}

pub(crate) async fn delete_data(
    context: &Context,
    id: &str,
    reason: String,
    yes: bool,
) -> Outcome<Exit> {
    confirm(
        context,
        &format!(
            "Delete the document and the result of {} for good?",
            harmless(id)
        ),
        yes,
    )
    .await?;
    let body = JobCommandRequest {
        expected_version: None,
        reason,
        force: false,
    };
    let path = format!("/jobs/{}/data-deletion", segment(id));
    let answer = context
        .api
        .order(Method::POST, &path, &body, Repeat::Harmless)
        .await?;
    let answer: JobCommandResult = context.api.read(&answer)?;
    if context.print.json {
        context.print.document(&answer)?;
    } else {
        context
            .print
            .line(&harmless(&format!("{id}  document and result are deleted")))?;
    }
    Ok(Exit::Done)
}
