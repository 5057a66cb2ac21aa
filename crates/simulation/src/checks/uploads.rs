//! An upload through an upload session becomes one job, of its uploader and under its name.

use jobs::id::JobId;

use super::guarantees::{GUARANTEE_1, UPLOADS};
use crate::api_request::CUSTOMER;
use crate::simulation::Simulation;

pub(crate) fn check_at_rest(simulation: &mut Simulation) {
    let Simulation {
        env, table, people, ..
    } = simulation;
    for upload in &people.uploads {
        let Some(id) = upload.id.as_ref().and_then(|id| id.parse::<JobId>().ok()) else {
            continue;
        };
        let Some(row) = table.row(id) else {
            if upload.is_complete {
                env.violation(GUARANTEE_1, || format!("the upload {id} has no job"));
            }
            continue;
        };
        if upload.is_aborted && !upload.may_be_complete {
            env.violation(UPLOADS, || format!("the aborted upload {id} has a job"));
        }
        let input = &row.job.input;
        let name = (!row.job.is_erased()).then_some(upload.new.name.as_str());
        if input.uploaded_by.as_deref() != Some(CUSTOMER) || input.name.as_deref() != name {
            env.violation(UPLOADS, || format!("{id} has lost its uploader: {input:?}"));
        }
        let of_key = |other: &&crate::table::TableRow| {
            other.job.id != id && !input.key.is_empty() && other.job.input.key == input.key
        };
        if let Some(other) = table.rows().find(of_key) {
            env.violation(UPLOADS, || {
                format!("{id} has another job, {}", other.job.id)
            });
        }
    }
}
