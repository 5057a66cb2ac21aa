//! The data export, and the deletion of one's own data.

use std::collections::BTreeMap;

use api::types::{AuditPage, DataExportPage, DataRecord, JobCommandResult, JobDetail, ResultView};
use jobs::job::HistoryEntry;
use jobs::marks::Marks;
use jobs::state::Cause;
use serde_json::json;

use super::super::fixtures::NOW;
use super::{Client, TestApi};

const CARLA: &str = "carla@acme.example";

/// All records of an export, page by page.
fn export(client: &Client<'_>) -> Vec<DataRecord> {
    let mut records = Vec::new();
    let mut page: DataExportPage = client.get("/me/data");
    loop {
        records.append(&mut page.records);
        let Some(cursor) = page.cursor else {
            return records;
        };
        page = client.get(&format!("/me/data?cursor={cursor}"));
    }
}

fn kinds(records: &[DataRecord]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for record in records {
        *kinds.entry(record.kind.as_str()).or_default() += 1;
    }
    kinds
}

#[test]
fn export_has_everything_of_the_caller_and_nothing_of_others() {
    let api = TestApi::new();
    let of = |key: &str, age: u64, by: Option<&str>| {
        api.job(key, age, |job| {
            super::fail(job, Cause::ModelError);
            job.input.uploaded_by = by.map(str::to_owned);
            job.history.clear();
            job.marks = None;
        })
    };
    // More than a page of own jobs, between those of others.
    for number in 0..130_u64 {
        of(
            &format!("inbound/acme/{number}.pdf"),
            number * 10,
            Some(CARLA),
        );
        of(
            &format!("inbound/acme/other-{number}.pdf"),
            number * 10 + 5,
            Some("x@acme.example"),
        );
    }
    let unknown = of("inbound/acme/unknown.pdf", 5, None);
    let assigned = api.job("inbound/acme/assigned.pdf", 7, |job| {
        job.input.uploaded_by = Some("x@acme.example".to_owned());
        job.history = vec![HistoryEntry {
            at: NOW,
            event: jobs::event::EventKind::Retry,
            actor: Some(CARLA.to_owned()),
            reason: Some("please".to_owned()),
        }];
        job.marks = Some(Box::new(Marks {
            revision: 1,
            assigned_to: Some(CARLA.to_owned()),
            ..Marks::default()
        }));
    });
    let elsewhere = api.job("inbound/globex/own.pdf", 9, |job| {
        job.tenant = "globex".parse().unwrap();
        job.input.uploaded_by = Some(CARLA.to_owned());
    });
    let own = of("inbound/acme/own.pdf", 1, Some(CARLA));
    let retry = format!("/jobs/{}/retry", own.id);
    let _: JobCommandResult = api
        .reviewer()
        .post(&retry, json!({"reason": "better scan"}));

    let records = export(&api.customer());
    // Her own export is in the log, and the reviewer's retry of her document.
    let expected = BTreeMap::from([("audit", 2), ("job", 131), ("mention", 1)]);
    assert_eq!(kinds(&records), expected);
    let jobs = records.iter().filter_map(|record| record.job.as_ref());
    for job in jobs {
        assert_eq!(job.uploaded_by.as_deref(), Some(CARLA));
        assert_ne!(job.job.as_ref().unwrap().id, unknown.id.to_string());
        assert_ne!(job.job.as_ref().unwrap().id, elsewhere.id.to_string());
    }
    let mention = records.iter().find_map(|record| record.mention.as_ref());
    let mention = mention.unwrap();
    assert_eq!(
        (mention.job_id.as_str(), mention.assigned),
        (assigned.id.to_string().as_str(), true)
    );
    assert_eq!(mention.commands[0].reason.as_deref(), Some("please"));
    let text = serde_json::to_string(mention).unwrap();
    assert!(
        !text.contains("assigned.pdf"),
        "a mention is no view of another's document"
    );
    let audit = records.iter().filter_map(|record| record.audit.as_ref());
    let actions: Vec<&str> = audit.map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["export-data", "retry"]);
    let record = records.iter().find(|record| {
        let job = record.job.as_ref().and_then(|job| job.job.as_ref());
        job.is_some_and(|job| job.id == own.id.to_string())
    });
    let link = &record.unwrap().links["document"];
    let _: ResultView = api.customer().get(link);
    let none = export(&api.other_tenant());
    assert_eq!(kinds(&none), BTreeMap::from([("audit", 1)]));
}

#[test]
fn customer_deletes_own_uploads_and_reviewer_those_of_the_tenant_where_the_pipeline_lets_them() {
    let api = TestApi::with_legal_review("customers_may_delete = true");
    let job_of = |key: &str, by: Option<&str>| {
        api.job(key, 10, |job| {
            super::fail(job, Cause::ModelRejected);
            job.input.uploaded_by = by.map(str::to_owned);
        })
    };
    let own = job_of("inbound/acme/own.pdf", Some(CARLA));
    let second = job_of("inbound/acme/second.pdf", Some(CARLA));
    let unknown = job_of("inbound/acme/unknown.pdf", None);
    let other = job_of("inbound/acme/other.pdf", Some("x@acme.example"));
    let delete = |id: jobs::id::JobId| format!("/jobs/{id}/data-deletion");
    let reason = || json!({"reason": "no longer needed"});

    let detail: JobDetail = api.customer().get(&format!("/jobs/{}", own.id));
    assert!(detail.may_delete);
    let erased: JobCommandResult = api.customer().post(&delete(own.id), reason());
    assert_eq!(erased.job.status, "Erased");
    let log: AuditPage = api.support().get("/audit?");
    assert_eq!(
        (
            log.entries[0].action.as_str(),
            log.entries[0].actor.as_str()
        ),
        ("delete-data", CARLA)
    );
    // Its uploader is not known, so a customer may not delete it.
    let detail: JobDetail = api.customer().get(&format!("/jobs/{}", unknown.id));
    assert!(!detail.may_delete);
    let refused = |client: Client<'_>, id| client.problem_code("POST", &delete(id), Some(reason()));
    assert_eq!(refused(api.customer(), unknown.id), "forbidden");
    assert_eq!(refused(api.customer(), other.id), "not-found");
    assert_eq!(refused(api.other_tenant(), second.id), "not-found");
    assert_eq!(
        refused(api.client("o@docket.example", "[operator]"), second.id),
        "forbidden"
    );
    for id in [second.id, unknown.id, other.id] {
        let erased: JobCommandResult = api.reviewer().post(&delete(id), reason());
        assert_eq!(erased.job.status, "Erased");
    }
}

#[test]
fn without_the_pipelines_leave_only_support_deletes() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/own.pdf", 10, |job| {
        super::fail(job, Cause::ModelRejected);
        job.input.uploaded_by = Some(CARLA.to_owned());
    });
    let path = format!("/jobs/{}/data-deletion", job.id);
    let reason = || Some(json!({"reason": "no longer needed"}));
    for client in [api.customer(), api.reviewer()] {
        let (code, detail) = client.problem("POST", &path, reason());
        assert_eq!(code, "forbidden");
        assert!(detail.contains("ask support"), "{detail}");
        let detail: JobDetail = client.get(&format!("/jobs/{}", job.id));
        assert!(!detail.may_delete);
    }
    let detail: JobDetail = api.support().get(&format!("/jobs/{}", job.id));
    assert!(detail.may_delete);
    let _: JobCommandResult = api.support().post(&path, json!({"reason": "asked"}));
}

#[test]
fn download_is_in_the_audit_log_with_its_program_and_is_not_given_away_without() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/secret-name.pdf", 10, |_| {});
    let path = format!("/jobs/{}/document", job.id);
    let headers = json!({"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"});
    let response = api
        .reviewer()
        .send_with_headers("GET", &path, None, &headers);
    assert_eq!(response.status_code, 200);
    let log: AuditPage = api.support().get("/audit");
    let entry = &log.entries[0];
    assert_eq!(
        (
            entry.action.as_str(),
            entry.actor.as_str(),
            entry.target.as_str(),
            entry.tenant.as_deref(),
            entry.program.as_deref(),
        ),
        (
            "download-document",
            "rita@acme.example",
            job.id.to_string().as_str(),
            Some("acme"),
            Some("browser"),
        )
    );
    let text = serde_json::to_string(entry).unwrap();
    assert!(!text.contains("secret-name"), "{text}");
    api.ports().state().fail_before.insert("put_record", 1);
    let failed = api.reviewer().send("GET", &path, None);
    assert_eq!(failed.status_code, 503, "{}", failed.body);
    // A download that is refused is none.
    let before = api.support().get::<AuditPage>("/audit").entries.len();
    assert_eq!(
        api.reviewer()
            .problem_code("GET", &format!("/jobs/{}/result", job.id), None),
        "not-ready"
    );
    assert_eq!(
        api.support().get::<AuditPage>("/audit").entries.len(),
        before
    );
}
