//! An object was uploaded: make its job, once, and start the first attempt.

use std::time::Duration;

use crate::apply::{Change, Error, RunContext, apply, context, log_change};
use crate::evidence::{find_output, input_was_replaced};
use crate::id::TraceId;
use crate::id::{Attempt, InferenceId, JobId, Location, Tenant, Timestamp};
use crate::input::{Delivery, Input, InputProblem, check_contents, check_key, delivery};
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::ports::{
    Clock, CopyError, InferenceEndpoint, Invocation, InvokeError, JobStore, KeyValueStore,
    ObjectHead, ObjectStore, PeekError, SaveError,
};
use crate::state::{Cause, Failure, State};
use crate::trace::{about, about_upload};
use crate::transition::{Decision, DecisionContext, Event, IgnoreReason, first, transition};
use crate::upload_session::{UploadSession, intent, may_be_issued};

/// An announcement of an object version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadEvent {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// S3 version id; events of an unversioned bucket have none.
    pub version: Option<String>,
    /// Size in bytes, as announced.
    pub bytes: u64,
    /// Entity tag, without quotes, as announced.
    pub etag: String,
    /// The trace that it came with, if it came with one.
    pub trace_id: Option<TraceId>,
}

/// Makes the job of an upload and submits it. Answers the jobs whose effects are owed.
///
/// # Errors
/// See [`Error`]; the message must then be treated by its verdict.
pub async fn submit<P>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + Clock,
{
    let Some(pipeline) = run.pipelines.of_key(&upload.key) else {
        return Err(Error::NotOurs(format!(
            "no pipeline has a prefix of the key {:?}",
            upload.key
        )));
    };
    let first_id = JobId::of_key(&upload.bucket, &upload.key);
    // A later version has an id of its own, which is known when the row is.
    about_upload(first_id, upload.trace_id);
    let (tenant, problem) = check_key(pipeline, &upload.key);
    let (object, problem) = match problem {
        // A key that is wrong is not asked for: some of them cannot even be written into a URL.
        Some(problem) => (None, Some(problem)),
        None => match ports.peek(&upload.bucket, &upload.key).await {
            Ok(object) => (object, None),
            Err(PeekError::Unreadable(why)) => (None, Some(InputProblem::Unreadable(why))),
            Err(PeekError::Unavailable(error)) => return Err(error.into()),
        },
    };
    let key_is_usable = matches!(problem, None | Some(InputProblem::Unreadable(_)));
    let seen = Seen::judge(pipeline, upload, problem, object.as_ref());
    let intent = if may_be_issued(pipeline, &upload.key) {
        intent(ports, first_id).await?
    } else {
        None
    };
    let input = input_of(upload, &seen, object, intent);
    let found = create(ports, run, upload, pipeline, tenant, input, &seen).await?;
    let (id, made_at) = (found.job().id, found.job().created_at);
    about(found.job());

    let mut pending = match found {
        Found::New(job) => begin(ports, run, job).await?,
        Found::Old(job) => {
            let replaced = matches!(seen.disposition, Judgement::Superseded);
            let event = if replaced {
                Event::Overwritten
            } else {
                Event::Uploaded
            };
            match apply(ports, run, job, async |_, _| Ok(event.clone())).await? {
                (job, Change::Advanced) => begin_again(ports, run, job).await?,
                (_, Change::Ignored(IgnoreReason::Leased)) => return Err(Error::Leased),
                (job, Change::Ignored(IgnoreReason::AlreadyApplied)) => vec![job],
                (_, Change::Ignored(_)) => vec![],
            }
        }
    };
    if id != first_id && key_is_usable {
        pending.extend(close_older(ports, run, upload, &seen.version, made_at).await?);
    }
    Ok(pending)
}

/// What the look at the object said.
struct Seen {
    version: String,
    disposition: Judgement,
}

enum Judgement {
    Fine,
    Superseded,
    Wrong(Failure),
}

impl Seen {
    fn judge(
        pipeline: &Pipeline,
        upload: &UploadEvent,
        problem: Option<InputProblem>,
        object: Option<&ObjectHead>,
    ) -> Self {
        let current = object.map(|object| object.version.clone());
        let announced = upload.version.clone();
        let is_current = announced.is_none() || current.is_none() || announced == current;
        let version = announced.or(current).unwrap_or_else(|| "null".to_owned());
        let wrong = |problem: InputProblem| {
            Judgement::Wrong(Failure::new(Cause::InvalidInput, problem.to_string()))
        };
        let disposition = match (problem, object) {
            (Some(problem), _) => wrong(problem),
            (None, None) => wrong(InputProblem::Deleted),
            (None, Some(_)) if !is_current => Judgement::Superseded,
            (None, Some(_)) if pipeline.retired => Judgement::Wrong(Failure::new(
                Cause::PipelineGone,
                format!("the pipeline {} no longer takes uploads", pipeline.name),
            )),
            (None, Some(object)) => check_contents(pipeline, object.bytes, &object.first_bytes)
                .map_or(Judgement::Fine, wrong),
        };
        Self {
            version,
            disposition,
        }
    }
}

enum Found {
    New(Job),
    Old(Job),
}

impl Found {
    const fn job(&self) -> &Job {
        match self {
            Self::New(job) | Self::Old(job) => job,
        }
    }
}

/// Makes the row, or finds it. The first version seen at a key has the key's id, later ones an id of their own.
async fn create<P: JobStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    pipeline: &Pipeline,
    tenant: Tenant,
    input: Input,
    seen: &Seen,
) -> Result<Found, Error> {
    let context = context(ports, run);
    let policy = pipeline.policy();
    let failed = |failure: Failure| State::Failed {
        attempt: Attempt::NONE,
        failure,
    };
    let state = match &seen.disposition {
        Judgement::Fine => first(&context, &policy),
        Judgement::Superseded => failed(Failure::new(
            Cause::Superseded,
            "a newer version was already there when this one was announced",
        )),
        Judgement::Wrong(failure) => failed(failure.clone()),
    };
    let row_ttl_days = pipeline.retention_days.row;
    let first_id = JobId::of_key(&upload.bucket, &upload.key);
    let mut job = Job::new(
        first_id,
        tenant,
        &pipeline.name,
        row_ttl_days,
        policy,
        input,
        upload.trace_id,
        state,
        context.now,
    );
    let later_id = JobId::of_version(&upload.bucket, &upload.key, &seen.version);
    for id in [first_id, later_id] {
        job.id = id;
        match ports.create(&job).await {
            Ok(()) => {
                log_change(&job.state, &Event::Uploaded, &job);
                return Ok(Found::New(job));
            }
            Err(SaveError::Conflict(row)) => {
                let row = match row {
                    Some(row) => *row,
                    None => ports.load(id).await?.ok_or(Error::UnknownJob(id))?,
                };
                if row.input.bucket != upload.bucket || row.input.key != upload.key {
                    return Err(Error::Contradiction(format!(
                        "job {id} is about another object"
                    )));
                }
                if row.input.version == seen.version {
                    return Ok(Found::Old(row));
                }
            }
            Err(SaveError::Load(error)) => return Err(error.into()),
            Err(SaveError::Unavailable(error)) => return Err(error.into()),
        }
    }
    Err(Error::Contradiction(format!(
        "job {later_id} is about another version"
    )))
}

fn input_of(
    upload: &UploadEvent,
    seen: &Seen,
    object: Option<ObjectHead>,
    intent: Option<UploadSession>,
) -> Input {
    // What is announced and what is there differ when this version was replaced: the row is about the announced one.
    let same = object.filter(|object| object.version == seen.version);
    Input {
        bucket: upload.bucket.clone(),
        key: upload.key.clone(),
        version: seen.version.clone(),
        etag: same
            .as_ref()
            .map_or(&upload.etag, |object| &object.etag)
            .clone(),
        bytes: same.as_ref().map_or(upload.bytes, |object| object.bytes),
        content_type: same
            .as_ref()
            .map(|object| object.content_type.clone())
            .unwrap_or_default(),
        name: match &intent {
            Some(intent) => Some(intent.name.to_owned()).filter(|name| !name.is_empty()),
            None => same.and_then(|object| object.name),
        },
        // Only the announcement can say so; what an object says of itself its uploader chose.
        uploaded_by: intent.map(|intent| intent.uploaded_by),
    }
}

/// As [`begin`], for a job that was seen before: its object may have been replaced meanwhile, by one that nobody has
/// looked at, and the endpoint reads what is there now.
pub(crate) async fn begin_again<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let starts = matches!(job.state, State::Submitting { .. });
    if starts && input_was_replaced(ports, &job).await? {
        let (job, _) = apply(ports, run, job, async |_, _| Ok(Event::Overwritten)).await?;
        return Ok(vec![job]);
    }
    begin(ports, run, job).await
}

/// Carries out what a job that was just saved asks for at once: the call of the endpoint, if it is `Submitting`.
/// Answers the jobs whose other effects are owed.
async fn begin<P>(ports: &P, run: &RunContext<'_>, job: Job) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        return Ok(vec![job]);
    };
    let event = match invoke(ports, run, &job, attempt).await {
        Ok(event) => event,
        Err(Stop::Failed(failure)) => Event::SubmitFailed {
            attempt,
            lease_token,
            failure,
        },
        // The claim stays: the message comes back after the lease, and the call is made again.
        Err(Stop::Later(error)) => return Err(error),
    };
    let event_for = async |job: &Job, context: &DecisionContext| {
        let decision = transition(&job.state, &event, context, &job.policy)?;
        let Decision::Advance(State::Failed { .. }) = decision else {
            return Ok(event.clone());
        };
        // An earlier call of which nobody heard may have been carried out.
        match find_output(ports, job).await? {
            Some(_) if input_was_replaced(ports, job).await? => Ok(Event::Overwritten),
            Some((attempt, output)) => Ok(Event::Succeeded { attempt, output }),
            None => Ok(event.clone()),
        }
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => Ok(vec![job]),
        // The result overtook the answer to the call, or somebody took the claim over; they owe the effects.
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

enum Stop {
    Failed(Failure),
    Later(Error),
}

async fn invoke<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    attempt: Attempt,
) -> Result<Event, Stop>
where
    P: ObjectStore + InferenceEndpoint,
{
    let Some(pipeline) = run.pipelines.get(&job.pipeline) else {
        return Err(Stop::Failed(Failure::new(
            Cause::PipelineGone,
            format!("the pipeline {} is gone", job.pipeline),
        )));
    };
    let input = match delivery(job.id, &job.input.bucket, &job.input.key) {
        Delivery::InPlace(location) => location,
        Delivery::Copy(location) => match copied(ports, job, &location).await {
            Ok(()) => location,
            Err(CopyError::Gone) => {
                let gone = InputProblem::Deleted.to_string();
                return Err(Stop::Failed(Failure::new(Cause::InvalidInput, gone)));
            }
            Err(CopyError::Unavailable(error)) => return Err(Stop::Later(error.into())),
        },
    };
    let invocation = Invocation {
        endpoint: pipeline.endpoint.clone(),
        inference_id: InferenceId {
            job: job.id,
            attempt,
        },
        input,
        content_type: pipeline.content_type().to_owned(),
        accept: pipeline.output.content_type(),
        queue_ttl_seconds: pipeline.queue_ttl_seconds,
        invocation_timeout_seconds: pipeline.invocation_timeout_seconds,
        trace_id: job.trace(),
    };
    match ports.invoke(&invocation).await {
        Ok(accepted) => {
            // A place that this pipeline's endpoint has no business with would be asked about, and denied, for ever.
            let ours = |place: Option<Location>, prefix: String| {
                place.filter(|place| {
                    place.bucket == job.input.bucket && place.key.starts_with(&prefix)
                })
            };
            Ok(Event::Accepted {
                attempt,
                output: ours(accepted.output, pipeline.output_prefix()),
                failure: ours(accepted.failure, pipeline.failure_prefix()),
            })
        }
        Err(InvokeError::Refused(why)) => Err(Stop::Failed(Failure::new(Cause::Refused, why))),
        Err(InvokeError::Unanswered(error)) => Err(Stop::Later(error.into())),
    }
}

/// Makes the copy, unless an earlier try whose answer was lost has made it: a gigabyte takes its time.
async fn copied<P: ObjectStore>(ports: &P, job: &Job, to: &Location) -> Result<(), CopyError> {
    if ports.head(to).await?.is_some() {
        return Ok(());
    }
    let input = &job.input;
    ports
        .copy(&input.bucket, &input.key, &input.version, to)
        .await
}

/// How many older versions are looked at. Their jobs were closed one by one as each newer version came; what a lost
/// event left open beyond that, the check before `Ready` closes.
const OLDER_VERSIONS: usize = 20;

/// How far the clocks of two functions may be apart. Far more than they are: what ended within it is announced again.
const CLOCKS: Duration = Duration::from_secs(60);

/// Closes the open jobs of older versions at the same key. Asked for only when a key is written a second time.
async fn close_older<P: JobStore + ObjectStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    version: &str,
    made_at: Timestamp,
) -> Result<Vec<Job>, Error> {
    let versions = ports.versions(&upload.bucket, &upload.key).await?;
    let Some(at) = versions.iter().position(|known| known == version) else {
        return Ok(vec![]);
    };
    let older = &versions[at + 1..];
    let mut ids = vec![JobId::of_key(&upload.bucket, &upload.key)];
    let of_version = |older: &String| JobId::of_version(&upload.bucket, &upload.key, older);
    ids.extend(older.iter().take(OLDER_VERSIONS).map(of_version));
    let mut closed = Vec::new();
    for id in ids {
        let Some(job) = ports.load(id).await? else {
            continue;
        };
        let is_older = older.contains(&job.input.version);
        // What ended before this version's job was made owes nothing to this message.
        let ended_before =
            job.state.check_deadline().is_none() && job.updated_at.plus(CLOCKS) < made_at;
        if !is_older || ended_before {
            continue;
        }
        match apply(ports, run, job, async |_, _| Ok(Event::Overwritten)).await? {
            (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => {
                closed.push(job)
            }
            (_, Change::Ignored(_)) => {}
        }
    }
    Ok(closed)
}
