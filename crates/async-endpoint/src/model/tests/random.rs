//! Random histories: every accepted request ends exactly once, and a seed says all.

use super::*;

/// What a simulated container and driver do with what the model asks.
struct World {
    endpoint: Endpoint<Job>,
    rng: Rng,
    now: Millis,
    /// Answers under way, by due time and order.
    answers: BTreeMap<(Millis, u64), (RunId, Outcome)>,
    log: Vec<(Millis, Action<Job>)>,
    invoked: u32,
    accepted: Vec<Job>,
    /// When the number of open jobs is told next.
    tells_at: Millis,
    steps: u64,
}

impl World {
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
            // Half of them are told, the others go by their own backlog.
            open_jobs_told: rng.up_to(1) == 0,
            announce_expiry: rng.up_to(1) == 0,
            failure_objects: rng.up_to(1) == 0,
            ..Settings::default()
        };
        let faults = Faults {
            lose_notification: Fault::percent(10),
            double_notification: Fault::percent(10),
            delay_notification: Fault::percent(10),
            longest_delay: secs(4000),
            kill_instance: Fault::percent(5),
            kill_within: secs(400),
            throttle_invoke: Fault::percent(5),
            refuse_invoke: Fault::percent(2),
            break_invoke: Fault::percent(2),
            lose_invoke_reply: Fault::percent(5),
        };
        Self {
            endpoint: Endpoint::new(settings, faults, Rng::from_seed(seed ^ 1)),
            rng,
            now: Millis::ZERO,
            answers: BTreeMap::new(),
            log: Vec::new(),
            invoked: 0,
            accepted: Vec::new(),
            tells_at: Millis::ZERO,
            steps: 0,
        }
    }

    /// Runs `jobs` calls at random times and then until nothing is left to happen.
    fn run(mut self, jobs: u32) -> Self {
        let mut next_call = Millis::ZERO;
        loop {
            self.steps += 1;
            assert!(self.steps < 4_000_000, "it does not come to rest");
            let call = (self.invoked < jobs).then_some(next_call);
            let answer = self.answers.first_key_value().map(|(key, _)| key.0);
            let wake = self.endpoint.next_wake();
            let Some(now) = [call, answer, wake].into_iter().flatten().min() else {
                return self;
            };
            self.now = self.now.max(now);
            if self.now >= self.tells_at {
                let open = u32::try_from(self.endpoint.open()).unwrap();
                self.endpoint.tell_open_jobs(self.now, open);
                self.tells_at = self.now + secs(300);
            }
            if answer == Some(now) {
                let ((_, _), (run, outcome)) = self.answers.pop_first().unwrap();
                self.endpoint.model_answered(self.now, run, outcome);
            } else if call == Some(now) {
                self.call();
                next_call = self.now + Millis(self.rng.up_to(60_000));
            }
            self.act();
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

    fn act(&mut self) {
        let actions = self.endpoint.advance(self.now);
        if matches!(self.endpoint.settings.scale_in, ScaleIn::WhenIdle { .. }) {
            self.nothing_running_was_scaled_in(&actions);
        }
        for action in actions {
            match action {
                Action::StartInvocation { run, .. } => {
                    let due = self.now + Millis(self.rng.up_to(400_000));
                    let outcome = match self.rng.up_to(9) {
                        0 => Outcome::Failed(Failure::ClientError(400)),
                        1 => Outcome::Failed(Failure::ServerError(500)),
                        _ => Outcome::Completed,
                    };
                    self.answers.insert((due, self.steps), (run, outcome));
                    self.steps += 1;
                }
                Action::PutOutput { run, .. } | Action::PutFailure { run, .. } => {
                    let written = self.rng.up_to(19) != 0;
                    self.endpoint.stored(self.now, run, written);
                }
                _ => {}
            }
            self.log.push((self.now, action));
        }
    }

    fn nothing_running_was_scaled_in(&self, actions: &[Action<Job>]) {
        let mut scaled_in = false;
        for action in actions {
            match action {
                Action::InstanceStopped { why, .. } => scaled_in = *why == Stopped::ScaleIn,
                Action::Abandon { why, run } if *why == Abandoned::InstanceGone => {
                    assert!(!scaled_in, "{run:?} lost its instance by scale-in");
                }
                _ => {}
            }
        }
    }

    /// How often each job ended, by what can be seen: a notice (doubles taken as one), a notice
    /// known to be lost, or a silent expiry.
    fn check(&self, seed: u64) {
        let mut ends: BTreeMap<Job, Vec<&'static str>> = BTreeMap::new();
        let mut told: BTreeMap<Job, Outcome> = BTreeMap::new();
        let mut output: BTreeMap<Job, u32> = BTreeMap::new();
        for (_, action) in &self.log {
            match action {
                Action::Publish(notice) => {
                    if let Some(before) = told.insert(notice.request, notice.outcome) {
                        assert_eq!(before, notice.outcome, "seed {seed}: two stories");
                    } else {
                        ends.entry(notice.request).or_default().push("published");
                    }
                    if notice.outcome == Outcome::Completed {
                        assert!(output.contains_key(&notice.request), "seed {seed}");
                    }
                }
                Action::NotificationLost(notice) => {
                    ends.entry(notice.request).or_default().push("lost");
                }
                Action::Expired { request } if !self.announces_expiry() => {
                    ends.entry(*request).or_default().push("expired");
                }
                Action::PutOutput { request, .. } => *output.entry(*request).or_default() += 1,
                _ => {}
            }
        }
        for job in &self.accepted {
            let end = ends.get(job).map_or(0, Vec::len);
            assert_eq!(end, 1, "seed {seed}, job {job}: {:?}", ends.get(job));
        }
        assert_eq!(ends.len(), self.accepted.len(), "seed {seed}");
        assert_eq!(self.endpoint.open(), 0, "seed {seed}");
        let (waiting, running) = (self.endpoint.waiting(), self.endpoint.running());
        assert_eq!((waiting, running), (0, 0), "seed {seed}");
        let s = self.endpoint.stats();
        assert_eq!(
            s.accepted,
            s.completed + s.failed + s.expired,
            "seed {seed}"
        );
    }

    fn announces_expiry(&self) -> bool {
        self.endpoint.settings.announce_expiry
    }
}

#[test]
fn every_accepted_request_ends_exactly_once() {
    let (mut redelivered, mut expired, mut completed) = (0, 0, 0);
    for seed in 0..60 {
        let world = World::new(seed).run(400);
        world.check(seed);
        let stats = world.endpoint.stats();
        redelivered += stats.redelivered;
        expired += stats.expired;
        completed += stats.completed;
    }
    println!("seeds 0 to 59: {completed} completed, {redelivered} redelivered, {expired} expired");
    assert!(redelivered > 100 && expired > 100 && completed > 1000);
}

#[test]
fn the_same_seed_gives_the_same_actions_at_the_same_times() {
    for seed in [3, 4, 5] {
        let (one, two) = (World::new(seed).run(200), World::new(seed).run(200));
        assert_eq!(one.log, two.log, "seed {seed}");
        assert_ne!(one.log, World::new(seed + 100).run(200).log);
    }
}

#[test]
fn a_clone_goes_the_same_way() {
    let mut one = World::new(11).run(50).endpoint;
    let mut two = one.clone();
    let at = one.now + secs(1);
    for endpoint in [&mut one, &mut two] {
        endpoint.invoke(at, Request::new(9)).ok();
    }
    let until = at + secs(50_000);
    assert_eq!(run_to(&mut one, until), run_to(&mut two, until));
}
