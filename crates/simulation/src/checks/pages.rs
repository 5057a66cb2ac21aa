//! Checks of what pages show.

use super::guarantees::{GUARANTEE_7, GUARANTEE_8};
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::page::{DeliveredFrame, OpenPages, SimulatedPage};
use crate::table::{JobTable, TableRow};
use crate::time::SECOND;

/// How long before a sync a change must have been saved to be in its snapshot.
const SETTLED: u64 = 3 * SECOND;

/// Checks a push message that a page received. `sync_began_at` is when the function that pushed it began.
pub(crate) fn check_frame(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    pages: &OpenPages,
    frame: &DeliveredFrame,
    sync_began_at: Option<u64>,
) {
    let page = &pages.pages[frame.page];
    for tenant in &frame.foreign_tenants {
        env.violation(GUARANTEE_8, || {
            format!(
                "a page of {} was shown a job of {tenant}",
                page.subscription
            )
        });
    }
    if let Some(began_at) = sync_began_at.filter(|_| frame.is_complete_snapshot) {
        check_snapshot(env, table, frame.page, page, began_at);
    }
}

/// A complete snapshot is at most a moment older than the start of its sync.
fn check_snapshot(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    index: usize,
    page: &SimulatedPage,
    began_at: u64,
) {
    let settled = began_at.saturating_sub(SETTLED);
    let missed = |row: &&TableRow| {
        row.job.tenant.as_str() == page.subscription
            && row.saved_at < settled
            && row.is_listed()
            && page
                .known
                .get(&row.job.id.to_string())
                .is_none_or(|known| known.version < row.job.version)
    };
    if let Some(row) = table.rows().find(missed) {
        env.violation(GUARANTEE_7, || {
            format!(
                "page {index} synced, and was not shown {} v{}",
                short(row.job.id),
                row.job.version
            )
        });
    }
}

/// At rest, an open page shows the table's state.
pub(crate) fn check_at_rest(env: &mut SimulationEnvironment, table: &JobTable, pages: &OpenPages) {
    for (index, page) in pages.pages.iter().enumerate() {
        if !page.complete || !page.is_open() {
            continue;
        }
        for row in table.rows() {
            let job = &row.job;
            if job.tenant.as_str() != page.subscription || !row.is_listed() {
                continue;
            }
            let known = page.known.get(&job.id.to_string());
            let known = known.map(|known| known.version);
            if known != Some(job.version) {
                env.violation(GUARANTEE_7, || {
                    format!(
                        "page {index} shows {} v{} as {known:?} after its last sync",
                        short(job.id),
                        job.version
                    )
                });
            }
        }
    }
}

/// A connection is deleted: not while a page uses it, unless the page itself disconnected.
pub(crate) fn check_forgotten(
    env: &mut SimulationEnvironment,
    pages: &OpenPages,
    connection: &str,
    by_disconnect: bool,
) {
    if pages.uses(connection) && !by_disconnect {
        env.violation(GUARANTEE_7, || {
            format!("the open page {connection} was forgotten")
        });
    }
}
