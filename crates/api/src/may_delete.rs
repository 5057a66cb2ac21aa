//! Who may delete the data of a job.

use super::{ApiError, Permission, Principal};
use jobs::job::Job;
use jobs::pipeline::Pipelines;

/// Whether the principal may delete the data of a job. Support always may. Reviewers of the tenant and the customer who uploaded
/// the document may if the pipeline lets them: a duty to keep documents, or a legal hold, is known outside of this service.
pub(super) fn may_delete(principal: &Principal, pipelines: &Pipelines, job: &Job) -> bool {
    must_may_delete(principal, pipelines, job).is_ok()
}

/// # Errors
/// [`ApiError::Forbidden`] says who may.
pub(super) fn must_may_delete(
    principal: &Principal,
    pipelines: &Pipelines,
    job: &Job,
) -> Result<(), ApiError> {
    let permission = Permission::DeleteData;
    principal.must_for(permission, job)?;
    if principal.has_for_all_tenants(permission) {
        return Ok(());
    }
    let pipeline = pipelines.get(&job.pipeline);
    if !pipeline.is_some_and(|pipeline| pipeline.customers_may_delete) {
        return Err(ApiError::Forbidden(format!(
            "documents of pipeline {} are deleted by support only, since they may have to be kept; ask support to delete job {}",
            job.pipeline, job.id
        )));
    }
    let is_own = job.input.uploaded_by.as_ref() == Some(&principal.actor);
    if is_own || principal.has_for_whole_tenant(permission, &job.tenant) {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "customers delete documents that they uploaded themselves; ask a reviewer of your organization"
            .to_owned(),
    ))
}
