//! A function is killed, or a call fails, at any of its calls. No job is lost or stuck, and no document is inferred
//! twice unless the function cannot know that its invocation was accepted.
//!
//! Each scenario records the calls of a run without faults, and then injects every fault into every one of them.

use std::time::Duration;

use crate::fault_proxy::fault_matrix::{FaultMatrix, SAVE};
use crate::fault_proxy::protocol::INVOKE;
use crate::fault_proxy::stack::run;
use crate::fault_proxy::state::{CallFault, PlannedFault};
use crate::support::until;

/// Guarantee 1: every current object version has exactly one job, whatever S3 events are lost, duplicated or reordered.
#[test]
fn submission_survives_every_fault_at_every_call() {
    run(async |stack| {
        let submit = FaultMatrix {
            name: "submit",
            prefix: "inbound/",
            function: "upload-trigger",
            throttle_first_invocation: false,
            model_statuses: &[200],
            final_status: "Ready",
        };
        submit.run(stack).await;
    });
}

/// Guarantee 10: every effect of a state (invoke, retry message, push, event) runs at least once.
#[test]
fn result_recording_survives_every_fault_at_every_call() {
    run(async |stack| {
        let result = FaultMatrix {
            name: "result",
            prefix: "inbound-documents/",
            function: "inference-success",
            throttle_first_invocation: false,
            model_statuses: &[200],
            final_status: "Ready",
        };
        result.run(stack).await;
    });
}

/// Guarantee 4: a late or duplicated message never overwrites a final state.
#[test]
fn failure_recording_survives_every_fault_at_every_call() {
    run(async |stack| {
        let failure = FaultMatrix {
            name: "failure",
            prefix: "inbound/",
            function: "inference-error",
            throttle_first_invocation: false,
            model_statuses: &[400],
            final_status: "Failed",
        };
        failure.run(stack).await;
    });
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
#[test]
#[ignore = "all its documents fail in a row, so the circuit breaker opens and lets one of them probe each minute: it needs successes in between"]
fn retry_scheduling_survives_every_fault_at_every_call() {
    run(async |stack| {
        let again = FaultMatrix {
            name: "again",
            prefix: "inbound-documents/",
            function: "inference-error",
            throttle_first_invocation: false,
            model_statuses: &[500, 200],
            final_status: "Ready",
        };
        again.run(stack).await;
    });
}

/// Guarantee 5: only a lost answer or record of the invoke call, or an attempt past its deadline, repeats a GPU run.
#[test]
fn retry_invocation_survives_every_fault_at_every_call() {
    run(async |stack| {
        let retry = FaultMatrix {
            name: "retry",
            prefix: "inbound-documents/",
            function: "retry",
            throttle_first_invocation: true,
            model_statuses: &[200],
            final_status: "Ready",
        };
        retry.run(stack).await;
    });
}

/// The scenarios above can fail: they report an event that was not published, a row that was not saved, and a second
/// invocation that was not expected.
#[test]
fn fault_checks_detect_lost_events_lost_writes_and_duplicate_runs() {
    run(async |stack| {
        let matrix = FaultMatrix {
            name: "checks",
            prefix: "inbound/",
            function: "inference-success",
            throttle_first_invocation: false,
            model_statuses: &[200],
            final_status: "Ready",
        };
        let first_call = |function, operation: &str, fault| PlannedFault {
            function,
            operation: operation.to_owned(),
            after: 0,
            fault,
            times: 1,
        };
        let publish = "EventBridge PutEvents";
        let no_event = first_call("inference-success", publish, CallFault::FalseSuccess);
        let no_save = first_call("inference-success", SAVE, CallFault::FalseSuccess);
        let invoked_twice = first_call("upload-trigger", INVOKE, CallFault::KillAfter);
        let mut cases = vec![
            matrix.case(stack, "no-event", Some(no_event)),
            matrix.case_invoked_twice(stack, "twice", invoked_twice),
        ];
        // Expect one invocation.
        cases[1].is_invoked_twice = false;
        matrix.process(stack, &cases).await;
        // The function believes that the row was saved, and publishes the event.
        let not_saved = matrix.case(stack, "not-saved", Some(no_save));
        matrix.upload(stack, std::slice::from_ref(&not_saved)).await;
        let published = async || (!stack.events_of(&not_saved.job).is_empty()).then_some(());
        until("the event of a job that was not saved", published).await;
        let published = async || (!stack.events_of(&cases[1].job).is_empty()).then_some(());
        until("the event of the job that was invoked twice", published).await;
        cases.push(not_saved);
        let mut problems = matrix.problems(stack, &cases, Duration::ZERO).await;
        problems.sort();
        assert!(
            problems.len() == 3
                && problems[0] == "no-event: the bus received []"
                && problems[1] == "not-saved: is InProgress"
                && problems[2].starts_with("twice: ")
                && problems[2].contains(" of 2 invocations ")
                && problems[2].ends_with(", expected 1"),
            "{problems:?}"
        );
    });
}
