//! What the tests of plans share.

use capacity_plan::RawRequest;

pub(crate) fn raw() -> RawRequest {
    RawRequest {
        concurrent_runs: 1,
        cold_start_seconds: 300,
        typical_run_seconds: 45,
        slo_seconds: 8 * 3600,
        min_instances: 0,
        max_instances: 5,
        drain_within_seconds: None,
        price: 1.22,
        price_source: "as given".to_owned(),
        days_per_month: 30,
    }
}
