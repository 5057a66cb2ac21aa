//! The SHA-256 of a file, with which the service notices a content that was uploaded before.

use std::fs::File;
use std::io::Read;

use api::uploads::IDENTICAL_ADVICE;
use sha2::{Digest, Sha256};

use super::files::UploadFile;
use crate::error::{CliError, Result};
use crate::print::{Printer, sanitize};

const CHUNK_BYTES: usize = 256 * 1024;

/// SHA-256 of a file in hexadecimal digits.
pub(super) async fn sha256(file: &UploadFile) -> Result<String> {
    let path = file.path.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        let mut file = File::open(path)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let bytes = file.read(&mut chunk)?;
            if bytes == 0 {
                break;
            }
            hash.update(chunk.get(..bytes).unwrap_or_default());
        }
        Ok::<_, std::io::Error>(hash.finalize())
    });
    let cannot_read = |problem: String| {
        CliError::local(format!("cannot read {}: {problem}", file.path.display()))
    };
    let digest = hashed
        .await
        .map_err(|error| cannot_read(error.to_string()))?
        .map_err(|error| cannot_read(error.to_string()))?;
    Ok(jobs::id::hex(&digest))
}

/// Says which job has the content, and what can be done.
pub(super) fn with_identical_job(mut error: CliError) -> CliError {
    let Some(job) = error.problem.identical.first() else {
        return error;
    };
    let id = sanitize(&job.id);
    let hint = if job.status == "Ready" {
        format!(
            "job {id} is ready since {}: `docket jobs result {id}` saves its result; --run-anyway processes the file once more",
            Printer::time_and_age(job.updated_at)
        )
    } else {
        format!(
            "job {id} is open: `docket jobs show {id}` shows it; --run-anyway processes the file once more"
        )
    };
    if let Some(fact) = error.problem.detail.strip_suffix(IDENTICAL_ADVICE) {
        error.problem.detail = fact.to_owned();
    }
    error.with_hint(hint)
}
