//! What the count of open jobs keeps of an earlier description of the queue, and how many rows it reads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::id::{JobId, Timestamp};
use jobs::open_jobs::count_open_jobs;
use jobs::pipeline::Pipelines;
use jobs::ready_by::{self, QueueSnapshot};
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_700_000_000);

const fn ago(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

/// The description after the count, if this one was stored before. One job of the pipeline is open.
fn counted_after(stored: &QueueSnapshot) -> QueueSnapshot {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let memory = Memory::at(NOW);
    let open = one_in_every_state("docket-jobs", "acme")
        .into_iter()
        .find(|job| job.state.name() == "InProgress");
    let mut open = open.unwrap();
    open.id = JobId::of_key("docket-jobs", "inbound/acme/open.pdf");
    open.pipeline = "legal-review".to_owned();
    open.created_at = ago(30);
    memory.state().jobs.insert(open.id, open);
    let work = async {
        ready_by::store(&memory, "legal-review", stored)
            .await
            .unwrap();
        let until = NOW.plus(Duration::from_secs(100));
        count_open_jobs(&memory, &pipelines, until).await.unwrap();
        ready_by::load(&memory, "legal-review")
            .await
            .unwrap()
            .unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A description of three jobs, of which none is open any more.
fn described(at: Timestamp, is_counted: bool) -> QueueSnapshot {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let pipeline = pipelines.get("legal-review").unwrap();
    let sent = vec![
        Timestamp(at.0 - 3000),
        Timestamp(at.0 - 2000),
        Timestamp(at.0 - 1000),
    ];
    let mut snapshot = QueueSnapshot::inferred(at, pipeline, sent, None);
    snapshot.instances.is_counted = is_counted;
    snapshot
}

#[test]
fn description_with_counted_instances_is_used_for_three_minutes() {
    let recent = described(ago(180), true);
    assert_eq!(counted_after(&recent), recent);
    let old = counted_after(&described(ago(181), true));
    assert_eq!((old.at, old.instances.is_counted), (NOW, false));
    let inferred = counted_after(&described(ago(10), false));
    assert_eq!(inferred.at, NOW);
}

#[test]
fn older_description_says_how_fast_jobs_end_for_fifteen_minutes() {
    let known = counted_after(&described(ago(15 * 60), false));
    assert_eq!(known.instances.in_service, 1, "three jobs have ended since");
    let unknown = counted_after(&described(ago(15 * 60 + 1), false));
    assert_eq!(
        (unknown.instances.in_service, unknown.ended_up_to),
        (0, None)
    );
}

/// A row says when its job was last submitted. To read thousands would take longer than a run.
#[test]
fn rows_of_at_most_200_jobs_at_risk_are_read_and_the_others_count_from_their_upload() {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    for (jobs, rows_read) in [(199, 199), (203, 200)] {
        let memory = Memory::at(NOW);
        let open = one_in_every_state("docket-jobs", "acme")
            .into_iter()
            .find(|job| job.state.name() == "InProgress");
        let open = open.unwrap();
        for number in 0..jobs {
            let mut job = open.clone();
            job.id = JobId::of_bits(number);
            job.created_at = ago(8 * 3600);
            memory.state().jobs.insert(job.id, job);
        }
        let until = NOW.plus(Duration::from_secs(100));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let counted = runtime
            .block_on(count_open_jobs(&memory, &pipelines, until))
            .unwrap();
        let found = counted.unwrap()["legal-review"];
        assert_eq!(u128::from(found.at_risk), jobs);
        assert_eq!(memory.state().calls["load"], rows_read, "{jobs}");
    }
}
