//! Scale-in of idle endpoints, and warm hours.

use super::*;
use crate::{Days, WarmHours};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Like [`run_to`], but reports the open-jobs metric every five minutes.
fn run_with_metric(
    endpoint: &mut Endpoint<RequestId>,
    from: u64,
    until: u64,
    open: impl Fn(u64) -> Option<u32>,
) -> Vec<EndpointAction<RequestId>> {
    let mut seen = Vec::new();
    for at in (from..until).filter(|at| at.is_multiple_of(300)) {
        seen.extend(run_to(endpoint, secs(at)));
        if let Some(open) = open(at) {
            endpoint.report_open_jobs(secs(at), open);
        }
    }
    seen.extend(run_to(endpoint, secs(until)));
    seen
}

fn scaled_in(actions: &[EndpointAction<RequestId>]) -> bool {
    let is_scale_in = |action: &EndpointAction<RequestId>| matches!(action, EndpointAction::InstanceStopped { reason, .. } if *reason == StopReason::ScaleIn);
    actions.iter().any(is_scale_in)
}

/// An endpoint whose only request ended after seven and a half minutes.
fn endpoint_after_one_request() -> Endpoint<RequestId> {
    let mut endpoint = endpoint(Settings::default());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&run_with_metric(&mut endpoint, 0, 420, |_| Some(1)))[0];
    endpoint.invocation_finished(secs(450), run, InvocationStatus::Completed);
    endpoint
}

#[test]
fn idle_endpoint_scales_in_to_zero() {
    let mut endpoint = endpoint_after_one_request();
    run_with_metric(&mut endpoint, 450, 5000, |_| Some(0));
    assert_eq!(endpoint.instances().count(), 0);
    assert_eq!(endpoint.next_event_at(), None);
    // Five minutes of cold start, half a minute of work, ten and a half minutes idle.
    assert_eq!(endpoint.instance_time(), secs(1080 - 60));
}

#[test]
fn instances_stay_while_a_job_is_open_even_if_the_backlog_is_zero() {
    let mut endpoint = endpoint_after_one_request();
    let two_hours = |at| Some(u32::from(at < 2 * HOUR));
    let actions = run_with_metric(&mut endpoint, 450, 2 * HOUR + 5 * MINUTE, two_hours);
    assert!(!scaled_in(&actions));
    assert_eq!(endpoint.instances().count(), 1);
    let actions = run_with_metric(&mut endpoint, 2 * HOUR + 5 * MINUTE, 3 * HOUR, two_hours);
    assert!(scaled_in(&actions));
}

#[test]
fn instances_stay_while_the_open_jobs_metric_is_missing() {
    let mut endpoint = endpoint_after_one_request();
    let actions = run_with_metric(&mut endpoint, 450, 24 * HOUR, |_| None);
    assert!(!scaled_in(&actions));
    assert_eq!(endpoint.instances().count(), 1);
}

#[test]
fn instances_stay_while_a_request_runs_even_if_no_job_is_open() {
    let mut endpoint = endpoint(Settings {
        max_instances: 3,
        ..Settings::default()
    });
    let request = Request {
        timeout: secs(3600),
        ..Request::new(7)
    };
    endpoint.invoke(secs(1), request).unwrap();
    let actions = run_with_metric(&mut endpoint, 0, HOUR, |_| Some(0));
    assert!(!scaled_in(&actions));
    assert_eq!(started(&actions).len(), 1);
}

fn office_hours(days: &str) -> Settings {
    Settings {
        max_instances: 3,
        warm_hours: Some(WarmHours {
            instances: 2,
            days: Days::parse(days).unwrap(),
            from: 7 * 60 + 30,
            until: 19 * 60,
        }),
        ..Settings::default()
    }
}

#[test]
fn warm_hours_start_instances_and_idle_ones_stop_after_their_end() {
    let mut endpoint = endpoint(office_hours("MON"));
    let zero = |_| Some(0);
    run_with_metric(&mut endpoint, 0, 7 * HOUR + 29 * MINUTE, zero);
    assert_eq!(endpoint.instances().count(), 0);
    let morning = 7 * HOUR + 30 * MINUTE;
    let actions = run_to(&mut endpoint, secs(morning));
    let starting = |action: &&EndpointAction<RequestId>| {
        matches!(action, EndpointAction::InstanceStarting { .. })
    };
    assert_eq!(actions.iter().filter(starting).count(), 2);
    // Idle all day: the alarm has no effect until the minimum is lowered, then within a minute.
    run_with_metric(&mut endpoint, morning, 19 * HOUR, zero);
    assert_eq!(endpoint.instances().count(), 2);
    run_with_metric(&mut endpoint, 19 * HOUR, 19 * HOUR + MINUTE, zero);
    assert_eq!(endpoint.instances().count(), 0);
    run_with_metric(&mut endpoint, 19 * HOUR + MINUTE, 6 * 24 * HOUR, zero);
    assert_eq!(
        endpoint.instance_time(),
        secs(2 * (11 * HOUR + 31 * MINUTE))
    );
}

#[test]
fn end_of_warm_hours_does_not_stop_a_busy_instance() {
    let mut endpoint = endpoint(office_hours("MON-SUN"));
    let at = 18 * HOUR + 59 * MINUTE;
    run_with_metric(&mut endpoint, 0, at, |_| Some(0));
    let request = Request {
        timeout: secs(3600),
        ..Request::new(7)
    };
    endpoint.invoke(secs(at), request).unwrap();
    let (_, run) = started(&run_to(&mut endpoint, secs(at)))[0];
    let later = 19 * HOUR + 50 * MINUTE;
    let actions = run_with_metric(&mut endpoint, at, later, |_| Some(1));
    assert!(!scaled_in(&actions));
    assert!(endpoint.invocation_finished(secs(later), run, InvocationStatus::Completed));
}

#[test]
fn warm_hours_do_not_exceed_the_current_maximum() {
    let mut endpoint = endpoint(office_hours("MON-SUN"));
    endpoint.set_instance_limits(secs(1), 0, 1);
    run_to(&mut endpoint, secs(8 * HOUR));
    assert_eq!(endpoint.instances().count(), 1);
}
