//! What every adapter of [`RecentJobs`] and [`RecentStarts`] must do.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use super::{TestEnvironment, full_job};
use jobs::id::JobId;
use jobs::ports::{JobStore, RecentJobs, RecentStarts};

/// [`RecentJobs`]: the jobs of a shard, newest first.
pub async fn recent_jobs<P: RecentJobs + JobStore, E: TestEnvironment>(
    ports: &P,
    environment: &E,
    unique: &str,
) {
    let bucket = environment.bucket();
    let mut jobs = Vec::new();
    for number in 0..40 {
        let job = full_job(&bucket, unique, number);
        ports.create(&job).await.unwrap();
        jobs.push(job);
    }
    for shard in 0..JobId::SHARDS {
        let of_shard = jobs.iter().rev().filter(|job| job.id.shard() == shard);
        let newest_first: Vec<JobId> = of_shard.map(|job| job.id).collect();
        let all = ports.recently_created(shard, 1000).await.unwrap();
        // A shared store may hold other jobs as well.
        let own = all
            .iter()
            .filter(|id| jobs.iter().any(|job| job.id == **id));
        let own: Vec<JobId> = own.copied().collect();
        assert_eq!(own, newest_first, "every job of the shard, newest first");
        for limit in [1, 2] {
            let some = ports.recently_created(shard, limit).await.unwrap();
            let expected = all.iter().take(usize::from(limit)).copied();
            assert_eq!(some, expected.collect::<Vec<_>>(), "at most {limit}");
        }
    }
}

/// [`RecentStarts`]: counts by pipeline.
pub fn recent_starts<P: RecentStarts>(ports: &P, unique: &str) {
    let count = |number: u32| {
        let (a, b) = (
            format!("{unique}-{number}-a"),
            format!("{unique}-{number}-b"),
        );
        [&a, &a, &b, &a].map(|pipeline| ports.count_start(pipeline))
    };
    // A new minute may begin in between, but not twice.
    let is_counted = (0..2).any(|number| count(number) == [1, 2, 1, 3]);
    assert!(
        is_counted,
        "each pipeline must be counted for itself, from 1"
    );
}
