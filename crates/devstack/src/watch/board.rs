//! The state of each document, from the service's pushes and the endpoints' events.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use async_endpoint::server::{EndpointEvent, EndpointEventKind};
use jobs::id::JobId;
use jobs::view::JobView;

use super::document::{DocumentStatus, TrackedDocument};
use super::planned_upload::PlannedUpload;

/// The state of all documents and endpoints.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) documents: Vec<TrackedDocument>,
    by_id: HashMap<String, usize>,
    pub(crate) endpoints: BTreeMap<String, InstancesByNumber>,
}

/// The instances of an endpoint by number, and for a starting one, when it will be in service.
pub(crate) type InstancesByNumber = BTreeMap<u32, Option<Instant>>;

/// What changed on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BoardChange {
    /// The status of the document with this index.
    Document(usize),
    /// The instances of the endpoint with this name.
    Endpoint(String),
}

impl Board {
    pub(crate) fn new(uploads: Vec<PlannedUpload>, bucket: &str) -> Self {
        let id = |upload: &PlannedUpload| JobId::of_key(bucket, &upload.key).to_string();
        let by_id = uploads
            .iter()
            .enumerate()
            .map(|(index, upload)| (id(upload), index))
            .collect();
        let document = |upload| TrackedDocument {
            upload,
            status: DocumentStatus::NotStarted,
            since: Instant::now(),
            uploaded_at: None,
            duration: None,
            output: None,
            submission_delay: None,
            stored_at: None,
            push_delay: None,
            attempt: 0,
            version: 0,
        };
        Self {
            documents: uploads.into_iter().map(document).collect(),
            by_id,
            endpoints: BTreeMap::new(),
        }
    }

    /// Whether all jobs have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.documents
            .iter()
            .all(|document| document.status.is_final())
    }

    /// Records the progress of an upload; `uploaded_at` if it has ended.
    pub(crate) fn record_upload(
        &mut self,
        index: usize,
        sent_bytes: u64,
        uploaded_at: Option<Instant>,
    ) -> Option<BoardChange> {
        let document = &mut self.documents[index];
        let status = if uploaded_at.is_some() {
            document.uploaded_at = uploaded_at;
            DocumentStatus::Uploaded
        } else {
            DocumentStatus::Uploading { sent_bytes }
        };
        document
            .advance(status)
            .then_some(BoardChange::Document(index))
    }

    pub(crate) fn record_job(&mut self, job: &JobView, at: Instant) -> Option<BoardChange> {
        let index = *self.by_id.get(&job.id)?;
        let document = &mut self.documents[index];
        if job.version <= document.version {
            return None;
        }
        document.version = job.version;
        document.record_attempt(job.attempt);
        let failure = || {
            job.failure
                .clone()
                .map_or_else(Default::default, |failure| {
                    (failure.cause.into_owned(), failure.detail)
                })
        };
        let status = match job.status.as_ref() {
            "InProgress" => DocumentStatus::Submitted,
            "RetryScheduled" => DocumentStatus::RetryScheduled {
                // The service's clock may differ from this one, so only the difference of its times is used.
                due: at
                    + Duration::from_millis(
                        job.retry_at
                            .unwrap_or_default()
                            .saturating_sub(job.updated_at),
                    ),
                reason: failure().1,
            },
            "Ready" => {
                document.push_delay = document
                    .stored_at
                    .map(|stored| at.saturating_duration_since(stored));
                DocumentStatus::Ready
            }
            "Failed" => {
                let (cause, detail) = failure();
                DocumentStatus::Failed { cause, detail }
            }
            "Cancelled" => DocumentStatus::Cancelled,
            // Submitting, and any status of a later release.
            _ => return None,
        };
        if status.is_final() {
            document.duration = document
                .uploaded_at
                .map(|uploaded| at.saturating_duration_since(uploaded));
        }
        document
            .advance(status)
            .then_some(BoardChange::Document(index))
    }

    /// Records an event of an endpoint.
    pub(crate) fn record_event(
        &mut self,
        event: &EndpointEvent,
        at: Instant,
    ) -> Option<BoardChange> {
        match &event.kind {
            EndpointEventKind::InstanceStarting { instance, ready_in } => self
                .instances(event)
                .insert(*instance, Some(at + *ready_in)),
            EndpointEventKind::InstanceInService { instance } => {
                self.instances(event).insert(*instance, None)
            }
            EndpointEventKind::InstanceStopped { instance, .. } => {
                self.instances(event).remove(instance)
            }
            _ => return self.record_document_event(event, at),
        };
        Some(BoardChange::Endpoint(event.endpoint.to_string()))
    }

    fn instances(&mut self, event: &EndpointEvent) -> &mut InstancesByNumber {
        self.endpoints
            .entry(event.endpoint.to_string())
            .or_default()
    }

    fn record_document_event(&mut self, event: &EndpointEvent, at: Instant) -> Option<BoardChange> {
        let (id, attempt) = event.inference_id.as_deref()?.split_once(".a")?;
        let index = *self.by_id.get(id)?;
        let document = &mut self.documents[index];
        if !document.record_attempt(attempt.parse().ok()?) {
            // The event belongs to an earlier attempt.
            return None;
        }
        if let (EndpointEventKind::Queued { .. }, Some(uploaded), None) =
            (&event.kind, document.uploaded_at, document.submission_delay)
        {
            document.submission_delay = Some(at.saturating_duration_since(uploaded));
        }
        let status = match &event.kind {
            EndpointEventKind::Queued { has_capacity: true } => DocumentStatus::Submitted,
            EndpointEventKind::Queued {
                has_capacity: false,
            } => DocumentStatus::SubmittedWithoutCapacity,
            EndpointEventKind::InvocationStarted { instance, .. } => DocumentStatus::Running {
                instance: *instance,
            },
            EndpointEventKind::Completed { output } => {
                document.output = Some(output.clone());
                document.stored_at = Some(at);
                DocumentStatus::Finished
            }
            EndpointEventKind::Failed { .. } => DocumentStatus::Finished,
            _ => return None,
        };
        document
            .advance(status)
            .then_some(BoardChange::Document(index))
    }
}

#[cfg(test)]
mod tests {
    use super::super::planned_upload::ExpectedOutcome;
    use super::*;
    use jobs::view::FailureView;

    fn board(expected: ExpectedOutcome) -> (Board, String) {
        let upload = PlannedUpload {
            path: "a.pdf".into(),
            name: "a.pdf".into(),
            key: "inbound/acme/a.pdf".into(),
            pipeline: "legal-review".into(),
            bytes: 9,
            expected,
        };
        let id = JobId::of_key("b", &upload.key).to_string();
        (Board::new(vec![upload], "b"), id)
    }

    fn job(id: &str, version: u64, status: &str) -> JobView {
        let failure = (status == "Failed").then(|| FailureView {
            cause: "InvalidInput".into(),
            detail: "it is empty".into(),
            container_status: None,
        });
        JobView {
            id: id.into(),
            version,
            status: status.to_owned().into(),
            pipeline: "legal-review".into(),
            tenant: "acme".into(),
            name: "a.pdf".into(),
            bytes: 9,
            attempt: 1,
            failure,
            ..JobView::default()
        }
    }

    fn event(id: &str, attempt: u8, kind: EndpointEventKind) -> EndpointEvent {
        EndpointEvent {
            endpoint: "e".into(),
            inference_id: Some(format!("{id}.a{attempt}")),
            at: async_endpoint::Millis(0),
            kind,
        }
    }

    #[test]
    fn status_only_moves_forward_whatever_the_order_of_pushes_and_events() {
        let (mut board, id) = board(ExpectedOutcome::Ready);
        let now = Instant::now();
        board.record_upload(0, 9, Some(now));
        let running = EndpointEventKind::InvocationStarted {
            instance: 1,
            delivery: 1,
        };
        assert_eq!(
            board.record_event(&event(&id, 1, running), now),
            Some(BoardChange::Document(0))
        );
        assert_eq!(board.record_job(&job(&id, 2, "InProgress"), now), None);
        assert_eq!(
            board.documents[0].status,
            DocumentStatus::Running { instance: 1 }
        );
        board.record_event(
            &event(
                &id,
                1,
                EndpointEventKind::Completed {
                    output: "s3://b/o".into(),
                },
            ),
            now,
        );
        let later = now + Duration::from_millis(40);
        assert_eq!(
            board.record_job(&job(&id, 3, "Ready"), later),
            Some(BoardChange::Document(0))
        );
        assert_eq!(
            board.record_job(&job(&id, 3, "Ready"), later),
            None,
            "a duplicate push changes nothing"
        );
        assert_eq!(
            board.documents[0].push_delay,
            Some(Duration::from_millis(40))
        );
        assert_eq!(board.documents[0].duration, Some(Duration::from_millis(40)));
        assert!(board.is_done() && board.documents[0].ended_as_expected());
    }

    #[test]
    fn retry_starts_again_and_an_old_push_changes_nothing() {
        let (mut board, id) = board(ExpectedOutcome::Any);
        let now = Instant::now();
        board.record_job(&job(&id, 3, "RetryScheduled"), now);
        assert_eq!(board.record_job(&job(&id, 2, "InProgress"), now), None);
        let running = EndpointEventKind::InvocationStarted {
            instance: 1,
            delivery: 1,
        };
        assert_eq!(
            board.record_event(&event(&id, 2, running), now),
            Some(BoardChange::Document(0))
        );
        assert!(!board.is_done());
    }

    #[test]
    fn events_of_the_next_attempt_count_after_a_retry_and_those_of_the_previous_do_not() {
        let (mut board, id) = board(ExpectedOutcome::Any);
        let now = Instant::now();
        board.record_event(
            &event(&id, 1, EndpointEventKind::Queued { has_capacity: true }),
            now,
        );
        let retry = JobView {
            attempt: 2,
            updated_at: 1_000,
            retry_at: Some(31_000),
            ..job(&id, 3, "RetryScheduled")
        };
        assert_eq!(
            board.record_job(&retry, now),
            Some(BoardChange::Document(0))
        );
        let scheduled = DocumentStatus::RetryScheduled {
            due: now + Duration::from_secs(30),
            reason: String::new(),
        };
        assert_eq!(board.documents[0].status, scheduled);
        let output = "s3://b/late".to_owned();
        let late = board.record_event(&event(&id, 1, EndpointEventKind::Completed { output }), now);
        assert_eq!((late, &board.documents[0].status), (None, &scheduled));
        for kind in [
            EndpointEventKind::Queued { has_capacity: true },
            EndpointEventKind::InvocationStarted {
                instance: 1,
                delivery: 1,
            },
        ] {
            let change = board.record_event(&event(&id, 2, kind), now);
            assert_eq!(change, Some(BoardChange::Document(0)));
        }
        assert_eq!(
            board.documents[0].status,
            DocumentStatus::Running { instance: 1 }
        );
    }

    #[test]
    fn outcome_is_compared_with_the_expected_one() {
        let (mut unexpected, id) = board(ExpectedOutcome::Ready);
        unexpected.record_job(&job(&id, 1, "Failed"), Instant::now());
        assert!(unexpected.is_done() && !unexpected.documents[0].ended_as_expected());
        let (mut expected, id) = board(ExpectedOutcome::Rejected);
        expected.record_job(&job(&id, 1, "Failed"), Instant::now());
        assert!(expected.documents[0].ended_as_expected());
        let (open, _) = board(ExpectedOutcome::Rejected);
        assert!(!open.documents[0].ended_as_expected());
    }
}
