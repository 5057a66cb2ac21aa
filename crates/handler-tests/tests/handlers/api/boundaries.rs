//! Requests at their limits: the last value that is taken, and the first that is refused.

use api::types::{RetryPlanView, SignedParts, UploadView};
use jobs::state::Cause;
use serde_json::{Value, json};

use super::super::fixtures::{NOW, advance};
use super::TestApi;
use super::plans::plan;

const MB: u64 = 1024 * 1024;

fn new_upload(name: &str, bytes: u64) -> Value {
    json!({"pipeline": "ocr-batch", "name": name, "bytes": bytes, "content_type": "application/pdf"})
}

#[test]
fn upload_of_the_largest_size_and_the_longest_name_is_taken() {
    let api = TestApi::new();
    let customer = api.customer();
    let create =
        |name: &str, bytes| -> UploadView { customer.post("/uploads", new_upload(name, bytes)) };
    let refused = |name: &str, bytes| {
        customer.problem_code("POST", "/uploads", Some(new_upload(name, bytes)))
    };
    // The pipeline takes 1 GB.
    assert_eq!(create("a.pdf", 1024 * MB).bytes, 1024 * MB);
    assert_eq!(refused("a.pdf", 1024 * MB + 1), "too-large");
    assert_eq!(create("a.pdf", 1).bytes, 1);
    // Up to 100 MB one request sends the file, larger ones are sent in parts.
    let whole = create("a.pdf", 100 * MB);
    assert!(whole.put.is_some() && whole.multipart.is_none());
    let in_parts = create("a.pdf", 100 * MB + 1);
    assert!(in_parts.put.is_none() && in_parts.multipart.is_some());
    // 200 characters, and 500 bytes.
    create(&"x".repeat(200), 7);
    assert_eq!(refused(&"x".repeat(201), 7), "bad-request");
    create(&format!("{}xx", "€".repeat(166)), 7);
    assert_eq!(refused(&"€".repeat(167), 7), "bad-request");
}

#[test]
fn hundred_parts_are_signed_at_once() {
    let api = TestApi::new();
    let customer = api.customer();
    let upload: UploadView = customer.post("/uploads", new_upload("a.pdf", 1024 * MB));
    let path = format!("/uploads/{}/parts", upload.job_id);
    // There are 64; one may be named again.
    let numbers = |count: u32| (0..count).map(|at| at % 64 + 1).collect::<Vec<u32>>();
    let signed: SignedParts = customer.post(&path, json!({"part_numbers": numbers(100)}));
    assert_eq!(signed.parts.len(), 100);
    for wrong in [numbers(101), vec![], vec![0], vec![65]] {
        let code = customer.problem_code("POST", &path, Some(json!({"part_numbers": wrong})));
        assert_eq!(code, "bad-request");
    }
}

#[test]
fn upload_can_be_continued_until_it_expires() {
    let api = TestApi::new();
    let upload: UploadView = api.customer().post("/uploads", new_upload("a.pdf", 7));
    let path = format!("/uploads/{}", upload.job_id);
    let at = |at: u64| {
        let now = api.ports().state().now.0;
        advance(api.handler.app(), at - now);
        let mut customer = api.customer();
        customer.claims["exp"] = json!((at / 1000 + 3600).to_string());
        customer.send("GET", &path, None).status_code
    };
    assert_eq!(at(upload.expires_at - 1), 200);
    assert_eq!(at(upload.expires_at), 410);
}

#[test]
fn plan_names_what_it_is_about_at_a_rate_that_queues_take() {
    let api = TestApi::new();
    let refused = |body: Value| {
        api.support()
            .problem("POST", "/retry-plans", Some(body.clone()))
    };
    let made = |body: Value| -> RetryPlanView { api.support().post("/retry-plans", body) };
    assert_eq!(
        made(json!({"reason": "x", "per_minute": 600})).per_minute,
        600
    );
    assert_eq!(made(json!({"reason": "x", "per_minute": 1})).per_minute, 1);
    let (_, why) = refused(json!({"reason": "x", "per_minute": 601}));
    assert!(why.contains("between 1 and 600"), "{why}");
    made(json!({"reason": "x".repeat(400)}));
    let (_, why) = refused(json!({"reason": "x".repeat(401)}));
    assert!(why.contains("a reason of 1 to 400 characters"), "{why}");
    let (_, why) = refused(json!({"reason": "x", "filter": {"batch": "May"}}));
    assert!(why.contains("name the tenant of the batch"), "{why}");
    let (_, why) = refused(json!({"reason": "x", "filter": {"since": 5, "until": 5}}));
    assert!(why.contains("since must be before its until"), "{why}");
    made(json!({"reason": "x", "filter": {"since": 5, "until": 6}}));
    // To cancel, one of these is enough.
    for filter in [
        json!({"tenant": "acme"}),
        json!({"pipeline": "legal-review"}),
        json!({"since": 5}),
        json!({"until": 5}),
    ] {
        let plan = made(json!({"reason": "x", "cancel": true, "filter": filter}));
        assert_eq!((plan.jobs, plan.per_minute), (0, 600));
    }
    assert_eq!(made(json!({"reason": "x"})).per_minute, 20);
}

#[test]
fn plan_takes_jobs_that_failed_from_its_since_and_before_its_until() {
    let api = TestApi::new();
    for number in 0..3 {
        let key = format!("inbound/acme/{number}.pdf");
        api.failed_job(&key, number * 1000, Cause::ModelError);
    }
    for tenant in [None, Some("acme")] {
        let jobs = |since: u64, until: u64| {
            let mut filter = json!({"since": since, "until": until});
            if let Some(tenant) = tenant {
                filter["tenant"] = json!(tenant);
            }
            plan(&api, json!({"reason": "x", "filter": filter})).jobs
        };
        let [newest, middle, oldest] = [0, 1000, 2000].map(|age| NOW.0 - age);
        assert_eq!(jobs(oldest, newest + 1), 3, "{tenant:?}");
        assert_eq!(jobs(oldest + 1, newest + 1), 2, "{tenant:?}");
        assert_eq!(jobs(oldest, newest), 2, "{tenant:?}");
        assert_eq!(jobs(middle, middle + 1), 1, "{tenant:?}");
        assert_eq!(jobs(middle + 1, newest), 0, "{tenant:?}");
    }
}
