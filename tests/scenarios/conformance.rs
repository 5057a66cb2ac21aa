//! The AWS adapters pass the suite that the in-memory ports pass (`crates/jobs/tests/conformance.rs`), against the
//! tables and the bucket of the running stack.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use devstack::Stack;
use devstack::cloud::{ACCESS_KEY, REGION, SECRET_KEY};
use functions::aws::{Aws, SCHEMA};
use functions::config::{Config, Var};
use jobs::conformance::{Outside, job_store, lists, object_store, quarantine, tickets, watchers};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{Clock, JobStore};
use sha2::{Digest, Sha256};

use crate::support::run;

fn ports(stack: &Stack) -> Aws {
    let outputs = &stack.outputs;
    let names = [
        (Var::JobsTable, outputs.jobs_table_name.as_str()),
        (Var::ConnectionsTable, &outputs.connections_table_name),
        (Var::DeskTable, &outputs.desk_table_name),
        (Var::Bucket, &outputs.jobs_bucket_name),
    ];
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    Aws::new(Config::new(
        REGION,
        credentials,
        &names,
        Some(&stack.cloud.url),
    ))
}

/// The customer's and the operator's half, by the stack's own clients.
struct Hands<'a>(&'a Stack);

impl Outside for Hands<'_> {
    fn bucket(&self) -> String {
        self.0.outputs.jobs_bucket_name.clone()
    }

    async fn upload(&self, key: &str, content: &[u8]) -> String {
        let body = ByteStream::from(content.to_vec());
        let put = self
            .0
            .cloud
            .s3
            .put_object()
            .bucket(self.bucket())
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
        put.version_id.unwrap()
    }

    async fn delete(&self, key: &str) {
        self.0
            .cloud
            .s3
            .delete_object()
            .bucket(self.bucket())
            .key(key)
            .send()
            .await
            .unwrap();
    }

    async fn issue(&self, secret: &str, watches: &str, expires_at: Timestamp) {
        let hash: String = Sha256::digest(secret.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let number = |number: u64| AttributeValue::N(number.to_string());
        let put = self
            .0
            .cloud
            .dynamodb
            .put_item()
            .table_name(&self.0.outputs.desk_table_name);
        put.item("pk", AttributeValue::S(format!("ticket#{hash}")))
            .item("sk", AttributeValue::S("-".to_owned()))
            .item("watches", AttributeValue::S(watches.to_owned()))
            .item("actor", AttributeValue::S("someone".to_owned()))
            .item("expires_at", number(expires_at.0 / 1000))
            .item("expires_ms", number(expires_at.0))
            .item("token_expires_ms", number(expires_at.0))
            .send()
            .await
            .unwrap();
    }

    async fn save_as_newer_release(&self, job: &Job) {
        ports(self.0).create(job).await.unwrap();
        let update = self
            .0
            .cloud
            .dynamodb
            .update_item()
            .table_name(&self.0.outputs.jobs_table_name);
        update
            .key("job_id", AttributeValue::S(job.id.to_string()))
            .update_expression("SET #schema = :newer")
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_values(":newer", AttributeValue::N((SCHEMA + 1).to_string()))
            .send()
            .await
            .unwrap();
    }
}

#[test]
fn the_job_table() {
    run(async |stack| job_store(&ports(stack), &Hands(stack), "conformance-rows").await);
    run(async |stack| lists(&ports(stack), &Hands(stack), "conformance-lists").await);
}

/// Outside the pipelines' prefixes, so that no function takes these objects for uploads.
#[test]
fn the_object_store() {
    run(async |stack| object_store(&ports(stack), &Hands(stack), "conformance").await);
}

#[test]
fn open_pages_and_tickets() {
    run(async |stack| watchers(&ports(stack), "conformance").await);
    run(async |stack| {
        let ports = ports(stack);
        tickets(&ports, &Hands(stack), "conformance", ports.now()).await;
    });
}

#[test]
fn the_quarantine() {
    run(async |stack| quarantine(&ports(stack), "conformance").await);
}
