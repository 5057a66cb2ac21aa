//! Patterns of the OpenAPI document. They say what the code of this crate and of crate `jobs` checks.

use jobs::text::invisible_characters;

/// As [`jobs::id::Tenant`].
pub(super) const TENANT_PATTERN: &str = "^[a-z0-9-]{1,40}$";

/// At least one visible character.
pub(super) fn visible_pattern() -> String {
    format!("[^{}]", invisible_characters())
}

/// A file name: at least one visible character, and none of the forbidden ones.
pub(super) fn name_pattern() -> String {
    let forbidden = r"/\\\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069";
    let invisible = invisible_characters();
    format!("^[^{forbidden}]*[^{forbidden}{invisible}][^{forbidden}]*$")
}
