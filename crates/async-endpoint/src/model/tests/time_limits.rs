//! Time to live in the queue, and timeouts of invocations.

use super::*;

#[test]
fn ttl_covers_time_in_the_queue_only() {
    let settings = Settings {
        scale_from_zero_datapoints: u32::MAX,
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
    assert_eq!(actions[0], EndpointAction::Expired { request: 7 });
    let expired = InvocationStatus::Failed(InvocationFailure::Expired);
    assert_eq!(published(&actions), [(7, expired)]);
    assert_eq!((cold.open_requests(), cold.stats().expired), (0, 1));

    let mut running = endpoint(warm());
    running.invoke(secs(1), request).unwrap();
    let (_, run) = started(&running.advance(secs(1)))[0];
    run_to(&mut running, secs(300));
    assert!(running.invocation_finished(secs(300), run, InvocationStatus::Completed));
}

#[test]
fn expired_request_in_the_queue_is_skipped() {
    for stored in [false, true] {
        let mut endpoint = endpoint(Settings {
            scale_from_zero_datapoints: u32::MAX,
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
            if let EndpointAction::PutFailure { run, .. } = action
                && stored
            {
                endpoint.object_stored(secs(61), run, true);
            }
        }
        // Reuses the memory slot of the expired request, if that has ended.
        endpoint.invoke(secs(62), Request::new(3)).unwrap();
        endpoint.set_instance_limits(secs(62), 1, 1);
        let runs = started(&endpoint.advance(secs(362)));
        let jobs: Vec<_> = runs.iter().map(|(job, _)| *job).collect();
        assert_eq!(jobs, [0, 2, 3], "stored: {stored}");
    }
}

#[test]
fn expiry_without_notification_ends_the_request() {
    let mut endpoint = endpoint(Settings {
        notify_on_expiry: false,
        scale_from_zero_datapoints: u32::MAX,
        ..Settings::default()
    });
    endpoint.invoke(secs(1), Request::new(7)).unwrap();
    let actions = run_to(&mut endpoint, secs(30_000));
    assert_eq!(actions, [EndpointAction::Expired { request: 7 }]);
    assert_eq!(endpoint.next_event_at(), None);
}

#[test]
fn timed_out_invocation_fails_and_its_late_response_is_ignored() {
    let mut endpoint = endpoint(warm());
    let request = Request {
        timeout: secs(30),
        ..Request::new(7)
    };
    endpoint.invoke(secs(1), request).unwrap();
    endpoint.invoke(secs(1), Request::new(8)).unwrap();
    let (_, run) = started(&endpoint.advance(secs(1)))[0];
    let actions = run_to(&mut endpoint, secs(31));
    let reason = AbandonReason::TimedOut;
    assert_eq!(actions[0], EndpointAction::Abandon { run, reason });
    let timed_out = InvocationStatus::Failed(InvocationFailure::TimedOut);
    assert_eq!(published(&actions), [(7, timed_out)]);
    assert_eq!(started(&actions)[0].0, 8, "the instance is free again");
    assert!(!endpoint.invocation_finished(secs(32), run, InvocationStatus::Completed));
}

#[test]
fn ttl_and_timeout_out_of_range_and_endpoint_not_in_service_are_rejected() {
    let mut endpoint = endpoint(warm());
    for (ttl, timeout, error) in [
        (59, 900, InvokeEndpointError::TtlOutOfRange),
        (21_601, 900, InvokeEndpointError::TtlOutOfRange),
        (60, 0, InvokeEndpointError::TimeoutOutOfRange),
        (60, 3601, InvokeEndpointError::TimeoutOutOfRange),
    ] {
        let request = Request {
            payload: 1,
            ttl: secs(ttl),
            timeout: secs(timeout),
        };
        assert_eq!(endpoint.invoke(secs(1), request), Err(error));
    }
    endpoint.set_in_service(false);
    assert_eq!(
        endpoint.invoke(secs(1), Request::new(1)),
        Err(InvokeEndpointError::NotInService)
    );
    assert_eq!(endpoint.open_requests(), 0);
}

#[test]
fn request_past_its_ttl_expires_when_its_instance_is_lost() {
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
        [(7, InvocationStatus::Failed(InvocationFailure::Expired))]
    );
}
