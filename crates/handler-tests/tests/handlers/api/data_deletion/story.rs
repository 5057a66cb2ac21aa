//! How a document came in, and what its job went through before its data is deleted.

use std::cell::RefCell;

use jobs::labels::LabelMetadata;

use super::*;

const NOT_A_PDF: &[u8] = b"PK geheim";

pub(super) const EIGHT_HOURS_MS: u64 = 8 * 3_600_000;

/// How a document comes in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// Straight into S3, under a key that the endpoint reads in place.
    PlainKey,
    /// Straight into S3, under a key for which the input is copied to `work/`.
    OddKey,
    /// Straight into S3, with the name in the object's metadata.
    Metadata,
    /// Through an upload session of the API.
    Session,
}

/// What a job goes through before its data is deleted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Life {
    Invalid,
    Ready,
    Rejected,
    FailedThreeTimes,
    Corrected,
    RetriedThenReady,
    CancelledInProgress,
    CancelledBetweenAttempts,
    Superseded,
    /// Ready, and run again: with a second result, or with a failure, after which it has its first result.
    RunAgainThenReady,
    RunAgainThenRejected,
    /// The same bytes are uploaded again before and after it is ready.
    UploadedAgain,
}

pub(super) const ARRIVALS: [Arrival; 4] = [
    Arrival::PlainKey,
    Arrival::OddKey,
    Arrival::Metadata,
    Arrival::Session,
];

pub(super) const LIVES: [Life; 12] = [
    Life::Invalid,
    Life::Ready,
    Life::Rejected,
    Life::FailedThreeTimes,
    Life::Corrected,
    Life::RetriedThenReady,
    Life::CancelledInProgress,
    Life::CancelledBetweenAttempts,
    Life::Superseded,
    Life::RunAgainThenReady,
    Life::RunAgainThenRejected,
    Life::UploadedAgain,
];

pub(super) struct Story {
    pub(super) api: TestApi,
    pub(super) id: JobId,
    key: String,
    version: String,
    /// S3's events about all uploads.
    upload_events: RefCell<Vec<String>>,
}

impl Story {
    pub(super) fn new(arrival: Arrival, life: Life) -> Self {
        let api = TestApi::new();
        told::subscribe(&api);
        let key = match arrival {
            Arrival::PlainKey => "inbound/acme/geheim.pdf".to_owned(),
            Arrival::OddKey => "inbound/acme/Vertrag geheim (2).pdf".to_owned(),
            Arrival::Metadata => "inbound/acme/0001.pdf".to_owned(),
            Arrival::Session => key_of_new_upload(&api),
        };
        let content = match life {
            Life::Invalid => NOT_A_PDF,
            _ => PDF,
        };
        let object = Object {
            content: content.to_vec(),
            bytes: content.len() as u64,
            name: matches!(arrival, Arrival::Metadata).then(|| "streng geheim.pdf".to_owned()),
            labels: match arrival {
                Arrival::Metadata => secret_labels(),
                Arrival::PlainKey | Arrival::OddKey | Arrival::Session => LabelMetadata::default(),
            },
            ..Object::default()
        };
        let version = api.ports().put_object(BUCKET, &key, Some(object));
        api.ports().state().connections.push(Connection {
            uploader: None,
            hides_contents: false,
            subscription: "acme".to_owned(),
            connection_id: "page".to_owned(),
            registered_at: NOW,
            token_expires_at: jobs::id::Timestamp(u64::MAX),
        });
        let story = Self {
            id: JobId::of_key(BUCKET, &key),
            api,
            upload_events: RefCell::default(),
            key,
            version,
        };
        story.add_upload_event(&story.version);
        story.upload_event();
        story.live(life);
        story.mark();
        story.tell();
        story
    }

    pub(super) fn app(&self) -> &TestApp {
        self.api.handler.app()
    }

    pub(super) fn job(&self) -> Job {
        find(self.app(), self.id).unwrap()
    }

    fn add_upload_event(&self, version: &str) {
        let event = upload_event_of(self.app(), &self.key, version);
        self.upload_events.borrow_mut().push(event);
    }

    /// S3 reports all uploads, perhaps once more.
    pub(super) fn upload_event(&self) {
        for body in &*self.upload_events.borrow() {
            let event = batch(self.app(), std::slice::from_ref(body), 1);
            let response = run(upload_trigger::handle(self.app(), event));
            assert!(response.unwrap().batch_item_failures.is_empty());
        }
    }

    fn upload_again(&self) {
        let version = self.api.ports().put_again(BUCKET, &self.key);
        self.add_upload_event(&version);
        self.upload_event();
    }

    /// The endpoint writes an output of an attempt and reports it, in a message that has been received `received` times.
    pub(super) fn success(&self, attempt: Attempt, received: u32) {
        let job = self.job();
        let record = job.attempts.iter().find(|record| record.attempt == attempt);
        let output = record.and_then(|record| record.output.clone());
        let output = output.unwrap_or_else(|| place("outbound/legal-review/opaque/late.out"));
        self.api.ports().put(BUCKET, &output.key, WORDS.as_bytes());
        let body = succeeded(&job, &output.to_string()).replace(
            &format!("{}.a{}", job.id, job.state.attempt()),
            &format!("{}.a{attempt}", job.id),
        );
        let app = self.app();
        let response = run(inference_success::handle(
            app,
            batch(app, &[body], received),
        ));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }

    /// The endpoint writes a failure object of the newest attempt and reports it.
    pub(super) fn failure(&self, status: &str) {
        let job = self.job();
        for record in &job.attempts {
            if let Some(object) = &record.failure_object {
                self.api.ports().put(BUCKET, &object.key, WORDS.as_bytes());
            }
        }
        let reason = format!("Received {status} from model with message \"{WORDS}\"");
        let app = self.app();
        let body = failed(&job, &reason);
        let response = run(inference_error::handle(app, batch(app, &[body], 1)));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }

    /// A reviewer notes something about the document.
    fn mark(&self) {
        let mut reviewer = self.api.reviewer();
        let now = self.api.ports().state().now.0;
        reviewer.claims["exp"] = json!((now / 1000 + 3600).to_string());
        let has_result = self.job().results().next().is_some();
        let mut change =
            json!({"assigned_to": "Frau geheim", "note": "geheim: Klausel-Neun", "opened": true});
        if has_result {
            change["reviewed"] = json!(true);
        }
        let path = format!("/jobs/{}/marks", self.id);
        let _: JobCommandResult = reviewer.post(&path, change);
    }

    fn run_checks(&self) {
        let checks = std::mem::take(&mut self.api.ports().state().checks);
        for check in checks {
            self.check(check.message.attempt, check.message.due.map(|due| due.0));
        }
    }

    pub(super) fn check(&self, attempt: Attempt, due: Option<u64>) {
        let body = json!({"job_id": self.id.to_string(), "attempt": attempt.0, "due": due});
        let app = self.app();
        let response = run(retry::handle(app, batch(app, &[body.to_string()], 2)));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }

    pub(super) fn support(&self) -> super::super::Client<'_> {
        let mut support = self.api.support();
        let now = self.api.ports().state().now.0;
        support.claims["exp"] = json!((now / 1000 + 3600).to_string());
        support
    }

    pub(super) fn command(&self, action: &str, reason: &str) -> JobCommandResult {
        self.support().post(
            &format!("/jobs/{}/{action}", self.id),
            json!({"reason": reason}),
        )
    }

    fn live(&self, life: Life) {
        const REJECTED: &str = "client error (400)";
        const BROKEN: &str = "server error (500)";
        match life {
            Life::Invalid => {}
            Life::Ready => self.success(Attempt(1), 1),
            Life::Rejected => self.failure(REJECTED),
            Life::FailedThreeTimes => {
                for _ in 0..3 {
                    self.failure(BROKEN);
                    self.run_checks();
                }
            }
            Life::Corrected => {
                self.failure(REJECTED);
                self.success(Attempt(1), 1);
            }
            Life::RetriedThenReady => {
                self.failure(REJECTED);
                self.api
                    .ports()
                    .state()
                    .objects
                    .retain(|(_, key), _| !key.starts_with("outbound/"));
                self.command("retry", REASON);
                self.run_checks();
                self.success(Attempt(2), 1);
            }
            Life::CancelledInProgress => {
                self.command("cancel", REASON);
            }
            Life::CancelledBetweenAttempts => {
                self.failure(BROKEN);
                self.command("cancel", REASON);
            }
            Life::RunAgainThenReady => {
                self.success(Attempt(1), 1);
                self.command("run-again", REASON);
                self.run_checks();
                self.success(Attempt(2), 1);
                assert_eq!(self.job().results().count(), 2);
            }
            Life::RunAgainThenRejected => {
                self.success(Attempt(1), 1);
                self.command("run-again", REASON);
                self.run_checks();
                self.failure(REJECTED);
                assert_eq!(self.job().results().count(), 1);
            }
            Life::UploadedAgain => {
                self.upload_again();
                self.success(Attempt(1), 1);
                advance(self.app(), 1000);
                self.upload_again();
            }
            Life::Superseded => {
                // The newer version is another document and stays.
                let newer = self.api.ports().put(BUCKET, &self.key, PDF);
                let body = upload_event(&self.key, &newer);
                let app = self.app();
                run(upload_trigger::handle(app, batch(app, &[body], 1))).unwrap();
                let mut state = self.api.ports().state();
                let is_ours =
                    |key: &str| !key.starts_with("work/") || key.ends_with(&self.id.to_string());
                state.objects.retain(|(_, key), _| is_ours(key));
                state.jobs.retain(|id, _| *id == self.id);
                let key = (BUCKET.to_owned(), self.key.clone());
                state
                    .objects
                    .entry(key)
                    .or_default()
                    .retain(|(version, _)| *version != newer);
            }
        }
    }

    /// Messages about the job in quarantine, as a fault would have left them.
    pub(super) fn quarantine_messages(&self) {
        let event = upload_event(&self.key, &self.version);
        let without_version = &event[..event.find("\"versionId\"").unwrap()];
        let within_key =
            &event[..event.find("\"key\":").unwrap() + "\"key\":\"inbound/acme/000".len()];
        let bodies = [
            ("uploads", event.clone()),
            ("inference-error", failed(&self.job(), WORDS)),
            ("uploads", without_version.to_owned()),
            ("uploads", within_key.to_owned()),
        ];
        for (number, (source, body)) in bodies.into_iter().enumerate() {
            self.api
                .ports()
                .state()
                .quarantine
                .push(QuarantinedMessage {
                    source: source.to_owned(),
                    message_id: format!("m{number}"),
                    cause: "Contradiction".into(),
                    problem: format!("about {}", self.key),
                    body,
                    at: NOW,
                });
        }
    }

    /// Puts all jobs into the search index, in a block each.
    pub(super) fn build_search_index(&self) {
        let until = jobs::id::Timestamp(u64::MAX);
        run(index_jobs(self.api.ports(), 1, 90, until)).unwrap();
    }

    /// How many jobs support finds by a text.
    pub(super) fn found(&self, text: &str) -> usize {
        let page: JobPage = self.support().get(&format!("/jobs?search={text}"));
        page.jobs.len()
    }

    /// The records of the search index are those that an index built now would have.
    fn assert_search_index_is_as_if_new(&self, when: &str) {
        let slices = |ports: &Memory| {
            let state = ports.state();
            let records = state.records.iter().filter(|(collection, _, record)| {
                collection.starts_with("search-slice-") && !record.body.is_empty()
            });
            let texts = records.map(|(collection, key, record)| {
                (collection.to_owned(), key.to_owned(), record.body.clone())
            });
            texts.collect::<Vec<_>>()
        };
        let now = self.api.ports().state().now;
        let anew = Memory::at(now);
        anew.state().jobs = self.api.ports().state().jobs.clone();
        run(index_jobs(&anew, 1, 90, jobs::id::Timestamp(u64::MAX))).unwrap();
        let left = slices(self.api.ports());
        assert!(left.is_empty() || left == slices(&anew), "{when}: {left:?}");
    }

    /// Forgets what has already left the service: push messages, events and calls.
    pub(super) fn forget_what_was_sent(&self) {
        let mut state = self.api.ports().state();
        state.frames.clear();
        state.webhooks.clear();
        state.mails.clear();
        state.events.clear();
        state.invocations.clear();
        state.checks.clear();
    }

    /// Everything that the service holds, as text.
    pub(super) fn everything(&self) -> String {
        format!("{:#?}", *self.api.ports().state())
    }

    pub(super) fn assert_nothing_is_left(&self, when: &str) {
        self.forget_batches();
        let everything = self.everything();
        for needle in [NAME, WORDS] {
            if let Some(at) = everything.find(needle) {
                let from = everything.floor_char_boundary(at.saturating_sub(300));
                let to = everything.floor_char_boundary((at + 100).min(everything.len()));
                panic!("{when}: {needle} is left:\n{}", &everything[from..to]);
            }
        }
        self.assert_search_index_is_as_if_new(when);
        let job = self.job();
        assert!(!format!("{job:?}").contains(REASON), "{when}: {job:?}");
        assert!(matches!(job.state, State::Erased { .. }), "{when}: {job:?}");
        let state = self.api.ports().state();
        let left: Vec<_> = state
            .objects
            .iter()
            .filter(|(_, versions)| !versions.is_empty())
            .collect();
        assert!(left.is_empty(), "{when}: {left:?}");
        assert!(
            state.quarantine.is_empty(),
            "{when}: {:?}",
            state.quarantine
        );
        assert!(state.events.is_empty(), "{when}: {:?}", state.events);
        assert!(
            state.invocations.is_empty(),
            "{when}: {:?}",
            state.invocations
        );
    }
}

fn place(key: &str) -> Location {
    Location {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
    }
}

fn secret_labels() -> LabelMetadata {
    LabelMetadata {
        reference: Some("geheim".to_owned()),
        batch: Some("geheim".to_owned()),
        tags: Some("geheim=geheim".to_owned()),
        lane: Some("geheim".to_owned()),
    }
}

/// The key of an upload session whose file has the name.
fn key_of_new_upload(api: &TestApi) -> String {
    let upload: UploadView = api.support().post(
        "/uploads",
        json!({"pipeline": "legal-review", "tenant": "acme", "name": "geheim.pdf", "bytes": PDF.len(), "content_type": "application/pdf",
            "reference": "geheim", "batch": "geheim", "tags": {"geheim": "geheim"}}),
    );
    let detail: JobDetail = api.support().get(&format!("/jobs/{}", upload.job_id));
    let input: Location = detail.input.parse().unwrap();
    input.key
}
