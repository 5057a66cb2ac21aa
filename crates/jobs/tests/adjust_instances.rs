//! Carrying the decisions about instances out: readings, retries of calls, concurrent runs, lost attempts, measurements.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::adjust_instances::{
    AdjustReport, MAX_ENTRIES_PER_SHARD, MAX_READING_AGE, PipelineInstances, adjust_instances,
    record_open_jobs,
};
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::open_jobs::count_open_jobs;
use jobs::pause::{Pause, PauseDetails, PauseScope, Pauses, store};
use jobs::pipeline::Pipelines;
use jobs::ports::{
    CheckQueue, CheckRequest, Clock, DelayedMessage, EndpointInstances, FailedEntries,
    InstanceControl, InstancesResponse, JobIndex, JobInput, JobStore, KeyValueStore, Listing,
    LoadError, NewestJobs, OpenJob, QueuePosition, QueuedJob, Record, SaveError, ScheduledCheck,
    Unavailable,
};
use jobs::save_request::SaveRequest;
use jobs::state::{State, StatusGroup};
use jobs::window::MIN_WINDOW;
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const ENDPOINT: &str = "docket-legal-review";
const PIPELINE: &str = "legal-review";
const MINUTE: Duration = Duration::from_secs(60);

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// The file that ships, with AWS's policies for all pipelines.
fn aws_pipelines() -> String {
    include_str!("../../../infra/pipelines.toml").replace("scaling = \"docket\"\n", "")
}

/// The same with Docket's scaling for legal-review: 300 s to drain, 60 s idle, 45 s a run, 120 s its limit.
fn pipelines() -> Pipelines {
    let text = aws_pipelines();
    let text = text.replacen(
        "[legal-review]\n",
        "[legal-review]\nscaling = \"docket\"\n",
        1,
    );
    Pipelines::parse(&text).unwrap()
}

struct Scene {
    memory: Memory,
    pipelines: Pipelines,
}

impl Scene {
    /// An endpoint with so many instances in service, of at most five.
    fn new(in_service: u32) -> Self {
        let memory = Memory::at(NOW);
        let endpoint = EndpointInstances {
            in_service,
            desired: in_service,
            min: 0,
            max: 5,
            concurrent_runs: 1,
            updating: false,
        };
        memory
            .state()
            .instances
            .insert(ENDPOINT.to_owned(), endpoint);
        Self {
            memory,
            pipelines: pipelines(),
        }
    }

    /// Jobs in this state, made now.
    fn add(&self, pipeline: &str, state: &str, count: usize) -> Vec<JobId> {
        let all = one_in_every_state("docket-jobs", "acme");
        let like = all
            .into_iter()
            .find(|job| job.state.name() == state)
            .unwrap();
        let mut state = self.memory.state();
        let from = state.jobs.len();
        let ids = (from..from + count).map(|number| {
            let id = JobId::of_key("docket-jobs", &format!("{pipeline}/{number}.pdf"));
            let mut job = Job {
                id,
                pipeline: pipeline.to_owned(),
                created_at: state.now,
                updated_at: state.now,
                ..like.clone()
            };
            for attempt in &mut job.attempts {
                attempt.started_at = state.now;
            }
            state.jobs.insert(id, job);
            id
        });
        ids.collect()
    }

    fn end(&self, jobs: &[JobId]) {
        for id in jobs {
            self.memory.state().jobs.remove(id);
        }
    }

    fn pass(&self, time: Duration) {
        let mut state = self.memory.state();
        state.now = state.now.plus(time);
    }

    fn endpoint(&self, change: impl FnOnce(&mut EndpointInstances)) {
        change(self.memory.state().instances.get_mut(ENDPOINT).unwrap());
    }

    /// All instances that were asked for are in service.
    fn started(&self) {
        self.endpoint(|it| {
            it.in_service = it.desired;
            it.updating = false;
        });
    }

    fn run(&self) -> AdjustReport {
        self.run_over(&self.memory)
    }

    fn run_over<P>(&self, ports: &P) -> AdjustReport
    where
        P: JobIndex + JobStore + KeyValueStore + CheckQueue + InstanceControl + Clock,
    {
        let until = self.memory.now().plus(10 * MINUTE);
        wait(adjust_instances(ports, &self.pipelines, until))
    }

    fn decided(&self) -> PipelineInstances {
        let report = self.run();
        assert!(!report.incomplete);
        report.pipelines.into_iter().next().unwrap()
    }

    fn asked(&self) -> Vec<u32> {
        let state = self.memory.state();
        state
            .instances_asked
            .iter()
            .map(|(_, count)| *count)
            .collect()
    }
}

#[test]
fn pipeline_with_the_scaling_of_aws_is_left_alone() {
    let scene = Scene {
        pipelines: Pipelines::parse(&aws_pipelines()).unwrap(),
        ..Scene::new(3)
    };
    // No port is called.
    let mut state = scene.memory.state();
    state
        .fail_before
        .extend([("open_jobs", 1), ("instances", 1)]);
    drop(state);
    assert_eq!(scene.run(), AdjustReport::default());
}

#[test]
fn burst_out_of_zero_is_answered_once_and_its_instances_stop_when_it_is_over() {
    let scene = Scene::new(0);
    assert_eq!(scene.decided().desired, 0);
    let jobs = scene.add(PIPELINE, "InProgress", 30);
    scene.pass(Duration::from_secs(20));
    let waits = scene.run();
    assert_eq!(waits.check_again_in, Some(Duration::from_secs(20)));
    assert!(waits.pipelines[0].reason.contains("paused"), "{waits:?}");
    scene.pass(Duration::from_secs(20));
    let asked = scene.decided();
    // 30 jobs of 45 s in 640 s, which is a cold start.
    assert_eq!(
        (asked.desired, asked.changed),
        (3, true),
        "{}",
        asked.reason
    );
    for _ in 0..5 {
        scene.pass(MINUTE);
        assert!(!scene.decided().changed);
    }
    scene.started();
    scene.end(&jobs);
    scene.pass(MINUTE / 2);
    assert!(!scene.decided().changed);
    scene.pass(MINUTE);
    assert!(scene.decided().changed);
    assert_eq!(scene.asked(), [3, 0]);
}

#[test]
fn queue_is_described_with_the_counted_instances_while_jobs_are_open() {
    let scene = Scene::new(0);
    scene.decided();
    let described = || wait(jobs::ready_by::load(&scene.memory, PIPELINE)).expect("memory answers");
    assert_eq!(described(), None, "no job is open");
    scene.add(PIPELINE, "InProgress", 30);
    scene.pass(MINUTE);
    assert!(scene.decided().changed);
    let before = described().expect("jobs are open");
    assert_eq!((before.open, before.instances.in_service), (30, 0));
    assert_eq!((before.instances.starting, before.instances.more), (0, 3));
    scene.pass(MINUTE);
    scene.decided();
    let starting = described().expect("jobs are open").instances;
    assert!(starting.is_counted);
    assert_eq!((starting.starting, starting.more), (3, 0));
    assert_eq!(
        starting.starting_since,
        Some(before.at),
        "when they were asked for"
    );
}

#[test]
fn description_of_a_queue_is_continued_for_a_quarter_of_an_hour() {
    for (age, is_continued) in [(15 * 60, true), (15 * 60 + 1, false)] {
        let scene = Scene::new(1);
        scene.add(PIPELINE, "InProgress", 1);
        scene.run();
        scene.pass(Duration::from_secs(age));
        scene.run();
        let described =
            wait(jobs::ready_by::load(&scene.memory, PIPELINE)).expect("memory answers");
        let running = described.expect("a job is open").running;
        // Otherwise it got its place at some time since it was sent.
        let since = if is_continued { 0 } else { age * 500 };
        assert_eq!(running, [(NOW, Timestamp(NOW.0 + since))], "{age} s");
    }
}

#[test]
fn instances_stay_while_a_job_in_any_open_state_is_open() {
    for state in ["Submitting", "InProgress", "RetryScheduled"] {
        let scene = Scene::new(4);
        scene.add(PIPELINE, state, 1);
        for _ in 0..90 {
            scene.pass(Duration::from_secs(29));
            if state == "InProgress" && scene.asked() == [1] {
                break; // presumed lost
            }
            scene.run();
        }
        let expected: &[u32] = if state == "InProgress" { &[1] } else { &[] };
        assert_eq!(scene.asked(), expected, "{state}");
    }
}

#[test]
fn lost_attempts_keep_one_instance_until_their_deadline() {
    for lost in [1, 5, 30] {
        let scene = Scene::new(5);
        scene.add(PIPELINE, "InProgress", lost);
        let mut kept = 0;
        for minute in 0..330 {
            if scene.decided().desired == 5 {
                kept = minute;
            }
            scene.pass(MINUTE);
        }
        assert_eq!(scene.asked(), [1], "{lost} lost");
        // A round of two minutes for each, the run's own two, and a margin of two.
        let rounds = 2 * u64::try_from(lost).unwrap() + 4;
        assert!(kept <= rounds + 1, "{lost} lost: {kept} minutes");
    }
}

#[test]
fn lost_attempt_does_not_count_as_one_while_a_retry_is_scheduled() {
    let scene = Scene::new(5);
    scene.add(PIPELINE, "InProgress", 1);
    scene.add(PIPELINE, "RetryScheduled", 1);
    for _ in 0..120 {
        scene.run();
        scene.pass(MINUTE);
    }
    assert_eq!(scene.asked(), [0_u32; 0]);
}

/// It will need an instance.
#[test]
fn lost_attempt_does_not_count_as_one_while_a_job_is_queued() {
    let scene = Scene::new(5);
    scene.add(PIPELINE, "InProgress", 1);
    scene.add(PIPELINE, "Queued", 1);
    for _ in 0..120 {
        scene.run();
        scene.pass(MINUTE);
    }
    assert_eq!(scene.asked(), [0_u32; 0]);
}

#[test]
fn release_is_asked_for_only_while_the_window_has_a_place() {
    let window = usize::try_from(MIN_WINDOW).unwrap();
    for (running, requests) in [(window - 1, 1), (window, 0)] {
        let scene = Scene::new(1);
        scene.add(PIPELINE, "InProgress", running);
        let [queued] = scene.add(PIPELINE, "Queued", 1)[..] else {
            unreachable!()
        };
        if let State::Queued { since, .. } =
            &mut scene.memory.state().jobs.get_mut(&queued).unwrap().state
        {
            *since = NOW;
        }
        scene.run();
        let asked = scene.memory.state().release_requests.len();
        assert_eq!(asked, requests, "{running} at the endpoint");
    }
}

#[test]
fn updating_missing_or_unlimited_endpoint_is_left_alone() {
    let scene = Scene::new(0);
    scene.add(PIPELINE, "InProgress", 100);
    scene.pass(5 * MINUTE);
    scene.endpoint(|it| it.updating = true);
    assert!(scene.decided().reason.contains("updating"));
    scene.endpoint(|it| (it.updating, it.max) = (false, 0));
    assert_eq!(scene.run().pipelines, []);
    scene.memory.state().instances.clear();
    let report = scene.run();
    assert_eq!((report.pipelines.len(), report.incomplete), (0, false));
    assert_eq!(scene.asked(), [0_u32; 0]);
}

#[test]
fn lowered_maximum_stops_nothing_while_a_job_is_open() {
    let scene = Scene::new(5);
    scene.add(PIPELINE, "InProgress", 1);
    scene.endpoint(|it| it.max = 2);
    assert!(!scene.decided().changed);
    assert_eq!(scene.asked(), [0_u32; 0]);
}

/// Each call fails before or after it is carried out; the next run does what is left.
#[test]
fn run_that_fails_at_any_call_leaves_the_rest_to_the_next() {
    for name in [
        "open_jobs",
        "instances",
        "get_record",
        "put_record",
        "set_instances",
    ] {
        for after in [false, true] {
            let scene = Scene::new(0);
            // It stores how many instances there are, and goes on if that fails.
            scene.run();
            scene.add(PIPELINE, "InProgress", 30);
            scene.pass(5 * MINUTE);
            let mut state = scene.memory.state();
            let failures = if after {
                &mut state.fail_after
            } else {
                &mut state.fail_before
            };
            failures.insert(name, 1);
            drop(state);
            assert!(scene.run().incomplete, "{name}");
            scene.run();
            scene.run();
            let desired = scene.memory.state().instances[ENDPOINT].desired;
            assert_eq!(
                (desired, scene.asked().last()),
                (3, Some(&3)),
                "{name} {after}"
            );
        }
    }
}

type Interruption<'a> = Box<dyn FnOnce(&Scene) + 'a>;

/// Runs another run in the middle of this one: after the open jobs were read, or when the number is asked for.
struct Interrupted<'a> {
    scene: &'a Scene,
    /// Happens once, before the first record is written.
    between: std::cell::RefCell<Option<Interruption<'a>>>,
}

impl Clock for Interrupted<'_> {
    fn now(&self) -> Timestamp {
        self.scene.memory.now()
    }
    fn random(&self) -> u64 {
        self.scene.memory.random()
    }
}

impl JobIndex for Interrupted<'_> {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.scene.memory.due_by(shard, by, after, limit).await
    }
    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.scene.memory.open_jobs(shard, after, limit).await
    }
    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        self.scene
            .memory
            .queued_jobs(shard, from, after, limit)
            .await
    }
    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.scene.memory.postpone(due, until).await
    }
    async fn inputs_of(
        &self,
        ids: &[JobId],
    ) -> Result<std::collections::BTreeMap<JobId, JobInput>, Unavailable> {
        self.scene.memory.inputs_of(ids).await
    }
}

impl CheckQueue for Interrupted<'_> {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        self.scene.memory.send_checks(checks).await
    }
    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        self.scene.memory.request_releases(pipelines).await
    }
}

impl JobStore for Interrupted<'_> {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.scene.memory.load(id).await
    }
    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.scene.memory.create(job).await
    }
    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        self.scene.memory.save(request).await
    }
    async fn newest(
        &self,
        tenant: &jobs::id::Tenant,
        group: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        self.scene.memory.newest(tenant, group, limit).await
    }
}

impl KeyValueStore for Interrupted<'_> {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.scene.memory.get(collection, key).await
    }
    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        if let Some(between) = self.between.take() {
            between(self.scene);
        }
        KeyValueStore::put(&self.scene.memory, collection, key, record).await
    }
    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.scene.memory.delete(collection, key).await
    }
    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.scene
            .memory
            .list_descending(collection, before, limit)
            .await
    }
}

impl InstanceControl for Interrupted<'_> {
    async fn instances(&self, endpoint: &str) -> Result<Option<EndpointInstances>, Unavailable> {
        self.scene.memory.instances(endpoint).await
    }
    async fn set_instances(
        &self,
        endpoint: &str,
        instances: u32,
    ) -> Result<InstancesResponse, Unavailable> {
        self.scene.memory.set_instances(endpoint, instances).await
    }
}

/// Idle instances, long enough that the next run stops them.
fn idle_scene() -> Scene {
    let scene = Scene::new(2);
    let jobs = scene.add(PIPELINE, "InProgress", 1);
    scene.run();
    scene.end(&jobs);
    scene.run();
    scene.pass(2 * MINUTE);
    scene
}

#[test]
fn only_one_of_two_concurrent_runs_changes_the_number_of_instances() {
    let scene = idle_scene();
    let ports = Interrupted {
        scene: &scene,
        between: std::cell::RefCell::new(Some(Box::new(|scene| {
            // In a thread: one runtime cannot block within another.
            let other = std::thread::scope(|threads| threads.spawn(|| scene.decided()).join());
            assert!(other.unwrap().changed);
            // A job arrives, which the interrupted run has not read.
            scene.started();
            scene.add(PIPELINE, "InProgress", 1);
            scene.endpoint(|it| (it.in_service, it.desired) = (1, 1));
        }))),
    };
    assert!(!scene.run_over(&ports).pipelines[0].changed);
    assert_eq!(scene.asked(), [0]);
}

#[test]
fn number_does_not_fall_on_an_old_reading() {
    for (pause, stops) in [
        (MAX_READING_AGE, true),
        (MAX_READING_AGE + Duration::from_millis(1), false),
    ] {
        let scene = idle_scene();
        let ports = Interrupted {
            scene: &scene,
            between: std::cell::RefCell::new(Some(Box::new(move |scene| scene.pass(pause)))),
        };
        let report = scene.run_over(&ports);
        assert_eq!(report.pipelines[0].changed, stops, "{pause:?}");
        if !stops {
            assert!(scene.decided().changed, "the next run reads again");
        }
    }
}

#[test]
fn many_open_jobs_are_read_in_part_and_the_reconciler_count_completes_the_reading() {
    let scene = Scene::new(1);
    scene.add("ocr-batch", "InProgress", 6000);
    scene.add(PIPELINE, "InProgress", 1200);
    let all = 16 * u32::from(MAX_ENTRIES_PER_SHARD);
    let seen = scene.decided().open;
    assert!(seen > 0 && seen < all, "{seen}");
    let until = NOW.plus(MINUTE);
    let counted = wait(count_open_jobs(&scene.memory, &scene.pipelines, until));
    wait(record_open_jobs(&scene.memory, &counted.unwrap().unwrap())).unwrap();
    assert_eq!(scene.decided().open, 1200);
    // An old count is not used.
    scene.pass(16 * MINUTE);
    assert_eq!(scene.decided().open, seen);
}

/// A pipeline whose jobs hide behind those of another.
#[test]
fn number_falls_only_after_a_complete_count_if_the_reading_is_not() {
    let scene = idle_scene();
    let hidden = scene.add(PIPELINE, "InProgress", 1);
    scene.pass(2 * MINUTE);
    let others = scene.add("ocr-batch", "InProgress", 6000);
    // The others are due earlier, so the reading does not reach this one.
    for id in others {
        let due = wait(scene.memory.load(id)).unwrap().unwrap();
        let entry = ScheduledCheck {
            next_check_at: due.next_check_at().unwrap(),
            job: id,
        };
        wait(scene.memory.postpone(entry, NOW)).unwrap();
    }
    let decided = scene.decided();
    assert_eq!(
        (decided.open, decided.changed),
        (0, false),
        "{}",
        decided.reason
    );
    scene.end(&hidden);
    assert!(scene.decided().changed);
    assert_eq!(scene.asked(), [0]);
}

#[test]
fn runs_and_cold_starts_are_measured_from_readings() {
    let scene = Scene::new(0);
    for round in 0..4 {
        let mut jobs = scene.add(PIPELINE, "InProgress", 40);
        scene.pass(MINUTE);
        let asked = scene.decided();
        assert!(asked.changed, "{}", asked.reason);
        for _ in 0..4 {
            scene.pass(MINUTE);
            scene.run();
        }
        scene.started();
        scene.run();
        // With a cold start more, the decision may be another.
        scene.started();
        // Every instance takes 60 s for a job, so as many end every minute as there are instances.
        let instances = scene.memory.state().instances[ENDPOINT].in_service;
        let instances = usize::try_from(instances).unwrap();
        while !jobs.is_empty() {
            scene.pass(MINUTE);
            let rest = jobs.split_off(instances.min(jobs.len()));
            scene.end(&jobs);
            jobs = rest;
            let decided = scene.decided();
            assert!(!decided.changed, "{}", decided.reason);
        }
        scene.pass(2 * MINUTE);
        let stopped = scene.decided();
        assert!(stopped.changed, "round {round}: {}", stopped.reason);
    }
    scene.add(PIPELINE, "InProgress", 40);
    scene.pass(MINUTE);
    let reason = scene.decided().reason;
    // Four of four minutes, and one of half a minute: an instance more, which was in service at once.
    assert!(!reason.contains("pipelines.toml"), "{reason}");
    assert!(reason.contains("a cold start of 3 min 18 s"), "{reason}");
}

#[test]
fn assumed_figures_are_named_until_enough_was_measured() {
    let scene = Scene::new(0);
    scene.add(PIPELINE, "InProgress", 40);
    scene.pass(MINUTE);
    let reason = scene.decided().reason;
    assert!(
        reason.contains("pipelines.toml, since only 0 of 20"),
        "{reason}"
    );
    assert!(reason.contains("only 0 of 3 needed ones"), "{reason}");
}

/// While nothing is open and nothing runs, a run writes nothing but the window, once in 90 seconds.
/// What docs/capacity.md says that an evaluation costs.
#[test]
fn evaluation_makes_20_calls_while_nothing_is_open_and_four_more_while_something_is() {
    let calls = |scene: &Scene| {
        scene.memory.state().calls.clear();
        scene.decided();
        let calls = scene.memory.state().calls.clone();
        let names = [
            "open_jobs",
            "queued_jobs",
            "get_record",
            "put_record",
            "instances",
        ];
        let found = names.map(|name| calls.get(name).copied().unwrap_or(0));
        assert_eq!(found.iter().sum::<u32>(), calls.values().sum::<u32>());
        found
    };
    let scene = Scene::new(0);
    let stored =
        "the window with what runs have taught, the number of instances, and that it was stored";
    assert_eq!(calls(&scene), [16, 1, 4, 3, 1], "{stored}");
    assert_eq!(calls(&scene), [16, 1, 2, 0, 1]);
    scene.add(PIPELINE, "InProgress", 1);
    assert_eq!(calls(&scene), [16, 1, 4, 2, 1]);
}

#[test]
fn quiet_pipeline_costs_no_writes() {
    let scene = Scene::new(0);
    let stored = || {
        let state = scene.memory.state();
        state.records.get("capacity", PIPELINE)
    };
    assert!(!scene.decided().changed);
    let first = stored();
    for _ in 0..10 {
        scene.pass(MINUTE);
        assert!(!scene.decided().changed);
    }
    assert_eq!(stored(), first);
}

/// A queued job that only waits for its turn needs an instance as much as one at the endpoint. One that a pause holds needs none.
#[test]
fn queued_jobs_count_as_open_work_unless_they_are_paused() {
    let scene = Scene::new(1);
    let running = scene.add(PIPELINE, "InProgress", 2);
    let queued = scene.add(PIPELINE, "Queued", 30);
    for id in &queued {
        let mut state = scene.memory.state();
        let now = state.now;
        if let State::Queued { since, .. } = &mut state.jobs.get_mut(id).unwrap().state {
            *since = now;
        }
    }
    let full = || {
        let pauses = wait(Pauses::load(&scene.memory, scene.memory.now())).unwrap();
        let known = pauses.window(PIPELINE).filter(|known| known.is_full);
        known.map(|known| known.window.attempts)
    };
    assert_eq!(full(), None);
    let found = scene.run();
    assert_eq!(found.pipelines[0].open, 32);
    assert_eq!(found.check_again_in, Some(Duration::from_secs(10)));
    assert_eq!(full(), Some(MIN_WINDOW));
    let requests = scene.memory.state().release_requests.clone();
    assert!(requests.iter().all(|request| request.message == PIPELINE));
    assert_eq!(requests.len(), 1);

    let now = scene.memory.now();
    let paused = Pause {
        scope: PauseScope::Pipeline(PIPELINE.to_owned()),
        details: PauseDetails {
            actor: "sam@docket.example".to_owned(),
            reason: "the model is replaced".to_owned(),
            since: now,
            until: now.plus(10 * MINUTE),
        },
    };
    wait(store(&scene.memory, &paused, now)).unwrap();
    assert_eq!(scene.decided().open, 2);
    assert_eq!(full(), None, "nothing waits for a place");
    assert_eq!(scene.memory.state().release_requests.len(), 1);
    scene.end(&running);
    assert_eq!(scene.decided().open, 0);
}
