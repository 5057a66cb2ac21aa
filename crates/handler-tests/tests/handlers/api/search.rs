//! Searches: what is found, by whom, and how a search goes on.

use std::collections::BTreeSet;

use api::search_index::JOBS_PER_BLOCK;
use api::types::JobPage;
use functions::handlers::reconciler;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::state::Cause;
use lambda_runtime::{Context, LambdaEvent};

use super::super::fixtures::{BUCKET, NOW, run};
use super::{Client, TestApi, fail};

const TWO_HOURS_MS: u64 = 7_200_000;

/// Runs the reconciler, which builds the search index.
fn reconcile(api: &TestApi) -> u64 {
    let mut context = Context::default();
    context.deadline = NOW.0 + 300_000;
    let event = LambdaEvent::new(reconciler::ReconcileEvent::default(), context);
    run(reconciler::handle(api.handler.app(), event))
        .unwrap()
        .jobs_indexed
}

/// Adds failed jobs of tenant globex that were created before the others.
fn fill(api: &TestApi, count: usize, name: &str) {
    let mut state = api.ports().state();
    for number in 0..count {
        let key = format!("inbound/globex/{name}-{number}.pdf");
        let mut job = testkit::conformance::full_job(BUCKET, "globex", 0);
        job.id = JobId::of_key(BUCKET, &key);
        job.input.name = Some(format!("{name} {number}.pdf"));
        job.input.key = key;
        job.created_at = Timestamp(NOW.0 - 2 * TWO_HOURS_MS + number as u64);
        job.updated_at = job.created_at;
        job.version = 7;
        fail(&mut job, Cause::ModelError);
        state.jobs.insert(job.id, job);
    }
}

fn job(api: &TestApi, name: &str, age_ms: u64, change: impl FnOnce(&mut Job)) -> Job {
    api.job(&format!("inbound/acme/{age_ms}.pdf"), age_ms, |job| {
        fail(job, Cause::ModelError);
        job.input.name = Some(name.to_owned());
        change(job);
    })
}

/// All pages of a search: the names of the jobs, and the number of pages.
fn search(client: &Client<'_>, text: &str) -> (Vec<String>, usize) {
    let (mut names, mut pages, mut cursor) = (vec![], 0, String::new());
    loop {
        let page: JobPage = client.get(&format!("/jobs?search={text}{cursor}"));
        names.extend(page.jobs.into_iter().map(|job| job.name));
        pages += 1;
        match page.cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (names, pages),
        }
    }
}

fn names(client: &Client<'_>, text: &str) -> Vec<String> {
    search(client, text).0
}

#[test]
fn support_finds_a_job_of_any_tenant_and_state_by_any_part_of_its_texts_and_by_every_id() {
    for is_indexed in [false, true] {
        let api = TestApi::new();
        let lease = "Mietvertrag Müller—Straße 7.pdf";
        let found = job(&api, lease, TWO_HOURS_MS, |job| {
            job.input.uploaded_by = Some("zoe.ruiz@acme.example".to_owned());
            job.input.version = "kLQEZKkO6GM.w8kj".to_owned();
            job.input.labels.reference = Some("INV-2026-471".to_owned());
            job.trace_id = "1-4bf92f35-77b34da6a3ce929d0e0e4736".parse().ok();
        });
        if is_indexed {
            fill(&api, JOBS_PER_BLOCK, "lease");
            fill(&api, JOBS_PER_BLOCK - 1, "rent");
            assert_eq!(reconcile(&api), 2 * JOBS_PER_BLOCK as u64);
            assert_eq!(reconcile(&api), 0);
        }
        let support = api.support();
        let id = found.id.to_string();
        for text in [
            "muller-strasse",
            "VERTRAG",
            "zoe.ruiz",
            "inv-2026",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            &id,
            &id[..8],
            &jobs::id::TraceId::of_job(found.id).to_string(),
            &format!("{id}.a1"),
            &format!("{id}:7"),
            &found.input.version,
            &found.input.key.replace('/', "%2F"),
        ] {
            assert_eq!(names(&support, text), [lease], "{text} {is_indexed}");
            for (tenant, count) in [("acme", 1), ("globex", 0)] {
                let text = format!("{text}&tenant={tenant}");
                assert_eq!(names(&support, &text).len(), count, "{text}");
                let page: JobPage = support.get(&format!("/jobs?find={text}"));
                assert!(page.jobs.len() <= count, "find={text}");
            }
        }
        assert!(names(&support, "mietvertrag%208").is_empty());
        assert!(names(&api.other_tenant(), "mietvertrag").is_empty());
        assert_eq!(names(&api.reviewer(), "mietvertrag"), [lease]);
        assert!(names(&support, "mietvertrag&tenant=globex").is_empty());
        assert!(names(&support, "mietvertrag&status=ready").is_empty());
        assert_eq!(names(&support, "mietvertrag&status=failed"), [lease]);
        let (code, detail) = support.problem("GET", "/jobs?search=ab", None);
        assert_eq!(code, "bad-request");
        assert!(detail.contains("at least 3"), "{detail}");
    }
}

#[test]
fn search_goes_on_until_every_job_was_looked_at_once() {
    let api = TestApi::new();
    fill(&api, 2 * JOBS_PER_BLOCK + 200, "lease");
    assert_eq!(reconcile(&api), 2 * JOBS_PER_BLOCK as u64);
    let support = api.support();
    let (names, pages) = search(&support, "lease&limit=100");
    assert_eq!(names.len(), 2 * JOBS_PER_BLOCK + 200);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(pages >= names.len() / 100, "{pages}");
    assert_eq!(
        names[0],
        format!("lease {}.pdf", names.len() - 1),
        "newest first"
    );
    let first: JobPage = support.get("/jobs?search=lease");
    assert!(
        first.searched_back_to.is_some(),
        "it says how far it looked"
    );
}

#[test]
fn block_that_was_interrupted_is_completed_and_found_meanwhile() {
    for operation in ["put_record", "get_jobs", "list_records", "list_entries"] {
        for after in [1, 5, 40] {
            let api = TestApi::new();
            fill(&api, JOBS_PER_BLOCK, "lease");
            api.ports().state().fail_before.insert(operation, after);
            reconcile(&api);
            api.ports().state().fail_before.clear();
            let support = api.support();
            assert_eq!(
                names(&support, "lease%20777"),
                ["lease 777.pdf"],
                "{operation}"
            );
            reconcile(&api);
            assert_eq!(
                names(&support, "lease%20777"),
                ["lease 777.pdf"],
                "{operation}"
            );
            assert_eq!(reconcile(&api), 0, "{operation}: the block is complete");
        }
    }
}
