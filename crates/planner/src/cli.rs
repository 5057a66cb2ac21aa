//! The command line of `planner`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use async_endpoint::{EndpointParameters, Millis};
use capacity_plan::{price_of, price_source};
use jobs::capacity::Objective;

use crate::calibration::{CALIBRATION_DAYS, Calibration, day_with_faults};
use crate::compare::{table, variants};
use crate::day::{Day, Excerpt, ReplayOptions};
use crate::live::{live_excerpt, live_plan};
use crate::noisy_neighbor::{DOCUMENTS_OF_A, noisy_neighbor};
use crate::parameters::{with, with_warm_hours};
use crate::picture::picture;
use crate::plan_check::{PLAN_CHECK_SEEDS, PlanCheckSummary, check_plans};
use crate::replay::{objective_of, replay};
use crate::report::report;
use crate::scenario::Scenario;
use crate::side_by_side::{baseline_file, side_by_side};
use crate::units::MINUTE;

const USAGE: &str = "\
planner replay deal-day|tuesday|ordinary|busy|continuous [OPTION]...
    replays a day through the real handlers and the model of the endpoint, in virtual time and without faults

    --seed N              another day of the same kind (1)
    --jobs N              the number of documents (300 contracts, 40 batches)
    --run SECONDS         the median duration of a run (45, 600)
    --parameters FILE     the endpoint's parameter file, instead of the one in infra/endpoints
    --set NAME=VALUE      one parameter of it, by its name there, such as MinInstances=1
    --cold-start SECONDS  from the decision to add an instance to its first run (300)
    --warm H:MM-H:MM      keep one instance in these hours: WarmInstances=1 on all days, WarmFrom and WarmUntil
    --price USD           of an instance-hour
    --bursts N            only the first N bursts, with the figures of each
    --max-gap MINUTES     cut longer gaps between the beginnings of two bursts to this (with --bursts; 1440)
    --picture FILE        write queue, instances and waiting times as an SVG
    --seeds N             also replay the days of seeds 1 to N with AWS's policies as shipped before and with Docket's
                          controller, side by side; the last line is JSON
    --drain-within SECONDS, --idle SECONDS
                          the controller's objective, instead of the one in infra/pipelines.toml
    --compare             print what each setting does to the day, as a Markdown table

planner hog [--seed N]
    replays the noisy neighbor: one tenant uploads a thousand documents, another one a single document; the last line is JSON

planner bench-ready-by [--seed N] [--seeds N]
    replays days with faults and measures how well the estimates of when jobs are ready hold; the last line is JSON

planner bench-plan [--seed N] [--seeds N]
    compares the plans of `docket plan` with the replay, on held-out days; the last line is JSON

planner live-plan SCENARIO --output FILE [--seed N] [--bursts N]
    writes the plan of a live replay, which `devstack replay FILE` carries out";

/// Marks the process that does the work. Its standard output is discarded, because the product's metrics go there; it
/// writes the result to standard error, and the first process prints that.
const WORKER: &str = "--worker";

enum CliCommand {
    Replay(Box<ReplayCommand>),
    NoisyNeighbor {
        seed: u64,
    },
    BenchReadyBy {
        seeds: std::ops::Range<u64>,
    },
    BenchPlan {
        seeds: std::ops::Range<u64>,
    },
    LivePlan {
        options: Box<ReplayOptions>,
        output: PathBuf,
    },
}

struct ReplayCommand {
    options: ReplayOptions,
    file: String,
    price: f64,
    price_source: String,
    picture: Option<PathBuf>,
    compare: bool,
    side_by_side: Option<SideBySideOptions>,
}

struct SideBySideOptions {
    seeds: u64,
    aws: EndpointParameters,
    objective: Objective,
}

/// Runs `planner` with its arguments.
pub fn run(arguments: &[String]) -> ExitCode {
    if arguments.first().is_some_and(|word| word == WORKER) {
        return match work(&arguments[1..]) {
            Ok((text, true)) => print_error(&text, ExitCode::SUCCESS),
            Ok((text, false)) => print_error(&text, ExitCode::FAILURE),
            Err(problem) => print_error(&format!("planner: {problem}\n"), ExitCode::FAILURE),
        };
    }
    if let Err(problem) = parse(arguments) {
        return print_error(&format!("planner: {problem}\n{USAGE}\n"), ExitCode::from(2));
    }
    let Ok(output) = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .arg(WORKER)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
    }) else {
        return print_error("planner: cannot start itself\n", ExitCode::FAILURE);
    };
    if output.status.success() {
        let _ = std::io::stdout().lock().write_all(&output.stderr);
        ExitCode::SUCCESS
    } else {
        let _ = std::io::stderr().lock().write_all(&output.stderr);
        ExitCode::FAILURE
    }
}

fn print_error(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    code
}

/// Returns the text to print, and whether all guarantees of the service held.
fn work(arguments: &[String]) -> Result<(String, bool), String> {
    match parse(arguments)? {
        CliCommand::Replay(command) if command.compare => {
            let variants = variants(&command.options, &command.file)?;
            Ok((table(&variants, command.price), true))
        }
        CliCommand::Replay(command) => {
            let day = replay(&command.options).map_err(|error| error.to_string())?;
            let mut text = report(&day, command.price, &command.price_source);
            if let Some(file) = &command.picture {
                write(file, &picture(&day))?;
                text.push_str(&format!("\npicture     {}\n", file.display()));
            }
            if let Some(compared) = &command.side_by_side {
                text.push_str(&compare(&command, compared)?);
            }
            Ok((text, day.violations.is_empty()))
        }
        CliCommand::NoisyNeighbor { seed } => {
            let day = noisy_neighbor(seed, DOCUMENTS_OF_A).map_err(|error| error.to_string())?;
            let json = serde_json::to_string(&day).map_err(|error| error.to_string())?;
            Ok((format!("{json}\n"), true))
        }
        CliCommand::BenchPlan { seeds } => bench_plan(seeds).map(|text| (text, true)),
        CliCommand::BenchReadyBy { seeds } => bench_ready_by(&seeds).map(|text| (text, true)),
        CliCommand::LivePlan { options, output } => {
            let day = replay(&options).map_err(|error| error.to_string())?;
            write_live_plan(&day, &output)?;
            Ok((String::new(), true))
        }
    }
}

fn compare(command: &ReplayCommand, options: &SideBySideOptions) -> Result<String, String> {
    let SideBySideOptions {
        seeds,
        aws,
        objective,
    } = options;
    let found = side_by_side(
        &command.options,
        aws,
        *objective,
        *seeds,
        command.price,
        &command.price_source,
    )
    .map_err(|error| error.to_string())?;
    let json = serde_json::to_string(&found).map_err(|error| error.to_string())?;
    Ok(format!("\n{}{json}\n", found.describe()))
}

fn write_live_plan(day: &Day, output: &Path) -> Result<(), String> {
    if let Some(violation) = day.violations.first() {
        return Err(format!("the simulation violates a guarantee: {violation}"));
    }
    let json = serde_json::to_string_pretty(&live_plan(day)).map_err(|error| error.to_string())?;
    write(output, &format!("{json}\n"))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let folder = file.parent().filter(|folder| *folder != "");
    folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(file, text))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn parse(arguments: &[String]) -> Result<CliCommand, String> {
    let mut words = arguments.iter();
    let command = words.next().map_or("", String::as_str);
    if command == "hog" {
        let seeds = parse_seeds(command, words, 1..2)?;
        return Ok(CliCommand::NoisyNeighbor { seed: seeds.start });
    }
    if command == "bench-ready-by" {
        return parse_seeds(command, words, 1..201).map(|seeds| CliCommand::BenchReadyBy { seeds });
    }
    if command == "bench-plan" {
        return parse_seeds(command, words, PLAN_CHECK_SEEDS)
            .map(|seeds| CliCommand::BenchPlan { seeds });
    }
    if !["replay", "live-plan"].contains(&command) {
        return Err(format!(
            "the command is replay or live-plan, not {command:?}"
        ));
    }
    let name = words.next().map_or("", String::as_str);
    let Some(scenario) = Scenario::ALL.into_iter().find(|known| known.name() == name) else {
        let names = Scenario::ALL.map(Scenario::name).join(", ");
        return Err(format!("a day is one of {names}, not {name:?}"));
    };
    let options = ReplayOptions::new(scenario).map_err(|error| error.to_string())?;
    if command == "replay" {
        parse_replay(options, words).map(|it| CliCommand::Replay(Box::new(it)))
    } else {
        parse_live_plan(options, words)
    }
}

fn parse_seeds<'a>(
    command: &str,
    mut words: impl Iterator<Item = &'a String>,
    default: std::ops::Range<u64>,
) -> Result<std::ops::Range<u64>, String> {
    let (mut first, mut count) = (default.start, default.end - default.start);
    while let Some(word) = words.next() {
        let value = value_of(word, words.next())?;
        match word.as_str() {
            "--seed" => first = number(word, value)?,
            "--seeds" => count = number(word, value)?,
            _ => return Err(format!("{word} is not an option of {command}")),
        }
    }
    if count == 0 {
        return Err("--seeds is at least 1".to_owned());
    }
    Ok(first..first + count)
}

fn bench_plan(seeds: std::ops::Range<u64>) -> Result<String, String> {
    let days = check_plans(seeds).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for day in &days {
        text.push_str(&format!("{}\n", day.describe()));
    }
    let summary = PlanCheckSummary::of(&days);
    let json = serde_json::to_string(&summary).map_err(|error| error.to_string())?;
    Ok(format!("{text}{json}\n"))
}

fn bench_ready_by(seeds: &std::ops::Range<u64>) -> Result<String, String> {
    let mut text = String::new();
    let mut all = Calibration::default();
    for kind in CALIBRATION_DAYS {
        let mut of_kind = Calibration::default();
        for seed in seeds.clone() {
            let day = day_with_faults(kind, seed).map_err(|error| error.to_string())?;
            if let Some(violation) = day.violations.first() {
                return Err(format!(
                    "seed {seed}: the simulation violates a guarantee: {violation}"
                ));
            }
            of_kind.add(&day);
        }
        let name = kind.scenario.name();
        let limit = kind
            .max_instances
            .map_or_else(String::new, |max| format!(" (at most {max})"));
        text.push_str(&format!("{name}{limit}: {}\n", of_kind.describe()));
        all = all.plus(&of_kind);
    }
    text.push_str(&format!("all: {}\n", all.describe()));
    let json = serde_json::to_string(&all.summary()).map_err(|error| error.to_string())?;
    Ok(format!("{text}{json}\n"))
}

fn parse_live_plan<'a>(
    mut options: ReplayOptions,
    mut words: impl Iterator<Item = &'a String>,
) -> Result<CliCommand, String> {
    let mut excerpt = live_excerpt(options.scenario);
    let mut output = None;
    while let Some(word) = words.next() {
        let value = value_of(word, words.next())?;
        match word.as_str() {
            "--seed" => options.seed = number(word, value)?,
            "--bursts" => excerpt.bursts = number(word, value)?,
            "--output" => output = Some(PathBuf::from(value)),
            _ => return Err(format!("{word} is not an option of live-plan")),
        }
    }
    if excerpt.bursts == 0 {
        return Err("--bursts is at least 1".to_owned());
    }
    options.excerpt = Some(excerpt);
    let output = output.ok_or("live-plan needs --output FILE")?;
    let options = Box::new(options);
    Ok(CliCommand::LivePlan { options, output })
}

fn parse_replay<'a>(
    mut options: ReplayOptions,
    mut words: impl Iterator<Item = &'a String>,
) -> Result<ReplayCommand, String> {
    let mut file = options.scenario.parameters().to_owned();
    let mut aws = baseline_file(options.scenario)?;
    let (mut seeds, mut drain_within, mut idle) = (None, None, None);
    let (mut sets, mut warm, mut cold_start) = (Vec::new(), None, None);
    let (mut price, mut picture, mut compare) = (None, None, false);
    let (mut bursts, mut max_gap) = (None, None);
    while let Some(word) = words.next() {
        if word == "--compare" {
            compare = true;
            continue;
        }
        let value = value_of(word, words.next())?;
        match word.as_str() {
            "--seed" => options.seed = number(word, value)?,
            "--seeds" => seeds = Some(number(word, value)?),
            "--drain-within" => drain_within = Some(positive_seconds(word, value)?),
            "--idle" => idle = Some(Duration::from_secs(number(word, value)?)),
            "--jobs" => options.documents = number(word, value)?,
            "--run" => options.run_seconds = number(word, value)?,
            "--cold-start" => cold_start = Some(Millis::from_secs(number(word, value)?)),
            "--price" => price = Some(number(word, value)?),
            "--bursts" => bursts = Some(number(word, value)?),
            "--max-gap" => max_gap = Some(number(word, value)?),
            "--picture" => picture = Some(PathBuf::from(value)),
            "--warm" => warm = Some(hours(value)?),
            "--set" => sets.push(value),
            "--parameters" => {
                file =
                    std::fs::read_to_string(value).map_err(|error| format!("{value}: {error}"))?;
                // Without `Scaling` it means the same.
                aws = with(&file, "Scaling", "aws").unwrap_or_else(|_| file.clone());
            }
            _ => return Err(format!("{word} is not an option of replay")),
        }
    }
    if let Some((from, until)) = warm {
        file = with_warm_hours(&file, from, until)?;
        aws = with_warm_hours(&aws, from, until)?;
    }
    for set in sets {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| format!("--set takes NAME=VALUE, not {set:?}"))?;
        file = with(&file, key, value)?;
        aws = with(&aws, key, value)?;
    }
    let endpoint = |file: &str| {
        let mut read = EndpointParameters::parse(file).map_err(|error| error.to_string())?;
        if let Some(cold_start) = cold_start {
            read.settings.cold_start = cold_start;
        }
        Ok::<_, String>(read)
    };
    options.endpoint = endpoint(&file)?;
    let mut objective =
        objective_of(options.scenario.pipeline()).map_err(|error| error.to_string())?;
    objective.drain_within = drain_within.unwrap_or(objective.drain_within);
    objective.idle = idle.unwrap_or(objective.idle);
    if options.endpoint.docket_scales {
        options = options.scaled_by_docket(objective);
    } else if seeds.is_none() && (drain_within.is_some() || idle.is_some()) {
        return Err("--drain-within and --idle need --seeds or Scaling=docket".to_owned());
    }
    let side_by_side = match seeds {
        None => None,
        Some(0) => return Err("--seeds is at least 1".to_owned()),
        Some(seeds) => Some(SideBySideOptions {
            seeds,
            aws: endpoint(&aws)?,
            objective,
        }),
    };
    if options.documents == 0 {
        return Err("--jobs is at least 1".to_owned());
    }
    options.excerpt = excerpt(bursts, max_gap)?;
    let (price, price_source) = match (price, price_of(&options.endpoint.instance_type)) {
        (Some(price), _) => (price, "as given".to_owned()),
        (None, Some(price)) => (price, price_source()),
        (None, None) => {
            let kind = &options.endpoint.instance_type;
            return Err(format!("the price of {kind} is not known: give --price"));
        }
    };
    Ok(ReplayCommand {
        options,
        file,
        price,
        price_source,
        picture,
        compare,
        side_by_side,
    })
}

fn excerpt(bursts: Option<u32>, max_gap: Option<u32>) -> Result<Option<Excerpt>, String> {
    match (bursts, max_gap) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("--max-gap needs --bursts".to_owned()),
        (Some(0), _) => Err("--bursts is at least 1".to_owned()),
        (Some(bursts), minutes) => Ok(Some(Excerpt {
            bursts,
            max_gap_ms: u64::from(minutes.unwrap_or(24 * 60)) * MINUTE,
        })),
    }
}

fn value_of<'a>(word: &str, value: Option<&'a String>) -> Result<&'a String, String> {
    value.ok_or_else(|| format!("{word} needs a value"))
}

fn number<T: std::str::FromStr>(word: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{word} needs a number, not {value:?}"))
}

fn positive_seconds(word: &str, value: &str) -> Result<Duration, String> {
    match number(word, value)? {
        0 => Err(format!("{word} is at least 1 second")),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn hours(value: &str) -> Result<(&str, &str), String> {
    let hours = value.split_once('-');
    let hours = hours.filter(|(from, until)| from.contains(':') && until.contains(':'));
    hours.ok_or_else(|| format!("--warm takes hours such as 7:30-19:30, not {value:?}"))
}
