//! At rest: the usage that was counted of an hour is that of its rows.

use std::collections::{BTreeMap, BTreeSet};

use api::usage::Month;
use serde_json::Value;
use testkit::key_value_map::KeyValueMap;

use super::guarantees::USAGE;
use crate::container;
use crate::environment::SimulationEnvironment;
use crate::table::JobTable;
use crate::time::HOUR;

/// By tenant and hour, which is the time at which it begins.
type ByHour<T> = BTreeMap<(String, u64), T>;

/// Of how many documents the pages are known, and how many pages these are.
#[derive(Clone, Copy, Debug, Default)]
struct KnownPages {
    documents: u64,
    pages: u64,
}

impl KnownPages {
    fn add(&mut self, pages: u32) {
        self.documents += 1;
        self.pages += u64::from(pages);
    }

    fn is_within(self, most: Self) -> bool {
        self.documents <= most.documents && self.pages <= most.pages
    }
}

/// What the rows of an hour say.
#[derive(Debug, Default)]
struct HourInRows {
    documents: u64,
    bytes: u64,
    /// Of the jobs that have not changed since the hour was first counted.
    at_least: KnownPages,
    /// Of all: a job that became ready later is counted again after a day.
    at_most: KnownPages,
}

/// The usage of an hour as the service counted it.
#[derive(Debug)]
struct CountedHour {
    documents: u64,
    bytes: u64,
    pages: KnownPages,
}

impl CountedHour {
    fn fits(&self, expected: &HourInRows) -> bool {
        (self.documents, self.bytes) == (expected.documents, expected.bytes)
            && expected.at_least.is_within(self.pages)
            && self.pages.is_within(expected.at_most)
    }
}

pub(crate) fn check_at_rest(
    env: &mut SimulationEnvironment,
    records: &KeyValueMap,
    table: &JobTable,
) {
    let progress = records.get("usage#progress", "progress");
    let progress = progress.and_then(|it| serde_json::from_str::<Value>(&it.body).ok());
    let Some(progress) = progress else { return };
    let counted_until = progress["next"].as_u64().unwrap_or_default();
    // Its rows could not all be read, those of a newer release for example: it is counted again within an hour.
    let is_preliminary = |hour: u64| {
        let again = progress["again"][hour.to_string()].as_u64();
        again.is_some_and(|at| at <= env.wall().0 + HOUR)
    };
    let mut expected: ByHour<HourInRows> = ByHour::new();
    for row in table.rows() {
        let hour = row.job.created_at.0 / HOUR * HOUR;
        if hour < counted_until && !is_preliminary(hour) {
            let of_hour = expected.entry((row.job.tenant.to_string(), hour));
            let of_hour = of_hour.or_default();
            of_hour.documents += 1;
            of_hour.bytes += row.job.input.bytes;
            // The pages that the model wrote, not those in the row.
            let has_result = row.job.results().next().is_some();
            if let Some(pages) = container::pages(row.job.id).filter(|_| has_result) {
                of_hour.at_most.add(pages);
                if row.job.updated_at.0 < hour + HOUR {
                    of_hour.at_least.add(pages);
                }
            }
        }
    }
    let mut stored = stored(records);
    stored.retain(|(_, hour), _| !is_preliminary(*hour));
    let hours: BTreeSet<_> = expected.keys().chain(stored.keys()).collect();
    for of in hours {
        let (expected, stored) = (expected.get(of), stored.get(of));
        let fits = match (expected, stored) {
            (Some(expected), Some(stored)) => stored.fits(expected),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !fits {
            let (tenant, hour) = of;
            env.violation(USAGE, || {
                format!("{tenant}, hour {hour}: {expected:?} in rows, {stored:?} counted")
            });
        }
    }
}

fn stored(records: &KeyValueMap) -> ByHour<CountedHour> {
    let mut sums = ByHour::new();
    for (collection, key, record) in records.iter() {
        let month = collection.strip_prefix("usage#");
        let Some(month) = month.and_then(|month| month.parse::<Month>().ok()) else {
            continue;
        };
        let (tenant, day) = key.rsplit_once('#').unwrap_or_default();
        let begins_at = month.start().0 + (day.parse::<u64>().unwrap_or(1) - 1) * 24 * HOUR;
        let body: Value = serde_json::from_str(&record.body).unwrap_or_default();
        for (hour, of_hour) in body["hours"].as_object().into_iter().flatten() {
            let sum = |name: &str| {
                let each = of_hour.as_array().into_iter().flatten();
                each.filter_map(|sum| sum[name].as_u64()).sum()
            };
            let at = begins_at + hour.parse::<u64>().unwrap_or_default() * HOUR;
            let counted = CountedHour {
                documents: sum("documents"),
                bytes: sum("bytes"),
                pages: KnownPages {
                    documents: sum("documents_with_pages"),
                    pages: sum("pages"),
                },
            };
            sums.insert((tenant.to_owned(), at), counted);
        }
    }
    sums
}
