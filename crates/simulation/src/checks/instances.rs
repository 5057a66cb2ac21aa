//! Whether function `capacity` may stop instances, and whether it starts them.

use std::collections::BTreeMap;

use jobs::id::JobId;
use jobs::state::State;

use super::guarantees::{INSTANCES_START, INSTANCES_STAY, INSTANCES_STOP};
use crate::docket_scaling::DocketScaling;
use crate::endpoint::Endpoints;
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::ledger::Ledger;
use crate::table::{JobTable, TableRow};
use crate::time::{MINUTE, SECOND};

/// An index lags behind by at most two seconds.
pub(super) const MAX_INDEX_LAG: u64 = 3 * SECOND;
/// A job that has been open for so long must have an instance on the way: the controller waits at most two minutes for
/// further uploads, and its next run is a minute later.
const ANSWER_TIME: u64 = 4 * MINUTE;
/// For notifications that may still come, and for two runs of the function.
const LOST_MARGIN: u64 = 15 * MINUTE;
/// Runs of the function that may miss this, because the endpoint has only just stopped updating.
const MAX_UNANSWERED_RUNS: u32 = 3;

/// An endpoint accepted fewer instances. The function read the open jobs after it began, so no job may be open that was open
/// before that. An exception are jobs presumed lost: nothing runs for them, and one instance stays.
pub(crate) fn check_fall(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    ledger: &Ledger,
    open_since: &BTreeMap<JobId, u64>,
    began_at: u64,
    pipeline: &str,
    instances: u32,
) {
    let known_by = began_at.saturating_sub(MAX_INDEX_LAG);
    let known = |row: &&TableRow| {
        let since = open_since.get(&row.job.id);
        row.job.pipeline == pipeline && since.is_some_and(|since| *since < known_by)
    };
    let is_excused = |row: &&TableRow| {
        let State::InProgress { attempt, .. } = row.job.state else {
            return false;
        };
        let mut requests = ledger.requests(row.job.id, attempt.0).iter();
        instances >= 1 && requests.all(|request| request.ended.get().is_some())
    };
    let open = table.rows().filter(known).find(|row| !is_excused(row));
    if let Some(row) = open {
        let (job, state) = (short(row.job.id), row.job.state.name());
        env.violation(INSTANCES_STAY, || {
            format!("{pipeline} falls to {instances} instances while {job} is {state}")
        });
    }
}

/// A run has evaluated everything, and there still is no instance for jobs that have long been open.
pub(crate) fn check_answered(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    endpoints: &Endpoints,
    docket: &mut DocketScaling,
    index: usize,
) {
    let found = endpoints.describe(index);
    let pipeline = endpoints.pipeline(index);
    let waiting = docket.open_since.iter().find(|(job, since)| {
        let of_pipeline = table
            .row(**job)
            .is_some_and(|row| row.job.pipeline == pipeline);
        of_pipeline && **since + ANSWER_TIME < env.now
    });
    let runs = docket.unanswered.entry(index).or_default();
    let Some((job, _)) = waiting.filter(|_| found.desired == 0 && found.max > 0 && !found.updating)
    else {
        *runs = 0;
        return;
    };
    *runs += 1;
    if *runs > MAX_UNANSWERED_RUNS {
        let job = short(*job);
        env.violation(INSTANCES_START, || {
            format!("{pipeline} has no instance, although {job} has been open for minutes")
        });
    }
}

/// A run has evaluated everything, and several instances have long been left for jobs of which no result can come.
pub(crate) fn check_lost(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    endpoints: &Endpoints,
    docket: &mut DocketScaling,
    index: usize,
    timeout: u64,
) {
    let (found, pipeline) = (endpoints.describe(index), endpoints.pipeline(index));
    if docket.changed.remove(pipeline) {
        docket.lost_since.remove(&index);
    }
    // Queued jobs are open too: an instance may be for them.
    let is_open = |row: &&TableRow| {
        let is_queued = matches!(row.job.state, State::Queued { .. });
        row.job.pipeline == pipeline && (is_queued || docket.open_since.contains_key(&row.job.id))
    };
    let open: Vec<&TableRow> = table.rows().filter(is_open).collect();
    let is_lost = |row: &&TableRow| matches!(row.job.state, State::InProgress { .. });
    let all_lost = !open.is_empty() && open.iter().all(is_lost);
    let is_idle = endpoints.model(index).open_requests() == 0;
    if !all_lost || !is_idle || found.in_service == 0 || found.updating {
        docket.lost_since.remove(&index);
        return;
    }
    let lost = docket.lost_since.entry(index);
    let (since, runs) = lost.or_insert((env.now, 0));
    let rounds = open.len() as u64 + 2;
    if found.desired <= found.min.max(1) || env.now < *since + rounds * timeout + LOST_MARGIN {
        *runs = 0;
        return;
    }
    *runs += 1;
    if *runs > MAX_UNANSWERED_RUNS {
        env.violation(INSTANCES_STOP, || {
            format!("{pipeline} keeps {} instances", found.desired)
        });
    }
}
