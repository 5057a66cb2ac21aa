//! `docket jobs show` and `explain`.

use api::explain::{Action, Explanation, Step, WaitsOn};
use api::types::JobDetail;
use jobs::view::JobView;

use crate::Context;
use crate::api::segment;
use crate::config;
use crate::exit::{Exit, Outcome};
use crate::print::{
    Cell, Column, Print, Style, Table, exact, harmless, relative, size, span, status,
};

pub(crate) async fn show(context: &Context, id: &str) -> Outcome<Exit> {
    let detail = detail(context, id).await?;
    let print = &context.print;
    if print.json {
        print.document(&detail)?;
        return Ok(Exit::Done);
    }
    if let Some(job) = &detail.job {
        row(print, job)?;
    }
    if let Some(upload) = &detail.upload {
        print.field("job", &harmless(&upload.job_id))?;
        print.field(
            "file",
            &harmless(&format!("{} ({})", upload.name, size(upload.bytes))),
        )?;
        print.field("tenant", &harmless(&upload.tenant))?;
        print.field("pipeline", &harmless(&upload.pipeline))?;
        print.field(
            "upload",
            &format!("open until {}", Print::when_exactly(upload.expires_at)),
        )?;
    }
    print.field("object", &harmless(&detail.input))?;
    let optional = [
        ("version id", &detail.input_version),
        ("uploaded by", &detail.uploaded_by),
        ("trace", &detail.trace_id),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            print.field(name, &harmless(value))?;
        }
    }
    if let Some(at) = detail.expires_at {
        print.field("kept until", &Print::when_exactly(at))?;
    }
    if !detail.attempts.is_empty() {
        print.line("")?;
        attempts(print, &detail)?;
    }
    print.line("")?;
    tell(print, id, &detail.explanation)?;
    Ok(Exit::Done)
}

pub(crate) async fn explain(context: &Context, id: &str) -> Outcome<Exit> {
    let detail = detail(context, id).await?;
    if context.print.json {
        context.print.document(&detail.explanation)?;
    } else {
        tell(&context.print, id, &detail.explanation)?;
    }
    Ok(Exit::Done)
}

/// Asks for everything about a job.
pub(crate) async fn detail(context: &Context, id: &str) -> Outcome<JobDetail> {
    context.api.get(&format!("/jobs/{}", segment(id))).await
}

fn row(print: &Print, job: &JobView) -> Outcome<()> {
    let corrected = if job.corrected {
        ", corrected: it was announced as failed before"
    } else {
        ""
    };
    let look = print.paint(status(&job.status), &harmless(&job.status));
    print.field("job", &harmless(&job.id))?;
    print.field(
        "status",
        &format!(
            "{look}, attempt {}, version {}{corrected}",
            job.attempt, job.version
        ),
    )?;
    print.field(
        "file",
        &harmless(&format!("{} ({})", job.name, size(job.bytes))),
    )?;
    print.field("tenant", &harmless(&job.tenant))?;
    print.field("pipeline", &harmless(&job.pipeline))?;
    print.field("made", &Print::when_exactly(job.created_at))?;
    print.field("changed", &Print::when_exactly(job.updated_at))?;
    if let Some(at) = job.retry_at {
        print.field("next attempt", &Print::when_exactly(at))?;
    }
    if let Some(failure) = &job.failure {
        print.field(
            "failure",
            &harmless(&format!("{}: {}", failure.cause, failure.detail)),
        )?;
    }
    Ok(())
}

fn attempts(print: &Print, detail: &JobDetail) -> Outcome<()> {
    let mut table = Table::new([
        Column::new("TRY").right(),
        Column::new("BEGUN"),
        Column::new("TOOK").spare(3),
        Column::new("FAILURE").cut(),
        Column::new("INFERENCE").cut().spare(1),
        Column::new("OUTPUT").cut().spare(2),
    ]);
    for attempt in &detail.attempts {
        let took = attempt.closed_at.map_or_else(
            || "open".to_owned(),
            |closed| span(closed.saturating_sub(attempt.started_at)),
        );
        let failure = attempt
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| {
                format!("{}: {}", failure.cause, failure.detail)
            });
        table.row([
            Cell::from(attempt.attempt.to_string()),
            Cell::from(print.when(attempt.started_at)),
            Cell::from(took),
            Cell::from(failure),
            Cell::from(&attempt.inference_id),
            Cell::from(attempt.output.as_deref().unwrap_or_default()),
        ]);
    }
    print.table(&table)
}

/// Where a job stands, what happened, what comes, what helps.
fn tell(print: &Print, id: &str, explanation: &Explanation) -> Outcome<()> {
    print.line(&print.paint(Style::Bold, &harmless(&explanation.summary)))?;
    if let Some(waiting) = &explanation.waiting {
        print.line(&format!(
            "waits for {}, since {}",
            awaited(waiting.on),
            Print::when_exactly(waiting.since)
        ))?;
    }
    steps(print, "What happened", &explanation.timeline)?;
    steps(print, "What happens next, at the latest", &explanation.next)?;
    if !explanation.help.is_empty() {
        print.line("")?;
        print.line(&print.paint(Style::Bold, "What helps"))?;
    }
    for help in &explanation.help {
        let what = match command(help.action, id) {
            Some(command) => print.paint(Style::Cyan, &command),
            None => "look after the service".to_owned(),
        };
        print.line(&format!("  {what}"))?;
        print.line(&format!("      {}", harmless(&help.why)))?;
    }
    Ok(())
}

const fn awaited(on: WaitsOn) -> &'static str {
    match on {
        WaitsOn::Upload => "its file",
        WaitsOn::Submission => "the call of the endpoint",
        WaitsOn::Endpoint => "the endpoint",
        WaitsOn::Retry => "its next attempt",
        WaitsOn::Stalled => "somebody to look at it (stalled)",
    }
}

fn command(action: Action, id: &str) -> Option<String> {
    let id = harmless(id);
    Some(match action {
        Action::Retry => format!("docket jobs retry {id} --reason '…'"),
        Action::Cancel => format!("docket jobs cancel {id} --reason '…'"),
        Action::Result => format!("docket jobs result {id}"),
        Action::Upload => "docket upload FILE".to_owned(),
        Action::Operate => return None,
    })
}

fn steps(print: &Print, title: &str, steps: &[Step]) -> Outcome<()> {
    if steps.is_empty() {
        return Ok(());
    }
    print.line("")?;
    print.line(&print.paint(Style::Bold, title))?;
    let now = config::now();
    for step in steps {
        let at = print.paint(
            Style::Dim,
            &format!("{}  {:>11}", exact(step.at), relative(step.at, now)),
        );
        let who = step
            .actor
            .as_ref()
            .map_or_else(String::new, |actor| format!(", by {actor}"));
        let why = step
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        print.line(&format!(
            "  {at}  {}",
            harmless(&format!("{}{who}{why}", step.what))
        ))?;
    }
    Ok(())
}
