//! `docket plan`: what an endpoint costs, how long documents wait, and the cheapest settings that keep the SLO.
//!
//! The computation is that of crate `capacity-plan`. Only `--since` needs the service.

mod args;
mod past;

use capacity_plan::{
    Arrival, Demand, FieldError, Learned, MAX_DOCUMENTS_PER_DAY, Plan, RawRequest, WarmHours,
    learn, plan, plan_text, price_of, price_source,
};
use jobs::pipeline::Pipeline;

use crate::CommandContext;
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::pipelines::read_pipeline;
use crate::print::{Printer, duration, utc_time};

pub(crate) use self::args::PlanArgs;
use self::past::PastJobs;

/// Days of a plan are drawn from this seed: the same numbers give the same plan.
const SEED: u64 = 1;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Plans for the numbers of the command line.
pub(crate) fn for_numbers(printer: &Printer, args: &PlanArgs) -> Result<Exit> {
    let pipeline = read_pipeline(args.pipelines.as_deref(), &args.pipeline)?;
    let raw = raw_request(args, &pipeline, None)?;
    let documents = args.documents.unwrap_or(0);
    let most = MAX_DOCUMENTS_PER_DAY;
    let run_seconds = raw.typical_run_seconds;
    let request = raw.check().map_err(usage)?;
    let demand = Demand {
        documents_per_day: within("documents", documents, most)?,
        burst: within("burst", args.burst, most)?,
        burst_seconds: within("burst-within", args.burst_within, u32::MAX)?,
        run_seconds: within("run", run_seconds, u32::MAX)?,
        hours: hours(&args.hours)?,
    };
    let span_ms = u64::from(demand.days()) * DAY_MS;
    let found = plan(
        &request,
        &demand.arrivals(SEED),
        span_ms,
        Some(demand.hours),
    );
    print(printer, found.map_err(usage)?)
}

/// Plans for past jobs.
pub(crate) async fn for_past_jobs(
    context: &CommandContext,
    args: &PlanArgs,
    since: u64,
) -> Result<Exit> {
    let pipeline = read_pipeline(args.pipelines.as_deref(), &args.pipeline)?;
    // Wrong fields are refused before anything is read.
    let given = raw_request(args, &pipeline, None)?;
    let request = given.check().map_err(usage)?;
    let past = past::read(context, &pipeline.name, args.tenant.as_deref(), since).await?;
    let slots = request
        .endpoint
        .concurrent_runs
        .saturating_mul(request.max_instances);
    let (since, stopped, read) = (past.since, past.stopped, past.jobs.len());
    if past.jobs.is_empty() {
        let problem = format!("{} has none since {}", pipeline.name, utc_time(since));
        return Err(usage(FieldError::new("documents", problem)));
    }
    let mut learned = learn_from(past, slots, &request);
    if args.run.is_some() {
        let run_ms = request.endpoint.typical_run_ms;
        let given = |it: &Arrival| Arrival { run_ms, ..*it };
        learned.arrivals = learned.arrivals.iter().map(given).collect();
    }
    let request = raw_request(args, &pipeline, Some(&learned))?;
    let request = request.check().map_err(usage)?;
    let found = plan(&request, &learned.arrivals, learned.span_ms, learned.hours);
    let mut found = found.map_err(usage)?;
    if stopped {
        found.remarks.push(format!(
            "Stopped after {read} jobs, the newest: the plan is for those since {}.",
            utc_time(since)
        ));
    }
    found.remarks.extend(remarks(&learned, args, &request));
    print(&context.printer, found)
}

fn learn_from(past: PastJobs, slots: u32, request: &capacity_plan::PlanRequest) -> Learned {
    let period = past.since..config::now();
    let slo_ms = u64::from(request.slo_seconds) * 1000;
    learn(
        past.jobs,
        period,
        slots,
        request.endpoint.typical_run_ms,
        slo_ms,
    )
}

/// Which figures were measured and which are assumed, and how many jobs were late.
fn remarks(
    learned: &Learned,
    args: &PlanArgs,
    request: &capacity_plan::PlanRequest,
) -> Vec<String> {
    let mut remarks = Vec::new();
    if args.run.is_none() {
        let jobs = learned.runs_measured;
        remarks.push(match learned.run_ms {
            Some(_) => format!("The duration of runs is measured, of {jobs} jobs."),
            None => format!(
                "Too few jobs tell how long a run takes, {jobs} of the 20 needed: the pipeline's {} s are used.",
                request.endpoint.typical_run_ms / 1000
            ),
        });
    }
    if args.cold_start.is_none() {
        let jobs = learned.cold_starts_measured;
        remarks.push(match learned.cold_start_ms {
            Some(_) => format!("The cold start is measured, of {jobs} jobs."),
            None => format!(
                "Too few jobs tell how long a cold start takes, {jobs} of the 3 needed: the pipeline's {} s are used.",
                request.endpoint.cold_start_ms / 1000
            ),
        });
    }
    if let Some(latest) = learned.latest {
        remarks.push(format!(
            "{} of {} jobs that have ended took longer than the SLO of {}. The longest took {}: from {} to {}.",
            learned.late,
            learned.ended,
            duration(u64::from(request.slo_seconds) * 1000),
            duration(latest.ended_at - latest.created_at),
            utc_time(latest.created_at),
            utc_time(latest.ended_at)
        ));
    }
    if learned.hours.is_some() {
        remarks.push("The hours of a kept instance are in UTC.".to_owned());
    }
    remarks
}

fn print(printer: &Printer, plan: Plan) -> Result<Exit> {
    if printer.json {
        printer.json_document(&plan)?;
    } else {
        printer.line(plan_text(&plan).trim_end())?;
    }
    Ok(if plan.slo_kept {
        Exit::Success
    } else {
        Exit::Failed
    })
}

/// The fields as given, else as learned, else the pipeline's.
fn raw_request(
    args: &PlanArgs,
    pipeline: &Pipeline,
    learned: Option<&Learned>,
) -> Result<RawRequest> {
    let (price, price_source) = price(args)?;
    let cold_start = pipeline.objective().cold_start.as_secs();
    let measured = |ms: fn(&Learned) -> Option<u64>| {
        let seconds = learned.and_then(ms).map(|ms| (ms / 1000).max(1));
        seconds.and_then(|seconds| i64::try_from(seconds).ok())
    };
    Ok(RawRequest {
        concurrent_runs: args.concurrent,
        cold_start_seconds: args
            .cold_start
            .or_else(|| measured(|it| it.cold_start_ms))
            .unwrap_or_else(|| i64::try_from(cold_start).unwrap_or(i64::MAX)),
        typical_run_seconds: args
            .run
            .or_else(|| measured(|it| it.run_ms))
            .unwrap_or_else(|| pipeline.typical_run_seconds.into()),
        slo_seconds: args.slo.unwrap_or_else(|| pipeline.slo_seconds.into()),
        min_instances: args.min_instances,
        max_instances: args.max_instances,
        drain_within_seconds: args.drain_within,
        price,
        price_source,
        days_per_month: args.days_per_month,
    })
}

fn price(args: &PlanArgs) -> Result<(f64, String)> {
    if let Some(price) = args.price {
        let source = args.price_date.as_ref().map_or_else(
            || "as given, without a date".to_owned(),
            |date| format!("as given, of {date}"),
        );
        return Ok((price, source));
    }
    let kind = &args.instance_type;
    let known = price_of(kind).ok_or_else(|| {
        let problem = format!("that of {kind} is not known: give --price");
        usage(FieldError::new("price", problem))
    })?;
    Ok((known, format!("{kind}, {}", price_source())))
}

fn within(field: &'static str, value: i64, max: u32) -> Result<u32> {
    FieldError::within(field, value, 1, max).map_err(usage)
}

/// Hours such as `8:00-18:00`.
fn hours(text: &str) -> Result<WarmHours> {
    let minute = |time: &str| {
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let times = text.split_once('-');
    let times = times.and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
    match times {
        Some((from, until)) if from < until => Ok(WarmHours { from, until }),
        _ => Err(usage(FieldError::new(
            "hours",
            format!("must be such as 8:00-18:00, not {text:?}"),
        ))),
    }
}

fn usage(error: FieldError) -> CliError {
    CliError::usage(error.to_string())
}
