//! Releases of a pipeline with a window: how many, in whose turn, two at once, and what happens to lost attempts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breakers;
mod open_jobs;
mod predictions;
mod turns;

use std::collections::BTreeSet;
use std::time::Duration;

use jobs::event::HeldBy;
use jobs::expected_work::BaseWork;
use jobs::id::{Attempt, JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::lane::Lane;
use jobs::pause::{Hold, Pause, PauseDetails, PauseScope, Pauses, hold, store};
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{Clock, Record};
use jobs::release::release_queued;
use jobs::release_window::{TurnLimits, next_released, release_window};
use jobs::state::{RetryBudget, State};
use jobs::window::{KnownWindow, MIN_WINDOW, Window};
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const PIPELINE: &str = "legal-review";
const WINDOW: usize = MIN_WINDOW as usize;

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn pipeline() -> Pipeline {
    let all = Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap();
    all.get(PIPELINE).unwrap().clone()
}

struct Scene {
    memory: Memory,
    made: u128,
    base: BaseWork,
}

impl Scene {
    /// An endpoint with one instance in service.
    fn new() -> Self {
        let scene = Self {
            memory: Memory::at(NOW),
            made: 0,
            base: BaseWork::default(),
        };
        scene.store_window();
        scene
    }

    /// Function `capacity` has looked.
    fn store_window(&self) {
        self.store_window_for(1);
    }

    fn store_window_for(&self, instances: u32) {
        let mut state = self.memory.state();
        let run = Duration::from_secs(45);
        let timeout = Duration::from_secs(pipeline().invocation_timeout_seconds.into());
        let known = KnownWindow {
            pipeline: PIPELINE.to_owned(),
            until: state.now.plus(Duration::from_secs(180)),
            window: Window::new(instances, instances, 1, run, timeout),
            is_full: false,
            base: self.base,
        };
        let stored = state.records.get("pauses", "now");
        let record = Record {
            body: known.to_line(),
            revision: stored.map_or(1, |stored| stored.revision + 1),
            expires_at: None,
        };
        state.records.put("pauses", "now", &record);
    }

    fn pass(&self, seconds: u64) {
        self.memory.state().now.0 += seconds * 1000;
        self.store_window();
    }

    fn job(&mut self, tenant: &str, state: State) -> JobId {
        let mut job: Job = one_in_every_state("docket-jobs", tenant).swap_remove(0);
        self.made += 1;
        job.id = JobId::of_bits(self.made);
        job.state = state;
        job.attempts.clear();
        job.created_at = self.memory.state().now;
        self.memory.state().jobs.insert(job.id, job.clone());
        job.id
    }

    fn queue(&mut self, tenant: &str, jobs: usize) -> Vec<JobId> {
        self.queue_in(tenant, jobs, Lane::Standard, false)
    }

    fn queue_in(&mut self, tenant: &str, jobs: usize, lane: Lane, urgent: bool) -> Vec<JobId> {
        let since = self.memory.state().now;
        let queued = State::Queued {
            next: Attempt::FIRST,
            since,
            start_by: None,
            urgent,
            budget: BUDGET,
        };
        let ids: Vec<JobId> = (0..jobs)
            .map(|_| self.job(tenant, queued.clone()))
            .collect();
        for id in &ids {
            let mut state = self.memory.state();
            state.jobs.get_mut(id).unwrap().input.labels.lane = lane;
        }
        ids
    }

    fn at_endpoint(&mut self, tenant: &str, jobs: usize) -> Vec<JobId> {
        let running = State::InProgress {
            attempt: Attempt::FIRST,
            deadline: NOW.plus(Duration::from_secs(86_400)),
            budget: BUDGET,
        };
        (0..jobs)
            .map(|_| self.job(tenant, running.clone()))
            .collect()
    }

    fn pause(&self, tenant: &str, seconds: u64) {
        let paused = Pause {
            scope: PauseScope::Tenant(tenant.parse().unwrap()),
            details: PauseDetails {
                actor: "sam@docket.example".to_owned(),
                reason: "the wrong folder".to_owned(),
                since: NOW,
                until: NOW.plus(Duration::from_secs(seconds)),
            },
        };
        wait(store(&self.memory, &paused, NOW)).unwrap();
    }

    /// Releases, and starts what was released. Returns those jobs.
    fn release(&mut self) -> Vec<JobId> {
        wait(release_window(&self.memory, &pipeline())).unwrap();
        let checks = std::mem::take(&mut self.memory.state().checks);
        let ids: Vec<JobId> = checks.iter().map(|check| check.message.job).collect();
        for id in &ids {
            let mut state = self.memory.state();
            let job = state.jobs.get_mut(id).unwrap();
            assert!(job.queued_at().is_some(), "{id} is released twice");
            job.state = State::InProgress {
                attempt: Attempt::FIRST,
                deadline: NOW.plus(Duration::from_secs(86_400)),
                budget: BUDGET,
            };
        }
        ids
    }

    fn predicted(&self, pauses: &Pauses, queues: usize, jobs: usize) -> Option<Vec<JobId>> {
        let limits = TurnLimits { queues, jobs };
        wait(next_released(&self.memory, PIPELINE, pauses, limits)).unwrap()
    }

    fn end(&mut self, id: JobId) {
        self.memory.state().jobs.remove(&id);
    }

    fn tenant(&self, id: JobId) -> Tenant {
        self.memory.state().jobs[&id].tenant.clone()
    }
}

const BUDGET: RetryBudget = RetryBudget {
    last_attempt: Attempt(3),
    expires_at: Timestamp(u64::MAX),
    earlier_result: Attempt::NONE,
};

#[test]
fn as_many_jobs_are_released_as_the_window_has_places_for() {
    for running in 0..=WINDOW + 1 {
        let mut scene = Scene::new();
        scene.queue("acme", 20);
        scene.at_endpoint("acme", running);
        let released = scene.release().len();
        assert_eq!(released, WINDOW.saturating_sub(running), "{running}");
        assert_eq!(scene.release().len(), 0, "the window is full");
    }
}

#[test]
fn what_a_pause_holds_is_not_released_and_delays_no_other_job() {
    let mut scene = Scene::new();
    scene.queue("acme", 5);
    let free = scene.queue("globex", 2);
    scene.pause("acme", 3600);
    assert_eq!(scene.release(), free);
}

#[test]
fn window_that_is_found_full_queues_uploads_until_its_mark_ends() {
    let mut scene = Scene::new();
    scene.at_endpoint("acme", WINDOW);
    let acme: Tenant = "acme".parse().unwrap();
    let held = |scene: &Scene| {
        let now = scene.memory.state().now;
        wait(hold(&scene.memory, PIPELINE, &acme, now)).unwrap()
    };
    // A window is known for three minutes after it was stored.
    scene.memory.state().now.0 += 60_000;
    assert_eq!(held(&scene), Hold::Place);
    scene.release();
    scene.memory.state().now.0 += 179_999;
    assert_eq!(held(&scene), Hold::By(HeldBy::Turn));
    scene.memory.state().now.0 += 1;
    assert_eq!(held(&scene), Hold::None);
}

/// Function `capacity` does not run: the number of instances is not known.
#[test]
fn without_a_known_window_everything_is_released() {
    let mut scene = Scene::new();
    scene.memory.state().records.delete("pauses", "now");
    let queued = scene.queue("acme", 20);
    scene.at_endpoint("acme", WINDOW);
    assert_eq!(scene.release(), queued);
}

/// Instances were stopped while the endpoint had work.
#[test]
fn window_that_shrinks_releases_nothing_until_an_attempt_within_it_has_ended() {
    let mut scene = Scene::new();
    scene.store_window_for(5);
    scene.queue("acme", 20);
    let running = scene.release();
    assert!(running.len() > WINDOW);
    scene.store_window();
    let (beyond, within) = running.split_at(running.len() - WINDOW);
    for id in beyond {
        assert_eq!(scene.release(), []);
        scene.end(*id);
    }
    assert_eq!(scene.release(), []);
    scene.end(within[0]);
    assert_eq!(scene.release().len(), 1);
}

#[test]
fn turns_or_a_window_that_cannot_be_read_stop_no_release() {
    let mut scene = Scene::new();
    scene.queue("acme", 10);
    scene.queue("globex", 10);
    let record = |body: &str, revision| Record {
        body: body.to_owned(),
        revision,
        expires_at: None,
    };
    let turns = record("no turn\n=no job\tno time\n\t\t", 1);
    let put = scene.memory.state().records.put("turns", PIPELINE, &turns);
    assert!(put);
    let released = scene.release();
    let tenants: BTreeSet<Tenant> = released.iter().map(|id| scene.tenant(*id)).collect();
    assert_eq!((released.len(), tenants.len()), (WINDOW, 2));
    // A window whose line cannot be read has no size.
    let window = record(&format!(">{PIPELINE}\tfull\tno time\t4\t0"), 2);
    assert!(scene.memory.state().records.put("pauses", "now", &window));
    assert_eq!(scene.release().len(), 20 - WINDOW);
}

/// The first release has sent its checks, and the index does not show it yet.
#[test]
fn second_release_at_the_same_time_releases_nothing_else() {
    for (tenants, running) in [
        (&["acme"][..], 0),
        (&["acme", "globex"][..], 0),
        (&["acme", "globex"][..], 2),
    ] {
        let mut scene = Scene::new();
        for tenant in tenants {
            scene.queue(tenant, 10);
        }
        scene.at_endpoint("initech", running);
        let release = || wait(release_window(&scene.memory, &pipeline())).unwrap();
        release();
        release();
        let checks = scene.memory.state().checks.clone();
        let jobs: BTreeSet<JobId> = checks.iter().map(|check| check.message.job).collect();
        assert_eq!(jobs.len(), WINDOW - running, "{tenants:?}");
    }
}

#[test]
fn places_that_become_free_while_released_jobs_are_on_their_way_are_for_others() {
    let mut scene = Scene::new();
    let running = scene.at_endpoint("initech", 2);
    scene.queue("acme", 10);
    scene.queue("globex", 10);
    let release = || wait(release_window(&scene.memory, &pipeline())).unwrap();
    assert_eq!(release(), WINDOW - 2);
    for id in running {
        scene.memory.state().jobs.remove(&id);
    }
    assert_eq!(release(), 2);
    let checks = scene.memory.state().checks.clone();
    let jobs: BTreeSet<JobId> = checks.iter().map(|check| check.message.job).collect();
    assert_eq!(jobs.len(), WINDOW);
}

/// The checks were lost.
#[test]
fn released_jobs_that_do_not_start_are_released_again_after_ten_seconds() {
    let mut scene = Scene::new();
    scene.queue("acme", 10);
    scene.queue("globex", 10);
    let release = |scene: &Scene| -> BTreeSet<JobId> {
        wait(release_window(&scene.memory, &pipeline())).unwrap();
        let checks = std::mem::take(&mut scene.memory.state().checks);
        checks.iter().map(|check| check.message.job).collect()
    };
    let first = release(&scene);
    assert_eq!(first.len(), WINDOW);
    scene.pass(10);
    assert_eq!(release(&scene), BTreeSet::new());
    scene.pass(1);
    assert_eq!(release(&scene), first);
}

/// One query reads the heads of several short queues, and may end within the last of them.
#[test]
fn queue_whose_head_was_cut_off_by_another_one_has_as_many_turns() {
    let mut scene = Scene::new();
    // A hundred places.
    scene.store_window_for(50);
    for tenant in ["acme", "globex"] {
        scene.queue(tenant, 60);
    }
    let released = scene.release();
    let of_acme = released
        .iter()
        .filter(|id| scene.tenant(**id).as_str() == "acme");
    let of_acme = of_acme.count();
    assert!((49..=51).contains(&of_acme), "{of_acme}");
    assert_eq!(released.len(), 100);
}

/// A release sends at most a hundred checks.
#[test]
fn release_that_leaves_places_free_asks_for_another() {
    for (instances, queued, requests) in [(50, 150, 0), (51, 150, 1), (51, 99, 0)] {
        let mut scene = Scene::new();
        // Two places on each.
        scene.store_window_for(instances);
        scene.queue("acme", queued);
        assert_eq!(scene.release().len(), queued.min(100));
        let asked = scene.memory.state().release_requests.len();
        assert_eq!(asked, requests, "{instances} instances, {queued} queued");
    }
    for (queued, requests) in [(99, 0), (100, 1)] {
        let mut scene = Scene::new();
        scene.memory.state().records.delete("pauses", "now");
        scene.queue("acme", queued);
        assert_eq!(scene.release().len(), queued);
        let asked = scene.memory.state().release_requests.len();
        assert_eq!(asked, requests, "no window, {queued} queued");
    }
}

/// What waits is read no further than there are places for.
#[test]
fn release_makes_as_many_calls_however_many_jobs_wait() {
    let calls = |queued| {
        let mut scene = Scene::new();
        scene.queue("acme", queued);
        scene.queue("globex", queued);
        assert_eq!(scene.release().len(), WINDOW);
        scene.memory.state().calls.clone()
    };
    assert_eq!(calls(10_000), calls(10));
}

/// A page has a hundred of them.
#[test]
fn release_reads_few_pages_however_many_tenants_wait() {
    let mut scene = Scene::new();
    scene.store_window_for(60);
    for number in 0..1000 {
        scene.queue(&format!("tenant-{number}"), 1);
    }
    assert_eq!(scene.release().len(), 100);
    let pages = scene.memory.state().calls["queued_jobs"];
    assert!(pages <= 10, "{pages}");
}

/// Each release reads some of them, from a random one on.
#[test]
fn of_more_queues_than_a_release_reads_none_is_always_left_out() {
    let mut scene = Scene::new();
    scene.store_window_for(60);
    for number in 0..230 {
        scene.queue(&format!("tenant-{number}"), 1);
    }
    let mut released = scene.release();
    for _ in 0..4 {
        let before = released.len();
        scene.pass(20);
        scene.store_window_for(60);
        for id in &released {
            scene.memory.state().jobs.remove(id);
        }
        released.extend(scene.release());
        assert!(released.len() > before || before == 230);
    }
    assert_eq!(released.iter().collect::<BTreeSet<_>>().len(), 230);
}

/// The policies of AWS scale by the endpoint's own queue.
#[test]
fn pipeline_without_a_window_gets_every_job_oldest_first() {
    let text =
        include_str!("../../../../infra/pipelines.toml").replace("scaling = \"docket\"\n", "");
    let pipelines = Pipelines::parse(&text).unwrap();
    let mut scene = Scene::new();
    let mut expected = Vec::new();
    for _ in 0..250 {
        expected.extend(scene.queue("acme", 1));
        scene.memory.state().now.0 += 1;
    }
    let until = NOW.plus(Duration::from_secs(600));
    let report = wait(release_queued(&scene.memory, &pipelines, until));
    assert_eq!((report.released, report.incomplete), (250, false));
    assert_eq!(report.wait_for_turn, 0);
    let state = scene.memory.state();
    let jobs: Vec<JobId> = state.checks.iter().map(|check| check.message.job).collect();
    assert_eq!(jobs, expected);
    assert_eq!(state.release_requests, []);
}

#[test]
fn attempt_whose_outcome_is_lost_gives_its_place_back() {
    let mut scene = Scene::new();
    scene.queue("acme", 20);
    scene.at_endpoint("acme", WINDOW);
    assert_eq!(scene.release().len(), 0);
    // Longer than the window may need at its slowest: each of its attempts runs into the time limit.
    let timeout = u64::from(pipeline().invocation_timeout_seconds);
    scene.pass((u64::from(MIN_WINDOW) + 1) * timeout);
    assert_eq!(scene.release().len(), WINDOW);
}
