//! The AWS adapters pass the suite that the in-memory ports pass (`crates/jobs/tests/conformance.rs`), against the
//! tables, the bucket and the queues of the running stack.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, GlobalSecondaryIndex};
use aws_sdk_s3::primitives::ByteStream;
use devstack::Stack;
use functions::aws::{Aws, SCHEMA};
use functions::config::Var;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{Clock, JobStore, Queue};
use sha2::{Digest, Sha256};
use testkit::conformance::{
    Outside, connections, dead_letters, documents, inventory, job_index, job_list, job_store,
    lists, object_store, quarantine, quarantine_desk, tickets,
};

use crate::support::{aws, run, run_alone};

/// A job table of the suite's own, made like the one that was deployed: its old jobs are not for the reconciler.
const JOBS_TABLE: &str = "conformance-jobs";

async fn make_table(stack: &Stack) {
    let dynamodb = &stack.cloud.dynamodb;
    let describe = dynamodb.describe_table();
    let like = describe.table_name(&stack.outputs.jobs_table_name).send();
    let like = like.await.unwrap().table.unwrap();
    let indexes = like.global_secondary_indexes.unwrap().into_iter();
    let indexes = indexes.map(|index| {
        GlobalSecondaryIndex::builder()
            .set_index_name(index.index_name)
            .set_key_schema(index.key_schema)
            .set_projection(index.projection)
            .build()
            .unwrap()
    });
    let made = dynamodb
        .create_table()
        .table_name(JOBS_TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(like.attribute_definitions)
        .set_key_schema(like.key_schema)
        .set_global_secondary_indexes(Some(indexes.collect()))
        .send()
        .await;
    let there = |error: &CreateTableError| error.is_resource_in_use_exception();
    assert!(
        made.as_ref().map_or_else(
            |error| error.as_service_error().is_some_and(there),
            |_| true
        ),
        "{made:?}"
    );
}

async fn ports(stack: &Stack) -> Aws {
    make_table(stack).await;
    let outputs = &stack.outputs;
    let names = [
        (Var::JobsTable, JOBS_TABLE),
        (Var::ConnectionsTable, &outputs.connections_table_name),
        (Var::RecordsTable, &outputs.records_table_name),
        (Var::Bucket, &outputs.jobs_bucket_name),
    ];
    aws(stack, &names)
}

/// A queue that no function reads.
async fn own_queue(stack: &Stack) -> String {
    let create = stack.cloud.sqs.create_queue().queue_name("conformance");
    create.send().await.unwrap().queue_url.unwrap()
}

/// Ports for which a queue of the suite's own stands for every queue and all dead letters.
async fn ports_with_queue(stack: &Stack) -> Aws {
    let queue = own_queue(stack).await;
    let names = [
        (Var::InferenceSuccessQueueUrl, queue.as_str()),
        (Var::InferenceSuccessDeadLettersUrl, &queue),
    ];
    aws(stack, &names)
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

    async fn issue(&self, secret: &str, subscription: &str, expires_at: Timestamp) {
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
            .table_name(&self.0.outputs.records_table_name);
        put.item("pk", AttributeValue::S(format!("ticket#{hash}")))
            .item("sk", AttributeValue::S("-".to_owned()))
            .item("watches", AttributeValue::S(subscription.to_owned()))
            .item("actor", AttributeValue::S("someone".to_owned()))
            .item("expires_at", number(expires_at.0 / 1000))
            .item("expires_ms", number(expires_at.0))
            .item("token_expires_ms", number(expires_at.0))
            .send()
            .await
            .unwrap();
    }

    /// A queue that is its own queue of dead letters: see `ports_with_queue`.
    async fn bury(&self, _: Queue, body: &str) {
        let send = self.0.cloud.sqs.send_message();
        send.queue_url(own_queue(self.0).await)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }

    async fn die_again(&self, _: Queue) {}

    async fn save_as_newer_release(&self, job: &Job) {
        ports(self.0).await.create(job).await.unwrap();
        let update = self.0.cloud.dynamodb.update_item().table_name(JOBS_TABLE);
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
    run(async |stack| job_store(&ports(stack).await, &Hands(stack), "conformance-rows").await);
    run(async |stack| lists(&ports(stack).await, &Hands(stack), "conformance-lists").await);
    run(async |stack| {
        job_list(
            &ports(stack).await,
            &Hands(stack).bucket(),
            "conformance-job-list",
        )
        .await
    });
}

#[test]
fn the_indexes_of_the_job_table() {
    // Others make and move jobs in the same table.
    run_alone(async |stack| {
        job_index(&ports(stack).await, &Hands(stack), "conformance-index").await
    });
}

#[test]
fn dead_letters_and_documents() {
    run(async |stack| dead_letters(&ports_with_queue(stack).await, &Hands(stack)).await);
    run(async |stack| documents(&ports(stack).await, "conformance").await);
}

/// Outside the pipelines' prefixes, so that no function takes these objects for uploads.
#[test]
fn the_object_store() {
    run(async |stack| object_store(&ports(stack).await, &Hands(stack), "conformance").await);
    run(async |stack| inventory(&ports(stack).await, &Hands(stack), "conformance-inventory").await);
}

#[test]
fn open_pages_and_tickets() {
    run(async |stack| connections(&ports(stack).await, "conformance").await);
    run(async |stack| {
        let ports = ports(stack).await;
        tickets(&ports, &Hands(stack), "conformance", ports.now()).await;
    });
}

#[test]
fn the_quarantine() {
    run(async |stack| quarantine(&ports(stack).await, "conformance").await);
    run(async |stack| quarantine_desk(&ports(stack).await, "conformance-desk").await);
}
