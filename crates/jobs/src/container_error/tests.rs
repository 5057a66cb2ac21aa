//! Error responses of model servers, and the reasons that are read from them.

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
        let bytes =
            |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
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
    let whole = r#"{"detail":[{"loc":["body"],"msg":"the table \"xref\" ist ungültig, page 3"}]}"#;
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
fn brackets_in_text_neither_open_nor_close_anything() {
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
