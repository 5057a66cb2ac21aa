//! Tests of the model; the test plays the driver and the container.

use super::*;
use crate::{FaultRate, ScaleIn};
use std::collections::BTreeMap;

mod idle;
mod instance_count;
mod instance_pools;
mod random;
mod time_limits;

type RequestId = u32;

fn secs(n: u64) -> Millis {
    Millis::from_secs(n)
}

/// One instance from the start, so that a test has no cold start.
fn warm() -> Settings {
    Settings {
        min_instances: 1,
        ..Settings::default()
    }
}

fn endpoint(settings: Settings) -> Endpoint<RequestId> {
    with_faults(settings, Faults::default())
}

fn with_faults(settings: Settings, faults: Faults) -> Endpoint<RequestId> {
    let mut endpoint = Endpoint::new(settings, faults, Rng::from_seed(1));
    endpoint.advance(Millis::ZERO);
    endpoint
}

fn started(actions: &[EndpointAction<RequestId>]) -> Vec<(RequestId, RunId)> {
    actions
        .iter()
        .filter_map(|action| match action {
            EndpointAction::StartInvocation { run, request, .. } => Some((*request, *run)),
            _ => None,
        })
        .collect()
}

fn published(actions: &[EndpointAction<RequestId>]) -> Vec<(RequestId, InvocationStatus)> {
    actions
        .iter()
        .filter_map(|action| match action {
            EndpointAction::Publish(notification) => {
                Some((notification.request, notification.status))
            }
            _ => None,
        })
        .collect()
}

/// Advances the endpoint up to `until` and reports every write as successful.
fn run_to(endpoint: &mut Endpoint<RequestId>, until: Millis) -> Vec<EndpointAction<RequestId>> {
    let mut seen = Vec::new();
    while let Some(at) = endpoint.next_event_at()
        && at <= until
    {
        for action in endpoint.advance(at) {
            if let EndpointAction::PutOutput { run, .. } | EndpointAction::PutFailure { run, .. } =
                action
            {
                assert!(endpoint.object_stored(at, run, true));
            }
            seen.push(action);
        }
    }
    seen.extend(endpoint.advance(until));
    seen
}

#[test]
fn new_endpoint_publishes_a_test_notification_and_is_idle() {
    let mut endpoint: Endpoint<RequestId> =
        Endpoint::new(Settings::default(), Faults::default(), Rng::from_seed(1));
    assert_eq!(
        endpoint.advance(Millis::ZERO),
        [EndpointAction::TestNotification]
    );
    assert_eq!(endpoint.next_event_at(), None);
    assert_eq!(endpoint.instances().count(), 0);
}

#[test]
fn first_request_waits_for_the_scaling_alarm_and_the_cold_start() {
    let mut endpoint = endpoint(Settings {
        scale_from_zero_datapoints: 2,
        ..Settings::default()
    });
    endpoint.invoke(secs(10), Request::new(1)).unwrap();
    let actions = run_to(&mut endpoint, secs(119));
    assert_eq!(actions, [], "one datapoint is not enough");
    let actions = run_to(&mut endpoint, secs(120));
    let ready_at = secs(120 + 300);
    let instance = InstanceId(1);
    assert_eq!(
        actions,
        [
            EndpointAction::TestNotification,
            EndpointAction::InstanceStarting { instance, ready_at }
        ]
    );
    let actions = run_to(&mut endpoint, ready_at);
    assert_eq!(actions[0], EndpointAction::InstanceInService { instance });
    assert_eq!(started(&actions).len(), 1);
}

#[test]
fn output_is_stored_before_its_notification_is_published() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    assert!(endpoint.invocation_finished(secs(40), run, InvocationStatus::Completed));
    assert_eq!(
        endpoint.advance(secs(40)),
        [EndpointAction::PutOutput { run, request: 7 }]
    );
    assert!(endpoint.object_stored(secs(41), run, true));
    assert_eq!(
        endpoint.advance(secs(41)),
        [EndpointAction::Publish(ResultNotification {
            request: 7,
            status: InvocationStatus::Completed,
            received_at: secs(1),
            finished_at: secs(41),
        })]
    );
    assert!(!endpoint.object_stored(secs(42), run, true), "only once");
    assert_eq!(endpoint.open_requests(), 0);
}

#[test]
fn unwritable_output_fails_the_request() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    endpoint.invocation_finished(secs(2), run, InvocationStatus::Completed);
    endpoint.advance(secs(2));
    endpoint.object_stored(secs(3), run, false);
    let failure = InvocationFailure::OutputUnwritable;
    let actions = run_to(&mut endpoint, secs(3));
    assert!(actions.contains(&EndpointAction::PutFailure {
        run,
        request: 7,
        failure
    }));
    assert_eq!(
        published(&actions),
        [(7, InvocationStatus::Failed(failure))]
    );
}

#[test]
fn application_error_is_published_once_and_not_retried() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let failed = InvocationStatus::Failed(InvocationFailure::ServerError(500));
    assert!(endpoint.invocation_finished(secs(2), run, failed));
    assert!(!endpoint.invocation_finished(secs(2), run, failed));
    let actions = run_to(&mut endpoint, secs(30_000));
    assert_eq!(published(&actions), [(7, failed)]);
    assert_eq!(started(&actions), []);
}

#[test]
fn failure_without_failure_path_writes_no_object() {
    let mut endpoint = endpoint(Settings {
        failure_objects: false,
        ..warm()
    });
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let failed = InvocationStatus::Failed(InvocationFailure::ClientError(400));
    endpoint.invocation_finished(secs(2), run, failed);
    let actions = endpoint.advance(secs(2));
    assert_eq!(actions.len(), 1);
    assert_eq!(published(&actions), [(7, failed)]);
}

#[test]
fn instance_runs_at_most_max_concurrent_requests() {
    let mut endpoint = endpoint(Settings {
        max_concurrent_per_instance: 2,
        ..warm()
    });
    for job in 0..5 {
        endpoint.invoke(secs(1), Request::new(job)).unwrap();
    }
    let first = started(&endpoint.advance(secs(1)));
    assert_eq!(
        first.iter().map(|(job, _)| *job).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!((endpoint.waiting(), endpoint.running()), (3, 2));
    endpoint.invocation_finished(secs(2), first[0].1, InvocationStatus::Completed);
    assert_eq!(
        started(&endpoint.advance(secs(2))),
        [],
        "the request counts as running until its output is stored"
    );
    endpoint.object_stored(secs(3), first[0].1, true);
    assert_eq!(started(&endpoint.advance(secs(3)))[0].0, 2);
}

#[test]
fn lost_instance_returns_its_requests_to_the_queue_and_is_replaced() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, first) = started(&endpoint.advance(secs(1)))[0];
    let lost = endpoint.busiest_instance().unwrap();
    assert!(endpoint.kill_instance(secs(20), lost));
    assert!(!endpoint.invocation_finished(secs(20), first, InvocationStatus::Completed));
    let actions = run_to(&mut endpoint, secs(320));
    let reason = StopReason::Lost;
    assert_eq!(
        actions[0],
        EndpointAction::InstanceStopped {
            instance: lost,
            reason
        }
    );
    assert!(actions.contains(&EndpointAction::Redelivered { request: 7 }));
    let (job, second) = started(&actions)[0];
    assert_eq!((job, second.delivery), (7, 2));
    assert!(!endpoint.invocation_finished(secs(321), first, InvocationStatus::Completed));
    assert!(endpoint.invocation_finished(secs(321), second, InvocationStatus::Completed));
    assert_eq!(published(&run_to(&mut endpoint, secs(322))).len(), 1);
}

#[test]
fn target_tracking_scale_in_stops_an_instance_with_a_long_invocation() {
    let mut endpoint = endpoint(Settings {
        backlog_per_instance_target: 5.0,
        scale_in: ScaleIn::TargetTracking { datapoints: 15 },
        ..Settings::default()
    });
    let request = Request {
        timeout: secs(3600),
        ..Request::new(7)
    };
    endpoint.invoke(secs(1), request).unwrap();
    let actions = run_to(&mut endpoint, secs(3000));
    let scaled_in = actions.iter().any(
        |action| matches!(action, EndpointAction::InstanceStopped { reason, .. } if *reason == StopReason::ScaleIn),
    );
    assert!(scaled_in);
    let deliveries: Vec<_> = started(&actions).iter().map(|s| s.1.delivery).collect();
    assert_eq!(
        deliveries,
        [1, 2, 3],
        "the endpoint scales out again for each redelivery"
    );
}

#[test]
fn instance_gets_no_requests_before_its_container_responds_to_a_ping() {
    let mut endpoint = Endpoint::new(
        Settings {
            health_checks: true,
            ..warm()
        },
        Faults::default(),
        Rng::from_seed(1),
    );
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let actions = endpoint.advance(secs(5));
    let instance = InstanceId(1);
    assert!(actions.contains(&EndpointAction::CheckHealth { instance }));
    assert_eq!(started(&actions), []);
    endpoint.instance_ready(secs(6), instance);
    assert_eq!(started(&endpoint.advance(secs(6))).len(), 1);
}

#[test]
fn notifications_are_lost_duplicated_and_delayed_by_faults() {
    let never = Faults::default();
    let cases = [
        (
            Faults {
                lose_notification: FaultRate::ALWAYS.times(1),
                ..never
            },
            [0, 1],
        ),
        (
            Faults {
                duplicate_notification: FaultRate::ALWAYS.times(1),
                ..never
            },
            [2, 1],
        ),
        (
            Faults {
                duplicate_notification: FaultRate::ALWAYS,
                delay_notification: FaultRate::ALWAYS,
                max_notification_delay: secs(100),
                ..never
            },
            [2, 2],
        ),
    ];
    for (faults, copies) in cases {
        let delayed = faults.delay_notification == FaultRate::ALWAYS;
        let mut endpoint = with_faults(warm(), faults);
        for expected in copies {
            let at = endpoint.now + secs(1000);
            endpoint.invoke(at, Request::new(7)).unwrap();
            let (_, run) = started(&endpoint.advance(at))[0];
            endpoint.invocation_finished(at, run, InvocationStatus::Completed);
            endpoint.advance(at);
            endpoint.object_stored(at, run, true);
            let at_once = published(&endpoint.advance(at)).len();
            let later = published(&run_to(&mut endpoint, at + secs(100))).len();
            assert_eq!(at_once + later, expected, "{faults:?}");
            assert!(!delayed || at_once == 0);
        }
    }
}

#[test]
fn rejected_calls_queue_nothing_and_a_lost_response_leaves_the_request_queued() {
    let mut endpoint = with_faults(
        warm(),
        Faults {
            invoke_throttled: FaultRate::ALWAYS.times(1),
            invoke_unavailable: FaultRate::ALWAYS.times(1),
            invoke_internal_failure: FaultRate::ALWAYS.times(1),
            lose_invoke_response: FaultRate::ALWAYS.times(1),
            ..Faults::default()
        },
    );
    for error in [
        InvokeEndpointError::Throttled,
        InvokeEndpointError::Unavailable,
        InvokeEndpointError::Internal,
    ] {
        let response = endpoint.invoke(secs(1), Request::new(1));
        assert_eq!(response, Err(error));
    }
    assert_eq!(endpoint.open_requests(), 0);
    assert!(
        endpoint
            .invoke(secs(1), Request::new(1))
            .unwrap()
            .response_lost
    );
    assert!(
        !endpoint
            .invoke(secs(1), Request::new(2))
            .unwrap()
            .response_lost
    );
    assert_eq!(endpoint.open_requests(), 2);
}

#[test]
fn failure_reason_starts_with_client_error_for_every_model_error() {
    let hint = "See the SageMaker Endpoint logs in your account for more information.";
    for (failure, what) in [
        (InvocationFailure::ClientError(413), "client error (413)"),
        (InvocationFailure::ServerError(500), "server error (500)"),
        (InvocationFailure::NoResponse, "server error (0)"),
        (InvocationFailure::TimedOut, "server error (0)"),
    ] {
        assert_eq!(
            failure.to_string(),
            format!("ClientError: Received {what} from model. {hint}")
        );
    }
}
