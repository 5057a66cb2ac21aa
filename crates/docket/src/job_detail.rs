//! `docket jobs show` and `explain`.

use api::explain::{Explanation, ExplanationStep, JobAction, WaitsOn};
use api::types::JobDetail;
use console::Style;
use jobs::labels::Tags;
use jobs::marks::Marks;
use jobs::view::{FailureView, JobView, ModelView};

use crate::CommandContext;
use crate::config;
use crate::error::{Exit, Result};
use crate::print::{
    Cell, Column, Printer, TextTable, byte_size, describe_ready_by, duration, relative_time,
    sanitize, status_style, utc_time,
};
use crate::url::path_segment;

pub(crate) async fn show(context: &CommandContext, id: &str) -> Result<Exit> {
    let detail = fetch(context, id).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&detail)?;
        return Ok(Exit::Success);
    }
    if let Some(job) = &detail.job {
        print_job(printer, job)?;
    }
    if let Some(upload) = &detail.upload {
        printer.field("job", &sanitize(&upload.job_id))?;
        printer.field(
            "file",
            &sanitize(&format!("{} ({})", upload.name, byte_size(upload.bytes))),
        )?;
        printer.field("tenant", &sanitize(&upload.tenant))?;
        printer.field("pipeline", &sanitize(&upload.pipeline))?;
        print_labels(printer, &upload.reference, &upload.batch, &upload.tags)?;
        printer.field(
            "upload",
            &format!("open until {}", Printer::time_and_age(upload.expires_at)),
        )?;
    }
    // Empty for operators, and after the job's data was deleted.
    if !detail.input.is_empty() {
        printer.field("object", &sanitize(&detail.input))?;
    }
    let optional = [
        ("version id", &detail.input_version),
        ("uploaded by", &detail.uploaded_by),
        ("trace", &detail.trace_id),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            printer.field(name, &sanitize(value))?;
        }
    }
    let kept = [
        ("document", detail.document_kept_until),
        ("result", detail.result_kept_until),
        ("record", detail.expires_at),
    ];
    for (what, until) in kept {
        if let Some(at) = until {
            let is_past = at <= config::now();
            let verb = if is_past { "deleted on" } else { "kept until" };
            printer.field(what, &format!("{verb} {}", Printer::time_and_age(at)))?;
        }
    }
    if let Some(pages) = detail.attempts.iter().rev().find_map(|it| it.pages) {
        printer.field("pages", &format!("{pages}, as the result says"))?;
    }
    if !detail.attempts.is_empty() {
        printer.line("")?;
        print_attempts(printer, &detail)?;
    }
    printer.line("")?;
    print_explanation(printer, id, &detail.explanation)?;
    Ok(Exit::Success)
}

pub(crate) async fn explain(context: &CommandContext, id: &str) -> Result<Exit> {
    let detail = fetch(context, id).await?;
    if context.printer.json {
        context.printer.json_document(&detail.explanation)?;
    } else {
        print_explanation(&context.printer, id, &detail.explanation)?;
    }
    Ok(Exit::Success)
}

/// Whether a job has reached a final status.
pub(crate) fn has_ended(job: &JobView) -> bool {
    matches!(
        job.status.as_ref(),
        "Ready" | "Failed" | "Cancelled" | "Erased"
    )
}

pub(crate) async fn fetch(context: &CommandContext, id: &str) -> Result<JobDetail> {
    context
        .client
        .get(&format!("/jobs/{}", path_segment(id)))
        .await
}

fn print_job(printer: &Printer, job: &JobView) -> Result<()> {
    let corrected = if job.corrected {
        ", corrected: it was reported as failed before"
    } else {
        ""
    };
    let status = printer.paint(status_style(&job.status), &sanitize(&job.status));
    printer.field("job", &sanitize(&job.id))?;
    printer.field(
        "status",
        &format!(
            "{status}, attempt {}, version {}{corrected}",
            job.attempt, job.version
        ),
    )?;
    printer.field(
        "file",
        &sanitize(&format!("{} ({})", job.name, byte_size(job.bytes))),
    )?;
    printer.field("tenant", &sanitize(&job.tenant))?;
    printer.field("pipeline", &sanitize(&job.pipeline))?;
    print_labels(printer, &job.reference, &job.batch, &job.tags)?;
    if let Some(marks) = &job.marks {
        print_marks(printer, marks)?;
    }
    if job.urgent {
        printer.field("urgent", "it starts before the others of its pipeline")?;
    } else if !job.lane.is_standard() {
        printer.field("lane", job.lane.name())?;
    }
    if let Some(model) = &job.model {
        printer.field("model", &sanitize(&describe_model(model)))?;
    }
    printer.field("created", &Printer::time_and_age(job.created_at))?;
    printer.field("changed", &Printer::time_and_age(job.updated_at))?;
    if let Some(ready_by) = &job.ready_by {
        printer.field(
            "ready by",
            &sanitize(&describe_ready_by(ready_by, config::now())),
        )?;
    }
    if let Some(at) = job.retry_at {
        printer.field("next attempt", &Printer::time_and_age(at))?;
    }
    if let Some(failure) = &job.failure {
        printer.field("failure", &sanitize(&describe_failure(failure)))?;
    }
    Ok(())
}

/// What people noted about the contract.
fn print_marks(printer: &Printer, marks: &Marks) -> Result<()> {
    if let Some(reviewed) = &marks.reviewed {
        let at = Printer::time_and_age(reviewed.at);
        let text = format!("by {}, {at}, attempt {}", reviewed.by, reviewed.attempt);
        printer.field("reviewed", &sanitize(&text))?;
    }
    let optional = [
        ("assigned to", &marks.assigned_to),
        ("note", &marks.note),
        ("corrected by", &marks.corrected_by),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            printer.field(name, &sanitize(value))?;
        }
    }
    Ok(())
}

/// A failure for people who work on the service.
fn describe_failure(failure: &FailureView) -> String {
    let status = failure.container_status;
    let status = status.map_or_else(String::new, |status| format!(", HTTP {status}"));
    format!("{}{status}: {}", failure.cause, failure.detail)
}

/// A model for people.
pub(crate) fn describe_model(model: &ModelView) -> String {
    match &model.other {
        Some(other) => format!("{} or {other} (uncertain)", model.version),
        None if model.uncertain => format!("{} (uncertain)", model.version),
        None => model.version.clone(),
    }
}

fn print_labels(
    printer: &Printer,
    reference: &Option<String>,
    batch: &Option<String>,
    tags: &Tags,
) -> Result<()> {
    for (name, value) in [("reference", reference), ("batch", batch)] {
        if let Some(value) = value {
            printer.field(name, &sanitize(value))?;
        }
    }
    if !tags.is_empty() {
        let pairs: Vec<String> = tags
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        printer.field("tags", &sanitize(&pairs.join(", ")))?;
    }
    Ok(())
}

fn print_attempts(printer: &Printer, detail: &JobDetail) -> Result<()> {
    let mut table = TextTable::new([
        Column::new("ATTEMPT").align_right(),
        Column::new("STARTED"),
        Column::new("DURATION").drop_rank(3),
        Column::new("FAILURE").truncate(),
        Column::new("MODEL").truncate().drop_rank(4),
        Column::new("INFERENCE").truncate().drop_rank(1),
        Column::new("OUTPUT").truncate().drop_rank(2),
    ]);
    for attempt in &detail.attempts {
        let took = attempt.closed_at.map_or_else(
            || "open".to_owned(),
            |closed| duration(closed.saturating_sub(attempt.started_at)),
        );
        let failure = attempt.failure.as_ref().map(describe_failure);
        table.row([
            Cell::from(attempt.attempt.to_string()),
            Cell::from(printer.table_time(attempt.started_at)),
            Cell::from(took),
            Cell::from(failure.unwrap_or_default()),
            Cell::from(
                attempt
                    .model
                    .as_ref()
                    .map(describe_model)
                    .unwrap_or_default(),
            ),
            Cell::from(&attempt.inference_id),
            Cell::from(attempt.output.as_deref().unwrap_or_default()),
        ]);
    }
    printer.table(&table)
}

fn print_explanation(printer: &Printer, id: &str, explanation: &Explanation) -> Result<()> {
    printer.line(&printer.paint(Style::new().bold(), &sanitize(&explanation.summary)))?;
    if let Some(waiting) = &explanation.waiting {
        printer.line(&format!(
            "waiting for {}, since {}",
            waits_on(waiting.on),
            Printer::time_and_age(waiting.since)
        ))?;
    }
    if let Some(ready_by) = &explanation.ready_by {
        printer.line(&format!(
            "ready: {}",
            sanitize(&describe_ready_by(ready_by, config::now()))
        ))?;
    }
    print_steps(printer, "What happened", &explanation.timeline)?;
    print_steps(
        printer,
        "What happens next, at the latest",
        &explanation.next,
    )?;
    if !explanation.help.is_empty() {
        printer.heading("What helps")?;
    }
    for help in &explanation.help {
        let what = match command_for(help.action, id) {
            Some(command) => printer.paint(Style::new().cyan(), &command),
            None => "check the service".to_owned(),
        };
        printer.line(&format!("  {what}"))?;
        printer.line(&format!("      {}", sanitize(&help.why)))?;
    }
    Ok(())
}

const fn waits_on(on: WaitsOn) -> &'static str {
    match on {
        WaitsOn::Upload => "its file",
        WaitsOn::Submission => "its submission to the endpoint",
        WaitsOn::Endpoint => "the endpoint",
        WaitsOn::Retry => "its next attempt",
        WaitsOn::Pause => "the end of a pause",
        WaitsOn::Turn => "its turn",
        WaitsOn::Breaker => "the endpoint to work again",
        WaitsOn::Stalled => "an overdue check by the service (stalled)",
    }
}

/// The command that carries out an action; `None` if no command does.
fn command_for(action: JobAction, id: &str) -> Option<String> {
    let id = sanitize(id);
    Some(match action {
        JobAction::Retry => format!("docket jobs retry {id} --reason '…'"),
        JobAction::Cancel => format!("docket jobs cancel {id} --reason '…'"),
        JobAction::Result => format!("docket jobs result {id}"),
        JobAction::Upload => "docket upload FILE".to_owned(),
        JobAction::Operate => return None,
    })
}

fn print_steps(printer: &Printer, title: &str, steps: &[ExplanationStep]) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    printer.heading(title)?;
    let now = config::now();
    for step in steps {
        let at = printer.paint(
            Style::new().dim(),
            &format!("{}  {:>11}", utc_time(step.at), relative_time(step.at, now)),
        );
        let actor = step
            .actor
            .as_ref()
            .map_or_else(String::new, |actor| format!(", by {actor}"));
        let reason = step
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        printer.line(&format!(
            "  {at}  {}",
            sanitize(&format!("{}{actor}{reason}", step.what))
        ))?;
    }
    Ok(())
}
