//! A run of the model: reads the input and writes the result.

use std::rc::Rc;

use async_endpoint::{InvocationFailure, InvocationStatus};
use jobs::id::JobId;

use crate::bucket::{ObjectSource, SimulatedBucket, StoredObject};
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::{short, short_request};
use crate::request::InferenceRequest;
use crate::time::SECOND;

/// A container is called: it reads what S3 has at that time. Returns its answer and after how
/// many milliseconds it gives it, if it does. `model_ms` is how long the model takes; otherwise it is random. `is_down`: it fails every run.
pub(crate) fn start_run(
    env: &mut SimulationEnvironment,
    bucket: &SimulatedBucket,
    request: &InferenceRequest,
    model_ms: Option<u64>,
    is_down: bool,
) -> Option<(u64, InvocationStatus)> {
    let found = bucket
        .current(&request.input)
        .filter(|(_, object)| object.sealed_at.is_none())
        .map(|(version, object)| (version.id.clone(), object.source.clone()));
    let (read, poisoned) = match found {
        Some((version, ObjectSource::Upload { poisoned })) => (Some(version), poisoned),
        Some((_, ObjectSource::Copy { of, poisoned })) => (Some(of), poisoned),
        Some((_, ObjectSource::Output { .. } | ObjectSource::Failure { .. })) | None => {
            (None, false)
        }
    };
    let missing = read.is_none();
    env.log(|| {
        format!(
            "endpoint   runs {} on {}",
            short_request(request.inference),
            read.as_deref().unwrap_or("nothing")
        )
    });
    *request.read.borrow_mut() = read;
    let outcome = if missing {
        InvocationStatus::Failed(InvocationFailure::InputUnreadable)
    } else if poisoned {
        InvocationStatus::Failed(InvocationFailure::ClientError(400))
    } else if is_down {
        InvocationStatus::Failed(InvocationFailure::ServerError(500))
    } else if env.strikes(FaultKind::ModelBroken) {
        InvocationStatus::Failed(if env.rng.up_to(1) == 0 {
            InvocationFailure::ServerError(500)
        } else {
            InvocationFailure::NoResponse
        })
    } else if env.strikes(FaultKind::ModelSlow) {
        return None;
    } else {
        InvocationStatus::Completed
    };
    let takes = model_ms.unwrap_or_else(|| env.between(2 * SECOND, 90 * SECOND));
    request.run.set(Some((env.now, env.now + takes)));
    Some((takes, outcome))
}

/// What the model says when it fails: about the document if it refuses it, or about itself.
fn words(job: JobId, failure: InvocationFailure) -> String {
    match failure {
        InvocationFailure::ClientError(_) => words_about(job),
        _ => "CUDA error: device-side assert".to_owned(),
    }
}

/// What the model says about the document of a job that it refuses.
pub(crate) fn words_about(job: JobId) -> String {
    format!("clause nine of {}", short(job))
}

/// Writes the output or failure object of a request. Returns whether an object was written.
pub(crate) fn store(
    env: &mut SimulationEnvironment,
    bucket: &mut SimulatedBucket,
    request: &InferenceRequest,
    failure: Option<InvocationFailure>,
) -> bool {
    let job = request.inference.job;
    let (key, text, source) = match failure {
        None => (
            &request.output,
            result(job),
            ObjectSource::Output {
                job,
                made_from: request.read.borrow().clone().unwrap_or_default(),
            },
        ),
        Some(InvocationFailure::OutputUnwritable) => return false,
        Some(failure) => (
            &request.failure,
            format!(r#"{{"message":"{}"}}"#, words(job, failure)),
            ObjectSource::Failure { job },
        ),
    };
    let object = StoredObject {
        bytes: 100,
        first: Rc::from(text.as_bytes()),
        sealed_at: env.strikes(FaultKind::OutputSealed).then_some(env.now),
        source,
        same_bytes_as: None,
    };
    bucket.put(env.now, key, Some(object));
    env.log(|| format!("endpoint   writes {key}"));
    if failure.is_none() && env.strikes(FaultKind::OutputDeleted) {
        bucket.put(env.now, key, None);
        env.log(|| format!("customer   deletes {key}"));
    }
    true
}

/// What the model says of a job's document. Of some it says nothing, or nonsense, about the pages.
fn result(job: JobId) -> String {
    let document = match pages_as_written(job) {
        0 => "{}".to_owned(),
        1 => r#"{"pages":-3}"#.to_owned(),
        2 => r#"{"pages":"12"}"#.to_owned(),
        pages => format!(r#"{{"pages":{pages}}}"#),
    };
    format!(r#"{{"document":{document},"clauses":[]}}"#)
}

/// How many pages the result of a job names; `None` if it does not say so.
pub(crate) fn pages(job: JobId) -> Option<u32> {
    Some(pages_as_written(job)).filter(|pages| *pages > 2)
}

fn pages_as_written(job: JobId) -> u32 {
    job.to_string().bytes().map(u32::from).sum::<u32>() % 40
}
