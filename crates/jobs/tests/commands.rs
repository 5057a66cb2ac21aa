//! The retry and cancel commands, over in-memory ports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use jobs::apply::{Change, apply_command};
use jobs::commands::{
    CancelResult, EraseResult, InvalidCommand, JobCommand, MAX_ACTOR_CHARS, MAX_REASON_CHARS,
    RetryResult, cancel_job, erase_job, may_be_retried, retry_job,
};
use jobs::error::{ApplyError, CommandError};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::ports::CheckRequest;
use jobs::retry::retry;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{Event, IgnoreReason};
use testkit::conformance::job_in_state;
use testkit::fixture::AdvanceJob as _;
use testkit::memory::{Memory, Object};

use common::{BUCKET, TOML, in_run};

const NOW: Timestamp = Timestamp(1_767_700_000_000);

enum Command {
    Retry,
    Cancel,
}

/// The result of either command.
#[derive(Debug, PartialEq)]
enum Answer {
    Done(Job),
    ResultFound(CheckRequest),
    Refused(Job, IgnoreReason),
}

impl From<RetryResult> for Answer {
    fn from(result: RetryResult) -> Self {
        match result {
            RetryResult::Scheduled(job) => Self::Done(job),
            RetryResult::ResultFound(check) => Self::ResultFound(check),
            RetryResult::Refused(job, reason) => Self::Refused(job, reason),
        }
    }
}

impl From<CancelResult> for Answer {
    fn from(result: CancelResult) -> Self {
        match result {
            CancelResult::Cancelled(job) => Self::Done(job),
            CancelResult::Refused(job, reason) => Self::Refused(job, reason),
        }
    }
}

/// The job of a command that was carried out.
fn done(answer: Result<Answer, CommandError>) -> Job {
    match answer {
        Ok(Answer::Done(job)) => job,
        other => panic!("{other:?}"),
    }
}

/// A store with only this job and its input.
fn table(job: &Job) -> Memory {
    let memory = Memory::at(NOW);
    memory.state().jobs.insert(job.id, job.clone());
    let input = &job.input;
    let versions = vec![(input.version.clone(), Some(Object::default()))];
    let at = (input.bucket.clone(), input.key.clone());
    memory.state().objects.insert(at, versions);
    memory
}

fn ask(memory: &Memory, which: &Command, command: &JobCommand) -> Result<Answer, CommandError> {
    in_run(TOML, NOW, async |run| match which {
        Command::Retry => retry_job(memory, run, command).await.map(Answer::from),
        Command::Cancel => cancel_job(memory, run, command).await.map(Answer::from),
    })
}

fn command(job: &Job) -> JobCommand {
    JobCommand::new(
        job.id,
        Some(job.version),
        " ops@example.com ",
        "the model was fixed\n",
    )
    .unwrap()
}

/// Guarantee 9: "Every support action records its actor and its reason."
#[test]
fn retry_command_schedules_a_failed_job_and_records_actor_and_reason() {
    let failed = job_in_state("Failed");
    let memory = table(&failed);
    let job = done(ask(&memory, &Command::Retry, &command(&failed)));
    let State::RetryScheduled { next, due, budget } = job.state else {
        panic!("{:?}", job.state)
    };
    assert_eq!((next, due), (failed.state.attempt().next(), NOW), "at once");
    assert_eq!(
        budget.last_attempt.0,
        next.0 + 2,
        "with as many attempts as a new job"
    );
    let last = job.history.last().unwrap();
    assert_eq!(
        (
            last.event.name(),
            last.actor.as_deref(),
            last.reason.as_deref()
        ),
        (
            "Retry",
            Some("ops@example.com"),
            Some("the model was fixed")
        )
    );
    assert_eq!(memory.state().jobs[&job.id], job, "and it is saved");
    // The same command once more.
    let again = ask(&memory, &Command::Retry, &command(&failed));
    assert!(
        matches!(again, Err(CommandError::Changed { .. })),
        "{again:?}"
    );
    let without_version = JobCommand::new(job.id, None, "ops", "again").unwrap();
    let answer = ask(&memory, &Command::Retry, &without_version).unwrap();
    assert_eq!(answer, Answer::Refused(job, IgnoreReason::StillOpen));
}

/// A retry must not start an instance for a document that does not exist.
#[test]
fn retry_command_is_refused_if_the_input_is_gone_or_unreadable() {
    let failed = job_in_state("Failed");
    let gone = table(&failed);
    gone.state().objects.clear();
    let deleted = table(&failed);
    deleted.put_object(&failed.input.bucket, &failed.input.key, None);
    for memory in [gone, deleted] {
        let answer = ask(&memory, &Command::Retry, &command(&failed));
        assert!(
            matches!(answer, Err(CommandError::InputDeleted)),
            "{answer:?}"
        );
        assert_eq!(memory.state().jobs[&failed.id], failed, "nothing is saved");
    }
    for code in [
        "AccessDenied",
        "KMS.DisabledException",
        "InvalidObjectState",
        "InvalidRequest",
    ] {
        let refused = table(&failed);
        let key = failed.input.key.clone();
        refused.state().refused_reads.insert(key, code);
        let answer = ask(&refused, &Command::Retry, &command(&failed));
        let text = answer.unwrap_err().to_string();
        assert!(text.contains(&format!("({code})")), "{text}");
    }
}

#[test]
fn retry_command_uses_an_existing_result_instead_of_another_run() {
    let failed = job_in_state("Failed");
    let memory = table(&failed);
    let input = &failed.input;
    let key = format!("outbound/{}/{}/a1/late.out", failed.pipeline, failed.id);
    memory.put(&input.bucket, &key, b"{}");
    let answer = ask(&memory, &Command::Retry, &command(&failed)).unwrap();
    let Answer::ResultFound(check) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(memory.state().jobs[&failed.id], failed, "nothing is saved");
    // The function that receives the check makes the job ready and publishes it.
    let pending = in_run(TOML, NOW, async |run| {
        retry(&memory, run, &check, false).await
    })
    .unwrap();
    assert!(matches!(pending[0].state, State::Ready { .. }));
    assert!(pending[0].corrected, "its event is a correction");
    assert_eq!(pending[0].output().unwrap().key, key);
}

#[test]
fn command_that_does_not_apply_is_refused_with_the_reason() {
    for (cause, why) in [
        (Cause::InvalidInput, IgnoreReason::NotRetryable),
        (Cause::Superseded, IgnoreReason::NotRetryable),
    ] {
        let mut failed = job_in_state("Failed");
        failed.state = State::Failed {
            attempt: failed.state.attempt(),
            failure: Failure::new(cause, ""),
        };
        let answer = ask(&table(&failed), &Command::Retry, &command(&failed)).unwrap();
        assert_eq!(answer, Answer::Refused(failed, why));
    }
    for (state, kind, why) in [
        ("InProgress", Command::Retry, IgnoreReason::StillOpen),
        ("Ready", Command::Retry, IgnoreReason::Finished),
        ("Cancelled", Command::Retry, IgnoreReason::Finished),
        ("Ready", Command::Cancel, IgnoreReason::Finished),
        ("Failed", Command::Cancel, IgnoreReason::Finished),
        ("Cancelled", Command::Cancel, IgnoreReason::AlreadyApplied),
    ] {
        let job = job_in_state(state);
        let answer = ask(&table(&job), &kind, &command(&job)).unwrap();
        assert_eq!(answer, Answer::Refused(job, why), "{state}");
    }
}

#[test]
fn cancel_command_ends_an_open_job_and_records_actor_and_reason() {
    for state in ["Queued", "Submitting", "InProgress", "RetryScheduled"] {
        let open = job_in_state(state);
        let job = done(ask(&table(&open), &Command::Cancel, &command(&open)));
        assert!(matches!(job.state, State::Cancelled { .. }));
        let last = job.history.last().unwrap();
        assert_eq!(last.actor.as_deref(), Some("ops@example.com"));
        assert_eq!(last.reason.as_deref(), Some("the model was fixed"));
    }
}

#[test]
fn command_with_an_outdated_version_is_rejected() {
    let failed = job_in_state("Failed");
    for kind in [Command::Retry, Command::Cancel] {
        let stale = JobCommand::new(failed.id, Some(failed.version - 1), "ops", "why").unwrap();
        let answer = ask(&table(&failed), &kind, &stale);
        let Err(CommandError::Changed { expected, actual }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((expected, actual), (failed.version - 1, failed.version));
    }
    let empty = Memory::at(NOW);
    let answer = ask(&empty, &Command::Cancel, &command(&failed));
    assert!(
        matches!(answer, Err(CommandError::Apply(ApplyError::UnknownJob(id))) if id == failed.id)
    );
}

/// The save succeeds but its response is lost, so the repeated command sees a newer version.
#[test]
fn command_whose_save_was_lost_is_rejected_when_repeated() {
    let failed = job_in_state("Failed");
    let memory = table(&failed);
    memory.state().fail_after.insert("save", 1);
    assert!(matches!(
        ask(&memory, &Command::Retry, &command(&failed)),
        Err(CommandError::Apply(ApplyError::Unavailable(_)))
    ));
    let answer = ask(&memory, &Command::Retry, &command(&failed));
    assert!(matches!(answer, Err(CommandError::Changed { .. })));
}

#[test]
fn command_needs_an_actor_and_a_reason_of_limited_length() {
    let id = job_in_state("Failed").id;
    let of = |actor: &str, reason: &str| JobCommand::new(id, None, actor, reason).map(|_| ());
    assert_eq!(of("ops", "why"), Ok(()));
    assert_eq!(of("ops", &"ü".repeat(MAX_REASON_CHARS)), Ok(()));
    assert_eq!(of("ops", " \n"), Err(InvalidCommand::Reason));
    assert_eq!(
        of("ops", &"ü".repeat(MAX_REASON_CHARS + 1)),
        Err(InvalidCommand::Reason)
    );
    assert_eq!(of("", "why"), Err(InvalidCommand::Actor));
    assert_eq!(
        of(&"a".repeat(MAX_ACTOR_CHARS + 1), "why"),
        Err(InvalidCommand::Actor)
    );
}

/// An attempt whose call has no known outcome begins anew under its number, and may then run for its whole time.
#[test]
fn attempt_that_began_anew_may_write_a_result_until_its_renewed_time_is_over() {
    let first = job_in_state("Submitting");
    let span_ms = u64::from(first.policy.max_attempt_seconds) * 1000;
    let renewed_at = Timestamp(first.created_at.0 + span_ms - 1);
    let renewed = first.advanced(&Event::Uploaded, first.state.clone(), renewed_at);
    assert_eq!(renewed.attempts.len(), 1);
    assert_eq!(renewed.attempts[0].started_at, renewed_at);
    let until = Timestamp(renewed_at.0 + span_ms);
    let attempt = first.state.attempt();
    let cancel = Event::Cancel {
        actor: "ops".to_owned(),
        reason: "why".to_owned(),
    };
    // The known end is that of one of two runs.
    let failure = Failure::new(Cause::ModelError, "500");
    let failed = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    for (event, state) in [
        (cancel, State::Cancelled { attempt }),
        (failed, State::Failed { attempt, failure }),
    ] {
        let ended = renewed.advanced(&event, state, Timestamp(renewed_at.0 + 1));
        assert_eq!(
            ended.may_write_until(Timestamp(until.0 - 1)),
            Some(until),
            "{event:?}"
        );
        assert_eq!(ended.may_write_until(until), None, "{event:?}");
        let memory = table(&ended);
        memory.state().now = Timestamp(until.0 - 1);
        let command = JobCommand::new(ended.id, None, "ops", "the client asked").unwrap();
        let early = in_run(TOML, NOW, async |run| {
            erase_job(&memory, run, &command).await
        });
        assert!(
            matches!(early, Err(CommandError::MayStillWrite { until: told }) if told == until),
            "{early:?}"
        );
        memory.state().now = until;
        let erased = in_run(TOML, NOW, async |run| {
            erase_job(&memory, run, &command).await
        });
        assert!(matches!(erased, Ok(EraseResult::Erased(_))), "{erased:?}");
    }
}

/// The job's data is deleted between the decision of another event and its save.
#[test]
fn erasure_wins_over_every_event_that_is_decided_at_the_same_moment() {
    let failed = job_in_state("Failed");
    let attempt = failed.state.attempt();
    let (actor, reason) = ("ops".to_owned(), "again".to_owned());
    for event in [
        Event::Retry { actor, reason },
        Event::Succeeded {
            attempt,
            output: jobs::id::Location {
                bucket: BUCKET.to_owned(),
                key: "outbound/legal-review/x.out".to_owned(),
            },
            unexpected_content_type: None,
            pages: None,
        },
    ] {
        let memory = table(&failed);
        memory.state().now = Timestamp(NOW.0 + 30 * 86_400_000);
        let erase = JobCommand::new(failed.id, None, "ops", "the client asked").unwrap();
        let (job, change) = in_run(TOML, NOW, async |run| {
            apply_command(&memory, run, failed.clone(), async |seen, _| {
                if !seen.is_erased() {
                    erase_job(&memory, run, &erase).await?;
                }
                Ok(event.clone())
            })
            .await
        })
        .unwrap();
        assert_eq!(change, Change::Ignored(IgnoreReason::Erased), "{event:?}");
        assert!(job.is_erased(), "{event:?}");
    }
}

#[test]
fn erasure_of_a_job_that_is_retried_at_the_same_moment_is_refused() {
    let failed = job_in_state("Failed");
    let memory = table(&failed);
    let (actor, reason) = ("ops".to_owned(), "the client asked".to_owned());
    let (job, change) = in_run(TOML, NOW, async |run| {
        apply_command(&memory, run, failed.clone(), async |seen, _| {
            if seen.version == failed.version {
                retry_job(&memory, run, &command(seen)).await?;
            }
            let (actor, reason) = (actor.clone(), reason.clone());
            Ok(Event::Erase { actor, reason })
        })
        .await
    })
    .unwrap();
    assert_eq!(change, Change::Ignored(IgnoreReason::StillOpen));
    assert!(matches!(job.state, State::RetryScheduled { .. }));
}

#[test]
fn failed_job_can_be_retried_while_it_has_attempts_left() {
    let failed = |attempt: Attempt, cause: Cause| {
        let failure = Failure::new(cause, "no");
        Job {
            state: State::Failed { attempt, failure },
            ..job_in_state("Failed")
        }
    };
    let last = Attempt(Attempt::MAX.0 - 1);
    assert!(may_be_retried(&failed(last, Cause::ModelError)));
    assert!(!may_be_retried(&failed(Attempt::MAX, Cause::ModelError)));
    assert!(!may_be_retried(&failed(last, Cause::InvalidInput)));
    assert!(!may_be_retried(&job_in_state("InProgress")));
}

/// It must be cancelled first, whether or not an attempt may still write a result.
#[test]
fn erasure_of_an_open_job_is_refused_because_it_is_open() {
    let mut job = job_in_state("InProgress");
    for record in &mut job.attempts {
        record.started_at = NOW;
    }
    assert!(job.may_write_until(NOW).is_some());
    let memory = table(&job);
    let refused = in_run(TOML, NOW, async |run| {
        erase_job(&memory, run, &command(&job)).await
    });
    assert!(
        matches!(
            refused,
            Ok(EraseResult::Refused(_, IgnoreReason::StillOpen))
        ),
        "{refused:?}"
    );
}
