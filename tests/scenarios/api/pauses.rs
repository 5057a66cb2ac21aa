//! Support pauses a tenant with the command line: its uploads wait, what waits is cancelled before it runs, and the rest
//! starts at the resume.

use serde_json::json;

use super::{CUSTOMER, CliUser, SUPPORT, call_as};
use crate::support::{TestTenant, contract, reconcile, row, run, text, until};

#[test]
fn uploads_of_a_paused_tenant_wait_and_start_at_the_resume() {
    run(async |stack| {
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let docket = async |words: &[&str]| {
            let ran = support.docket(words).await;
            assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
            ran.stdout
        };
        let tenant = "paused";
        docket(&["tenants", "create", tenant, "--reason", "a customer"]).await;
        let pause = [
            "pause",
            "--tenant",
            tenant,
            "--for",
            "30m",
            "--reason",
            "wrong folder",
        ];
        let said = docket(&pause).await;
        assert!(said.contains("tenant paused is paused until"), "{said}");
        let listed = docket(&["pauses"]).await;
        assert!(listed.contains("wrong folder"), "{listed}");
        let seen = call_as(stack, CUSTOMER, "GET", "/pauses", None).await;
        assert_eq!(seen.json(), json!({"pauses": []}), "another tenant's pause");

        let mut paused = TestTenant::new(stack, tenant).await;
        let keys = [
            paused.upload("inbound/", "first.pdf", contract()).await,
            paused.upload("inbound/", "second.pdf", contract()).await,
        ];
        let [first, second] = keys.map(|key| paused.job(&key));
        for id in [&first, &second] {
            paused.wait_for_status(id, "Queued").await;
            let row = row(stack, id).await;
            assert!(!row.contains_key("next_check_at"));
            assert!(row.contains_key("queue_position"));
            assert_eq!(row["attempts"].as_l().unwrap().len(), 0);
        }
        // The reconciler releases what no pause holds, and leaves these.
        reconcile(stack, "{}");
        assert_eq!(text(&row(stack, &second).await, &["status"]), "Queued");
        let open = call_as(stack, SUPPORT, "GET", "/jobs?status=open", None).await;
        let open = open.json();
        let mut jobs = open["jobs"].as_array().unwrap().iter();
        assert!(jobs.any(|job| job["id"] == first.as_str()), "{open}");
        let explained = docket(&["jobs", "explain", &first]).await;
        assert!(explained.contains("wrong folder"), "{explained}");

        let cancel = ["jobs", "cancel", &first, "--reason", "the wrong file"];
        let said = docket(&cancel).await;
        assert!(
            said.contains("nothing of it was queued or running"),
            "{said}"
        );
        let resume = ["resume", "--tenant", tenant, "--reason", "acme has stopped"];
        let said = docket(&resume).await;
        assert!(said.contains("tenant paused is resumed"), "{said}");
        // The index may lag behind the rows; then the reconciler finds the job.
        until("the second job to leave the queue", async || {
            let row = row(stack, &second).await;
            if text(&row, &["status"]) == "Queued" {
                reconcile(stack, "{}");
                return None;
            }
            Some(())
        })
        .await;
        paused.ready(&second).await;
        let cancelled = row(stack, &first).await;
        assert_eq!(text(&cancelled, &["status"]), "Cancelled");
        assert_eq!(cancelled["attempts"].as_l().unwrap().len(), 0);
    });
}
