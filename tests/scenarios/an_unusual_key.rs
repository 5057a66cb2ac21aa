//! File names are what people make them. All succeed but those that could do harm.

use crate::support::{Tenant, contract, row, run, s3_event, text};

#[test]
fn with_spaces_plus_signs_or_unicode_succeeds() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "names").await;
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
fn of_1024_bytes_succeeds() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "long").await;
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

/// These are announced by hand: some clients cannot even write them into a URL.
#[test]
fn that_could_do_harm_fails_with_a_reason() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "harm").await;
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
            let send = stack
                .cloud
                .sqs
                .send_message()
                .queue_url(&stack.outputs.uploads_queue_url);
            send.message_body(s3_event(acme.bucket(), encoded, "v"))
                .send()
                .await
                .unwrap();
            let id = acme.job(key);
            let (cause, detail) = acme.failed(&id).await;
            assert_eq!(cause, "InvalidInput");
            assert!(detail.contains(reason), "{detail}");
        }
    });
}

/// A job's id is a UUID; naming a file after another tenant's job must lead nowhere.
#[test]
fn with_another_tenants_uuid_is_a_job_of_its_own() {
    run(async |stack| {
        let mut victim = Tenant::new(stack, "uuid-victim").await;
        let mut other = Tenant::new(stack, "uuid-other").await;
        let key = victim.upload("inbound/", "ours.pdf", contract()).await;
        let id = victim.job(&key);
        let theirs = other
            .upload("inbound/", &format!("{id}.pdf"), contract())
            .await;
        let their_id = other.job(&theirs);
        assert_ne!(id, their_id);
        assert_eq!(victim.ready(&id).await.tenant, "uuid-victim");
        assert_eq!(other.ready(&their_id).await.tenant, "uuid-other");
        assert_eq!(
            victim.page.jobs.keys().collect::<Vec<_>>(),
            [&id],
            "nobody sees another tenant's job"
        );
        assert_eq!(other.page.jobs.keys().collect::<Vec<_>>(), [&their_id]);
    });
}
