//! Who gets digests: who asked for them, has access, and has an address that takes mail.

use super::*;

#[test]
fn user_whom_a_company_signs_in_is_refused_with_the_reason() {
    let service = Service::new();
    let mut company_user = claims(ANA, REVIEWER);
    company_user["identities"] = json!("[map[providerName:Acme userId:7]]");
    for (method, body) in [("GET", ""), ("POST", "{\"frequency\":\"daily\"}")] {
        let response = service.request(Some(company_user.clone()), method, "/me/digests", body);
        assert_eq!(response.status_code, 403, "{}", response.body);
        assert!(
            response.body.contains("your company signs you in"),
            "{}",
            response.body
        );
    }
}

#[test]
fn mail_is_only_about_what_the_recipient_may_see_and_asked_for() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.subscribe("bob@acme.example", CUSTOMER, &on());
    let all = json!({"enabled": true, "scope": "tenant", "ready": false});
    service.subscribe("rita@acme.example", REVIEWER, &all);
    service.ready(0);
    service.finish(1, "JobFailed", |job| {
        job.input.uploaded_by = Some("cy@acme.example".to_owned())
    });
    service.finish(2, "JobFailed", |job| job.input.uploaded_by = None);
    service.pass(HOUR_MS);
    let mut mails: Vec<(String, String)> = service
        .mails()
        .into_iter()
        .map(|mail| (mail.to, mail.subject))
        .collect();
    mails.sort();
    let expected = [
        (ANA, "Docket: 1 ready"),
        ("rita@acme.example", "Docket: 2 failed"),
    ];
    assert_eq!(
        mails,
        expected.map(|(to, subject)| (to.to_owned(), subject.to_owned()))
    );
    // A customer cannot ask for the documents of others.
    let refused = service.problem(ANA, CUSTOMER, "/me/digests", &json!({"scope": "tenant"}));
    assert_eq!(refused, "forbidden");
    let refused = service.problem(
        ANA,
        CUSTOMER,
        "/me/digests",
        &json!({"tenant": "globex", "enabled": true}),
    );
    assert_eq!(refused, "forbidden");
}

#[test]
fn names_are_in_mails_only_if_support_allows_it_for_the_tenant() {
    let hostile = "Evil\r\nBcc: x@y.example <script>alert(1)</script>.pdf";
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    let rename = |job: &mut Job| job.input.name = Some(hostile.to_owned());
    service.finish(0, "JobReady", rename);
    service.in_batch(1, "Project Swan");
    service.pass(HOUR_MS);
    for mail in service.mails() {
        for part in [&mail.subject, &mail.text, &mail.html] {
            for name in ["Evil", "Mietvertrag", "Swan"] {
                assert!(!part.contains(name), "{part}");
            }
        }
    }
    let path = "/tenants/acme/digests";
    let body = json!({"include_names": true, "reason": "they asked for it"});
    assert_eq!(service.problem(ANA, REVIEWER, path, &body), "forbidden");
    let response = service.send("sam@docket.example", "[support]", path, &body);
    let view: TenantDigestView = serde_json::from_str(&response.body).unwrap();
    assert!(view.include_names && service.show(ANA, CUSTOMER).include_names);
    service.finish(2, "JobReady", rename);
    service.in_batch(3, "Project Swan");
    service.pass(HOUR_MS);
    let mails = service.mails().split_off(2);
    let texts: String = mails.iter().map(|mail| mail.text.as_str()).collect();
    assert!(
        texts.contains("Project Swan") && texts.contains("Mietvertrag Müller"),
        "{texts}"
    );
    for mail in &mails {
        assert!(!mail.html.contains("<script>") && !mail.subject.contains("Swan"));
        assert!(
            mail.text.lines().all(|line| !line.starts_with("Bcc")),
            "{}",
            mail.text
        );
        assert!(!mail.text.contains('\r'));
    }
    let state = service.ports().state();
    let audit = state
        .records
        .iter()
        .find(|(collection, ..)| *collection == "audit");
    let entry: AuditEntry = serde_json::from_str(&audit.unwrap().2.body).unwrap();
    let done = (
        entry.action.as_str(),
        entry.reason.as_str(),
        entry.detail.as_deref(),
    );
    assert_eq!(
        done,
        (
            "change-digests",
            "they asked for it",
            Some("digests with names")
        )
    );
}

#[test]
fn one_click_stops_digests_without_a_sign_in_and_a_get_does_not() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(HOUR_MS);
    let mail = service.mails().pop().unwrap();
    let path = mail
        .unsubscribe_url
        .strip_prefix("https://api.example.com")
        .unwrap();
    assert!(mail.text.contains(&mail.unsubscribe_url) && mail.html.contains(&mail.unsubscribe_url));
    let page = service.request(None, "GET", path, "");
    assert_eq!(page.status_code, 200);
    assert!(page.headers["content-type"].starts_with("text/html"));
    assert!(
        page.body.contains("<form method=\"post\">"),
        "{}",
        page.body
    );
    assert!(service.show(ANA, CUSTOMER).enabled);
    let wrong = format!(
        "{}{}",
        &path[..path.len() - 1],
        if path.ends_with('0') { '1' } else { '0' }
    );
    for bad in [wrong.as_str(), "/unsubscribe/acme", "/unsubscribe/acme.x.y"] {
        let refused = service.request(None, "POST", bad, "List-Unsubscribe=One-Click");
        assert_eq!(refused.status_code, 404, "{bad}");
    }
    assert!(service.show(ANA, CUSTOMER).enabled);
    for _ in 0..2 {
        let done = service.request(None, "POST", path, "List-Unsubscribe=One-Click");
        assert_eq!(done.status_code, 200, "{}", done.body);
    }
    let view = service.show(ANA, CUSTOMER);
    assert!(!view.enabled && view.off_reason.unwrap().contains("unsubscribed"));
    service.ready(1);
    service.pass(HOUR_MS);
    assert_eq!(service.mails().len(), 1);
    // What happened in between is not sent later.
    assert_eq!(service.change(ANA, CUSTOMER, &on()).off_reason, None);
    service.ready(2);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects()[1..], ["Docket: 1 ready"]);
}

#[test]
fn user_who_lost_access_or_changed_the_address_gets_no_mail() {
    type Change = fn(&mut DirectoryUser);
    let changes: [(Change, &str); 5] = [
        (
            |user| user.groups = vec!["customer".to_owned(), "tenant:globex".to_owned()],
            "no longer have access",
        ),
        (
            |user| user.groups = vec!["tenant:acme".to_owned()],
            "no longer have access",
        ),
        (|user| user.enabled = false, "disabled"),
        (|user| user.email_verified = false, "verified"),
        (
            |user| user.email = Some("other@acme.example".to_owned()),
            "changed",
        ),
    ];
    for (change, reason) in changes {
        let service = Service::new();
        service.subscribe(ANA, CUSTOMER, &on());
        service.user(ANA, change);
        service.ready(0);
        service.pass(HOUR_MS);
        assert_eq!(service.mails(), []);
        let view = service.show(ANA, CUSTOMER);
        assert!(!view.enabled && view.off_reason.unwrap().contains(reason));
    }
    let service = Service::new();
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe(ANA, REVIEWER, &all);
    service.user(ANA, |user| user.groups[0] = "customer".to_owned());
    service.ready(0);
    service.pass(HOUR_MS);
    assert_eq!(service.mails(), []);
    // Without the role it can be switched off, and on only for the user's own documents.
    service.change(ANA, CUSTOMER, &json!({"enabled": false}));
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &on()),
        "forbidden"
    );
    let own = json!({"enabled": true, "scope": "own"});
    assert!(service.change(ANA, CUSTOMER, &own).enabled);
}

#[test]
fn only_a_verified_address_can_be_chosen() {
    let service = Service::new();
    let mut unverified = claims(ANA, CUSTOMER);
    unverified["email_verified"] = json!("false");
    let body = on().to_string();
    let response = service.request(Some(unverified.clone()), "POST", "/me/digests", &body);
    assert_eq!(response.status_code, 409, "{}", response.body);
    let response = service.request(Some(unverified), "GET", "/me/digests", "");
    let view: DigestView = serde_json::from_str(&response.body).unwrap();
    assert!(!view.available && view.unavailable_reason.unwrap().contains("verified"));
    let other = json!({"enabled": true, "address": "x@y.example"});
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &other),
        "bad-request"
    );
    let neither = json!({"enabled": true, "ready": false, "failed": false});
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &neither),
        "bad-request"
    );
}

#[test]
fn mail_that_came_back_or_was_reported_as_spam_switches_its_recipient_off() {
    let event = |kind: &str, detail: Value, mail: &Mail| {
        let mut event = json!({"eventType": kind, "mail": {"tags": {}}});
        for (name, value) in &mail.tags {
            event["mail"]["tags"][*name] = json!([value]);
        }
        event[kind.to_lowercase()] = detail;
        json!({"source": "aws.ses", "detail-type": "…", "detail": event}).to_string()
    };
    let bounce = |kind: &str, to: &str| json!({"bounceType": kind, "bouncedRecipients": [{"emailAddress": to}]});
    let complaint = |to: &str| json!({"complainedRecipients": [{"emailAddress": to}]});
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(HOUR_MS);
    let mail = service.mails().pop().unwrap();
    // A full mailbox, or another address.
    for detail in [
        bounce("Transient", ANA),
        bounce("Permanent", "old@acme.example"),
    ] {
        assert_eq!(service.call(&event("Bounce", detail, &mail)), 0);
        assert!(service.show(ANA, CUSTOMER).enabled);
    }
    assert_eq!(
        service.call(&event(
            "Bounce",
            bounce("Permanent", "Ana@ACME.example"),
            &mail
        )),
        0
    );
    let view = service.show(ANA, CUSTOMER);
    assert!(!view.enabled && view.off_reason.unwrap().contains("came back"));
    service.change(ANA, CUSTOMER, &on());
    assert_eq!(service.call(&event("Complaint", complaint(ANA), &mail)), 0);
    assert!(
        service
            .show(ANA, CUSTOMER)
            .off_reason
            .unwrap()
            .contains("spam")
    );
    // It cannot be written now: the message comes back.
    service.change(ANA, CUSTOMER, &on());
    service.ports().state().fail_before.insert("put_record", 1);
    assert_eq!(service.call(&event("Complaint", complaint(ANA), &mail)), 1);
    // A message that is neither is quarantined.
    assert_eq!(service.call("{\"x\":1}"), 0);
    assert_eq!(service.ports().state().quarantine.len(), 1);
}

#[test]
fn digest_says_that_a_webhook_is_disabled_to_who_created_it_and_to_those_who_see_the_whole_tenant()
{
    let service = Service::new();
    let public = vec!["93.184.216.34".parse().unwrap()];
    let mut state = service.ports().state();
    state
        .addresses
        .insert("receiver.example".to_owned(), public);
    drop(state);
    let body = json!({"url": "https://receiver.example/secret-path"});
    let created = service.send("vera@acme.example", REVIEWER, "/webhooks", &body);
    assert_eq!(created.status_code, 201, "{}", created.body);
    let reviewer = json!({"enabled": true, "scope": "tenant"});
    service.subscribe("rita@acme.example", REVIEWER, &reviewer);
    service.subscribe("vera@acme.example", REVIEWER, &on());
    service.subscribe(ANA, CUSTOMER, &on());
    service.pass(1000);
    let told = |mails: &[Mail]| -> Vec<String> {
        let is_told = |mail: &&Mail| {
            assert!(!mail.text.contains("secret-path"), "{}", mail.text);
            mail.text.contains("https://receiver.example is disabled")
                && mail.html.contains("the receiver answered 410 Gone")
        };
        let to = |mail: &Mail| mail.to.clone();
        mails.iter().filter(is_told).map(to).collect()
    };
    service.ready(1);
    service.pass(2 * WINDOW_MS);
    assert_eq!((service.mails().len(), told(&service.mails())), (2, vec![]));

    service.ports().state().webhook_responses = [Ok(410)].into();
    service.ready(2);
    let of_vera = Some("vera@acme.example".to_owned());
    service.finish(3, "JobReady", |job| job.input.uploaded_by = of_vera);
    loop {
        let Some((body, _)) = service.ports().state().instructions.pop() else {
            break;
        };
        let response = run(webhooks::handle(
            service.app(),
            batch(service.app(), &[body], 1),
        ));
        assert!(failures(&response.unwrap()).is_empty());
    }
    service.pass(2 * WINDOW_MS);
    let mails = service.mails().split_off(2);
    assert_eq!(mails.len(), 3);
    let mut told = told(&mails);
    told.sort();
    assert_eq!(told, ["rita@acme.example", "vera@acme.example"]);
}
