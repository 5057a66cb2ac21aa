//! What is counted in a live replay, by burst.

use std::time::Duration;

use serde::Serialize;
use simulation::replay::{Burst, Forecast, Spread};

use crate::watch::{Board, DocumentStatus, TrackedDocument};

/// Counts. Times are by the endpoints' clock.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The burst of each document.
    burst_of: Vec<u32>,
    endpoint: String,
    factor: f64,
    seen: Vec<Seen>,
}

/// What was seen of the endpoint during a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    begun: bool,
    found: u32,
    most: u32,
}

/// What a burst comes to, here or in the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) uploaded: usize,
    pub(super) ready: usize,
    pub(super) failed: usize,
    /// Neither.
    pub(super) lost: usize,
    /// From the upload to "ready" on the page, in seconds by the endpoints' clock: half of the documents, and nineteen in
    /// twenty, did not wait longer.
    pub(super) wait_p50_s: f64,
    pub(super) wait_p95_s: f64,
    /// Instances that were in service when its first document came.
    pub(super) found: u32,
    /// The most at a time until the next burst came, cold starts included.
    pub(super) most_instances: u32,
}

impl From<&Burst> for Counts {
    fn from(burst: &Burst) -> Self {
        Self {
            uploaded: burst.uploaded,
            ready: burst.ready,
            failed: burst.failed,
            lost: burst.uploaded - burst.ready - burst.failed,
            wait_p50_s: seconds(burst.wait.p50),
            wait_p95_s: seconds(burst.wait.p95),
            found: burst.found,
            most_instances: burst.most_instances,
        }
    }
}

impl Backlog {
    pub(super) fn new(forecast: &Forecast, endpoint: &str, factor: f64) -> Self {
        Self {
            burst_of: forecast.uploads.iter().map(|upload| upload.burst).collect(),
            endpoint: endpoint.to_owned(),
            factor,
            seen: vec![Seen::default(); forecast.bursts.len()],
        }
    }

    /// The endpoint whose instances count.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From 1 on.
    pub(super) fn burst_of(&self, document: usize) -> u32 {
        self.burst_of[document]
    }

    /// How many seconds of the endpoints' time pass in a real one.
    pub(super) const fn factor(&self) -> f64 {
        self.factor
    }

    /// How many bursts there are.
    pub(super) fn bursts(&self) -> u32 {
        u32::try_from(self.seen.len()).unwrap_or(u32::MAX)
    }

    /// A document of a burst is there. Gives the instances that it found if it is the first of them.
    pub(super) fn came(&mut self, burst: u32, board: &Board) -> Option<u32> {
        let (in_service, all) = self.instances(board);
        let seen = self.seen.get_mut(burst as usize - 1)?;
        if seen.begun {
            return None;
        }
        *seen = Seen {
            begun: true,
            found: in_service,
            most: all,
        };
        Some(in_service)
    }

    /// The endpoint's instances changed.
    pub(super) fn changed(&mut self, board: &Board) {
        let (_, all) = self.instances(board);
        if let Some(seen) = self.seen.iter_mut().rev().find(|seen| seen.begun) {
            seen.most = seen.most.max(all);
        }
    }

    /// In service, and all of them.
    fn instances(&self, board: &Board) -> (u32, u32) {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        board
            .endpoints
            .get(&self.endpoint)
            .map_or((0, 0), |instances| {
                let serving = instances.values().filter(|ready| ready.is_none()).count();
                (count(serving), count(instances.len()))
            })
    }

    /// The documents of a burst.
    pub(super) fn documents<'a>(
        &'a self,
        board: &'a Board,
        burst: u32,
    ) -> impl Iterator<Item = &'a TrackedDocument> {
        let all = self.burst_of.iter().zip(&board.documents);
        all.filter(move |(of, _)| **of == burst)
            .map(|(_, document)| document)
    }

    /// What a burst comes to so far.
    pub(super) fn counts(&self, board: &Board, burst: u32) -> Counts {
        let count = |wanted: fn(&DocumentStatus) -> bool| {
            let documents = self.documents(board, burst);
            documents
                .filter(|document| wanted(&document.status))
                .count()
        };
        let waits = self
            .documents(board, burst)
            .filter(|document| matches!(document.status, DocumentStatus::Ready))
            .filter_map(|document| document.duration)
            .map(|took| self.model(took));
        let wait = Spread::of(waits.collect());
        let uploaded = self.documents(board, burst).count();
        let ready = count(|phase| matches!(phase, DocumentStatus::Ready));
        let failed = count(|phase| {
            matches!(
                phase,
                DocumentStatus::Failed { .. } | DocumentStatus::Cancelled
            )
        });
        let seen = self.seen[burst as usize - 1];
        Counts {
            uploaded,
            ready,
            failed,
            lost: uploaded - ready - failed,
            wait_p50_s: seconds(wait.p50),
            wait_p95_s: seconds(wait.p95),
            found: seen.found,
            most_instances: seen.most,
        }
    }

    /// What Docket, the emulator and this machine took beside the endpoint, in milliseconds of our time: from the upload to
    /// the endpoint's queue, and from the result to the page.
    pub(super) fn beside(&self, board: &Board) -> Spread {
        let parts = board.documents.iter().filter_map(|document| {
            let part = document.submission_delay? + document.push_delay?;
            Some(part.as_millis() as u64)
        });
        Spread::of(parts.collect())
    }

    /// Our time in milliseconds by the endpoints' clock.
    fn model(&self, span: Duration) -> u64 {
        span.mul_f64(self.factor).as_millis() as u64
    }
}

/// Milliseconds in seconds.
fn seconds(milliseconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a day has 27 bits")]
    let number = milliseconds as f64;
    number / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use async_endpoint::Millis;
    use async_endpoint::server::{EndpointEvent, EndpointEventKind};
    use jobs::id::JobId;
    use simulation::replay::Upload;

    use super::*;
    use crate::watch::{ExpectedOutcome, PlannedUpload};
    use jobs::view::{FailureView, JobView};

    const FACTOR: f64 = 30.0;

    /// Three documents: two of the first burst, one of the second.
    fn start() -> (Backlog, Board) {
        let upload = |burst, number: u64| Upload {
            burst,
            after: number,
            key: format!("inbound/acme/{number}.pdf"),
            takes: 1,
        };
        let forecast = Forecast {
            uploads: vec![upload(1, 0), upload(1, 1), upload(2, 2)],
            bursts: vec![Burst::default(); 2],
            violations: vec![],
        };
        let plan = |upload: &Upload| PlannedUpload {
            path: "a.pdf".into(),
            name: "a.pdf".into(),
            key: upload.key.clone(),
            pipeline: "legal-review".into(),
            bytes: 1,
            expected: ExpectedOutcome::Ready,
        };
        let plans = forecast.uploads.iter().map(plan).collect();
        (Backlog::new(&forecast, "e", FACTOR), Board::new(plans, "b"))
    }

    fn job(number: usize, failed: bool) -> JobView {
        let failure = failed.then(|| FailureView {
            cause: "ModelError".into(),
            detail: "it broke down".into(),
        });
        JobView {
            id: JobId::of_key("b", &format!("inbound/acme/{number}.pdf")).to_string(),
            version: 3,
            status: if failed { "Failed" } else { "Ready" }.into(),
            pipeline: "legal-review".into(),
            tenant: "acme".into(),
            name: "a.pdf".into(),
            bytes: 1,
            attempt: 1,
            created_at: 0,
            updated_at: 0,
            retry_at: None,
            corrected: false,
            failure,
        }
    }

    fn seen(board: &mut Board, kind: EndpointEventKind, at: Instant) {
        let observation = EndpointEvent {
            endpoint: "e".into(),
            inference_id: None,
            at: Millis(0),
            kind,
        };
        board.record_event(&observation, at);
    }

    #[test]
    fn each_burst_has_its_documents_its_waits_and_its_instances() {
        let (mut tally, mut board) = start();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let waking = |instance| EndpointEventKind::InstanceStarting {
            instance,
            ready_in: Duration::from_secs(10),
        };
        board.record_upload(0, 1, Some(began));
        assert_eq!(tally.came(1, &board), Some(0));
        assert_eq!(tally.came(1, &board), None, "only the first is told");
        board.record_upload(1, 1, Some(after(1)));
        for instance in [1, 2] {
            seen(&mut board, waking(instance), after(1));
            tally.changed(&board);
        }
        for instance in [1, 2] {
            seen(
                &mut board,
                EndpointEventKind::InstanceInService { instance },
                after(11),
            );
            tally.changed(&board);
        }
        board.record_job(&job(0, false), after(12));
        board.record_job(&job(1, true), after(12));

        board.record_upload(2, 1, Some(after(20)));
        assert_eq!(tally.came(2, &board), Some(2));
        seen(&mut board, waking(3), after(21));
        tally.changed(&board);

        let first = Counts {
            uploaded: 2,
            ready: 1,
            failed: 1,
            lost: 0,
            wait_p50_s: 12.0 * FACTOR,
            wait_p95_s: 12.0 * FACTOR,
            found: 0,
            most_instances: 2,
        };
        assert_eq!(tally.counts(&board, 1), first);
        let second = tally.counts(&board, 2);
        assert_eq!((second.uploaded, second.ready, second.lost), (1, 0, 1));
        assert_eq!((second.found, second.most_instances), (2, 3));
    }
}
