//! S3 event notifications (S3 user guide, "Event message structure"). Only the fields that are used.

use aws_lambda_events::s3::S3Entity;
use jobs::id::TraceId;
use jobs::submit::UploadEvent;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

/// A notification, parsed more tolerantly than the library's `S3Event`, which rejects the test event (it has no records)
/// and records without `eventTime`, `userIdentity` or `requestParameters`, as the reconciler sends them.
#[derive(Deserialize)]
struct S3EventNotification {
    /// `s3:TestEvent`, which S3 sends once when notifications are configured. It has no records.
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records")]
    records: Option<Vec<S3EventRecord>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3EventRecord {
    event_source: Option<String>,
    event_name: Option<String>,
    s3: Option<S3Entity>,
}

/// What each record of an event says: an upload, or its problem, as a sentence. None for a test event.
///
/// # Errors
/// The problem of the event, as a sentence.
pub(super) fn uploads(
    body: &str,
    trace_id: Option<TraceId>,
) -> Result<Vec<Result<UploadEvent, String>>, String> {
    let notification: S3EventNotification =
        serde_json::from_str(body).map_err(|error| format!("not an S3 event: {error}"))?;
    if notification.event.as_deref() == Some("s3:TestEvent") {
        return Ok(vec![]);
    }
    let records = notification.records.filter(|records| !records.is_empty());
    let records = records.ok_or("not an S3 event: it has no Records")?;
    Ok(records
        .into_iter()
        .map(|record| upload(record, trace_id))
        .collect())
}

fn upload(record: S3EventRecord, trace_id: Option<TraceId>) -> Result<UploadEvent, String> {
    // `Put`, `Post`, `Copy` and, for large files, `CompleteMultipartUpload`.
    let name = record.event_name.unwrap_or_default();
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Err(format!("event {name:?} is not about a created object"));
    }
    let s3 = record.s3.ok_or("an S3 event without an object")?;
    // The trace header of the reconciler's message is that of its own run, since an SDK in a Lambda function sends the
    // function's trace. It does not belong to the document.
    let from_s3 = record.event_source.as_deref() != Some(RECONCILER);
    let (object, bucket) = (s3.object, s3.bucket.name);
    // The library's `url_decoded_key` stays empty.
    let key = object.key.ok_or("an S3 event without a key")?;
    Ok(UploadEvent {
        bucket: bucket.ok_or("an S3 event without a bucket")?,
        key: decoded(&key)?,
        version: object.version_id.filter(|version| !version.is_empty()),
        bytes: object
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(0),
        etag: object.e_tag.unwrap_or_default(),
        trace_id: trace_id.filter(|_| from_s3),
    })
}

/// Keys arrive form-encoded: a plus is a space, and a literal plus is `%2B`.
fn decoded(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    let text = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| format!("the key {key:?} is not UTF-8"))?;
    Ok(text.into_owned())
}

/// The characters that are not encoded in a key.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// `eventSource` of upload events that the reconciler sends.
const RECONCILER: &str = "docket:reconciler";

/// The event that S3 would have sent, with the fields that this module reads.
pub(crate) fn event_body(upload: &UploadEvent) -> String {
    let object = json!({
        "key": utf8_percent_encode(&upload.key, KEY).to_string(),
        "size": upload.bytes,
        "eTag": upload.etag,
        "versionId": upload.version,
    });
    let s3 = json!({"bucket": {"name": upload.bucket}, "object": object});
    let record = json!({"eventSource": RECONCILER, "eventName": "ObjectCreated:Put", "s3": s3});
    json!({"Records": [record]}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_upload(body: &str, trace_id: Option<TraceId>) -> Result<UploadEvent, String> {
        let mut uploads = uploads(body, trace_id)?;
        assert_eq!(uploads.len(), 1, "{body}");
        uploads.remove(0)
    }

    fn with_key(key: &str) -> String {
        let put = include_str!("../../../../events/upload-trigger/put.json");
        assert!(put.contains("inbound/acme/nda.pdf"));
        put.replace("inbound/acme/nda.pdf", key)
    }

    #[test]
    fn every_object_created_event_is_an_upload() {
        for body in [
            include_str!("../../../../events/upload-trigger/put.json"),
            include_str!("../../../../events/upload-trigger/multipart.json"),
        ] {
            let trace = "1-67891233-abcdef012345678912345678".parse().ok();
            let upload = only_upload(body, trace).unwrap();
            assert_eq!(upload.bucket, "docket-jobs");
            assert!(upload.version.is_some());
            assert_eq!(upload.trace_id, trace);
        }
    }

    #[test]
    fn object_keys_are_decoded_once() {
        for (encoded, key) in [
            ("inbound/acme/a+b.pdf", "inbound/acme/a b.pdf"),
            ("inbound/acme/a%2Bb.pdf", "inbound/acme/a+b.pdf"),
            (
                "inbound/acme/M%C3%BCller+%26+S%C3%B6hne.pdf",
                "inbound/acme/Müller & Söhne.pdf",
            ),
            ("inbound/acme/100%2525.pdf", "inbound/acme/100%25.pdf"),
            ("inbound/acme/a%0D%0Ab.pdf", "inbound/acme/a\r\nb.pdf"),
        ] {
            assert_eq!(only_upload(&with_key(encoded), None).unwrap().key, key);
        }
        assert!(
            only_upload(&with_key("inbound/%FF.pdf"), None)
                .unwrap_err()
                .contains("not UTF-8")
        );
    }

    #[test]
    fn re_sent_upload_event_is_parsed_as_the_same_upload() {
        for key in [
            "inbound/acme/nda.pdf",
            "inbound/acme/Müller & Söhne + 100%25 (1).pdf",
            "inbound/acme/a\r\nb.pdf",
        ] {
            for version in [Some("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()), None] {
                let upload = UploadEvent {
                    bucket: "docket-jobs".to_owned(),
                    key: key.to_owned(),
                    version,
                    bytes: 1 << 30,
                    etag: "9b2cf535f27731c974343645a3985328-12".to_owned(),
                    trace_id: None,
                };
                let own_run = "1-67891233-abcdef012345678912345678".parse().ok();
                let read = only_upload(&event_body(&upload), own_run);
                assert_eq!(read, Ok(upload));
            }
        }
    }

    #[test]
    fn s3_test_event_contains_no_uploads() {
        assert_eq!(
            uploads(
                include_str!("../../../../events/upload-trigger/test-event.json"),
                None
            ),
            Ok(vec![])
        );
    }

    #[test]
    fn malformed_or_other_event_is_rejected() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "{\"Records\":[]}",
            "{\"Records\":7}",
        ] {
            assert!(uploads(body, None).is_err(), "{body}");
        }
        assert!(only_upload("{\"Records\":[{}]}", None).is_err());
        let removed = with_key("x").replace("ObjectCreated:Put", "ObjectRemoved:Delete");
        assert!(only_upload(&removed, None).is_err());
    }
}
