//! Values of options that need more than their type to be read.

use jobs::labels;
use jobs::lane::{Lane, UnknownLane};

use crate::config;
use crate::print;

pub(super) fn lane(name: &str) -> Result<Lane, UnknownLane> {
    name.parse()
}

/// A reference or the name of a batch, as the service takes it.
pub(super) fn label(text: &str) -> Result<String, String> {
    labels::check_text(text).map_err(|problem| problem.to_string())
}

pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (name, value) = pair.ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn time(text: &str) -> Result<u64, String> {
    print::parse_time(text, config::now())
}

/// A number and a unit: m, h or d. In milliseconds.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let minutes = |unit: char| match unit {
        'm' => Some(1),
        'h' => Some(60),
        'd' => Some(1440),
        _ => None,
    };
    let parsed = text.char_indices().next_back().and_then(|(at, unit)| {
        let count: u32 = text.get(..at)?.parse().ok()?;
        Some(u64::from(count) * minutes(unit)? * 60_000)
    });
    let parsed = parsed.filter(|duration| *duration > 0);
    parsed.ok_or_else(|| "write it as 30m, 2h or 7d".to_owned())
}
