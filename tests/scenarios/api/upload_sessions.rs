//! Upload sessions: presigned requests, and multipart uploads that are aborted or resumed.

use serde_json::{Value, json};

use super::{CUSTOMER, HttpResponse, REVIEWER, call_as, http_request};
use crate::support::{run, run_alone, until};

const MIB: usize = 1024 * 1024;

async fn create_session(stack: &devstack::Stack, bytes: usize, pipeline: &str) -> Value {
    let body = json!({"pipeline": pipeline, "name": "Scan <b>1.pdf", "bytes": bytes, "content_type": "application/pdf"});
    let reply = call_as(stack, CUSTOMER, "POST", "/uploads", Some(body)).await;
    assert_eq!(
        reply.status,
        201,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    reply.json()
}

async fn send_presigned(request: &Value, body: Vec<u8>) -> HttpResponse {
    let headers: Vec<(&str, &str)> = request["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        // The client sets these headers.
        .filter(|(name, _)| *name != "content-length" && *name != "host")
        .collect();
    http_request(
        request["method"].as_str().unwrap(),
        request["url"].as_str().unwrap(),
        &headers,
        body,
    )
    .await
}

fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let query = url.split_once('?').unwrap().1;
    let found = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{url} has no {name}"))
}

#[test]
fn presigned_put_is_limited_to_size_and_type_and_never_overwrites() {
    run(async |stack| {
        let view = create_session(stack, 14_000, "legal-review").await;
        let put = &view["put"];
        let url = put["url"].as_str().unwrap();
        let signed = parameter(url, "X-Amz-SignedHeaders");
        for header in [
            "content-length",
            "content-type",
            "host",
            "if-none-match",
            "x-amz-meta-original-name",
        ] {
            assert!(
                signed.split("%3B").any(|known| known == header),
                "{header} is not signed: {signed}"
            );
        }
        assert!(
            !url.contains("x-amz-checksum"),
            "the checksum is not known yet: {url}"
        );
        assert_eq!(parameter(url, "X-Amz-Expires"), "900");
        let mut document = crate::support::contract();
        document.resize(14_000, b'\n');
        assert_eq!(send_presigned(put, document.clone()).await.status, 200);
        assert_eq!(
            send_presigned(put, document).await.status,
            412,
            "the key is taken"
        );
        let id = view["job_id"].as_str().unwrap();
        let detail = until("the job of the upload", async || {
            let detail = call_as(stack, CUSTOMER, "GET", &format!("/jobs/{id}"), None)
                .await
                .json();
            detail["job"].is_object().then_some(detail)
        })
        .await;
        assert_eq!(detail["job"]["name"], "Scan <b>1.pdf");
        assert_eq!(detail["uploaded_by"], CUSTOMER);
    });
}

#[test]
fn multipart_upload_is_aborted() {
    run(async |stack| {
        let view = create_session(stack, 101 * MIB, "ocr-batch").await;
        let id = view["job_id"].as_str().unwrap();
        let path = format!("/uploads/{id}");
        let aborted = call_as(stack, CUSTOMER, "DELETE", &path, None).await;
        assert_eq!(aborted.status, 204);
        let listing = stack.cloud.s3.list_multipart_uploads();
        let listing = listing.bucket(&stack.outputs.jobs_bucket_name);
        let uploads = listing.send().await.unwrap();
        let mut keys = uploads.uploads().iter().filter_map(|it| it.key());
        assert!(!keys.any(|key| key.contains(id)), "{uploads:?}");
    });
}

/// Alone, because it sends 101 MiB through the single-threaded emulator.
#[test]
fn interrupted_multipart_upload_is_resumed() {
    run_alone(async |stack| {
        let bytes = 101 * MIB;
        let view = create_session(stack, bytes, "ocr-batch").await;
        let id = view["job_id"].as_str().unwrap();
        let part_bytes =
            usize::try_from(view["multipart"]["part_bytes"].as_u64().unwrap()).unwrap();
        let count = view["multipart"]["part_count"].as_u64().unwrap();
        let path = format!("/uploads/{id}");
        let part = async |number: u64| {
            let wanted = Some(json!({"part_numbers": [number]}));
            let signed = call_as(stack, CUSTOMER, "POST", &format!("{path}/parts"), wanted)
                .await
                .json();
            let from = usize::try_from(number - 1).unwrap() * part_bytes;
            let mut content = vec![b'x'; part_bytes.min(bytes - from)];
            if number == 1 {
                content[..8].copy_from_slice(b"%PDF-1.7");
            }
            let signed_headers = parameter(
                signed["parts"][0]["request"]["url"].as_str().unwrap(),
                "X-Amz-SignedHeaders",
            );
            assert!(
                signed_headers.contains("content-length"),
                "the size of a part is signed: {signed_headers}"
            );
            assert_eq!(
                send_presigned(&signed["parts"][0]["request"], content)
                    .await
                    .status,
                200
            );
        };
        for number in (1..=count).filter(|number| *number != 3) {
            part(number).await;
        }
        let early = call_as(
            stack,
            CUSTOMER,
            "POST",
            &format!("{path}/complete"),
            Some(json!({})),
        )
        .await;
        assert_eq!(early.status, 409);
        assert_eq!(early.json()["type"], "urn:docket:problem:parts-missing");
        // The client resumes, and learns which parts are missing.
        let view = call_as(stack, CUSTOMER, "GET", &path, None).await.json();
        let arrived: Vec<u64> = view["multipart"]["uploaded_parts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        assert_eq!(
            arrived,
            (1..=count)
                .filter(|number| *number != 3)
                .collect::<Vec<_>>()
        );
        part(3).await;
        for _ in 0..2 {
            let done = call_as(
                stack,
                CUSTOMER,
                "POST",
                &format!("{path}/complete"),
                Some(json!({})),
            )
            .await;
            assert_eq!(done.status, 200, "{}", String::from_utf8_lossy(&done.body));
        }
        until("the job of the upload", async || {
            let detail = call_as(stack, REVIEWER, "GET", &format!("/jobs/{id}"), None)
                .await
                .json();
            (detail["job"]["bytes"] == bytes).then_some(())
        })
        .await;
    });
}
