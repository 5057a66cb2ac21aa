//! Random histories: every accepted request ends exactly once, and a seed determines the history.

use super::*;

/// A simulated driver and container with random calls and results.
struct RandomHistory {
    endpoint: Endpoint<RequestId>,
    rng: Rng,
    now: Millis,
    /// Pending results of invocations, by due time and sequence number.
    results: BTreeMap<(Millis, u64), (RunId, InvocationStatus)>,
    log: Vec<(Millis, EndpointAction<RequestId>)>,
    invoked: u32,
    accepted: Vec<RequestId>,
    /// When the open-jobs metric is reported next.
    next_report_at: Millis,
    steps: u64,
}

impl RandomHistory {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let scale_in = match rng.up_to(2) {
            0 => ScaleIn::TargetTracking { datapoints: 15 },
            1 => ScaleIn::WhenIdle { periods: 2 },
            _ => ScaleIn::Off,
        };
        let settings = Settings {
            min_instances: rng.up_to(1) as u32,
            max_instances: 1 + rng.up_to(4) as u32,
            max_concurrent_per_instance: 1 + rng.up_to(3) as u32,
            backlog_per_instance_target: 0.5 + rng.up_to(5) as f64,
            cold_start: secs(rng.up_to(700)),
            scale_in,
            // Half of the endpoints need the metric, the others use their own backlog only.
            needs_open_jobs_metric: rng.up_to(1) == 0,
            notify_on_expiry: rng.up_to(1) == 0,
            failure_objects: rng.up_to(1) == 0,
            instance_types: 1 + rng.up_to(2) as u32,
            ..Settings::default()
        };
        let faults = Faults {
            lose_notification: FaultRate::percent(10),
            duplicate_notification: FaultRate::percent(10),
            delay_notification: FaultRate::percent(10),
            max_notification_delay: secs(4000),
            kill_instance: FaultRate::percent(5),
            max_kill_delay: secs(400),
            no_capacity: FaultRate::percent(20),
            invoke_throttled: FaultRate::percent(5),
            invoke_unavailable: FaultRate::percent(2),
            invoke_internal_failure: FaultRate::percent(2),
            lose_invoke_response: FaultRate::percent(5),
        };
        Self {
            endpoint: Endpoint::new(settings, faults, Rng::from_seed(seed ^ 1)),
            rng,
            now: Millis::ZERO,
            results: BTreeMap::new(),
            log: Vec::new(),
            invoked: 0,
            accepted: Vec::new(),
            next_report_at: Millis::ZERO,
            steps: 0,
        }
    }

    /// Makes `jobs` calls at random times and then runs until the endpoint is idle.
    fn run(mut self, jobs: u32) -> Self {
        let mut next_call = Millis::ZERO;
        loop {
            self.steps += 1;
            assert!(self.steps < 4_000_000, "the endpoint never becomes idle");
            let call = (self.invoked < jobs).then_some(next_call);
            let result = self.results.first_key_value().map(|(key, _)| key.0);
            let event = self.endpoint.next_event_at();
            let Some(now) = [call, result, event].into_iter().flatten().min() else {
                return self;
            };
            self.now = self.now.max(now);
            if self.now >= self.next_report_at {
                let open = u32::try_from(self.endpoint.open_requests()).unwrap();
                self.endpoint.report_open_jobs(self.now, open);
                self.next_report_at = self.now + secs(300);
            }
            if result == Some(now) {
                let ((_, _), (run, status)) = self.results.pop_first().unwrap();
                self.endpoint.invocation_finished(self.now, run, status);
            } else if call == Some(now) {
                self.call();
                next_call = self.now + Millis(self.rng.up_to(60_000));
            }
            self.perform_actions();
        }
    }

    fn call(&mut self) {
        let job = self.invoked;
        self.invoked += 1;
        let request = Request {
            payload: job,
            ttl: secs(60 + self.rng.up_to(3600)),
            timeout: secs(1 + self.rng.up_to(600)),
        };
        if self.endpoint.invoke(self.now, request).is_ok() {
            self.accepted.push(job);
        }
    }

    fn perform_actions(&mut self) {
        let actions = self.endpoint.advance(self.now);
        if matches!(self.endpoint.settings.scale_in, ScaleIn::WhenIdle { .. }) {
            self.assert_no_busy_instance_was_removed(&actions);
        }
        for action in actions {
            match action {
                EndpointAction::StartInvocation { run, .. } => {
                    let due = self.now + Millis(self.rng.up_to(400_000));
                    let status = match self.rng.up_to(9) {
                        0 => InvocationStatus::Failed(InvocationFailure::ClientError(400)),
                        1 => InvocationStatus::Failed(InvocationFailure::ServerError(500)),
                        _ => InvocationStatus::Completed,
                    };
                    self.results.insert((due, self.steps), (run, status));
                    self.steps += 1;
                }
                EndpointAction::PutOutput { run, .. } | EndpointAction::PutFailure { run, .. } => {
                    let written = self.rng.up_to(19) != 0;
                    self.endpoint.object_stored(self.now, run, written);
                }
                _ => {}
            }
            self.log.push((self.now, action));
        }
    }

    fn assert_no_busy_instance_was_removed(&self, actions: &[EndpointAction<RequestId>]) {
        let mut scaled_in = false;
        for action in actions {
            match action {
                EndpointAction::InstanceStopped { reason, .. } => {
                    scaled_in = *reason == StopReason::ScaleIn
                }
                EndpointAction::Abandon { reason, run }
                    if *reason == AbandonReason::InstanceStopped =>
                {
                    assert!(!scaled_in, "{run:?} lost its instance to a scale-in");
                }
                _ => {}
            }
        }
    }

    /// Checks that each job ended once: by a notification (duplicates count once), a lost notification,
    /// or an expiry without notification.
    fn check(&self, seed: u64) {
        let mut ends: BTreeMap<RequestId, Vec<&'static str>> = BTreeMap::new();
        let mut statuses: BTreeMap<RequestId, InvocationStatus> = BTreeMap::new();
        let mut output: BTreeMap<RequestId, u32> = BTreeMap::new();
        for (_, action) in &self.log {
            match action {
                EndpointAction::Publish(notification) => {
                    if let Some(before) = statuses.insert(notification.request, notification.status)
                    {
                        assert_eq!(
                            before, notification.status,
                            "seed {seed}: different statuses"
                        );
                    } else {
                        ends.entry(notification.request)
                            .or_default()
                            .push("published");
                    }
                    if notification.status == InvocationStatus::Completed {
                        assert!(output.contains_key(&notification.request), "seed {seed}");
                    }
                }
                EndpointAction::NotificationLost(notification) => {
                    ends.entry(notification.request).or_default().push("lost");
                }
                EndpointAction::Expired { request } if !self.notifies_on_expiry() => {
                    ends.entry(*request).or_default().push("expired");
                }
                EndpointAction::PutOutput { request, .. } => {
                    *output.entry(*request).or_default() += 1
                }
                _ => {}
            }
        }
        for job in &self.accepted {
            let end = ends.get(job).map_or(0, Vec::len);
            assert_eq!(end, 1, "seed {seed}, job {job}: {:?}", ends.get(job));
        }
        assert_eq!(ends.len(), self.accepted.len(), "seed {seed}");
        assert_eq!(self.endpoint.open_requests(), 0, "seed {seed}");
        let (waiting, running) = (self.endpoint.waiting(), self.endpoint.running());
        assert_eq!((waiting, running), (0, 0), "seed {seed}");
        let s = self.endpoint.stats();
        assert_eq!(
            s.accepted,
            s.completed + s.failed + s.expired,
            "seed {seed}"
        );
    }

    fn notifies_on_expiry(&self) -> bool {
        self.endpoint.settings.notify_on_expiry
    }
}

#[test]
fn every_accepted_request_ends_exactly_once() {
    let (mut redelivered, mut expired, mut completed) = (0, 0, 0);
    for seed in 0..60 {
        let history = RandomHistory::new(seed).run(400);
        history.check(seed);
        let stats = history.endpoint.stats();
        redelivered += stats.redelivered;
        expired += stats.expired;
        completed += stats.completed;
    }
    println!("seeds 0 to 59: {completed} completed, {redelivered} redelivered, {expired} expired");
    assert!(redelivered > 100 && expired > 100 && completed > 1000);
}

#[test]
fn same_seed_gives_the_same_actions_at_the_same_times() {
    for seed in [3, 4, 5] {
        let (one, two) = (
            RandomHistory::new(seed).run(200),
            RandomHistory::new(seed).run(200),
        );
        assert_eq!(one.log, two.log, "seed {seed}");
        assert_ne!(one.log, RandomHistory::new(seed + 100).run(200).log);
    }
}

#[test]
fn clone_of_an_endpoint_behaves_identically() {
    let mut one = RandomHistory::new(11).run(50).endpoint;
    let mut two = one.clone();
    let at = one.now + secs(1);
    for endpoint in [&mut one, &mut two] {
        endpoint.invoke(at, Request::new(9)).ok();
    }
    let until = at + secs(50_000);
    assert_eq!(run_to(&mut one, until), run_to(&mut two, until));
}
