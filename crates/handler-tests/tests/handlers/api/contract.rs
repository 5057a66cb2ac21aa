//! What the OpenAPI document says and what the API takes and answers are the same.

use api::types::{
    JobCommandResult, JobPage, JobSummary, RetryPlanView, SignedParts, TenantView, TicketView,
    UploadView,
};
use functions::handlers::api::routes::{ROUTES, Route};
use jobs::state::{Cause, StatusGroup};
use serde_json::{Value, json};

use super::TestApi;
use super::document::openapi;

fn schema(name: &str) -> Value {
    openapi()["components"]["schemas"][name].clone()
}

/// The path of a route with ids that are valid but belong to nothing.
fn path(route: &str) -> String {
    route
        .replace("{job_id}", "9e70cad0-2ef0-5cc5-a05e-6f9c5a981541")
        .replace("{plan_id}", "p1")
        .replace("{entry_id}", "uploads:m1")
}

#[test]
fn list_is_not_taken_for_an_object() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 1000, |_| ());
    let cancel = format!("/jobs/{}/cancel", job.id);
    for (path, body) in [
        (cancel.as_str(), json!([1, "a reason", false])),
        (&cancel, json!([null, "a reason"])),
        (
            "/uploads",
            json!(["legal-review", null, "a.pdf", 9, "application/pdf"]),
        ),
        ("/retry-plans", json!([{}, "a reason", 20, false])),
        ("/retry-plans", json!({"filter": [], "reason": "a reason"})),
        (
            "/retry-plans",
            json!({"filter": [null, "legal-review"], "reason": "a reason"}),
        ),
        ("/ws-tickets", json!([])),
        ("/ws-tickets", json!(["acme"])),
    ] {
        let code = api.support().problem_code("POST", path, Some(body.clone()));
        assert_eq!(code, "bad-request", "{path} {body}");
    }
    // Function `events-api` serves the others: tests of webhooks and digests.
    let is_ours = |route: &&Route| {
        let path = route.path;
        !path.starts_with("/webhooks") && !path.ends_with("/digests")
    };
    let ours = ROUTES.iter().filter(is_ours);
    for route in ours.filter(|route| route.method == "POST" && route.request.is_some()) {
        let code = api
            .support()
            .problem_code("POST", &path(route.path), Some(json!([])));
        assert_eq!(code, "bad-request", "{}", route.path);
    }
}

#[test]
fn number_without_a_fraction_is_an_integer() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 1000, |_| ());
    let send = |path: &str, body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        api.support().send("POST", path, Some(&body))
    };
    let plan = send(
        "/retry-plans",
        r#"{"reason": "a reason", "per_minute": 2e1, "filter": {"since": 0.0}}"#,
    );
    assert_eq!(plan.status_code, 201, "{}", plan.body);
    let plan: RetryPlanView = serde_json::from_str(&plan.body).unwrap();
    assert_eq!((plan.per_minute, plan.filter.since), (20, Some(0)));
    let cancel = format!("/jobs/{}/cancel", job.id);
    let version = job.version;
    for wrong in ["1.5", "-1.0", "1e300", "9007199254740992", "\"1\"", "true"] {
        let body = format!(r#"{{"reason": "a reason", "expected_version": {wrong}}}"#);
        assert_eq!(send(&cancel, &body).status_code, 400, "{wrong}");
    }
    let body = format!(r#"{{"reason": "a reason", "expected_version": {version}.0}}"#);
    let cancelled = send(&cancel, &body);
    assert_eq!(cancelled.status_code, 200, "{}", cancelled.body);
    let _: JobCommandResult = serde_json::from_str(&cancelled.body).unwrap();
}

#[test]
fn field_that_is_given_twice_is_refused() {
    let api = TestApi::new();
    let body = r#"{"tenant":"acme","tenant":"globex"}"#;
    let response = api.support().send_text("POST", "/ws-tickets", Some(body));
    assert_eq!(response.status_code, 400);
    let trailing = api
        .support()
        .send_text("POST", "/ws-tickets", Some("{} {}"));
    assert_eq!(trailing.status_code, 400);
}

#[test]
fn text_without_visible_characters_is_neither_a_reason_nor_a_name() {
    let api = TestApi::new();
    let failed = api.failed_job("inbound/acme/a.pdf", 1000, Cause::ModelError);
    let open = api.job("inbound/acme/b.pdf", 1000, |_| ());
    for text in [
        "",
        " \n",
        "\u{200b}",
        "\u{feff}\u{2060}",
        "\u{3164}",
        "\u{2800}",
        "\u{ad}",
        "\u{0}",
        "\u{e0041}",
    ] {
        for path in [
            format!("/jobs/{}/retry", failed.id),
            format!("/jobs/{}/data-deletion", failed.id),
            format!("/jobs/{}/cancel", open.id),
            "/retry-plans".to_owned(),
        ] {
            let code = api
                .support()
                .problem_code("POST", &path, Some(json!({"reason": text})));
            assert_eq!(code, "bad-request", "{path} {text:?}");
        }
        let upload = json!({"pipeline": "legal-review", "name": text, "bytes": 9, "content_type": "application/pdf"});
        let code = api
            .customer()
            .problem_code("POST", "/uploads", Some(upload));
        assert_eq!(code, "bad-request", "{text:?}");
    }
    let _: JobCommandResult = api.reviewer().post(
        &format!("/jobs/{}/cancel", open.id),
        json!({"reason": "👩\u{200d}⚖\u{fe0f} says so"}),
    );
}

#[test]
fn search_for_a_character_that_no_key_can_have_is_a_bad_request() {
    let api = TestApi::new();
    for text in [
        "%EF%BF%BE",
        "inbound/acme/%EF%BF%BF.pdf",
        "a%00b",
        "s3://b/%01",
        "%C2%85",
    ] {
        let code = api
            .support()
            .problem_code("GET", &format!("/jobs?find={text}"), None);
        assert_eq!(code, "bad-request", "{text}");
    }
    let _: JobPage = api
        .support()
        .get("/jobs?find=inbound/acme/%F0%9F%93%84.pdf");
}

#[test]
fn refused_method_names_the_allowed_ones() {
    let api = TestApi::new();
    for route in ROUTES {
        let response = api.support().send("PATCH", &path(route.path), None);
        assert_eq!(response.status_code, 405, "{}", route.path);
        let allowed = response.headers["allow"].split(", ");
        let mut expected: Vec<&str> = ROUTES
            .iter()
            .filter(|other| other.path == route.path)
            .map(|other| other.method)
            .collect();
        let mut allowed: Vec<&str> = allowed.collect();
        expected.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(allowed, expected, "{}", route.path);
    }
}

/// Every bound of the document is the bound of the service: the last allowed value is taken, the next one is refused.
#[test]
fn bounds_of_the_document_are_those_of_the_service() {
    let api = TestApi::new();
    let refused = |method: &str, path: &str, body: Option<Value>| {
        let code = api.support().problem_code(method, path, body);
        assert_eq!(code, "bad-request", "{path}");
    };
    let bound = |schema: &Value, name: &str| schema[name].as_u64().unwrap();

    let limit = &schema("JobQuery")["properties"]["limit"];
    let (low, high) = (bound(limit, "minimum"), bound(limit, "maximum"));
    for limit in [low, high] {
        let _: JobPage = api
            .support()
            .get(&format!("/jobs?status=open&limit={limit}"));
    }
    for limit in [low - 1, high + 1] {
        refused("GET", &format!("/jobs?status=open&limit={limit}"), None);
    }

    let find = bound(&schema("JobQuery")["properties"]["find"], "maxLength");
    let text = |length: u64| "a".repeat(usize::try_from(length).unwrap());
    let _: JobPage = api.support().get(&format!("/jobs?find={}", text(find)));
    refused("GET", &format!("/jobs?find={}", text(find + 1)), None);

    let plan = &schema("NewRetryPlan")["properties"];
    let (rate, reason) = (&plan["per_minute"], bound(&plan["reason"], "maxLength"));
    for rate in [bound(rate, "minimum"), bound(rate, "maximum")] {
        let body = json!({"reason": text(reason), "per_minute": rate});
        let _: RetryPlanView = api.support().post("/retry-plans", body);
    }
    for (reason, rate) in [
        (text(reason + 1), 20),
        (text(1), bound(rate, "minimum") - 1),
        (text(1), bound(rate, "maximum") + 1),
    ] {
        refused(
            "POST",
            "/retry-plans",
            Some(json!({"reason": reason, "per_minute": rate})),
        );
    }

    let job = api.job("inbound/acme/a.pdf", 1000, |_| ());
    let cancel = format!("/jobs/{}/cancel", job.id);
    let reason = bound(
        &schema("JobCommandRequest")["properties"]["reason"],
        "maxLength",
    );
    refused("POST", &cancel, Some(json!({"reason": text(reason + 1)})));
    let _: JobCommandResult = api.support().post(&cancel, json!({"reason": text(reason)}));

    let upload = |name: String| json!({"pipeline": "legal-review", "tenant": "acme", "name": name, "bytes": 9, "content_type": "application/pdf"});
    let name = bound(&schema("NewUpload")["properties"]["name"], "maxLength");
    let _: UploadView = api.support().post("/uploads", upload(text(name)));
    refused("POST", "/uploads", Some(upload(text(name + 1))));
    refused("POST", "/uploads", Some(upload(format!("{} ", text(name)))));

    let parts = &schema("SignPartsRequest")["properties"]["part_numbers"];
    let (most, first) = (bound(parts, "maxItems"), bound(&parts["items"], "minimum"));
    let big = json!({"pipeline": "ocr-batch", "tenant": "acme", "name": "a.pdf", "bytes": 101 * 1024 * 1024, "content_type": "application/pdf"});
    let session: UploadView = api.support().post("/uploads", big);
    let sign = format!("/uploads/{}/parts", session.job_id);
    let numbers = |number: u64, count: u64| json!({"part_numbers": vec![number; usize::try_from(count).unwrap()]});
    let _: SignedParts = api.support().post(&sign, numbers(first, most));
    for body in [
        numbers(first, most + 1),
        numbers(first, 0),
        numbers(first - 1, 1),
    ] {
        refused("POST", &sign, Some(body));
    }

    let tenant = schema("NewTicket")["properties"]["tenant"]["pattern"].clone();
    assert_eq!(tenant, "^[a-z0-9-]{1,40}$");
    let _: TenantView = api
        .support()
        .post("/tenants", json!({"name": text(40), "reason": "r"}));
    let _: TicketView = api
        .support()
        .post("/ws-tickets", json!({"tenant": text(40)}));
    let _: JobSummary = api.support().get(&format!("/summary?tenant={}", text(40)));
    for wrong in [text(41), "ACME".to_owned(), String::new()] {
        refused("POST", "/ws-tickets", Some(json!({"tenant": wrong})));
        refused("GET", &format!("/summary?tenant={wrong}"), None);
    }
}

#[test]
fn enums_of_the_document_have_every_name_of_the_code() {
    let values = |name: &str| -> Vec<String> {
        serde_json::from_value(schema(name)["enum"].clone()).unwrap()
    };
    assert_eq!(
        values("FailureCause"),
        Cause::ALL.map(|cause| cause.name().to_owned())
    );
    assert_eq!(
        values("StatusGroup"),
        StatusGroup::ALL.map(|group| group.name().to_owned())
    );
    assert_eq!(
        values("CallerRole"),
        api::Role::ALL.map(|role| role.name().to_owned())
    );
    let permissions = api::Permission::ALL.iter();
    let permissions: Vec<String> = permissions.map(|one| one.name().to_owned()).collect();
    assert_eq!(values("Permission"), permissions);
    let actions = api::types::AuditAction::ALL.map(|action| action.name().to_owned());
    assert_eq!(values("AuditAction"), actions);
    let plans = api::types::RetryPlanStatus::ALL.map(|status| status.name().to_owned());
    assert_eq!(values("RetryPlanStatus"), plans);
    let statuses: std::collections::BTreeSet<&str> =
        testkit::conformance::one_in_every_state("bucket", "acme")
            .iter()
            .map(|job| job.state.name())
            .collect();
    let documented = values("JobStatus");
    let all = jobs::state::JobStatus::ALL.map(|status| status.name().to_owned());
    assert_eq!(documented, all);
    assert_eq!(documented.len(), statuses.len());
    for status in statuses {
        assert!(documented.iter().any(|name| name == status), "{status}");
    }
}
