//! What a job's record says about its attempts and its end.

use jobs::event::EventKind;
use jobs::id::{Attempt, Timestamp};
use jobs::job::{AttemptRecord, Job};
use jobs::marks::Marks;
use jobs::state::{Cause, Failure, State, StatusGroup};
use testkit::conformance::{job_in_state, open_attempt};

/// Others write marks at any time.
#[test]
fn save_is_the_same_whatever_is_marked() {
    let job = job_in_state("InProgress");
    let mut marked = job.clone();
    marked.marks = match job.marks {
        Some(_) => None,
        None => Some(Default::default()),
    };
    assert!(job.is_same_save(&marked));
    marked.version += 1;
    assert!(!job.is_same_save(&marked));
}

#[test]
fn erased_job_keeps_the_group_in_which_it_ended() {
    let erased = job_in_state("Erased");
    let after = |event: EventKind| {
        let mut job = erased.clone();
        for record in &mut job.attempts {
            record.output = None;
        }
        job.history[0].event = event;
        job.history.truncate(1);
        job.group_before_erasure()
    };
    assert_eq!(after(EventKind::Cancel), StatusGroup::Cancelled);
    assert_eq!(after(EventKind::Retry), StatusGroup::Failed);
    assert_eq!(after(EventKind::Uploaded), StatusGroup::Failed);
}

/// The first attempt of a job that did not wait is sent when the job is made.
#[test]
fn attempt_that_was_sent_at_once_has_not_waited() {
    let mut job = job_in_state("InProgress");
    let sent = |job: &mut Job, ms: u64| {
        job.attempts = vec![open_attempt(1, Timestamp(job.created_at.0 + ms))];
        job.has_waited()
    };
    assert!(!sent(&mut job, 0));
    assert!(sent(&mut job, 1));
}

#[test]
fn cancelled_job_runs_nothing_if_every_attempt_has_ended_and_ran_once() {
    let mut job = job_in_state("Cancelled");
    let at = job.created_at;
    let ended = AttemptRecord {
        closed_at: Some(at),
        ..open_attempt(1, at)
    };
    let twice = AttemptRecord {
        may_run_twice: true,
        ..ended.clone()
    };
    for (attempts, without_run) in [
        (vec![], true),
        (vec![ended.clone()], true),
        (vec![twice], false),
        (vec![ended, open_attempt(2, at)], false),
    ] {
        job.attempts = attempts;
        assert_eq!(job.is_cancelled_without_run(), without_run, "{job:?}");
    }
}

#[test]
fn failures_up_to_the_earlier_result_do_not_count_while_a_job_is_run_again() {
    let mut job = job_in_state("InProgress");
    let failed = |number: u8, detail: &str| AttemptRecord {
        failure: Some(Failure::new(Cause::ModelError, detail)),
        ..open_attempt(number, Timestamp(0))
    };
    job.attempts = vec![
        failed(1, "old"),
        failed(2, "of the result"),
        open_attempt(3, Timestamp(0)),
    ];
    let mut run_again = |earlier: u8| {
        if let State::InProgress { budget, .. } = &mut job.state {
            budget.earlier_result = Attempt(earlier);
        }
        job.failure().map(|failure| failure.detail.clone())
    };
    assert_eq!(run_again(0).as_deref(), Some("of the result"));
    assert_eq!(run_again(2), None);
}

#[test]
fn unclear_findings_are_stored() {
    let stored = |unclear_findings: u16| {
        let marks = Marks {
            unclear_findings,
            ..Marks::default()
        };
        let json = serde_json::to_value(&marks).unwrap();
        json["unclear_findings"].as_u64()
    };
    assert_eq!(stored(3), Some(3));
    assert_eq!(stored(0), None);
}
