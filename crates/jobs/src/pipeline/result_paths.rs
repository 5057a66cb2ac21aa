//! Where the parts of a JSON result are. The service passes it on to readers of results; it does not read results itself.

/// What a path can lead to. `finding_…` are within one finding.
const PARTS: [&str; 11] = [
    "title",
    "summary",
    "findings",
    "finding_text",
    "finding_title",
    "finding_level",
    "finding_quote",
    // The number of the page, from 1; or from 0.
    "finding_page",
    "finding_page_index",
    // The place on the page in parts of its width and height; or in points.
    "finding_box",
    "finding_box_points",
];

/// Longer paths are refused.
const MAX_PATH_BYTES: usize = 256;

/// The part and the path of `part=/path`.
pub(super) fn split(entry: &str) -> Option<(&str, &str)> {
    entry
        .split_once('=')
        .filter(|(part, path)| PARTS.contains(part) && is_json_pointer(path))
}

/// Whether it is a JSON Pointer (RFC 6901) that is not empty.
fn is_json_pointer(path: &str) -> bool {
    let mut escapes = path.split('~').skip(1);
    path.starts_with('/')
        && path.len() <= MAX_PATH_BYTES
        && escapes.all(|after| after.starts_with(['0', '1']))
}
