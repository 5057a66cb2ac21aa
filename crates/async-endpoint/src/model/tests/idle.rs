//! When instances go that nobody needs, and when they stay: idleness and warm hours.

use super::*;
use crate::{Days, WarmHours};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Lets time pass as [`run_to`] does, and tells every five minutes how many jobs are open.
fn told_to(
    endpoint: &mut Endpoint<Job>,
    from: u64,
    until: u64,
    open: impl Fn(u64) -> Option<u32>,
) -> Vec<Action<Job>> {
    let mut seen = Vec::new();
    for at in (from..until).filter(|at| at.is_multiple_of(300)) {
        seen.extend(run_to(endpoint, secs(at)));
        if let Some(open) = open(at) {
            endpoint.tell_open_jobs(secs(at), open);
        }
    }
    seen.extend(run_to(endpoint, secs(until)));
    seen
}

fn scaled_in(actions: &[Action<Job>]) -> bool {
    let of = |action: &Action<Job>| matches!(action, Action::InstanceStopped { why, .. } if *why == Stopped::ScaleIn);
    actions.iter().any(of)
}

/// An endpoint whose one request ended after seven and a half minutes.
fn done() -> Endpoint<Job> {
    let mut endpoint = endpoint(Settings::default());
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let (_, run) = started(&told_to(&mut endpoint, 0, 420, |_| Some(1)))[0];
    endpoint.model_answered(secs(450), run, Outcome::Completed);
    endpoint
}

#[test]
fn an_idle_endpoint_goes_back_to_zero_and_to_rest() {
    let mut endpoint = done();
    told_to(&mut endpoint, 450, 5000, |_| Some(0));
    assert_eq!(endpoint.instances().count(), 0);
    assert_eq!(endpoint.next_wake(), None);
    // Five minutes of cold start, half a minute of work, ten and a half idle.
    assert_eq!(endpoint.instance_time(), secs(1080 - 60));
}

#[test]
fn instances_stay_while_a_job_is_open_though_the_backlog_says_zero() {
    let mut endpoint = done();
    let two_hours = |at| Some(u32::from(at < 2 * HOUR));
    let actions = told_to(&mut endpoint, 450, 2 * HOUR + 5 * MINUTE, two_hours);
    assert!(!scaled_in(&actions));
    assert_eq!(endpoint.instances().count(), 1);
    let actions = told_to(&mut endpoint, 2 * HOUR + 5 * MINUTE, 3 * HOUR, two_hours);
    assert!(scaled_in(&actions));
}

#[test]
fn instances_stay_while_nobody_says_how_many_jobs_are_open() {
    let mut endpoint = done();
    let actions = told_to(&mut endpoint, 450, 24 * HOUR, |_| None);
    assert!(!scaled_in(&actions));
    assert_eq!(endpoint.instances().count(), 1);
}

#[test]
fn instances_stay_while_a_request_runs_though_the_table_says_zero() {
    let mut endpoint = endpoint(Settings {
        max_instances: 3,
        ..Settings::default()
    });
    let request = Request {
        timeout: secs(3600),
        ..Request::new(7)
    };
    endpoint.invoke(secs(1), request).unwrap();
    let actions = told_to(&mut endpoint, 0, HOUR, |_| Some(0));
    assert!(!scaled_in(&actions));
    assert_eq!(started(&actions).len(), 1);
}

fn office_hours(days: &str) -> Settings {
    Settings {
        max_instances: 3,
        warm: Some(WarmHours {
            instances: 2,
            days: Days::parse(days).unwrap(),
            from: 7 * 60 + 30,
            until: 19 * 60,
        }),
        ..Settings::default()
    }
}

#[test]
fn warm_hours_start_instances_and_their_end_lets_idle_ones_go() {
    let mut endpoint = endpoint(office_hours("MON"));
    let zero = |_| Some(0);
    told_to(&mut endpoint, 0, 7 * HOUR + 29 * MINUTE, zero);
    assert_eq!(endpoint.instances().count(), 0);
    let morning = 7 * HOUR + 30 * MINUTE;
    let actions = run_to(&mut endpoint, secs(morning));
    let starting = |action: &&Action<Job>| matches!(action, Action::InstanceStarting { .. });
    assert_eq!(actions.iter().filter(starting).count(), 2);
    // Idle all day, and the alarm acts in vain until the minimum falls; then within a minute.
    told_to(&mut endpoint, morning, 19 * HOUR, zero);
    assert_eq!(endpoint.instances().count(), 2);
    told_to(&mut endpoint, 19 * HOUR, 19 * HOUR + MINUTE, zero);
    assert_eq!(endpoint.instances().count(), 0);
    told_to(&mut endpoint, 19 * HOUR + MINUTE, 6 * 24 * HOUR, zero);
    assert_eq!(
        endpoint.instance_time(),
        secs(2 * (11 * HOUR + 31 * MINUTE))
    );
}

#[test]
fn the_end_of_warm_hours_stops_nothing_that_works() {
    let mut endpoint = endpoint(office_hours("MON-SUN"));
    let at = 18 * HOUR + 59 * MINUTE;
    told_to(&mut endpoint, 0, at, |_| Some(0));
    let request = Request {
        timeout: secs(3600),
        ..Request::new(7)
    };
    endpoint.invoke(secs(at), request).unwrap();
    let (_, run) = started(&run_to(&mut endpoint, secs(at)))[0];
    let later = 19 * HOUR + 50 * MINUTE;
    let actions = told_to(&mut endpoint, at, later, |_| Some(1));
    assert!(!scaled_in(&actions));
    assert!(endpoint.model_answered(secs(later), run, Outcome::Completed));
}

#[test]
fn no_warm_hours_exceed_the_maximum_that_holds_at_the_time() {
    let mut endpoint = endpoint(office_hours("MON-SUN"));
    endpoint.set_limits(secs(1), 0, 1);
    run_to(&mut endpoint, secs(8 * HOUR));
    assert_eq!(endpoint.instances().count(), 1);
}
