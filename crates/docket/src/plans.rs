//! `docket retry-plan`.

use api::types::{Count, NewRetryPlan, RetryPlanFilter, RetryPlanView, RetryPlans};
use serde_json::json;

use crate::Context;
use crate::account::confirm;
use crate::api::{Repeat, segment};
use crate::cli::{CreatePlan, RetryPlan};
use crate::exit::{Exit, Outcome};
use crate::print::{Cell, Column, Print, Table, count, exact, harmless};

pub(crate) async fn run(context: &Context, command: RetryPlan) -> Outcome<Exit> {
    match command {
        RetryPlan::Create(plan) => create(context, plan).await,
        RetryPlan::List => list(context).await,
        RetryPlan::Show { id } => {
            let plan: RetryPlanView = context
                .api
                .get(&format!("/retry-plans/{}", segment(&id)))
                .await?;
            show(context, &plan)
        }
        RetryPlan::Apply { id, yes } => apply(context, &id, yes).await,
    }
}

async fn create(context: &Context, plan: CreatePlan) -> Outcome<Exit> {
    let body = NewRetryPlan {
        filter: RetryPlanFilter {
            tenant: plan.tenant,
            pipeline: plan.pipeline,
            cause: plan.cause,
            since: plan.since,
            until: plan.until,
        },
        reason: plan.reason,
        per_minute: plan.per_minute,
        force: plan.force,
    };
    // Sent twice it would leave two plans, and each starts nothing; but two of the same would puzzle people.
    let plan: RetryPlanView = context
        .api
        .post("/retry-plans", &body, Repeat::Unsafe)
        .await?;
    show(context, &plan)?;
    if !context.print.json {
        if plan.jobs == 0 {
            context.print.note("no job fits: there is nothing to apply");
        } else {
            context.print.note(&format!(
                "nothing was started; to start them: docket retry-plan apply {}",
                harmless(&plan.id)
            ));
        }
    }
    Ok(Exit::Done)
}

async fn list(context: &Context) -> Outcome<Exit> {
    let plans: RetryPlans = context.api.get("/retry-plans").await?;
    let print = &context.print;
    if print.json {
        print.document(&plans)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::new("STATUS"),
        Column::new("JOBS").right(),
        Column::new("HANDED ON").right().spare(3),
        Column::new("MADE").spare(2),
        Column::new("BY").cut().spare(4),
        Column::new("REASON").cut().spare(1),
        Column::new("ID"),
    ]);
    for plan in &plans.plans {
        table.row([
            Cell::from(&plan.status),
            Cell::from(plan.jobs.to_string()),
            Cell::from(plan.released.to_string()),
            Cell::from(print.when(plan.created_at)),
            Cell::from(&plan.actor),
            Cell::from(&plan.reason),
            Cell::from(&plan.id),
        ]);
    }
    if table.is_empty() {
        print.line("no plans")?;
    } else {
        print.table(&table)?;
    }
    Ok(Exit::Done)
}

async fn apply(context: &Context, id: &str, yes: bool) -> Outcome<Exit> {
    let path = format!("/retry-plans/{}", segment(id));
    if !yes && !context.print.json && Print::is_interactive() {
        let plan: RetryPlanView = context.api.get(&path).await?;
        show(context, &plan)?;
        let question = format!(
            "Start {}, {} a minute?",
            count(u64::from(plan.jobs), "job", "jobs"),
            plan.per_minute
        );
        confirm(context, &question, yes).await?;
    }
    let plan: RetryPlanView = context
        .api
        .post(&format!("{path}/apply"), &json!({}), Repeat::Harmless)
        .await?;
    if context.print.json {
        context.print.document(&plan)?;
    } else {
        context.print.line(&harmless(&format!(
            "{}: {} of {} handed on, {} a minute; see docket retry-plan show {}",
            plan.status,
            plan.released,
            count(u64::from(plan.jobs), "job", "jobs"),
            plan.per_minute,
            plan.id
        )))?;
    }
    Ok(Exit::Done)
}

fn show(context: &Context, plan: &RetryPlanView) -> Outcome<Exit> {
    let print = &context.print;
    if print.json {
        print.document(plan)?;
        return Ok(Exit::Done);
    }
    print.field("plan", &harmless(&plan.id))?;
    print.field("status", &harmless(&plan.status))?;
    print.field(
        "reason",
        &harmless(&format!("{} ({})", plan.reason, plan.actor)),
    )?;
    print.field("made", &Print::when_exactly(plan.created_at))?;
    if let Some(at) = plan.applied_at {
        print.field("applied", &Print::when_exactly(at))?;
    }
    print.field("asked for", &harmless(&asked_for(&plan.filter)))?;
    print.field("jobs", &plan.jobs.to_string())?;
    print.field("by cause", &counts(&plan.by_cause))?;
    print.field("by pipeline", &counts(&plan.by_pipeline))?;
    let minutes = plan.jobs.div_ceil(u32::from(plan.per_minute.max(1)));
    print.field(
        "pace",
        &format!(
            "{} a minute: all are started within {minutes} min",
            plan.per_minute
        ),
    )?;
    print.field("GPU time", &format!("about {} min", plan.gpu_minutes))?;
    if plan.poisoned > 0 {
        print.field(
            "left out",
            &format!(
                "{} that failed the same way again and again; --force takes them in",
                plan.poisoned
            ),
        )?;
    }
    if plan.truncated {
        print.field(
            "more",
            "there are more jobs than one plan takes; make another after this one",
        )?;
    }
    print.field("handed on", &plan.released.to_string())?;
    if let Some(outcome) = &plan.outcome {
        print.field(
            "outcome",
            &format!(
                "{} ready, {} failed again, {} open, {} not started yet, {} skipped since they had changed",
                outcome.ready, outcome.failed, outcome.open, outcome.waiting, outcome.skipped
            ),
        )?;
    }
    Ok(Exit::Done)
}

fn asked_for(filter: &RetryPlanFilter) -> String {
    let mut words = vec!["failed jobs".to_owned()];
    let named = [
        ("of tenant", &filter.tenant),
        ("of pipeline", &filter.pipeline),
        ("by cause", &filter.cause),
    ];
    for (word, value) in named {
        if let Some(value) = value {
            words.push(format!("{word} {value}"));
        }
    }
    if let Some(at) = filter.since {
        words.push(format!("since {}", exact(at)));
    }
    if let Some(at) = filter.until {
        words.push(format!("before {}", exact(at)));
    }
    words.join(", ")
}

/// Counts in a line.
pub(crate) fn counts(counts: &[Count]) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = counts
        .iter()
        .map(|count| format!("{} {}", count.count, count.name))
        .collect();
    harmless(&words.join(", "))
}
