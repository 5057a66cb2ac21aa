//! How long runs took.
//!
//! SageMaker does not say when the run of a request begins. It takes requests in the order in which they came, so a run begins
//! once fewer earlier requests are open than the instances in service can work on. Both are known: the requests from the rows,
//! the instances from [`InstanceHistory`].

use jobs::id::Timestamp;
use jobs::instance_history::InstanceHistory;

/// The usual duration is the pipeline's until at least this number of runs is known.
const MIN_KNOWN_RUNS: u64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndedRequest {
    pub(super) sent_at: Timestamp,
    /// When its outcome was recorded.
    pub(super) ended_at: Timestamp,
    /// The outcome was recorded when it came. Otherwise the run ended at some time before, or goes on.
    pub(super) is_end_known: bool,
}

impl EndedRequest {
    /// The run took no longer.
    pub(super) fn at_most_ms(&self) -> u64 {
        self.ended_at.0.saturating_sub(self.sent_at.0)
    }
}

/// How long a run took, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunTime {
    pub(super) ms: u64,
    /// It is the usual time of a run: nothing is known about this one.
    pub(super) is_assumed: bool,
}

/// The times of the runs of one endpoint. The requests are in the order in which they were sent.
pub(super) fn run_times(
    requests: &[EndedRequest],
    instances: &InstanceHistory,
    typical_run_ms: u64,
) -> Vec<RunTime> {
    let known = known_times(requests, instances);
    let count = known.iter().flatten().count() as u64;
    let sum: u64 = known.iter().flatten().sum();
    let usual = if count < MIN_KNOWN_RUNS {
        typical_run_ms
    } else {
        sum / count
    };
    let of_request = known.iter().zip(requests);
    of_request
        .map(|(known, request)| match known {
            Some(ms) => RunTime {
                ms: *ms,
                is_assumed: false,
            },
            None if request.is_end_known => RunTime {
                ms: usual.min(request.at_most_ms()),
                is_assumed: true,
            },
            None => RunTime {
                ms: usual,
                is_assumed: true,
            },
        })
        .collect()
}

fn known_times(requests: &[EndedRequest], instances: &InstanceHistory) -> Vec<Option<u64>> {
    // When the earlier requests that are still open end, soonest first.
    let mut open: Vec<Timestamp> = Vec::new();
    let mut known = Vec::with_capacity(requests.len());
    for request in requests {
        let ended = open.partition_point(|end| *end <= request.sent_at);
        open.drain(..ended);
        // How long the others held an instance is not known.
        if !request.is_end_known {
            known.push(None);
            continue;
        }
        let began_at = begin(request.sent_at, &open, instances);
        let began_at = began_at.filter(|began_at| *began_at < request.ended_at);
        known.push(began_at.map(|began_at| request.ended_at.0 - began_at.0));
        let at = open.partition_point(|end| *end <= request.ended_at);
        open.insert(at, request.ended_at);
    }
    known
}

/// When a request begins to run that comes after those with these ends. `None` if that is not known.
fn begin(sent_at: Timestamp, open: &[Timestamp], instances: &InstanceHistory) -> Option<Timestamp> {
    let mut at = sent_at;
    loop {
        let ended = open.partition_point(|end| *end <= at);
        let before = open.len() - ended;
        let slots = usize::try_from(instances.at(at)?.slots()).unwrap_or(usize::MAX);
        if before < slots {
            return Some(at);
        }
        let next_end = open.get(ended).copied();
        at = next_end
            .into_iter()
            .chain(instances.next_change(at))
            .min()?;
    }
}

#[cfg(test)]
mod tests {
    use jobs::instance_history::InstanceCounts;

    use super::*;

    const TYPICAL_MS: u64 = 77_000;

    fn request(sent: u64, ended: u64) -> EndedRequest {
        EndedRequest {
            sent_at: Timestamp(sent * 1000),
            ended_at: Timestamp(ended * 1000),
            is_end_known: true,
        }
    }

    /// Instances from a second on.
    fn instances(of: &[(u64, u32)]) -> InstanceHistory {
        let reading = |(from, in_service): &(u64, u32)| {
            let counts = InstanceCounts {
                in_service: *in_service,
                starting: 0,
                concurrent_runs: 1,
            };
            // A reading is taken to be half an interval late.
            (Timestamp(from * 1000 + 15_000), counts)
        };
        InstanceHistory::of_readings(of.iter().map(reading).collect())
    }

    fn seconds(requests: &[EndedRequest], of: &[(u64, u32)]) -> Vec<(u64, bool)> {
        let times = run_times(requests, &instances(of), TYPICAL_MS);
        times
            .iter()
            .map(|time| (time.ms / 1000, time.is_assumed))
            .collect()
    }

    #[test]
    fn run_of_an_idle_instance_begins_when_it_is_sent() {
        let found = seconds(&[request(100, 160), request(200, 290)], &[(0, 1)]);
        assert_eq!(found, [(60, false), (90, false)]);
    }

    #[test]
    fn waiting_request_runs_once_an_instance_is_free() {
        let sent = [request(100, 160), request(101, 220), request(102, 290)];
        let one = seconds(&sent, &[(0, 1)]);
        assert_eq!(one, [(60, false), (60, false), (70, false)]);
        let two = seconds(&sent, &[(0, 2)]);
        assert_eq!(two, [(60, false), (119, false), (130, false)]);
    }

    #[test]
    fn cold_start_is_no_run() {
        let sent = [request(100, 460), request(101, 520), request(102, 470)];
        let found = seconds(&sent, &[(0, 0), (400, 1), (410, 2)]);
        assert_eq!(found, [(60, false), (110, false), (10, false)]);
    }

    #[test]
    fn without_readings_a_run_takes_the_usual_time_but_not_longer_than_it_can_have() {
        let found = seconds(&[request(100, 160), request(200, 500)], &[]);
        assert_eq!(found, [(60, true), (77, true)]);
    }

    #[test]
    fn usual_time_is_that_of_the_known_runs() {
        let mut sent: Vec<EndedRequest> =
            (0..5).map(|it| request(it * 100, it * 100 + 50)).collect();
        let unknown = EndedRequest {
            is_end_known: false,
            ..request(600, 2000)
        };
        sent.push(unknown);
        let found = seconds(&sent, &[(0, 1)]);
        assert_eq!(found.last(), Some(&(50, true)));
    }

    #[test]
    fn request_whose_end_is_not_known_keeps_no_other_waiting() {
        let unknown = EndedRequest {
            is_end_known: false,
            ..request(100, 2000)
        };
        let found = seconds(&[unknown, request(300, 360)], &[(0, 1)]);
        assert_eq!(found[1], (60, false));
    }

    #[test]
    fn readings_that_contradict_the_end_of_a_run_say_nothing_about_it() {
        let found = seconds(&[request(100, 160)], &[(0, 0), (400, 1)]);
        assert_eq!(found, [(60, true)]);
    }
}
