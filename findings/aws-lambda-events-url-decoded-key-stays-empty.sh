#!/usr/bin/env bash
# Library:   aws_lambda_events 1.2.1 (Rust), feature "s3". Date: 2026-11-29.
#
# Guess, written down before running: S3 sends the object key URL-encoded, so after parsing an S3Event
# `object.key` holds the encoded key, and `object.url_decoded_key` holds the decoded one.
#
# Behaviour: `url_decoded_key` is None for every event that S3 sends. The crate only copies a JSON field
# `urlDecodedKey`, and S3 sends none; nothing decodes `key`. A caller that reads
# `url_decoded_key`, with `key` as the fallback, looks for an object under a name that does not exist.
#
# Output seen:
#   key:             Some("inbox/Re%CC%81sume%CC%81+2026+%281%29.pdf")
#   url_decoded_key: None
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
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["s3"] }
serde_json = "=1.0.154"
TOML

cat > src/main.rs <<'RUST'
use aws_lambda_events::event::s3::S3Event;
use serde_json::{from_value, json};

fn main() {
    let event: S3Event = from_value(json!({"Records": [{
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
            "object": {
                "key": "inbox/Re%CC%81sume%CC%81+2026+%281%29.pdf",
                "size": 12,
                "eTag": "tag",
                "sequencer": "0055AED6DCD90281E5"
            }
        }
    }]}))
    .expect("a valid event");
    let object = &event.records[0].s3.object;
    println!("key:             {:?}", object.key);
    println!("url_decoded_key: {:?}", object.url_decoded_key);

    let key_is_encoded = object.key.as_deref().is_some_and(|key| key.contains("%CC%81"));
    std::process::exit(if key_is_encoded && object.url_decoded_key.is_none() { 0 } else { 1 });
}
RUST

CARGO_TARGET_DIR="$work/target" cargo run --quiet
