//! What the checks found, and how it is printed.

use console::Style;
use jobs::pipeline::Pipeline;
use serde::Serialize;

use crate::error::{Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable, sanitize};

use super::outcome::JobEffect;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModelCheckStatus {
    Ok,
    /// Something to improve. No document that is fine is lost or fails by it.
    Warn,
    /// A document that is fine would fail or be lost.
    Fail,
    NotTried,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CheckResult {
    /// The check's name.
    pub(super) check: &'static str,
    pub(super) status: ModelCheckStatus,
    /// What the container did, or why the check was not tried.
    pub(super) seen: String,
    /// What becomes of a job on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<JobEffect>,
    /// What to change in the container or in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<String>,
}

impl CheckResult {
    pub(super) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self {
            check,
            status: ModelCheckStatus::Ok,
            seen: seen.into(),
            job: None,
            change: None,
        }
    }

    pub(super) fn warn(check: &'static str, seen: impl Into<String>, change: &str) -> Self {
        Self {
            status: ModelCheckStatus::Warn,
            change: Some(change.to_owned()),
            ..Self::ok(check, seen)
        }
    }

    pub(super) fn fail(check: &'static str, seen: impl Into<String>, change: &str) -> Self {
        Self {
            status: ModelCheckStatus::Fail,
            ..Self::warn(check, seen, change)
        }
    }

    pub(super) fn not_tried(check: &'static str, why: impl Into<String>) -> Self {
        Self {
            status: ModelCheckStatus::NotTried,
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
    checks: Vec<CheckResult>,
}

impl Report {
    pub(super) fn new(url: String, pipeline: &Pipeline, checks: Vec<CheckResult>) -> Self {
        Self {
            url,
            pipeline: pipeline.name.clone(),
            endpoint: pipeline.endpoint.clone(),
            passed: !checks
                .iter()
                .any(|checked| checked.status == ModelCheckStatus::Fail),
            checks,
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
        for checked in &self.checks {
            let job = checked.job.as_ref();
            table.row([
                styled(checked.status),
                Cell::from(checked.check),
                Cell::from(job.map_or("", |job| job.text.as_str())),
                Cell::from(&checked.seen),
            ]);
        }
        printer.table(&table)?;
        let changes: Vec<_> = self
            .checks
            .iter()
            .filter_map(|checked| Some((checked, checked.change.as_ref()?)))
            .collect();
        if !changes.is_empty() {
            printer.heading("What to change")?;
        }
        for (checked, change) in changes {
            printer.line(&format!("{}: {}", checked.check, sanitize(change)))?;
        }
        printer.line("")?;
        printer.line(&self.summary())
    }

    fn summary(&self) -> String {
        let count = |status| {
            let found = self
                .checks
                .iter()
                .filter(|checked| checked.status == status);
            found.count()
        };
        let failed = count(ModelCheckStatus::Fail);
        let not_tried = match count(ModelCheckStatus::NotTried) {
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
                self.checks.len()
            )
        }
    }
}

fn styled(status: ModelCheckStatus) -> Cell {
    let (style, text) = match status {
        ModelCheckStatus::Ok => (Style::new().green(), "ok"),
        ModelCheckStatus::Warn => (Style::new().yellow(), "warn"),
        ModelCheckStatus::Fail => (Style::new().red(), "fail"),
        ModelCheckStatus::NotTried => (Style::new().dim(), "not tried"),
    };
    Cell::styled(style, text)
}
