//! The figures of `docs/capacity.md` and the pictures of its days are those of the replay.
//!
//! `make docs` regenerates them. A sentence that draws a conclusion is written here next to the condition under which
//! it is true. If the condition no longer holds the test fails, and the sentence has to be reconsidered.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use async_endpoint::{EndpointParameters, Millis};
use planner::{
    CALIBRATION_DAYS, Calibration, Day, Figures, FrontierPoint, PolicyFigures, ReplayOptions,
    Scenario, SideBySide, Variant, baseline_file, day_with_faults, frontier, frontier_picture,
    objective_of, picture, price_of, price_source, replay, side_by_side, span, table, variants,
};

/// Days per policy, of the comparison and of the frontier.
const SEEDS: u64 = 20;
const FRONTIER_SEEDS: u64 = 5;

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// As it ships.
fn options(scenario: Scenario) -> ReplayOptions {
    let options = ReplayOptions::new(scenario).unwrap_or_else(|error| panic!("{error}"));
    assert!(options.endpoint.docket_scales);
    options.scaled_by_docket(objective_of(scenario.pipeline()).unwrap())
}

fn day(options: &ReplayOptions) -> Day {
    replay(options).unwrap_or_else(|error| panic!("{error}"))
}

fn price(options: &ReplayOptions) -> f64 {
    price_of(&options.endpoint.instance_type)
        .expect("the price of the shipped instance types is known")
}

/// Compares a file with what it should be, or writes it if `UPDATE_DOCS` is set.
fn assert_same(path: &str, should: &str) {
    let is = std::fs::read_to_string(file(path)).unwrap_or_default();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        if is != should {
            std::fs::write(file(path), should).unwrap();
        }
        return;
    }
    let differ = is
        .lines()
        .zip(should.lines())
        .find(|(is, should)| is != should);
    assert!(
        is == should,
        "{path} differs from the replay from {differ:?} on; `make docs` regenerates it"
    );
}

#[test]
fn pictures_in_docs_are_those_of_the_replayed_days() {
    for scenario in Scenario::PICTURED {
        let path = format!("docs/pictures/{}.svg", scenario.name());
        assert_same(&path, &picture(&day(&options(scenario))));
    }
}

#[test]
fn capacity_page_has_the_figures_of_the_replayed_days() {
    let mut page = std::fs::read_to_string(file("docs/capacity.md")).unwrap();
    fill(&mut page, "days", &days());
    fill(&mut page, "assumptions", &assumptions());
    for scenario in Scenario::PICTURED {
        let all = variants(&options(scenario), scenario.parameters()).unwrap();
        let all = Compared {
            price: price(&all[0].day.options),
            all,
        };
        let name = scenario.name();
        fill(&mut page, &format!("{name} figures"), &all.figures());
        fill(
            &mut page,
            &format!("{name} table"),
            &table(&all.all, all.price),
        );
        let conclusions = match scenario {
            Scenario::DealDay => all.deal_day_conclusions(),
            Scenario::Tuesday => all.tuesday_conclusions(),
            Scenario::Ordinary | Scenario::Busy | Scenario::Continuous => continue,
        };
        fill(&mut page, &format!("{name} conclusions"), &conclusions);
    }
    fill(&mut page, "controller", &controller());
    fill(&mut page, "ready-by", &ready_by());
    let (svg, text) = cost_against_waiting();
    fill(&mut page, "frontier", &text);
    assert_same("docs/pictures/frontier.svg", &svg);
    assert_same("docs/capacity.md", &page);
}

#[test]
fn live_plan_that_devstack_tests_is_what_the_command_writes() {
    let written = std::env::temp_dir().join(format!("live-plan-{}.json", std::process::id()));
    let status = Command::new(env!("CARGO_BIN_EXE_planner"))
        .args(["live-plan", "tuesday", "--bursts", "1", "--output"])
        .arg(&written)
        .status()
        .unwrap();
    assert!(status.success());
    let plan = std::fs::read_to_string(&written).unwrap();
    std::fs::remove_file(&written).unwrap();
    assert_same("crates/devstack/tests/live-plan.json", &plan);
}

/// Replaces the text between the two marks of a name, which must exist.
fn fill(page: &mut String, name: &str, text: &str) {
    let mark = |which: &str| format!("<!-- replay: {name} {which} -->\n");
    let (begin, end) = (mark("begin"), mark("end"));
    let from = page
        .find(&begin)
        .unwrap_or_else(|| panic!("{begin}is missing"))
        + begin.len();
    let until = page.find(&end).unwrap_or_else(|| panic!("{end}is missing"));
    assert!(from <= until, "{end}comes too early");
    page.replace_range(from..until, text);
}

fn days() -> String {
    let words = Scenario::PICTURED.map(Scenario::describe);
    let names = Scenario::PICTURED.map(Scenario::name);
    let mut text = format!("| | `{}` | `{}` |\n|---|---|---|\n", names[0], names[1]);
    let about = [
        "pipeline",
        "documents",
        "arrival",
        "bursts",
        "duration of a run",
    ];
    for (about, (one, other)) in about.iter().zip(words[0].iter().zip(&words[1])) {
        let _ = writeln!(text, "| {about} | {one} | {other} |");
    }
    text
}

fn assumptions() -> String {
    let cold_start = options(Scenario::DealDay).endpoint.settings.cold_start;
    let price = |kind| price_of(kind).unwrap();
    format!(
        "- A cold start takes {}, from the decision to add an instance to its first run.\n  \
         This is an assumption: such instances have been seen to take between 5 and 15 minutes. Measure yours, and set `--cold-start`.\n\
         - An hour of `ml.g6.2xlarge` is assumed to cost ${}, one of `ml.g6.xlarge` ${}: {source}.\n  \
         Check your bill, and set `--price`.\n  \
         Requests, storage and logs are not included.\n",
        span(cold_start.0),
        price("ml.g6.2xlarge"),
        price("ml.g6.xlarge"),
        source = price_source(),
    )
}

/// A day with each of its settings changed.
struct Compared {
    all: Vec<Variant>,
    price: f64,
}

impl Compared {
    fn get(&self, label: &str) -> &Variant {
        let found = self.all.iter().find(|variant| variant.label == label);
        found.unwrap_or_else(|| panic!("no variant is called {label}"))
    }

    fn figures_of(&self, label: &str) -> &Figures {
        &self.get(label).figures
    }

    fn cost(&self, label: &str) -> f64 {
        self.figures_of(label).hours() * self.price
    }

    fn longest(&self, label: &str) -> u64 {
        self.figures_of(label).total.max
    }

    fn all_within_slo(&self, label: &str) -> bool {
        let variant = self.get(label);
        variant.figures.within_slo == variant.day.documents.len()
    }

    /// The day with the shipped settings, in two sentences.
    fn figures(&self) -> String {
        let Variant { day, figures, .. } = self.get("unchanged");
        let (one, many) = day.options.scenario.nouns();
        let documents = day.documents.len();
        let kept = if figures.within_slo == documents {
            format!("met for all {many}")
        } else {
            format!("met for {} of {documents} {many}", figures.within_slo)
        };
        let cost = self.cost("unchanged");
        format!(
            "Time to ready: p50 {}, p90 {}, maximum {}. The SLO of {} is {kept}.\n\
             The day costs ${cost:.2}, or {:.0} cents per {one}. Of {:.1} GPU hours, {:.1} are work.\n",
            span(figures.total.p50),
            span(figures.total.p90),
            span(figures.total.max),
            span(day.slo_ms),
            100.0 * cost / documents as f64,
            figures.hours(),
            figures.working as f64 / 3_600_000.0,
        )
    }

    fn p50(&self, label: &str) -> u64 {
        self.figures_of(label).total.p50
    }

    fn p90(&self, label: &str) -> u64 {
        self.figures_of(label).total.p90
    }

    fn deal_day_conclusions(&self) -> String {
        let now = "unchanged";
        let (slow, one) = ("`drain_within_seconds` 1200", "`MaxInstances` 1");
        check(
            "more time to drain saves a third, within the SLO, and so does one instance",
            [slow, one]
                .iter()
                .all(|it| self.all_within_slo(it) && self.cost(it) < self.cost(now) * 2.0 / 3.0),
        );
        let kept = "one kept 8:00–18:00";
        let idle = "`idle_seconds` 1200, `IdleMinutes` 30";
        check(
            "an instance that is kept reduces p50 by minutes; a longer idle time costs more and saves less",
            self.p50(kept) + 120_000 < self.p50(now)
                && self.cost(idle) > self.cost(kept)
                && self.p50(idle) > self.p50(kept),
        );
        let (two, more) = ("`MaxInstances` 2", "`MaxInstances` 8");
        check(
            "two instances cost a fifth less than five for a minute at p90, and eight are no better",
            self.p90(two) < self.p90(now) + 60_000
                && self.cost(two) < 0.8 * self.cost(now)
                && self.longest(more) >= self.longest(now),
        );
        let short = "cold start 3 min";
        check(
            "a cold start that is two minutes shorter reduces the waits by nearly as much, at less cost",
            self.p90(short) + 110_000 < self.p90(now) && self.cost(short) < self.cost(now),
        );
        format!(
            "- **For \"the same day\", a longer time to drain is enough.**\n  \
             `drain_within_seconds` 1200 costs ${:.2} instead of ${:.2}, and p90 is {} instead of {}. `MaxInstances` 1 does about the same.\n\
             - **Two instances cost a fifth less than five** on this day for less than a minute: ${:.2}, p90 {}. Eight are no better.\n\
             - **To reduce waits, keep one instance during business hours**: p50 is {} instead of {}, for ${:.2}. A longer idle time costs more and does less: {} for ${:.2}.\n\
             - **A shorter cold start** reduces waits and cost: two minutes less, p90 {} and ${:.2}.\n",
            self.cost(slow),
            self.cost(now),
            span(self.p90(slow)),
            span(self.p90(now)),
            self.cost(two),
            span(self.p90(two)),
            span(self.p50(kept)),
            span(self.p50(now)),
            self.cost(kept),
            span(self.p50(idle)),
            self.cost(idle),
            span(self.p90(short)),
            self.cost(short),
        )
    }

    fn tuesday_conclusions(&self) -> String {
        let now = "unchanged";
        let (one, two) = ("`MaxInstances` 1", "`MaxInstances` 2");
        let slow = "`MaxInstances` 2, cold start 10 min 40 s";
        check(
            "one instance does not meet the SLO; two do, also with slow cold starts",
            !self.all_within_slo(one) && [two, slow].iter().all(|it| self.all_within_slo(it)),
        );
        let drain = "`drain_within_seconds` 1200";
        check(
            "more time to drain meets the SLO at less cost",
            self.all_within_slo(drain) && self.cost(drain) < 0.9 * self.cost(now),
        );
        let idle = "`idle_seconds` 300, `IdleMinutes` 10";
        check(
            "a longer idle time costs more and does not shorten p90 by a minute",
            self.cost(idle) > 1.1 * self.cost(now) && self.p90(idle) + 60_000 > self.p90(now),
        );
        format!(
            "- **One instance does not meet the SLO; two do.**\n  \
             The maximum wait is {} with one, {} with two, {} with four; with two and cold starts of 10 min 40 s it is {}.\n\
             - **A longer time to drain needs fewer instances**: `drain_within_seconds` 1200 meets the SLO for ${:.2} instead of ${:.2}.\n\
             - **A longer idle time costs more and gains nothing**: bursts are too far apart.\n",
            span(self.longest(one)),
            span(self.longest(two)),
            span(self.longest(now)),
            span(self.longest(slow)),
            self.cost(drain),
            self.cost(now),
        )
    }
}

fn check(what: &str, holds: bool) {
    assert!(
        holds,
        "no longer true, so the conclusions in this file have to be reconsidered: {what}"
    );
}

/// The days of all seeds with AWS's policies and with Docket's controller.
fn compared(scenario: Scenario, cold_start: Millis) -> SideBySide {
    let mut aws = EndpointParameters::parse(&baseline_file(scenario).unwrap()).unwrap();
    aws.settings.cold_start = cold_start;
    let mut options = options(scenario);
    options.endpoint.settings.cold_start = cold_start;
    let objective = objective_of(scenario.pipeline()).unwrap();
    let price = price(&options);
    side_by_side(&options, &aws, objective, SEEDS, price, "as given").unwrap()
}

fn controller() -> String {
    let mut text = "| day, cold start | cost per day | p50 | p90 | maximum | cold starts | idle |\n|---|---|---|---|---|---|---|\n".to_owned();
    let mut longest = String::new();
    let usual = Millis::from_secs(300);
    let mut days: Vec<_> = Scenario::ALL.map(|scenario| (scenario, usual)).into();
    for slow in [640, 900] {
        let of = |scenario| (scenario, Millis::from_secs(slow));
        days.extend(Scenario::ALL.map(of));
    }
    for (scenario, cold_start) in days {
        let found = compared(scenario, cold_start);
        let (aws, docket) = (&found.aws, &found.docket);
        if cold_start == usual {
            let no_longer = docket.p90_s <= aws.p90_s;
            match scenario {
                Scenario::DealDay => {
                    check(
                        "the controller costs at most 0.35 of AWS's policy on the day of deals, at shorter p50, p90 and longest wait",
                        docket.usd <= 0.35 * aws.usd
                            && docket.p50_s < aws.p50_s
                            && docket.p90_s < aws.p90_s
                            && docket.max_s < aws.max_s,
                    );
                    longest = format!(
                        "On {} of {SEEDS} days of deals (cold start 5 min) the longest wait is shorter as well.\n",
                        found.days_with_shorter_max,
                    );
                }
                Scenario::Tuesday => check(
                    "the controller costs at most 0.80 of AWS's policy on the Tuesday, at no longer p90",
                    docket.usd <= 0.80 * aws.usd && no_longer,
                ),
                Scenario::Continuous => check(
                    "a continuous stream costs at most 1.10 of its work and one start",
                    docket.usd <= 1.10 * found.floor_usd,
                ),
                Scenario::Ordinary | Scenario::Busy => {}
            }
        }
        check("the controller keeps the SLO", found.slo_kept);
        let seconds = |value: f64| span((value * 1000.0) as u64);
        let both = |of: &dyn Fn(&PolicyFigures) -> String| format!("{} → {}", of(aws), of(docket));
        let _ = writeln!(
            text,
            "| `{}`, {} | {} | {} | {} | {} | {} | {} |",
            scenario.name(),
            span(cold_start.0),
            both(&|it| format!("${:.2}", it.usd)),
            both(&|it| seconds(it.p50_s)),
            both(&|it| seconds(it.p90_s)),
            both(&|it| seconds(it.max_s)),
            both(&|it| format!("{:.0}", it.cold_starts)),
            both(&|it| format!("{:.0} %", 100.0 * it.idle)),
        );
    }
    text + "\n" + &longest
}

/// The picture of cost against waiting, and what follows from it.
fn cost_against_waiting() -> (String, String) {
    let price = price(&options(Scenario::DealDay));
    let found = frontier(Scenario::DealDay, FRONTIER_SEEDS, price).unwrap();
    let better = |docket: &FrontierPoint, aws: &FrontierPoint| {
        docket.figures.usd < aws.figures.usd && docket.figures.p90_s < aws.figures.p90_s
    };
    let beaten = |aws: &FrontierPoint| found.docket.iter().any(|docket| better(docket, aws));
    let rest: Vec<_> = found.aws.iter().filter(|aws| !beaten(aws)).collect();
    check(
        "most settings of AWS's policies are beaten by one of Docket's",
        10 * rest.len() <= found.aws.len(),
    );
    let shipped = found.docket.iter().find(|it| it.is_default).unwrap();
    let by_shipped = found.aws.iter().filter(|aws| better(shipped, aws)).count();
    let labels: Vec<_> = rest.iter().map(|aws| aws.label.as_str()).collect();
    let exceptions = if labels.is_empty() {
        String::new()
    } else {
        format!(" (all but {})", labels.join(" and "))
    };
    let text = format!(
        "Each dot is one setting on the day of deals, over {FRONTIER_SEEDS} seeds: targets of 1 to 20 with `IdleMinutes` of 5 to 30, and times to drain of 5 to 30 minutes with `idle_seconds` of 0 to 1,800.\n\
         Of AWS's {} settings, {} cost more and wait longer (p90) than one of Docket's{exceptions}, and {by_shipped} than the one that ships. A kept instance, warm hours and other limits are not varied.\n",
        found.aws.len(),
        found.aws.len() - rest.len(),
    );
    (frontier_picture(&found), text)
}

/// How well the estimates of when jobs are ready hold.
fn ready_by() -> String {
    let mut text = "| day | held | held without counted instances | baseline held | mean error | baseline's | broken SLOs | warned |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let check = |conclusion: &str, holds: bool| assert!(holds, "no longer true: {conclusion}");
    let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
    let mut all = Calibration::default();
    for kind in CALIBRATION_DAYS {
        let mut found = Calibration::default();
        for seed in 1..=10 {
            let day = day_with_faults(kind, seed).unwrap();
            assert_eq!(day.violations, Vec::<String>::new(), "seed {seed}");
            found.add(&day);
            all.add(&day);
        }
        check(
            "the estimate beats the baseline",
            found.error_ms < found.baseline_error_ms,
        );
        check(
            "95 % of broken SLOs are known 10 minutes before",
            found.warned as f64 >= 0.95 * found.broken as f64,
        );
        let percent = |part, all| format!("{:.0} %", 100.0 * share(part, all));
        let mean = |sum: u64| span(sum / found.documents.max(1));
        let limit = kind
            .max_instances
            .map_or_else(String::new, |max| format!(", `MaxInstances` {max}"));
        let _ = writeln!(
            text,
            "| `{}`{limit} | {} | {} | {} | {} | {} | {} | {} |",
            kind.scenario.name(),
            percent(found.held, found.documents),
            percent(found.inferred_held, found.inferred),
            percent(found.baseline_held, found.documents),
            mean(found.error_ms),
            mean(found.baseline_error_ms),
            found.broken,
            found.warned
        );
    }
    // Of all days: those of one kind are too few documents for a bound.
    check(
        "the range holds for about nine of ten",
        (0.85..=0.95).contains(&share(all.held, all.documents)),
    );
    text
}
