//! The largest batches, uploaded in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::support::{Tenant, run};

const PART: usize = 64 * 1024 * 1024;

/// Uploads 16 parts of 64 MB and a byte more. The parts are copies within the bucket, so only one of them travels.
async fn upload_too_much(tenant: &Tenant, key: &str) {
    let s3 = &tenant.stack.cloud.s3;
    let bucket = tenant.bucket();
    let source = "scratch/part";
    s3.put_object().bucket(bucket).key(source).body(ByteStream::from(vec![0; PART])).send().await.unwrap();
    let id = s3.create_multipart_upload().bucket(bucket).key(key).send().await.unwrap().upload_id.unwrap();
    let mut parts = Vec::new();
    for number in 1..=16 {
        let copy = s3.upload_part_copy().bucket(bucket).key(key).upload_id(&id).part_number(number);
        let copied = copy.copy_source(format!("{bucket}/{source}")).send().await.unwrap();
        let tag = copied.copy_part_result.unwrap().e_tag;
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(tag).build());
    }
    let last = s3.upload_part().bucket(bucket).key(key).upload_id(&id).part_number(17);
    let tag = last.body(ByteStream::from_static(b"\n")).send().await.unwrap().e_tag;
    parts.push(CompletedPart::builder().part_number(17).set_e_tag(tag).build());
    let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.complete_multipart_upload().bucket(bucket).key(key).upload_id(&id);
    complete.multipart_upload(whole).send().await.unwrap();
}

#[test]
fn and_one_byte_fails_with_a_reason() {
    run(async |stack| {
        let mut tenant = Tenant::new(stack, "gigabyte").await;
        let key = format!("inbound-batches/{}/archive.pdf", tenant.name);
        upload_too_much(&tenant, &key).await;
        let id = tenant.job(&key);
        let (cause, detail) = tenant.failed(&id).await;
        assert_eq!(cause, "InvalidInput");
        assert!(detail.contains("1073741825"), "{detail}");
        assert_eq!(tenant.page.jobs[&id].bytes, (1 << 30) + 1);
        // The emulator keeps objects in memory.
        for key in [key.as_str(), "scratch/part"] {
            let found = stack.cloud.s3.list_object_versions().bucket(tenant.bucket()).prefix(key).send().await.unwrap();
            for version in found.versions() {
                let delete = stack.cloud.s3.delete_object().bucket(tenant.bucket()).key(key);
                delete.set_version_id(version.version_id.clone()).send().await.unwrap();
            }
        }
    });
}
