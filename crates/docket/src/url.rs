//! Parts of URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

/// Characters that need no escape in a path or a query (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One segment of a path, percent-encoded.
pub(crate) fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// A query string from a flat struct, with the leading `?`. Fields that are not set are left out.
pub(crate) fn query_string(parameters: &impl Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(parameters) else {
        return String::new();
    };
    let pairs: Vec<String> = fields
        .iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Null => return None,
                Value::String(text) => path_segment(text),
                other => path_segment(&other.to_string()),
            };
            Some(format!("{name}={value}"))
        })
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use api::types::JobQuery;

    use super::*;

    #[test]
    fn ids_and_filters_are_percent_encoded() {
        assert_eq!(path_segment("retry:ab/../c?d"), "retry%3Aab%2F..%2Fc%3Fd");
        let filters = JobQuery {
            q: Some("a&b=c d".to_owned()),
            limit: Some(50),
            ..JobQuery::default()
        };
        assert_eq!(query_string(&filters), "?limit=50&q=a%26b%3Dc%20d");
        assert_eq!(query_string(&JobQuery::default()), "");
    }
}
