//! The reason in the stack trace of an exception.

use super::text::readable;

/// The first line of a Python traceback.
pub(super) const TRACEBACK: &str = "Traceback (most recent call last)";
/// What precedes it in that of an exception group, after the margin's blanks.
const GROUP: &str = "+ Exception Group ";

/// The exception in a Python traceback. Its line is the first that is not indented after the last list of frames; a message
/// of several lines follows it. The text before the traceback, if there is no such line, or if the line repeats that text: it
/// is then the exception's message without its class.
pub(super) fn in_traceback(text: &str) -> Option<String> {
    let text = &plain_traceback(text);
    let start = text.rfind(TRACEBACK)?;
    let mut lines = text[start..].lines().skip(1);
    let exception = lines.find(|line| !line.trim().is_empty() && !line.starts_with([' ', '\t']));
    let exception = exception.and_then(readable);
    let before = text[..text.find(TRACEBACK)?].lines().find_map(readable);
    match (exception, before) {
        (Some(exception), Some(before)) if exception.contains(&before) => Some(before),
        (exception, before) => exception.or(before),
    }
}

/// A traceback as Python prints it: without what a log writes before each line, and without the margin of an exception group.
///
/// ```text
/// 2026-01-05 10:00:00 [ERROR]   + Exception Group Traceback (most recent call last):
/// 2026-01-05 10:00:01 [ERROR]   |   File "a.py", line 3, in <module>
/// 2026-01-05 10:00:01 [ERROR]   | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
/// 2026-01-05 10:00:01 [ERROR]   +-+---------------- 1 ----------------
/// 2026-01-05 10:00:01 [ERROR]     | Traceback (most recent call last):
/// 2026-01-05 10:00:01 [ERROR]     |   File "b.py", line 7, in f
/// 2026-01-05 10:00:01 [ERROR]     | ValueError: no xref
/// 2026-01-05 10:00:01 [ERROR]     +------------------------------------
/// ```
fn plain_traceback(text: &str) -> String {
    let first = text.lines().find_map(|line| {
        let before = &line[..line.find(TRACEBACK)?];
        Some(before.strip_suffix(GROUP).unwrap_or(before))
    });
    let prefix = first.unwrap_or_default();
    // Times and numbers differ from line to line.
    let shape = |text: &str| -> Vec<u8> {
        let digits = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
        text.bytes().map(digits).collect()
    };
    let wanted = shape(prefix);
    let after_prefix = |line: &str| {
        line.split_at_checked(prefix.len())
            .filter(|(start, _)| shape(start) == wanted)
            .map(|(_, rest)| rest.to_owned())
    };
    let times = text.lines().filter_map(after_prefix).count();
    let is_of_each_line = !prefix.is_empty() && times > 1;
    let is_group = text.contains("+ Exception Group Traceback");
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = if is_of_each_line {
            after_prefix(line).unwrap_or_else(|| line.to_owned())
        } else {
            line.to_owned()
        };
        match line.trim_start() {
            inner if is_group && inner.starts_with('|') => {
                let inner = &inner[1..];
                lines.push(inner.strip_prefix(' ').unwrap_or(inner).to_owned());
            }
            inner if is_group && inner.starts_with(GROUP) => {
                lines.push(inner[GROUP.len()..].to_owned());
            }
            inner if is_group && inner.starts_with("+-") => {}
            _ => lines.push(line),
        }
    }
    lines.join("\n")
}

/// Without the frames of a Java stack trace.
pub(super) fn without_java_frames(text: &str) -> String {
    let is_frame =
        |line: &&str| line.starts_with(char::is_whitespace) && line.trim_start().starts_with("at ");
    let lines: Vec<&str> = text.lines().filter(|line| !is_frame(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::model_message;

    fn check(cases: &[(&str, Option<&str>)]) {
        for (body, want) in cases {
            assert_eq!(model_message(body.as_bytes()).as_deref(), *want, "{body}");
        }
    }

    /// As Python prints it, and FastAPI's `anyio` with it.
    const GROUP_TRACEBACK: &str = r#"ERROR:    Exception in ASGI application
  + Exception Group Traceback (most recent call last):
  |   File "starlette/_utils.py", line 76, in collapse_excgroups
  |     yield
  |   File "anyio/_backends/_asyncio.py", line 767, in __aexit__
  |     raise BaseExceptionGroup(
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "serve.py", line 7, in invocations
    |     read(body)
    | ValueError: no xref
    +------------------------------------
"#;

    #[test]
    fn reason_is_read_from_the_traceback_of_an_exception_group() {
        let without_sub_traceback = "  + Exception Group Traceback (most recent call last):\n  |   File \"a\"\n  | ExceptionGroup: two problems (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: no xref\n    +------------------------------------\n";
        let two = "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: g (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"a\"\n    | OSError: no disk\n    +---------------- 2 ----------------\n    | Traceback (most recent call last):\n    |   File \"b\"\n    | ValueError: no xref\n    +------------------------------------\n";
        check(&[
            (GROUP_TRACEBACK, Some("ValueError: no xref")),
            (
                without_sub_traceback,
                Some("ExceptionGroup: two problems (2 sub-exceptions)"),
            ),
            (two, Some("ValueError: no xref")),
        ]);
    }

    #[test]
    fn reason_is_read_from_a_traceback_in_a_log() {
        let traceback = "Traceback (most recent call last):\n  File \"a.py\", line 3\n    f()\nValueError: no xref";
        for prefix in [
            "[ERROR] ",
            "[ERROR]   ",
            "2026-01-05 10:00:00,NNN ERROR serve: ",
            "2026-01-05T10:00:00,NNN [INFO ] W-9000-model_1.0-stdout MODEL_LOG - ",
            "  ",
        ] {
            for body in [traceback, GROUP_TRACEBACK] {
                let lines = body.lines().enumerate();
                let logged: String = lines
                    .map(|(number, line)| {
                        format!("{}{line}\n", prefix.replace("NNN", &format!("{number:03}")))
                    })
                    .collect();
                assert_eq!(
                    model_message(logged.as_bytes()).as_deref(),
                    Some("ValueError: no xref"),
                    "{logged}"
                );
            }
        }
        check(&[
            (
                "ERROR: Traceback (most recent call last):\n  File \"a\"\nValueError: no xref",
                Some("ValueError: no xref"),
            ),
            (
                "[ERROR] no xref\n[ERROR] Traceback (most recent call last):\n[ERROR]   File \"a\"\n",
                Some("no xref"),
            ),
        ]);
    }
}
