//! The figures of a live replay, by burst.

use std::time::Duration;

use serde::Serialize;

use super::plan::{BurstForecast, LivePlan};
use crate::watch::{Board, DocumentStatus, TrackedDocument};

/// Counts documents and instances while the replay runs.
#[derive(Debug)]
pub(super) struct BurstCounter {
    /// The burst of each document.
    burst_of: Vec<u32>,
    endpoint: String,
    time_factor: f64,
    instances: Vec<BurstInstances>,
}

/// The endpoint's instances during a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct BurstInstances {
    begun: bool,
    /// In service when its first document arrived.
    found: u32,
    max: u32,
}

/// The figures of a burst, measured or forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) uploaded: usize,
    pub(super) ready: usize,
    pub(super) failed: usize,
    /// Jobs that have not ended.
    pub(super) lost: usize,
    /// From the upload to "ready" on the page, in seconds by the endpoints' clock.
    pub(super) wait_p50_s: f64,
    pub(super) wait_p95_s: f64,
    /// Instances in service when its first document arrived.
    pub(super) found: u32,
    /// The maximum until the next burst, cold starts included.
    pub(super) max_instances: u32,
}

impl From<&BurstForecast> for Counts {
    fn from(burst: &BurstForecast) -> Self {
        Self {
            uploaded: burst.uploaded,
            ready: burst.ready,
            failed: burst.failed,
            lost: burst.uploaded - burst.ready - burst.failed,
            wait_p50_s: seconds(burst.wait_p50_ms),
            wait_p95_s: seconds(burst.wait_p95_ms),
            found: burst.instances_found,
            max_instances: burst.max_instances,
        }
    }
}

impl BurstCounter {
    pub(super) fn new(plan: &LivePlan, endpoint: &str) -> Self {
        Self {
            burst_of: plan.uploads.iter().map(|upload| upload.burst).collect(),
            endpoint: endpoint.to_owned(),
            time_factor: plan.time_factor,
            instances: vec![BurstInstances::default(); plan.forecast.len()],
        }
    }

    /// The endpoint whose instances are counted.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From 1 on.
    pub(super) fn burst_of(&self, document: usize) -> u32 {
        self.burst_of[document]
    }

    /// How many times as fast as real time the endpoints' clock runs.
    pub(super) const fn time_factor(&self) -> f64 {
        self.time_factor
    }

    pub(super) fn bursts(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    /// A document of a burst arrived. For the first one of the burst: returns the instances in service.
    pub(super) fn document_arrived(&mut self, burst: u32, board: &Board) -> Option<u32> {
        let (in_service, all) = self.current_instances(board);
        let burst_instances = self.instances.get_mut(burst as usize - 1)?;
        if burst_instances.begun {
            return None;
        }
        *burst_instances = BurstInstances {
            begun: true,
            found: in_service,
            max: all,
        };
        Some(in_service)
    }

    pub(super) fn instances_changed(&mut self, board: &Board) {
        let (_, all) = self.current_instances(board);
        if let Some(current) = self.instances.iter_mut().rev().find(|known| known.begun) {
            current.max = current.max.max(all);
        }
    }

    /// The instances in service, and all of them.
    fn current_instances(&self, board: &Board) -> (u32, u32) {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        board
            .endpoints
            .get(&self.endpoint)
            .map_or((0, 0), |instances| {
                let serving = instances.values().filter(|ready| ready.is_none()).count();
                (count(serving), count(instances.len()))
            })
    }

    pub(super) fn documents<'a>(
        &'a self,
        board: &'a Board,
        burst: u32,
    ) -> impl Iterator<Item = &'a TrackedDocument> {
        let all = self.burst_of.iter().zip(&board.documents);
        all.filter(move |(of, _)| **of == burst)
            .map(|(_, document)| document)
    }

    /// The figures of a burst so far.
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
            .map(|took| self.endpoint_ms(took));
        let wait = WaitPercentiles::of(waits.collect());
        let uploaded = self.documents(board, burst).count();
        let ready = count(|phase| matches!(phase, DocumentStatus::Ready));
        let failed = count(|phase| {
            matches!(
                phase,
                DocumentStatus::Failed { .. } | DocumentStatus::Cancelled
            )
        });
        let instances = self.instances[burst as usize - 1];
        Counts {
            uploaded,
            ready,
            failed,
            lost: uploaded - ready - failed,
            wait_p50_s: seconds(wait.p50),
            wait_p95_s: seconds(wait.p95),
            found: instances.found,
            max_instances: instances.max,
        }
    }

    /// The time outside of the endpoint that Docket, the emulator and this machine took, in milliseconds of real time:
    /// from the upload to the endpoint's queue, and from the result to the page.
    pub(super) fn overhead(&self, board: &Board) -> WaitPercentiles {
        let parts = board.documents.iter().filter_map(|document| {
            let part = document.submission_delay? + document.push_delay?;
            Some(part.as_millis() as u64)
        });
        WaitPercentiles::of(parts.collect())
    }

    /// Converts real time to milliseconds by the endpoints' clock.
    fn endpoint_ms(&self, real: Duration) -> u64 {
        real.mul_f64(self.time_factor).as_millis() as u64
    }
}

/// Percentiles over documents, in milliseconds: by nearest rank, so each is the time of a real document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WaitPercentiles {
    pub(super) p50: u64,
    pub(super) p95: u64,
}

impl WaitPercentiles {
    /// Takes values in any order. Without values all percentiles are 0.
    fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(0)
        };
        Self {
            p50: at(50),
            p95: at(95),
        }
    }
}

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
    use jobs::view::{FailureView, JobView};

    use super::super::plan::LiveUpload;
    use super::super::plan::tests::plan;
    use super::*;
    use crate::watch::{ExpectedOutcome, PlannedUpload};

    const FACTOR: f64 = 30.0;

    /// Three documents: two of the first burst, one of the second.
    fn start() -> (BurstCounter, Board) {
        let upload = |burst, number: u64| LiveUpload {
            burst,
            after_ms: number,
            key: format!("inbound/acme/{number}.pdf"),
            model_ms: 1,
        };
        let live_plan = LivePlan {
            uploads: vec![upload(1, 0), upload(1, 1), upload(2, 2)],
            forecast: vec![BurstForecast::default(); 2],
            time_factor: FACTOR,
            ..plan()
        };
        let plan = |upload: &LiveUpload| PlannedUpload {
            path: "a.pdf".into(),
            name: "a.pdf".into(),
            key: upload.key.clone(),
            pipeline: "legal-review".into(),
            bytes: 1,
            expected: ExpectedOutcome::Ready,
        };
        let plans = live_plan.uploads.iter().map(plan).collect();
        (BurstCounter::new(&live_plan, "e"), Board::new(plans, "b"))
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

    fn record_event(board: &mut Board, kind: EndpointEventKind, at: Instant) {
        let event = EndpointEvent {
            endpoint: "e".into(),
            inference_id: None,
            at: Millis(0),
            kind,
        };
        board.record_event(&event, at);
    }

    #[test]
    fn documents_waits_and_instances_are_counted_for_their_burst() {
        let (mut counter, mut board) = start();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let starting = |instance| EndpointEventKind::InstanceStarting {
            instance,
            ready_in: Duration::from_secs(10),
        };
        board.record_upload(0, 1, Some(began));
        assert_eq!(counter.document_arrived(1, &board), Some(0));
        assert_eq!(
            counter.document_arrived(1, &board),
            None,
            "only for the first document"
        );
        board.record_upload(1, 1, Some(after(1)));
        for instance in [1, 2] {
            record_event(&mut board, starting(instance), after(1));
            counter.instances_changed(&board);
        }
        for instance in [1, 2] {
            record_event(
                &mut board,
                EndpointEventKind::InstanceInService { instance },
                after(11),
            );
            counter.instances_changed(&board);
        }
        board.record_job(&job(0, false), after(12));
        board.record_job(&job(1, true), after(12));

        board.record_upload(2, 1, Some(after(20)));
        assert_eq!(counter.document_arrived(2, &board), Some(2));
        record_event(&mut board, starting(3), after(21));
        counter.instances_changed(&board);

        let first = Counts {
            uploaded: 2,
            ready: 1,
            failed: 1,
            lost: 0,
            wait_p50_s: 12.0 * FACTOR,
            wait_p95_s: 12.0 * FACTOR,
            found: 0,
            max_instances: 2,
        };
        assert_eq!(counter.counts(&board, 1), first);
        let second = counter.counts(&board, 2);
        assert_eq!((second.uploaded, second.ready, second.lost), (1, 0, 1));
        assert_eq!((second.found, second.max_instances), (2, 3));
    }
}
