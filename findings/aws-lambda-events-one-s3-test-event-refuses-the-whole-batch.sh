#!/usr/bin/env bash
# Library:   aws_lambda_events 1.2.1 (Rust), features "s3" and "sqs". Date: 2026-11-29.
#
# Guess, written down before running: SqsEventObj<S3Event> reads a batch that holds a real upload
# and the s3:TestEvent message that S3 sends when notifications are configured on a bucket.
# The test message gives an event without records, or fails alone.
#
# Behaviour: S3Event requires the field `Records`, and an s3:TestEvent has none.
# SqsEventObj parses all bodies at once, so the test message makes the whole batch unreadable,
# including the upload beside it. With a queue between S3 and a function, the first batch of a new bucket fails.
#
# Output seen:
#   upload alone:            ok, 1 message
#   upload and s3:TestEvent: refused, missing field `Records` at line 1 column 135
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src

cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["s3", "sqs"] }
serde_json = "=1.0.154"
TOML

cat > src/main.rs <<'RUST'
use aws_lambda_events::event::{s3::S3Event, sqs::SqsEventObj};
use serde_json::{from_value, json, Value};

fn batch(bodies: &[&Value]) -> Value {
    let messages: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({
                "messageId": format!("message-{index}"),
                "receiptHandle": "handle",
                "body": body.to_string(),
                "md5OfBody": "00000000000000000000000000000000",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:uploads",
                "awsRegion": "eu-central-1"
            })
        })
        .collect();
    json!({"Records": messages})
}

fn main() {
    let upload = json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-02T03:04:05.678Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "request", "x-amz-id-2": "host"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": "inbox", "ownerIdentity": {"principalId": "OWNER"}, "arn": "arn:aws:s3:::inbox"},
            "object": {"key": "contract.pdf", "size": 12, "eTag": "tag", "sequencer": "0055AED6DCD90281E5"}
        }
    }]});
    let test = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-01-02T03:04:00.000Z",
        "Bucket": "inbox",
        "RequestId": "request",
        "HostId": "host"
    });

    let alone = from_value::<SqsEventObj<S3Event>>(batch(&[&upload]));
    let mixed = from_value::<SqsEventObj<S3Event>>(batch(&[&upload, &test]));

    match &alone {
        Ok(event) => println!("upload alone:            ok, {} message", event.records.len()),
        Err(error) => println!("upload alone:            refused, {error}"),
    }
    match &mixed {
        Ok(event) => println!("upload and s3:TestEvent: ok, {} messages", event.records.len()),
        Err(error) => println!("upload and s3:TestEvent: refused, {error}"),
    }
    let as_described = alone.is_ok() && mixed.is_err_and(|error| error.to_string().contains("missing field `Records`"));
    std::process::exit(if as_described { 0 } else { 1 });
}
RUST

CARGO_TARGET_DIR="$work/target" cargo run --quiet
