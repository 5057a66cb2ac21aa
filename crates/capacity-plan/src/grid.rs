//! The settings that a plan tries.

use crate::request::PlanRequest;
use crate::settings::{Scaling, ScalingSettings, WarmHours};

const DRAIN_SECONDS: [u32; 3] = [60, 300, 900];
const IDLE_SECONDS: [u32; 3] = [60, 300, 900];
const TARGETS: [u32; 3] = [1, 3, 10];
/// Allowed values of `IdleMinutes`.
const IDLE_MINUTES: [u32; 3] = [5, 15, 30];
const MAX_INSTANCES: [u32; 9] = [1, 2, 3, 4, 6, 8, 12, 20, 40];

/// All settings within the limits of a request. `warm_hours` are the hours with documents.
pub fn grid(request: &PlanRequest, warm_hours: Option<WarmHours>) -> Vec<ScalingSettings> {
    let (min, limit) = (request.min_instances, request.max_instances);
    let maxima = MAX_INSTANCES
        .into_iter()
        .filter(|max| (min.max(1)..limit).contains(max));
    let mut kept = vec![(min, None)];
    if min == 0 {
        kept.extend(warm_hours.map(|warm| (0, Some(warm))));
        kept.push((1, None));
    }
    let scalings = scalings(request);
    let mut found = Vec::new();
    for max_instances in maxima.chain([limit]) {
        for (min_instances, warm_hours) in &kept {
            found.extend(scalings.iter().map(|scaling| ScalingSettings {
                scaling: *scaling,
                min_instances: *min_instances,
                max_instances,
                warm_hours: *warm_hours,
            }));
        }
    }
    found
}

fn scalings(request: &PlanRequest) -> Vec<Scaling> {
    let mut drains = DRAIN_SECONDS.to_vec();
    drains.push((request.slo_seconds / 6).max(1));
    drains.sort_unstable();
    drains.dedup();
    if let Some(given) = request.drain_within_seconds {
        drains = vec![given];
    }
    let idles = |idle_seconds| {
        drains.iter().map(move |drain| Scaling::Docket {
            drain_within_seconds: *drain,
            idle_seconds,
        })
    };
    let docket = IDLE_SECONDS.into_iter().flat_map(idles);
    let targets = |idle_minutes| {
        TARGETS.into_iter().map(move |target| Scaling::Aws {
            target,
            idle_minutes,
        })
    };
    let aws = IDLE_MINUTES.into_iter().flat_map(targets);
    docket.chain(aws).collect()
}
