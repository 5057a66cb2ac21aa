//! A tenant is refused only while it has used its limit up.

use super::guarantees::LIMITS;
use crate::api_request::ClientRequest;
use crate::simulation::Simulation;
use crate::time::MINUTE;
use jobs::state::StatusGroup;

/// The indexes lag by less.
const MAX_INDEX_LAG: u64 = MINUTE;

/// A request for an upload session was refused because of a limit. Only that of open jobs can be told from the table: the
/// expected time of runs changes.
pub(crate) fn check_refusal(simulation: &mut Simulation, request: &ClientRequest, detail: &str) {
    let Simulation {
        env,
        table,
        pipelines,
        ..
    } = simulation;
    let ClientRequest::CreateUpload(_, new) = request else {
        return;
    };
    let tenant = new.tenant.as_deref().and_then(|name| name.parse().ok());
    let Some(tenant) = tenant.filter(|_| detail.contains("open jobs")) else {
        return;
    };
    let limit = pipelines.tenant_limits().of(&tenant).open_jobs;
    let now = env.now;
    let was_open = |row: &&crate::table::TableRow| {
        let is_open = row.job.state.status_group() == StatusGroup::Open;
        row.job.tenant == tenant && (is_open || row.saved_at + MAX_INDEX_LAG >= now)
    };
    let open = table.rows().filter(was_open).count();
    if limit.is_none_or(|limit| open < limit as usize) {
        env.violation(LIMITS, || {
            format!("{tenant} is refused with {open} open jobs: {detail}")
        });
    }
}
