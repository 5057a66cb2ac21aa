//! Jobs that wait for their turn, as the reconciler counts them.

use jobs::open_jobs::{OpenJobs, count_open_jobs};
use jobs::ready_by::{self, KnownInstances, QueueSnapshot};

use super::*;

impl Scene {
    /// What the reconciler counts. One instance is known to be in service, or more.
    fn open_jobs(&self) -> OpenJobs {
        self.open_jobs_with(1)
    }

    fn open_jobs_with(&self, in_service: u32) -> OpenJobs {
        let pipelines = Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap();
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
    let pipelines = Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap();
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
