//! The format of log lines: one JSON object with the fields of the event and of all spans around it. A query finds
//! `trace.id` under one name, whether the event or only a span knows its job.
//!
//! The JSON format of `tracing-subscriber` would put the spans' fields into a list, where no query finds them by name.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format, of events and of the fields of spans.
#[derive(Debug)]
pub(crate) struct LogFormat;

impl<S> FormatEvent<S, Self> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Self>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = JsonMembers::separated_by(',');
        line.text("timestamp", &time);
        line.text("level", event.metadata().level().as_str());
        event.record(&mut line);
        // From the innermost span outwards, and from the last recorded field to the first: the first value of a name
        // is kept.
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<Self>>() {
                let fields = fields.rsplit(SEPARATOR).filter(|field| !field.is_empty());
                fields.for_each(|field| line.add_if_new(field));
            }
        }
        writeln!(writer, "{{{}}}", line.json)
    }
}

/// Separates the fields of a span. No field contains it, since JSON escapes it as `\n`.
const SEPARATOR: char = '\n';

impl<'w> FormatFields<'w> for LogFormat {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut span = JsonMembers::separated_by(SEPARATOR);
        fields.record(&mut span);
        writer.write_str(&span.json)
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        current.fields.push(SEPARATOR);
        self.format_fields(current.as_writer(), fields)
    }
}

/// Members of a JSON object, without its braces.
struct JsonMembers {
    json: String,
    separator: char,
}

impl JsonMembers {
    const fn separated_by(separator: char) -> Self {
        Self {
            json: String::new(),
            separator,
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        // A string always serializes.
        self.put(name, &serde_json::to_string(value).unwrap_or_default());
    }

    fn put(&mut self, name: &str, json: &str) {
        if !self.json.is_empty() {
            self.json.push(self.separator);
        }
        // Field names are literals in the code; none needs escaping.
        let _ = write!(self.json, "\"{name}\":{json}");
    }

    /// Adds a member unless one with this name exists. Within a string value the name's closing quote would be escaped.
    fn add_if_new(&mut self, member: &str) {
        let name = member.find("\":").and_then(|end| member.get(..end + 2));
        if name.is_some_and(|name| !self.json.contains(name)) {
            self.json.push(self.separator);
            self.json.push_str(member);
        }
    }
}

impl Visit for JsonMembers {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value.to_string());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value.to_string());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value.to_string());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }
    // Fractions are written as strings too, since JSON cannot represent some of them.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    use crate::traces::{about_id, about_upload};
    use jobs::id::JobId;
    use serde_json::Value;
    use tracing::field::Empty;
    use tracing::{info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(work: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let format = tracing_subscriber::fmt::layer()
            .fmt_fields(LogFormat)
            .event_format(LogFormat)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(format), work);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|bad| panic!("{bad}: {line}")))
            .collect()
    }

    #[test]
    fn log_line_contains_its_own_fields_and_those_of_its_spans() {
        let lines = written(|| {
            let _outer = info_span!("invocation", requestId = "r-1", queue = "outer").entered();
            let _inner = info_span!("message", queue = "uploads", n = 7_u64).entered();
            warn!(job.id = %"j\"1\"\n", why = ?Some(1), age_ms = 3_u64, done = true, tricky = "\"n\":8,\\ \u{1}ü", "job changed");
        });
        let line = &lines[0];
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "job changed");
        assert_eq!(line["job.id"], "j\"1\"\n");
        assert_eq!(line["why"], "Some(1)");
        assert_eq!((&line["age_ms"], &line["done"]), (&3.into(), &true.into()));
        assert_eq!(
            line["queue"], "uploads",
            "the innermost span's field is kept"
        );
        assert_eq!((&line["requestId"], &line["n"]), (&"r-1".into(), &7.into()));
        assert_eq!(line["tricky"], "\"n\":8,\\ \u{1}ü");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
        assert!(line.get("spans").is_none() && line.get("span").is_none());
    }

    /// The trace id is recorded late; the last recorded value counts.
    #[test]
    fn job_fields_are_added_to_the_span_once_known() {
        let id = JobId::of_key("b", "k");
        let own = TRACE.parse().ok();
        let lines = written(|| {
            let span = info_span!("message", job.id = Empty, trace.id = Empty);
            let _span = span.entered();
            info!("before");
            about_id(id);
            info!("without a row");
            about_upload(id, own);
            info!("with a row");
            info!(trace.id = "another", "about another");
        });
        assert!(lines[0].get("trace.id").is_none());
        let digits = lines[1]["trace.id"].as_str().unwrap().replace('-', "");
        assert_eq!(digits[1..], id.to_string().replace('-', ""));
        assert_eq!(lines[2]["trace.id"], TRACE);
        assert_eq!(lines[2]["job.id"], id.to_string());
        assert_eq!(lines[3]["trace.id"], "another");
    }

    #[test]
    fn span_without_job_fields_is_unchanged() {
        let lines = written(|| {
            let _span = info_span!("other").entered();
            about_id(JobId::of_key("b", "k"));
            info!("a line");
        });
        assert!(lines[0].get("trace.id").is_none());
    }

    const TRACE: &str = "1-67891233-abcdef012345678912345678";
}
