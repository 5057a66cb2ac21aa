//! Whether a pipeline takes a file, judged before any of it is uploaded.

use crate::ApiError;
use crate::types::NewUpload;
use jobs::file_name::{clean, has_refused_characters};
use jobs::labels::Labels;
use jobs::pipeline::Pipeline;

/// Maximum length of a file's name, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The name is stored as object metadata, which S3 limits to 2 KB.
pub const MAX_NAME_BYTES: usize = 500;

/// Whether the pipeline takes the file. Returns what the uploader attaches to it.
pub(super) fn check(upload: &NewUpload, pipeline: &Pipeline) -> Result<Labels, ApiError> {
    check_name(&upload.name)?;
    if pipeline.retired {
        return Err(ApiError::Refused(format!(
            "the pipeline {} no longer takes uploads",
            pipeline.name
        )));
    }
    if !pipeline.content_types.contains(&upload.content_type) {
        return Err(ApiError::UnsupportedType(format!(
            "the pipeline {} takes {}",
            pipeline.name,
            pipeline.content_types.join(", ")
        )));
    }
    if upload.bytes == 0 {
        return Err(ApiError::BadRequest("the file is empty".to_owned()));
    }
    if upload.bytes > pipeline.max_bytes {
        return Err(ApiError::TooLarge(format!(
            "the file has {} bytes; the pipeline {} takes at most {}",
            upload.bytes, pipeline.name, pipeline.max_bytes
        )));
    }
    let (reference, batch) = (upload.reference.as_deref(), upload.batch.as_deref());
    let lane = upload.lane.unwrap_or(pipeline.lane);
    Labels::new(reference, batch, &upload.tags, lane)
        .map_err(|invalid| ApiError::BadRequest(invalid.to_string()))
}

/// Counts the blanks around a name, as the OpenAPI document's `maxLength` does, and ignores them otherwise.
fn check_name(name: &str) -> Result<(), ApiError> {
    let is_too_long = name.chars().count() > MAX_NAME_CHARS || name.len() > MAX_NAME_BYTES;
    let name = name.trim();
    if is_too_long || clean(name).is_empty() {
        return Err(ApiError::BadRequest(format!(
            "a file name must have 1 to {MAX_NAME_CHARS} characters that can be seen, and at most {MAX_NAME_BYTES} bytes"
        )));
    }
    if has_refused_characters(name) {
        return Err(ApiError::BadRequest(
            "a file name must not contain slashes or control characters".to_owned(),
        ));
    }
    Ok(())
}
