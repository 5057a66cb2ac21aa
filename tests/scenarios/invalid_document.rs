//! A document that cannot be processed fails with a reason, without invoking the endpoint if possible.

use crate::support::{
    TestTenant, contract, delete, row, run, s3_event, sample, send_to_uploads, text,
};

#[test]
fn empty_document_fails_with_reason() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "empty").await;
        let key = acme
            .upload("inbound/", "empty.pdf", sample("bad/empty.pdf"))
            .await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("empty"), "{detail}");
    });
}

#[test]
fn non_pdf_fails_with_reason_without_invocation() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "not-a-pdf").await;
        let key = acme
            .upload("inbound/", "not-a-pdf.pdf", sample("bad/not-a-pdf.pdf"))
            .await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("%PDF-"), "{detail}");
        assert_eq!(acme.page.jobs[&id].attempt, 0);
    });
}

#[test]
fn document_over_the_pipeline_limit_fails_with_reason() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "too-large").await;
        let mut bytes = contract();
        bytes.resize(26_214_401, b' ');
        let key = acme.upload("inbound/", "large.pdf", bytes).await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("26214401"), "{detail}");
    });
}

/// The model answers 4xx, so the endpoint's notification has no `responseParameters`.
#[test]
fn document_rejected_by_the_model_fails_with_its_reason() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "broken").await;
        let key = acme
            .upload("inbound/", "broken.pdf", sample("bad/broken.pdf"))
            .await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "ModelRejected");
        assert!(!detail.is_empty());
    });
}

#[test]
fn document_deleted_before_inference_fails_with_reason() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "deleted").await;
        let key = acme.upload("inbound/", "withdrawn.pdf", contract()).await;
        delete(stack, &key).await;
        let id = acme.job(&key);
        let job = acme.ended(&id).await;
        // The delete races with the endpoint: the job is ready if the endpoint has read the object before.
        if job.status != "Ready" {
            let failure = job.failure.unwrap();
            assert!(
                ["InvalidInput", "Unknown"].contains(&&*failure.cause),
                "{failure:?}"
            );
            assert!(!failure.detail.is_empty());
        }

        // An object that does not exist when its event arrives.
        let key = format!("inbound/{}/gone.pdf", acme.name);
        send_to_uploads(stack, s3_event(acme.bucket(), &key, "gone")).await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("deleted"), "{detail}");
    });
}

#[test]
fn invalid_tenant_folder_fails_in_the_default_tenant() {
    run(async |stack| {
        // The reserved tenant of files without a folder, and of folders that are not a tenant.
        let mut default = TestTenant::new(stack, "default").await;
        let key = "inbound/ACME Corp/contract.pdf";
        default.put(key, contract()).await;
        let id = default.job(key);
        let (cause, detail) = default.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("ACME Corp"), "{detail}");
        let row = row(stack, &id).await;
        assert_eq!(text(&row, &["tenant"]), "default");
    });
}
