//! A caller sets the number of instances.

use super::*;

#[test]
fn instance_count_is_set_at_once_and_rejected_while_an_instance_starts() {
    let mut endpoint = endpoint(Settings {
        max_instances: 4,
        cold_start: secs(300),
        ..Settings::default()
    });
    assert_eq!(endpoint.update_instance_count(secs(10), 3), Ok(()));
    let starting = |endpoint: &Endpoint<RequestId>| {
        let all = endpoint.instances();
        all.filter(|it| it.status == InstanceStatus::Starting)
            .count()
    };
    assert_eq!((starting(&endpoint), endpoint.is_updating()), (3, true));
    for instances in [0, 3, 4] {
        assert_eq!(
            endpoint.update_instance_count(Millis(309_999), instances),
            Err(UpdateInstanceCountError::Updating)
        );
    }
    assert_eq!(starting(&endpoint), 3);
    assert_eq!(endpoint.update_instance_count(secs(310), 4), Ok(()));
    assert_eq!(endpoint.desired_instances(), 4);
    run_to(&mut endpoint, secs(610));
    assert_eq!(endpoint.update_instance_count(secs(610), 0), Ok(()));
    assert_eq!(endpoint.instances().count(), 0);
    // Three for 600 seconds and one for 300.
    assert_eq!(endpoint.instance_time(), secs(3 * 600 + 300));
}

#[test]
fn instance_count_outside_of_the_limits_is_rejected() {
    let mut endpoint = endpoint(Settings {
        max_instances: 2,
        ..warm()
    });
    for instances in [0, 3] {
        assert_eq!(
            endpoint.update_instance_count(secs(1), instances),
            Err(UpdateInstanceCountError::OutsideLimits)
        );
    }
    assert_eq!(endpoint.instances().count(), 1);
}
