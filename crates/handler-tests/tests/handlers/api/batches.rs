//! Batches: their progress, and who sees it.

use api::types::BatchView;
use jobs::id::Attempt;
use jobs::state::{Cause, State};

use super::{TestApi, fail};

fn add(
    api: &TestApi,
    number: u64,
    uploader: Option<&str>,
    change: impl FnOnce(&mut jobs::job::Job),
) {
    api.job(&format!("inbound/acme/{number}.pdf"), number, |job| {
        job.input.labels.batch = Some("Data room 7".to_owned());
        job.input.uploaded_by = uploader.map(str::to_owned);
        change(job);
    });
}

#[test]
fn batch_has_the_counts_of_its_jobs_and_only_of_those_that_the_caller_sees() {
    let api = TestApi::new();
    for number in 0..7 {
        add(&api, number, None, |job| {
            job.state = State::Ready {
                attempt: Attempt(1),
            };
        });
    }
    for number in 7..10 {
        let cause = if number == 9 {
            Cause::TimedOut
        } else {
            Cause::ModelRejected
        };
        add(&api, number, Some("uma@acme.example"), |job| {
            fail(job, cause)
        });
    }
    add(&api, 10, None, |_| ());
    api.ready_job("inbound/acme/other.pdf", 1, "outbound/x.out");
    let path = "/batches/Data%20room%207";
    let seen: BatchView = api.reviewer().get(path);
    assert_eq!(
        (
            seen.jobs,
            seen.ready,
            seen.failed,
            seen.open,
            seen.cancelled
        ),
        (11, 7, 3, 1, 0)
    );
    assert!(!seen.more);
    assert_eq!(seen.failed_by_cause[0].name, "ModelRejected");
    assert_eq!(seen.failed_by_cause[0].count, 2);
    assert_eq!(seen.ready_by, None, "the waiting jobs were not counted yet");
    let own: BatchView = api.customer().get(path);
    assert_eq!(
        (own.jobs, own.failed),
        (8, 0),
        "others' uploads are not counted"
    );
    let named: BatchView = api.support().get(&format!("{path}?tenant=acme"));
    assert_eq!(named.jobs, 11);
    assert_eq!(api.support().problem_code("GET", path, None), "bad-request");
    assert_eq!(
        api.other_tenant().problem_code("GET", path, None),
        "not-found"
    );
    let (code, detail) = api
        .support()
        .problem("GET", &format!("{path}?tenant=acm"), None);
    assert_eq!(code, "not-found");
    assert!(detail.contains("did you mean acme?"), "{detail}");
    assert_eq!(
        api.reviewer().problem_code("GET", "/batches/none", None),
        "not-found"
    );
}
