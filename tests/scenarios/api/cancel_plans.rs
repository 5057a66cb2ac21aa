//! Support cancels the queued jobs of a tenant with a plan, and stops another plan before it does anything.

use super::{CliUser, SUPPORT};
use crate::support::{TestTenant, contract, row, run, text, until};

#[test]
fn queued_jobs_of_a_tenant_are_cancelled_with_a_plan_and_a_stopped_plan_cancels_nothing() {
    run(async |stack| {
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let docket = async |words: &[&str]| {
            let ran = support.docket(words).await;
            assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
            ran.stdout
        };
        let tenant = "bulk-cancel";
        docket(&["tenants", "create", tenant, "--reason", "a customer"]).await;
        let of_tenant = ["--tenant", tenant, "--reason", "wrong folder"];
        docket(&[&["pause", "--for", "30m"], &of_tenant[..]].concat()).await;
        let mut paused = TestTenant::new(stack, tenant).await;
        let mut queued = Vec::new();
        for name in ["first.pdf", "second.pdf", "third.pdf"] {
            let key = paused.upload("inbound/", name, contract()).await;
            let id = paused.job(&key);
            paused.wait_for_status(&id, "Queued").await;
            queued.push(id);
        }
        let create = ["retry-plan", "create", "--cancel"];
        let of_all = [&create[..], &["--reason", "all tenants"]].concat();
        assert_eq!(support.docket(&of_all).await.status, 2);

        let create = [&create[..], &of_tenant[..]].concat();
        let plan = async || {
            // The list of the tenant's open jobs may lag behind the rows.
            until("the plan to have all jobs", async || {
                let plan = support.json(&create).await;
                (plan["jobs"] == 3).then_some(plan)
            })
            .await
        };
        let stopped = plan().await;
        assert_eq!(stopped["by_state"][0]["name"], "Queued", "{stopped}");
        let id = stopped["id"].as_str().unwrap();
        docket(&["retry-plan", "stop", id]).await;
        let refused = support.docket(&["retry-plan", "apply", "--yes", id]).await;
        assert_eq!(refused.status, 1, "{}{}", refused.stdout, refused.stderr);
        for job in &queued {
            assert_eq!(text(&row(stack, job).await, &["status"]), "Queued");
        }

        let applied = plan().await;
        let id = applied["id"].as_str().unwrap();
        docket(&["retry-plan", "apply", "--yes", id]).await;
        for job in &queued {
            paused.wait_for_status(job, "Cancelled").await;
            let row = row(stack, job).await;
            assert_eq!(row["attempts"].as_l().unwrap().len(), 0);
        }
        let shown = docket(&["retry-plan", "show", id]).await;
        assert!(
            shown.contains("3 cancelled (3 before anything of them ran)"),
            "{shown}"
        );
        docket(&["resume", "--tenant", tenant, "--reason", "done"]).await;
    });
}
