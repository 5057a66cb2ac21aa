//! A burst of uploads while notifications are lost, calls are throttled and responses are lost.

use std::time::Instant;

use async_endpoint::{FaultRate, Faults};
use futures_util::{StreamExt, stream};

use crate::fault_proxy::fault_matrix::{MAX_TRIES, SAVE};
use crate::fault_proxy::protocol::INVOKE;
use crate::fault_proxy::stack::run_alone;
use crate::fault_proxy::state::{CallFault, JobRuns, PlannedFault};
use crate::support::{CHECKS_SENT, DOC_UNDERSTANDING, contract, expire_deadline, until};

const CONTRACTS: usize = 20;

/// The fault of a contract, by its number.
fn planned_fault(number: usize) -> Option<PlannedFault> {
    let fault = |function, operation: &str, fault, times| PlannedFault {
        function,
        operation: operation.to_owned(),
        after: 0,
        fault,
        times,
    };
    let planned = match number {
        0 | 1 => fault("upload-trigger", INVOKE, CallFault::LoseResponse, 1),
        2..=4 => fault("upload-trigger", INVOKE, CallFault::Throttle, 1),
        5 | 6 => fault("upload-trigger", SAVE, CallFault::Throttle, MAX_TRIES),
        7 | 8 => PlannedFault {
            after: 1,
            ..fault("upload-trigger", SAVE, CallFault::LoseResponse, MAX_TRIES)
        },
        9 | 10 => fault(
            "inference-success",
            SAVE,
            CallFault::LoseResponse,
            MAX_TRIES,
        ),
        11 => fault(
            "inference-success",
            "S3 HeadObject",
            CallFault::Throttle,
            MAX_TRIES,
        ),
        _ => return None,
    };
    Some(planned)
}

/// Only a lost response of the endpoint may cause a second run.
fn may_run_twice(number: usize) -> bool {
    number < 2
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
///
/// Uses pipeline `doc-understanding`: its first retry is due within 15 s, that of `legal-review` within 30 s.
#[test]
fn burst_with_half_of_the_notifications_lost_becomes_ready() {
    run_alone(async |stack| {
        stack.set_batch_size(10).await;
        let keys: Vec<String> = (0..CONTRACTS)
            .map(|number| format!("inbound-documents/burst/{number:02}.pdf"))
            .collect();
        let jobs: Vec<String> = keys.iter().map(|key| stack.job(key)).collect();
        for (number, (key, job)) in keys.iter().zip(&jobs).enumerate() {
            let faults = planned_fault(number).into_iter().collect();
            stack.proxy.state().track(job, key, faults, &[]);
        }
        let endpoints = &stack.stack.endpoints;
        let lose_half = Faults {
            lose_notification: FaultRate::ALWAYS.times(CONTRACTS as u32 / 2),
            ..Faults::default()
        };
        endpoints.set_faults(DOC_UNDERSTANDING, lose_half).unwrap();
        let started = Instant::now();
        let bytes = contract();
        stream::iter(&keys)
            .for_each_concurrent(CONTRACTS, |key| stack.upload(key, &bytes))
            .await;
        // Until nothing changes without the reconciler: each job is ready, or its run has ended without a notification.
        until("the results with a notification", async || {
            let statuses = stack.statuses(&jobs).await;
            let settled = |status: &&String| matches!(status.as_str(), "Ready" | "InProgress");
            let all_settled = statuses.values().filter(settled).count() == CONTRACTS;
            let state = endpoints.state(DOC_UNDERSTANDING).unwrap();
            let idle = state.waiting + state.running == 0;
            let ran = |job: &String| stack.proxy.state().runs(job).model_runs > 0;
            (all_settled && idle && jobs.iter().all(ran)).then_some(())
        })
        .await;
        stack.wait_for_empty_queues().await;
        let statuses = stack.statuses(&jobs).await;
        let unreported: Vec<&String> = jobs
            .iter()
            .filter(|job| statuses[*job] != "Ready")
            .collect();
        assert!(
            unreported.len() >= CONTRACTS / 4,
            "too few notifications were lost: {statuses:?}"
        );
        let settled = started.elapsed();
        for job in &unreported {
            expire_deadline(&stack.stack, job).await;
        }
        let recovery = Instant::now();
        let report = stack.reconcile(false).await;
        assert!(
            report[CHECKS_SENT].as_u64() >= Some(unreported.len() as u64),
            "{report}"
        );
        stack.wait_for_end(jobs.iter().cloned()).await;
        let recovered = recovery.elapsed();
        stack.wait_for_empty_queues().await;

        let mut problems = stack.unprocessed_messages().await;
        let statuses = stack.statuses(&jobs).await;
        let mut invoked_twice = 0;
        for (number, job) in jobs.iter().enumerate() {
            let published = async || (!stack.events_of(job).is_empty()).then_some(());
            until("the event of a job", published).await;
            let JobRuns {
                model_runs,
                accepted,
            } = stack.proxy.state().runs(job);
            let accepted = accepted.len();
            let max_runs = 1 + usize::from(may_run_twice(number));
            invoked_twice += usize::from(accepted > 1);
            let status = &statuses[job];
            if status != "Ready" || !(1..=max_runs).contains(&model_runs) || accepted > max_runs {
                problems.push(format!(
                    "{number} is {status} after {model_runs} runs of {accepted} invocations"
                ));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "burst: {CONTRACTS} contracts settled after {:.1} s, {} without a notification; those recovered {:.1} s \
             after their deadline; {invoked_twice} invoked twice",
            settled.as_secs_f64(),
            unreported.len(),
            recovered.as_secs_f64(),
        );
        stack.set_batch_size(1).await;
    });
}
