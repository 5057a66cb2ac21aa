//! What the people at the desk do in a day.

use serde_json::{Value, json};

use super::{CUSTOMER, REVIEWER, STRANGER, SUPPORT, Terminal, api};
use crate::support::{run, until};

fn sample(name: &str) -> String {
    let path = devstack::repo_file("samples").join(name);
    path.to_string_lossy().into_owned()
}

/// Uploads a document that the model will not take, and waits for its failure.
async fn failed(terminal: &Terminal) -> Value {
    let ran = terminal
        .docket(&[
            "upload",
            &sample("bad/broken.pdf"),
            "-p",
            "legal-review",
            "--wait",
            "--json",
        ])
        .await;
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    let line = ran.out.lines().last().unwrap();
    let detail: Value = serde_json::from_str(line).unwrap();
    assert_eq!(detail["job"]["status"], "Failed", "{line}");
    detail["job"].clone()
}

#[test]
fn a_customer_uploads_waits_and_has_the_result() {
    run(async |stack| {
        let customer = Terminal::sign_in(stack, CUSTOMER).await;
        let doctor = customer.docket(&["doctor"]).await;
        assert_eq!(doctor.status, 0, "{}{}", doctor.out, doctor.err);
        let file = sample("contracts/Mietvertrag Müller & Söhne (2026) v2+final.pdf");
        let folder = customer.folder().to_string_lossy().into_owned();
        let ran = customer
            .docket(&[
                "upload",
                &file,
                "-p",
                "legal-review",
                "--wait",
                "--save",
                &folder,
            ])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        let saved = customer
            .folder()
            .join("Mietvertrag Müller & Söhne (2026) v2+final.json");
        let result: Value = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
        assert!(result["clauses"].is_array(), "{result}");

        let mine = customer
            .json(&["jobs", "list", "--name", "mietvertrag"])
            .await;
        let job = &mine["jobs"][0];
        assert_eq!(job["status"], "Ready");
        let id = job["id"].as_str().unwrap();
        let detail = customer.json(&["jobs", "show", id]).await;
        assert_eq!(detail["uploaded_by"], CUSTOMER);
        let stranger = Terminal::sign_in(stack, STRANGER).await;
        for what in ["show", "explain", "result"] {
            let ran = stranger.docket(&["jobs", what, id]).await;
            assert_eq!(ran.status, 4, "{what}: {}{}", ran.out, ran.err);
        }
        let inference = detail["attempts"][0]["inference_id"].as_str().unwrap();
        let found = customer.json(&["jobs", "find", inference]).await;
        assert_eq!(found["jobs"][0]["id"], id);
        let signed_out = customer.docket(&["logout"]).await;
        assert_eq!(signed_out.status, 0);
        assert_eq!(
            customer.docket(&["jobs", "list"]).await.status,
            3,
            "nobody is signed in"
        );
    });
}

#[test]
fn support_runs_a_failed_job_again_and_it_is_known_who_and_why() {
    run(async |stack| {
        let reviewer = Terminal::sign_in(stack, REVIEWER).await;
        let support = Terminal::sign_in(stack, SUPPORT).await;
        let job = failed(&reviewer).await;
        let id = job["id"].as_str().unwrap();
        let explained = support.docket(&["jobs", "explain", id]).await;
        assert!(explained.out.contains("What helps"), "{}", explained.out);
        let reason = "the scanner was repaired";
        let ran = support
            .docket(&["jobs", "retry", id, "--reason", reason])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        let again = until("the retry to fail as the first run did", async || {
            let detail = support.json(&["jobs", "show", id]).await;
            let over =
                detail["job"]["status"] == "Failed" && detail["job"]["attempt"].as_u64() >= Some(2);
            over.then_some(detail)
        })
        .await;
        let timeline = again["explanation"]["timeline"].as_array().unwrap();
        assert!(
            timeline
                .iter()
                .any(|step| step["actor"] == SUPPORT && step["reason"] == reason)
        );
        let log = support.json(&["audit"]).await;
        let entries = log["entries"].as_array().unwrap();
        let line = entries.iter().find(|entry| entry["target"] == id).unwrap();
        assert_eq!(
            (&line["action"], &line["actor"]),
            (&json!("retry"), &json!(SUPPORT))
        );
        let ran = support
            .docket(&["jobs", "cancel", id, "--reason", reason])
            .await;
        assert_eq!(ran.status, 1, "it has ended: {}{}", ran.out, ran.err);
    });
}

#[test]
fn failed_jobs_are_run_again_together_after_a_look() {
    run(async |stack| {
        let reviewer = Terminal::sign_in(stack, REVIEWER).await;
        let support = Terminal::sign_in(stack, SUPPORT).await;
        let first = failed(&reviewer).await;
        let since = (first["updated_at"].as_u64().unwrap()).to_string();
        for _ in 0..2 {
            failed(&reviewer).await;
        }
        let asked = json!({"filter": {"tenant": "acme", "cause": first["failure"]["cause"], "since": since.parse::<u64>().unwrap()},
            "reason": "checked", "per_minute": 600});
        let made = api(stack, SUPPORT, "POST", "/retry-plans", Some(asked)).await;
        assert_eq!(made.status, 201);
        let plan = made.json();
        assert!(plan["jobs"].as_u64().unwrap() >= 3, "{plan}");
        let id = plan["id"].as_str().unwrap();
        let shown = support.docket(&["retry-plan", "show", id]).await;
        assert!(shown.out.contains("planned"), "{}", shown.out);
        let applied = support.docket(&["retry-plan", "apply", id, "--yes"]).await;
        assert_eq!(applied.status, 0, "{}{}", applied.out, applied.err);
        until("every job of the plan to have failed again", async || {
            let plan = support.json(&["retry-plan", "show", id]).await;
            let outcome = &plan["outcome"];
            // Another scenario may have had one of them run again first.
            let over = outcome["failed"].as_u64()? + outcome["skipped"].as_u64()?;
            (over == plan["jobs"].as_u64()?).then_some(())
        })
        .await;
    });
}

#[test]
fn a_message_in_quarantine_is_sent_again_or_discarded() {
    run(async |stack| {
        let support = Terminal::sign_in(stack, SUPPORT).await;
        let sent = stack
            .cloud
            .sqs
            .send_message()
            .queue_url(&stack.outputs.checks_queue_url)
            .message_body("{\"desk\": \"nobody understands this\"}")
            .send()
            .await
            .unwrap();
        let id = format!("checks:{}", sent.message_id.unwrap());
        let listed = async || {
            let page = support.json(&["quarantine", "list", "--all"]).await;
            let entries = page["entries"].as_array().unwrap().clone();
            entries.into_iter().find(|entry| entry["id"] == id.as_str())
        };
        let first = until("the message to be quarantined", listed).await;
        let shown = support.docket(&["quarantine", "show", &id]).await;
        assert!(
            shown.out.contains("nobody understands this"),
            "{}",
            shown.out
        );
        let ran = support
            .docket(&["quarantine", "replay", &id, "--reason", "mended"])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        until("it to be back, since nothing was mended", async || {
            listed().await.filter(|entry| entry["at"] != first["at"])
        })
        .await;
        let ran = support
            .docket(&["quarantine", "discard", &id, "--reason", "a test"])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        assert_eq!(support.docket(&["quarantine", "show", &id]).await.status, 4);
        let found = support.json(&["audit"]).await;
        let mine = found["entries"].as_array().unwrap().iter();
        let actions: Vec<&Value> = mine
            .filter(|entry| entry["target"] == id.as_str())
            .map(|entry| &entry["action"])
            .collect();
        assert_eq!(actions, ["discard", "replay"]);
    });
}

#[test]
fn one_documents_data_is_deleted_for_good() {
    run(async |stack| {
        let reviewer = Terminal::sign_in(stack, REVIEWER).await;
        let support = Terminal::sign_in(stack, SUPPORT).await;
        // Beside the sample it would be left there.
        let folder = reviewer.folder().to_string_lossy().into_owned();
        let file = sample("contracts/NDA Halden-Brightwater.pdf");
        let ran = reviewer
            .docket(&[
                "upload",
                &file,
                "-p",
                "legal-review",
                "--wait",
                "--json",
                "--save",
                &folder,
            ])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        let detail: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
        let id = detail["job"]["id"].as_str().unwrap();
        let ran = support
            .docket(&[
                "jobs",
                "delete-data",
                id,
                "--reason",
                "asked for by letter",
                "--yes",
            ])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        let gone = api(stack, REVIEWER, "GET", &format!("/jobs/{id}/result"), None).await;
        assert_eq!(gone.status, 410);
        for prefix in ["inbound/acme/", "outbound/legal-review/"] {
            let listing = stack.cloud.s3.list_object_versions();
            let listing = listing
                .bucket(&stack.outputs.jobs_bucket_name)
                .prefix(prefix);
            let listed = listing.send().await.unwrap();
            let key = detail["input"].as_str().unwrap();
            assert!(
                listed.versions().iter().all(|version| {
                    let at = version.key().unwrap_or_default();
                    !key.ends_with(at) && !at.contains(id)
                }),
                "nothing of it is left under {prefix}"
            );
        }
    });
}
