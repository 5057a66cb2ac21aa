//! Reads the reason from the error response of a model container, in whatever format the model server writes it.
//!
//! Formats that are known: FastAPI and Pydantic (`{"detail":[{"loc":[…],"msg":…}]}`), RFC 9457 (`title`, `detail`),
//! Spring (`error`, `message`), TorchServe and MMS (`code`, `type`, `message`), MLflow (`error_code`, `message`,
//! `stack_trace`), OpenAI and vLLM (`{"error":{"message":…}}`), Triton (`error`), GraphQL (`errors`), AWS's inference toolkit
//! (a line, then a Python traceback), HTML pages of proxies, and plain text.

mod markup;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod traceback;

use serde_json::{Map, Value};

use self::markup::in_markup;
pub use self::report::ContainerError;
pub(crate) use self::report::ErrorReport;
use self::text::{cut, decoded, readable};
use self::traceback::{TRACEBACK, in_traceback, without_java_frames};

/// The fields that hold a reason, best first. Names are compared without case, `_` and `-`.
const REASON_FIELDS: [&str; 17] = [
    "reason",
    "message",
    "msg",
    "errormessage",
    "errormsg",
    "exceptionmessage",
    "detail",
    "details",
    "description",
    "errordescription",
    "errors",
    "error",
    "exception",
    "cause",
    "info",
    "title",
    "traceback",
];
/// The fields that say more than a general sentence in another one, best first.
const DETAIL_FIELDS: [&str; 4] = ["errors", "exceptionmessage", "detail", "details"];
/// Fields that never hold a reason, although they hold text.
const OTHER_FIELDS: [&str; 14] = [
    "status",
    "type",
    "object",
    "path",
    "instance",
    "timestamp",
    "time",
    "version",
    "requestid",
    "traceid",
    "id",
    "loc",
    "input",
    "url",
];
/// Fields that quote the request.
const REQUEST_FIELDS: [&str; 3] = ["loc", "input", "instance"];
/// The status in words, which some servers repeat in a field.
const STATUS_PHRASES: [&str; 12] = [
    "bad request",
    "not found",
    "method not allowed",
    "not acceptable",
    "payload too large",
    "unsupported media type",
    "unprocessable entity",
    "unprocessable content",
    "too many requests",
    "internal server error",
    "bad gateway",
    "service unavailable",
];
/// Nested values below this depth are not read.
const MAX_DEPTH: usize = 8;
/// Entries of a list that are read.
const MAX_LIST_ENTRIES: usize = 3;
/// Shown if neither the error response nor SageMaker gives a reason.
pub const NO_READABLE_REASON: &str = "the model failed without a readable reason";

/// The reason in the body of an error response, on one line and without invisible characters; `None` if nothing is readable.
///
/// The body may be cut off at any byte.
pub fn model_message(body: &[u8]) -> Option<String> {
    let text = decoded(body);
    let unreadable = text
        .chars()
        .filter(|char| *char == char::REPLACEMENT_CHARACTER || *char == '\0')
        .count();
    if unreadable * 4 > text.chars().count() {
        return None;
    }
    in_text(&text, 0)
}

fn in_text(whole: &str, depth: usize) -> Option<String> {
    let text = whole.trim_start_matches('\u{feff}').trim();
    if depth > MAX_DEPTH || is_no_text(text) {
        return None;
    }
    if text.starts_with(['{', '[', '"'])
        && let Some(value) = parse_json(text)
    {
        return in_value(&value, depth + 1);
    }
    if let Some(reason) = in_json_after_words(text, depth) {
        return Some(reason);
    }
    if text.starts_with('<') && text.contains('>') {
        return in_markup(text);
    }
    if text.contains(TRACEBACK) {
        // The blanks before its first line may be before each.
        return in_traceback(whole);
    }
    readable(&without_java_frames(text))
}

/// Maximum length of what precedes JSON, in bytes: an exception's class or a status line.
const MAX_BEFORE_JSON: usize = 100;

/// The reason in JSON that a word or a status line precedes, or that further lines follow: `400 Bad Request: {…}`, an event
/// stream (`data: {…}`), JSON lines.
fn in_json_after_words(text: &str, depth: usize) -> Option<String> {
    let start = text.find('{').filter(|start| *start <= MAX_BEFORE_JSON)?;
    let (before, json) = text.split_at(start);
    let before = before.trim_end();
    if !(before.is_empty() || before.ends_with(':')) {
        return None;
    }
    // All of it, or its first line.
    let value = parse_json(json).or_else(|| parse_json(json.lines().next()?))?;
    let reason = in_value(&value, depth + 1)?;
    let words = before.trim_end_matches(':').lines().next_back();
    let words = words.filter(|words| *words != "data").and_then(readable);
    Some(words.map_or_else(|| reason.clone(), |words| cut(format!("{words}: {reason}"))))
}

/// A value without words, as JSON and programs write it.
fn is_no_text(text: &str) -> bool {
    const VALUES: [&str; 7] = ["null", "none", "nil", "undefined", "nan", "true", "false"];
    VALUES.iter().any(|value| text.eq_ignore_ascii_case(value))
        || text
            .chars()
            .all(|char| char.is_ascii_digit() || matches!(char, '.' | '-' | '+'))
}

fn in_value(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(text) => in_text(text, depth + 1),
        Value::Object(fields) => in_object(fields, depth),
        Value::Array(entries) => in_list(entries, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn in_list(entries: &[Value], depth: usize) -> Option<String> {
    // The lines of a traceback.
    if entries
        .iter()
        .any(|entry| entry.as_str().is_some_and(|line| line.contains(TRACEBACK)))
    {
        let lines: Vec<&str> = entries.iter().filter_map(Value::as_str).collect();
        return in_traceback(&lines.join("\n"));
    }
    let mut reasons: Vec<String> = Vec::new();
    for entry in entries {
        if let Some(reason) = in_value(entry, depth + 1)
            && !reasons.contains(&reason)
        {
            reasons.push(reason);
        }
        if reasons.len() == MAX_LIST_ENTRIES {
            break;
        }
    }
    (!reasons.is_empty()).then(|| cut(reasons.join("; ")))
}

fn in_object(fields: &Map<String, Value>, depth: usize) -> Option<String> {
    let plain_name = |name: &str| -> String {
        let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
        letters.flat_map(char::to_lowercase).collect()
    };
    let named = |wanted: &str| {
        let mut found = fields.iter().filter(|(name, _)| plain_name(name) == wanted);
        found.find_map(|(_, value)| in_value(value, depth + 1))
    };
    // Several words before one, which is a code or a name.
    let found: Vec<(&str, String)> = REASON_FIELDS
        .iter()
        .filter_map(|wanted| Some((*wanted, named(wanted)?)))
        .collect();
    let has_words = |(_, reason): &&(&str, String)| reason.contains(' ');
    if let Some((field, reason)) = found.iter().find(has_words).or_else(|| found.first()) {
        // Pydantic: where in the request the problem is.
        if let Some(place) = fields.get("loc").and_then(place) {
            return Some(cut(format!("{place}: {reason}")));
        }
        return Some(with_particulars(field, reason, &found));
    }
    // No known field: the nested values first, since `{"failure":{"message":…}}` says more than its codes, and several words before
    // one, which is a code or a name.
    let others = || {
        fields.iter().filter(|(name, value)| {
            let name = plain_name(name);
            let is_nested = value.is_object() || value.is_array();
            let others = if is_nested {
                &REQUEST_FIELDS[..]
            } else {
                &OTHER_FIELDS
            };
            !others.contains(&name.as_str())
        })
    };
    let mut word = None;
    for (_, value) in others()
        .filter(|(_, value)| value.is_object() || value.is_array())
        .chain(others().filter(|(_, value)| value.is_string()))
    {
        let reason = in_value(value, depth + 1);
        if reason.as_ref().is_some_and(|reason| reason.contains(' ')) {
            return reason;
        }
        word = word.or(reason);
    }
    word
}

/// A sentence and what another field adds to it: `The data was invalid: the file must be a PDF.` Servers that put the
/// sentence into `message` may have the exception in `error`.
fn with_particulars(field: &str, reason: &str, found: &[(&str, String)]) -> String {
    let says_more = |(other, more): &&(&str, String)| {
        let is_particular = DETAIL_FIELDS.contains(other)
            || (*other == "error"
                && matches!(field, "message" | "msg")
                && more.contains(' ')
                && !STATUS_PHRASES.contains(&more.to_lowercase().as_str()));
        is_particular && *other != field && !reason.contains(more.as_str())
    };
    let mut added = DETAIL_FIELDS.iter().chain([&"error"]).filter_map(|name| {
        let named = found.iter().find(|(other, _)| other == name);
        named.filter(says_more)
    });
    match added.next() {
        Some((_, more)) if more.contains(reason) => more.clone(),
        Some((_, more)) => cut(format!("{}: {more}", reason.trim_end_matches(['.', ':']))),
        None => reason.to_owned(),
    }
}

/// `body.file` from `["body", "file"]`.
fn place(location: &Value) -> Option<String> {
    let parts = location.as_array()?.iter().filter_map(|part| match part {
        Value::String(name) => readable(name),
        Value::Number(index) => Some(index.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let parts: Vec<String> = parts.take(MAX_DEPTH).collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

/// Parses JSON that may be cut off: closes what is open at its end.
fn parse_json(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut closing = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => closing.push('}'),
            b'[' if !in_string => closing.push(']'),
            b'}' | b']' if !in_string => {
                closing.pop()?;
            }
            _ => {}
        }
    }
    let end = if escaped { text.len() - 1 } else { text.len() };
    let mut closed = text[..end]
        .trim_end_matches(char::REPLACEMENT_CHARACTER)
        .to_owned();
    if in_string {
        closed.push('"');
    }
    closed.extend(closing.iter().rev());
    serde_json::from_str(&closed).ok()
}
