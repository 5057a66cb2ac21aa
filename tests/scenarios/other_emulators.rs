//! The conformance suite against another emulator, as a second opinion: `make conformance` starts it and names it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use devstack::cloud::Cloud;
use jobs::ports::Clock;
use serde_json::Value;
use testkit::conformance::{
    connections, dead_letters, folders, inventory, job_index, job_list, job_store, key_value_store,
    marks_store, newest_jobs, object_store, quarantine, quarantine_store, tickets,
};

use crate::conformance::{JOBS_TABLE, Place};

#[expect(
    clippy::disallowed_methods,
    reason = "the test is started by a program that passes values in environment variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The resources of the template, without loops.
fn template() -> Value {
    let expanded = Command::new(devstack::venv_python().unwrap())
        .arg(devstack::repo_file("infra/expand.py"))
        .arg(devstack::repo_file("infra/service.yaml"))
        .output()
        .unwrap();
    let template: Value = serde_json::from_slice(&expanded.stdout).unwrap();
    template["Resources"].clone()
}

fn key_schema(keys: &Value) -> Vec<KeySchemaElement> {
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| {
        KeySchemaElement::builder()
            .attribute_name(key["AttributeName"].as_str().unwrap())
            .key_type(KeyType::from(key["KeyType"].as_str().unwrap()))
            .build()
            .unwrap()
    })
    .collect()
}

/// Creates a table as the template has it.
async fn create_table(cloud: &Cloud, name: &str, properties: &Value) {
    let attributes = properties["AttributeDefinitions"].as_array().unwrap();
    let attributes = attributes.iter().map(|attribute| {
        let kind = attribute["AttributeType"].as_str().unwrap();
        AttributeDefinition::builder()
            .attribute_name(attribute["AttributeName"].as_str().unwrap())
            .attribute_type(ScalarAttributeType::from(kind))
            .build()
            .unwrap()
    });
    let indexes = properties["GlobalSecondaryIndexes"].as_array();
    let indexes = indexes.into_iter().flatten().map(|index| {
        let projected = &index["Projection"];
        let kind = projected["ProjectionType"].as_str().unwrap();
        let more = projected["NonKeyAttributes"].as_array();
        let more = more.map(|names| {
            let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
            names.collect()
        });
        let projection = Projection::builder()
            .projection_type(ProjectionType::from(kind))
            .set_non_key_attributes(more);
        GlobalSecondaryIndex::builder()
            .index_name(index["IndexName"].as_str().unwrap())
            .set_key_schema(Some(key_schema(&index["KeySchema"])))
            .projection(projection.build())
            .build()
            .unwrap()
    });
    let indexes: Vec<_> = indexes.collect();
    let create = cloud.dynamodb.create_table().table_name(name);
    create
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect()))
        .set_key_schema(Some(key_schema(&properties["KeySchema"])))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .send()
        .await
        .unwrap();
    // Some emulators create tables in the background.
    for _ in 0..100 {
        let described = cloud
            .dynamodb
            .describe_table()
            .table_name(name)
            .send()
            .await;
        let status = described.unwrap().table.unwrap().table_status;
        if status.is_some_and(|status| status.as_str() == "ACTIVE") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("table {name} is not active");
}

async fn prepare(cloud: Cloud, has_buckets: bool) -> Place {
    let resources = template();
    let place = Place {
        cloud,
        bucket: "conformance-bucket".to_owned(),
        connections_table: "conformance-connections".to_owned(),
        records_table: "conformance-records".to_owned(),
    };
    for (name, resource) in [
        (JOBS_TABLE, "JobsTable"),
        (&place.connections_table, "ConnectionsTable"),
        (&place.records_table, "RecordsTable"),
    ] {
        create_table(&place.cloud, name, &resources[resource]["Properties"]).await;
    }
    if has_buckets {
        let s3 = &place.cloud.s3;
        s3.create_bucket()
            .bucket(&place.bucket)
            .send()
            .await
            .unwrap();
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let put = s3.put_bucket_versioning().bucket(&place.bucket);
        let put = put.versioning_configuration(enabled.build());
        put.send().await.unwrap();
    }
    place
}

/// Prints what passes, and fails if anything else fails than `FAILING` says.
#[test]
#[ignore = "make conformance starts the other emulators"]
fn another_emulator_passes_the_conformance_suite() {
    let url = variable("EMULATOR_URL").expect("EMULATOR_URL names the emulator");
    let has_buckets = variable("DYNAMODB_ONLY").is_none();
    let expected = variable("FAILING").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let place = runtime.block_on(prepare(Cloud::new(&url), has_buckets));
    let ports = place.ports();
    let mut failing = Vec::new();
    macro_rules! try_each {
        ($($name:ident ( $($argument:expr),* );)*) => {$(
            let tried = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on($name($($argument),*));
            }));
            eprintln!("{} {}", if tried.is_ok() { "pass" } else { "FAIL" }, stringify!($name));
            if tried.is_err() {
                failing.push(stringify!($name));
            }
        )*};
    }
    try_each! {
        job_store(&ports, &place, "rows");
        newest_jobs(&ports, &place, "lists");
        job_list(&ports, &place.bucket, "job-list");
        marks_store(&ports, &place.bucket, "marks");
        job_index(&ports, &place, "index");
        key_value_store(&ports, "values");
        connections(&ports, "connections");
        tickets(&ports, &place, "tickets", ports.now());
    }
    if has_buckets {
        let with_queue = runtime.block_on(place.ports_with_queue());
        try_each! {
            dead_letters(&with_queue, &place);
            object_store(&ports, &place, "objects");
            inventory(&ports, &place, "inventory");
            folders(&ports, &place, "folders");
            quarantine(&ports, "quarantine");
            quarantine_store(&ports, "quarantine-store");
        }
    }
    assert_eq!(failing.join(" "), expected);
}
