//! The AWS adapters pass the same suite as the in-memory ports (`crates/testkit/tests/conformance.rs`), against the
//! tables, the bucket and the queues of the running stack.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, GlobalSecondaryIndex};
use aws_sdk_s3::primitives::ByteStream;
use devstack::Stack;
use devstack::cloud::Cloud;
use functions::aws::{Aws, SCHEMA};
use functions::config::QueueUrls;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{Clock, JobStore, Queue};
use sha2::{Digest, Sha256};
use testkit::conformance::{
    TestEnvironment, connections, dead_letters, folders, inventory, job_index, job_list, job_store,
    key_value_store, marks_store, newest_jobs, object_store, quarantine, quarantine_store, tickets,
};

use crate::support::{aws_of, run, run_alone};

/// A job table of its own with the deployed schema, so that the reconciler does not find the old jobs of the suite.
pub(crate) const JOBS_TABLE: &str = "conformance-jobs";

/// Where the suite runs: the deployed tables and bucket of a stack, or those of another emulator.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) cloud: Cloud,
    pub(crate) bucket: String,
    pub(crate) connections_table: String,
    pub(crate) records_table: String,
}

impl Place {
    async fn of(stack: &Stack) -> Self {
        create_jobs_table(stack).await;
        let outputs = &stack.outputs;
        Self {
            cloud: stack.cloud.clone(),
            bucket: outputs.jobs_bucket_name.clone(),
            connections_table: outputs.connections_table_name.clone(),
            records_table: outputs.records_table_name.clone(),
        }
    }

    pub(crate) fn ports(&self) -> Aws<ConformanceTables> {
        let tables = ConformanceTables {
            jobs_table: JOBS_TABLE.to_owned(),
            connections_table: self.connections_table.clone(),
            records_table: self.records_table.clone(),
            bucket: self.bucket.clone(),
        };
        aws_of(&self.cloud, tables)
    }

    /// The URL of a queue that no function reads.
    async fn own_queue(&self) -> String {
        let create = self.cloud.sqs.create_queue().queue_name("conformance");
        create.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn ports_with_queue(&self) -> Aws<OneQueue> {
        aws_of(&self.cloud, OneQueue(self.own_queue().await))
    }
}

async fn create_jobs_table(stack: &Stack) {
    let dynamodb = &stack.cloud.dynamodb;
    let describe = dynamodb.describe_table();
    let deployed = describe.table_name(&stack.outputs.jobs_table_name).send();
    let deployed = deployed.await.unwrap().table.unwrap();
    let indexes = deployed.global_secondary_indexes.unwrap().into_iter();
    let indexes = indexes.map(|index| {
        GlobalSecondaryIndex::builder()
            .set_index_name(index.index_name)
            .set_key_schema(index.key_schema)
            .set_projection(index.projection)
            .build()
            .unwrap()
    });
    let created = dynamodb
        .create_table()
        .table_name(JOBS_TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(deployed.attribute_definitions)
        .set_key_schema(deployed.key_schema)
        .set_global_secondary_indexes(Some(indexes.collect()))
        .send()
        .await;
    let exists = |error: &CreateTableError| error.is_resource_in_use_exception();
    assert!(
        created.as_ref().map_or_else(
            |error| error.as_service_error().is_some_and(exists),
            |_| true
        ),
        "{created:?}"
    );
}

functions::environment! {
    pub(crate) struct ConformanceTables {
        jobs_table: JobsTable,
        connections_table: ConnectionsTable,
        records_table: RecordsTable,
        bucket: Bucket,
    }
}

/// One queue in place of every queue and dead-letter queue.
#[derive(Debug)]
pub(crate) struct OneQueue(String);

impl QueueUrls for OneQueue {
    fn queue_url(&self, _: Queue) -> &str {
        &self.0
    }

    fn dead_letters_url(&self, _: Queue) -> Option<&str> {
        Some(&self.0)
    }
}

/// What customers and operators do.
impl TestEnvironment for Place {
    fn bucket(&self) -> String {
        self.bucket.clone()
    }

    async fn upload(&self, key: &str, content: &[u8]) -> String {
        let body = ByteStream::from(content.to_vec());
        let put = self
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
        self.cloud
            .s3
            .delete_object()
            .bucket(self.bucket())
            .key(key)
            .send()
            .await
            .unwrap();
    }

    async fn issue_ticket(&self, secret: &str, subscription: &str, expires_at: Timestamp) {
        let hash: String = Sha256::digest(secret.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let number = |number: u64| AttributeValue::N(number.to_string());
        let put = self
            .cloud
            .dynamodb
            .put_item()
            .table_name(&self.records_table);
        put.item("pk", AttributeValue::S(format!("ticket#{hash}")))
            .item("sk", AttributeValue::S("-".to_owned()))
            .item("watches", AttributeValue::S(subscription.to_owned()))
            .item("actor", AttributeValue::S("user@example".to_owned()))
            .item("expires_at", number(expires_at.0 / 1000))
            .item("expires_ms", number(expires_at.0))
            .item("token_expires_ms", number(expires_at.0))
            .send()
            .await
            .unwrap();
    }

    /// The queue is its own dead-letter queue: see `ports_with_queue`.
    async fn add_dead_letter(&self, _: Queue, body: &str) {
        let send = self.cloud.sqs.send_message();
        send.queue_url(self.own_queue().await)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }

    async fn fail_redriven(&self, _: Queue) {}

    async fn save_as_newer_release(&self, job: &Job) {
        self.ports().create(job).await.unwrap();
        let update = self.cloud.dynamodb.update_item().table_name(JOBS_TABLE);
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
fn job_table_conforms() {
    run(async |stack| {
        job_store(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await,
            "conformance-rows",
        )
        .await
    });
    run(async |stack| {
        newest_jobs(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await,
            "conformance-lists",
        )
        .await
    });
    run(async |stack| {
        job_list(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await.bucket,
            "conformance-job-list",
        )
        .await
    });
    run(async |stack| {
        marks_store(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await.bucket,
            "conformance-marks",
        )
        .await
    });
}

#[test]
fn job_table_indexes_conform() {
    // Alone, because the other tests write jobs to the same table.
    run_alone(async |stack| {
        job_index(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await,
            "conformance-index",
        )
        .await
    });
}

#[test]
fn dead_letter_queues_and_records_conform() {
    run(async |stack| {
        dead_letters(
            &Place::of(stack).await.ports_with_queue().await,
            &Place::of(stack).await,
        )
        .await
    });
    run(async |stack| key_value_store(&Place::of(stack).await.ports(), "conformance").await);
}

/// Writes outside the pipelines' prefixes, so that no function takes the objects for uploads.
#[test]
fn object_store_conforms() {
    run(async |stack| {
        object_store(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await,
            "conformance",
        )
        .await
    });
    run(async |stack| {
        inventory(
            &Place::of(stack).await.ports(),
            &Place::of(stack).await,
            "conformance-inventory",
        )
        .await
    });
    run(async |stack| {
        let ports = Place::of(stack).await.ports();
        folders(&ports, &Place::of(stack).await, "conformance-folders").await;
    });
}

#[test]
fn connections_and_tickets_conform() {
    run(async |stack| connections(&Place::of(stack).await.ports(), "conformance").await);
    run(async |stack| {
        let ports = Place::of(stack).await.ports();
        tickets(&ports, &Place::of(stack).await, "conformance", ports.now()).await;
    });
}

#[test]
fn quarantine_conforms() {
    run(async |stack| quarantine(&Place::of(stack).await.ports(), "conformance").await);
    run(async |stack| {
        quarantine_store(&Place::of(stack).await.ports(), "conformance-quarantine").await
    });
}
