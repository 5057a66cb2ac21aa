//! `docket result check`: says what readers understand of a model's JSON. `docket jobs result --show` prints a result with
//! the same eyes.

mod finding;
mod remainder;
mod repeated_name;
mod understand;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jobs::pipeline::Output;
use jobs::ports::FirstBytes;
use jobs::result_pages::{MAX_PAGES, RESULT_START_BYTES, pages_in};
use serde::Serialize;
use serde_json::Value;

use crate::error::{CliError, Exit, Result};
use crate::pipelines::read_pipeline;
use crate::print::{
    Cell, Column, Printer, TextTable, byte_size, pluralize, sanitize, sanitize_multiline,
};
use finding::{BOX, PAGE, Rank, ReviewFinding};
use remainder::{ResultPaths, plain_name};
use repeated_name::repeated_name;
use understand::{SCHEMA, Understood, understand};

/// How many lines are printed of a part that is printed as the model wrote it.
const MAX_REST_LINES: usize = 60;
/// The byte order mark of UTF-8, which some programs write before JSON. Browsers skip it.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// How many findings are printed.
const MAX_FINDINGS: usize = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum ResultCommand {
    /// Say what the page will understand of a model's JSON
    ///
    /// Needs neither a sign-in nor the service. Exits with 0 only if its findings are understood.
    Check(ResultCheckArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResultCheckArgs {
    /// File with a result of the model
    pub(crate) file: PathBuf,
    /// Pipeline whose result_paths apply
    #[arg(long, short, default_value = "legal-review", value_name = "NAME")]
    pub(crate) pipeline: String,
    /// File with the pipelines [default: those that this program was built with]
    #[arg(long, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,
}

/// What is wrong with a result, or could be better.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Remark {
    /// `fail`: readers miss something. `warn`: they see it less well.
    status: &'static str,
    what: String,
}

pub(crate) fn run(printer: &Printer, args: &ResultCheckArgs) -> Result<Exit> {
    let pipeline = read_pipeline(args.pipelines.as_deref(), &args.pipeline)?;
    if pipeline.output != Output::Json {
        let name = &pipeline.name;
        return Err(CliError::usage(format!(
            "the results of `{name}` are not JSON"
        )));
    }
    let bytes = std::fs::read(&args.file).map_err(|error| {
        CliError::usage(format!("cannot read {}: {error}", args.file.display()))
    })?;
    let json = parse(&bytes)?;
    let paths: ResultPaths = pipeline
        .result_paths()
        .map(|(part, path)| (part.to_owned(), path.to_owned()))
        .collect();
    let understood = understand(&json, &paths);
    let pages = pages_of(&bytes);
    let mut remarks = remarks(&json, &paths, &understood);
    if let Some(name) = repeated_name(without_bom(&bytes)) {
        remarks.push(Remark {
            status: "fail",
            what: repeated(&name),
        });
    }
    if pages.is_none() {
        remarks.push(Remark {
            status: "warn",
            what: no_pages(),
        });
    }
    if printer.json {
        let mut summary = summary(&understood, &remarks);
        summary["pages"] = pages.into();
        printer.json_document(&summary)?;
    } else {
        if let Some(pages) = pages {
            printer.field("pages", &pages.to_string())?;
        }
        print(printer, &understood)?;
        for remark in &remarks {
            printer.line(&format!("{}  {}", remark.status, sanitize(&remark.what)))?;
        }
    }
    let failed = remarks.iter().any(|remark| remark.status == "fail");
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

/// The pages that the service counts for the usage of a tenant.
fn pages_of(result: &[u8]) -> Option<u32> {
    let start = result.get(..RESULT_START_BYTES).unwrap_or(result);
    pages_in(&FirstBytes {
        bytes: start.to_vec(),
        size: result.len() as u64,
        ..FirstBytes::default()
    })
}

fn no_pages() -> String {
    format!(
        "the first {RESULT_START_BYTES} bytes do not say how many pages the document has (`document.pages`, a whole number from 1 \
         to {MAX_PAGES}): the usage of the tenant counts none"
    )
}

fn repeated(name: &str) -> String {
    format!("an object has the name `{name}` twice; readers see only the last value")
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// # Errors
/// The bytes are not JSON.
fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(without_bom(bytes)).map_err(|error| {
        let text = format!("the result is not JSON: {error}");
        CliError::new(Exit::Failed, "not-json", text)
    })
}

/// Why the bytes of a result that should be JSON are not; `None` if they are.
pub(crate) fn json_problem(file: &Path) -> Option<String> {
    let file = std::fs::File::open(file).ok()?;
    let mut reader = std::io::BufReader::new(file);
    if reader.fill_buf().ok()?.starts_with(BOM) {
        reader.consume(BOM.len());
    }
    let read: std::result::Result<serde::de::IgnoredAny, _> = serde_json::from_reader(reader);
    read.err().map(|error| error.to_string())
}

/// Prints a downloaded result for people.
pub(crate) fn show(printer: &Printer, bytes: &[u8], paths: &ResultPaths) -> Result<()> {
    print(printer, &understand(&parse(bytes)?, paths))?;
    match repeated_name(without_bom(bytes)) {
        Some(name) => printer.line(&format!("warn  {}", sanitize(&repeated(&name)))),
        None => Ok(()),
    }
}

fn remarks(json: &Value, paths: &ResultPaths, understood: &Understood) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut add = |status, what: String| remarks.push(Remark { status, what });
    for field in ["title", "summary", "findings"] {
        if let Some(path) = paths.get(field)
            && json.pointer(path).is_none()
        {
            add(
                "fail",
                format!("result_paths.{field} is {path}, and the result has nothing there"),
            );
        }
    }
    if let Some(other) = &understood.other_schema {
        add(
            "fail",
            format!("the schema is {other}; readers know {SCHEMA}"),
        );
    }
    match &understood.findings {
        None if understood.is_anything() => add(
            "fail",
            "no list of findings is understood; readers see the rest".to_owned(),
        ),
        None => add(
            "fail",
            "nothing is understood; readers see all of it as it is".to_owned(),
        ),
        Some(findings) => {
            for (at, finding) in findings.iter().enumerate() {
                for (status, what) in finding_remarks(finding) {
                    add(status, format!("finding {}: {what}", at + 1));
                }
            }
        }
    }
    remarks
}

fn finding_remarks(finding: &ReviewFinding) -> Vec<(&'static str, String)> {
    let mut remarks = Vec::new();
    if finding.text.is_empty() && finding.title.is_empty() {
        let why = "it has neither a text nor a title; readers see its fields as they are";
        remarks.push(("fail", why.to_owned()));
    }
    match finding.rank {
        Rank::None => remarks.push(("warn", "it has no level".to_owned())),
        Rank::Other => remarks.push((
            "warn",
            format!(
                "the level {:?} is not known; it is shown after the high ones",
                finding.level
            ),
        )),
        Rank::High | Rank::Medium | Rank::Low | Rank::Info => {}
    }
    for key in finding.rest.keys() {
        let name = plain_name(key);
        if PAGE.contains(&name.as_str()) {
            remarks.push(("warn", format!("`{key}` is not a number of a page")));
        }
        if BOX.contains(&name.as_str()) {
            remarks.push(("warn", format!("`{key}` is not a place on a page")));
        }
    }
    remarks
}

fn summary(understood: &Understood, remarks: &[Remark]) -> Value {
    serde_json::json!({
        "schema": SCHEMA,
        "title": understood.title,
        "summary_chars": understood.summary.chars().count(),
        "findings": understood.findings.as_ref().map(Vec::len),
        "clauses": understood.clauses,
        "not_understood": understood.rest,
        "remarks": remarks,
    })
}

fn print(printer: &Printer, understood: &Understood) -> Result<()> {
    if !understood.title.is_empty() {
        printer.field("title", &sanitize(&understood.title))?;
    }
    if !understood.summary.is_empty() {
        printer.field("summary", &sanitize(&understood.summary))?;
    }
    if understood.clauses > 0 {
        printer.field("clauses", &understood.clauses.to_string())?;
    }
    if let Some(findings) = &understood.findings {
        printer.field("findings", &findings.len().to_string())?;
        printer.line("")?;
        print_findings(printer, findings)?;
    }
    for (title, value) in &understood.shown {
        print_value(printer, title, value)?;
    }
    if let Some(rest) = &understood.rest {
        let title = if understood.is_anything() {
            "Also in this result"
        } else {
            "The result"
        };
        print_value(printer, title, rest)?;
    }
    Ok(())
}

/// A part of the result as the model wrote it.
fn print_value(printer: &Printer, title: &str, value: &Value) -> Result<()> {
    printer.heading(title)?;
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    for line in text.lines().take(MAX_REST_LINES) {
        printer.truncated_line(&sanitize_multiline(line))?;
    }
    let more = text.lines().count().saturating_sub(MAX_REST_LINES);
    if more > 0 {
        let size = byte_size(text.len() as u64);
        printer.line(&format!(
            "… and {} of {size}; the file has all of it",
            pluralize(more as u64, "more line", "more lines")
        ))?;
    }
    Ok(())
}

fn print_findings(printer: &Printer, findings: &[ReviewFinding]) -> Result<()> {
    let mut table = TextTable::new([
        Column::new("LEVEL"),
        Column::new("PAGE").align_right(),
        Column::new("FINDING"),
    ]);
    for finding in findings.iter().take(MAX_FINDINGS) {
        let page = match finding.page {
            None => "–".to_owned(),
            Some(0) => "all".to_owned(),
            Some(page) => page.to_string(),
        };
        let level = if finding.level.is_empty() {
            "–"
        } else {
            finding.level.as_str()
        };
        let mut texts = [&finding.title, &finding.text, &finding.quote]
            .map(String::as_str)
            .to_vec();
        let sure = finding.confidence.map_or_else(String::new, |share| {
            format!("confidence {:.0} %", share * 100.0)
        });
        texts.push(&sure);
        let rest = Value::Object(finding.rest.clone()).to_string();
        if !finding.rest.is_empty() {
            texts.push(&rest);
        }
        texts.retain(|text| !text.is_empty());
        table.row([
            Cell::from(level),
            Cell::from(page),
            Cell::from(texts.join(": ")),
        ]);
    }
    printer.table(&table)?;
    let more = findings.len().saturating_sub(MAX_FINDINGS);
    if more > 0 {
        printer.line(&format!(
            "… and {}; the file has all of them",
            pluralize(more as u64, "more finding", "more findings")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The page is tested with the same file.
    const CASES: &str = include_str!("../../../../tests/results/cases.json");

    #[test]
    fn byte_order_mark_before_json_is_skipped() {
        assert_eq!(
            parse(b"\xef\xbb\xbf{\"flags\":[]}").unwrap(),
            json!({"flags": []})
        );
        let file = std::env::temp_dir().join(format!("docket-bom-{}.json", std::process::id()));
        for (bytes, is_json) in [(&b"\xef\xbb\xbf{}"[..], true), (b"\xef\xbb{}", false)] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(json_problem(&file).is_none(), is_json);
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn results_are_understood_as_the_page_does() {
        let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let paths = case.get("paths").cloned().unwrap_or_else(|| json!({}));
            let paths: ResultPaths = serde_json::from_value(paths).unwrap();
            let found = understand(&case["result"], &paths);
            let finding = |one: &ReviewFinding| {
                let mut fields = json!({
                    "rank": format!("{:?}", one.rank).to_lowercase(), "level": one.level, "title": one.title,
                    "text": one.text, "quote": one.quote, "page": one.page, "box": one.place, "rest": one.rest,
                });
                let fields_of = fields.as_object_mut().unwrap();
                fields_of.retain(|_, value| {
                    !(value.is_null() || *value == json!("") || *value == json!({}))
                });
                fields
            };
            let mut understood = json!({
                "title": found.title, "summary": found.summary, "clauses": found.clauses,
                "findings": found.findings.map(|list| list.iter().map(finding).collect::<Vec<_>>()),
                "rest": found.rest, "other_schema": found.other_schema,
            });
            understood
                .as_object_mut()
                .unwrap()
                .retain(|_, value| !(value.is_null() || *value == json!("") || *value == json!(0)));
            assert_eq!(understood, case["understood"], "{}", case["name"]);
        }
    }
}
