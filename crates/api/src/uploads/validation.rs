//! Whether a pipeline takes a file, judged before any of it is uploaded.

use crate::ApiError;
use crate::types::NewUpload;
use jobs::pipeline::Pipeline;
use jobs::text::is_visible_text;

pub(crate) const MAX_NAME_CHARS: usize = 200;
/// The name is stored as object metadata, which S3 limits to 2 KB.
const MAX_NAME_BYTES: usize = 500;

pub(super) fn check(upload: &NewUpload, pipeline: &Pipeline) -> Result<(), ApiError> {
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
    Ok(())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_too_long = name.chars().count() > MAX_NAME_CHARS || name.len() > MAX_NAME_BYTES;
    if is_too_long || !is_visible_text(name) {
        return Err(ApiError::BadRequest(format!(
            "a file name must have 1 to {MAX_NAME_CHARS} characters that can be seen, and at most {MAX_NAME_BYTES} bytes"
        )));
    }
    // Bidirectional controls can make one name look like another (Unicode Technical Report 36).
    let is_bidi_control = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|c| c.is_control() || is_bidi_control(c)) || name.contains(['/', '\\']) {
        return Err(ApiError::BadRequest(
            "a file name must not contain slashes or control characters".to_owned(),
        ));
    }
    Ok(())
}
