//! A function dies, or what it calls does, at any of its calls: nothing is lost, nothing hangs, and no document is
//! read twice but where nobody can know that it was read.
//!
//! Each scenario watches which calls an undisturbed run makes, and then runs every one of them with every fault.

use std::time::Duration;

use crate::support::until;
use crate::fault_proxy::state::{Fault, Plan};
use crate::fault_proxy::protocol::INVOKE;
use crate::fault_proxy::fault_matrix::{Experiment, SAVE};
use crate::fault_proxy::stack::run;

/// "Every object version that is current when it is processed has exactly one job, whatever S3 events are lost, doubled
/// or reordered."
#[test]
fn submission_survives_every_fault_at_every_call() {
    run(async |stage| {
        let submit = Experiment {
            name: "submit",
            prefix: "inbound/",
            function: "upload-trigger",
            refused: false,
            model: &[200],
            end: "Ready",
        };
        submit.run(stage).await;
    });
}

/// "Whatever a state asks for (invoke, retry message, push, event) is carried out at least once."
#[test]
fn result_recording_survives_every_fault_at_every_call() {
    run(async |stage| {
        let result = Experiment {
            name: "result",
            prefix: "inbound-documents/",
            function: "inference-success",
            refused: false,
            model: &[200],
            end: "Ready",
        };
        result.run(stage).await;
    });
}

/// "A final state is never overwritten by a late or doubled message."
#[test]
fn failure_recording_survives_every_fault_at_every_call() {
    run(async |stage| {
        let failure = Experiment {
            name: "failure",
            prefix: "inbound/",
            function: "inference-error",
            refused: false,
            model: &[400],
            end: "Failed",
        };
        failure.run(stage).await;
    });
}

/// "Every job reaches `Ready`, `Failed` or `Cancelled` within a bound that its pipeline states, whatever messages are
/// lost, doubled, late or swapped, and wherever a function dies."
#[test]
fn retry_scheduling_survives_every_fault_at_every_call() {
    run(async |stage| {
        let again = Experiment {
            name: "again",
            prefix: "inbound-documents/",
            function: "inference-error",
            refused: false,
            model: &[500, 200],
            end: "Ready",
        };
        again.run(stage).await;
    });
}

/// "A duplicate event costs no second GPU run. Only a lost answer or record of the invoke call, or an attempt past its
/// deadline, may repeat one."
#[test]
fn retry_invocation_survives_every_fault_at_every_call() {
    run(async |stage| {
        let retry = Experiment {
            name: "retry",
            prefix: "inbound-documents/",
            function: "retry",
            refused: true,
            model: &[200],
            end: "Ready",
        };
        retry.run(stage).await;
    });
}

/// The scenarios above can fail: where a service lies, or a call is made twice that must not be, they say so.
#[test]
fn fault_checks_detect_lost_events_lost_writes_and_duplicate_runs() {
    run(async |stage| {
        let lies = Experiment {
            name: "lies",
            prefix: "inbound/",
            function: "inference-success",
            refused: false,
            model: &[200],
            end: "Ready",
        };
        let plan = |function, operation: &str, fault| Plan {
            function,
            operation: operation.to_owned(),
            at: 0,
            fault,
            times: 1,
        };
        let event = plan("inference-success", "EventBridge PutEvents", Fault::Swallow);
        let save = plan("inference-success", SAVE, Fault::Swallow);
        let twice = plan("upload-trigger", INVOKE, Fault::KillAfter);
        let mut documents = vec![
            lies.document(stage, "no-event", Some(event), false),
            lies.document(stage, "twice", Some(twice), true),
        ];
        // As if it were not allowed.
        documents[1].is_repeated = false;
        lies.process(stage, &documents).await;
        // Its function believes that it was saved, and says so.
        let open = lies.document(stage, "not-saved", Some(save), false);
        lies.upload(stage, std::slice::from_ref(&open)).await;
        let heard = async || (!stage.heard(&open.job).is_empty()).then_some(());
        until("the event of a job that was not saved", heard).await;
        documents.push(open);
        let mut problems = lies.problems(stage, &documents, Duration::ZERO).await;
        problems.sort();
        assert!(
            problems.len() == 3
                && problems[0] == "no-event: the bus said []"
                && problems[1] == "not-saved: is InProgress"
                && problems[2].starts_with("twice: ")
                && problems[2].contains(" of 2 calls ")
                && problems[2].ends_with(", and 1 were planned"),
            "{problems:?}"
        );
    });
}
