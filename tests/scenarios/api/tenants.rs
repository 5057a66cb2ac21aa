//! Support creates a tenant, and a mistyped one is not an empty one.

use serde_json::json;

use super::{SUPPORT, call_as};
use crate::support::run;

#[test]
fn created_tenant_is_known_and_a_mistyped_one_is_not() {
    run(async |stack| {
        let name = "created-tenant";
        let new = json!({"name": name, "reason": "a new customer"});
        let created = call_as(stack, SUPPORT, "POST", "/tenants", Some(new)).await;
        assert_eq!(created.status, 201, "{}", created.json());
        let listed = call_as(stack, SUPPORT, "GET", "/tenants", None)
            .await
            .json();
        let known = listed["tenants"].as_array().unwrap();
        let found = known.iter().find(|it| it["name"] == name);
        assert_eq!(found.unwrap()["created_by"], SUPPORT, "{listed}");
        for what in ["jobs", "usage", "events", "webhooks"] {
            let list = async |tenant: &str| {
                let path = format!("/{what}?tenant={tenant}");
                call_as(stack, SUPPORT, "GET", &path, None).await
            };
            assert_eq!(list(name).await.status, 200, "{what}");
            let mistyped = list("created-tenan").await;
            assert_eq!(mistyped.status, 404, "{what}");
            let problem = mistyped.json().to_string();
            assert!(problem.contains(name), "{problem}");
        }
        let ticket = json!({"tenant": "created-tenan"});
        let refused = call_as(stack, SUPPORT, "POST", "/ws-tickets", Some(ticket)).await;
        assert_eq!(refused.status, 404);
    });
}
