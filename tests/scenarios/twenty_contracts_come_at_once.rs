//! A burst, on a bad day: half of the results are announced to nobody, calls are refused, answers are lost.

use std::time::Instant;

use async_endpoint::{FaultRate, Faults};
use futures_util::{StreamExt, stream};

use crate::support::{contract, let_the_deadline_pass, until};
use crate::wire::book::{Fault, Plan};
use crate::wire::call::INVOKE;
use crate::wire::experiment::{SAVE, TRIES};
use crate::wire::stage::run_alone;

const CONTRACTS: usize = 20;
/// Its first retry is due within 15 s; that of a review within 30 s.
const ENDPOINT: &str = "docket-doc-understanding";

/// What happens to a contract, by its number.
fn plan(number: usize) -> Option<Plan> {
    let (function, operation, at, fault, times) = match number {
        0 | 1 => ("upload-trigger", INVOKE, 0, Fault::LoseReply, 1),
        2..=4 => ("upload-trigger", INVOKE, 0, Fault::Throttle, 1),
        5 | 6 => ("upload-trigger", SAVE, 0, Fault::Throttle, TRIES),
        7 | 8 => ("upload-trigger", SAVE, 1, Fault::LoseReply, TRIES),
        9 | 10 => ("inference-success", SAVE, 0, Fault::LoseReply, TRIES),
        11 => (
            "inference-success",
            "S3 HeadObject",
            0,
            Fault::Throttle,
            TRIES,
        ),
        _ => return None,
    };
    Some(Plan {
        function,
        operation: operation.to_owned(),
        at,
        fault,
        times,
    })
}

/// Only an endpoint's answer that was lost may cost a second run.
fn may_repeat(number: usize) -> bool {
    number < 2
}

/// "Every job reaches `Ready`, `Failed` or `Cancelled` within a bound that its pipeline states, whatever messages are
/// lost, doubled, late or swapped, and wherever a function dies."
#[test]
fn and_all_become_ready_though_half_of_the_results_are_not_announced() {
    run_alone(async |stage| {
        stage.batches_of(10).await;
        let keys: Vec<String> = (0..CONTRACTS)
            .map(|number| format!("inbound-documents/burst/{number:02}.pdf"))
            .collect();
        let jobs: Vec<String> = keys.iter().map(|key| stage.job(key)).collect();
        for (number, (key, job)) in keys.iter().zip(&jobs).enumerate() {
            let plans = plan(number).into_iter().collect();
            stage.wire.book().expect(job, key, plans, &[]);
        }
        let endpoints = &stage.stack.endpoints;
        let lose = Faults {
            lose_notification: FaultRate::ALWAYS.times(CONTRACTS as u32 / 2),
            ..Faults::default()
        };
        endpoints.set_faults(ENDPOINT, lose).unwrap();
        let began = Instant::now();
        let bytes = contract();
        stream::iter(&keys)
            .for_each_concurrent(CONTRACTS, |key| stage.upload(key, &bytes))
            .await;
        // Until nothing moves by itself any more: each is ready, or runs no longer and nobody says so.
        until("all that is announced", async || {
            let states = stage.states(&jobs).await;
            let settled = |state: &&String| matches!(state.as_str(), "Ready" | "InProgress");
            let all = states.values().filter(settled).count() == CONTRACTS;
            let state = endpoints.state(ENDPOINT).unwrap();
            let idle = state.waiting + state.running == 0;
            (all && idle && jobs.iter().all(|job| stage.wire.book().runs(job).0 > 0)).then_some(())
        })
        .await;
        stage.quiet().await;
        let states = stage.states(&jobs).await;
        let silent: Vec<&String> = jobs.iter().filter(|job| states[*job] != "Ready").collect();
        assert!(
            silent.len() >= CONTRACTS / 4,
            "nothing is to be repaired: {states:?}"
        );
        let settled = began.elapsed();
        for job in &silent {
            let_the_deadline_pass(&stage.stack, job).await;
        }
        let repair = Instant::now();
        let found = stage.reconcile(false).await;
        assert!(
            found["woken"].as_u64() >= Some(silent.len() as u64),
            "{found}"
        );
        stage.ended(jobs.iter().cloned()).await;
        let repaired = repair.elapsed();
        stage.quiet().await;

        let mut problems = stage.set_aside().await;
        let states = stage.states(&jobs).await;
        let mut twice = 0;
        for (number, job) in jobs.iter().enumerate() {
            let heard = async || (!stage.heard(job).is_empty()).then_some(());
            until("the event of a job", heard).await;
            let (runs, accepted) = stage.wire.book().runs(job);
            let accepted = accepted.len();
            let most = 1 + usize::from(may_repeat(number));
            twice += usize::from(accepted > 1);
            if states[job] != "Ready" || !(1..=most).contains(&runs) || accepted > most {
                let state = &states[job];
                problems.push(format!(
                    "{number} is {state} after {runs} runs of {accepted} calls"
                ));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "burst: {CONTRACTS} contracts settled after {:.1} s, {} without a word; those were repaired {:.1} s after \
             their deadline; {twice} called for twice",
            settled.as_secs_f64(),
            silent.len(),
            repaired.as_secs_f64(),
        );
        stage.batches_of(1).await;
    });
}
