//! The number of pages that a result names.

use super::*;

/// The pages that the row has after a result with these bytes.
fn recorded(output: &[u8]) -> Option<u32> {
    let app = submitted();
    let before = job(&app, KEY);
    let place = write_output(&app, &before);
    let location = before.attempts[0].output.clone().unwrap();
    app.ports.put(&location.bucket, &location.key, output);
    assert_eq!(success(&app, &succeeded(&before, &place), 1), 0);
    let ready = job(&app, KEY);
    assert!(matches!(ready.state, State::Ready { .. }));
    ready.attempts[0].pages
}

#[test]
fn pages_that_a_result_names_are_recorded() {
    assert_eq!(recorded(br#"{"document": {"pages": 12}}"#), Some(12));
    let long = format!(
        r#"{{"document": {{"pages": 12}}, "text": "{}"}}"#,
        "x".repeat(200_000)
    );
    assert_eq!(recorded(long.as_bytes()), Some(12));
}

/// A model's mistake costs no document its result.
#[test]
fn nonsense_instead_of_pages_is_ignored_and_the_job_is_ready() {
    for nonsense in [
        &br#"{"document": {"pages": -4}}"#[..],
        br#"{"document": {"pages": 2.5}}"#,
        br#"{"document": {"pages": "twelve"}}"#,
        br#"{"document": {"pages": 99999999999999999999999999}}"#,
        br#"{"document": {"pages": 12"#,
        b"\xff\xfe\x00",
        b"x",
    ] {
        assert_eq!(
            recorded(nonsense),
            None,
            "{}",
            String::from_utf8_lossy(nonsense)
        );
    }
    let late = format!(r#"{{"text": "{}", "pages": 12}}"#, "x".repeat(70_000));
    assert_eq!(
        recorded(late.as_bytes()),
        None,
        "only the beginning is read"
    );
}

#[test]
fn pages_are_recorded_although_the_notification_was_lost() {
    let app = submitted();
    let before = job(&app, KEY);
    let location = before.attempts[0].output.clone().unwrap();
    app.ports
        .put(&location.bucket, &location.key, br#"{"pages": 3}"#);
    let deadline = before.state.check_deadline().unwrap();
    app.ports.state().now = deadline;
    let body = serde_json::json!({"job_id": before.id.to_string(), "attempt": 1, "due": null});
    let done = run(retry::handle(&app, batch(&app, &[body.to_string()], 1))).unwrap();
    assert!(failures(&done).is_empty());
    let ready = job(&app, KEY);
    assert!(
        matches!(ready.state, State::Ready { .. }),
        "{:?}",
        ready.state
    );
    assert_eq!(ready.attempts[0].pages, Some(3));
}
