//! `docket usage`: what tenants have used in a month, and what that costs.

use std::cmp::Ordering;

use api::types::{InstanceUsage, UsageQuery, UsageSum, UsageView};
use capacity_plan::{price_of, price_source};
use clap::Args;
use serde::Serialize;

use crate::CommandContext;
use crate::error::{CliError, Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable, byte_size, pluralize, sanitize, utc_time};
use crate::url::query_string;

const HOUR_MS: f64 = 3_600_000.0;

#[derive(Clone, Debug, Args)]
pub(crate) struct UsageArgs {
    /// The month in UTC, such as 2026-11 [default: the present one]
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// Only this tenant [default for support: all tenants]
    #[arg(long)]
    tenant: Option<String>,
    /// List batches apart
    #[arg(long)]
    batches: bool,
    /// Print comma-separated values (RFC 4180): a line for each tenant, pipeline and batch, without instances
    #[arg(long)]
    csv: bool,
    /// Instance type of the endpoints, whose price is used to say what it costs
    #[arg(long, value_name = "TYPE")]
    instance_type: Option<String>,
    /// Price of an instance-hour in USD [default: the instance type's, if this program knows it]
    #[arg(long, value_name = "USD")]
    price: Option<f64>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct UsageReport {
    #[serde(flatten)]
    view: UsageView,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

/// What it costs, in USD.
#[derive(Serialize)]
struct Cost {
    per_instance_hour: f64,
    price_source: String,
    /// The runs of each of `sums`, in their order. Without starts and idle time, which belong to no tenant.
    runs: Vec<f64>,
    /// Each of `instances`, in their order.
    instances: Vec<InstanceCost>,
}

#[derive(Serialize)]
struct InstanceCost {
    pipeline: String,
    working: f64,
    starting: f64,
    idle: f64,
    total: f64,
}

pub(crate) async fn run(context: &CommandContext, args: UsageArgs) -> Result<Exit> {
    let price = price(&args)?;
    let query = UsageQuery {
        tenant: args.tenant.clone(),
        month: args.month.clone(),
        batches: args.batches,
    };
    let path = format!("/usage{}", query_string(&query));
    let view: UsageView = context.client.get(&path).await?;
    let cost = price.map(|(price, source)| cost(&view, price, source));
    let printer = &context.printer;
    if args.csv {
        let runs = cost.as_ref().map(|cost| cost.runs.as_slice());
        printer.bytes(csv(&view, runs).as_bytes())?;
        printer.info(&format!("counted: {}", counted(&view)));
    } else if printer.json {
        printer.json_document(&UsageReport { view, cost })?;
    } else {
        print(printer, &view, cost.as_ref(), &args)?;
    }
    Ok(Exit::Success)
}

/// The price of an instance-hour and where it is from, if it was asked for.
fn price(args: &UsageArgs) -> Result<Option<(f64, String)>> {
    match (args.price, &args.instance_type) {
        (Some(price), _) if price.is_finite() && price >= 0.0 => {
            Ok(Some((price, "as given".to_owned())))
        }
        (Some(price), _) => Err(CliError::usage(format!("--price: {price} is no price"))),
        (None, Some(kind)) => {
            let known = price_of(kind).ok_or_else(|| {
                CliError::usage(format!("the price of {kind} is not known: give --price"))
            })?;
            Ok(Some((known, format!("{kind}, {}", price_source()))))
        }
        (None, None) => Ok(None),
    }
}

fn cost(view: &UsageView, per_instance_hour: f64, price_source: String) -> Cost {
    let of = |ms: u64| ms as f64 / HOUR_MS * per_instance_hour;
    let instance = |it: &InstanceUsage| InstanceCost {
        pipeline: it.pipeline.clone(),
        working: of(it.working_ms),
        starting: of(it.starting_ms),
        idle: of(it.idle_ms),
        total: of(it.in_service_ms + it.starting_ms),
    };
    Cost {
        per_instance_hour,
        price_source,
        runs: view.sums.iter().map(|sum| of(sum.run_ms)).collect(),
        instances: view.instances.iter().map(instance).collect(),
    }
}

fn hours(ms: u64) -> String {
    format!("{:.2} h", ms as f64 / HOUR_MS)
}

fn usd(amount: f64) -> String {
    format!("{amount:.2} USD")
}

/// Which uploads of the month are in the figures.
fn counted(view: &UsageView) -> String {
    const WHEN: &str = "an hour is counted about ten minutes after its end";
    let (until, month) = (utc_time(view.counted_until), &view.month);
    match until.get(..month.len()).cmp(&Some(month)) {
        Ordering::Less => format!("nothing of {month} yet: {WHEN}"),
        Ordering::Equal => format!("uploads in {month} before {until}: {WHEN}"),
        Ordering::Greater => format!("all uploads in {month}"),
    }
}

fn print(printer: &Printer, view: &UsageView, cost: Option<&Cost>, args: &UsageArgs) -> Result<()> {
    if view.sums.is_empty() {
        // A name that is mistyped shows.
        let by = args
            .tenant
            .as_deref()
            .map(|name| format!(" by {}", sanitize(name)));
        let by = by.unwrap_or_default();
        printer.line(&format!("no uploads{by} are counted in {}", view.month))?;
    } else {
        printer.table(&sums_table(view, cost, args.batches))?;
    }
    if !view.instances.is_empty() {
        printer.heading("instances")?;
        printer.table(&instances_table(view, cost))?;
    }
    if let Some(cost) = cost {
        let per_hour = cost.per_instance_hour;
        let source = &cost.price_source;
        printer.field(
            "price",
            &format!("{per_hour} USD an instance-hour: {source}"),
        )?;
    }
    if let Some(line) = unknown_pages(view) {
        printer.line(&line)?;
    }
    let assumed: u64 = view.sums.iter().map(|sum| sum.assumed_runs).sum();
    if assumed > 0 {
        printer.line(&format!(
            "{assumed} runs count with the usual time of a run: nothing is known about their own"
        ))?;
    }
    printer.field("counted", &counted(view))
}

/// Which documents the pages lack; `None` if they lack none, or are of none.
fn unknown_pages(view: &UsageView) -> Option<String> {
    let sum = |of: fn(&UsageSum) -> u64| view.sums.iter().map(of).sum::<u64>();
    let (known, ready) = (sum(|it| it.documents_with_pages), sum(|it| it.ready));
    (known < ready).then(|| {
        let documents = pluralize(known, "document", "documents");
        format!("pages are those of {documents}: the results of the others do not say how many")
    })
}

fn sums_table(view: &UsageView, cost: Option<&Cost>, batches: bool) -> TextTable {
    let mut columns = vec![Column::new("TENANT"), Column::new("PIPELINE")];
    if batches {
        columns.push(Column::new("BATCH").truncate());
    }
    columns.extend([
        Column::new("DOCUMENTS").align_right(),
        Column::new("SIZE").align_right().drop_rank(1),
        Column::new("PAGES").align_right().drop_rank(5),
        Column::new("READY").align_right().drop_rank(3),
        Column::new("FAILED").align_right().drop_rank(2),
        Column::new("RUNS").align_right(),
        Column::new("RUN TIME").align_right(),
        Column::new("AT MOST").align_right().drop_rank(4),
    ]);
    if cost.is_some() {
        columns.push(Column::new("COST OF RUNS").align_right());
    }
    let mut table = TextTable::new(columns);
    for (at, sum) in view.sums.iter().enumerate() {
        let mut cells = vec![Cell::from(&sum.tenant), Cell::from(&sum.pipeline)];
        if batches {
            cells.push(Cell::from(sum.batch.as_deref().unwrap_or_default()));
        }
        cells.extend([
            Cell::from(sum.documents.to_string()),
            Cell::from(byte_size(sum.bytes)),
            Cell::from(pages(sum)),
            Cell::from(sum.ready.to_string()),
            Cell::from(sum.failed.to_string()),
            Cell::from(sum.runs.to_string()),
            Cell::from(hours(sum.run_ms)),
            Cell::from(hours(sum.max_run_ms)),
        ]);
        let of_runs = cost.and_then(|cost| cost.runs.get(at));
        cells.extend(of_runs.map(|amount| Cell::from(usd(*amount))));
        table.row(cells);
    }
    table
}

/// The pages as far as they are known.
fn pages(sum: &UsageSum) -> String {
    match sum.documents_with_pages {
        0 => "–".to_owned(),
        _ => sum.pages.to_string(),
    }
}

fn instances_table(view: &UsageView, cost: Option<&Cost>) -> TextTable {
    let mut table = TextTable::new([
        Column::new("PIPELINE"),
        Column::new("STARTS").align_right(),
        Column::new("WORKING").align_right(),
        Column::new("STARTING").align_right(),
        Column::new("IDLE").align_right(),
        Column::new("TOTAL").align_right(),
    ]);
    for it in &view.instances {
        table.row([
            Cell::from(&it.pipeline),
            Cell::from(it.starts.to_string()),
            Cell::from(hours(it.working_ms)),
            Cell::from(hours(it.starting_ms)),
            Cell::from(hours(it.idle_ms)),
            Cell::from(hours(it.in_service_ms + it.starting_ms)),
        ]);
    }
    for it in cost.iter().flat_map(|cost| &cost.instances) {
        table.row([
            Cell::from(&it.pipeline),
            Cell::from(""),
            Cell::from(usd(it.working)),
            Cell::from(usd(it.starting)),
            Cell::from(usd(it.idle)),
            Cell::from(usd(it.total)),
        ]);
    }
    table
}

fn csv(view: &UsageView, costs: Option<&[f64]>) -> String {
    let header = [
        "month",
        "tenant",
        "pipeline",
        "batch",
        "documents",
        "bytes",
        "ready",
        "failed",
        "cancelled",
        "open",
        "runs",
        "run_seconds",
        "run_seconds_at_most",
        "assumed_runs",
        "pages",
        "documents_with_pages",
    ];
    let mut lines = vec![header.join(",")];
    if let (Some(first), Some(_)) = (lines.first_mut(), costs) {
        first.push_str(",run_cost_usd");
    }
    for (at, sum) in view.sums.iter().enumerate() {
        let mut fields = csv_fields(&view.month, sum);
        let cost = costs.and_then(|costs| costs.get(at));
        fields.extend(cost.map(|cost| format!("{cost:.4}")));
        lines.push(fields.join(","));
    }
    lines.push(String::new());
    lines.join("\r\n")
}

fn csv_fields(month: &str, sum: &UsageSum) -> Vec<String> {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    vec![
        month.to_owned(),
        csv_text(&sum.tenant),
        csv_text(&sum.pipeline),
        csv_text(sum.batch.as_deref().unwrap_or_default()),
        sum.documents.to_string(),
        sum.bytes.to_string(),
        sum.ready.to_string(),
        sum.failed.to_string(),
        sum.cancelled.to_string(),
        sum.open.to_string(),
        sum.runs.to_string(),
        seconds(sum.run_ms),
        seconds(sum.max_run_ms),
        sum.assumed_runs.to_string(),
        sum.pages.to_string(),
        sum.documents_with_pages.to_string(),
    ]
}

/// A text in quotes if it needs them. A spreadsheet would compute one that begins like a formula, so an apostrophe is put
/// before it.
fn csv_text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{text}", if is_formula { "'" } else { "" });
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> UsageView {
        UsageView {
            month: "2026-11".to_owned(),
            counted_until: 0,
            sums: vec![UsageSum {
                tenant: "acme".to_owned(),
                pipeline: "legal-review".to_owned(),
                batch: Some("=1+1, \"x\"".to_owned()),
                documents: 3,
                bytes: 300,
                pages: 17,
                documents_with_pages: 1,
                ready: 2,
                failed: 1,
                runs: 4,
                run_ms: 5_400_007,
                max_run_ms: 7_200_000,
                ..UsageSum::default()
            }],
            instances: vec![InstanceUsage {
                pipeline: "legal-review".to_owned(),
                known_since: 0,
                starts: 1,
                starting_ms: 1_800_000,
                in_service_ms: 7_200_000,
                working_ms: 5_400_000,
                idle_ms: 1_800_000,
            }],
        }
    }

    #[test]
    fn figures_say_which_uploads_they_lack() {
        let mut view = view();
        for (until, text) in [
            (1_793_347_200_000, "nothing of 2026-11 yet: an hour is"), // 30 October
            (
                1_796_025_600_000,
                "uploads in 2026-11 before 2026-11-30 08:00:00Z: an hour is",
            ),
            (1_796_083_200_000, "all uploads in 2026-11"), // 1 December
        ] {
            view.counted_until = until;
            assert!(counted(&view).starts_with(text), "{}", counted(&view));
        }
    }

    #[test]
    fn pages_say_how_many_documents_they_are_of() {
        let mut view = view();
        let line = unknown_pages(&view).unwrap();
        assert!(line.contains("those of 1 document:"), "{line}");
        assert_eq!(pages(&view.sums[0]), "17");
        view.sums[0].documents_with_pages = 2;
        assert_eq!(unknown_pages(&view), None);
        view.sums[0].documents_with_pages = 0;
        assert_eq!(pages(&view.sums[0]), "–");
    }

    #[test]
    fn csv_quotes_texts_and_defuses_formulas() {
        let text = csv(&view(), Some(&[2.0]));
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("month,tenant,pipeline,batch,documents,"));
        assert_eq!(
            lines[1],
            "2026-11,acme,legal-review,\"'=1+1, \"\"x\"\"\",3,300,2,1,0,0,4,5400.007,7200.000,0,17,1,2.0000"
        );
    }

    #[test]
    fn cost_of_instances_is_that_of_work_starts_and_idle_time() {
        let cost = cost(&view(), 2.0, String::new());
        let it = &cost.instances[0];
        assert_eq!((it.working, it.starting, it.idle), (3.0, 1.0, 1.0));
        assert_eq!(it.total, it.working + it.starting + it.idle);
    }
}
