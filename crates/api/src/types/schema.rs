//! Patterns of the OpenAPI document. They say what the code of this crate and of crate `jobs` checks.

use jobs::labels::{MAX_LABEL_CHARS, MAX_TAG_NAME_CHARS, MAX_TAGS};
use jobs::text::invisible_characters;
use schemars::{Schema, SchemaGenerator, json_schema};

/// As [`jobs::id::Tenant`].
pub(super) const TENANT_PATTERN: &str = "^[a-z0-9-]{1,40}$";

/// At least one visible character.
pub(super) fn visible_pattern() -> String {
    format!("[^{}]", invisible_characters())
}

/// A file name: at least one visible character, and none of the forbidden ones.
pub(super) fn name_pattern() -> String {
    let forbidden = r"/\\\u0000-\u001f\u007f-\u009f";
    let invisible = invisible_characters();
    format!("^[^{forbidden}]*[^{forbidden}{invisible}][^{forbidden}]*$")
}

/// A reference, the name of a batch, or a tag's value: at least one visible character, and none of the forbidden ones.
pub(super) fn label_pattern() -> String {
    let forbidden = r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069";
    let invisible = invisible_characters();
    format!("^[^{forbidden}]*[^{forbidden}{invisible}][^{forbidden}]*$")
}

pub(super) fn tags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MAX_TAGS,
        "propertyNames": {"pattern": format!("^[A-Za-z0-9._-]{{1,{MAX_TAG_NAME_CHARS}}}$")},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL_CHARS, "pattern": label_pattern()},
    })
}
