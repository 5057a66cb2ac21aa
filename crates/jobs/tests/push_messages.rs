//! What a view of a job says, and how many fit into one push message.

use jobs::job::Job;
use jobs::marks::Marks;
use jobs::state::State;
use jobs::view::{JobView, MAX_PUSH_BYTES, PushMessage};
use testkit::conformance::one_in_every_state;

fn jobs(number: usize, name: &str) -> Vec<Job> {
    let mut job = one_in_every_state("docket-jobs", "acme").swap_remove(0);
    name.clone_into(&mut job.input.key);
    vec![job; number]
}

#[test]
fn snapshot_has_as_many_jobs_as_fit_and_says_whether_there_are_more() {
    for mark in [None, Some("m".repeat(700))] {
        // Names of many lengths, so that some fill the message to the last byte.
        for length in 0..150 {
            let all = jobs(200, &format!("inbound/acme/{}.pdf", "x".repeat(length)));
            let message = PushMessage::snapshot(&all, true, false, mark.clone());
            let bytes = message.to_json().len();
            assert!(bytes <= MAX_PUSH_BYTES, "{length} {bytes}");
            let PushMessage::Snapshot {
                jobs: shown, more, ..
            } = message
            else {
                panic!("no snapshot");
            };
            assert!(more && shown.len() < all.len());
            let next = serde_json::to_vec(&JobView::from(&all[0])).unwrap().len() + 1;
            // Two bytes are for "false" and a comma.
            assert!(bytes + next + 2 > MAX_PUSH_BYTES, "{length} {bytes} {next}");
        }
    }
    let few = PushMessage::snapshot(&jobs(2, "inbound/acme/a.pdf"), true, false, None);
    assert!(matches!(few, PushMessage::Snapshot { jobs, more: false, .. } if jobs.len() == 2));
}

#[test]
fn only_a_queued_job_that_support_made_urgent_is_shown_as_urgent() {
    for mut job in one_in_every_state("docket-jobs", "acme") {
        assert!(!JobView::from(&job).urgent, "{:?}", job.state);
        if let State::Queued { urgent, .. } = &mut job.state {
            *urgent = true;
            assert!(JobView::from(&job).urgent);
        }
    }
}

/// Events go to programs of the tenant.
#[test]
fn event_does_not_say_who_uploaded_the_document_or_what_people_noted() {
    let mut job = jobs(1, "inbound/acme/a.pdf").swap_remove(0);
    job.marks = Some(Box::new(Marks {
        note: Some("call them".to_owned()),
        ..Marks::default()
    }));
    let sent = serde_json::to_value(JobView::of_event(&job)).unwrap();
    let shown = serde_json::to_value(JobView::from(&job)).unwrap();
    let missing = |name: &&String| sent.get(name.as_str()) != shown.get(name.as_str());
    let missing: Vec<&String> = shown.as_object().unwrap().keys().filter(missing).collect();
    assert_eq!(missing, ["marks", "uploaded_by"]);
}
