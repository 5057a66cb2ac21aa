//! Lists, their pages, and jobs found by an id.

use std::collections::BTreeSet;

use api::types::{JobPage, QuarantinePage};
use jobs::id::{Attempt, JobId};
use jobs::ports::{Quarantine, QuarantinedMessage};
use jobs::state::{Cause, State};

use super::super::fixtures::{BUCKET, NOW, run};
use super::TestApi;

fn names(page: &JobPage) -> Vec<&str> {
    page.jobs.iter().map(|job| job.name.as_str()).collect()
}

/// All pages of a list, with at most `limit` jobs each.
fn pages(client: &super::Client<'_>, path: &str, limit: u16) -> Vec<JobPage> {
    let mut pages: Vec<JobPage> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: JobPage = client.get(&format!("{path}&limit={limit}{cursor}"));
        let next = page.cursor.clone();
        pages.push(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[test]
fn jobs_of_all_statuses_are_listed_newest_first_and_filtered() {
    let api = TestApi::new();
    api.job("inbound/acme/open.pdf", 3000, |_| {});
    api.failed_job("inbound/acme/failed.pdf", 2000, Cause::ModelError);
    api.job("inbound/acme/ready.pdf", 1000, |job| {
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });
    let page: JobPage = api.reviewer().get("/jobs");
    assert_eq!(names(&page), ["ready.pdf", "failed.pdf", "open.pdf"]);
    assert_eq!(
        (page.cursor, page.searched_back_to),
        (None, None),
        "a complete list has no cursor"
    );
    let count = |query: &str| -> usize {
        let page: JobPage = api.reviewer().get(&format!("/jobs?{query}"));
        page.jobs.len()
    };
    assert_eq!(
        (
            count("status=failed"),
            count("status=open"),
            count("status=cancelled")
        ),
        (1, 1, 0)
    );
    assert_eq!(
        (count("pipeline=legal-review"), count("pipeline=ocr-batch")),
        (3, 0)
    );
    assert_eq!((count("cause=ModelError"), count("cause=Lost")), (1, 0));
    for (wrong, right) in [
        ("cause=modelerror", "ModelError"),
        ("pipeline=legal", "legal-review"),
    ] {
        let path = format!("/jobs?{wrong}");
        let (code, detail) = api.reviewer().problem("GET", &path, None);
        assert_eq!(code, "bad-request");
        assert!(detail.contains(right), "{detail}");
    }
    assert_eq!(
        (count("q=REA"), count("q=eady"), count("q=f%61il")),
        (1, 0, 1)
    );
    assert_eq!(count("q=%E2%80%8B%C2%A0rea"), 1, "invisible characters");
    assert_eq!(count(&format!("since={}", NOW.0 - 2500)), 2);
    for wrong in [
        "status=lost",
        "limit=0",
        "limit=101",
        "limit=x",
        "colour=red",
        "status=open&status=open",
    ] {
        assert_eq!(
            api.reviewer()
                .problem_code("GET", &format!("/jobs?{wrong}"), None),
            "bad-request",
            "{wrong}"
        );
    }
}

#[test]
fn pages_continue_without_gaps_or_duplicates_among_jobs_of_the_same_millisecond() {
    let api = TestApi::new();
    for number in 0..240_u64 {
        // Seven jobs per time, some failed, some open.
        let key = format!("inbound/acme/{number:03}.pdf");
        if number % 3 == 0 {
            api.failed_job(&key, number / 7 * 1000, Cause::TimedOut);
        } else {
            api.job(&key, number / 7 * 1000, |_| {});
        }
    }
    for limit in [1, 9, 100] {
        let pages = pages(&api.reviewer(), "/jobs?pipeline=legal-review", limit);
        let all: Vec<&str> = pages.iter().flat_map(names).collect();
        let once: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(
            (all.len(), once.len()),
            (240, 240),
            "every job must be listed once with limit {limit}"
        );
        let times: Vec<u64> = pages
            .iter()
            .flat_map(|page| page.jobs.iter().map(|job| job.created_at))
            .collect();
        assert!(
            times.is_sorted_by(|a, b| a >= b),
            "jobs must be sorted newest first across pages"
        );
    }
    let failed = pages(&api.support(), "/jobs?status=failed", 7);
    assert_eq!(
        failed.iter().map(|page| page.jobs.len()).sum::<usize>(),
        80,
        "failed jobs of all shards must be listed"
    );
    let open = pages(&api.support(), "/jobs?status=open", 50);
    assert_eq!(open.iter().map(|page| page.jobs.len()).sum::<usize>(), 160);
}

#[test]
fn search_examines_500_jobs_per_response_and_returns_how_far_it_came() {
    let api = TestApi::new();
    for number in 0..620_u64 {
        api.job(
            &format!("inbound/acme/{number:03}.pdf"),
            number * 1000,
            |_| {},
        );
    }
    api.job("inbound/acme/wanted.pdf", 610_500, |_| {});
    let page: JobPage = api.reviewer().get("/jobs?q=wanted");
    assert_eq!(
        (page.jobs.len(), page.searched_back_to),
        (0, Some(NOW.0 - 499_000))
    );
    let page: JobPage = api
        .reviewer()
        .get(&format!("/jobs?q=wanted&cursor={}", page.cursor.unwrap()));
    assert_eq!(
        (names(&page), page.cursor.clone()),
        (vec!["wanted.pdf"], None)
    );
}

#[test]
fn support_can_list_only_open_and_failed_jobs_without_naming_a_tenant() {
    let api = TestApi::new();
    api.job("inbound/globex/a.pdf", 10, |job| {
        job.tenant = "globex".parse().unwrap()
    });
    for query in ["", "?status=ready", "?status=cancelled"] {
        let (code, detail) = api.support().problem("GET", &format!("/jobs{query}"), None);
        assert_eq!(code, "bad-request");
        assert!(detail.contains("name the tenant"), "{detail}");
    }
    let page: JobPage = api.support().get("/jobs?tenant=globex");
    assert_eq!(page.jobs.len(), 1);
    assert_eq!(
        api.reviewer()
            .problem_code("GET", "/jobs?tenant=globex", None),
        "forbidden"
    );
}

#[test]
fn job_is_found_by_every_id_that_belongs_to_it() {
    let api = TestApi::new();
    let uuid = "5b9c3e9e-8f6b-4f57-9b4e-0d6d1d1f5a2b";
    let key = format!("inbound/acme/{uuid}.pdf");
    let job = api.job(&key, 10, |_| {});
    let version = "v2";
    let later = api.job("inbound/acme/later.pdf", 5, |job| {
        job.id = JobId::of_version(BUCKET, &key, version);
        job.input.key.clone_from(&key);
    });
    api.ports()
        .state()
        .objects
        .get_mut(&(BUCKET.to_owned(), key.clone()))
        .unwrap()[0]
        .0 = version.to_owned();
    let id = job.id;
    for text in [
        id.to_string(),
        id.to_string().to_uppercase(),
        format!("{id}.a1"),
        format!("{id}:7"),
        format!("outbound/legal-review/{id}/a1/x.out"),
        format!("s3://{BUCKET}/outbound/legal-review/{id}/a2/y.out"),
        format!("https://docket.example/jobs/{id}%3Ffrom=mail"),
        uuid.to_owned(),
        uuid.to_uppercase(),
    ] {
        let page: JobPage = api.reviewer().get(&format!("/jobs?find={text}"));
        assert_eq!(
            page.jobs
                .iter()
                .map(|job| job.id.clone())
                .collect::<Vec<_>>(),
            [id.to_string()],
            "{text}"
        );
        let page: JobPage = api.other_tenant().get(&format!("/jobs?find={text}"));
        assert!(page.jobs.is_empty(), "{text} belongs to another tenant");
    }
    let signature = format!("%3FversionId=v%26X-Amz-Security-Token={}", "x".repeat(1024));
    let host = format!("https://{BUCKET}.s3.eu-central-1.amazonaws.com");
    for text in [
        key.clone(),
        format!("s3://{BUCKET}/{key}"),
        format!("{host}/{key}{signature}"),
        format!("{host}/{}{signature}", key.replace('-', "%252D")),
        format!("http://127.0.0.1:4566/{BUCKET}/{key}{signature}"),
    ] {
        let page: JobPage = api.reviewer().get(&format!("/jobs?find={text}"));
        let ids: Vec<String> = page.jobs.into_iter().map(|job| job.id).collect();
        assert_eq!(
            ids,
            [later.id.to_string(), id.to_string()],
            "the jobs of all versions must be found by {text}"
        );
    }
    for text in [
        "nothing",
        "s3://another-bucket/inbound/acme/x.pdf",
        "https://docket.example/inbound/acme/%2500.pdf",
        "../../etc/passwd",
    ] {
        let page: JobPage = api.reviewer().get(&format!("/jobs?find={text}"));
        assert!(page.jobs.is_empty());
    }
    for text in ["+", "%00", "inbound/acme/%00.pdf", &"x".repeat(1025)] {
        let code = api
            .reviewer()
            .problem_code("GET", &format!("/jobs?find={text}"), None);
        assert_eq!(code, "bad-request", "{text}");
    }

    let entry = QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: uuid.to_owned(),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body: "x".to_owned(),
        at: NOW,
    };
    run(api.ports().quarantine(&entry)).unwrap();
    for text in [uuid.to_owned(), format!("uploads:{uuid}")] {
        let page: JobPage = api.support().get(&format!("/jobs?find={text}"));
        assert_eq!(page.quarantine[0].id, format!("uploads:{uuid}"));
        let page: JobPage = api.reviewer().get(&format!("/jobs?find={text}"));
        assert!(
            page.quarantine.is_empty(),
            "only support may see the quarantine"
        );
    }
    let page: QuarantinePage = api.support().get("/quarantine");
    assert_eq!(page.entries.len(), 1);
}

#[test]
fn support_finds_an_upload_of_any_tenant_by_the_uuid_in_its_key() {
    let api = TestApi::new();
    let upload = serde_json::json!({"pipeline": "legal-review", "name": "a.pdf", "bytes": 7, "content_type": "application/pdf"});
    let view: api::types::UploadView = api.customer().post("/uploads", upload);
    let url = view.put.unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    api.job(key, 10, |_| {});
    let uuid = key
        .rsplit('/')
        .next()
        .unwrap()
        .strip_suffix(".pdf")
        .unwrap();
    for client in [api.support(), api.reviewer()] {
        let page: JobPage = client.get(&format!("/jobs?find={uuid}"));
        assert_eq!(page.jobs[0].id, view.job_id);
    }
    let page: JobPage = api.other_tenant().get(&format!("/jobs?find={uuid}"));
    assert!(page.jobs.is_empty());
}
