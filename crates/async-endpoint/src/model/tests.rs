//! The model against a container that is itself a few lines of model.

use super::*;
use crate::{Fault, ScaleIn};
use std::collections::BTreeMap;

mod idle;
mod random;

type Job = u32;

fn secs(n: u64) -> Millis {
    Millis::from_secs(n)
}

/// One warm instance: no cold start in the way of what a test is about.
fn warm() -> Settings {
    Settings {
        min_instances: 1,
        ..Settings::default()
    }
}

fn endpoint(settings: Settings) -> Endpoint<Job> {
    with_faults(settings, Faults::default())
}

fn with_faults(settings: Settings, faults: Faults) -> Endpoint<Job> {
    let mut endpoint = Endpoint::new(settings, faults, Rng::from_seed(1));
    endpoint.advance(Millis::ZERO);
    endpoint
}

fn started(actions: &[Action<Job>]) -> Vec<(Job, RunId)> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::StartInvocation { run, request, .. } => Some((*request, *run)),
            _ => None,
        })
        .collect()
}

fn published(actions: &[Action<Job>]) -> Vec<(Job, Outcome)> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Publish(notice) => Some((notice.request, notice.outcome)),
            _ => None,
        })
        .collect()
}

/// Wakes the endpoint whenever it wants to be, up to `until`, and answers every write.
fn run_to(endpoint: &mut Endpoint<Job>, until: Millis) -> Vec<Action<Job>> {
    let mut seen = Vec::new();
    while let Some(at) = endpoint.next_wake()
        && at <= until
    {
        for action in endpoint.advance(at) {
            if let Action::PutOutput { run, .. } | Action::PutFailure { run, .. } = action {
                assert!(endpoint.stored(at, run, true));
            }
            seen.push(action);
        }
    }
    seen.extend(endpoint.advance(until));
    seen
}

#[test]
fn a_new_endpoint_announces_itself_and_rests() {
    let mut endpoint: Endpoint<Job> =
        Endpoint::new(Settings::default(), Faults::default(), Rng::from_seed(1));
    assert_eq!(endpoint.advance(Millis::ZERO), [Action::TestNotification]);
    assert_eq!(endpoint.next_wake(), None);
    assert_eq!(endpoint.instances().count(), 0);
}

#[test]
fn a_request_from_zero_waits_for_the_alarm_and_the_cold_start() {
    let mut endpoint = endpoint(Settings {
        wake_datapoints: 2,
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
            Action::TestNotification,
            Action::InstanceStarting { instance, ready_at }
        ]
    );
    let actions = run_to(&mut endpoint, ready_at);
    assert_eq!(actions[0], Action::InstanceInService { instance });
    assert_eq!(started(&actions).len(), 1);
}

#[test]
fn the_output_is_stored_before_it_is_announced() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    assert!(endpoint.model_answered(secs(40), run, Outcome::Completed));
    assert_eq!(
        endpoint.advance(secs(40)),
        [Action::PutOutput { run, request: 7 }]
    );
    assert!(endpoint.stored(secs(41), run, true));
    assert_eq!(
        endpoint.advance(secs(41)),
        [Action::Publish(Notice {
            request: 7,
            outcome: Outcome::Completed,
            received_at: secs(1),
            finished_at: secs(41),
        })]
    );
    assert!(!endpoint.stored(secs(42), run, true), "only once");
    assert_eq!(endpoint.open(), 0);
}

#[test]
fn an_output_that_cannot_be_written_becomes_a_failure() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    endpoint.model_answered(secs(2), run, Outcome::Completed);
    endpoint.advance(secs(2));
    endpoint.stored(secs(3), run, false);
    let failure = Failure::OutputUnwritable;
    let actions = run_to(&mut endpoint, secs(3));
    assert!(actions.contains(&Action::PutFailure {
        run,
        request: 7,
        failure
    }));
    assert_eq!(published(&actions), [(7, Outcome::Failed(failure))]);
}

#[test]
fn an_application_error_is_reported_once_and_never_retried() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let failed = Outcome::Failed(Failure::ServerError(500));
    assert!(endpoint.model_answered(secs(2), run, failed));
    assert!(!endpoint.model_answered(secs(2), run, failed));
    let actions = run_to(&mut endpoint, secs(30_000));
    assert_eq!(published(&actions), [(7, failed)]);
    assert_eq!(started(&actions), []);
}

#[test]
fn without_a_failure_path_there_is_only_the_message() {
    let mut endpoint = endpoint(Settings {
        failure_objects: false,
        ..warm()
    });
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let failed = Outcome::Failed(Failure::ClientError(400));
    endpoint.model_answered(secs(2), run, failed);
    let actions = endpoint.advance(secs(2));
    assert_eq!(actions.len(), 1);
    assert_eq!(published(&actions), [(7, failed)]);
}

#[test]
fn an_instance_works_on_as_many_at_a_time_as_it_is_told() {
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
    endpoint.model_answered(secs(2), first[0].1, Outcome::Completed);
    assert_eq!(
        started(&endpoint.advance(secs(2))),
        [],
        "the slot is held until the answer is stored"
    );
    endpoint.stored(secs(3), first[0].1, true);
    assert_eq!(started(&endpoint.advance(secs(3)))[0].0, 2);
}

#[test]
fn the_ttl_counts_time_in_the_queue_only() {
    let settings = Settings {
        wake_datapoints: u32::MAX,
        ..Settings::default()
    };
    let request = Request {
        ttl: secs(60),
        ..Request::new(7)
    };
    let mut cold = endpoint(settings);
    cold.invoke(secs(1), request.clone()).unwrap();
    assert_eq!(run_to(&mut cold, secs(60)), []);
    let actions = run_to(&mut cold, secs(61));
    assert_eq!(actions[0], Action::Expired { request: 7 });
    let expired = Outcome::Failed(Failure::Expired);
    assert_eq!(published(&actions), [(7, expired)]);
    assert_eq!((cold.open(), cold.stats().expired), (0, 1));

    let mut running = endpoint(warm());
    running.invoke(secs(1), request).unwrap();
    let (_, run) = started(&running.advance(secs(1)))[0];
    run_to(&mut running, secs(300));
    assert!(running.model_answered(secs(300), run, Outcome::Completed));
}

#[test]
fn a_request_that_expired_inside_the_queue_is_passed_over() {
    for stored in [false, true] {
        let mut endpoint = endpoint(Settings {
            wake_datapoints: u32::MAX,
            max_concurrent_per_instance: 8,
            ..Settings::default()
        });
        for (job, ttl) in [(0, 600), (1, 60), (2, 600)] {
            let request = Request {
                ttl: secs(ttl),
                ..Request::new(job)
            };
            endpoint.invoke(secs(1), request).unwrap();
        }
        for action in endpoint.advance(secs(61)) {
            if let Action::PutFailure { run, .. } = action
                && stored
            {
                endpoint.stored(secs(61), run, true);
            }
        }
        // Takes the place in memory of the expired one, if that is gone for good.
        endpoint.invoke(secs(62), Request::new(3)).unwrap();
        endpoint.set_limits(secs(62), 1, 1);
        let begun = started(&endpoint.advance(secs(362)));
        let jobs: Vec<_> = begun.iter().map(|(job, _)| *job).collect();
        assert_eq!(jobs, [0, 2, 3], "stored: {stored}");
    }
}

#[test]
fn expiry_can_be_silent() {
    let mut endpoint = endpoint(Settings {
        announce_expiry: false,
        wake_datapoints: u32::MAX,
        ..Settings::default()
    });
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let actions = run_to(&mut endpoint, secs(30_000));
    assert_eq!(actions, [Action::Expired { request: 7 }]);
    assert_eq!(endpoint.next_wake(), None);
}

#[test]
fn a_run_past_its_timeout_fails_and_its_answer_comes_too_late() {
    let mut endpoint = endpoint(warm());
    let request = Request {
        timeout: secs(30),
        ..Request::new(7)
    };
    endpoint.invoke(secs(1), request).unwrap();
    endpoint.invoke(secs(1), Request::new(8)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let actions = run_to(&mut endpoint, secs(31));
    let why = Abandoned::TimedOut;
    assert_eq!(actions[0], Action::Abandon { run, why });
    let timed_out = Outcome::Failed(Failure::TimedOut);
    assert_eq!(published(&actions), [(7, timed_out)]);
    assert_eq!(started(&actions)[0].0, 8, "the slot is free again");
    assert!(!endpoint.model_answered(secs(32), run, Outcome::Completed));
}

#[test]
fn limits_of_the_service_are_kept() {
    let mut endpoint = endpoint(warm());
    for (ttl, timeout, refusal) in [
        (59, 900, ApiError::TtlOutOfRange),
        (21_601, 900, ApiError::TtlOutOfRange),
        (60, 0, ApiError::TimeoutOutOfRange),
        (60, 3601, ApiError::TimeoutOutOfRange),
    ] {
        let request = Request {
            payload: 1,
            ttl: secs(ttl),
            timeout: secs(timeout),
        };
        assert_eq!(endpoint.invoke(secs(1), request), Err(refusal));
    }
    endpoint.set_in_service(false);
    assert_eq!(
        endpoint.invoke(secs(1), Request::new(1)),
        Err(ApiError::NotInService)
    );
    assert_eq!(endpoint.open(), 0);
}

#[test]
fn a_killed_instance_gives_its_requests_back_and_is_replaced() {
    let mut endpoint = endpoint(warm());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, first) = started(&endpoint.advance(secs(1)))[0];
    let victim = endpoint.busiest_instance().unwrap();
    assert!(endpoint.kill_instance(secs(20), victim));
    assert!(!endpoint.model_answered(secs(20), first, Outcome::Completed));
    let actions = run_to(&mut endpoint, secs(320));
    let why = Stopped::Lost;
    assert_eq!(
        actions[0],
        Action::InstanceStopped {
            instance: victim,
            why
        }
    );
    assert!(actions.contains(&Action::Redelivered { request: 7 }));
    let (job, second) = started(&actions)[0];
    assert_eq!((job, second.delivery), (7, 2));
    assert!(!endpoint.model_answered(secs(321), first, Outcome::Completed));
    assert!(endpoint.model_answered(secs(321), second, Outcome::Completed));
    assert_eq!(published(&run_to(&mut endpoint, secs(322))).len(), 1);
}

#[test]
fn a_request_whose_ttl_is_past_does_not_outlive_its_instance() {
    let mut endpoint = endpoint(warm());
    let request = Request {
        ttl: secs(60),
        timeout: secs(3600),
        payload: 7,
    };
    endpoint.invoke(secs(1), request).unwrap();
    endpoint.advance(secs(1));
    endpoint.kill_instance(secs(600), InstanceId(1));
    let actions = run_to(&mut endpoint, secs(2000));
    assert_eq!(
        published(&actions),
        [(7, Outcome::Failed(Failure::Expired))]
    );
}

#[test]
fn tracking_scale_in_takes_the_instance_from_under_a_long_run() {
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
        |action| matches!(action, Action::InstanceStopped { why, .. } if *why == Stopped::ScaleIn),
    );
    assert!(scaled_in);
    let deliveries: Vec<_> = started(&actions).iter().map(|s| s.1.delivery).collect();
    assert_eq!(deliveries, [1, 2, 3], "woken again and again for it");
}

#[test]
fn an_instance_takes_no_work_before_its_container_answers() {
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
    assert!(actions.contains(&Action::CheckHealth { instance }));
    assert_eq!(started(&actions), []);
    endpoint.instance_ready(secs(6), instance);
    assert_eq!(started(&endpoint.advance(secs(6))).len(), 1);
}

#[test]
fn notifications_are_lost_doubled_and_late_as_told() {
    let never = Faults::default();
    let cases = [
        (
            Faults {
                lose_notification: Fault::ALWAYS.times(1),
                ..never
            },
            [0, 1],
        ),
        (
            Faults {
                double_notification: Fault::ALWAYS.times(1),
                ..never
            },
            [2, 1],
        ),
        (
            Faults {
                double_notification: Fault::ALWAYS,
                delay_notification: Fault::ALWAYS,
                longest_delay: secs(100),
                ..never
            },
            [2, 2],
        ),
    ];
    for (faults, copies) in cases {
        let late = faults.delay_notification == Fault::ALWAYS;
        let mut endpoint = with_faults(warm(), faults);
        for expected in copies {
            let at = endpoint.now + secs(1000);
            endpoint.invoke(at, Request::new(7)).unwrap();
            let (_, run) = started(&endpoint.advance(at))[0];
            endpoint.model_answered(at, run, Outcome::Completed);
            endpoint.advance(at);
            endpoint.stored(at, run, true);
            let at_once = published(&endpoint.advance(at)).len();
            let later = published(&run_to(&mut endpoint, at + secs(100))).len();
            assert_eq!(at_once + later, expected, "{faults:?}");
            assert!(!late || at_once == 0);
        }
    }
}

#[test]
fn refused_calls_leave_nothing_behind_and_a_lost_reply_leaves_the_request() {
    let mut endpoint = with_faults(
        warm(),
        Faults {
            throttle_invoke: Fault::ALWAYS.times(1),
            refuse_invoke: Fault::ALWAYS.times(1),
            break_invoke: Fault::ALWAYS.times(1),
            lose_invoke_reply: Fault::ALWAYS.times(1),
            ..Faults::default()
        },
    );
    for refusal in [
        ApiError::Throttled,
        ApiError::Unavailable,
        ApiError::Internal,
    ] {
        let answer = endpoint.invoke(secs(1), Request::new(1));
        assert_eq!(answer, Err(refusal));
    }
    assert_eq!(endpoint.open(), 0);
    assert!(
        endpoint
            .invoke(secs(1), Request::new(1))
            .unwrap()
            .reply_lost
    );
    assert!(
        !endpoint
            .invoke(secs(1), Request::new(2))
            .unwrap()
            .reply_lost
    );
    assert_eq!(endpoint.open(), 2);
}

#[test]
fn the_reason_says_client_error_whatever_went_wrong_in_the_model() {
    let hint = "See the SageMaker Endpoint logs in your account for more information.";
    for (failure, what) in [
        (Failure::ClientError(413), "client error (413)"),
        (Failure::ServerError(500), "server error (500)"),
        (Failure::NoResponse, "server error (0)"),
        (Failure::TimedOut, "server error (0)"),
    ] {
        assert_eq!(
            failure.to_string(),
            format!("ClientError: Received {what} from model. {hint}")
        );
    }
}
