//! What people may do to a job, over in-memory ports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::apply::{Error, RunContext};
use jobs::commands::{Answer, InvalidCommand, JobCommand, MAX_ACTOR, MAX_REASON, cancel, resubmit};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::retry::retry;
use jobs::state::{Cause, Failure, State};
use jobs::transition::IgnoreReason;
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_700_000_000);

enum Wish {
    Resubmit,
    Cancel,
}

/// The job of an order that was carried out.
fn done(answer: Result<Answer, Error>) -> Job {
    match answer {
        Ok(Answer::Done(job)) => job,
        other => panic!("{other:?}"),
    }
}

/// A table with this job alone.
fn table(job: &Job) -> Memory {
    let memory = Memory::at(NOW);
    memory.state().jobs.insert(job.id, job.clone());
    memory
}

fn ask(memory: &Memory, wish: &Wish, order: &JobCommand) -> Result<Answer, Error> {
    in_run(async |run| match wish {
        Wish::Resubmit => resubmit(memory, run, order).await,
        Wish::Cancel => cancel(memory, run, order).await,
    })
}

fn in_run<T>(work: impl AsyncFnOnce(&RunContext<'_>) -> T) -> T {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let run = RunContext {
        pipelines: &pipelines,
        lease_expires_at: NOW,
    };
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work(&run))
}

fn order(job: &Job) -> JobCommand {
    JobCommand::new(
        job.id,
        Some(job.version),
        " ops@example.com ",
        "the model was mended\n",
    )
    .unwrap()
}

fn in_state(wanted: &str) -> Job {
    let all = one_in_every_state("docket-jobs", "acme");
    all.into_iter()
        .find(|job| job.state.name() == wanted)
        .unwrap()
}

/// "A support action names its actor and its reason, and is kept."
#[test]
fn a_failed_job_is_scheduled_once_more_with_who_and_why() {
    let failed = in_state("Failed");
    let memory = table(&failed);
    let job = done(ask(&memory, &Wish::Resubmit, &order(&failed)));
    let State::RetryScheduled { next, due, budget } = job.state else {
        panic!("{:?}", job.state)
    };
    assert_eq!((next, due), (failed.state.attempt().next(), NOW), "at once");
    assert_eq!(
        budget.last.0,
        next.0 + 2,
        "with as many attempts as a new job"
    );
    let last = job.history.last().unwrap();
    assert_eq!(
        (
            last.event.as_str(),
            last.actor.as_deref(),
            last.reason.as_deref()
        ),
        (
            "Resubmit",
            Some("ops@example.com"),
            Some("the model was mended")
        )
    );
    assert_eq!(memory.state().jobs[&job.id], job, "and it is saved");
    // The same click once more.
    let again = ask(&memory, &Wish::Resubmit, &order(&failed));
    assert!(matches!(again, Err(Error::Changed { .. })), "{again:?}");
    let careless = JobCommand::new(job.id, None, "ops", "again").unwrap();
    let answer = ask(&memory, &Wish::Resubmit, &careless).unwrap();
    assert_eq!(answer, Answer::Refused(job, IgnoreReason::StillOpen));
}

#[test]
fn a_failed_job_whose_result_is_there_gets_it_instead_of_another_run() {
    let failed = in_state("Failed");
    let memory = table(&failed);
    let input = &failed.input;
    let key = format!("outbound/{}/{}/a1/late.out", failed.pipeline, failed.id);
    memory.put(&input.bucket, &key, b"{}");
    let answer = ask(&memory, &Wish::Resubmit, &order(&failed)).unwrap();
    let Answer::Found(check) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(memory.state().jobs[&failed.id], failed, "nothing is saved");
    // The function that gets the message makes it ready, and owes the announcement.
    let pending = in_run(async |run| retry(&memory, run, &check, false).await).unwrap();
    assert!(matches!(pending[0].state, State::Ready { .. }));
    assert!(pending[0].corrected, "it is announced as a correction");
    assert_eq!(pending[0].output().unwrap().key, key);
}

#[test]
fn what_cannot_be_helped_is_refused_with_the_reason() {
    for (cause, why) in [
        (Cause::InvalidInput, IgnoreReason::NotRetryable),
        (Cause::Superseded, IgnoreReason::NotRetryable),
    ] {
        let mut failed = in_state("Failed");
        failed.state = State::Failed {
            attempt: failed.state.attempt(),
            failure: Failure::new(cause, ""),
        };
        let answer = ask(&table(&failed), &Wish::Resubmit, &order(&failed)).unwrap();
        assert_eq!(answer, Answer::Refused(failed, why));
    }
    for (state, wish, why) in [
        ("InProgress", Wish::Resubmit, IgnoreReason::StillOpen),
        ("Ready", Wish::Resubmit, IgnoreReason::Finished),
        ("Cancelled", Wish::Resubmit, IgnoreReason::Finished),
        ("Ready", Wish::Cancel, IgnoreReason::Finished),
        ("Failed", Wish::Cancel, IgnoreReason::Finished),
        ("Cancelled", Wish::Cancel, IgnoreReason::AlreadyApplied),
    ] {
        let job = in_state(state);
        let answer = ask(&table(&job), &wish, &order(&job)).unwrap();
        assert_eq!(answer, Answer::Refused(job, why), "{state}");
    }
}

#[test]
fn an_open_job_is_given_up_with_who_and_why() {
    for state in ["Submitting", "InProgress", "RetryScheduled"] {
        let open = in_state(state);
        let job = done(ask(&table(&open), &Wish::Cancel, &order(&open)));
        assert!(matches!(job.state, State::Cancelled { .. }));
        let last = job.history.last().unwrap();
        assert_eq!(last.actor.as_deref(), Some("ops@example.com"));
        assert_eq!(last.reason.as_deref(), Some("the model was mended"));
    }
}

#[test]
fn an_order_about_a_job_that_has_moved_on_is_refused() {
    let failed = in_state("Failed");
    for wish in [Wish::Resubmit, Wish::Cancel] {
        let stale = JobCommand::new(failed.id, Some(failed.version - 1), "ops", "why").unwrap();
        let answer = ask(&table(&failed), &wish, &stale);
        let Err(Error::Changed { seen, now }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((seen, now), (failed.version - 1, failed.version));
    }
    let nobody = Memory::at(NOW);
    let answer = ask(&nobody, &Wish::Cancel, &order(&failed));
    assert!(matches!(answer, Err(Error::UnknownJob(id)) if id == failed.id));
}

/// The save loses a race, and the job is no longer what the person saw.
#[test]
fn an_order_that_loses_a_race_is_refused() {
    let failed = in_state("Failed");
    let memory = table(&failed);
    memory.state().fail_after.insert("save", 1);
    assert!(matches!(
        ask(&memory, &Wish::Resubmit, &order(&failed)),
        Err(Error::Unavailable(_))
    ));
    // The answer was lost, the order was not.
    let answer = ask(&memory, &Wish::Resubmit, &order(&failed));
    assert!(matches!(answer, Err(Error::Changed { .. })));
}

#[test]
fn an_order_says_who_and_why() {
    let id = in_state("Failed").id;
    let of = |actor: &str, reason: &str| JobCommand::new(id, None, actor, reason).map(|_| ());
    assert_eq!(of("ops", "why"), Ok(()));
    assert_eq!(of("ops", &"ü".repeat(MAX_REASON)), Ok(()));
    assert_eq!(of("ops", " \n"), Err(InvalidCommand::Reason));
    assert_eq!(
        of("ops", &"ü".repeat(MAX_REASON + 1)),
        Err(InvalidCommand::Reason)
    );
    assert_eq!(of("", "why"), Err(InvalidCommand::Actor));
    assert_eq!(
        of(&"a".repeat(MAX_ACTOR + 1), "why"),
        Err(InvalidCommand::Actor)
    );
}
