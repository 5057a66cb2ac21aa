//! An endpoint with several instance types, of which some have no capacity.

use super::*;

/// An endpoint that was asked for instances at second 10.
fn asked(instances: u32, settings: Settings, no_capacity: FaultRate) -> Endpoint<RequestId> {
    let settings = Settings {
        max_instances: 4,
        cold_start: secs(300),
        ..settings
    };
    let faults = Faults {
        no_capacity,
        ..Faults::default()
    };
    let mut endpoint = with_faults(settings, faults);
    assert_eq!(endpoint.update_instance_count(secs(10), instances), Ok(()));
    endpoint
}

fn two_types() -> Settings {
    Settings {
        instance_types: 2,
        ..Settings::default()
    }
}

fn priorities(endpoint: &Endpoint<RequestId>) -> Vec<(InstanceId, Option<u32>)> {
    endpoint
        .instances()
        .map(|it| (it.id, it.priority))
        .collect()
}

#[test]
fn without_capacity_in_the_first_type_the_second_starts() {
    let mut endpoint = asked(2, two_types(), FaultRate::ALWAYS.times(1));
    let expected = [(InstanceId(1), Some(2)), (InstanceId(2), Some(1))];
    assert_eq!(priorities(&endpoint), expected);
    run_to(&mut endpoint, secs(310));
    assert!(!endpoint.is_updating(), "the search took no time");
}

#[test]
fn scale_in_stops_the_type_of_lower_priority_although_it_is_older() {
    let mut endpoint = asked(2, two_types(), FaultRate::ALWAYS.times(1));
    run_to(&mut endpoint, secs(310));
    assert_eq!(endpoint.update_instance_count(secs(400), 1), Ok(()));
    assert_eq!(priorities(&endpoint), [(InstanceId(2), Some(1))]);
}

#[test]
fn one_type_without_capacity_is_asked_for_again() {
    let mut endpoint = asked(1, Settings::default(), FaultRate::ALWAYS.times(3));
    assert_eq!(priorities(&endpoint), [(InstanceId(1), Some(1))]);
    run_to(&mut endpoint, secs(10 + 3 * 60 + 299));
    assert!(endpoint.is_updating());
    run_to(&mut endpoint, secs(10 + 3 * 60 + 300));
    assert!(!endpoint.is_updating());
    assert_eq!(endpoint.instance_time(), secs(300), "the search is free");
}

#[test]
fn instance_is_given_up_when_no_type_has_capacity_until_the_timeout() {
    let settings = Settings {
        provision_timeout: secs(600),
        ..two_types()
    };
    let mut endpoint = asked(1, settings, FaultRate::ALWAYS.times(20));
    assert_eq!(priorities(&endpoint), [(InstanceId(1), None)]);
    let actions = run_to(&mut endpoint, secs(610));
    let instance = InstanceId(1);
    let reason = StopReason::NoCapacity;
    let stopped = EndpointAction::InstanceStopped { instance, reason };
    assert!(actions.contains(&stopped), "{actions:?}");
    assert_eq!(
        (endpoint.desired_instances(), endpoint.instance_time()),
        (0, Millis::ZERO)
    );
    // There is capacity again.
    assert_eq!(endpoint.update_instance_count(secs(700), 1), Ok(()));
    assert_eq!(priorities(&endpoint), [(InstanceId(2), Some(1))]);
}

#[test]
fn waiting_request_starts_the_search_again_after_the_cooldown() {
    let settings = Settings {
        provision_timeout: secs(600),
        ..two_types()
    };
    let faults = Faults {
        no_capacity: FaultRate::ALWAYS.times(20),
        ..Faults::default()
    };
    let mut endpoint = with_faults(settings, faults);
    endpoint.invoke(secs(10), Request::new(1)).unwrap();
    let actions = run_to(&mut endpoint, secs(3600));
    assert_eq!(started(&actions).len(), 1, "{actions:?}");
}
