//! A second upload to the same key: only the result of the newer version counts.

use jobs::id::JobId;

use crate::support::{TestTenant, contract, row, run, sample, text};

#[test]
fn overwriting_a_running_upload_supersedes_its_job() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "overwritten").await;
        let key = format!("inbound/{}/draft.pdf", acme.name);
        // 35 pages, so that the model still works when the next version arrives.
        let long = sample("contracts/Master Services Agreement - Northwind & Calder, signed.pdf");
        let old = acme.put(&key, long).await;
        let new = acme.put(&key, contract()).await;

        // The first version that was processed has the id of the key. Either can be first.
        let first = acme.job(&key);
        let ended = acme.ended(&first).await;
        let (old_id, new_id) = if text(&row(stack, &first).await, &["input", "version"]) == old {
            (
                first.clone(),
                JobId::of_version(acme.bucket(), &key, &new).to_string(),
            )
        } else {
            assert_eq!(ended.status, "Ready");
            (
                JobId::of_version(acme.bucket(), &key, &old).to_string(),
                first.clone(),
            )
        };
        let (cause, _) = acme.failed(&old_id).await;
        assert_eq!(cause, "Superseded");
        acme.ready(&new_id).await;
        assert_eq!(text(&row(stack, &new_id).await, &["input", "version"]), new);
    });
}

#[test]
fn overwriting_a_finished_upload_creates_a_second_job() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "second-version").await;
        let key = acme.upload("inbound/", "policy.pdf", contract()).await;
        let first = acme.job(&key);
        acme.ready(&first).await;
        let version = acme
            .put(&key, sample("contracts/consulting-agreement.pdf"))
            .await;
        acme.ready(&JobId::of_version(acme.bucket(), &key, &version).to_string())
            .await;
        assert_eq!(
            acme.page.jobs[&first].status, "Ready",
            "the first job keeps its result"
        );
    });
}
