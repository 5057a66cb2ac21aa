//! Receivers and functions that fail: retries, and when a webhook is disabled.

use super::*;

#[test]
fn failed_event_is_sent_again_with_a_new_timestamp_while_others_go_on() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.ports().state().webhook_responses = [Ok(500), Err("no response".to_owned())].into();
    service.record(1, "JobReady");
    service.work();
    service.record(2, "JobReady");
    service.work();
    service.record(3, "JobReady");
    service.work();
    // The third went through, so the first two are tried again at once.
    assert_eq!(service.sequences(), [1, 2, 3, 1, 2]);
    assert_eq!(service.view(&webhook).waiting, 0);
    let log = service.deliveries(&webhook).deliveries;
    let failed: Vec<_> = log.iter().filter(|it| it.problem.is_some()).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|it| it.retry_at.is_some()));
    // Alone, it waits for its delays.
    service.answers(Some(Ok(503)));
    service.record(4, "JobReady");
    service.work();
    let before = service.received().len();
    let mut late = 0;
    for delay in &RETRY_DELAYS_SECONDS[..4] {
        service.pass(delay * 1000 - 1000 - late);
        late = 1000;
        let waiting = service.received().len();
        service.pass(2000);
        assert_eq!(service.received().len(), waiting + 1, "{delay}");
    }
    assert_eq!(service.received().len(), before + 4);
    let last = service.received().pop().unwrap();
    let now = service.ports().state().now.0;
    assert!(is_signed(&last, &webhook.secret.unwrap(), now));
}

/// Receivers refuse signatures that are older or newer than five minutes by their own clock (Standard Webhooks).
#[test]
fn receiver_whose_clock_is_wrong_gets_the_events_when_it_is_set_right() {
    const TOLERANCE_SECONDS: u64 = 300;
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let secret = webhook.secret.clone().unwrap();
    let accepts = |request: &ReceivedWebhook, skew_seconds: i64| {
        let now = service.ports().state().now.0 / 1000;
        let clock = now.checked_add_signed(skew_seconds).unwrap();
        let sent: u64 = request.header("webhook-timestamp").parse().unwrap();
        is_signed(request, &secret, now * 1000) && sent.abs_diff(clock) <= TOLERANCE_SECONDS
    };
    service.answers(Some(Ok(400)));
    service.record(1, "JobReady");
    service.work();
    // Half a day with a clock that is ten minutes off, in which the event was sent again several times.
    let first = service.received().pop().unwrap();
    assert!(!accepts(&first, -600) && !accepts(&first, 600));
    service.pass(12 * HOUR);
    let refused = service.received();
    assert!(refused.len() > 3, "{}", refused.len());
    let id = first.header("webhook-id").to_owned();
    assert!(refused.iter().all(|it| it.header("webhook-id") == id));
    // Set right up to the tolerance: the next attempt is signed anew, and counts as new.
    service.answers(None);
    let mut last = None;
    for _ in 0..(24 * 360) {
        service.pass(10_000);
        if service.received().len() > refused.len() {
            last = service.received().pop();
            break;
        }
    }
    let last = last.unwrap();
    for skew in [-200, 0, 200] {
        assert!(accepts(&last, skew), "{skew}");
    }
    assert_eq!(last.header("webhook-id"), id);
    assert_eq!(service.view(&webhook).waiting, 0);
}

/// Its answer came too late, so it gets the event twice, and can tell by the id.
#[test]
fn event_whose_answer_came_too_late_is_sent_again_under_its_id() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let late = Err("no response within 15s".to_owned());
    service.ports().state().webhook_responses = [late].into();
    service.record(1, "JobReady");
    service.work();
    service.pass(HOUR);
    let received = service.received();
    assert_eq!(received.len(), 2);
    let ids: Vec<&str> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(service.view(&webhook).waiting, 0);
    let log = service.deliveries(&webhook).deliveries;
    let problems: Vec<bool> = log.iter().map(|it| it.problem.is_some()).collect();
    assert_eq!(problems.iter().filter(|failed| **failed).count(), 1);
}

#[test]
fn receiver_that_is_down_costs_few_requests_however_many_events_there_are() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Err("no response within 15 seconds".to_owned())));
    for number in 0..300 {
        service.record(number, "JobReady");
        service.work();
    }
    let requests = service.received().len();
    assert!(requests <= 60, "{requests}");
    assert_eq!(service.view(&webhook).failing_since, Some(NOW.0));
    // Not one chain of instructions for each event.
    assert!(service.ports().state().instructions.len() <= 5);
    service.answers(None);
    service.pass(6 * HOUR);
    let mut delivered = service.sequences().split_off(requests);
    delivered.sort_unstable();
    delivered.dedup();
    assert_eq!(delivered, (1..=300).collect::<Vec<u64>>());
    assert_eq!(service.view(&webhook).failing_since, None);
}

/// The first twenty wait, and the others were not sent yet: a time after them must not skip them.
#[test]
fn events_that_were_not_sent_yet_are_not_skipped_when_later_ones_are_sent_again() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Ok(500)));
    for number in 0..60 {
        service.record(number, "JobReady");
        service.work();
    }
    service.pass(60_000);
    service.record(60, "JobReady");
    let requests = service.received().len();
    service.answers(None);
    let from = service.ports().state().now.0;
    let path = format!("/webhooks/{}/redeliver", webhook.id);
    service.ok::<Value>("POST", &path, Some(json!({"from": from})));
    service.pass(6 * HOUR);
    let mut delivered = service.sequences().split_off(requests);
    delivered.sort_unstable();
    delivered.dedup();
    assert_eq!(delivered, (1..=61).collect::<Vec<u64>>());
}

#[test]
fn successful_test_event_lets_the_waiting_events_follow_at_once() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Ok(500)));
    service.record(1, "JobReady");
    service.record(2, "JobReady");
    service.pass(HOUR);
    let path = format!("/webhooks/{}/test", webhook.id);
    service.ok::<Value>("POST", &path, None);
    service.work();
    assert_eq!(service.view(&webhook).waiting, 2);
    service.answers(None);
    service.ok::<Value>("POST", &path, None);
    service.work();
    let view = service.view(&webhook);
    assert_eq!((view.waiting, view.failing_since), (0, None));
}

#[test]
fn webhook_that_fails_for_three_days_is_disabled_and_continues_when_it_is_enabled() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Ok(500)));
    service.record(1, "JobReady");
    service.pass(MAX_FAILING_MS - 2 * HOUR);
    assert!(service.view(&webhook).enabled);
    service.record(2, "JobReady");
    service.pass(30 * HOUR);
    let view = service.view(&webhook);
    assert!(!view.enabled && view.disabled_reason.unwrap().contains("three days"));
    let requests = service.received().len();
    service.record(3, "JobReady");
    service.pass(HOUR);
    assert_eq!(service.received().len(), requests, "nothing is sent");
    let path = format!("/webhooks/{}", webhook.id);
    let again = format!("{path}/redeliver");
    assert_eq!(
        service.problem(REVIEWER, "POST", &again, Some(json!({"from": 0}))),
        "refused"
    );
    service.answers(None);
    let view: WebhookView = service.ok("POST", &path, Some(json!({"enabled": true})));
    assert!(view.enabled);
    service.work();
    let mut sent = service.sequences().split_off(requests);
    sent.sort_unstable();
    assert_eq!(sent.last(), Some(&3), "{sent:?}");
    assert!(sent.contains(&2));
    // What was given up before can be sent again.
    service.ok::<Value>("POST", &again, Some(json!({"from": 0})));
    service.work();
    assert!(service.sequences().ends_with(&[1, 2, 3]));
}

#[test]
fn receiver_that_answers_410_is_not_asked_again() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Ok(410)));
    service.record(1, "JobReady");
    service.record(2, "JobReady");
    service.pass(HOUR);
    assert_eq!(service.received().len(), 1);
    assert!(!service.view(&webhook).enabled);
}

#[test]
fn redirect_is_a_failure() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.ports().state().webhook_responses = [Ok(302)].into();
    service.record(1, "JobReady");
    service.work();
    assert_eq!(service.view(&webhook).waiting, 1);
    let log = service.deliveries(&webhook).deliveries;
    assert!(
        log[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("redirects are not followed")
    );
}

#[test]
fn both_secrets_are_valid_for_a_day_after_a_rotation_also_in_retries() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let old = webhook.secret.clone().unwrap();
    service.answers(Some(Ok(500)));
    service.record(1, "JobReady");
    service.work();
    let path = format!("/webhooks/{}/secret", webhook.id);
    let rotated: WebhookView = service.ok("POST", &path, None);
    let new = rotated.secret.unwrap();
    assert_ne!(old, new);
    service.pass(10_000);
    let now = service.ports().state().now.0;
    let retry = service.received().pop().unwrap();
    assert!(is_signed(&retry, &old, now) && is_signed(&retry, &new, now));
    service.answers(None);
    service.pass(25 * HOUR);
    service.record(2, "JobReady");
    service.work();
    let later = service.received().pop().unwrap();
    let now = service.ports().state().now.0;
    assert!(!is_signed(&later, &old, now) && is_signed(&later, &new, now));
}

/// The answers to all rotations but the last were lost, so the receiver still has the first secret.
#[test]
fn rotation_that_is_repeated_leaves_the_receivers_secret_valid() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let old = webhook.secret.clone().unwrap();
    let path = format!("/webhooks/{}/secret", webhook.id);
    let mut secrets = vec![old];
    for _ in 0..4 {
        let rotated: WebhookView = service.ok("POST", &path, None);
        secrets.push(rotated.secret.unwrap());
    }
    service.record(1, "JobReady");
    service.work();
    let request = service.received().pop().unwrap();
    let now = service.ports().state().now.0;
    let signed: Vec<bool> = secrets
        .iter()
        .map(|secret| is_signed(&request, secret, now))
        .collect();
    assert_eq!(signed, [false, true, true, true, true]);
}

#[test]
fn function_that_died_or_lost_its_record_sends_the_events_again() {
    for (operation, times) in [
        ("get_record", 1),
        ("put_record", 1),
        ("send_instructions", 1),
    ] {
        let service = Service::new();
        let webhook = service.create(RECEIVER);
        for number in 0..4 {
            service.record(number, "JobReady");
        }
        service.answers(Some(Ok(500)));
        let body = format!(
            "{{\"webhook\":\"{}\",\"instruction\":\"continue\"}}",
            webhook.id
        );
        service.ports().state().fail_before.insert(operation, times);
        let messages = batch(&service.api.app, std::slice::from_ref(&body), 1);
        let response = run(webhooks::handle(&service.api.app, messages)).unwrap();
        assert_eq!(failures(&response).len(), 1, "{operation}");
        service.answers(None);
        service.ports().state().instructions.clear();
        // The lease of the function that failed has expired.
        service.pass(120_000);
        service.call(body);
        service.pass(HOUR);
        let mut sent = service.sequences();
        sent.sort_unstable();
        sent.dedup();
        assert_eq!(sent, [1, 2, 3, 4], "{operation}");
    }
}

#[test]
fn slow_receiver_leaves_its_turn_to_others() {
    let service = Service::new();
    service.create(RECEIVER);
    service.ports().state().webhook_ms = 6_000;
    for number in 0..20 {
        service.record(number, "JobReady");
    }
    let first = service.ports().state().instructions.remove(0).0;
    service.ports().state().instructions.clear();
    service.call(first);
    let sent = service.received().len();
    assert!((1..=5).contains(&sent), "{sent}");
    // The rest is behind the messages of other webhooks.
    service.work();
    assert_eq!(service.sequences(), (1..=20).collect::<Vec<u64>>());
}

/// Messages that find the lease taken must not become more, however long it stays taken.
#[test]
fn instruction_that_finds_the_lease_taken_is_dropped_unless_a_user_or_its_holder_sent_it() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.record(0, "JobReady");
    let body = |sent_by: &str| {
        let id = &webhook.id;
        format!(r#"{{"webhook":"{id}","instruction":"continue","sent_by":{sent_by}}}"#)
    };
    let call = |id: &str, receives, body: String| {
        let mut messages = batch(&service.api.app, &[body], receives);
        messages.payload.records[0].message_id = Some(id.to_owned());
        failures(&run(webhooks::handle(&service.api.app, messages)).unwrap()).len()
    };
    // A function takes the lease, sends the event and dies. SQS delivers its message again.
    service.ports().state().instructions.clear();
    service.ports().state().calls.clear();
    service.ports().state().fail_from.insert("put_record", 1);
    assert_eq!(call("m1", 1, body(r#""feed""#)), 1);
    service.ports().state().fail_from.clear();
    for (id, receives, sent_by, comes_back, sent) in [
        ("m2", 1, r#""feed""#, 1, None),
        ("m3", 2, r#""feed""#, 0, None),
        ("m4", 2, r#"{"run":"m0"}"#, 0, None),
        ("m5", 2, r#""user""#, 0, Some(20)),
        ("m7", 2, r#""user_again""#, 1, None),
        ("m6", 2, r#"{"run":"m1"}"#, 0, Some(70)),
        ("m1", 2, r#""feed""#, 1, None),
    ] {
        service.ports().state().instructions.clear();
        assert_eq!(call(id, receives, body(sent_by)), comes_back, "{sent_by}");
        let state = service.ports().state();
        let delays: Vec<u32> = state.instructions.iter().map(|(_, delay)| *delay).collect();
        assert_eq!(delays, sent.into_iter().collect::<Vec<u32>>(), "{sent_by}");
    }
    service.ports().state().instructions.clear();
    let sent = service.received().len();
    // Its message may be deleted: SQS had delivered it to another function, too.
    service.pass(180_000);
    assert_eq!(call("m2", 2, body(r#""feed""#)), 0);
    assert_eq!(service.sequences()[sent..], [1]);
}

/// It arrived while another function was delivering, and was dropped.
#[test]
fn planned_instruction_that_found_the_lease_taken_is_sent_again_by_its_holder() {
    let service = Service::new();
    service.create(RECEIVER);
    service.answers(Some(Ok(500)));
    service.record(0, "JobReady");
    service.work();
    // It is to be sent again in five seconds. The message for that arrives while the next function waits for the receiver,
    // which answers so late that this function sends nothing else.
    service.ports().state().instructions.clear();
    service.answers(None);
    service.ports().state().webhook_ms = 25_000;
    service.record(1, "JobReady");
    service.work();
    service.ports().state().webhook_ms = 0;
    service.pass(HOUR);
    assert_eq!(service.sequences(), [1, 2, 1]);
}
