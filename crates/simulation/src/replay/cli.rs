//! `simulate replay`: the command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use async_endpoint::{EndpointParameters, Millis};
use serde_json::Value;

use super::compare::{table, variants};
use super::{Excerpt, Options, Scenario, picture, replay, report};
use crate::world::MINUTE;

const USAGE: &str = "\
simulate replay deal-day|tuesday [OPTION]...
    replays a day through the real handlers and the model of the endpoint, in virtual time and without faults

    --seed N              another day of the same kind (1)
    --jobs N              so many documents (300 contracts, 40 batches)
    --run SECONDS         what a run takes in the middle (45, 600)
    --parameters FILE     the endpoint's parameter file, instead of the one in infra/endpoints
    --set NAME=VALUE      one parameter of it, by its name there, such as MinInstances=1
    --cold-start SECONDS  from the decision to add an instance to its first run (300)
    --warm H:MM-H:MM      one instance is kept in these hours: WarmInstances=1 with all days, WarmFrom and WarmUntil
    --price USD           of an instance-hour
    --bursts N            only the first so many bursts, and what became of each
    --longest-gap MINUTES what is longer between the beginnings of two bursts is cut (with --bursts; 1440)
    --picture FILE        writes queue, instances and waiting times as an SVG
    --compare             prints what each setting does to the day, as a table in Markdown";

/// What an instance-hour costs on demand in us-east-1, in dollars, and where that is from. AWS does not say it offline:
/// these are the figures that most calculators had in 2025 and 2026. A bill knows better.
const PRICES: [(&str, f64); 2] = [("ml.g5.xlarge", 1.408), ("ml.g5.2xlarge", 1.515)];
const SOURCE: &str = "us-east-1 on demand as published elsewhere, 2025-2026; not checked with AWS";

/// What an hour of an instance type is taken to cost, in dollars, if that is known here.
pub fn price_of(instance_type: &str) -> Option<f64> {
    let known = PRICES.iter().find(|(kind, _)| *kind == instance_type);
    known.map(|(_, price)| *price)
}

/// The word that says that this process is the one that works. Its standard output is thrown away, since the product's
/// metrics go there; it says on standard error what the first process then prints.
const WORKER: &str = "--worker";

struct Order {
    options: Options,
    /// The parameter file.
    file: String,
    price: f64,
    source: &'static str,
    picture: Option<PathBuf>,
    compare: bool,
}

/// Runs the command with the words after `replay`.
pub fn run(words: &[String]) -> ExitCode {
    if words.first().is_some_and(|word| word == WORKER) {
        return match work(&words[1..]) {
            Ok((said, true)) => tell(&said, ExitCode::SUCCESS),
            Ok((said, false)) => tell(&said, ExitCode::FAILURE),
            Err(problem) => tell(&format!("simulate replay: {problem}\n"), ExitCode::FAILURE),
        };
    }
    if let Err(problem) = parse(words) {
        return tell(
            &format!("simulate replay: {problem}\n{USAGE}\n"),
            ExitCode::from(2),
        );
    }
    let Ok(output) = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["replay", WORKER])
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
    }) else {
        return tell("simulate replay: cannot start itself\n", ExitCode::FAILURE);
    };
    if output.status.success() {
        let _ = std::io::stdout().lock().write_all(&output.stderr);
        ExitCode::SUCCESS
    } else {
        let _ = std::io::stderr().lock().write_all(&output.stderr);
        ExitCode::FAILURE
    }
}

fn tell(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    code
}

/// What is to be printed, and whether every promise of the service was kept.
fn work(words: &[String]) -> Result<(String, bool), String> {
    let order = parse(words)?;
    if order.compare {
        let variants = variants(&order.options, &order.file)?;
        return Ok((table(&variants, order.price), true));
    }
    let day = replay(&order.options).map_err(|error| error.to_string())?;
    if let Some(file) = &order.picture {
        let folder = file.parent().filter(|folder| *folder != "");
        folder
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(file, picture(&day)))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let mut said = report(&day, order.price, order.source);
    if let Some(file) = &order.picture {
        said.push_str(&format!("\npicture     {}\n", file.display()));
    }
    Ok((said, day.violations.is_empty()))
}

fn parse(words: &[String]) -> Result<Order, String> {
    let mut words = words.iter();
    let name = words.next().map_or("", String::as_str);
    let Some(scenario) = Scenario::ALL.into_iter().find(|known| known.name() == name) else {
        return Err(format!("a day is deal-day or tuesday, not {name:?}"));
    };
    let mut options = Options::new(scenario).map_err(|error| error.to_string())?;
    let mut file = scenario.parameters().to_owned();
    let (mut sets, mut warm, mut cold_start) = (Vec::new(), None, None);
    let (mut price, mut picture, mut compare) = (None, None, false);
    let (mut bursts, mut longest_gap) = (None, None);
    while let Some(word) = words.next() {
        if word == "--compare" {
            compare = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--seed" => options.seed = number(word, value)?,
            "--jobs" => options.documents = number(word, value)?,
            "--run" => options.run_seconds = number(word, value)?,
            "--cold-start" => cold_start = Some(Millis::from_secs(number(word, value)?)),
            "--price" => price = Some(number(word, value)?),
            "--bursts" => bursts = Some(number(word, value)?),
            "--longest-gap" => longest_gap = Some(number(word, value)?),
            "--picture" => picture = Some(PathBuf::from(value)),
            "--warm" => warm = Some(hours(value)?),
            "--set" => sets.push(value),
            "--parameters" => {
                file =
                    std::fs::read_to_string(value).map_err(|error| format!("{value}: {error}"))?;
            }
            _ => return Err(format!("{word} is not understood")),
        }
    }
    if let Some((from, until)) = warm {
        file = with_one_kept(&file, from, until)?;
    }
    for set in sets {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| format!("--set takes NAME=VALUE, not {set:?}"))?;
        file = with(&file, key, value)?;
    }
    options.endpoint = EndpointParameters::parse(&file).map_err(|error| error.to_string())?;
    if let Some(cold_start) = cold_start {
        options.endpoint.settings.cold_start = cold_start;
    }
    if options.documents == 0 {
        return Err("--jobs is at least 1".to_owned());
    }
    options.excerpt = excerpt(bursts, longest_gap)?;
    let (price, source) = match (price, price_of(&options.endpoint.instance_type)) {
        (Some(price), _) => (price, "as given"),
        (None, Some(price)) => (price, SOURCE),
        (None, None) => {
            let kind = &options.endpoint.instance_type;
            return Err(format!("what {kind} costs is not known here: give --price"));
        }
    };
    Ok(Order {
        options,
        file,
        price,
        source,
        picture,
        compare,
    })
}

fn excerpt(bursts: Option<u32>, longest_gap: Option<u32>) -> Result<Option<Excerpt>, String> {
    match (bursts, longest_gap) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("--longest-gap needs --bursts".to_owned()),
        (Some(0), _) => Err("--bursts is at least 1".to_owned()),
        (Some(bursts), minutes) => Ok(Some(Excerpt {
            bursts,
            longest_gap: u64::from(minutes.unwrap_or(24 * 60)) * MINUTE,
        })),
    }
}

fn number<T: std::str::FromStr>(word: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{word} needs a number, not {value:?}"))
}

fn hours(value: &str) -> Result<(&str, &str), String> {
    let hours = value.split_once('-');
    let hours = hours.filter(|(from, until)| from.contains(':') && until.contains(':'));
    hours.ok_or_else(|| format!("--warm takes hours such as 7:30-19:30, not {value:?}"))
}

/// A parameter file with one instance kept in these hours of every day.
pub(super) fn with_one_kept(file: &str, from: &str, until: &str) -> Result<String, String> {
    let file = with(file, "WarmInstances", "1")?;
    let file = with(&file, "WarmDays", "MON-SUN")?;
    let file = with(&file, "WarmFrom", from)?;
    with(&file, "WarmUntil", until)
}

/// A parameter file with another value. The parameter must be there: a name that nobody reads would change nothing.
pub(super) fn with(file: &str, key: &str, value: &str) -> Result<String, String> {
    let mut rows: Value = serde_json::from_str(file).map_err(|error| error.to_string())?;
    let row = rows
        .as_array_mut()
        .into_iter()
        .flatten()
        .find(|row| row["ParameterKey"] == key)
        .ok_or_else(|| format!("the parameter file has no {key}"))?;
    row["ParameterValue"] = value.into();
    Ok(rows.to_string())
}
