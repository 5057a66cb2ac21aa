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

/// What is checked of a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checked {
    documents: u64,
    bytes: u64,
    pages: u64,
    documents_with_pages: u64,
}

/// By tenant and hour, which is the time at which it begins.
type Sums = BTreeMap<(String, u64), Checked>;

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
    let mut expected = Sums::new();
    for row in table.rows() {
        let hour = row.job.created_at.0 / HOUR * HOUR;
        if hour < counted_until && !is_preliminary(hour) {
            let sums = expected.entry((row.job.tenant.to_string(), hour));
            let sums = sums.or_default();
            sums.documents += 1;
            sums.bytes += row.job.input.bytes;
            // As the model wrote them, not as the row has them.
            let has_result = row.job.results().next().is_some();
            if let Some(pages) = container::pages(row.job.id).filter(|_| has_result) {
                sums.pages += u64::from(pages);
                sums.documents_with_pages += 1;
            }
        }
    }
    let mut stored = stored(records);
    stored.retain(|(_, hour), _| !is_preliminary(*hour));
    let hours: BTreeSet<_> = expected.keys().chain(stored.keys()).collect();
    for of in hours {
        let (expected, stored) = (expected.get(of), stored.get(of));
        if expected != stored {
            let (tenant, hour) = of;
            env.violation(USAGE, || {
                format!("{tenant}, hour {hour}: {expected:?} in rows, {stored:?} counted")
            });
        }
    }
}

fn stored(records: &KeyValueMap) -> Sums {
    let mut sums = Sums::new();
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
            let checked = Checked {
                documents: sum("documents"),
                bytes: sum("bytes"),
                pages: sum("pages"),
                documents_with_pages: sum("documents_with_pages"),
            };
            sums.insert((tenant.to_owned(), at), checked);
        }
    }
    sums
}
