//! The window of a workload's pipeline, as function `capacity` tends it: the record of windows, and requests for a release.

use functions::handlers::retry::ReleaseMessage;
use jobs::expected_work::{self, StoredRuns};
use jobs::id::JobId;
use jobs::ports::{OpenJob, Queue, Record};
use jobs::release_window;
use jobs::window::{KnownWindow, WINDOW_TTL, Window};

use super::Simulation;
use crate::fault::FaultKind;
use crate::message::{MessageKind, QueueMessage, send};
use crate::pauses::{self, HoldLedgers};

/// The key of the pause record.
const KEY: &str = "now";

impl Simulation {
    /// Stores whose turn it is in a pipeline. Returns whether no other release did so before.
    pub(crate) fn store_turns(&mut self, pipeline: &str, record: &Record) -> bool {
        let before = self.records.get(release_window::COLLECTION, pipeline);
        let before = before.map_or_else(String::new, |record| record.body);
        let is_stored = self
            .records
            .put(release_window::COLLECTION, pipeline, record);
        if is_stored {
            let turns = record.body.replace('\n', " ");
            self.env.log(|| format!("turns of {pipeline}: {turns}"));
            let holds = HoldLedgers {
                pauses: &self.pauses,
                breakers: &self.breakers,
            };
            self.turns
                .turns_stored(&mut self.env, &self.records, holds, &before, &record.body);
        }
        is_stored
    }

    /// A release sends the check of a job.
    pub(crate) fn check_sent(&mut self, job: JobId) {
        let holds = HoldLedgers {
            pauses: &self.pauses,
            breakers: &self.breakers,
        };
        self.turns
            .check_sent(&mut self.env, &self.records, holds, job);
    }

    /// The pause record, perhaps after it lost its lines of windows ([`FaultKind::WindowLost`]).
    pub(crate) fn without_lost_windows(&mut self, record: Record) -> Record {
        let is_window = |line: &&str| KnownWindow::from_line(line).is_some();
        let has_windows = record.body.lines().any(|line| is_window(&line));
        if !has_windows || !self.env.strikes(FaultKind::WindowLost) {
            return record;
        }
        self.env.log(|| "the windows are lost".to_owned());
        let rest = record.body.lines().filter(|line| !is_window(line));
        let rest = Record {
            body: rest.collect::<Vec<_>>().join("\n"),
            revision: record.revision + 1,
            expires_at: record.expires_at,
        };
        self.records.put(pauses::COLLECTION, KEY, &rest);
        self.pauses_stored(&rest);
        self.pauses.windows_lost(self.env.now);
        rest
    }

    /// Stores the window and whether it is full, and asks for a release if there is a place for a queued job. Returns whether jobs are
    /// queued.
    pub(crate) fn update_window(&mut self, pipeline: &str, window: Window) -> bool {
        let wall = self.env.wall();
        let rows = || self.table.rows().filter(|row| row.job.pipeline == pipeline);
        let open: Vec<OpenJob> = rows().map(|row| OpenJob::from(&*row.job)).collect();
        let at_endpoint = window.count(&open, wall);
        let is_queued = rows().any(|row| row.job.queued_at().is_some());
        let is_full = is_queued || at_endpoint >= window.attempts;
        let stored = self.records.get(pauses::COLLECTION, KEY);
        let line = stored.as_ref().map_or("", |record| record.body.as_str());
        let known = KnownWindow::from_line(line).filter(|known| known.until > wall);
        if !known.is_some_and(|known| known.is_current(window, is_full, wall)) {
            let key = expected_work::key(pipeline);
            let runs = self.records.get(expected_work::COLLECTION, &key);
            let known = KnownWindow {
                pipeline: pipeline.to_owned(),
                until: wall.plus(WINDOW_TTL),
                window,
                is_full,
                base: StoredRuns::from_record(runs.as_ref()).learned().base(),
            };
            let record = Record {
                body: known.to_line(),
                revision: stored.map_or(1, |record| record.revision + 1),
                expires_at: None,
            };
            self.records.put(pauses::COLLECTION, KEY, &record);
            self.pauses_stored(&record);
        }
        if is_queued && at_endpoint < window.attempts {
            let body = ReleaseMessage::from(&pipeline.to_owned());
            let body = serde_json::to_string(&body).unwrap_or_default();
            let message = QueueMessage::new(body, MessageKind::Check);
            self.plan([send(Queue::Checks, 20, message)]);
        }
        is_queued
    }
}
