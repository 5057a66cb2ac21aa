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
    assert!(with("prefix = \"inbound/\"", "prefix = \"i/\"").is_err());
    assert!(with("prefix = \"inbound/\"", "prefix = \"inbound-2/\"").is_ok());
}

#[test]
fn objective_of_a_pipeline_is_its_own_or_follows_from_its_slo() {
    let pipelines = Pipelines::parse(TOML).unwrap();
    let objective = |name| {
        let objective = pipelines.get(name).unwrap().objective();
        let seconds = [objective.drain_within, objective.idle, objective.cold_start];
        seconds.map(|time| time.as_secs())
    };
    assert_eq!(objective("legal-review"), [300, 60, 640]);
    // One hour: a sixth and a sixtieth.
    assert_eq!(objective("ocr-batch"), [600, 60, 640]);
    // Half an hour: no less than a minute idle.
    assert_eq!(objective("doc-understanding"), [300, 60, 640]);
    // Three hours, and a day: no more than five minutes.
    for (slo, expected) in [(10_800, [1800, 180, 640]), (86_400, [14_400, 300, 640])] {
        let text = TOML.replacen("slo_seconds = 3600", &format!("slo_seconds = {slo}"), 1);
        let objective = Pipelines::parse(&text).unwrap();
        let objective = objective.get("ocr-batch").unwrap().objective();
        let seconds = [objective.drain_within, objective.idle, objective.cold_start];
        assert_eq!(seconds.map(|time| time.as_secs()), expected);
    }
}

#[test]
fn invalid_objective_is_refused_with_the_name_of_its_field() {
    let ours = "capacity = { drain_within_seconds = 300, idle_seconds = 60 }";
    assert!(TOML.contains(ours));
    let with = |fields: &str| {
        let text = TOML.replacen(ours, &format!("capacity = {{ {fields} }}"), 1);
        Pipelines::parse(&text)
    };
    for fits in [
        "",
        "drain_within_seconds = 28_800",
        "idle_seconds = 0",
        "typical_cold_start_seconds = 7200",
    ] {
        assert!(with(fits).is_ok(), "{fits}");
    }
    for (wrong, field) in [
        (
            "drain_within_seconds = 0",
            "legal-review.capacity.drain_within_seconds",
        ),
        (
            "drain_within_seconds = 28_801",
            "legal-review.capacity.drain_within_seconds",
        ),
        (
            "idle_seconds = 14_401",
            "legal-review.capacity.idle_seconds",
        ),
        (
            "typical_cold_start_seconds = 0",
            "legal-review.capacity.typical_cold_start_seconds",
        ),
        ("drain_seconds = 60", "drain_seconds"),
        ("idle_seconds = -1", "idle_seconds"),
    ] {
        let error = with(wrong).unwrap_err().to_string();
        assert!(error.contains(field), "{wrong}: {error}");
    }
}

#[test]
fn deadline_of_two_weeks_and_a_breaker_of_2_to_20_failures_or_none_are_the_limits() {
    let with = |from: &str, to: &str| {
        assert!(TOML.contains(from), "{from}");
        Pipelines::parse(&TOML.replacen(from, to, 1)).map(|_| ())
    };
    let deadline = |seconds: u32| {
        let to = format!("job_deadline_seconds = {seconds}");
        with("job_deadline_seconds = 82_800", &to)
    };
    assert!(deadline(1_209_600).is_ok());
    let breaker = |failures: u32| {
        let to = format!("[legal-review]\nbreaker = {{ failures = {failures} }}");
        with("[legal-review]", &to)
    };
    for failures in [0, 2, 20] {
        let parsed = breaker(failures);
        assert!(parsed.is_ok(), "{failures}: {parsed:?}");
    }
    for (wrong, field) in [
        (deadline(1_209_601), "job_deadline_seconds"),
        (breaker(1), "breaker.failures"),
        (breaker(21), "breaker.failures"),
    ] {
        let error = wrong.unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}
