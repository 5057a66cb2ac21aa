//! A document that cannot be processed fails with a reason, and costs no GPU where that can be seen before.

use crate::support::{Tenant, contract, run, s3_event, sample, text};

#[test]
fn that_is_empty_fails_with_a_reason() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "empty").await;
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
fn that_is_no_pdf_fails_with_a_reason_and_is_never_invoked() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "not-a-pdf").await;
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
fn that_is_too_large_for_a_review_fails_with_a_reason() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "too-large").await;
        let mut bytes = contract();
        bytes.resize(26_214_401, b' ');
        let key = acme.upload("inbound/", "large.pdf", bytes).await;
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("26214401"), "{detail}");
    });
}

/// The model answers 4xx, so the endpoint's message has no `responseParameters`.
#[test]
fn that_the_model_cannot_read_fails_with_the_models_reason() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "broken").await;
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
fn that_is_deleted_at_once_fails_with_a_reason() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "deleted").await;
        let key = acme.upload("inbound/", "withdrawn.pdf", contract()).await;
        let delete = stack
            .cloud
            .s3
            .delete_object()
            .bucket(acme.bucket())
            .key(&key);
        delete.send().await.unwrap();
        let id = acme.job(&key);
        let job = acme.ended(&id).await;
        // Who deletes a moment too late still gets the result; a moment before, the endpoint finds nothing to read.
        if job.status != "Ready" {
            let failure = job.failure.unwrap();
            assert!(
                ["InvalidInput", "Unknown"].contains(&&*failure.cause),
                "{failure:?}"
            );
            assert!(!failure.detail.is_empty());
        }

        // And one that was gone before anyone looked.
        let key = format!("inbound/{}/gone.pdf", acme.name);
        let send = stack
            .cloud
            .sqs
            .send_message()
            .queue_url(&stack.outputs.uploads_queue_url);
        send.message_body(s3_event(acme.bucket(), &key, "gone"))
            .send()
            .await
            .unwrap();
        let id = acme.job(&key);
        let (cause, detail) = acme.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("deleted"), "{detail}");
    });
}

#[test]
fn whose_folder_is_no_tenant_fails_where_somebody_sees_it() {
    run(async |stack| {
        // The reserved tenant: of files without a folder, and of folders that are no tenant.
        let mut somebody = Tenant::new(stack, "default").await;
        let key = "inbound/ACME Corp/contract.pdf";
        somebody.put(key, contract()).await;
        let id = somebody.job(key);
        let (cause, detail) = somebody.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("ACME Corp"), "{detail}");
        let row = crate::support::row(stack, &id).await;
        assert_eq!(text(&row, &["tenant"]), "default");
    });
}
