//! What the checks found, and how it is printed.

use console::Style;
use jobs::pipeline::Pipeline;
use serde::Serialize;

use crate::error::{Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable, sanitize};

use super::outcome::JobEffect;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindingStatus {
    Ok,
    /// Something to improve. No document that is fine is lost or fails by it.
    Warn,
    /// A document that is fine would fail or be lost.
    Fail,
    NotTried,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// The check's name.
    pub(super) check: &'static str,
    pub(super) status: FindingStatus,
    /// What the container did, or why the check was not tried.
    pub(super) seen: String,
    /// What becomes of a job on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<JobEffect>,
    /// What to change in the container or in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self {
            check,
            status: FindingStatus::Ok,
            seen: seen.into(),
            job: None,
            change: None,
        }
    }

    pub(super) fn warn(check: &'static str, seen: impl Into<String>, change: &str) -> Self {
        Self {
            status: FindingStatus::Warn,
            change: Some(change.to_owned()),
            ..Self::ok(check, seen)
        }
    }

    pub(super) fn fail(check: &'static str, seen: impl Into<String>, change: &str) -> Self {
        Self {
            status: FindingStatus::Fail,
            ..Self::warn(check, seen, change)
        }
    }

    pub(super) fn not_tried(check: &'static str, why: impl Into<String>) -> Self {
        Self {
            status: FindingStatus::NotTried,
            ..Self::ok(check, why)
        }
    }

    pub(super) fn with_job(mut self, effect: JobEffect) -> Self {
        self.job = Some(effect);
        self
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    pipeline: String,
    endpoint: String,
    /// No document that is fine would fail or be lost, as far as the checks could tell.
    passed: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(url: String, pipeline: &Pipeline, findings: Vec<Finding>) -> Self {
        Self {
            url,
            pipeline: pipeline.name.clone(),
            endpoint: pipeline.endpoint.clone(),
            passed: !findings
                .iter()
                .any(|finding| finding.status == FindingStatus::Fail),
            findings,
        }
    }

    pub(super) const fn exit(&self) -> Exit {
        if self.passed {
            Exit::Success
        } else {
            Exit::Failed
        }
    }

    pub(super) fn print(&self, printer: &Printer) -> Result<()> {
        if printer.json {
            return printer.json_document(self);
        }
        let mut table = TextTable::new([
            Column::new("RESULT"),
            Column::new("CHECK"),
            Column::new("JOB").truncate(),
            Column::new("SEEN").truncate(),
        ]);
        for finding in &self.findings {
            let job = finding.job.as_ref();
            table.row([
                styled(finding.status),
                Cell::from(finding.check),
                Cell::from(job.map_or("", |job| job.text.as_str())),
                Cell::from(&finding.seen),
            ]);
        }
        printer.table(&table)?;
        let changes: Vec<_> = self
            .findings
            .iter()
            .filter_map(|finding| Some((finding, finding.change.as_ref()?)))
            .collect();
        if !changes.is_empty() {
            printer.heading("What to change")?;
        }
        for (finding, change) in changes {
            printer.line(&format!("{}: {}", finding.check, sanitize(change)))?;
        }
        printer.line("")?;
        printer.line(&self.summary())
    }

    fn summary(&self) -> String {
        let count = |status| {
            let found = self
                .findings
                .iter()
                .filter(|finding| finding.status == status);
            found.count()
        };
        let failed = count(FindingStatus::Fail);
        let not_tried = match count(FindingStatus::NotTried) {
            0 => String::new(),
            number => format!(" {number} not tried."),
        };
        if failed == 0 {
            format!(
                "No document that is fine would fail or be lost behind {}, as far as was tried.{not_tried}",
                self.endpoint
            )
        } else {
            format!(
                "Documents that are fine would fail or be lost behind {}: {failed} of {} checks failed.{not_tried}",
                self.endpoint,
                self.findings.len()
            )
        }
    }
}

fn styled(status: FindingStatus) -> Cell {
    let (style, text) = match status {
        FindingStatus::Ok => (Style::new().green(), "ok"),
        FindingStatus::Warn => (Style::new().yellow(), "warn"),
        FindingStatus::Fail => (Style::new().red(), "fail"),
        FindingStatus::NotTried => (Style::new().dim(), "not tried"),
    };
    Cell::styled(style, text)
}
