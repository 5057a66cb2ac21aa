//! The uploads of a day, drawn from its seed.

use async_endpoint::Rng;

use crate::day::{Excerpt, ReplayOptions};
use crate::scenario::Shape;
use crate::units::{MINUTE, SECOND};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// A document that is going to be uploaded.
#[derive(Debug)]
pub(crate) struct UploadArrival {
    /// Documents that arrive together share a number, from 1 on.
    pub(crate) burst: u32,
    /// When its upload is complete, in milliseconds since midnight.
    pub(crate) at: u64,
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// How long a run of the model on it takes.
    pub(crate) model_ms: u64,
}

/// The uploads of a day, the earliest first.
pub(crate) fn arrivals(options: &ReplayOptions, prefix: &str, rng: &mut Rng) -> Vec<UploadArrival> {
    let shape = options.scenario.shape();
    let sizes = sizes(options.documents, shape.burst, rng);
    let weights = minutes(&shape);
    let mut arrivals = Vec::new();
    for ((number, size), burst) in sizes.iter().enumerate().zip(1..) {
        let start = time_in_part(&weights, number as u64, sizes.len() as u64, rng);
        let tenant = TENANTS[usize::try_from(rng.up_to(2)).unwrap_or(0)];
        for _ in 0..*size {
            let at = start + rng.up_to(shape.burst_ms);
            let (min, max) = shape.bytes;
            let bytes = min + rng.up_to(max - min);
            let per_mille = if shape.by_size {
                (bytes - min) * 1000 / (max - min)
            } else {
                rng.up_to(1000)
            };
            let per_100_000 = shape.run_percent.0 * 1000
                + (shape.run_percent.1 - shape.run_percent.0) * per_mille;
            arrivals.push(UploadArrival {
                burst,
                at,
                key: format!("{prefix}{tenant}/{}.pdf", arrivals.len() + 1),
                bytes,
                model_ms: u64::from(options.run_seconds) * SECOND * per_100_000 / 100_000,
            });
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// The sizes of the bursts: within the limits where the number of documents allows it.
fn sizes(documents: u32, (min, max): (u32, u32), rng: &mut Rng) -> Vec<u32> {
    let middle = u32::midpoint(min, max);
    let count = ((documents + middle / 2) / middle).max(1);
    let mut sizes = vec![documents.min(min * count) / count; count as usize];
    for _ in sizes.iter().sum::<u32>()..documents {
        let open: Vec<usize> = (0..sizes.len()).filter(|at| sizes[*at] < max).collect();
        let pick = |rng: &mut Rng, n: usize| usize::try_from(rng.up_to(n as u64 - 1)).unwrap_or(0);
        let at = match open.len() {
            0 => pick(rng, sizes.len()),
            n => open[pick(rng, n)],
        };
        sizes[at] += 1;
    }
    sizes
}

/// Every minute in which a burst may begin: four times, or once during the dip, so that a uniform draw is weighted.
fn minutes(shape: &Shape) -> Vec<u64> {
    let all = (shape.hours.0 / MINUTE)..(shape.hours.1 / MINUTE);
    all.flat_map(|minute| {
        let at = minute * MINUTE;
        let dips = shape
            .dip
            .is_some_and(|(from, until)| (from..until).contains(&at));
        std::iter::repeat_n(at, if dips { 1 } else { 4 })
    })
    .collect()
}

/// A random time in one of `parts` equal parts of the day.
fn time_in_part(minutes: &[u64], part: u64, parts: u64, rng: &mut Rng) -> u64 {
    let all = minutes.len() as u64;
    let (from, until) = (part * all / parts, (part + 1) * all / parts);
    let at = from + rng.up_to((until - from).saturating_sub(1));
    let minute = minutes
        .get(usize::try_from(at).unwrap_or(0))
        .copied()
        .unwrap_or(0);
    minute + rng.up_to(MINUTE - 1)
}

/// Reduces the arrivals to an excerpt. A burst is moved as a whole, by what was cut before it.
pub(crate) fn cut(arrivals: &mut Vec<UploadArrival>, excerpt: Excerpt) {
    arrivals.retain(|arrival| arrival.burst <= excerpt.bursts);
    let (mut previous, mut removed) = (None, 0);
    for number in 1..=excerpt.bursts {
        let of_it = |arrival: &&mut UploadArrival| arrival.burst == number;
        let Some(began) = arrivals
            .iter_mut()
            .filter(of_it)
            .map(|known| known.at)
            .min()
        else {
            continue;
        };
        let gap = began.saturating_sub(previous.unwrap_or(began));
        removed += gap.saturating_sub(excerpt.max_gap_ms);
        previous = Some(began);
        for arrival in arrivals.iter_mut().filter(of_it) {
            arrival.at -= removed;
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
}
