//! `docket retry-plan`.

use api::types::{
    NamedCount, NewRetryPlan, RetryPlanFilter, RetryPlanJobs, RetryPlanList, RetryPlanView,
};
use jobs::view::JobView;
use serde_json::json;

use crate::CommandContext;
use crate::account::confirm;
use crate::cli::{CreatePlanArgs, RetryPlanCommand};
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::print::{
    Cell, Column, Printer, TextTable, counts, pluralize, sanitize, status_style, utc_time,
};
use crate::url::path_segment;

/// So many jobs of a plan are shown.
const MAX_SHOWN_JOBS: usize = 20;

pub(crate) async fn run(context: &CommandContext, command: RetryPlanCommand) -> Result<Exit> {
    match command {
        RetryPlanCommand::Create(args) => create(context, *args).await,
        RetryPlanCommand::List => list(context).await,
        RetryPlanCommand::Show { id } => show(context, &id).await,
        RetryPlanCommand::Stop { id } => {
            let path = format!("/retry-plans/{}/stop", path_segment(&id));
            let plan: RetryPlanView = context
                .client
                .post(&path, &json!({}), Idempotency::Idempotent)
                .await?;
            print_plan(context, &plan)
        }
        RetryPlanCommand::Apply { id, yes } => apply(context, &id, yes).await,
    }
}

async fn create(context: &CommandContext, args: CreatePlanArgs) -> Result<Exit> {
    let body = NewRetryPlan {
        filter: RetryPlanFilter {
            tenant: args.tenant,
            pipeline: args.pipeline,
            cause: args.cause,
            batch: args.batch,
            reference: args.reference,
            tag: args.tag,
            lane: args.lane,
            since: args.since,
            until: args.until,
            model: args.model,
        },
        reason: args.reason,
        per_minute: args.per_minute,
        force: args.force,
        run_again: args.run_again,
        cancel: args.cancel,
    };
    // Not idempotent: a second request would create a second plan. That starts nothing, but would confuse people.
    let plan: RetryPlanView = context
        .client
        .post("/retry-plans", &body, Idempotency::NotIdempotent)
        .await?;
    print_plan(context, &plan)?;
    if !context.printer.json {
        if plan.jobs == 0 {
            context
                .printer
                .info("no job matches; there is nothing to apply");
        } else {
            context.printer.info(&format!(
                "nothing has {} yet; to {} these jobs, run: docket retry-plan apply {}",
                if plan.cancel {
                    "been cancelled"
                } else {
                    "started"
                },
                if plan.cancel { "cancel" } else { "start" },
                sanitize(&plan.id)
            ));
        }
    }
    Ok(Exit::Success)
}

async fn show(context: &CommandContext, id: &str) -> Result<Exit> {
    let path = format!("/retry-plans/{}", path_segment(id));
    let plan: RetryPlanView = context.client.get(&path).await?;
    print_plan(context, &plan)?;
    if !context.printer.json && plan.jobs > 0 {
        // The first page has up to 100.
        let first: RetryPlanJobs = context.client.get(&format!("{path}/jobs")).await?;
        print_jobs(&context.printer, &plan, &first)?;
    }
    Ok(Exit::Success)
}

/// The first jobs of a plan, and what became of each if it was applied.
fn print_jobs(printer: &Printer, plan: &RetryPlanView, first: &RetryPlanJobs) -> Result<()> {
    let is_applied = plan.applied_at.is_some();
    let mut columns = vec![
        Column::new("STATUS"),
        Column::new("NAME").truncate(),
        Column::new("TENANT").drop_rank(1),
        Column::new("ID"),
    ];
    if is_applied {
        columns.insert(1, Column::new("OUTCOME"));
    }
    let mut table = TextTable::new(columns);
    let shown = first.jobs.iter().take(MAX_SHOWN_JOBS);
    for planned in shown.clone() {
        let job = planned.job.as_ref();
        let text = |of: fn(&JobView) -> &str| Cell::from(job.map_or("-", of));
        let status = job.map_or("-", |job| job.status.as_ref());
        let mut cells = vec![
            Cell::styled(status_style(status), status),
            text(|job| &job.name),
            text(|job| &job.tenant),
            Cell::from(&planned.job_id),
        ];
        if is_applied {
            cells.insert(1, Cell::from(&planned.outcome));
        }
        table.row(cells);
    }
    printer.line("")?;
    printer.table(&table)?;
    let shown = u32::try_from(shown.len()).unwrap_or(u32::MAX);
    let left = plan.jobs.saturating_sub(shown);
    if left > 0 {
        printer.line(&format!("… and {left} more"))?;
    }
    Ok(())
}

async fn list(context: &CommandContext) -> Result<Exit> {
    let plans: RetryPlanList = context.client.get("/retry-plans").await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&plans)?;
        return Ok(Exit::Success);
    }
    let mut table = TextTable::new([
        Column::new("STATUS"),
        Column::new("JOBS").align_right(),
        Column::new("RELEASED").align_right().drop_rank(3),
        Column::new("CREATED").drop_rank(2),
        Column::new("BY").truncate().drop_rank(4),
        Column::new("REASON").truncate().drop_rank(1),
        Column::new("ID"),
    ]);
    for plan in &plans.plans {
        table.row([
            Cell::from(&plan.status),
            Cell::from(plan.jobs.to_string()),
            Cell::from(plan.released.to_string()),
            Cell::from(printer.table_time(plan.created_at)),
            Cell::from(&plan.actor),
            Cell::from(&plan.reason),
            Cell::from(&plan.id),
        ]);
    }
    if table.is_empty() {
        printer.line("no plans")?;
    } else {
        printer.table(&table)?;
    }
    Ok(Exit::Success)
}

async fn apply(context: &CommandContext, id: &str, yes: bool) -> Result<Exit> {
    let path = format!("/retry-plans/{}", path_segment(id));
    if !yes && !context.printer.json && Printer::is_interactive() {
        let plan: RetryPlanView = context.client.get(&path).await?;
        print_plan(context, &plan)?;
        let verb = if plan.cancel { "Cancel" } else { "Start" };
        let question = format!(
            "{verb} {}, {} per minute?",
            pluralize(u64::from(plan.jobs), "job", "jobs"),
            plan.per_minute
        );
        confirm(context, &question, yes).await?;
    }
    let plan: RetryPlanView = context
        .client
        .post(
            &format!("{path}/apply"),
            &json!({}),
            Idempotency::Idempotent,
        )
        .await?;
    if context.printer.json {
        context.printer.json_document(&plan)?;
    } else {
        context.printer.line(&sanitize(&format!(
            "{} of {} released, {} per minute; to follow them, run: docket retry-plan show {}",
            plan.released,
            pluralize(u64::from(plan.jobs), "job", "jobs"),
            plan.per_minute,
            plan.id
        )))?;
    }
    Ok(Exit::Success)
}

fn print_plan(context: &CommandContext, plan: &RetryPlanView) -> Result<Exit> {
    let printer = &context.printer;
    if printer.json {
        printer.json_document(plan)?;
        return Ok(Exit::Success);
    }
    printer.field("plan", &sanitize(&plan.id))?;
    printer.field("status", &sanitize(&plan.status))?;
    printer.field(
        "reason",
        &sanitize(&format!("{} ({})", plan.reason, plan.actor)),
    )?;
    printer.field("created", &Printer::time_and_age(plan.created_at))?;
    if let Some(at) = plan.applied_at {
        printer.field("applied", &Printer::time_and_age(at))?;
    }
    if let Some(at) = plan.stopped_at {
        printer.field("stopped", &Printer::time_and_age(at))?;
    }
    printer.field("selects", &sanitize(&describe_filter(plan)))?;
    printer.field("jobs", &plan.jobs.to_string())?;
    if plan.cancel {
        printer.field("by state", &sanitize(&states(&plan.by_state)))?;
    } else if plan.run_again {
        printer.field("by model", &counts(&plan.by_model))?;
    } else {
        printer.field("by cause", &counts(&plan.by_cause))?;
    }
    printer.field("by pipeline", &counts(&plan.by_pipeline))?;
    let minutes = plan.jobs.div_ceil(u32::from(plan.per_minute.max(1)));
    printer.field(
        "rate",
        &format!(
            "{} per minute: all {} within {minutes} min",
            plan.per_minute,
            if plan.cancel {
                "are cancelled"
            } else {
                "start"
            }
        ),
    )?;
    let what = if plan.cancel { " saved" } else { "" };
    printer.field("GPU time", &format!("about {} min{what}", plan.gpu_minutes))?;
    print_left_out(printer, plan)?;
    printer.field("released", &plan.released.to_string())?;
    print_outcome(printer, plan)?;
    Ok(Exit::Success)
}

/// The jobs that match the filter but are not in the plan.
fn print_left_out(printer: &Printer, plan: &RetryPlanView) -> Result<()> {
    if plan.poisoned > 0 {
        printer.field(
            "excluded",
            &format!(
                "{} that failed in the same way several times; --force includes them",
                plan.poisoned
            ),
        )?;
    }
    if plan.documents_deleted > 0 {
        printer.field(
            "deleted",
            &format!(
                "{}: the retention time is over, so there is nothing to run",
                pluralize(
                    u64::from(plan.documents_deleted),
                    "document was",
                    "documents were"
                )
            ),
        )?;
    }
    if plan.truncated {
        printer.field(
            "more",
            "more jobs match than one plan can hold; create another plan after this one",
        )?;
    }
    Ok(())
}

/// The outcomes of a plan's jobs, once it was applied.
fn print_outcome(printer: &Printer, plan: &RetryPlanView) -> Result<()> {
    if let Some(outcome) = plan.outcome.as_ref().filter(|_| plan.cancel) {
        printer.field(
            "outcome",
            &format!(
                "{} cancelled ({} before anything of them ran), {} not cancelled yet, {} {}, {} whose record has expired",
                outcome.cancelled,
                outcome.cancelled_without_run,
                outcome.waiting,
                outcome.skipped,
                skipped(plan, "had ended"),
                outcome.missing
            ),
        )?;
    } else if let Some(outcome) = &plan.outcome {
        printer.field(
            "outcome",
            &format!(
                "{} ready, {} failed again, {} open, {} not started yet, {} {}, {} whose record has expired",
                outcome.ready,
                outcome.failed,
                outcome.open,
                outcome.waiting,
                outcome.skipped,
                skipped(plan, "changed"),
                outcome.missing
            ),
        )?;
    }
    Ok(())
}

/// Why jobs were skipped. A plan that is stopped skips the jobs that it has not reached.
fn skipped(plan: &RetryPlanView, why: &str) -> String {
    let or_stopped = if plan.stopped_at.is_some() {
        ", or not reached before the plan was stopped"
    } else {
        ""
    };
    format!("skipped because they {why}{or_stopped}")
}

/// The states of jobs to cancel, with what a cancellation saves.
fn states(by_state: &[NamedCount]) -> String {
    let count = |names: &[&str]| -> u32 {
        let of_these = by_state
            .iter()
            .filter(|one| names.contains(&one.name.as_str()));
        of_these.map(|one| one.count).sum()
    };
    let parts = [
        (count(&["Queued"]), "queued (no GPU time is spent)"),
        (
            count(&["RetryScheduled"]),
            "waiting for a retry (no more GPU time is spent)",
        ),
        (
            count(&["Submitting", "InProgress"]),
            "at the endpoint (may still run; their results are ignored)",
        ),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

fn describe_filter(plan: &RetryPlanView) -> String {
    let RetryPlanView { filter, .. } = plan;
    let jobs = if plan.run_again {
        "ready jobs, to run them again"
    } else if plan.cancel {
        "open jobs, to cancel them"
    } else {
        "failed jobs"
    };
    let mut words = vec![jobs.to_owned()];
    let lane = filter.lane.map(|lane| lane.to_string());
    let named = [
        ("of tenant", &filter.tenant),
        ("of pipeline", &filter.pipeline),
        ("with cause", &filter.cause),
        ("of batch", &filter.batch),
        ("of reference", &filter.reference),
        ("with tag", &filter.tag),
        ("in lane", &lane),
        ("by model", &filter.model),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            words.push(format!("{name} {value}"));
        }
    }
    if let Some(at) = filter.since {
        words.push(format!("since {}", utc_time(at)));
    }
    if let Some(at) = filter.until {
        words.push(format!("before {}", utc_time(at)));
    }
    words.join(", ")
}
