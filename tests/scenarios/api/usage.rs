//! Usage: the reconciler counts an hour that is over, and reviewers and support read it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{CUSTOMER, CliUser, REVIEWER, SUPPORT, call_as};
use crate::support::{PAST_MS, reconcile, run_alone, sample, update_row};

const HOUR_MS: u64 = 3_600_000;
/// The month of `PAST_MS`.
const MONTH: &str = "2026-01";

#[test]
fn usage_of_a_past_hour_is_counted_and_read_by_reviewers_and_support() {
    run_alone(async |stack| {
        let reviewer = CliUser::sign_in(stack, REVIEWER).await;
        // Its result is saved beside it.
        let document = reviewer.directory().join("agreement.pdf");
        std::fs::write(&document, sample("contracts/consulting-agreement.pdf")).unwrap();
        let document = document.to_string_lossy().into_owned();
        let upload = [
            "upload",
            &document,
            "-p",
            "legal-review",
            "--reference",
            "usage",
            "--run-anyway",
            "--wait",
        ];
        let ran = reviewer.docket(&upload).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let found = reviewer.json(&["jobs", "find", "usage"]).await;
        let id = found["jobs"][0]["id"].as_str().unwrap();

        // The hour of the upload is over, and the next one to be counted.
        let past = AttributeValue::N(PAST_MS.to_owned());
        update_row(stack, id, "SET created_at = :past", &[(":past", past)]).await;
        let hour = PAST_MS.parse::<u64>().unwrap() / HOUR_MS * HOUR_MS;
        let progress = json!({"next": hour, "again": {}}).to_string();
        let put = stack.cloud.dynamodb.put_item();
        put.table_name(&stack.outputs.records_table_name)
            .item("pk", AttributeValue::S("usage#progress".to_owned()))
            .item("sk", AttributeValue::S("progress".to_owned()))
            .item("body", AttributeValue::S(progress))
            .item("revision", AttributeValue::N("1000".to_owned()))
            .send()
            .await
            .unwrap();
        let done = reconcile(stack, "{}");
        assert!(done["hoursCounted"].as_u64() >= Some(1), "{done}");

        let usage = ["usage", "--month", MONTH];
        let own = reviewer.json(&usage).await;
        let sums = own["sums"].as_array().unwrap();
        let of = |sum: &&Value| sum["tenant"] == "acme" && sum["pipeline"] == "legal-review";
        let sum = sums.iter().find(of).unwrap();
        assert!(sum["documents"].as_u64() >= Some(1), "{own}");
        assert!(sum["bytes"].as_u64() >= Some(1), "{own}");
        // The reference model says them.
        assert!(sum["pages"].as_u64() >= Some(1), "{own}");
        assert!(sum["documents_with_pages"].as_u64() >= Some(1), "{own}");
        assert!(sums.iter().all(|sum| sum["tenant"] == "acme"), "{own}");

        let csv = reviewer.docket(&[&usage[..], &["--csv"]].concat()).await;
        assert_eq!(csv.status, 0, "{}", csv.stderr);
        assert_eq!(csv.stdout.lines().count(), sums.len() + 1, "{}", csv.stdout);

        let support = CliUser::sign_in(stack, SUPPORT).await;
        let priced = [&usage[..], &["--instance-type", "ml.g6.2xlarge"]].concat();
        let all = support.json(&priced).await;
        assert!(all["sums"].as_array().unwrap().len() >= sums.len(), "{all}");
        assert!(
            all["cost"]["per_instance_hour"].as_f64() > Some(0.0),
            "{all}"
        );
        let refused = call_as(stack, CUSTOMER, "GET", "/usage", None).await;
        assert_eq!(refused.status, 403);
    });
}
