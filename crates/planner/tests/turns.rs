//! Two tenants that keep one instance busy all day, one of them with documents fifty times as large: whose turn it is before and
//! after run times are learned.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use async_endpoint::{EndpointParameters, Rng};
use jobs::capacity::Objective;
use jobs::pipeline::Pipelines;
use planner::{Scenario, objective_of};
use simulation::fault::FaultProfile;
use simulation::workload::{Workload, WorkloadUpload, run};

const PIPELINES: &str = include_str!("../../../infra/pipelines.toml");
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const BEGINS_AT: u64 = 9 * HOUR;
/// Before, what was sent runs before the window was known to be full.
const BURST_IS_OVER_AT: u64 = BEGINS_AT + 30 * MINUTE;
/// The hour from nine on is counted at ten past ten, and the window is written again within two minutes.
const LEARNED_AT: u64 = 10 * HOUR + 20 * MINUTE;
const ENDS_AT: u64 = 12 * HOUR;

/// A tenant's documents.
#[derive(Clone, Copy)]
struct Documents {
    tenant: &'static str,
    count: u32,
    bytes: u64,
    /// A run takes so long, 30 % shorter or longer at most.
    run_ms: u64,
}

/// How many runs of each tenant began before and after it was learned how long they take.
fn runs(seed: u64, tenants: [Documents; 2]) -> [[u64; 2]; 2] {
    let pipelines = Pipelines::parse(PIPELINES).unwrap();
    let name = Scenario::DealDay.pipeline();
    let prefix = pipelines.get(name).unwrap().prefix.clone();
    let mut endpoint = EndpointParameters::parse(Scenario::DealDay.parameters())
        .unwrap()
        .settings;
    (endpoint.min_instances, endpoint.max_instances) = (1, 1);
    let endpoint = endpoint.scaled_by_docket();
    let mut rng = Rng::from_seed(seed);
    let mut uploads = Vec::new();
    for of in tenants {
        uploads.extend((0..of.count).map(|number| WorkloadUpload {
            at: BEGINS_AT + rng.up_to(MINUTE),
            key: format!("{prefix}{}/{number}.pdf", of.tenant),
            bytes: of.bytes,
            model_ms: of.run_ms * (70 + rng.up_to(60)) / 100,
        }));
    }
    uploads.sort_by_key(|upload| upload.at);
    let keys: Vec<String> = uploads.iter().map(|upload| upload.key.clone()).collect();
    let report = run(Workload {
        pipelines,
        pipeline: name.to_owned(),
        endpoint,
        objective: Some(Objective {
            cold_start: Duration::from_millis(endpoint.cold_start.0),
            ..objective_of(name).unwrap()
        }),
        faults: FaultProfile::NONE,
        uploads,
        min_duration_ms: ENDS_AT,
        rng,
    })
    .unwrap();
    assert_eq!(report.violations, [""; 0], "seed {seed}");
    let mut counts = [[0; 2]; 2];
    for (key, document) in keys.iter().zip(&report.documents) {
        let folder = format!("/{}/", tenants[1].tenant);
        let of = usize::from(key.contains(&folder));
        let began = document.requests.iter().filter_map(|it| it.run);
        for at in began.map(|run| run.from) {
            match at {
                ..BURST_IS_OVER_AT => {}
                BURST_IS_OVER_AT..LEARNED_AT => counts[0][of] += 1,
                LEARNED_AT..ENDS_AT => counts[1][of] += 1,
                ENDS_AT.. => {}
            }
        }
    }
    counts
}

#[test]
fn large_documents_get_as_many_turns_as_small_ones_once_it_is_known_that_they_take_no_longer() {
    let of = |tenant, bytes| Documents {
        tenant,
        count: 400,
        bytes,
        run_ms: 45_000,
    };
    for seed in 1..=3 {
        let tenants = [of("acme", 100_000), of("globex", 5_000_000)];
        let [before, after] = runs(seed, tenants);
        assert!(before[1] * 5 < before[0], "seed {seed}: {before:?}");
        let percent = after[1] * 100 / (after[0] + after[1]);
        assert!((42..=52).contains(&percent), "seed {seed}: {after:?}");
    }
}

/// Histories whose shares are averaged.
const SEEDS: u64 = 6;

#[test]
fn time_at_the_endpoint_is_shared_where_large_documents_take_longer() {
    let of = |tenant, count, bytes| Documents {
        tenant,
        count,
        bytes,
        run_ms: bytes / 100,
    };
    let mut shares = [0; 2];
    for seed in 1..=SEEDS {
        let tenants = [of("acme", 3000, 300_000), of("globex", 200, 6_000_000)];
        let counts = runs(seed, tenants);
        for (share, counts) in shares.iter_mut().zip(counts) {
            let [small, large] = [0, 1].map(|of| counts[of] * tenants[of].run_ms);
            *share += large * 100 / (small + large);
        }
    }
    let [before, after] = shares.map(|share| share / SEEDS);
    // With 256 KB besides the bytes, small documents count for too much.
    assert!(before > 60, "{before} %");
    // What runs have taught differs from history to history.
    assert!((46..=58).contains(&after), "{after} %");
}
