//! References, batches, tags and idempotency keys.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{CUSTOMER, CliUser, HttpResponse, SUPPORT, http_request};
use crate::support::{TestTenant, contract, run};

async fn create_upload(stack: &devstack::Stack, key: &str, body: &Value) -> HttpResponse {
    let token = stack.id_token(CUSTOMER).await.unwrap();
    let url = format!("{}/uploads", stack.outputs.http_api_url);
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    http_request("POST", &url, &headers, body.to_string()).await
}

#[test]
fn equal_requests_at_the_same_time_make_one_upload() {
    run(async |stack| {
        for bytes in [14_000_u64, 101 * 1024 * 1024] {
            let key = format!("scenario {} {bytes}", std::process::id());
            let body = json!({"pipeline": "ocr-batch", "name": "scan.pdf", "bytes": bytes, "content_type": "application/pdf"});
            let requests = (0..6).map(|_| create_upload(stack, &key, &body));
            let responses = join_all(requests).await;
            let ids: Vec<String> = responses
                .iter()
                .map(|response| {
                    assert_eq!(
                        response.status,
                        201,
                        "{}",
                        String::from_utf8_lossy(&response.body)
                    );
                    response.json()["job_id"].as_str().unwrap().to_owned()
                })
                .collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
            let listing = stack.cloud.s3.list_multipart_uploads();
            let listing = listing.bucket(&stack.outputs.jobs_bucket_name);
            let uploads = listing.send().await.unwrap();
            let detail = super::call_as(stack, CUSTOMER, "GET", &format!("/jobs/{}", ids[0]), None)
                .await
                .json();
            let input = detail["input"].as_str().unwrap();
            let of_key = uploads
                .uploads()
                .iter()
                .filter(|upload| upload.key().is_some_and(|key| input.ends_with(key)));
            assert_eq!(of_key.count(), usize::from(bytes > 100 * 1024 * 1024));
            let other = json!({"pipeline": "ocr-batch", "name": "scan.pdf", "bytes": bytes + 1, "content_type": "application/pdf"});
            let refused = create_upload(stack, &key, &other).await;
            assert_eq!(refused.status, 422);
            assert_eq!(
                refused.json()["type"],
                "urn:docket:problem:idempotency-key-reused"
            );
        }
    });
}

#[test]
fn document_is_found_by_the_metadata_that_an_s3_client_has_sent() {
    run(async |stack| {
        let mut tenant = TestTenant::new(stack, "labels").await;
        let key = format!("inbound/{}/a.pdf", tenant.name);
        let put = stack
            .cloud
            .s3
            .put_object()
            .bucket(tenant.bucket())
            .key(&key);
        let put = put
            .content_type("application/pdf")
            .metadata("docket-reference", "INV%2F4711%20M%C3%BCller")
            .metadata("docket-batch", "2026-05")
            .metadata("docket-tags", "matter=47-11&matter=twice")
            .body(contract().into());
        put.send().await.unwrap();
        let id = tenant.job(&key);
        let job = tenant.ready(&id).await;
        assert_eq!(job.reference.as_deref(), Some("INV/4711 Müller"));

        let support = CliUser::sign_in(stack, SUPPORT).await;
        let found = support
            .json(&["jobs", "find", "INV/4711 Müller", "--tenant", tenant.name])
            .await;
        assert_eq!(found["jobs"][0]["id"], id.as_str(), "{found}");
        let listed = support
            .json(&[
                "jobs",
                "list",
                "--batch",
                "2026-05",
                "--tenant",
                tenant.name,
            ])
            .await;
        assert_eq!(listed["jobs"][0]["id"], id.as_str(), "{listed}");
        let shown = support.docket(&["jobs", "show", &id]).await;
        for text in [
            "INV/4711 Müller",
            "2026-05",
            "x-amz-meta-docket-tags was not used",
        ] {
            assert!(shown.stdout.contains(text), "{text}: {}", shown.stdout);
        }
        // A client that changes only metadata, by a copy onto itself, costs no second run.
        let copy = stack
            .cloud
            .s3
            .copy_object()
            .bucket(tenant.bucket())
            .key(&key);
        let copy = copy
            .copy_source(format!("{}/{key}", tenant.bucket()))
            .metadata_directive(aws_sdk_s3::types::MetadataDirective::Replace)
            .metadata("docket-reference", "another");
        copy.send().await.unwrap();
        let next = tenant.upload("inbound/", "b.pdf", contract()).await;
        let next = tenant.job(&next);
        tenant.ready(&next).await;
        let jobs = support
            .json(&["jobs", "list", "--tenant", tenant.name])
            .await;
        assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2, "{jobs}");
    });
}
