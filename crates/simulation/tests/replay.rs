//! Days without faults: they repeat, everything ends, and the figures and the picture are about what happened.

use std::process::Command;

use async_endpoint::{Days, Millis, WarmHours};
use simulation::replay::{
    Burst, Day, DecisionContext, Excerpt, Figures, Forecast, Options, Scenario, bursts, forecast,
    picture, replay, report,
};

const HOUR: u64 = 3_600_000;

fn options(scenario: Scenario) -> Options {
    Options::new(scenario).unwrap_or_else(|error| panic!("{error}"))
}

fn day(options: &Options) -> Day {
    replay(options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_same_seed_gives_the_same_day_and_another_gives_another() {
    for scenario in Scenario::ALL {
        let first = day(&options(scenario));
        assert_eq!(first, day(&options(scenario)), "{scenario:?}");
        let other = Options {
            seed: 2,
            ..options(scenario)
        };
        assert_ne!(first.documents, day(&other).documents, "{scenario:?}");
    }
}

#[test]
fn every_document_ends_and_costs_one_run() {
    for scenario in Scenario::ALL {
        for seed in 1..=5 {
            let options = Options {
                seed,
                ..options(scenario)
            };
            let day = day(&options);
            assert_eq!(day.violations, [""; 0], "{scenario:?} {seed}");
            assert_eq!(day.documents.len(), options.documents as usize);
            for document in &day.documents {
                assert_eq!((document.failure, document.requests), (None, 1));
                let (wait, ended) = (document.wait.unwrap(), document.ended.unwrap());
                assert_eq!(wait.total(), ended - document.uploaded, "{}", document.key);
                assert!(wait.run > 0 && wait.docket > 0, "{wait:?}");
            }
        }
    }
}

#[test]
fn a_day_of_deals_comes_in_bursts_within_business_hours() {
    for seed in 1..=20 {
        let day = day(&Options {
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
            assert!((8 * HOUR..19 * HOUR + HOUR / 30).contains(&document.uploaded));
            // Four bursts in eleven hours: documents that follow within two minutes came together.
            match (before, sizes.last_mut()) {
                (Some(at), Some(size)) if document.uploaded - at < HOUR / 30 => *size += 1,
                _ => sizes.push(1),
            }
            before = Some(document.uploaded);
        }
        let whole = |size: &usize| (12..=20).contains(size) || *size > 24;
        assert!(
            sizes.len() <= 4 && sizes.iter().all(whole),
            "{seed}: {sizes:?}"
        );
    }
}

#[test]
fn an_excerpt_has_the_first_bursts_with_shorter_gaps_and_nothing_else_changed() {
    for scenario in Scenario::ALL {
        for seed in 1..=5 {
            let whole = Options {
                seed,
                ..options(scenario)
            };
            let excerpt = Excerpt {
                bursts: 3,
                longest_gap: 20 * 60_000,
            };
            let part = day(&Options {
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
                // Within a burst everything is as it was.
                let of = |day: &Day, from: u64| {
                    let documents = day.documents.iter().filter(|known| known.burst == number);
                    documents
                        .map(|known| (known.key.clone(), known.uploaded - from, known.takes))
                        .collect::<Vec<_>>()
                };
                assert_eq!(of(&part, of_part.at), of(&whole, of_whole.at));
            }
            let (long, short) = (bursts(&whole), bursts(&part));
            assert_eq!(short.len(), 3);
            for (long, short) in long.windows(2).zip(short.windows(2)) {
                let gap = |two: &[Burst]| two[1].at - two[0].at;
                assert_eq!(gap(short), gap(long).min(excerpt.longest_gap));
            }
        }
    }
}

#[test]
fn a_forecast_is_what_came_and_what_became_of_it_and_survives_being_written() {
    let day = day(&options(Scenario::Tuesday));
    let said = forecast(&day);
    assert_eq!(said.uploads.len(), day.documents.len());
    assert_eq!(said.uploads[0].after, 0);
    assert!(said.uploads.is_sorted_by_key(|upload| upload.after));
    let ready: usize = said.bursts.iter().map(|burst| burst.ready).sum();
    assert_eq!(ready, Figures::of(&day).ready);
    // Nothing is kept, so the first finds nothing; nobody waits less than a run takes.
    assert_eq!(said.bursts[0].found, 0);
    for burst in &said.bursts {
        assert!(burst.most_instances >= 1 && burst.wait.p50 <= burst.wait.p95);
        let runs = said
            .uploads
            .iter()
            .filter(|upload| upload.burst == burst.number);
        assert!(burst.wait.max >= runs.map(|upload| upload.takes).max().unwrap());
    }
    let written = serde_json::to_string(&said).unwrap();
    assert_eq!(serde_json::from_str::<Forecast>(&written).unwrap(), said);
}

#[test]
fn there_are_never_more_instances_than_the_most_that_may_be() {
    for scenario in Scenario::ALL {
        for most in [1, 2, 5] {
            let mut options = options(scenario);
            options.endpoint.settings.max_instances = most;
            let day = day(&options);
            let seen = day.moments.iter().map(DecisionContext::instances).max();
            assert!(
                seen.is_some_and(|seen| (1..=most).contains(&seen)),
                "{seen:?}"
            );
            let busy = |context: &DecisionContext| context.busy <= context.in_service;
            assert!(day.moments.iter().all(busy));
        }
    }
}

#[test]
fn with_one_instance_kept_nobody_waits_for_a_cold_start() {
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
            waits.filter(|wait| wait.cold > 0).count()
        };
        assert_eq!(cold(&kept), 0, "warm: {warm}");
        // Out of none there is a cold start for the first of all at least.
        let from_none = day(&self::options(Scenario::DealDay));
        assert!(from_none.documents[0].wait.unwrap().cold > 0);
        assert!(cold(&from_none) >= 12);
        let hours = |day| Figures::of(day).hours();
        assert!(hours(&kept) > 10.0, "{}", hours(&kept));
    }
}

#[test]
fn what_is_paid_for_is_all_of_the_day() {
    let mut kept = options(Scenario::Tuesday);
    kept.endpoint.settings.min_instances = 1;
    kept.endpoint.settings.max_instances = 1;
    let figures = Figures::of(&day(&kept));
    assert_eq!(figures.working + figures.starting + figures.idle, 24 * HOUR);
    assert_eq!((figures.starting, figures.wakes), (0, 0));

    // Every run is on an instance, and a little longer there: the output has to be stored.
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
    assert_eq!(figures.starting, u64::from(day.started) * cold_start);
}

#[test]
fn what_does_not_fit_fails_and_is_counted() {
    let mut long = options(Scenario::DealDay);
    // Longer than the invocation timeout of the pipeline, which the endpoint reports as a model that broke down.
    long.documents = 20;
    long.run_seconds = 300;
    let day = day(&long);
    let figures = Figures::of(&day);
    assert_eq!((figures.ready, figures.failed), (0, 20));
    assert!(
        day.documents
            .iter()
            .all(|known| known.failure == Some("ModelError"))
    );
    let said = report(&day, 1.0, "as given");
    assert!(said.contains("0 ready, 20 failed (ModelError)"), "{said}");
    assert!(said.contains("NOT KEPT for 20 of 20"), "{said}");
    well_formed(&picture(&day));
}

#[test]
fn the_report_has_the_figures() {
    let day = day(&options(Scenario::DealDay));
    let said = report(&day, 2.0, "as given");
    let cost = Figures::of(&day).hours() * 2.0;
    for part in [
        "300 contracts through legal-review on ml.g5.2xlarge",
        "300 ready, 0 failed",
        "ready within 8 h: kept for all contracts",
        &format!("${cost:.2} a day"),
        "instances 0 to 5, target 3",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let uploads: usize = said
        .lines()
        .filter(|line| {
            line.trim_start()
                .split(':')
                .next()
                .is_some_and(|hour| hour.parse::<u8>().is_ok())
        })
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok())
        .sum();
    assert_eq!(uploads, 300, "the hours have all uploads");
}

#[test]
fn the_picture_is_well_formed_and_small() {
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
fn a_cold_start_of_eleven_minutes_is_waited_for() {
    let mut slow = options(Scenario::DealDay);
    slow.endpoint.settings.cold_start = Millis::from_secs(660);
    let waited = |options: &Options| Figures::of(&day(options)).cold.max;
    let (slow, usual) = (waited(&slow), waited(&options(Scenario::DealDay)));
    assert!(slow >= 660_000, "{slow}");
    assert!((300_000..420_000).contains(&usual), "{usual}");
}

#[test]
fn the_command_says_what_is_wrong_with_what_it_was_told() {
    let simulate = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
        command.arg("replay").args(words).output().unwrap()
    };
    for (words, problem) in [
        (&["wednesday"][..], "deal-day or tuesday"),
        (&["tuesday", "--set", "Max=3"], "has no Max"),
        (&["tuesday", "--set", "MaxInstances=0"], "MaxInstances"),
        (&["tuesday", "--warm", "9-17"], "--warm"),
        (&["tuesday", "--seed"], "needs a value"),
        (&["tuesday", "--jobs", "0"], "--jobs"),
        (&["tuesday", "--bursts", "0"], "--bursts"),
        (&["tuesday", "--longest-gap", "9"], "needs --bursts"),
        (&["tuesday", "--set", "InstanceType=ml.x"], "--price"),
    ] {
        let output = simulate(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(problem), "{problem} is not in {said}");
    }
    let output = simulate(&["tuesday", "--jobs", "6", "--set", "MaxInstances=2"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("6 ready, 0 failed") && said.contains("0 to 2"),
        "{said}"
    );
}

/// As much of XML as the pictures use: every element is closed in its turn, every attribute quoted, every & an entity.
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
