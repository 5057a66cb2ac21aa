//! Deletion is final and complete: whatever a job went through, after the deletion of its data nothing in the service names
//! the document or repeats the model's words, and no late message changes that.

use api::types::{JobCommandResult, JobDetail, JobPage, UploadView};
use functions::handlers::{inference_error, inference_success, retry, upload_trigger};
use jobs::id::{Attempt, JobId, Location};
use jobs::job::Job;
use jobs::ports::{Connection, QuarantinedMessage, RetryCommand};
use jobs::state::State;
use serde_json::json;
use testkit::memory::Object;

use super::super::fixtures::{
    BUCKET, NOW, PDF, TestApp, advance, batch, failed, find, run, succeeded, upload_event,
};
use super::TestApi;

/// A part of every name and key of the document.
const NAME: &str = "geheim";
/// A part of everything that the model says.
const WORDS: &str = "Klausel-Neun";
/// A part of every reason that a user gives, except that of the deletion.
const REASON: &str = "Grund-Sieben";
const NOT_A_PDF: &[u8] = b"PK geheim";
const EIGHT_HOURS_MS: u64 = 8 * 3_600_000;

/// How a document comes in.
#[derive(Clone, Copy, Debug)]
enum Arrival {
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
enum Life {
    Invalid,
    Ready,
    Rejected,
    FailedThreeTimes,
    Corrected,
    RetriedThenReady,
    CancelledInProgress,
    CancelledBetweenAttempts,
    Superseded,
}

const ARRIVALS: [Arrival; 4] = [
    Arrival::PlainKey,
    Arrival::OddKey,
    Arrival::Metadata,
    Arrival::Session,
];
const LIVES: [Life; 9] = [
    Life::Invalid,
    Life::Ready,
    Life::Rejected,
    Life::FailedThreeTimes,
    Life::Corrected,
    Life::RetriedThenReady,
    Life::CancelledInProgress,
    Life::CancelledBetweenAttempts,
    Life::Superseded,
];

struct Story {
    api: TestApi,
    id: JobId,
    key: String,
    version: String,
}

impl Story {
    fn new(arrival: Arrival, life: Life) -> Self {
        let api = TestApi::new();
        let key = match arrival {
            Arrival::PlainKey => "inbound/acme/geheim.pdf".to_owned(),
            Arrival::OddKey => "inbound/acme/Vertrag geheim (2).pdf".to_owned(),
            Arrival::Metadata => "inbound/acme/0001.pdf".to_owned(),
            Arrival::Session => announced_key(&api),
        };
        let content = match life {
            Life::Invalid => NOT_A_PDF,
            _ => PDF,
        };
        let object = Object {
            content: content.to_vec(),
            bytes: content.len() as u64,
            name: matches!(arrival, Arrival::Metadata).then(|| "streng geheim.pdf".to_owned()),
            ..Object::default()
        };
        let version = api.ports().put_object(BUCKET, &key, Some(object));
        api.ports().state().connections.push(Connection {
            uploader: None,
            subscription: "acme".to_owned(),
            connection_id: "page".to_owned(),
            registered_at: NOW,
            token_expires_at: jobs::id::Timestamp(u64::MAX),
        });
        let story = Self {
            id: JobId::of_key(BUCKET, &key),
            api,
            key,
            version,
        };
        story.upload_event();
        story.live(life);
        story
    }

    fn app(&self) -> &TestApp {
        self.api.handler.app()
    }

    fn job(&self) -> Job {
        find(self.app(), self.id).unwrap()
    }

    fn upload_event(&self) {
        let body = upload_event(&self.key, &self.version);
        let response = run(upload_trigger::handle(
            self.app(),
            batch(self.app(), &[body], 1),
        ));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }

    /// The endpoint writes an output of an attempt and reports it, in a message that has been received `received` times.
    fn success(&self, attempt: Attempt, received: u32) {
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
    fn failure(&self, status: &str) {
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

    fn run_checks(&self) {
        let checks = std::mem::take(&mut self.api.ports().state().checks);
        for check in checks {
            self.check(check.message.attempt, check.message.due.map(|due| due.0));
        }
    }

    fn check(&self, attempt: Attempt, due: Option<u64>) {
        let body = json!({"job_id": self.id.to_string(), "attempt": attempt.0, "due": due});
        let app = self.app();
        let response = run(retry::handle(app, batch(app, &[body.to_string()], 2)));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }

    fn command(&self, action: &str, reason: &str) -> JobCommandResult {
        let mut support = self.api.support();
        let now = self.api.ports().state().now.0;
        support.claims["exp"] = json!((now / 1000 + 3600).to_string());
        support.post(
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
    fn quarantine_messages(&self) {
        let bodies = [
            ("uploads", upload_event(&self.key, &self.version)),
            ("inference-error", failed(&self.job(), WORDS)),
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

    /// Forgets what has already left the service: push messages, events and calls.
    fn forget_what_was_sent(&self) {
        let mut state = self.api.ports().state();
        state.frames.clear();
        state.events.clear();
        state.invocations.clear();
        state.checks.clear();
    }

    /// Everything that the service holds, as text.
    fn everything(&self) -> String {
        format!("{:#?}", *self.api.ports().state())
    }

    fn assert_nothing_is_left(&self, when: &str) {
        let everything = self.everything();
        for needle in [NAME, WORDS] {
            if let Some(at) = everything.find(needle) {
                let from = everything.floor_char_boundary(at.saturating_sub(300));
                let to = everything.floor_char_boundary((at + 100).min(everything.len()));
                panic!("{when}: {needle} is left:\n{}", &everything[from..to]);
            }
        }
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

/// The key of an upload session whose file has the name.
fn announced_key(api: &TestApi) -> String {
    let upload: UploadView = api.support().post(
        "/uploads",
        json!({"pipeline": "legal-review", "tenant": "acme", "name": "geheim.pdf", "bytes": PDF.len(), "content_type": "application/pdf"}),
    );
    let detail: JobDetail = api.support().get(&format!("/jobs/{}", upload.job_id));
    let input: Location = detail.input.parse().unwrap();
    input.key
}

#[test]
fn nothing_of_a_document_is_left_after_its_data_is_deleted_and_no_late_message_brings_it_back() {
    for arrival in ARRIVALS {
        for life in LIVES {
            let story = Story::new(arrival, life);
            let when = format!("{arrival:?} {life:?}");
            assert!(
                story.everything().contains(NAME),
                "{when}: the test has lost its document"
            );
            story.quarantine_messages();
            advance(story.app(), EIGHT_HOURS_MS);
            story.forget_what_was_sent();
            let before = story.job();
            assert!(
                before.state.check_deadline().is_none(),
                "{when}: {before:?}"
            );
            let answer = story.command("data-deletion", "the client asked");
            assert_eq!(answer.job.status, "Erased", "{when}");
            assert_eq!(answer.job.name, "(name deleted)", "{when}");
            assert_eq!(answer.job.failure, None, "{when}");
            story.assert_nothing_is_left(&when);
            let erased = story.job();
            assert_eq!(
                erased.updated_at, before.updated_at,
                "{when}: when it ended"
            );
            assert_eq!(
                erased.expires_at, before.expires_at,
                "{when}: when the row goes"
            );
            assert_eq!(
                story.api.ports().state().frames.len(),
                1,
                "{when}: pages must forget the name"
            );

            for received in [1, 4] {
                for attempt in 1..=before.state.attempt().0 {
                    story.success(Attempt(attempt), received);
                    story.assert_nothing_is_left(&format!(
                        "{when}, late success of attempt {attempt}"
                    ));
                    story.check(Attempt(attempt), None);
                    story.check(Attempt(attempt), Some(before.updated_at.0));
                    story.assert_nothing_is_left(&format!(
                        "{when}, late check of attempt {attempt}"
                    ));
                }
                if before.state.attempt() > Attempt::NONE {
                    story.failure("client error (400)");
                    story.failure("server error (500)");
                    story.assert_nothing_is_left(&format!("{when}, late failure"));
                }
                story.upload_event();
                story.assert_nothing_is_left(&format!("{when}, late upload event"));
            }
            let command = retry::RetryCommandMessage::from(&RetryCommand {
                job: story.id,
                expected_version: erased.version,
                actor: "sam@docket.example".to_owned(),
                reason: "of a plan".to_owned(),
                force: true,
            });
            let body = serde_json::to_string(&command).unwrap();
            let app = story.app();
            let response = run(retry::handle(app, batch(app, &[body], 1)));
            assert!(response.unwrap().batch_item_failures.is_empty(), "{when}");
            for action in ["retry", "cancel"] {
                let mut support = story.api.support();
                let now = story.api.ports().state().now.0;
                support.claims["exp"] = json!((now / 1000 + 3600).to_string());
                let path = format!("/jobs/{}/{action}", story.id);
                let (code, detail) = support.problem("POST", &path, Some(json!({"reason": "x"})));
                assert_eq!(code, "refused", "{when}");
                assert!(detail.contains("deleted"), "{detail}");
            }
            story.assert_nothing_is_left(&format!("{when}, commands"));
            assert_eq!(story.job(), erased, "{when}: an erased job changed");
        }
    }
}

#[test]
fn erased_job_is_listed_as_such_and_found_by_its_id_but_not_by_its_key() {
    let story = Story::new(Arrival::PlainKey, Life::Rejected);
    story.command("data-deletion", "the client asked");
    let reviewer = story.api.reviewer();
    let list = |status: &str| {
        let page: JobPage = reviewer.get(&format!("/jobs?status={status}"));
        page.jobs
            .iter()
            .map(|job| job.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("erased"), ["(name deleted)"]);
    assert!(list("failed").is_empty());
    let found = |text: &str| {
        let page: JobPage = reviewer.get(&format!("/jobs?find={text}"));
        page.jobs.len()
    };
    assert_eq!(found(&story.id.to_string()), 1);
    assert_eq!(found("inbound%2Facme%2Fgeheim.pdf"), 0);
    assert_eq!(
        found("s3%3A%2F%2Fdocket-jobs%2Finbound%2Facme%2Fgeheim.pdf"),
        0
    );
    let detail: JobDetail = reviewer.get(&format!("/jobs/{}", story.id));
    assert_eq!(detail.input, "");
    assert!(
        detail.explanation.summary.starts_with("erased"),
        "{}",
        detail.explanation.summary
    );
    assert_eq!(
        reviewer.problem_code("GET", &format!("/jobs/{}/result", story.id), None),
        "gone"
    );
}

#[test]
fn interrupted_deletion_is_completed_by_a_repetition_at_every_step() {
    for operation in [
        "get_record",
        "put_record",
        "delete_version",
        "list",
        "versions",
        "list_messages",
        "get_message",
        "remove_message",
        "delete_record",
    ] {
        for after in [false, true] {
            let story = Story::new(Arrival::Session, Life::Rejected);
            let orphan = format!("outbound/legal-review/{}/a1/x.out", story.id);
            story.api.ports().put(BUCKET, &orphan, WORDS.as_bytes());
            story.quarantine_messages();
            {
                let mut state = story.api.ports().state();
                let faults = if after {
                    &mut state.fail_after
                } else {
                    &mut state.fail_before
                };
                faults.insert(operation, 1);
            }
            let path = format!("/jobs/{}/data-deletion", story.id);
            let body = Some(json!({"reason": "the client asked"}));
            let response = story.api.support().send("POST", &path, body.as_ref());
            assert_eq!(
                response.status_code, 503,
                "{operation} {after}: {}",
                response.body
            );
            {
                let mut state = story.api.ports().state();
                state.fail_before.clear();
                state.fail_after.clear();
            }
            story.command("data-deletion", "the client asked");
            story.forget_what_was_sent();
            story.assert_nothing_is_left(&format!("{operation} failed, carried out: {after}"));
        }
    }
}

#[test]
fn discarded_message_leaves_nothing_of_its_body_in_the_audit_log() {
    let story = Story::new(Arrival::PlainKey, Life::Rejected);
    story.quarantine_messages();
    for id in ["uploads:m0", "inference-error:m1"] {
        let body = json!({"reason": "understood"});
        let response =
            story
                .api
                .support()
                .send("POST", &format!("/quarantine/{id}/discard"), Some(&body));
        assert!(response.status_code < 300, "{}", response.body);
    }
    story.command("data-deletion", "the client asked");
    story.forget_what_was_sent();
    story.assert_nothing_is_left("after a discard");
}
