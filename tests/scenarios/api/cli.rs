//! Tasks of customers, reviewers and support with the CLI.

use serde_json::{Value, json};

use super::{CUSTOMER, CliUser, OTHER_TENANT_REVIEWER, REVIEWER, SUPPORT, call_as, http_request};
use crate::support::{run, until};

fn sample(name: &str) -> String {
    let path = devstack::repo_file("samples").join(name);
    path.to_string_lossy().into_owned()
}

/// Uploads a document of a batch that the model rejects, and waits until its job has failed.
async fn failed_job(user: &CliUser, batch: &str) -> Value {
    let ran = user
        .docket(&[
            "upload",
            &sample("bad/broken.pdf"),
            "-p",
            "legal-review",
            "--batch",
            batch,
            // Another scenario may have the same document under way.
            "--run-anyway",
            "--wait",
            "--json",
        ])
        .await;
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let line = ran.stdout.lines().last().unwrap();
    let detail: Value = serde_json::from_str(line).unwrap();
    assert_eq!(detail["job"]["status"], "Failed", "{line}");
    detail["job"].clone()
}

#[test]
fn customer_uploads_with_the_cli_and_saves_the_result() {
    run(async |stack| {
        let customer = CliUser::sign_in(stack, CUSTOMER).await;
        let doctor = customer.docket(&["doctor"]).await;
        assert_eq!(doctor.status, 0, "{}{}", doctor.stdout, doctor.stderr);
        let file = sample("contracts/Mietvertrag Müller & Söhne (2026) v2+final.pdf");
        let folder = customer.directory().to_string_lossy().into_owned();
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
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let saved = customer
            .directory()
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
        // The same content again, without --wait: nothing is uploaded.
        let again = customer
            .docket(&["upload", &file, "-p", "legal-review"])
            .await;
        assert_eq!(again.status, 6, "{}{}", again.stdout, again.stderr);
        assert!(again.stderr.contains(id), "{}", again.stderr);
        let mine = customer
            .json(&["jobs", "list", "--name", "mietvertrag"])
            .await;
        assert_eq!(mine["jobs"].as_array().unwrap().len(), 1, "{mine}");
        let other_tenant = CliUser::sign_in(stack, OTHER_TENANT_REVIEWER).await;
        for what in ["show", "explain", "result", "document"] {
            let ran = other_tenant.docket(&["jobs", what, id]).await;
            assert_eq!(ran.status, 4, "{what}: {}{}", ran.stdout, ran.stderr);
        }
        document_is_what_was_uploaded(&customer, id, &file).await;
        let inference = detail["attempts"][0]["inference_id"].as_str().unwrap();
        let found = customer.json(&["jobs", "find", inference]).await;
        assert_eq!(found["jobs"][0]["id"], id);
        let signed_out = customer.docket(&["logout"]).await;
        assert_eq!(signed_out.status, 0);
        assert_eq!(
            customer.docket(&["jobs", "list"]).await.status,
            3,
            "the user is signed out"
        );
    });
}

/// Downloads the document with the CLI, and parts of it as the page does.
async fn document_is_what_was_uploaded(user: &CliUser, id: &str, file: &str) {
    let uploaded = std::fs::read(file).unwrap();
    let saved = user.directory().join("again.pdf");
    let saved_text = saved.to_string_lossy();
    let ran = user
        .docket(&["jobs", "document", id, "--output", &saved_text])
        .await;
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(std::fs::read(&saved).unwrap(), uploaded);

    let view = user.json(&["jobs", "document", id]).await;
    let url = view["request"]["url"].as_str().unwrap();
    let origin = ("origin", "http://127.0.0.1:8000");
    let range = [origin, ("range", "bytes=5-104")];
    let part = http_request("GET", url, &range, "").await;
    // S3 answers 206 (API reference, GetObject). The emulator ignores `Range` and the response headers of a signed request
    // if it names a version, and the page then takes its part of the whole file.
    match part.status {
        206 => assert_eq!(part.body, uploaded[5..105]),
        200 => assert_eq!(part.body, uploaded),
        other => panic!("{other}: {:?}", part.headers),
    }
    assert_eq!(part.headers["content-type"], "application/pdf");
    let signed = "response-content-disposition=inline%3B%20filename%2A%3DUTF-8%27%27Mietvertrag";
    assert!(url.contains(signed) && url.contains("versionId="), "{url}");
    let preflight = [
        origin,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let allowed = http_request("OPTIONS", url, &preflight, "").await;
    assert_eq!(allowed.status, 200, "{:?}", allowed.headers);
    assert!(allowed.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn support_retry_records_actor_and_reason() {
    run(async |stack| {
        let reviewer = CliUser::sign_in(stack, REVIEWER).await;
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let job = failed_job(&reviewer, "single retry").await;
        let id = job["id"].as_str().unwrap();
        let explained = support.docket(&["jobs", "explain", id]).await;
        assert!(
            explained.stdout.contains("What helps"),
            "{}",
            explained.stdout
        );
        let reason = "the scanner was repaired";
        let ran = support
            .docket(&["jobs", "retry", id, "--reason", reason])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let again = until("the failure of the retry", async || {
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
        let entry = entries.iter().find(|entry| entry["target"] == id).unwrap();
        assert_eq!(
            (&entry["action"], &entry["actor"]),
            (&json!("retry"), &json!(SUPPORT))
        );
        let ran = support
            .docket(&["jobs", "cancel", id, "--reason", reason])
            .await;
        assert_eq!(
            ran.status, 1,
            "an ended job cannot be cancelled: {}{}",
            ran.stdout, ran.stderr
        );
    });
}

#[test]
fn retry_plan_retries_every_matching_failed_job() {
    run(async |stack| {
        let reviewer = CliUser::sign_in(stack, REVIEWER).await;
        let support = CliUser::sign_in(stack, SUPPORT).await;
        // A batch of its own: other scenarios retry failed jobs of this tenant at the same time.
        let batch = "retry plan";
        let first = failed_job(&reviewer, batch).await;
        for _ in 0..2 {
            failed_job(&reviewer, batch).await;
        }
        let request = json!({"filter": {"tenant": "acme", "batch": batch, "cause": first["failure"]["cause"]},
            "reason": "checked", "per_minute": 600});
        let created = call_as(stack, SUPPORT, "POST", "/retry-plans", Some(request)).await;
        assert_eq!(created.status, 201);
        let plan = created.json();
        assert_eq!(plan["jobs"], 3, "{plan}");
        let id = plan["id"].as_str().unwrap();
        let shown = support.docket(&["retry-plan", "show", id]).await;
        assert!(shown.stdout.contains("planned"), "{}", shown.stdout);
        let applied = support.docket(&["retry-plan", "apply", id, "--yes"]).await;
        assert_eq!(applied.status, 0, "{}{}", applied.stdout, applied.stderr);
        until("the end of every job of the plan", async || {
            let plan = support.json(&["retry-plan", "show", id]).await;
            (plan["outcome"]["failed"] == 3).then_some(())
        })
        .await;
    });
}

#[test]
fn quarantined_message_is_redriven_and_discarded_with_the_cli() {
    run(async |stack| {
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let sent = stack
            .cloud
            .sqs
            .send_message()
            .queue_url(&stack.outputs.checks_queue_url)
            .message_body("{\"cli\": \"malformed message\"}")
            .send()
            .await
            .unwrap();
        let id = format!("checks:{}", sent.message_id.unwrap());
        let listed = async || {
            let page = support.json(&["quarantine", "list", "--all"]).await;
            let entries = page["entries"].as_array().unwrap().clone();
            entries.into_iter().find(|entry| entry["id"] == id.as_str())
        };
        let first = until("the quarantined message", listed).await;
        let shown = support.docket(&["quarantine", "show", &id]).await;
        assert!(
            shown.stdout.contains("malformed message"),
            "{}",
            shown.stdout
        );
        let ran = support
            .docket(&["quarantine", "redrive", &id, "--reason", "repaired"])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        until("the redriven message in quarantine again", async || {
            listed().await.filter(|entry| entry["at"] != first["at"])
        })
        .await;
        let ran = support
            .docket(&["quarantine", "discard", &id, "--reason", "a test"])
            .await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(support.docket(&["quarantine", "show", &id]).await.status, 4);
        let found = support.json(&["audit"]).await;
        let mine = found["entries"].as_array().unwrap().iter();
        let actions: Vec<&Value> = mine
            .filter(|entry| entry["target"] == id.as_str())
            .map(|entry| &entry["action"])
            .collect();
        assert_eq!(actions, ["discard", "redrive"]);
    });
}

#[test]
fn delete_data_removes_every_version_of_input_and_output() {
    run(async |stack| {
        let reviewer = CliUser::sign_in(stack, REVIEWER).await;
        let support = CliUser::sign_in(stack, SUPPORT).await;
        // Without --save the result would be written beside the sample.
        let folder = reviewer.directory().to_string_lossy().into_owned();
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
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let detail: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
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
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let gone = call_as(stack, REVIEWER, "GET", &format!("/jobs/{id}/result"), None).await;
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
                    let version_key = version.key().unwrap_or_default();
                    !key.ends_with(version_key) && !version_key.contains(id)
                }),
                "an object of the job is left under {prefix}"
            );
        }
    });
}
