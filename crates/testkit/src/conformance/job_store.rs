//! What every adapter of [`JobStore`] must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use super::{TestEnvironment, full_job, one_in_every_state};
use crate::fixture::AdvanceJob as _;
use jobs::id::{Attempt, Tenant};
use jobs::ports::{JobStore, LoadError, NewestJobs, SaveError};
use jobs::save_request::SaveRequest;
use jobs::state::{State, StatusGroup};
use jobs::transition::Event;

/// [`JobStore`]: loading, creating and saving rows.
pub async fn job_store<P: JobStore, E: TestEnvironment>(ports: &P, environment: &E, unique: &str) {
    let bucket = environment.bucket();
    let job = full_job(&bucket, unique, 0);
    assert!(
        matches!(ports.load(job.id).await, Ok(None)),
        "load returns nothing for a job that was never created"
    );

    ports
        .create(&job)
        .await
        .expect("create must succeed for a new job");
    assert_eq!(
        ports.load(job.id).await.unwrap(),
        Some(job.clone()),
        "load must return the row as it was created"
    );
    ports
        .create(&job)
        .await
        .expect("repeating a create must succeed: the first response may have been lost");
    let mut other = job.clone();
    other.input.version = "another".to_owned();
    match ports.create(&other).await {
        Err(SaveError::Conflict(Some(there))) => {
            assert_eq!(*there, job, "a conflict must return the stored row")
        }
        other => panic!("creating another job under the same id must be a conflict, not {other:?}"),
    }

    let states = one_in_every_state(&bucket, unique);
    ports
        .save(SaveRequest::for_tests(&states[1]))
        .await
        .expect("saving the next version must succeed");
    ports
        .save(SaveRequest::for_tests(&states[1]))
        .await
        .expect("repeating a save must succeed: the first response may have been lost");
    for stale in [&states[2], &states[3]] {
        let mut stale = stale.clone();
        stale.version = 2;
        assert!(
            matches!(
                ports.save(SaveRequest::for_tests(&stale)).await,
                Err(SaveError::Conflict(_))
            ),
            "saving different content under a stored version must be a conflict"
        );
    }
    let mut early = states[7].clone();
    early.version = 4;
    assert!(
        matches!(
            ports.save(SaveRequest::for_tests(&early)).await,
            Err(SaveError::Conflict(_))
        ),
        "skipping a version must be a conflict"
    );
    let missing = full_job(&bucket, unique, 77);
    let missing = missing.advanced(&Event::Uploaded, missing.state.clone(), missing.created_at);
    assert!(
        matches!(
            ports.save(SaveRequest::for_tests(&missing)).await,
            Err(SaveError::Conflict(None))
        ),
        "saving a row that does not exist must be a conflict"
    );

    for (number, state) in (1000..).zip(states) {
        let mut job = state;
        job.id = full_job(&bucket, unique, number).id;
        let version = job.version;
        job.version = 1;
        ports.create(&job).await.unwrap();
        job.version = version;
        job.version = 2;
        ports.save(SaveRequest::for_tests(&job)).await.unwrap();
        assert_eq!(
            ports.load(job.id).await.unwrap(),
            Some(job.clone()),
            "load must return a row in state {} as it was saved",
            job.state.name()
        );
    }

    let newer = full_job(&bucket, unique, 500);
    environment.save_as_newer_release(&newer).await;
    assert!(
        matches!(ports.load(newer.id).await, Err(LoadError::NewerSchema(id)) if id == newer.id),
        "loading a row of a newer release must be an error"
    );
}

pub async fn newest_jobs<P: JobStore, E: TestEnvironment>(
    ports: &P,
    environment: &E,
    unique: &str,
) {
    let bucket = environment.bucket();
    let tenant: Tenant = unique.parse().expect("unique is a tenant name");
    for number in 0..5 {
        ports
            .create(&full_job(&bucket, unique, number))
            .await
            .unwrap();
    }
    let NewestJobs { jobs: page, more } =
        ports.newest(&tenant, StatusGroup::Open, 3).await.unwrap();
    let created: Vec<_> = page.iter().map(|job| job.created_at).collect();
    assert_eq!(page.len(), 3, "a page must have as many jobs as the limit");
    assert!(
        created.is_sorted_by(|a, b| a >= b),
        "jobs must be sorted newest first: {created:?}"
    );
    assert!(more, "a truncated page must say that there are more");
    let NewestJobs { jobs: page, more } =
        ports.newest(&tenant, StatusGroup::Open, 5).await.unwrap();
    assert_eq!(
        (page.len(), more),
        (5, false),
        "a complete page must say that there are no more"
    );

    let job = full_job(&bucket, unique, 0);
    ports
        .save(SaveRequest::for_tests(&job.advanced(
            &Event::Overwritten,
            State::Cancelled {
                attempt: Attempt(1),
            },
            job.created_at,
        )))
        .await
        .unwrap();
    let NewestJobs { jobs: open, .. } = ports.newest(&tenant, StatusGroup::Open, 9).await.unwrap();
    let NewestJobs {
        jobs: cancelled, ..
    } = ports
        .newest(&tenant, StatusGroup::Cancelled, 9)
        .await
        .unwrap();
    assert_eq!(
        (open.len(), cancelled.len()),
        (4, 1),
        "a job must be only in the list of its status group"
    );
    let other: Tenant = "stranger".parse().expect("a tenant name");
    assert!(
        ports
            .newest(&other, StatusGroup::Open, 9)
            .await
            .unwrap()
            .jobs
            .iter()
            .all(|job| job.tenant == other),
        "a tenant's list must not contain jobs of another tenant"
    );
}
