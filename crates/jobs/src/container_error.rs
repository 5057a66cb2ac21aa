//! Reads the reason from the error response of a model container, in whatever format the model server writes it.
//!
//! Formats that are known: FastAPI and Pydantic (`{"detail":[{"loc":[…],"msg":…}]}`), RFC 9457 (`title`, `detail`),
//! Spring (`error`, `message`), TorchServe and MMS (`code`, `type`, `message`), MLflow (`error_code`, `message`,
//! `stack_trace`), OpenAI and vLLM (`{"error":{"message":…}}`), Triton (`error`), GraphQL (`errors`), AWS's inference toolkit
//! (a line, then a Python traceback), HTML pages of proxies, and plain text.

mod markup;
mod report;
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

#[cfg(test)]
mod tests {
    use super::text::MAX_REASON_BYTES;
    use super::*;

    fn check(cases: &[(&str, Option<&str>)]) {
        for (body, want) in cases {
            assert_eq!(model_message(body.as_bytes()).as_deref(), *want, "{body}");
        }
    }

    #[test]
    fn reason_is_read_from_the_json_of_model_servers() {
        check(&[
            (
                r#"{"error":{"code":"broken","reason":"no xref"}}"#,
                Some("no xref"),
            ),
            (r#"{"message":"too many pages"}"#, Some("too many pages")),
            (r#"{"Error":"bad"}"#, Some("bad")),
            (r#"{"errorMessage":"bad page"}"#, Some("bad page")),
            (r#"{"error_message":"bad page"}"#, Some("bad page")),
            (r#"{"ERROR-MSG":"bad page"}"#, Some("bad page")),
            (
                r#"{"detail":[{"type":"missing","loc":["body","file"],"msg":"Field required"},{"loc":["query",0],"msg":"x y"}]}"#,
                Some("body.file: Field required; query.0: x y"),
            ),
            (
                r#"{"errors":[{"message":"no xref"},{"message":"no xref"}]}"#,
                Some("no xref"),
            ),
            (
                r#"{"errors":{"file":["is required"]}}"#,
                Some("is required"),
            ),
            (
                r#"{"type":"about:blank","title":"Unprocessable","status":422,"detail":"no xref"}"#,
                Some("no xref"),
            ),
            (
                r#"{"timestamp":"2026-01-05","status":500,"error":"Internal Server Error","path":"/invocations"}"#,
                Some("Internal Server Error"),
            ),
            (
                r#"{"code":503,"type":"InternalServerException","message":"Worker died."}"#,
                Some("Worker died."),
            ),
            (
                r#"{"object":"error","error":{"message":"too long","code":null}}"#,
                Some("too long"),
            ),
            (r#"{"failure":{"message":"no xref"}}"#, Some("no xref")),
            (r#"{"failure":"no xref"}"#, Some("no xref")),
            (r#"{"error":{"code":"broken"}}"#, Some("broken")),
            (r#"{"code":"E17","text":"no xref"}"#, Some("no xref")),
            (r#"{"text":"no xref","zcode":"E17"}"#, Some("no xref")),
            (
                r#"{"failure":{"code":"E17"},"hint":"no xref"}"#,
                Some("no xref"),
            ),
            (r#"{"code":"E17","host":"ip-10"}"#, Some("E17")),
            (r#"{"error":"None","detail":"no xref"}"#, Some("no xref")),
            (
                r#"{"status":{"info":"no xref","reason":"MICROSERVICE_BAD_DATA","status":"FAILURE","code":-1}}"#,
                Some("no xref"),
            ),
            (r#"{"loc":["body"],"input":{"text":"a secret"}}"#, None),
            (r#"["no xref","page 3"]"#, Some("no xref; page 3")),
            (r#""no xref""#, Some("no xref")),
            (r#""{\"detail\":\"no xref\"}""#, Some("no xref")),
            ("\u{feff}{\"detail\":\"no xref\"}", Some("no xref")),
            (r#"{"message": "  ", "detail": "page 3"}"#, Some("page 3")),
            (
                r#"{"traceback":["Traceback (most recent call last):","  File \"a\"","ValueError: no xref"]}"#,
                Some("ValueError: no xref"),
            ),
        ]);
    }

    #[test]
    fn general_sentence_is_completed_by_the_field_that_says_more() {
        check(&[
            (
                r#"{"code":424,"message":"prediction failure","error":"can only concatenate str"}"#,
                Some("prediction failure: can only concatenate str"),
            ),
            (
                r#"{"message":"The given data was invalid.","errors":{"file":["must be a PDF"]}}"#,
                Some("The given data was invalid: must be a PDF"),
            ),
            (
                r#"{"Message":"An error has occurred.","ExceptionMessage":"no xref","ExceptionType":"System.IO.IOException"}"#,
                Some("An error has occurred: no xref"),
            ),
            (
                r#"{"message":"Validation failed","details":["page 3 is broken"]}"#,
                Some("Validation failed: page 3 is broken"),
            ),
            (
                r#"{"message":"words of a person","reason":"NotFound"}"#,
                Some("words of a person"),
            ),
            (
                r#"{"reason":"failed","errors":["no xref"]}"#,
                Some("no xref"),
            ),
            // The status in words, a code, and what is said already.
            (
                r#"{"status":500,"error":"Internal Server Error","message":"no xref"}"#,
                Some("no xref"),
            ),
            (
                r#"{"error":"invalid_request","message":"no xref"}"#,
                Some("no xref"),
            ),
            (
                r#"{"message":"page 3: no xref","error":"no xref"}"#,
                Some("page 3: no xref"),
            ),
            (
                r#"{"message":"no xref","detail":"page 3: no xref"}"#,
                Some("page 3: no xref"),
            ),
            (
                r#"{"title":"One or more errors","errors":{"file":["no xref"]}}"#,
                Some("no xref"),
            ),
        ]);
        let long = "ü".repeat(900);
        let body = format!(r#"{{"message":"{long} x","errors":["{long}"]}}"#);
        assert!(model_message(body.as_bytes()).unwrap().len() <= MAX_REASON_BYTES);
    }

    #[test]
    fn reason_is_read_from_json_among_other_text() {
        check(&[
            ("data: {\"error\":\"no xref\"}\n\n", Some("no xref")),
            (
                "event: error\ndata: {\"error\":{\"message\":\"no xref\"}}\n\ndata: [DONE]\n",
                Some("no xref"),
            ),
            (
                "{\"error\":\"no xref\"}\n{\"error\":\"other\"}\n",
                Some("no xref"),
            ),
            (
                "400 Bad Request: {\"message\":\"no xref\"}",
                Some("400 Bad Request: no xref"),
            ),
            (
                "HTTPException: {\"detail\":\"the table \\\"xre",
                Some("HTTPException: the table \"xre"),
            ),
            ("error: {}", Some("error: {}")),
            (
                "{\"title\":\"a b\"} cannot be read",
                Some("{\"title\":\"a b\"} cannot be read"),
            ),
            ("the set {1, 2} is empty", Some("the set {1, 2} is empty")),
            (
                "cannot read {\"title\":\"a b\"} of it",
                Some("cannot read {\"title\":\"a b\"} of it"),
            ),
        ]);
    }

    #[test]
    fn reason_is_read_from_text_tracebacks_and_markup() {
        check(&[
            ("page 3 is broken", Some("page 3 is broken")),
            ("{'error': 'bad'}", Some("{'error': 'bad'}")),
            (
                "failed\nTraceback (most recent call last):\n  File \"a.py\", line 3\n    f()\nValueError: no xref\n",
                Some("ValueError: no xref"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a\"\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b\"\nUnsupportedFormatError: Content type application/pdf is not supported.\n\n Please implement input_fn",
                Some("UnsupportedFormatError: Content type application/pdf is not supported."),
            ),
            (
                "the PDF is cut off\nTraceback (most recent call last):\n  File \"a\"\nsagemaker_inference.errors.GenericInferenceToolkitError: (422, 'the PDF is cut off', 'the PDF is cut off')\n",
                Some("the PDF is cut off"),
            ),
            (
                "no xref\nTraceback (most recent call last):\n  File \"a.py\", line 3\n    f(",
                Some("no xref"),
            ),
            (
                r#"{"error":"Traceback (most recent call last):\n  File \"a\"\nValueError: no xref"}"#,
                Some("ValueError: no xref"),
            ),
            (
                "java.lang.IllegalStateException: no xref\n\tat com.example.A.b(A.java:7)\n",
                Some("java.lang.IllegalStateException: no xref"),
            ),
            (
                "<!doctype html>\n<html lang=en><title>422 Unprocessable Entity</title>\n<h1>Unprocessable Entity</h1>\n<p>no &quot;xref&quot;</p>",
                Some("422 Unprocessable Entity: no \"xref\""),
            ),
            (
                "<html><head><title>502 Bad Gateway</title><style>p {}</style></head><body><center><h1>502 Bad Gateway</h1></center></body></html>",
                Some("502 Bad Gateway"),
            ),
            (
                "<Error><Code>Broken</Code><Message>no xref</Message></Error>",
                Some("Broken no xref"),
            ),
            (
                "<Error><Message><![CDATA[no <xref> &amp; more]]></Message></Error>",
                Some("no <xref> &amp; more"),
            ),
            (
                "<p>ung&uuml;ltig &#8211; Seite&nbsp;3 &#xdc; &amp;lt; &unknown; &#0; &#x110000; & more</p>",
                Some("ungültig – Seite 3 Ü &lt; &unknown; &#0; &#x110000; & more"),
            ),
        ]);
    }

    #[test]
    fn reason_is_read_from_utf_16() {
        for text in [r#"{"message":"Datei ungültig"}"#, "Datei ungültig"] {
            let bytes = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
                text.encode_utf16().flat_map(unit).collect()
            };
            let (little, big) = (bytes(u16::to_le_bytes), bytes(u16::to_be_bytes));
            for body in [
                little.clone(),
                big.clone(),
                [&[0xff, 0xfe][..], &little].concat(),
                [&[0xfe, 0xff][..], &big].concat(),
                [&little[..], b"}"].concat(),
            ] {
                assert_eq!(
                    model_message(&body).as_deref(),
                    Some("Datei ungültig"),
                    "{body:?}"
                );
            }
        }
    }

    #[test]
    fn body_without_words_has_no_reason() {
        check(&[
            ("", None),
            (" \n", None),
            ("{}", None),
            ("[]", None),
            ("null", None),
            ("None", None),
            ("true", None),
            ("-1.5", None),
            ("500\n", None),
            (r#""null""#, None),
            (r#"{"error":"None"}"#, None),
            (r#"{"error":{}}"#, None),
            (r#"{"error":null,"code":500}"#, None),
            (r#"{"message": ""}"#, None),
            (r#"{"status":"error"}"#, None),
            ("\u{200b}\u{202e}", None),
            (r#"{"error":"\u200b\u202e "}"#, None),
            ("<html></html>", None),
            ("<html>", None),
            ("---", None),
        ]);
        assert_eq!(model_message(b"\xff"), None);
        assert_eq!(model_message(&[0x89, 0xff, 0xfe, 0, 0, 0xc0, b'a']), None);
        let deep = format!("{}\"x\"{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(
            model_message(format!("{{\"error\":{deep}}}").as_bytes()),
            None
        );
    }

    #[test]
    fn reason_is_on_one_line_and_without_invisible_characters() {
        check(&[
            ("a\r\n\tb\u{202e}c\u{0}d", Some("a bc d")),
            (
                r#"{"error":"page 3\nis \u001b[31mbroken\u200b"}"#,
                Some("page 3 is [31mbroken"),
            ),
        ]);
        assert_eq!(
            model_message("Datei ung\u{fc}ltig".as_bytes()).as_deref(),
            Some("Datei ungültig")
        );
        assert_eq!(
            model_message(b"the file is ung\xfcltig \x96 page 3").as_deref(),
            Some("the file is ungültig – page 3")
        );
        // UTF-8 that was cut in the middle stays UTF-8.
        assert_eq!(
            model_message(b"ung\xc3\xbcltig \xc3 page").as_deref(),
            Some("ungültig \u{fffd} page")
        );
        let long = model_message("ü".repeat(100_000).as_bytes()).unwrap();
        assert!(long.len() <= MAX_REASON_BYTES);
    }

    #[test]
    fn reason_is_read_from_a_body_that_is_cut_off_anywhere() {
        let whole =
            r#"{"detail":[{"loc":["body"],"msg":"the table \"xref\" ist ungültig, page 3"}]}"#;
        let first = whole.find("the").unwrap() + 3;
        for end in first..=whole.len() {
            let reason = model_message(&whole.as_bytes()[..end]).unwrap();
            assert!(reason.starts_with("body: the"), "{end}: {reason}");
        }
    }

    #[test]
    fn body_is_not_read_if_more_than_a_quarter_of_it_is_unreadable() {
        let mixed = |readable: usize, unreadable: usize| {
            model_message(&[vec![b'a'; readable], vec![0; unreadable]].concat())
        };
        assert!(mixed(15, 5).is_some());
        assert_eq!(mixed(14, 6), None);
    }

    #[test]
    fn values_are_read_up_to_eight_levels_deep() {
        let nested = |open: &str, close: &str, levels: usize| {
            let body = format!("{}\"x\"{}", open.repeat(levels), close.repeat(levels));
            model_message(body.as_bytes()).is_some()
        };
        for (open, close, deepest) in [
            ("[", "]", 6),
            ("{\"error\":", "}", 6),
            ("{\"failure\":", "}", 6),
        ] {
            assert!(nested(open, close, deepest), "{open}");
            assert!(!nested(open, close, deepest + 1), "{open}");
        }
        // The lines of a traceback are read where they are listed.
        let lines = r#"["Traceback (most recent call last):","ValueError: no xref"]"#;
        for (lists, is_read) in [(8, true), (9, false)] {
            let around = lists - 1;
            let body = format!("{}{lines}{}", "[".repeat(around), "]".repeat(around));
            assert_eq!(model_message(body.as_bytes()).is_some(), is_read, "{lists}");
        }
        // JSON in a string, which each level escapes again.
        let mut body = "x".to_owned();
        for level in 1..=5 {
            body = serde_json::to_string(&body).unwrap();
            assert_eq!(
                model_message(body.as_bytes()).is_some(),
                level <= 4,
                "{level}"
            );
        }
    }

    #[test]
    fn brackets_in_words_neither_open_nor_close_anything() {
        check(&[
            ("a > b", Some("a > b")),
            ("<unk", Some("<unk")),
            (r#"{"error":"an open { here"#, Some("an open { here")),
            (r#"{"error":"an open [ here"#, Some("an open [ here")),
            // Not JSON.
            (r#"{"error":"x"\"#, Some(r#"{"error":"x"\"#)),
            (
                r#"{"error":"a closing } or ] here"#,
                Some("a closing } or ] here"),
            ),
        ]);
    }
}
