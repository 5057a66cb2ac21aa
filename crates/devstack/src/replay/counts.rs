//! Counts the documents and instances of a live replay by burst.

use std::time::Duration;

use serde::Serialize;

use super::plan::{BurstForecast, LivePlan};
use crate::watch::{Board, DocumentStatus, TrackedDocument};

/// Counts documents and instances while the replay runs.
#[derive(Debug)]
pub(super) struct BurstCounter {
    /// The burst of each document, by the document's index on the board.
    bursts_of_documents: Vec<u32>,
    endpoint: String,
    time_factor: f64,
    /// One entry for each burst.
    instances: Vec<BurstInstances>,
}

/// The endpoint's instances during a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct BurstInstances {
    started: bool,
    /// In service when its first document arrived.
    found: u32,
    max: u32,
}

/// The endpoint's instances at this moment.
#[derive(Clone, Copy, Debug, Default)]
struct CurrentInstances {
    in_service: u32,
    /// Including those that are starting.
    all: u32,
}

/// The counts and waiting times of a burst, measured or forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct BurstCounts {
    pub(super) uploaded: usize,
    pub(super) ready: usize,
    pub(super) failed: usize,
    /// Jobs that did not end.
    pub(super) lost: usize,
    /// From the end of the upload to the push of "ready", in seconds by the endpoints' clock.
    pub(super) wait_p50_s: f64,
    pub(super) wait_p95_s: f64,
    /// Instances in service when its first document arrived.
    pub(super) instances_found: u32,
    /// Maximum number of instances until the next burst, starting ones included.
    pub(super) max_instances: u32,
}

impl From<&BurstForecast> for BurstCounts {
    fn from(burst: &BurstForecast) -> Self {
        Self {
            uploaded: burst.uploaded,
            ready: burst.ready,
            failed: burst.failed,
            lost: burst.uploaded - burst.ready - burst.failed,
            wait_p50_s: seconds(burst.wait_p50_ms),
            wait_p95_s: seconds(burst.wait_p95_ms),
            instances_found: burst.instances_found,
            max_instances: burst.max_instances,
        }
    }
}

impl BurstCounter {
    pub(super) fn new(plan: &LivePlan, endpoint: &str) -> Self {
        Self {
            bursts_of_documents: plan.uploads.iter().map(|upload| upload.burst).collect(),
            endpoint: endpoint.to_owned(),
            time_factor: plan.time_factor,
            instances: vec![BurstInstances::default(); plan.forecast.len()],
        }
    }

    /// The endpoint whose instances are counted.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The number of a document's burst, from 1.
    pub(super) fn burst_of(&self, document: usize) -> u32 {
        self.bursts_of_documents[document]
    }

    /// How many times as fast as real time the endpoints' clock runs.
    pub(super) const fn time_factor(&self) -> f64 {
        self.time_factor
    }

    pub(super) fn burst_count(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    /// Records that a document of a burst arrived. Returns the number of instances in service if it is the burst's first.
    pub(super) fn record_arrival(&mut self, burst: u32, board: &Board) -> Option<u32> {
        let current = self.current_instances(board);
        let burst_instances = self.instances.get_mut(burst as usize - 1)?;
        if burst_instances.started {
            return None;
        }
        *burst_instances = BurstInstances {
            started: true,
            found: current.in_service,
            max: current.all,
        };
        Some(current.in_service)
    }

    /// Records the endpoint's instances after a change.
    pub(super) fn record_instances(&mut self, board: &Board) {
        let current = self.current_instances(board);
        let newest_burst = self.instances.iter_mut().rev().find(|burst| burst.started);
        if let Some(burst) = newest_burst {
            burst.max = burst.max.max(current.all);
        }
    }

    fn current_instances(&self, board: &Board) -> CurrentInstances {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let Some(instances) = board.endpoints.get(&self.endpoint) else {
            return CurrentInstances::default();
        };
        let ready_at = instances.values();
        CurrentInstances {
            in_service: count(ready_at.filter(|ready_at| ready_at.is_none()).count()),
            all: count(instances.len()),
        }
    }

    pub(super) fn documents<'a>(
        &'a self,
        board: &'a Board,
        burst: u32,
    ) -> impl Iterator<Item = &'a TrackedDocument> {
        let all = self.bursts_of_documents.iter().zip(&board.documents);
        all.filter(move |(burst_of_document, _)| **burst_of_document == burst)
            .map(|(_, document)| document)
    }

    /// The counts of a burst so far.
    pub(super) fn counts(&self, board: &Board, burst: u32) -> BurstCounts {
        let count = |wanted: fn(&DocumentStatus) -> bool| {
            let documents = self.documents(board, burst);
            documents
                .filter(|document| wanted(&document.status))
                .count()
        };
        let waits_ms = self
            .documents(board, burst)
            .filter(|document| matches!(document.status, DocumentStatus::Ready))
            .filter_map(|document| document.duration)
            .map(|duration| self.endpoint_ms(duration));
        let wait_ms = LatencyPercentiles::of(waits_ms.collect());
        let uploaded = self.documents(board, burst).count();
        let ready = count(|status| matches!(status, DocumentStatus::Ready));
        let failed = count(|status| {
            matches!(
                status,
                DocumentStatus::Failed { .. } | DocumentStatus::Cancelled
            )
        });
        let instances = self.instances[burst as usize - 1];
        BurstCounts {
            uploaded,
            ready,
            failed,
            lost: uploaded - ready - failed,
            wait_p50_s: seconds(wait_ms.p50),
            wait_p95_s: seconds(wait_ms.p95),
            instances_found: instances.found,
            max_instances: instances.max,
        }
    }

    /// The time that Docket, the emulator and this machine took outside of the endpoint, in milliseconds of real time:
    /// from the end of the upload to the endpoint's queue, and from the result in S3 to the push.
    pub(super) fn overhead_ms(&self, board: &Board) -> LatencyPercentiles {
        let overheads = board.documents.iter().filter_map(|document| {
            let overhead = document.submission_delay? + document.push_delay?;
            Some(overhead.as_millis() as u64)
        });
        LatencyPercentiles::of(overheads.collect())
    }

    /// Converts real time to milliseconds by the endpoints' clock.
    fn endpoint_ms(&self, real: Duration) -> u64 {
        real.mul_f64(self.time_factor).as_millis() as u64
    }
}

/// Percentiles over documents, in milliseconds, by nearest rank: each is the time of one of the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct LatencyPercentiles {
    pub(super) p50: u64,
    pub(super) p95: u64,
}

impl LatencyPercentiles {
    /// Takes the values in any order. Without values, all percentiles are 0.
    fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(0)
        };
        Self {
            p50: percentile(50),
            p95: percentile(95),
        }
    }
}

fn seconds(milliseconds: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a day in milliseconds has 27 bits, and f64 is exact up to 53"
    )]
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
    use super::*;
    use crate::watch::{ExpectedOutcome, PlannedUpload};

    const TIME_FACTOR: f64 = 30.0;

    /// Three documents: two of the first burst, one of the second.
    fn counter_and_board() -> (BurstCounter, Board) {
        let upload = |burst, number: u64| LiveUpload {
            burst,
            after_ms: number,
            key: format!("inbound/acme/{number}.pdf"),
            model_ms: 1,
        };
        let plan = LivePlan {
            uploads: vec![upload(1, 0), upload(1, 1), upload(2, 2)],
            forecast: vec![BurstForecast::default(); 2],
            time_factor: TIME_FACTOR,
            ..LivePlan::first_burst_of_tuesday()
        };
        let planned = |upload: &LiveUpload| PlannedUpload {
            path: "a.pdf".into(),
            name: "a.pdf".into(),
            key: upload.key.clone(),
            pipeline: "legal-review".into(),
            bytes: 1,
            expected: ExpectedOutcome::Ready,
        };
        let uploads = plan.uploads.iter().map(planned).collect();
        (BurstCounter::new(&plan, "e"), Board::new(uploads, "b"))
    }

    fn job(number: usize, failed: bool) -> JobView {
        let failure = failed.then(|| FailureView {
            cause: "ModelError".into(),
            detail: "the model failed".into(),
            container_status: Some(500),
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
            failure,
            ..JobView::default()
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
    fn documents_waiting_times_and_instances_are_counted_by_burst() {
        let (mut counter, mut board) = counter_and_board();
        let started = Instant::now();
        let after = |seconds| started + Duration::from_secs(seconds);
        let starting = |instance| EndpointEventKind::InstanceStarting {
            instance,
            ready_in: Duration::from_secs(10),
        };
        board.record_upload(0, 1, Some(started));
        assert_eq!(counter.record_arrival(1, &board), Some(0));
        assert_eq!(
            counter.record_arrival(1, &board),
            None,
            "only for the first document"
        );
        board.record_upload(1, 1, Some(after(1)));
        for instance in [1, 2] {
            record_event(&mut board, starting(instance), after(1));
            counter.record_instances(&board);
        }
        for instance in [1, 2] {
            record_event(
                &mut board,
                EndpointEventKind::InstanceInService { instance },
                after(11),
            );
            counter.record_instances(&board);
        }
        board.record_job(&job(0, false), after(12));
        board.record_job(&job(1, true), after(12));

        board.record_upload(2, 1, Some(after(20)));
        assert_eq!(counter.record_arrival(2, &board), Some(2));
        record_event(&mut board, starting(3), after(21));
        counter.record_instances(&board);

        let first = BurstCounts {
            uploaded: 2,
            ready: 1,
            failed: 1,
            lost: 0,
            wait_p50_s: 12.0 * TIME_FACTOR,
            wait_p95_s: 12.0 * TIME_FACTOR,
            instances_found: 0,
            max_instances: 2,
        };
        assert_eq!(counter.counts(&board, 1), first);
        let second = counter.counts(&board, 2);
        assert_eq!((second.uploaded, second.ready, second.lost), (1, 0, 1));
        assert_eq!((second.instances_found, second.max_instances), (2, 3));
    }
}
