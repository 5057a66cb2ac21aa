//! What is known about each document, from what the page is told and what is seen at the endpoints.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use async_endpoint::server::{Observation, What};
use jobs::id::JobId;

use super::plan::{Expect, Plan};
use crate::page::PageJob;

/// How far a document is. Within one attempt it only goes on, whichever news comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not sent yet.
    Waiting,
    /// Being sent; bytes so far.
    Uploading(u64),
    /// S3 has it.
    Uploaded,
    /// It was handed to the endpoint.
    Submitted,
    /// It waits for an instance that is being started.
    Waking,
    /// The model has it.
    Running(u32),
    /// The model answered.
    Answered,
    /// The next attempt is due then.
    RetryScheduled { due: Instant, why: String },
    /// Done.
    Ready,
    /// Not done, and why.
    Failed { cause: String, detail: String },
    /// Given up by somebody.
    Cancelled,
}

impl Phase {
    const fn rank(&self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Uploading(_) => 1,
            Self::Uploaded => 2,
            // The page is told this with the number of the attempt that is to come.
            Self::RetryScheduled { .. } => 3,
            Self::Submitted => 4,
            Self::Waking => 5,
            Self::Running(_) => 6,
            Self::Answered => 7,
            Self::Ready | Self::Failed { .. } | Self::Cancelled => 8,
        }
    }

    /// Whether this is the end.
    pub(crate) const fn is_final(&self) -> bool {
        self.rank() == 8
    }
}

/// A document on its way.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) plan: Plan,
    pub(crate) phase: Phase,
    /// When that began.
    pub(crate) since: Instant,
    /// When S3 had it.
    pub(crate) uploaded_at: Option<Instant>,
    /// From then until it ended.
    pub(crate) took: Option<Duration>,
    /// Where its result is, once there is one.
    pub(crate) output: Option<String>,
    /// From S3 to the endpoint's queue.
    pub(crate) reached: Option<Duration>,
    stored_at: Option<Instant>,
    /// From the result in S3 to the page.
    pub(crate) push: Option<Duration>,
    /// The newest attempt that was heard of, from 1.
    pub(crate) attempt: u8,
    version: u64,
}

/// All documents, and the endpoints.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) documents: Vec<Document>,
    by_id: HashMap<String, usize>,
    pub(crate) endpoints: BTreeMap<String, Capacity>,
}

/// The instances of an endpoint: number, and when it will be there if it is not yet.
pub(crate) type Capacity = BTreeMap<u32, Option<Instant>>;

/// Something that is worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A document's phase changed.
    Document(usize),
    /// An endpoint's instances changed.
    Endpoint(String),
}

impl Board {
    pub(crate) fn new(plans: Vec<Plan>, bucket: &str) -> Self {
        let id = |plan: &Plan| JobId::of_key(bucket, &plan.key).to_string();
        let by_id = plans
            .iter()
            .enumerate()
            .map(|(at, plan)| (id(plan), at))
            .collect();
        let document = |plan| Document {
            plan,
            phase: Phase::Waiting,
            since: Instant::now(),
            uploaded_at: None,
            took: None,
            output: None,
            reached: None,
            stored_at: None,
            push: None,
            attempt: 0,
            version: 0,
        };
        Self {
            documents: plans.into_iter().map(document).collect(),
            by_id,
            endpoints: BTreeMap::new(),
        }
    }

    /// Whether all have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.documents
            .iter()
            .all(|document| document.phase.is_final())
    }

    /// A file was sent, so far or as a whole.
    pub(crate) fn sent(&mut self, at: usize, bytes: u64, done: Option<Instant>) -> Option<News> {
        let document = &mut self.documents[at];
        if done.is_some() {
            document.uploaded_at = done;
        }
        let phase = if done.is_some() {
            Phase::Uploaded
        } else {
            Phase::Uploading(bytes)
        };
        document.advance(phase).then_some(News::Document(at))
    }

    /// The page was told about a job.
    pub(crate) fn told(&mut self, job: &PageJob, at: Instant) -> Option<News> {
        let index = *self.by_id.get(&job.id)?;
        let document = &mut self.documents[index];
        if job.version <= document.version {
            return None;
        }
        document.version = job.version;
        document.attempt(job.attempt);
        let failure = || {
            job.failure
                .clone()
                .map_or_else(Default::default, |failure| (failure.cause, failure.detail))
        };
        let phase = match job.status.as_str() {
            "InProgress" => Phase::Submitted,
            "RetryScheduled" => Phase::RetryScheduled {
                // The service's clock is not ours, so only its difference counts.
                due: at
                    + Duration::from_millis(
                        job.retry_at
                            .unwrap_or_default()
                            .saturating_sub(job.updated_at),
                    ),
                why: failure().1,
            },
            "Ready" => {
                document.push = document
                    .stored_at
                    .map(|stored| at.saturating_duration_since(stored));
                Phase::Ready
            }
            "Failed" => {
                let (cause, detail) = failure();
                Phase::Failed { cause, detail }
            }
            "Cancelled" => Phase::Cancelled,
            // Submitting, and what later releases may add: nothing that is worth a line.
            _ => return None,
        };
        if phase.is_final() {
            document.took = document
                .uploaded_at
                .map(|uploaded| at.saturating_duration_since(uploaded));
        }
        document.advance(phase).then_some(News::Document(index))
    }

    /// Something was seen at an endpoint.
    pub(crate) fn seen(&mut self, seen: &Observation, at: Instant) -> Option<News> {
        match &seen.what {
            What::Waking { instance, ready_in } => {
                self.capacity(seen).insert(*instance, Some(at + *ready_in))
            }
            What::InstanceInService { instance } => self.capacity(seen).insert(*instance, None),
            What::InstanceStopped { instance, .. } => self.capacity(seen).remove(instance),
            _ => return self.seen_at_document(seen, at),
        };
        Some(News::Endpoint(seen.endpoint.to_string()))
    }

    fn capacity(&mut self, seen: &Observation) -> &mut Capacity {
        self.endpoints.entry(seen.endpoint.to_string()).or_default()
    }

    fn seen_at_document(&mut self, seen: &Observation, at: Instant) -> Option<News> {
        let (id, attempt) = seen.inference_id.as_deref()?.split_once(".a")?;
        let index = *self.by_id.get(id)?;
        let document = &mut self.documents[index];
        if !document.attempt(attempt.parse().ok()?) {
            // Of an attempt that is over.
            return None;
        }
        if let (What::Queued { .. }, Some(uploaded), None) =
            (&seen.what, document.uploaded_at, document.reached)
        {
            document.reached = Some(at.saturating_duration_since(uploaded));
        }
        let phase = match &seen.what {
            What::Queued { capacity: true } => Phase::Submitted,
            What::Queued { capacity: false } => Phase::Waking,
            What::Running { instance, .. } => Phase::Running(*instance),
            What::Completed { output } => {
                document.output = Some(output.clone());
                document.stored_at = Some(at);
                Phase::Answered
            }
            What::Failed { .. } => Phase::Answered,
            _ => return None,
        };
        document.advance(phase).then_some(News::Document(index))
    }
}

impl Document {
    /// A new attempt starts over. False if this one is over.
    fn attempt(&mut self, attempt: u8) -> bool {
        if attempt > self.attempt {
            self.attempt = attempt;
            if attempt > 1 && !self.phase.is_final() {
                self.phase = Phase::Uploaded;
            }
        }
        attempt == self.attempt
    }

    /// Goes on to a phase; not back.
    fn advance(&mut self, phase: Phase) -> bool {
        let further = phase.rank() > self.phase.rank();
        let news = further || (self.phase.is_final() && phase.is_final() && phase != self.phase);
        if news || phase.rank() == self.phase.rank() {
            self.phase = phase;
        }
        if news {
            self.since = Instant::now();
        }
        news
    }

    /// Whether it ended as it should.
    pub(crate) fn is_right(&self) -> bool {
        match (&self.phase, self.plan.expect) {
            (Phase::Ready, Expect::Ready | Expect::Anything) => true,
            (Phase::Failed { cause, .. }, Expect::Refused) => {
                cause == "InvalidInput" || cause == "ModelRejected"
            }
            (Phase::Failed { cause, .. }, Expect::Anything) => !cause.is_empty(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageFailure;

    fn board(expect: Expect) -> (Board, String) {
        let plan = Plan {
            path: "a.pdf".into(),
            name: "a.pdf".into(),
            key: "inbound/acme/a.pdf".into(),
            pipeline: "legal-review".into(),
            bytes: 9,
            expect,
        };
        let id = JobId::of_key("b", &plan.key).to_string();
        (Board::new(vec![plan], "b"), id)
    }

    fn job(id: &str, version: u64, status: &str) -> PageJob {
        let failure = (status == "Failed").then(|| PageFailure {
            cause: "InvalidInput".into(),
            detail: "it is empty".into(),
        });
        PageJob {
            id: id.into(),
            version,
            status: status.into(),
            pipeline: "legal-review".into(),
            tenant: "acme".into(),
            name: "a.pdf".into(),
            bytes: 9,
            attempt: 1,
            created_at: 0,
            updated_at: 0,
            retry_at: None,
            failure,
        }
    }

    fn seen(id: &str, attempt: u8, what: What) -> Observation {
        Observation {
            endpoint: "e".into(),
            inference_id: Some(format!("{id}.a{attempt}")),
            at: async_endpoint::Millis(0),
            what,
        }
    }

    #[test]
    fn news_in_any_order_only_moves_a_document_on() {
        let (mut board, id) = board(Expect::Ready);
        let now = Instant::now();
        board.sent(0, 9, Some(now));
        let running = What::Running {
            instance: 1,
            delivery: 1,
        };
        assert_eq!(
            board.seen(&seen(&id, 1, running), now),
            Some(News::Document(0))
        );
        assert_eq!(board.told(&job(&id, 2, "InProgress"), now), None);
        assert_eq!(board.documents[0].phase, Phase::Running(1));
        board.seen(
            &seen(
                &id,
                1,
                What::Completed {
                    output: "s3://b/o".into(),
                },
            ),
            now,
        );
        let later = now + Duration::from_millis(40);
        assert_eq!(
            board.told(&job(&id, 3, "Ready"), later),
            Some(News::Document(0))
        );
        assert_eq!(
            board.told(&job(&id, 3, "Ready"), later),
            None,
            "a second copy is no news"
        );
        assert_eq!(board.documents[0].push, Some(Duration::from_millis(40)));
        assert_eq!(board.documents[0].took, Some(Duration::from_millis(40)));
        assert!(board.is_done() && board.documents[0].is_right());
    }

    #[test]
    fn a_retry_starts_over_and_an_old_frame_changes_nothing() {
        let (mut board, id) = board(Expect::Anything);
        let now = Instant::now();
        board.told(&job(&id, 3, "RetryScheduled"), now);
        assert_eq!(board.told(&job(&id, 2, "InProgress"), now), None);
        let running = What::Running {
            instance: 1,
            delivery: 1,
        };
        assert_eq!(
            board.seen(&seen(&id, 2, running), now),
            Some(News::Document(0))
        );
        assert!(!board.is_done());
    }

    #[test]
    fn the_attempt_that_a_retry_announces_is_seen_and_the_one_before_it_no_more() {
        let (mut board, id) = board(Expect::Anything);
        let now = Instant::now();
        board.seen(&seen(&id, 1, What::Queued { capacity: true }), now);
        let retry = PageJob {
            attempt: 2,
            updated_at: 1_000,
            retry_at: Some(31_000),
            ..job(&id, 3, "RetryScheduled")
        };
        assert_eq!(board.told(&retry, now), Some(News::Document(0)));
        let scheduled = Phase::RetryScheduled {
            due: now + Duration::from_secs(30),
            why: String::new(),
        };
        assert_eq!(board.documents[0].phase, scheduled);
        let output = "s3://b/late".to_owned();
        let late = board.seen(&seen(&id, 1, What::Completed { output }), now);
        assert_eq!((late, &board.documents[0].phase), (None, &scheduled));
        for what in [
            What::Queued { capacity: true },
            What::Running {
                instance: 1,
                delivery: 1,
            },
        ] {
            let news = board.seen(&seen(&id, 2, what), now);
            assert_eq!(news, Some(News::Document(0)));
        }
        assert_eq!(board.documents[0].phase, Phase::Running(1));
    }

    #[test]
    fn an_end_that_was_not_wanted_is_not_right() {
        let (mut wrong, id) = board(Expect::Ready);
        wrong.told(&job(&id, 1, "Failed"), Instant::now());
        assert!(wrong.is_done() && !wrong.documents[0].is_right());
        let (mut right, id) = board(Expect::Refused);
        right.told(&job(&id, 1, "Failed"), Instant::now());
        assert!(right.documents[0].is_right());
        let (open, _) = board(Expect::Refused);
        assert!(!open.documents[0].is_right());
    }
}
