//! The options of `docket plan`.

use std::path::PathBuf;

use clap::Args;

use crate::config;
use crate::print;

#[derive(Clone, Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct PlanArgs {
    /// Documents per day
    #[arg(long, value_name = "N", required_unless_present = "since")]
    pub(crate) documents: Option<i64>,
    /// Documents that arrive together
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) burst: i64,
    /// Time between the first and the last of them
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    pub(crate) burst_within: i64,
    /// Hours of the day in which documents arrive
    #[arg(long, value_name = "H:MM-H:MM", default_value = "8:00-18:00")]
    pub(crate) hours: String,
    /// Plan for the documents since this time, read through the API, instead: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30
    /// (UTC)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["documents", "burst", "burst_within", "hours"])]
    pub(crate) since: Option<u64>,
    /// Only documents of this tenant, with --since
    #[arg(long, requires = "since")]
    pub(crate) tenant: Option<String>,
    /// Pipeline whose SLO, run time and cold start apply
    #[arg(long, short, default_value = "legal-review", value_name = "NAME")]
    pub(crate) pipeline: String,
    /// File with the pipelines [default: those that this program was built with]
    #[arg(long, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,
    /// Duration of a run [default: measured with --since, else the pipeline's typical_run_seconds]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) run: Option<i64>,
    /// Runs that an instance does at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) concurrent: i64,
    /// From the decision to add an instance to its first run [default: measured with --since, else the pipeline's]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) cold_start: Option<i64>,
    /// Every document must be ready within this time [default: the pipeline's slo_seconds]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) slo: Option<i64>,
    /// Instances that are always kept, at least
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) min_instances: i64,
    /// Most instances that the plan may use
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) max_instances: i64,
    /// Only this time to drain for Docket's scaling [default: try several]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_within: Option<i64>,
    /// Instance type, whose price is used without --price
    #[arg(long, value_name = "TYPE", default_value = "ml.g6.2xlarge")]
    pub(crate) instance_type: String,
    /// Price of an instance-hour [default: the instance type's, if this program knows it]
    #[arg(long, value_name = "USD")]
    pub(crate) price: Option<f64>,
    /// When the price was read, to be shown with it
    #[arg(long, value_name = "DATE", requires = "price")]
    pub(crate) price_date: Option<String>,
    /// Days per month with such documents
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) days_per_month: i64,
}

fn time(text: &str) -> Result<u64, String> {
    print::parse_time(text, config::now())
}
