//! Replayed days are deterministic, every document ends, and the figures, the report and the picture agree with them.

use std::process::Command;

use async_endpoint::{Days, EndpointParameters, Millis, ScaleIn, WarmHours};
use planner::{
    Burst, Day, EndpointSample, Excerpt, Figures, LivePlan, ReplayOptions, ReplayedDocument,
    Scenario, baseline_file, bursts, live_plan, noisy_neighbor, objective_of, picture, replay,
    report,
};

const HOUR: u64 = 3_600_000;

fn options(scenario: Scenario) -> ReplayOptions {
    ReplayOptions::new(scenario).unwrap_or_else(|error| panic!("{error}"))
}

fn day(options: &ReplayOptions) -> Day {
    replay(options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn same_seed_gives_the_same_day_and_another_seed_another() {
    for scenario in Scenario::ALL {
        let first = day(&options(scenario));
        assert_eq!(first, day(&options(scenario)), "{scenario:?}");
        let other = ReplayOptions {
            seed: 2,
            ..options(scenario)
        };
        assert_ne!(first.documents, day(&other).documents, "{scenario:?}");
    }
}

#[test]
fn every_document_becomes_ready_with_one_request_and_its_wait_adds_up() {
    for scenario in Scenario::ALL {
        for seed in 1..=5 {
            let options = ReplayOptions {
                seed,
                ..options(scenario)
            };
            let day = day(&options);
            assert_eq!(day.violations, [""; 0], "{scenario:?} {seed}");
            assert_eq!(day.documents.len(), options.documents as usize);
            for document in &day.documents {
                assert_eq!((document.failure, document.requests), (None, 1));
                let (wait, ended) = (document.wait.unwrap(), document.ended_at.unwrap());
                assert_eq!(
                    wait.total(),
                    ended - document.uploaded_at,
                    "{}",
                    document.key
                );
                assert!(wait.run > 0 && wait.docket > 0, "{wait:?}");
            }
        }
    }
}

#[test]
fn deal_day_documents_arrive_in_bursts_within_business_hours() {
    for seed in 1..=20 {
        let day = day(&ReplayOptions {
            seed,
            documents: 60,
            ..options(Scenario::DealDay)
        });
        let tenants = ["acme", "globex", "initech"];
        let of_tenants = |key: &str| tenants.iter().any(|name| key.contains(name));
        assert!(day.documents.iter().all(|known| of_tenants(&known.key)));
        let mut sizes: Vec<usize> = Vec::new();
        let mut before = None;
        for document in &day.documents {
            assert!((8 * HOUR..19 * HOUR + HOUR / 30).contains(&document.uploaded_at));
            // There are four bursts in eleven hours: documents that follow within two minutes belong together.
            match (before, sizes.last_mut()) {
                (Some(at), Some(size)) if document.uploaded_at - at < HOUR / 30 => *size += 1,
                _ => sizes.push(1),
            }
            before = Some(document.uploaded_at);
        }
        let whole = |size: &usize| (12..=20).contains(size) || *size > 24;
        assert!(
            sizes.len() <= 4 && sizes.iter().all(whole),
            "{seed}: {sizes:?}"
        );
    }
}

#[test]
fn excerpt_keeps_the_first_bursts_and_only_shortens_the_gaps() {
    // The bursts of the others overlap.
    for scenario in [Scenario::DealDay, Scenario::Tuesday, Scenario::Ordinary] {
        for seed in 1..=5 {
            let whole = ReplayOptions {
                seed,
                ..options(scenario)
            };
            let excerpt = Excerpt {
                bursts: 3,
                max_gap_ms: 20 * 60_000,
            };
            let part = day(&ReplayOptions {
                excerpt: Some(excerpt),
                ..whole.clone()
            });
            let whole = day(&whole);
            assert_eq!(part.violations, [""; 0]);
            for (number, of_part) in (1..).zip(bursts(&part)) {
                let of_whole = bursts(&whole)[number as usize - 1];
                assert_eq!(
                    (of_part.number, of_part.uploaded),
                    (number, of_whole.uploaded)
                );
                assert_eq!((of_part.ready, of_part.failed), (of_part.uploaded, 0));
                // Within a burst nothing changes.
                let of = |day: &Day, from: u64| {
                    let documents = day.documents.iter().filter(|known| known.burst == number);
                    documents
                        .map(|known| (known.key.clone(), known.uploaded_at - from, known.model_ms))
                        .collect::<Vec<_>>()
                };
                assert_eq!(of(&part, of_part.at), of(&whole, of_whole.at));
            }
            let (long, short) = (bursts(&whole), bursts(&part));
            assert_eq!(short.len(), 3);
            for (long, short) in long.windows(2).zip(short.windows(2)) {
                let gap = |two: &[Burst]| two[1].at - two[0].at;
                assert_eq!(gap(short), gap(long).min(excerpt.max_gap_ms));
            }
        }
    }
}

#[test]
fn live_plan_has_all_uploads_and_the_figures_of_their_bursts() {
    let day = day(&options(Scenario::Tuesday));
    let plan = live_plan(&day);
    assert_eq!(plan.uploads.len(), day.documents.len());
    assert_eq!(plan.uploads[0].after_ms, 0);
    assert!(plan.uploads.is_sorted_by_key(|upload| upload.after_ms));
    let ready: usize = plan.forecast.iter().map(|burst| burst.ready).sum();
    assert_eq!(ready, Figures::of(&day).ready);
    // No instance is kept, so the first burst finds none; no wait is shorter than the longest run.
    assert_eq!(plan.forecast[0].instances_found, 0);
    for burst in &plan.forecast {
        assert!(burst.max_instances >= 1 && burst.wait_p50_ms <= burst.wait_p95_ms);
        let of_burst = plan.uploads.iter().filter(|it| it.burst == burst.burst);
        assert!(burst.wait_max_ms >= of_burst.map(|upload| upload.model_ms).max().unwrap());
    }
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<LivePlan>(&json).unwrap(), plan);
}

#[test]
fn instances_never_exceed_max_instances() {
    for scenario in Scenario::ALL {
        for max in [1, 2, 5] {
            let mut options = options(scenario);
            options.endpoint.settings.max_instances = max;
            let day = day(&options);
            let seen = day.samples.iter().map(EndpointSample::instances).max();
            assert!(
                seen.is_some_and(|seen| (1..=max).contains(&seen)),
                "{seen:?}"
            );
            let busy = |sample: &EndpointSample| sample.busy <= sample.in_service;
            assert!(day.samples.iter().all(busy));
        }
    }
}

#[test]
fn no_document_waits_for_a_cold_start_while_an_instance_is_kept() {
    for warm in [false, true] {
        let mut options = options(Scenario::DealDay);
        if warm {
            options.endpoint.settings.warm_hours = Some(WarmHours {
                instances: 1,
                days: Days::parse("MON").unwrap(),
                from: 7 * 60,
                until: 20 * 60,
            });
        } else {
            options.endpoint.settings.min_instances = 1;
        }
        let kept = day(&options);
        let cold = |day: &Day| {
            let waits = day.documents.iter().filter_map(|document| document.wait);
            waits.filter(|wait| wait.cold_start > 0).count()
        };
        assert_eq!(cold(&kept), 0, "warm: {warm}");
        // Without a kept instance at least the first document waits for a cold start.
        let from_none = day(&self::options(Scenario::DealDay));
        assert!(from_none.documents[0].wait.unwrap().cold_start > 0);
        assert!(cold(&from_none) >= 12);
        let hours = |day| Figures::of(day).hours();
        assert!(hours(&kept) > 10.0, "{}", hours(&kept));
    }
}

#[test]
fn billed_hours_cover_the_whole_day_and_every_run() {
    let mut kept = options(Scenario::Tuesday);
    kept.endpoint.settings.min_instances = 1;
    kept.endpoint.settings.max_instances = 1;
    let figures = Figures::of(&day(&kept));
    assert_eq!(figures.working + figures.starting + figures.idle, 24 * HOUR);
    assert_eq!((figures.starting, figures.starts_from_zero), (0, 0));

    // An instance is busy a little longer than the run: the output has to be stored.
    let day = day(&options(Scenario::Tuesday));
    let figures = Figures::of(&day);
    let runs: u64 = day
        .documents
        .iter()
        .map(|known| known.wait.unwrap().run)
        .sum();
    let each = day.documents.len() as u64;
    assert!(figures.working >= runs && figures.working <= runs + each * 1000);
    let cold_start = day.options.endpoint.settings.cold_start.0;
    assert_eq!(
        figures.starting,
        u64::from(day.instances_started) * cold_start
    );
}

#[test]
fn runs_longer_than_the_timeout_fail_and_are_reported() {
    let mut long = options(Scenario::DealDay);
    // Longer than the invocation timeout of the pipeline. As no document succeeds, the endpoint counts as down, and the jobs
    // wait until their deadlines.
    long.documents = 20;
    long.run_seconds = 300;
    let day = day(&long);
    let figures = Figures::of(&day);
    assert_eq!((figures.ready, figures.failed), (0, 20));
    assert!(
        day.documents
            .iter()
            .all(|known| known.failure == Some("EndpointDown"))
    );
    let text = report(&day, 1.0, "as given");
    assert!(text.contains("0 ready, 20 failed (EndpointDown)"), "{text}");
    assert!(text.contains("NOT KEPT for 20 of 20"), "{text}");
    well_formed(&picture(&day));
}

#[test]
fn report_has_the_figures_and_all_uploads_by_hour() {
    let day = day(&options(Scenario::DealDay));
    let text = report(&day, 2.0, "as given");
    let cost = Figures::of(&day).hours() * 2.0;
    for part in [
        "300 contracts through legal-review on ml.g6.2xlarge",
        "300 ready, 0 failed",
        "ready within 8 h: kept for all contracts",
        &format!("${cost:.2} a day"),
        "instances 0 to 5, AWS's policies: target 10",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let uploads: usize = text
        .lines()
        .filter(|line| {
            line.trim_start()
                .split(':')
                .next()
                .is_some_and(|hour| hour.parse::<u8>().is_ok())
        })
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok())
        .sum();
    assert_eq!(uploads, 300, "the hours do not have all uploads");
}

#[test]
fn picture_is_well_formed_and_smaller_than_60_kb() {
    for scenario in Scenario::ALL {
        let drawn = picture(&day(&options(scenario)));
        well_formed(&drawn);
        assert!(drawn.len() < 60_000, "{}", drawn.len());
        assert!(drawn.contains("prefers-color-scheme:dark"));
        for label in ["Instances", "(minutes)", "time of day (hours)", "<title"] {
            assert!(drawn.contains(label), "{label}");
        }
    }
    let mut many = options(Scenario::DealDay);
    many.documents = 1500;
    many.endpoint.settings.max_instances = 20;
    many.endpoint.instance_type = "<&\"".to_owned();
    let drawn = picture(&day(&many));
    well_formed(&drawn);
    assert!(drawn.len() < 60_000, "{}", drawn.len());
}

#[test]
fn longer_cold_start_makes_documents_wait_longer() {
    let mut slow = options(Scenario::DealDay);
    slow.endpoint.settings.cold_start = Millis::from_secs(660);
    let waited = |options: &ReplayOptions| Figures::of(&day(options)).cold_start.max;
    let (slow, usual) = (waited(&slow), waited(&options(Scenario::DealDay)));
    assert!(slow >= 660_000, "{slow}");
    assert!((300_000..420_000).contains(&usual), "{usual}");
}

#[test]
fn controller_never_stops_an_instance_while_a_job_is_open_and_stops_all_in_the_end() {
    for scenario in Scenario::ALL {
        let objective = objective_of(scenario.pipeline()).unwrap();
        let day = day(&options(scenario).scaled_by_docket(objective));
        assert_eq!(day.violations, [""; 0], "{scenario:?}");
        assert_eq!(Figures::of(&day).failed, 0, "{scenario:?}");
        let open_at = |at: u64| {
            let open = |known: &&ReplayedDocument| {
                known.uploaded_at + 60_000 < at && known.ended_at.is_none_or(|ended| ended > at)
            };
            day.documents.iter().find(open)
        };
        for two in day.samples.windows(2) {
            if two[1].instances() < two[0].instances() {
                assert_eq!(open_at(two[1].at), None, "{scenario:?} {two:?}");
            }
        }
        assert_eq!(day.samples.last().unwrap().instances(), 0, "{scenario:?}");
    }
}

#[test]
fn safety_net_starts_an_instance_after_minutes_if_the_controller_is_silent() {
    let mut silent = options(Scenario::Ordinary);
    silent.endpoint.settings = silent.endpoint.settings.scaled_by_docket();
    let figures = Figures::of(&day(&silent));
    assert_eq!((figures.ready, figures.max_instances), (20, 1));
    // 15 datapoints of a minute, the first within a minute, and a cold start of five minutes.
    let longest = figures.cold_start.max;
    assert!((1_140_000..=1_200_000).contains(&longest), "{figures:?}");
}

#[test]
fn last_line_of_a_comparison_is_its_json() {
    let output = Command::new(env!("CARGO_BIN_EXE_planner"))
        .args(["replay", "ordinary", "--seeds", "2", "--price", "2"])
        .args(["--cold-start", "640", "--drain-within", "900"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&json["scenario"], &json["seeds"], &json["cold_start_s"]),
        (&"ordinary".into(), &2.into(), &640.into())
    );
    assert_eq!(json["slo_kept"], true);
    for policy in ["aws", "docket"] {
        let of = |name: &str| json[policy][name].as_f64().unwrap();
        assert!((of("usd") - 2.0 * of("gpu_h")).abs() < 0.02, "{json}");
        assert!(640.0 < of("p50_s") && of("p50_s") <= of("p90_s") && of("p90_s") <= of("max_s"));
        assert!((0.0..1.0).contains(&of("idle")), "{json}");
    }
}

#[test]
fn baseline_is_the_policy_that_shipped_first() {
    for (scenario, target, periods) in [(Scenario::DealDay, 3.0, 3), (Scenario::Tuesday, 1.0, 2)] {
        let file = baseline_file(scenario).unwrap();
        let settings = EndpointParameters::parse(&file).unwrap().settings;
        assert_eq!(settings, settings.scaled_by_aws());
        assert_eq!(settings.backlog_per_instance_target, target);
        assert_eq!(settings.scale_in, ScaleIn::WhenIdle { periods });
    }
}

#[test]
fn wrong_arguments_are_named_and_exit_with_2() {
    let planner = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planner"));
        command.args(words).output().unwrap()
    };
    for (words, problem) in [
        (&["replay", "wednesday"][..], "deal-day, tuesday, ordinary"),
        (&["replay", "tuesday", "--seeds", "0"], "--seeds"),
        (
            &["replay", "tuesday", "--drain-within", "0"],
            "--drain-within",
        ),
        (
            &["replay", "tuesday", "--set", "Scaling=aws", "--idle", "5"],
            "need --seeds",
        ),
        (&["replay", "tuesday", "--set", "Max=3"], "has no Max"),
        (
            &["replay", "tuesday", "--set", "MaxInstances=0"],
            "MaxInstances",
        ),
        (&["replay", "tuesday", "--warm", "9-17"], "--warm"),
        (&["replay", "tuesday", "--seed"], "needs a value"),
        (&["replay", "tuesday", "--jobs", "0"], "--jobs"),
        (&["replay", "tuesday", "--bursts", "0"], "--bursts"),
        (&["replay", "tuesday", "--max-gap", "9"], "needs --bursts"),
        (
            &["replay", "tuesday", "--set", "InstanceType=ml.x"],
            "--price",
        ),
        (&["forecast", "tuesday"], "replay or live-plan"),
        (&["live-plan", "tuesday"], "--output"),
        (
            &["live-plan", "tuesday", "--set", "MaxInstances=2"],
            "--set",
        ),
    ] {
        let output = planner(words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(problem), "{problem} is not in {text}");
    }
    let output = planner(&[
        "replay",
        "tuesday",
        "--jobs",
        "6",
        "--set",
        "MaxInstances=2",
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("6 ready, 0 failed") && text.contains("0 to 2"),
        "{text}"
    );
}

/// Checks the XML that the pictures use: elements are closed in order, attributes quoted, and every & is an entity.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut roots = 0;
    while let Some(at) = rest.find('<') {
        plain(&rest[..at]);
        let Some(length) = rest[at..].find('>') else {
            panic!("a tag is open: {}", &rest[at..]);
        };
        let end = at + length;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{name}>");
        let quoted: Vec<&str> = attributes.split('"').collect();
        assert_eq!(quoted.len() % 2, 1, "{tag}");
        let mut names: Vec<&str> = quoted.iter().step_by(2).map(|name| name.trim()).collect();
        assert_eq!(names.pop(), Some(""), "{tag}");
        for name in &names {
            let word = name.strip_suffix('=').unwrap_or(" ");
            assert!(
                word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "{tag}"
            );
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{tag} has an attribute twice");
        quoted
            .iter()
            .skip(1)
            .step_by(2)
            .for_each(|value| plain(value));
        roots += usize::from(open.is_empty());
        if !closed {
            open.push(name);
        }
    }
    assert_eq!((open.len(), roots, rest.trim()), (0, 1, ""));
}

fn plain(text: &str) {
    assert!(!text.contains('>'), "{text}");
    for after in text.split('&').skip(1) {
        let entity = after.split(';').next().unwrap_or_default();
        assert!(["amp", "lt", "gt", "quot"].contains(&entity), "&{after}");
    }
}

/// A tenant's single document must not wait behind those of another tenant, however many these are: at most its wait alone, and
/// one window.
#[test]
fn single_document_waits_for_one_window_at_most_beside_any_number_of_another_tenants() {
    for (seed, documents) in [(1, 600), (1, 1000), (1, 3000), (2, 1000), (3, 1000)] {
        let day = noisy_neighbor(seed, documents).unwrap();
        assert!(day.b_wait_s <= day.b_alone_s + day.window_s, "{day:?}");
        assert!(day.b_wait_without_window_s > 10.0 * day.b_wait_s, "{day:?}");
    }
}

/// What the endpoint is not handed yet must not leave its instances without work.
#[test]
fn window_leaves_instances_no_more_idle_than_two_percent_on_average() {
    const DAYS: u64 = 5;
    for scenario in Scenario::ALL {
        let mut added = 0.0;
        for seed in 1..=DAYS {
            let with = ReplayOptions {
                seed,
                ..options(scenario).scaled_by_docket(objective_of(scenario.pipeline()).unwrap())
            };
            let without = ReplayOptions {
                window: false,
                ..with.clone()
            };
            let [without, with] = [without, with].map(|options| Figures::of(&day(&options)));
            assert_eq!(with.ready, without.ready, "{}", scenario.name());
            added += (with.idle as f64 - without.idle as f64) / 3_600_000.0 / without.hours();
        }
        let mean = added / DAYS as f64;
        assert!(mean <= 0.02, "{}: {mean:.4}", scenario.name());
    }
}
