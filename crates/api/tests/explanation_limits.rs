//! Limits: when a job counts as stalled, and how much of a job fits into views and push messages.

use api::explain::{WaitsOn, explain};
use jobs::id::{Attempt, Timestamp};
use jobs::state::State;
use jobs::view::{JobView, MAX_PUSH_BYTES, PushMessage};
use testkit::conformance::job_in_state;

#[test]
fn job_is_stalled_when_its_check_is_15_minutes_overdue() {
    let job = job_in_state("InProgress");
    let next_check_at = job.state.check_deadline().unwrap();
    let limit = next_check_at.0 + 15 * 60_000;
    for (now, on) in [
        (limit - 1000, WaitsOn::Endpoint),
        (limit + 1000, WaitsOn::Stalled),
    ] {
        let waiting = explain(&job, Timestamp(now)).waiting.unwrap();
        assert_eq!(waiting.on, on);
    }
}

/// The same limits as the state machine: the retry budget allows the attempt, and it can end before the job's deadline.
#[test]
fn another_attempt_is_predicted_only_if_the_retry_budget_allows_it() {
    let mut job = job_in_state("InProgress");
    let attempt_ms = u64::from(job.policy.max_attempt_seconds) * 1000;
    for (last_attempt, left_ms, expected) in [
        (Attempt(2), attempt_ms, true),
        (Attempt(2), attempt_ms - 1, false),
        (Attempt(1), attempt_ms, false),
    ] {
        if let State::InProgress {
            attempt,
            deadline,
            budget,
        } = &mut job.state
        {
            assert_eq!(*attempt, Attempt(1));
            budget.last_attempt = last_attempt;
            budget.expires_at = Timestamp(deadline.0 + left_ms);
        }
        let what = explain(&job, job.updated_at).next[0].what.clone();
        assert_eq!(what.contains("another attempt starts"), expected, "{what}");
        assert_eq!(what.contains("the job fails"), !expected, "{what}");
    }
}

#[test]
fn long_file_name_is_shortened_in_the_middle() {
    let shown = |name: &str| {
        let mut job = job_in_state("Ready");
        job.input.name = Some(name.to_owned());
        JobView::from(&job).name
    };
    let fits = format!("{}.pdf", "ü".repeat(196));
    assert_eq!(shown(&fits), fits);
    let long = format!("A{}{}Z.pdf", "ü".repeat(150), "ß".repeat(150));
    let expected = format!("A{}…{}Z.pdf", "ü".repeat(99), "ß".repeat(94));
    assert_eq!(shown(&long), expected);
    assert_eq!(expected.chars().count(), 200);
}

#[test]
fn snapshot_contains_as_many_jobs_as_fit_into_one_frame() {
    for length in 1..=150 {
        let mut job = job_in_state("Ready");
        job.input.name = Some("n".repeat(length));
        let one_more = serde_json::to_vec(&JobView::from(&job)).unwrap().len() + 1;
        let snapshot = PushMessage::snapshot(&vec![job; 200], true, false, None);
        assert!(matches!(snapshot, PushMessage::Snapshot { more: true, .. }));
        let bytes = snapshot.to_json().len();
        // "true" is a byte shorter than the "false" that the limit assumes.
        let fits = MAX_PUSH_BYTES - one_more..MAX_PUSH_BYTES;
        assert!(fits.contains(&bytes), "{bytes} with names of {length}");
    }
    let few = PushMessage::snapshot(&vec![job_in_state("Ready"); 50], true, false, None);
    assert!(matches!(few, PushMessage::Snapshot { jobs, more: false, .. } if jobs.len() == 50));
}
