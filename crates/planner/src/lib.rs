//! How many instances a pipeline needs: a business day in virtual time.
//!
//! [`replay()`] sends the uploads of a day ([`Scenario`]) through the product's own handlers and the model of the
//! endpoint (crate `simulation`), with the parameters that the endpoint is deployed with and without faults. The same
//! [`ReplayOptions`] give the same [`Day`]. The rest turns a day into something to read: [`Figures`], [`report()`],
//! [`picture()`], a [`table`] that compares settings, and a [`LivePlan`] that `devstack replay` carries out on a local
//! stack.
//!
//! The model differs from AWS: alarms are evaluated once a minute without delay, a cold start always takes equally
//! long, and an instance is always available.

mod arrivals;
mod bursts;
mod calibration;
pub mod cli;
mod compare;
mod day;
mod figures;
mod frontier;
mod live;
mod noisy_neighbor;
mod parameters;
mod picture;
mod plan_check;
mod replay;
mod report;
mod scenario;
mod side_by_side;
mod units;
mod wait;

pub use bursts::{Burst, bursts};
pub use calibration::{
    CALIBRATION_DAYS, Calibration, CalibrationDay, CalibrationSummary, day_with_faults,
};
pub use capacity_plan::{price_of, price_source};
pub use compare::{Variant, table, variants};
pub use day::{Day, Excerpt, ReplayOptions, ReplayedDocument, Wait};
pub use devstack::replay::LivePlan;
pub use figures::{Figures, Percentiles};
pub use frontier::{Frontier, FrontierPoint, frontier, frontier_picture};
pub use live::{live_excerpt, live_plan};
pub use noisy_neighbor::{NoisyNeighborDay, noisy_neighbor};
pub use picture::picture;
pub use plan_check::{PLAN_CHECK_SEEDS, PlanCheckSummary, PlanComparison, PlannedDay, check_plans};
pub use replay::{ReplayError, objective_of, replay};
pub use report::report;
pub use scenario::Scenario;
pub use side_by_side::{PolicyFigures, SideBySide, baseline_file, side_by_side};
pub use simulation::workload::EndpointSample;
pub use units::span;
