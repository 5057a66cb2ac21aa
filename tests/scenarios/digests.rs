//! A user who asked for it gets a mail when documents are ready, and stops the mails with one click.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use serde_json::{Value, json};

use crate::api::{CUSTOMER, CliUser, HttpResponse, SUPPORT, call_as, http_request};
use crate::support::{TestTenant, contract, run, text, until};

const TENANT: &str = "digested";

/// The mails to the support user about the tenant that SES took, as requests.
fn mails(stack: &Stack) -> Vec<Value> {
    let log = std::fs::read_to_string(&stack.mails_log).unwrap_or_default();
    let requests = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let tag = json!({"Name": "tenant", "Value": TENANT});
    let is_ours = |mail: &Value| {
        mail["EmailTags"]
            .as_array()
            .is_some_and(|all| all.contains(&tag))
    };
    requests.filter(is_ours).collect()
}

async fn wait_for_mails(stack: &Stack, count: usize) -> Vec<Value> {
    until("a mail", async || {
        let mails = mails(stack);
        (mails.len() >= count).then_some(mails)
    })
    .await
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["Content"]["Simple"]["Headers"].as_array().unwrap();
    let found = headers.iter().find(|header| header["Name"] == name);
    found.unwrap()["Value"].as_str().unwrap()
}

async fn settings(stack: &Stack, method: &str, body: Option<Value>) -> Value {
    let query = if method == "GET" {
        "?tenant=digested"
    } else {
        ""
    };
    let path = format!("/me/digests{query}");
    let response = call_as(stack, SUPPORT, method, &path, body).await;
    assert_eq!(
        response.status,
        200,
        "{}",
        String::from_utf8_lossy(&response.body)
    );
    response.json()
}

/// What a quarter of an hour does to the tenant's record: all times in it are that much earlier. Then the next message comes.
async fn let_time_pass(stack: &Stack) {
    let key = |name: &str| AttributeValue::S(name.to_owned());
    let pk = format!("digest-state#{TENANT}");
    let table = &stack.outputs.records_table_name;
    until("the record to be free", async || {
        let get = stack.cloud.dynamodb.get_item().table_name(table);
        let get = get.key("pk", key(&pk)).key("sk", key("state"));
        let item = get.consistent_read(true).send().await.unwrap().item?;
        let mut state: Value = serde_json::from_str(text(&item, &["body"])).unwrap();
        let waits = !state["window"].is_null() || state["batches"] != json!({});
        if !waits || !state["lease"].is_null() {
            return None;
        }
        let earlier = |time: &mut Value| {
            if let Some(at) = time.as_u64() {
                *time = json!(at - 1_000_000);
            }
        };
        earlier(&mut state["continue_at"]);
        if !state["window"].is_null() {
            earlier(&mut state["window"]["since"]);
        }
        for batch in state["batches"].as_object_mut().unwrap().values_mut() {
            earlier(&mut batch["since"]);
            earlier(&mut batch["last_event_at"]);
        }
        let update = stack.cloud.dynamodb.update_item().table_name(table);
        let update = update
            .key("pk", key(&pk))
            .key("sk", key("state"))
            .update_expression("SET #body = :body")
            .condition_expression("#body = :before")
            .expression_attribute_names("#body", "body")
            .expression_attribute_values(":before", item["body"].clone())
            .expression_attribute_values(":body", AttributeValue::S(state.to_string()));
        update.send().await.is_ok().then_some(())
    })
    .await;
    let send = stack.cloud.sqs.send_message();
    let send = send.queue_url(&stack.outputs.digests_queue_url);
    let body = json!({"tenant": TENANT}).to_string();
    send.message_body(body).send().await.unwrap();
}

#[test]
fn mail_says_that_documents_are_ready_and_one_click_stops_it() {
    run(async |stack| {
        let before = settings(stack, "GET", None).await;
        assert_eq!(
            (&before["available"], &before["enabled"]),
            (&json!(true), &json!(false))
        );
        let on = json!({"tenant": TENANT, "enabled": true, "scope": "tenant"});
        assert_eq!(
            settings(stack, "POST", Some(on.clone())).await["address"],
            SUPPORT
        );
        // It is not disabled, so the mail says nothing about it.
        let webhook = json!({"tenant": TENANT, "url": "http://127.0.0.1:47111/"});
        let webhook = call_as(stack, SUPPORT, "POST", "/webhooks", Some(webhook)).await;
        assert_eq!(webhook.status, 201);
        let mut tenant = TestTenant::new(stack, TENANT).await;
        let key = tenant
            .upload("inbound/", "Very secret name.pdf", contract())
            .await;
        let job = tenant.job(&key);
        tenant.ready(&job).await;
        let_time_pass(stack).await;
        let mail = wait_for_mails(stack, 1).await.remove(0);

        assert_eq!(mail["Destination"], json!({"ToAddresses": [SUPPORT]}));
        assert_eq!(mail["FromEmailAddress"], "Docket <digests@docket.example>");
        let simple = &mail["Content"]["Simple"];
        assert_eq!(simple["Subject"]["Data"], "Docket: 1 ready");
        assert!(!mail.to_string().contains("secret name"), "{mail}");
        assert_eq!(
            header(&mail, "List-Unsubscribe-Post"),
            "List-Unsubscribe=One-Click"
        );
        let link = header(&mail, "List-Unsubscribe")
            .trim_matches(['<', '>'])
            .to_owned();
        assert!(
            simple["Body"]["Text"]["Data"]
                .as_str()
                .unwrap()
                .contains(&link)
        );

        assert!(!mail.to_string().contains("disabled"), "{mail}");
        let path = format!("/webhooks/{}", webhook.json()["id"].as_str().unwrap());
        let deleted = call_as(stack, SUPPORT, "DELETE", &path, None).await;
        assert_eq!(deleted.status, 204);

        // The emulator kept it as a mail, too.
        let kept = http_request(
            "GET",
            &format!("{}/_ministack/ses/messages", stack.cloud.url),
            &[],
            "",
        )
        .await;
        let kept = String::from_utf8_lossy(&kept.body).into_owned();
        assert!(kept.contains(&link), "{kept}");

        // With names, once support allows them, and one mail for a batch.
        let allow = json!({"include_names": true, "reason": "agreed with the customer"});
        let path = format!("/tenants/{TENANT}/digests");
        let refused = call_as(stack, CUSTOMER, "POST", &path, Some(allow.clone())).await;
        assert_eq!(refused.status, 403);
        let cli = CliUser::sign_in(stack, SUPPORT).await;
        let named = cli
            .docket(&["digests", "names", TENANT, "true", "--reason", "agreed"])
            .await;
        assert_eq!(named.status, 0, "{}", named.stderr);
        let known = ["tenants", "create", TENANT, "--reason", "agreed"];
        assert_eq!(cli.docket(&known).await.status, 0);
        let file = cli.directory().join("Lease.pdf");
        std::fs::write(&file, contract()).unwrap();
        let file = file.to_string_lossy();
        let upload = [
            "upload",
            &file,
            "--pipeline",
            "legal-review",
            "--tenant",
            TENANT,
            "--batch",
            "Project Swan",
            "--wait",
        ];
        let uploaded = cli.docket(&upload).await;
        assert_eq!(uploaded.status, 0, "{}", uploaded.stderr);
        let_time_pass(stack).await;
        let mail = wait_for_mails(stack, 2).await.remove(1);
        let words = mail["Content"]["Simple"]["Body"]["Text"]["Data"]
            .as_str()
            .unwrap();
        assert!(
            words.contains("Project Swan") && words.contains("Lease.pdf"),
            "{words}"
        );

        // A scanner that follows the link stops nothing; a mail program's POST does, without a sign-in.
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let page: HttpResponse = http_request("GET", &link, &[], "").await;
        assert_eq!(page.status, 200);
        assert_eq!(settings(stack, "GET", None).await["enabled"], true);
        let stopped = http_request("POST", &link, &form, "List-Unsubscribe=One-Click").await;
        assert_eq!(
            stopped.status,
            200,
            "{}",
            String::from_utf8_lossy(&stopped.body)
        );
        let after = settings(stack, "GET", None).await;
        assert_eq!(after["enabled"], false, "{after}");
        let forged = format!("{}0", &link[..link.len() - 1]);
        let forged = if forged == link {
            format!("{}1", &link[..link.len() - 1])
        } else {
            forged
        };
        assert_eq!(http_request("POST", &forged, &form, "").await.status, 404);

        // A mail that comes back switches its recipient off. SES says so in an event.
        settings(stack, "POST", Some(on)).await;
        let mut tags = json!({"ses:configuration-set": ["docket"]});
        for tag in mail["EmailTags"].as_array().unwrap() {
            tags[tag["Name"].as_str().unwrap()] = json!([tag["Value"]]);
        }
        let detail = json!({"eventType": "Bounce", "mail": {"tags": tags},
            "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": SUPPORT}]}});
        // The message that the rule would deliver. Only AWS may publish events with its sources, also on the emulator's bus.
        let event = json!({"source": "aws.ses", "detail-type": "Email Bounced", "detail": detail});
        let send = stack.cloud.sqs.send_message();
        let send = send.queue_url(&stack.outputs.digests_queue_url);
        send.message_body(event.to_string()).send().await.unwrap();
        until("the recipient is off", async || {
            let view = settings(stack, "GET", None).await;
            (view["enabled"] == false).then_some(view)
        })
        .await;
        let view = settings(stack, "GET", None).await;
        assert!(
            view["off_reason"].as_str().unwrap().contains("came back"),
            "{view}"
        );
        let off = cli.docket(&["digests", "show", "--tenant", TENANT]).await;
        assert!(off.stdout.contains("came back"), "{}", off.stdout);
    });
}
