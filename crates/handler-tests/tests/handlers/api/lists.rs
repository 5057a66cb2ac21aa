//! Lists, pages, finding, summaries.

use std::collections::BTreeSet;

use api::types::{JobDetail, JobPage, Me, QuarantinePage, Summary, TicketView};
use jobs::id::{Attempt, JobId};
use jobs::ports::{Quarantine, QuarantinedMessage};
use jobs::state::{Cause, State};

use super::super::world::{BUCKET, NOW, run};
use super::{Office, counts};

fn names(page: &JobPage) -> Vec<&str> {
    page.jobs.iter().map(|job| job.name.as_str()).collect()
}

/// All pages of a list, at `limit` jobs each.
fn pages(caller: &super::Caller<'_>, path: &str, limit: u16) -> Vec<JobPage> {
    let mut pages: Vec<JobPage> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: JobPage = caller.get(&format!("{path}&limit={limit}{cursor}"));
        let next = page.cursor.clone();
        pages.push(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[test]
fn jobs_come_newest_first_whatever_their_class() {
    let office = Office::open();
    office.job("inbound/acme/open.pdf", 3000, |_| {});
    office.failed("inbound/acme/failed.pdf", 2000, Cause::ModelError);
    office.job("inbound/acme/ready.pdf", 1000, |job| {
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });
    let page: JobPage = office.reviewer().get("/jobs");
    assert_eq!(names(&page), ["ready.pdf", "failed.pdf", "open.pdf"]);
    assert_eq!(
        (page.cursor, page.searched_back_to),
        (None, None),
        "that is all"
    );
    let only = |query: &str| -> usize {
        let page: JobPage = office.reviewer().get(&format!("/jobs?{query}"));
        page.jobs.len()
    };
    assert_eq!(
        (
            only("status=failed"),
            only("status=open"),
            only("status=cancelled")
        ),
        (1, 1, 0)
    );
    assert_eq!(
        (only("pipeline=legal-review"), only("pipeline=ocr-batch")),
        (3, 0)
    );
    assert_eq!((only("cause=ModelError"), only("cause=Lost")), (1, 0));
    for (wrong, right) in [
        ("cause=modelerror", "ModelError"),
        ("pipeline=legal", "legal-review"),
    ] {
        let path = format!("/jobs?{wrong}");
        let (word, detail) = office.reviewer().refused("GET", &path, None);
        assert_eq!(word, "bad-request");
        assert!(detail.contains(right), "{detail}");
    }
    assert_eq!((only("q=REA"), only("q=eady"), only("q=f%61il")), (1, 0, 1));
    assert_eq!(only(&format!("since={}", NOW.0 - 2500)), 2);
    for wrong in [
        "status=lost",
        "limit=0",
        "limit=101",
        "limit=x",
        "colour=red",
        "status=open&status=open",
    ] {
        assert_eq!(
            office
                .reviewer()
                .word("GET", &format!("/jobs?{wrong}"), None),
            "bad-request",
            "{wrong}"
        );
    }
}

#[test]
fn pages_go_on_where_the_last_one_ended_also_amid_jobs_of_one_moment() {
    let office = Office::open();
    for number in 0..240_u64 {
        // Seven jobs at a time, some failed, some open.
        let key = format!("inbound/acme/{number:03}.pdf");
        if number % 3 == 0 {
            office.failed(&key, number / 7 * 1000, Cause::TimedOut);
        } else {
            office.job(&key, number / 7 * 1000, |_| {});
        }
    }
    for limit in [1, 9, 100] {
        let pages = pages(&office.reviewer(), "/jobs?pipeline=legal-review", limit);
        let all: Vec<&str> = pages.iter().flat_map(names).collect();
        let once: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(
            (all.len(), once.len()),
            (240, 240),
            "each job once, at {limit} a page"
        );
        let times: Vec<u64> = pages
            .iter()
            .flat_map(|page| page.jobs.iter().map(|job| job.created_at))
            .collect();
        assert!(
            times.is_sorted_by(|a, b| a >= b),
            "newest first over all pages"
        );
    }
    let failed = pages(&office.support(), "/jobs?status=failed", 7);
    assert_eq!(
        failed.iter().map(|page| page.jobs.len()).sum::<usize>(),
        80,
        "of all tenants, over all shards"
    );
    let open = pages(&office.support(), "/jobs?status=open", 50);
    assert_eq!(open.iter().map(|page| page.jobs.len()).sum::<usize>(), 160);
}

#[test]
fn one_answer_looks_at_500_jobs_and_says_how_far_it_came() {
    let office = Office::open();
    for number in 0..620_u64 {
        office.job(
            &format!("inbound/acme/{number:03}.pdf"),
            number * 1000,
            |_| {},
        );
    }
    office.job("inbound/acme/wanted.pdf", 610_500, |_| {});
    let page: JobPage = office.reviewer().get("/jobs?q=wanted");
    assert_eq!(
        (page.jobs.len(), page.searched_back_to),
        (0, Some(NOW.0 - 499_000))
    );
    let page: JobPage = office
        .reviewer()
        .get(&format!("/jobs?q=wanted&cursor={}", page.cursor.unwrap()));
    assert_eq!(
        (names(&page), page.cursor.clone()),
        (vec!["wanted.pdf"], None)
    );
}

#[test]
fn of_all_tenants_only_open_and_failed_jobs_are_listed() {
    let office = Office::open();
    office.job("inbound/globex/a.pdf", 10, |job| {
        job.tenant = "globex".parse().unwrap()
    });
    for query in ["", "?status=ready", "?status=cancelled"] {
        let (word, detail) = office
            .support()
            .refused("GET", &format!("/jobs{query}"), None);
        assert_eq!(word, "bad-request");
        assert!(detail.contains("name the tenant"), "{detail}");
    }
    let page: JobPage = office.support().get("/jobs?tenant=globex");
    assert_eq!(page.jobs.len(), 1);
    assert_eq!(
        office.reviewer().word("GET", "/jobs?tenant=globex", None),
        "forbidden"
    );
}

#[test]
fn any_id_finds_the_job() {
    let office = Office::open();
    let uuid = "5b9c3e9e-8f6b-4f57-9b4e-0d6d1d1f5a2b";
    let key = format!("inbound/acme/{uuid}.pdf");
    let job = office.job(&key, 10, |_| {});
    let version = "v2";
    let later = office.job("inbound/acme/later.pdf", 5, |job| {
        job.id = JobId::of_version(BUCKET, &key, version);
        job.input.key.clone_from(&key);
    });
    office
        .ports()
        .world()
        .objects
        .get_mut(&(BUCKET.to_owned(), key.clone()))
        .unwrap()[0]
        .0 = version.to_owned();
    let id = job.id;
    for text in [
        id.to_string(),
        id.to_string().to_uppercase(),
        format!("{id}.a1"),
        format!("outbound/legal-review/{id}/a1/x.out"),
        format!("s3://{BUCKET}/outbound/legal-review/{id}/a2/y.out"),
        uuid.to_owned(),
        uuid.to_uppercase(),
    ] {
        let page: JobPage = office.reviewer().get(&format!("/jobs?find={text}"));
        assert_eq!(
            page.jobs
                .iter()
                .map(|job| job.id.clone())
                .collect::<Vec<_>>(),
            [id.to_string()],
            "{text}"
        );
        let page: JobPage = office.stranger().get(&format!("/jobs?find={text}"));
        assert!(page.jobs.is_empty(), "{text} is somebody else's");
    }
    for text in [key.clone(), format!("s3://{BUCKET}/{key}")] {
        let page: JobPage = office.reviewer().get(&format!("/jobs?find={text}"));
        let ids: Vec<String> = page.jobs.into_iter().map(|job| job.id).collect();
        assert_eq!(
            ids,
            [later.id.to_string(), id.to_string()],
            "every version at {text}"
        );
    }
    for text in [
        "nothing",
        "s3://another-bucket/inbound/acme/x.pdf",
        "../../etc/passwd",
    ] {
        let page: JobPage = office.reviewer().get(&format!("/jobs?find={text}"));
        assert!(page.jobs.is_empty());
    }
    for text in ["+", "%00", "inbound/acme/%00.pdf", &"x".repeat(1025)] {
        let word = office
            .reviewer()
            .word("GET", &format!("/jobs?find={text}"), None);
        assert_eq!(word, "bad-request", "{text}");
    }

    let entry = QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: uuid.to_owned(),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body: "x".to_owned(),
        at: NOW,
    };
    run(office.ports().keep(&entry)).unwrap();
    for text in [uuid.to_owned(), format!("uploads:{uuid}")] {
        let page: JobPage = office.support().get(&format!("/jobs?find={text}"));
        assert_eq!(page.quarantine[0].id, format!("uploads:{uuid}"));
        let page: JobPage = office.reviewer().get(&format!("/jobs?find={text}"));
        assert!(page.quarantine.is_empty(), "the quarantine is support's");
    }
    let page: QuarantinePage = office.support().get("/quarantine");
    assert_eq!(page.entries.len(), 1);
}

#[test]
fn support_finds_an_upload_by_the_uuid_in_its_key_whatever_its_tenant() {
    let office = Office::open();
    let wanted = serde_json::json!({"pipeline": "legal-review", "name": "a.pdf", "bytes": 7, "content_type": "application/pdf"});
    let view: api::types::UploadView = office.customer().post("/uploads", wanted);
    let url = view.put.unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    office.job(key, 10, |_| {});
    let uuid = key
        .rsplit('/')
        .next()
        .unwrap()
        .strip_suffix(".pdf")
        .unwrap();
    for caller in [office.support(), office.reviewer()] {
        let page: JobPage = caller.get(&format!("/jobs?find={uuid}"));
        assert_eq!(page.jobs[0].id, view.job_id);
    }
    let page: JobPage = office.stranger().get(&format!("/jobs?find={uuid}"));
    assert!(page.jobs.is_empty());
}

#[test]
fn a_job_that_was_made_long_ago_and_failed_today_counts_as_failed_today() {
    let office = Office::open();
    office.failed("inbound/acme/a.pdf", 3 * 86_400_000, Cause::ModelError);
    let job = office.failed("inbound/acme/b.pdf", 3 * 86_400_000, Cause::ModelError);
    office
        .ports()
        .world()
        .jobs
        .get_mut(&job.id)
        .unwrap()
        .updated_at
        .0 = NOW.0 - 60_000;
    let own: Summary = office.reviewer().get("/summary");
    let all: Summary = office.support().get("/summary");
    assert_eq!((own.failed, all.failed), (1, 1));
}

#[test]
fn times_that_are_no_times_find_nothing() {
    let office = Office::open();
    office.failed("inbound/acme/a.pdf", 10, Cause::ModelError);
    for since in [u64::MAX, 1 << 53, NOW.0 + 1] {
        let page: JobPage = office.reviewer().get(&format!("/jobs?since={since}"));
        assert!(page.jobs.is_empty());
        let page: JobPage = office
            .support()
            .get(&format!("/jobs?status=failed&since={since}"));
        assert!(page.jobs.is_empty());
    }
}

#[test]
fn a_summary_counts_what_its_reader_may_see() {
    let office = Office::open();
    office.job("inbound/acme/late.pdf", 86_400_000 * 3, |job| {
        job.state = State::InProgress {
            attempt: Attempt(1),
            deadline: jobs::id::Timestamp(NOW.0 - 3_600_000),
            budget: jobs::state::RetryBudget {
                last_attempt: Attempt(3),
                expires_at: NOW,
            },
        };
    });
    office.failed("inbound/acme/a.pdf", 10, Cause::ModelError);
    office.failed("inbound/acme/b.pdf", 20, Cause::ModelError);
    office.failed("inbound/acme/c.pdf", 30, Cause::TimedOut);
    office.failed("inbound/acme/old.pdf", 2 * 86_400_000, Cause::TimedOut);
    let all: Summary = office.support().get("/summary");
    assert_eq!(
        (all.open, all.stalled, all.failed, all.quarantined),
        (1, Some(1), 3, Some(0))
    );
    assert_eq!(
        counts(&all.failed_by_cause),
        [("ModelError", 2), ("TimedOut", 1)].into()
    );
    let own: Summary = office.reviewer().get("/summary");
    assert_eq!(
        (own.open, own.stalled, own.failed, own.quarantined),
        (1, None, 3, None)
    );
    let others: Summary = office.stranger().get("/summary");
    assert_eq!((others.open, others.failed), (0, 0));
    assert_eq!(
        office.stranger().word("GET", "/summary?tenant=acme", None),
        "forbidden"
    );
}

#[test]
fn everyone_learns_who_they_are_and_may_watch_what_is_theirs() {
    let office = Office::open();
    let me: Me = office.customer().get("/me");
    assert_eq!(
        (me.actor.as_str(), me.roles, me.tenants),
        (
            "carla@acme.example",
            vec!["customer".to_owned()],
            vec!["acme".to_owned()]
        )
    );
    assert_eq!(me.pipelines.len(), 3);
    let ticket = |caller: super::Caller<'_>, body: serde_json::Value| {
        let view: TicketView = caller.post("/ws-tickets", body);
        let secret = view.url.split("ticket=").nth(1).unwrap();
        let ticket = office.ports().world().tickets[secret].clone();
        (ticket.subscription, ticket.uploader)
    };
    let none = || serde_json::json!({});
    assert_eq!(
        ticket(office.customer(), none()),
        ("acme".to_owned(), Some("carla@acme.example".to_owned()))
    );
    assert_eq!(ticket(office.reviewer(), none()), ("acme".to_owned(), None));
    assert_eq!(ticket(office.support(), none()), ("*".to_owned(), None));
    let one = serde_json::json!({"tenant": "acme"});
    assert_eq!(
        ticket(office.support(), one.clone()),
        ("acme".to_owned(), None)
    );
    assert_eq!(
        office.stranger().word("POST", "/ws-tickets", Some(one)),
        "forbidden"
    );
    let two = office.caller("dana@acme.example", "[reviewer tenant:acme tenant:globex]");
    assert_eq!(
        two.word("POST", "/ws-tickets", Some(none())),
        "bad-request",
        "there is a choice"
    );
    let page: JobPage = two.get("/jobs");
    assert!(page.jobs.is_empty());
    let detail = office
        .customer()
        .word("GET", "/jobs/5b9c3e9e-8f6b-5f57-9b4e-0d6d1d1f5a2b", None);
    assert_eq!(detail, "not-found");
    let job = office.job("inbound/acme/a.pdf", 10, |_| {});
    let detail: JobDetail = office.customer().get(&format!("/jobs/{}", job.id));
    assert_eq!(detail.input, format!("s3://{BUCKET}/inbound/acme/a.pdf"));
}
