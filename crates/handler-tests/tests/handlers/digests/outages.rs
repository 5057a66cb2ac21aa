//! SES or a function fails: no mail is lost, and few are sent twice.

use super::*;

#[test]
fn nothing_is_lost_while_ses_takes_no_mail() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe("rita@acme.example", REVIEWER, &all);
    let paused = MailError::NotNow("SendingPausedException: paused".to_owned());
    service.answer(paused, 40);
    service.ready(0);
    service.pass(HOUR_MS);
    service.in_batch(1, "data room");
    service.pass(2 * HOUR_MS);
    assert_eq!(service.mails(), []);
    let tries = |service: &Service| 40 - service.ports().state().mail_responses.len();
    assert!((5..20).contains(&tries(&service)), "{}", tries(&service));
    service.pass(24 * HOUR_MS);
    let mut mails: Vec<(String, String)> = service
        .mails()
        .into_iter()
        .map(|mail| (mail.to, mail.subject))
        .collect();
    mails.sort();
    let both = |to: &str| {
        [
            (to.to_owned(), "Docket: 1 ready".to_owned()),
            (to.to_owned(), "Docket: 1 ready".to_owned()),
        ]
    };
    assert_eq!(mails, [both(ANA), both("rita@acme.example")].concat());
    assert_eq!(service.ports().state().digest_messages, []);
}

#[test]
fn refused_mail_does_not_hold_up_others_and_is_tried_for_three_days() {
    let service = Service::new();
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe(ANA, CUSTOMER, &on());
    service.subscribe("rita@acme.example", REVIEWER, &all);
    let refused = || MailError::Refused("MessageRejected: not verified".to_owned());
    service.answer(refused(), 1);
    service.ready(0);
    service.pass(WINDOW_MS + QUIET_MS);
    assert_eq!(service.mails().len(), 1, "the other recipient has its mail");
    service.pass(HOUR_MS + QUIET_MS);
    let mut to: Vec<String> = service.mails().into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, [ANA, "rita@acme.example"]);

    service.answer(refused(), 1000);
    service.ready(1);
    service.pass(RETRY_MS + 2 * HOUR_MS);
    assert_eq!(
        service.ports().state().digest_messages,
        [],
        "it is given up"
    );
    assert_eq!(service.mails().len(), 2);
}

#[test]
fn function_that_dies_sends_at_most_one_mail_twice() {
    let who: Vec<String> = (0..4)
        .map(|number| format!("r{number}@acme.example"))
        .collect();
    // The function dies after each of its writes in turn.
    for dies_at in 0..10 {
        let service = Service::new();
        let all = json!({"enabled": true, "scope": "tenant"});
        for who in &who {
            service.subscribe(who, REVIEWER, &all);
        }
        service.pass(20_000);
        service.ready(0);
        service.pass(2_000);
        advance(service.app(), WINDOW_MS);
        // A call whose writes fail from some point on has the effect of a dead function: what it did before remains.
        {
            let mut state = service.ports().state();
            state.calls.clear();
            state.digest_messages.clear();
        }
        let body = r#"{"tenant":"acme"}"#;
        service
            .ports()
            .state()
            .fail_from
            .insert("put_record", dies_at);
        let came_back = service.call(body);
        service.ports().state().fail_from.clear();
        assert_eq!(came_back, usize::from(dies_at < 8), "dies at {dies_at}");
        // The message comes back after its visibility timeout, when the lease has expired.
        service
            .ports()
            .state()
            .digest_messages
            .push((body.to_owned(), 180));
        service.pass(HOUR_MS);
        let mails = service.mails();
        let twice = mails.len() - 4;
        assert!(twice <= 1, "{twice} mails twice, dies at {dies_at}");
        for who in &who {
            assert!(
                mails.iter().any(|mail| mail.to == *who),
                "{who}, dies at {dies_at}"
            );
        }
    }
}

/// Messages that find the lease taken must not become more, however long it stays taken.
#[test]
fn message_that_finds_the_lease_taken_is_dropped_unless_a_user_or_its_holder_sent_it() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(2_000);
    // A function takes the lease and dies. SQS delivers its message again.
    advance(service.app(), WINDOW_MS);
    let body = |sent_by: &str| format!(r#"{{"tenant":"acme","sent_by":{sent_by}}}"#);
    service.ports().state().digest_messages.clear();
    service.ports().state().calls.clear();
    service.ports().state().fail_from.insert("put_record", 1);
    assert_eq!(service.call_as("m1", 1, &body(r#""feed""#)), 1);
    service.ports().state().fail_from.clear();
    service.ports().state().digest_messages.clear();
    for (id, receives, sent_by, comes_back, sent) in [
        ("m2", 1, r#""feed""#, 1, None),
        ("m3", 2, r#""feed""#, 0, None),
        ("m4", 2, r#"{"run":"m0"}"#, 0, None),
        ("m5", 2, r#""user""#, 0, Some(20)),
        ("m7", 2, r#""user_again""#, 1, None),
        ("m6", 2, r#"{"run":"m1"}"#, 0, Some(70)),
        // While the first delivery may still be processed.
        ("m1", 2, r#""feed""#, 1, None),
    ] {
        let body = body(sent_by);
        assert_eq!(service.call_as(id, receives, &body), comes_back, "{body}");
        let mut state = service.ports().state();
        let messages = state.digest_messages.drain(..);
        let delays: Vec<u32> = messages.map(|(_, delay)| delay).collect();
        assert_eq!(delays, sent.into_iter().collect::<Vec<u32>>(), "{body}");
    }
    // Its message may be deleted: SQS had delivered it to another function, too.
    advance(service.app(), 180_000);
    assert_eq!(service.call_as("m2", 2, &body(r#""feed""#)), 0);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects(), ["Docket: 1 ready"]);
}
