//! The messages in quarantine that name a job whose data is deleted: notifications, checks and upload events.
//!
//! A message may be anything, also one that was cut off. It names the job by the job's id, by a version of the object, or by
//! the key alone. Later versions of the key are other jobs: a message that names one of these by its version or id stays.

use jobs::job::Job;

use crate::ApiError;
use crate::ports::QuarantineStore;

/// Messages read per request.
const PAGE_SIZE: u16 = 100;
/// The fields that say which job a message is about, if it is complete.
const NAMING_FIELDS: [&str; 3] = ["\"versionId\":", "\"inferenceId\":", "\"job_id\":"];

/// How the messages of a job are recognized.
struct JobNames {
    id: String,
    versions: Vec<String>,
    /// `None`: the key is no longer known, so the messages that name it are gone.
    key: Option<String>,
}

/// Discards the messages in quarantine that name the job, its versions or its key.
pub(super) async fn discard<P: QuarantineStore>(
    ports: &P,
    job: &Job,
    key: Option<String>,
    deleted: &[String],
) -> Result<(), ApiError> {
    let versions = deleted.iter().chain([&job.input.version]);
    let names = JobNames {
        id: job.id.to_string(),
        versions: versions
            // The version of objects that were put while the bucket had no versioning.
            .filter(|version| !version.is_empty() && *version != "null")
            .cloned()
            .collect(),
        key: key.filter(|key| !key.is_empty()),
    };
    let mut after: Option<(String, String)> = None;
    loop {
        let start = after
            .as_ref()
            .map(|(source, id)| (source.as_str(), id.as_str()));
        let page = ports.list_messages(start, PAGE_SIZE).await?;
        for listed in &page.items {
            let (source, message_id) = (&listed.message.source, &listed.message.message_id);
            // Lists have no bodies.
            let Some(stored) = ports.get_message(source, message_id).await? else {
                continue;
            };
            if names.is_named_by(&stored.message.body, &stored.message.problem) {
                ports.remove_message(source, message_id, None).await?;
            }
        }
        after = page
            .items
            .last()
            .map(|last| (last.message.source.clone(), last.message.message_id.clone()));
        if !page.more || after.is_none() {
            return Ok(());
        }
    }
}

impl JobNames {
    fn is_named_by(&self, body: &str, problem: &str) -> bool {
        let quoted = |version: &String| body.contains(&format!("\"{version}\""));
        if body.contains(&self.id) || self.versions.iter().any(quoted) {
            return true;
        }
        let Some(key) = &self.key else {
            return false;
        };
        let readings = readings(body);
        if readings.iter().any(|text| names_another(text)) {
            return false;
        }
        let is_cut_off = || {
            let mut cut = self::readings(without_cut_escape(body)).into_iter();
            cut.any(|text| ends_within(&text, key))
        };
        readings.iter().any(|text| names_key(text, key)) || names_key(problem, key) || is_cut_off()
    }
}

/// Whether a field that names a job is complete. The job's own names were looked for before.
fn names_another(text: &str) -> bool {
    NAMING_FIELDS.iter().any(|field| {
        text.match_indices(field).any(|(at, _)| {
            let value = text[at + field.len()..].trim_start();
            let value = value.strip_prefix('"').and_then(|it| it.split_once('"'));
            value.is_some_and(|(value, _)| !value.is_empty() && value != "null")
        })
    })
}

/// A message as it is, without the escapes of JSON in JSON, and each also without those of URLs, as S3 encodes keys.
fn readings(body: &str) -> Vec<String> {
    let unescaped = without_json_escapes(&without_json_escapes(body));
    let decoded = [form_decoded(body), form_decoded(&unescaped)];
    let mut readings = vec![body.to_owned(), unescaped];
    readings.extend(decoded);
    readings.dedup();
    readings
}

/// Whether a text names a key, and not only one that begins like it.
fn names_key(text: &str, key: &str) -> bool {
    let mut found = text.match_indices(key);
    found.any(|(at, _)| !goes_on(&text[at + key.len()..]))
}

/// Whether a text ends, cut off, within a key.
fn ends_within(text: &str, key: &str) -> bool {
    // After the prefix and the tenant.
    let name = key.match_indices('/').nth(1);
    let name = name.map_or(key.len(), |(at, _)| at + 1);
    (name + 1..key.len())
        .filter(|end| key.is_char_boundary(*end))
        .any(|end| text.ends_with(&key[..end]))
}

/// Whether a longer key goes on here.
fn goes_on(rest: &str) -> bool {
    let mut next = rest.chars();
    match next.next() {
        Some('.') => next.next().is_some_and(char::is_alphanumeric),
        Some(it) => it.is_alphanumeric() || "-_/+%~!*(".contains(it),
        None => false,
    }
}

/// Without an escape that was cut off at the end.
fn without_cut_escape(body: &str) -> &str {
    [('%', "%00".len()), ('\\', "\\u0000".len())]
        .into_iter()
        .fold(body, |text, (sign, length)| match text.rfind(sign) {
            Some(at) if text.len() - at < length => &text[..at],
            Some(_) | None => text,
        })
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced);
    let decoded = decoded.decode_utf8_lossy();
    // Of a character that was cut off.
    decoded.trim_end_matches('\u{fffd}').to_owned()
}

fn without_json_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escaped = &rest[at + 1..];
        let (character, length) = match escaped.chars().next() {
            Some('u') => code_point(escaped).unwrap_or(('\\', 0)),
            Some('n') => ('\n', 1),
            Some('t') => ('\t', 1),
            Some('r') => ('\r', 1),
            Some(it @ ('"' | '\\' | '/')) => (it, 1),
            Some(_) | None => ('\\', 0),
        };
        plain.push(character);
        rest = &escaped[length..];
    }
    plain.push_str(rest);
    plain
}

/// Reads `uXXXX`, or two of them that are one character in UTF-16. Returns it and how many bytes it takes.
fn code_point(escaped: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok();
    let first = unit(escaped)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 5));
    }
    let second = unit(escaped.get(5..)?.strip_prefix('\\')?)?;
    let pair = char::decode_utf16([first, second]).next()?.ok()?;
    Some((pair, 11))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> JobNames {
        JobNames {
            id: "77ca1249-16cc-5a8f-a449-8591855d7df0".to_owned(),
            versions: vec!["v1".to_owned()],
            key: Some(key.to_owned()),
        }
    }

    #[test]
    fn message_that_names_only_the_key_names_the_job_however_it_is_written() {
        for (key, body) in [
            (
                "inbound/acme/nda.pdf",
                r#"{"key":"inbound/acme/nda.pdf","size":4"#,
            ),
            (
                "inbound/acme/nda.pdf",
                r#"{"inputLocation":"s3://docket-jobs/inbound/acme/nda.pdf"}"#,
            ),
            (
                "inbound/acme/nda.pdf",
                r#"{"Message":"{\"inputLocation\":\"s3://docket-jobs/inbound/acme/nda.pdf\""#,
            ),
            ("inbound/acme/nda.pdf", "about inbound/acme/nda.pdf."),
            ("inbound/acme/nda.pdf", r#"{"key":"inbound/acme/nd"#),
            (
                "inbound/acme/Vertrag (2).pdf",
                r#"{"key":"inbound/acme/Vertrag+%282%29.pdf","si"#,
            ),
            (
                "inbound/acme/Vertrag (2).pdf",
                r#"{"key":"inbound%2Facme%2FVertrag%20(2).pdf""#,
            ),
            (
                "inbound/acme/Vertrag (2).pdf",
                r#"{"key":"inbound/acme/Vertrag+%2"#,
            ),
            (
                "inbound/acme/Kündigung.pdf",
                r#"{"key":"inbound/acme/K%C3%BCndigung.pdf""#,
            ),
            (
                "inbound/acme/Kündigung.pdf",
                r#"{"key":"inbound/acme/K%C3%B"#,
            ),
            (
                "inbound/acme/Kündigung.pdf",
                r#"{"key":"inbound/acme/K\u00fcndigung.pdf""#,
            ),
            (
                "inbound/acme/Kündigung.pdf",
                r#"{"Message":"{\"key\":\"inbound/acme/K\\u00fcndigung.pdf\""#,
            ),
            (
                "inbound/acme/a\u{1f4c4}b.pdf",
                r#"{"key":"inbound/acme/a\ud83d\udcc4b.pdf""#,
            ),
            ("inbound/acme/a\"b.pdf", r#"{"key":"inbound/acme/a\"b.pdf""#),
            (
                "inbound/acme/a+b%20.pdf",
                r#"{"inputLocation":"s3://docket-jobs/inbound/acme/a+b%20.pdf"}"#,
            ),
        ] {
            assert!(names(key).is_named_by(body, ""), "{key} in {body}");
        }
        assert!(names("inbound/acme/nda.pdf").is_named_by("{", "no job for inbound/acme/nda.pdf"));
    }

    #[test]
    fn message_about_another_document_stays() {
        let names = names("inbound/acme/nda.pdf");
        for body in [
            // Keys that begin like it.
            r#"{"key":"inbound/acme/nda.pdf.pdf""#,
            r#"{"key":"inbound/acme/nda.pdf-2""#,
            r#"{"key":"inbound/globex/nda.pdf""#,
            r#"{"key":"inbound/acme/"#,
            // Later versions of the key.
            r#"{"key":"inbound/acme/nda.pdf","versionId":"v2"}"#,
            r#"{"Message":"{\"inputLocation\":\"s3://docket-jobs/inbound/acme/nda.pdf\",\"inferenceId\":\"00000000-16cc-5a8f-a449-8591855d7df0.a1\"}"}"#,
            r#"{"job_id": "00000000-16cc-5a8f-a449-8591855d7df0", "key": "inbound/acme/nda.pdf"}"#,
        ] {
            assert!(!names.is_named_by(body, ""), "{body}");
        }
        // Its own version and id, wherever.
        assert!(names.is_named_by(r#"{"versionId":"v1"}"#, ""));
        assert!(names.is_named_by(
            r#"{"inferenceId":"77ca1249-16cc-5a8f-a449-8591855d7df0.a1"}"#,
            ""
        ));
    }
}
