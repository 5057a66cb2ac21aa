//! Multipart uploads of the largest batches.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use devstack::Stack;
use tokio::process::Command;

use crate::support::{TestTenant, run_alone};

const PART_BYTES: usize = 64 * 1024 * 1024;

/// Uploads 16 parts of 64 MiB and one byte. The parts are copies within the bucket, so only one of them is transferred.
async fn upload_too_much(tenant: &TestTenant, key: &str) {
    let s3 = &tenant.stack.cloud.s3;
    let bucket = tenant.bucket();
    let source = "scratch/part";
    s3.put_object()
        .bucket(bucket)
        .key(source)
        .body(ByteStream::from(vec![0; PART_BYTES]))
        .send()
        .await
        .unwrap();
    let id = s3
        .create_multipart_upload()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap();
    let mut parts = Vec::new();
    for number in 1..=16 {
        let copy = s3
            .upload_part_copy()
            .bucket(bucket)
            .key(key)
            .upload_id(&id)
            .part_number(number);
        let copied = copy
            .copy_source(format!("{bucket}/{source}"))
            .send()
            .await
            .unwrap();
        let tag = copied.copy_part_result.unwrap().e_tag;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(tag)
                .build(),
        );
    }
    let last = s3
        .upload_part()
        .bucket(bucket)
        .key(key)
        .upload_id(&id)
        .part_number(17);
    let tag = last
        .body(ByteStream::from_static(b"\n"))
        .send()
        .await
        .unwrap()
        .e_tag;
    parts.push(
        CompletedPart::builder()
            .part_number(17)
            .set_e_tag(tag)
            .build(),
    );
    let whole = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let complete = s3
        .complete_multipart_upload()
        .bucket(bucket)
        .key(key)
        .upload_id(&id);
    complete.multipart_upload(whole).send().await.unwrap();
}

#[test]
fn batch_larger_than_one_gibibyte_fails_with_reason() {
    run_alone(async |stack| {
        let mut tenant = TestTenant::new(stack, "gigabyte").await;
        let key = format!("inbound-batches/{}/archive.pdf", tenant.name);
        upload_too_much(&tenant, &key).await;
        let id = tenant.job(&key);
        let (cause, detail) = tenant.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("1073741825"), "{detail}");
        assert_eq!(tenant.page.jobs[&id].bytes, (1 << 30) + 1);
        remove(stack, &key).await;
        remove(stack, "scratch/part").await;
    });
}

/// From a multipart upload to a searchable PDF. No function reads the whole object.
#[test]
fn one_gibibyte_batch_becomes_ready() {
    if !has_memory() {
        return;
    }
    run_alone(async |stack| {
        let mut tenant = TestTenant::new(stack, "gigabyte").await;
        let file = std::env::temp_dir().join(format!("docket-gigabyte-{}.pdf", std::process::id()));
        let script = devstack::repo_file("crates/devstack/python/make_large.py");
        let mut make = Command::new(devstack::venv_python().unwrap());
        let make = make
            .arg(script)
            .args(["--kind", "batch", "--bytes", "1073741824"])
            .arg(&file);
        let made = make.output().await.unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = format!("inbound-batches/{}/scans.pdf", tenant.name);
        let uploaded =
            devstack::upload(&stack.cloud.s3, tenant.bucket(), &key, &file, |_| {}).await;
        std::fs::remove_file(&file).unwrap();
        uploaded.unwrap();
        let id = tenant.job(&key);
        assert_eq!(tenant.ready(&id).await.bytes, 1 << 30);
        remove(stack, &key).await;
        remove(stack, &format!("outbound/ocr-batch/{id}/")).await;
    });
}

/// Whether there is enough memory: the emulator holds the gibibyte about three times. Without it, the test fails in CI
/// and is skipped elsewhere.
fn has_memory() -> bool {
    const NEEDED_KB: u64 = 5_000_000;
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    if free.is_none_or(|free| free >= NEEDED_KB) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "needs {NEEDED_KB} KB of memory, {free:?} are free"
    );
    eprintln!("skipped: needs {NEEDED_KB} KB of memory, {free:?} are free");
    false
}

/// Removes all versions under a prefix, because the emulator keeps objects in memory.
async fn remove(stack: &Stack, prefix: &str) {
    let (s3, bucket) = (&stack.cloud.s3, &stack.outputs.jobs_bucket_name);
    let found = s3
        .list_object_versions()
        .bucket(bucket)
        .prefix(prefix)
        .send()
        .await
        .unwrap();
    for version in found.versions() {
        let delete = s3
            .delete_object()
            .bucket(bucket)
            .set_key(version.key.clone());
        delete
            .set_version_id(version.version_id.clone())
            .send()
            .await
            .unwrap();
    }
}
