//! Pauses: what support asks for, and what the checks remember.

use std::rc::Rc;

use api::types::{NewPause, ResumeRequest};
use jobs::ports::Record;

use super::Simulation;
use crate::api_request::ClientRequest;
use crate::checks;
use crate::checks::guarantees::GUARANTEE_9;
use crate::history_plan::TENANTS;
use crate::mistake::Mistake;
use crate::tamper;

impl Simulation {
    /// Support pauses a pipeline, a tenant or both, and may resume it before its end.
    pub(super) fn pause(
        &mut self,
        pipeline: Option<String>,
        tenant: Option<String>,
        lasts: u64,
        resumed_after: Option<u64>,
    ) {
        let new = NewPause {
            pipeline: pipeline.clone(),
            tenant: tenant.clone(),
            until: self.env.wall().0 + lasts,
            reason: self.reason(),
        };
        self.ask(ClientRequest::Pause(Rc::new(new)));
        if let Some(delay) = resumed_after {
            let resume = ResumeRequest {
                pipeline,
                tenant,
                reason: self.reason(),
            };
            self.ask_later(delay, ClientRequest::Resume(Rc::new(resume)));
        }
    }

    /// The current function stored the pause record.
    pub(crate) fn pauses_stored(&mut self, record: &Record) {
        for pause in self.pauses.stored(self.env.now, &record.body) {
            let mut audits = self.records.iter().filter(|(of, ..)| *of == "audit");
            if !audits.any(|(_, _, entry)| entry.body.contains(&pause.details.reason)) {
                self.env.violation(GUARANTEE_9, || {
                    format!("{:?} is not in the audit log", pause.scope)
                });
            }
        }
    }

    /// As [`Self::pauses_stored`], of the breakers in the same record.
    pub(crate) fn breakers_stored(&mut self, record: &Record) {
        for opened in self.breakers.stored(self.env.now, &record.body) {
            let Self {
                env,
                table,
                functions,
                ..
            } = self;
            checks::breakers::check_opened(env, table, functions, &opened);
        }
    }

    /// Whether the planted mistake drops the write: it would close a breaker.
    pub(crate) fn keeps_breaker_open(&self, record: &Record) -> bool {
        let still_open = |pipeline: &str| {
            let mut lines = record.body.lines();
            lines.any(|line| line.starts_with(&format!("!{pipeline}:")))
        };
        self.env.has(Mistake::BreakerNeverCloses)
            && self
                .breakers
                .open()
                .any(|(pipeline, _)| !still_open(pipeline))
    }

    /// The pause record as the current function sees it.
    pub(crate) fn seen_pauses(&self, record: Option<Record>) -> Option<Record> {
        let has = |mistake| self.env.has(mistake);
        let is_upload = self.functions.current_is("upload-trigger");
        let is_api = self.functions.current_is("support-api");
        if (has(Mistake::PauseIgnoredByUploads) && is_upload)
            || (has(Mistake::PausedJobsReleased) && !is_upload && !is_api)
        {
            return None;
        }
        let mut record = record?;
        if has(Mistake::BreakerOpensOnOneDocument) {
            record.body = tamper::failures_of_other_jobs(&record.body);
        }
        if has(Mistake::PauseOfEveryTenant) && !is_api {
            for tenant in TENANTS {
                record.body = record.body.replace(&format!(":{tenant}\t"), ":*\t");
            }
            // Nothing pauses everything.
            let lines = record.body.lines().filter(|line| !line.starts_with("*:*"));
            record.body = lines.collect::<Vec<_>>().join("\n");
        }
        Some(record)
    }
}
