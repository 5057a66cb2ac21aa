//! Validation of `pipelines.toml` and the numbers derived from it.

use jobs::pipeline::Pipelines;

const TOML: &str = include_str!("../../../infra/pipelines.toml");

#[test]
fn attempt_duration_is_queue_time_plus_run_plus_notification_delay() {
    let pipelines = Pipelines::parse(TOML).unwrap();
    let pipeline = pipelines.get("legal-review").unwrap();
    let policy = pipeline.policy();
    assert_eq!(policy.max_attempt_seconds, 21_600 + 120 + 1800);
    assert_eq!(pipeline.output_prefix(), "outbound/legal-review/");
    assert_eq!(pipeline.failure_prefix(), "failure/legal-review/");
    // Three attempts and the delays between them; the deadline may be that, and not a second less.
    let worst = 3 * policy.max_attempt_seconds + 30 + 300;
    let with = |seconds: u32| {
        let line = format!("job_deadline_seconds = {seconds}");
        Pipelines::parse(&TOML.replacen("job_deadline_seconds = 82_800", &line, 1)).map(|_| ())
    };
    assert!(with(worst).is_ok(), "{:?}", with(worst));
    let message = with(worst - 1).unwrap_err().to_string();
    assert!(
        message.contains("legal-review.job_deadline_seconds"),
        "{message}"
    );
}

#[test]
fn pipeline_with_an_invalid_name_or_prefix_is_rejected() {
    let with = |from: &str, to: &str| {
        assert!(TOML.contains(from), "{from}");
        Pipelines::parse(&TOML.replacen(from, to, 1)).map(|_| ())
    };
    let long = "a".repeat(40);
    assert!(with("[legal-review]", &format!("[{long}]")).is_ok());
    for (from, to) in [
        ("[legal-review]", format!("[{long}a]")),
        ("[legal-review]", "[Legal]".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"/\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"letters\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"/inbound/\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"work/x/\"".to_owned()),
    ] {
        assert!(with(from, &to).is_err(), "{to}");
    }
    assert!(with("prefix = \"inbound/\"", "prefix = \"i/\"").is_ok());
}
