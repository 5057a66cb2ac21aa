//! What an endpoint will cost, how long documents will wait, and how many instances it needs.
//!
//! [`plan()`] tries a [`grid()`] of settings on arrivals and names the cheapest that keeps the SLO. The arrivals are drawn from
//! a few numbers ([`Demand`]), or are those of past jobs ([`learn()`]).
//! [`simulate()`] is a light queue model: arrivals, instances with cold starts, runs. Docket's scaling is the product's own
//! rule, [`jobs::capacity::decide`]; AWS's policies are those of `infra/endpoint.yaml`. `make bench-plan` compares it with
//! the replay (`crates/planner`), which runs the product's handlers over the whole model of an endpoint.
//!
//! All is pure: the same input gives the same plan. Times are milliseconds from the first midnight.

mod arrivals;
mod aws;
mod controller;
mod figures;
mod fleet;
mod grid;
mod learn;
mod plan;
mod prices;
mod request;
mod settings;
mod simulate;
mod text;

pub use arrivals::{Arrival, Demand};
pub use figures::SimulatedFigures;
pub use grid::grid;
pub use learn::{LateJob, Learned, PastJob, learn};
pub use plan::{Plan, PlanOption, plan};
pub use prices::{price_of, price_source};
pub use request::{FieldError, MAX_DOCUMENTS_PER_DAY, PlanRequest, RawRequest};
pub use settings::{EndpointTraits, Scaling, ScalingSettings, WarmHours};
pub use simulate::simulate;
pub use text::plan_text;
