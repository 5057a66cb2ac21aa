//! Releases of a pipeline with a window: how many, in whose turn, two at once, and what happens to lost attempts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use jobs::event::HeldBy;
use jobs::expected_work::BaseWork;
use jobs::id::{Attempt, JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::lane::Lane;
use jobs::open_jobs::{OpenJobs, count_open_jobs};
use jobs::pause::{Hold, Pause, PauseDetails, PauseScope, Pauses, hold, store};
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{Clock, Record};
use jobs::ready_by::{self, KnownInstances, QueueSnapshot};
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
    let all = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
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
        scene.know_window();
        scene
    }

    /// Function `capacity` has looked.
    fn know_window(&self) {
        self.know_window_of(1);
    }

    fn know_window_of(&self, instances: u32) {
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
        self.know_window();
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

    fn foretold(&self, pauses: &Pauses, queues: usize, jobs: usize) -> Option<Vec<JobId>> {
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

/// The time that a tenant waits must not depend on how much another one has queued.
#[test]
fn wait_of_a_tenant_does_not_depend_on_the_size_of_another_ones_queue() {
    let mut waits = BTreeSet::new();
    for others in [10, 100, 1000] {
        let mut scene = Scene::new();
        scene.queue("acme", others);
        let mut running = scene.release();
        scene.pass(20);
        let [own] = scene.queue("globex", 1)[..] else {
            unreachable!()
        };
        let mut ended = 0;
        while !running.contains(&own) {
            scene.end(running.remove(0));
            ended += 1;
            running.extend(scene.release());
        }
        waits.insert(ended);
    }
    let longest = *waits.last().unwrap();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(
        longest <= 2,
        "{longest} runs of others ended before its turn"
    );
}

#[test]
fn tenants_that_wait_take_turns() {
    let mut scene = Scene::new();
    let names = ["acme", "globex", "initech"];
    for name in names {
        scene.queue(name, 50);
    }
    let mut running = scene.release();
    let mut turns = Vec::new();
    for _ in 0..18 {
        scene.pass(20);
        scene.end(running.remove(0));
        let released = scene.release();
        turns.extend(released.iter().map(|id| scene.tenant(*id)));
        running.extend(released);
    }
    for name in names {
        let count = turns.iter().filter(|of| of.as_str() == name).count();
        assert!((5..=7).contains(&count), "{name} had {count} of 18");
    }
}

/// Of 18 turns of two tenants, those of the one whose documents are fifty times as large.
fn turns_of_large_documents(base: BaseWork) -> usize {
    let mut scene = Scene::new();
    scene.base = base;
    scene.know_window();
    for (name, bytes) in [("acme", 100_000), ("globex", 5_000_000)] {
        for id in scene.queue(name, 50) {
            let mut state = scene.memory.state();
            state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
        }
    }
    let mut running = scene.release();
    let mut turns = 0;
    for _ in 0..18 {
        scene.pass(20);
        let pauses = wait(Pauses::load(&scene.memory, scene.memory.now())).unwrap();
        let foretold = scene.foretold(&pauses, 9, 6000);
        scene.end(running.remove(0));
        let released = scene.release();
        assert_eq!(released[..], foretold.unwrap()[..1]);
        let of_large = |id: &&JobId| scene.tenant(**id).as_str() == "globex";
        turns += released.iter().filter(of_large).count();
        running.extend(released);
    }
    turns
}

#[test]
fn turns_are_weighted_by_the_base_that_is_known_with_the_window() {
    let by_bytes = turns_of_large_documents(BaseWork::default());
    assert!(by_bytes <= 2, "{by_bytes} of 18");
    let all_alike = turns_of_large_documents(BaseWork::of_bytes(u64::MAX));
    assert!((8..=10).contains(&all_alike), "{all_alike} of 18");
}

/// How many documents of acme are released before a small one of globex, if one of 20 MB had its turn before `before` of acme, and
/// the queue was then empty or not.
fn turns_after_a_large_document(before: usize, is_emptied: bool) -> usize {
    let mut scene = Scene::new();
    let [large] = scene.queue("globex", 1)[..] else {
        unreachable!()
    };
    let bytes_of = |scene: &Scene, id, bytes| {
        let mut state = scene.memory.state();
        state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
    };
    bytes_of(&scene, large, 20_000_000);
    let (more, later) = if is_emptied { (0, 200) } else { (200, 0) };
    for id in scene.queue("acme", before + WINDOW + more) {
        bytes_of(&scene, id, 20_000);
    }
    let mut running = scene.release();
    assert!(running.contains(&large));
    let mut others = 0;
    while others < before {
        scene.pass(20);
        scene.end(running.remove(0));
        let next = scene.release();
        others += next.len();
        running.extend(next);
    }
    if is_emptied {
        while let Some(id) = running.pop() {
            scene.pass(20);
            scene.end(id);
            running.extend(scene.release());
        }
        scene.pass(3600);
    }
    for id in scene.queue("acme", later) {
        bytes_of(&scene, id, 20_000);
    }
    running.extend(scene.release());
    scene.pass(20);
    let [small] = scene.queue("globex", 1)[..] else {
        unreachable!()
    };
    let mut released = Vec::new();
    while !released.contains(&small) {
        scene.pass(20);
        scene.end(running.remove(0));
        let next = scene.release();
        running.extend(&next);
        released.extend(next);
    }
    released.len() - 1
}

#[test]
fn tenant_waits_for_the_others_that_waited_when_its_large_document_was_released() {
    let waited = turns_after_a_large_document(5, false);
    assert!((50..80).contains(&waited), "{waited}");
}

#[test]
fn releases_of_another_tenant_alone_count_for_the_one_whose_large_document_was_released() {
    let waited = turns_after_a_large_document(100, false);
    assert!(waited <= WINDOW, "{waited} others before it");
}

#[test]
fn tenant_does_not_wait_for_its_large_document_once_the_queue_was_empty() {
    let waited = turns_after_a_large_document(5, true);
    assert!(waited <= WINDOW, "{waited} others before it");
}

/// They are written only while another tenant is ahead because of its last turn.
#[test]
fn releases_of_one_tenant_alone_soon_write_no_turns() {
    let mut scene = Scene::new();
    scene.queue("globex", 1);
    scene.queue("acme", 40);
    let mut running = scene.release();
    for _ in 0..20 {
        scene.pass(20);
        scene.end(running.remove(0));
        running.extend(scene.release());
    }
    scene.pass(20);
    scene.end(running.remove(0));
    scene.memory.state().calls.clear();
    assert_eq!(scene.release().len(), 1);
    assert_eq!(scene.memory.state().calls.get("put_record"), None);
}

/// The others may have had turns while they were alone.
#[test]
fn turns_begin_with_the_tenant_that_came_last_after_urgent_jobs() {
    for [first, last] in [["acme", "globex"], ["globex", "acme"]] {
        let mut scene = Scene::new();
        scene.queue(first, 5);
        scene.pass(1);
        let own = scene.queue(last, 1);
        scene.pass(1);
        let urgent = scene.queue_in("initech", 1, Lane::Standard, true);
        scene.at_endpoint("acme", WINDOW - 2);
        assert_eq!(scene.release(), [urgent, own].concat(), "{last}");
    }
}

#[test]
fn first_turns_are_weighted_by_the_base_that_is_known_with_the_window() {
    let mut scene = Scene::new();
    scene.base = BaseWork::of_bytes(u64::MAX);
    // A hundred places.
    scene.know_window_of(50);
    for (name, bytes) in [("acme", 100_000), ("globex", 5_000_000)] {
        for id in scene.queue(name, 100) {
            let mut state = scene.memory.state();
            state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
        }
    }
    let released = scene.release();
    let of_large = |id: &&JobId| scene.tenant(**id).as_str() == "globex";
    let of_large = released.iter().filter(of_large).count();
    assert!((49..=51).contains(&of_large), "{of_large} of 100");
}

/// One release in five, of whatever tenants.
#[test]
fn lane_bulk_gives_way_and_does_not_starve() {
    let mut scene = Scene::new();
    for name in ["acme", "globex"] {
        scene.queue(name, 50);
    }
    scene.queue_in("acme", 50, Lane::Bulk, false);
    let mut running = scene.release();
    let mut of_bulk = 0;
    for _ in 0..20 {
        scene.pass(20);
        scene.end(running.remove(0));
        let released = scene.release();
        let state = scene.memory.state();
        let lane = |id: &JobId| state.jobs[id].input.labels.lane;
        of_bulk += released.iter().filter(|id| lane(id) == Lane::Bulk).count();
        drop(state);
        running.extend(released);
    }
    assert_eq!(of_bulk, 4);
}

#[test]
fn urgent_jobs_are_released_before_all_others() {
    let mut scene = Scene::new();
    scene.queue("acme", 250);
    scene.queue_in("initech", 10, Lane::Bulk, false);
    scene.pass(1);
    let urgent = scene.queue_in("globex", 2, Lane::Bulk, true);
    scene.pass(1);
    let also = scene.queue_in("acme", 1, Lane::Standard, true);
    let released = scene.release();
    assert_eq!(released[..3], [&urgent[..], &also].concat());
    assert_eq!(released.len(), WINDOW);
}

/// With more queues than a release reads.
#[test]
fn urgent_jobs_are_released_however_many_tenants_wait() {
    let mut scene = Scene::new();
    for number in 0..220 {
        scene.queue(&format!("tenant-{number}"), 1);
    }
    let urgent = scene.queue_in("acme", 1, Lane::Standard, true);
    assert_eq!(scene.release()[..1], urgent);
}

/// What people are told is what happens.
#[test]
fn jobs_are_released_in_the_order_that_was_foretold() {
    let mut scene = Scene::new();
    scene.queue("acme", 9);
    scene.queue("globex", 3);
    scene.queue_in("acme", 3, Lane::Bulk, false);
    let mut running = scene.release();
    scene.pass(20);
    scene.queue_in("initech", 1, Lane::Standard, true);
    let pauses = wait(Pauses::load(&scene.memory, scene.memory.now())).unwrap();
    let foretold = |max| scene.foretold(&pauses, max, 6000);
    let expected = foretold(9).unwrap();
    assert_eq!(expected.len(), 16 - WINDOW);
    assert_eq!(foretold(3), None, "more queues than are read");
    let mut released = Vec::new();
    while released.len() < expected.len() {
        scene.end(running.remove(0));
        released.extend(scene.release());
        running.extend(released.last());
        scene.pass(20);
    }
    assert_eq!(released, expected);
}

/// A tenant that has uploaded a thousand documents sees when the last of them is sent, and so do many that uploaded few.
#[test]
fn turns_are_foretold_in_long_queues_and_in_many() {
    let mut scene = Scene::new();
    let mut acme = scene.queue("acme", 2500);
    scene.queue("globex", 3);
    for number in 0..100 {
        scene.queue(&format!("tenant-{number}"), 2);
    }
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let all = scene.foretold(&pauses, 200, 6000).unwrap();
    assert_eq!(all.len(), 2703);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2703);
    let of_acme = all
        .iter()
        .filter(|id| scene.tenant(**id).as_str() == "acme");
    let of_acme: Vec<JobId> = of_acme.copied().collect();
    acme.sort();
    assert_eq!(of_acme, acme, "oldest first");
    // As many of the longest queue as are left of the jobs that may be read.
    let some = scene.foretold(&pauses, 200, 1000).unwrap();
    assert_eq!(some.len(), 1000);
    assert_eq!(some[..400], all[..400]);
    // The heads: 200 of the longest queue, and all others.
    for (jobs, are_known) in [(403, true), (402, false)] {
        let foretold = scene.foretold(&pauses, 200, jobs);
        assert_eq!(foretold.is_some(), are_known, "{jobs}");
    }
    assert_eq!(scene.foretold(&pauses, 100, 6000), None, "more queues");
}

/// Two long queues have the same share of what may be read.
#[test]
fn foretold_turns_end_in_all_long_queues_at_the_same_place() {
    let mut scene = Scene::new();
    scene.queue("acme", 1500);
    scene.queue("globex", 900);
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let some = scene.foretold(&pauses, 200, 1000).unwrap();
    let of_acme = some
        .iter()
        .filter(|id| scene.tenant(**id).as_str() == "acme");
    assert_eq!((of_acme.count(), some.len()), (500, 1000));
}

/// A page of one queue may have jobs of the next one.
#[test]
fn whole_queues_are_foretold_if_they_are_few_jobs() {
    let mut scene = Scene::new();
    scene.queue("acme", 1500);
    scene.queue("globex", 1500);
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let all = scene.foretold(&pauses, 200, 6000).unwrap();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 3000);
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
    scene.know_window_of(5);
    scene.queue("acme", 20);
    let running = scene.release();
    assert!(running.len() > WINDOW);
    scene.know_window();
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
    scene.know_window_of(50);
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
        scene.know_window_of(instances);
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
    scene.know_window_of(60);
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
    scene.know_window_of(60);
    for number in 0..230 {
        scene.queue(&format!("tenant-{number}"), 1);
    }
    let mut released = scene.release();
    for _ in 0..4 {
        let before = released.len();
        scene.pass(20);
        scene.know_window_of(60);
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
    let text = include_str!("../../../infra/pipelines.toml").replace("scaling = \"docket\"\n", "");
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

impl Scene {
    /// The endpoint has failed every document for a minute.
    fn open_breaker(&self) {
        self.open_breaker_in_line(1);
    }

    fn open_breaker_in_line(&self, at: usize) {
        let mut state = self.memory.state();
        let (since, probe_at) = (state.now, state.now.plus(Duration::from_secs(60)));
        let mut record = state.records.get("pauses", "now").unwrap();
        let line = format!(
            "!{PIPELINE}:*\t{}\t{}\t-\tfails\t-\tthe endpoint is down",
            probe_at.0, since.0
        );
        let mut lines: Vec<&str> = record.body.lines().collect();
        lines.insert(at, &line);
        record.body = lines.join("\n");
        record.revision += 1;
        state.records.put("pauses", "now", &record);
    }

    /// The jobs for which the reconciler sends checks, and in how many seconds these arrive.
    fn checks_of_reconciler(&self) -> Vec<(JobId, u32)> {
        let all = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
        let until = self.memory.now().plus(Duration::from_secs(600));
        wait(release_queued(&self.memory, &all, until));
        let checks = std::mem::take(&mut self.memory.state().checks);
        let checks = checks.iter();
        checks
            .map(|check| (check.message.job, check.delay_seconds))
            .collect()
    }
}

/// Only a probe starts, and it is the oldest job, whatever its tenant: a document that fails every probe queues behind the others.
#[test]
fn while_a_breaker_is_open_nothing_is_released_and_the_oldest_job_probes() {
    for tenants in [["acme", "globex"], ["globex", "acme"]] {
        let mut scene = Scene::new();
        scene.pass(1);
        let before = scene.queue(tenants[1], 1);
        scene.pass(1);
        scene.open_breaker();
        let mut held = Vec::new();
        for tenant in [tenants[0], tenants[1], tenants[1], tenants[0]] {
            scene.memory.state().now.0 += 1000;
            held.extend(scene.queue(tenant, 1));
        }
        assert_eq!(scene.release(), [], "{tenants:?}");
        // The check of the first job makes it wait for the breaker, too: it was queued for its turn.
        let checks = scene.checks_of_reconciler();
        // Each probe is due half of the breaker's age after the one before, and its check arrives two seconds later.
        let delays = [0, 58, 120, 184, 280];
        let expected: Vec<(JobId, u32)> = before.iter().chain(&held).copied().zip(delays).collect();
        assert_eq!(checks, expected, "{tenants:?}");
        assert_eq!(scene.memory.state().release_requests, []);
        // The breaker has closed.
        scene.pass(60);
        assert_eq!(scene.release().len(), WINDOW, "{tenants:?}");
        scene.checks_of_reconciler();
        assert_eq!(scene.memory.state().release_requests.len(), 1);
    }
}

#[test]
fn breaker_holds_uploads_whatever_the_window_is() {
    for (jobs, line) in [(0, 0), (0, 1), (WINDOW, 0), (WINDOW, 1)] {
        let mut scene = Scene::new();
        scene.at_endpoint("acme", jobs);
        scene.release();
        scene.open_breaker_in_line(line);
        let acme: Tenant = "acme".parse().unwrap();
        let held = wait(hold(&scene.memory, PIPELINE, &acme, scene.memory.now())).unwrap();
        let case = format!("{jobs} at the endpoint, line {line}");
        assert_eq!(held, Hold::By(HeldBy::Breaker), "{case}");
    }
}

impl Scene {
    /// What the reconciler counts. One instance is known to be in service, or more.
    fn open_jobs(&self) -> OpenJobs {
        self.open_jobs_with(1)
    }

    fn open_jobs_with(&self, in_service: u32) -> OpenJobs {
        let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
        let now = self.memory.now();
        let mut snapshot = QueueSnapshot::inferred(now, &pipeline(), vec![], None);
        snapshot.instances = KnownInstances {
            in_service,
            concurrent_runs: 1,
            is_counted: true,
            ..KnownInstances::default()
        };
        wait(ready_by::store(&self.memory, PIPELINE, &snapshot)).unwrap();
        let until = now.plus(Duration::from_secs(100));
        let counted = wait(count_open_jobs(&self.memory, &pipelines, until)).unwrap();
        counted.unwrap()[PIPELINE]
    }
}

#[test]
fn waiting_jobs_are_open_and_at_risk_if_their_turn_comes_too_late() {
    let mut scene = Scene::new();
    let running = scene.at_endpoint("acme", WINDOW).len() as u64;
    scene.queue("acme", 100);
    scene.queue("globex", 1);
    scene.pass(60);
    let expected = OpenJobs {
        open: running,
        waiting: 101,
        oldest_age_seconds: 60,
        at_risk: 0,
    };
    assert_eq!(scene.open_jobs(), expected);
    // 1,100 runs of 45 s are 14 hours; they shall be ready within eight.
    scene.queue("acme", 1000);
    let at_risk = scene.open_jobs().at_risk;
    assert!((400..=700).contains(&at_risk), "{at_risk}");
}

/// Then their age says whether they are at risk.
#[test]
fn turns_of_waiting_jobs_are_not_known_without_a_window() {
    let mut scene = Scene::new();
    scene.memory.state().records.delete("pauses", "now");
    scene.queue("acme", 1100);
    scene.memory.state().now.0 += 60_000;
    let found = scene.open_jobs();
    assert_eq!((found.waiting, found.at_risk), (1100, 0));
}

/// The turns of 6,000 jobs are known. 14 instances end about 6,500 jobs in time.
#[test]
fn job_whose_turn_is_not_known_comes_after_those_before_it_in_its_queue() {
    let mut scene = Scene::new();
    scene.queue("acme", 7000);
    let at_risk = scene.open_jobs_with(14).at_risk;
    assert!((200..=800).contains(&at_risk), "{at_risk}");
}

#[test]
fn pipeline_without_jobs_is_counted_without_a_description_of_its_queue() {
    let memory = Memory::at(NOW);
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let until = NOW.plus(Duration::from_secs(100));
    let counted = wait(count_open_jobs(&memory, &pipelines, until)).unwrap();
    assert_eq!(counted.unwrap()[PIPELINE], OpenJobs::default());
    assert_eq!(memory.state().calls.get("put_record"), None);
}

#[test]
fn jobs_that_a_pause_holds_are_not_at_risk() {
    let mut scene = Scene::new();
    scene.queue("acme", 3);
    scene.queue("globex", 1);
    scene.pass(8 * 3600);
    scene.pause("acme", 86_400);
    let found = scene.open_jobs();
    assert_eq!((found.waiting, found.at_risk), (1, 1), "the other tenant's");
}
