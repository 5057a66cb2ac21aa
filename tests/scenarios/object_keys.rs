//! Unusual object keys are accepted; unsafe ones fail.

use crate::support::{TestTenant, contract, row, run, s3_event, send_to_uploads, text};

#[test]
fn keys_with_spaces_plus_signs_and_unicode_become_ready() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "names").await;
        let names = [
            "a contract with spaces.pdf",
            "terms+conditions+final.pdf",
            "Mietvertrag Müller & Söhne – 合同 ✓.pdf",
            "100% \"final\" (2) [x] #1 ?.pdf",
            "percent%20encoded.pdf",
        ];
        let mut keys = Vec::new();
        for name in names {
            keys.push((name, acme.upload("inbound/", name, contract()).await));
        }
        for (name, key) in keys {
            let id = acme.job(&key);
            assert_eq!(acme.ready(&id).await.name, name);
            assert_eq!(text(&row(stack, &id).await, &["input", "key"]), key);
        }
    });
}

#[test]
fn key_of_1024_bytes_becomes_ready() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "long").await;
        let prefix = format!("inbound/{}/", acme.name);
        let name = format!("{}.pdf", "n".repeat(1024 - prefix.len() - ".pdf".len()));
        let key = acme.upload("inbound/", &name, contract()).await;
        assert_eq!(key.len(), 1024);
        let id = acme.job(&key);
        let job = acme.ready(&id).await;
        assert!(
            job.name.ends_with(".pdf") && job.name.contains('…'),
            "{}",
            job.name
        );
    });
}

/// The test sends the S3 events, because some clients cannot write such keys into a URL.
#[test]
fn unsafe_key_fails_with_reason() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "harm").await;
        let cases = [
            (
                "inbound/harm/../other/contract.pdf",
                "inbound/harm/../other/contract.pdf",
                "..",
            ),
            (
                "inbound/harm/line%0D%0Abreak.pdf",
                "inbound/harm/line\r\nbreak.pdf",
                "control character",
            ),
            (
                "inbound/harm/nul%00.pdf",
                "inbound/harm/nul\u{0}.pdf",
                "control character",
            ),
            ("inbound/harm/", "inbound/harm/", "no file name"),
        ];
        for (encoded, key, reason) in cases {
            send_to_uploads(stack, s3_event(acme.bucket(), encoded, "v")).await;
            let id = acme.job(key);
            let (cause, detail) = acme.failed(&id).await;
            assert_eq!(cause, "InvalidInput");
            assert!(detail.contains(reason), "{detail}");
        }
    });
}

/// A job id is a UUID. A file named after another tenant's job id gives no access to that job.
#[test]
fn file_named_after_another_tenants_job_id_is_a_separate_job() {
    run(async |stack| {
        let mut victim = TestTenant::new(stack, "uuid-victim").await;
        let mut other = TestTenant::new(stack, "uuid-other").await;
        let key = victim.upload("inbound/", "ours.pdf", contract()).await;
        let id = victim.job(&key);
        let other_key = other
            .upload("inbound/", &format!("{id}.pdf"), contract())
            .await;
        let other_id = other.job(&other_key);
        assert_ne!(id, other_id);
        assert_eq!(victim.ready(&id).await.tenant, "uuid-victim");
        assert_eq!(other.ready(&other_id).await.tenant, "uuid-other");
        assert_eq!(
            victim.page.jobs.keys().collect::<Vec<_>>(),
            [&id],
            "each tenant sees its own job only"
        );
        assert_eq!(other.page.jobs.keys().collect::<Vec<_>>(), [&other_id]);
    });
}
