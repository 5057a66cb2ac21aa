//! An audited action reaches the event bus by the stream of table `records`.

use serde_json::json;

use super::{SUPPORT, call_as};
use crate::support::{EventListener, run, until};

#[test]
fn audited_action_is_on_the_bus_with_its_outcome_and_without_its_reason() {
    run(async |stack| {
        let listener = EventListener::new(stack, "audit-listener", None).await;
        let name = "audited-tenant";
        let new = json!({"name": name, "reason": "the lease of Kowalski"});
        let created = call_as(stack, SUPPORT, "POST", "/tenants", Some(new)).await;
        assert_eq!(created.status, 201);
        let event = until("the event of the outcome", async || {
            let events = listener.receive(10).await?;
            let mut events = events.into_iter();
            events.find(|event| {
                let detail = &event["detail"];
                event["detail-type"] == "AuditEntry"
                    && detail["target"] == name
                    && detail["outcome"] == "done"
            })
        })
        .await;
        let detail = &event["detail"];
        assert_eq!(detail["actor"], SUPPORT);
        assert_eq!(detail["action"], "create-tenant");
        assert!(!event.to_string().contains("Kowalski"), "{event}");
    });
}
