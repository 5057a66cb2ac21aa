//! The asynchronous endpoints: the model of crate `async-endpoint`, driven in virtual time over the simulated S3.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use async_endpoint::{
    Endpoint, EndpointAction, Faults, InstanceStatus, InvocationFailure, InvocationStatus,
    InvokeEndpointError, Millis, Request, Rng, RunId, ScaleIn, Settings, StopReason,
};
use jobs::id::Location;
use jobs::open_jobs::OpenJobs;
use jobs::pipeline::{Pipelines, Scaling};
use jobs::ports::{Accepted, EndpointInstances, Invocation};

use crate::bucket::{BUCKET, SimulatedBucket};
use crate::container::{start_run, store};
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::{FunctionId, short_request};
use crate::message::OutgoingMessage;
use crate::request::InferenceRequest;
use crate::time::MINUTE;
use crate::timeline::After;
use crate::topic::Topic;

/// Something that happens at an endpoint.
#[derive(Debug)]
pub(crate) enum ScheduledEndpointEvent {
    /// The model of the endpoint has something to do.
    ModelTimer,
    Answer(RunId, InvocationStatus),
    /// The endpoint has written an object, or failed to.
    Stored(RunId, Rc<InferenceRequest>, Option<InvocationFailure>),
    /// The endpoint goes out of or back into service.
    InService(bool),
    /// The endpoint loses or regains its capacity.
    Capacity(bool),
    /// Its model fails every run, or no longer.
    ModelDown(bool),
}

#[derive(Debug)]
pub(crate) enum EndpointConsequence {
    /// Something happens at the endpoint with this index.
    Event(usize, ScheduledEndpointEvent),
    Send(OutgoingMessage),
}

type EndpointConsequences = Vec<After<EndpointConsequence>>;

struct SimulatedEndpoint {
    pipeline: String,
    model: Endpoint<Rc<InferenceRequest>>,
    limits: (u32, u32),
    concurrent_runs: u32,
    /// When the model is driven next.
    next_event_at: Option<u64>,
    /// Outputs are written under the path that the product expects.
    names_honest: bool,
    model_is_down: bool,
    topic: Topic,
}

#[derive(Default)]
pub(crate) struct Endpoints {
    hosted: Vec<SimulatedEndpoint>,
    /// How long the model takes for an input, in milliseconds; for others it is random.
    model_times: BTreeMap<String, u64>,
}

impl Endpoints {
    /// Makes the endpoints of all pipelines, with settings from the seed.
    pub(crate) fn make(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        pipelines: &Pipelines,
    ) -> EndpointConsequences {
        let mut consequences = Vec::new();
        for pipeline in pipelines.iter() {
            let notify_on_expiry = !env.strikes(FaultKind::ExpirySilent);
            let names_honest = !env.strikes(FaultKind::NamesOpaque);
            let max_instances = u32::try_from(env.between(1, 4)).unwrap_or(1);
            let settings = Settings {
                max_instances,
                max_concurrent_per_instance: u32::try_from(env.between(1, 4)).unwrap_or(1),
                cold_start: Millis(env.between(MINUTE, 11 * MINUTE)),
                notify_on_expiry,
                failure_objects: env.rng.up_to(3) > 0,
                scale_in: if env.rng.up_to(1) == 0 {
                    ScaleIn::WhenIdle { periods: 2 }
                } else {
                    ScaleIn::TargetTracking { datapoints: 15 }
                },
                ..Settings::default()
            };
            let settings = match pipeline.scaling {
                Scaling::Aws => settings,
                Scaling::Docket => Settings {
                    scale_in: ScaleIn::WhenIdle { periods: 2 },
                    ..settings.scaled_by_docket()
                },
            };
            let (endpoint, name) = (pipeline.endpoint.clone(), pipeline.name.clone());
            let index = self.host(env, endpoint, name, settings, names_honest);
            consequences.extend(self.drive(env, bucket, index));
        }
        consequences
    }

    /// Creates an endpoint and returns its index.
    pub(crate) fn host(
        &mut self,
        env: &mut SimulationEnvironment,
        endpoint: String,
        pipeline: String,
        settings: Settings,
        names_honest: bool,
    ) -> usize {
        let rng = Rng::from_seed(env.rng.next_u64());
        let model = Endpoint::new(settings, Faults::default(), rng);
        let enveloped = env.rng.up_to(1) == 0;
        self.hosted.push(SimulatedEndpoint {
            pipeline,
            model,
            limits: (settings.min_instances, settings.max_instances),
            concurrent_runs: settings.max_concurrent_per_instance,
            next_event_at: None,
            names_honest,
            model_is_down: false,
            topic: Topic {
                endpoint,
                enveloped,
            },
        });
        self.hosted.len() - 1
    }

    pub(crate) const fn len(&self) -> usize {
        self.hosted.len()
    }

    pub(crate) fn model(&self, index: usize) -> &Endpoint<Rc<InferenceRequest>> {
        &self.hosted[index].model
    }

    pub(crate) fn set_model_time(&mut self, input: String, milliseconds: u64) {
        self.model_times.insert(input, milliseconds);
    }

    /// A call of `InvokeEndpointAsync` that reached the service. If the endpoint accepts it, it has to be driven.
    pub(crate) fn invoke(
        &mut self,
        env: &mut SimulationEnvironment,
        by: FunctionId,
        call: &Invocation,
    ) -> Result<(usize, Rc<InferenceRequest>), String> {
        let id = call.inference_id;
        let Some(index) = self
            .hosted
            .iter()
            .position(|hosted| hosted.topic.endpoint == call.endpoint)
        else {
            return Err("ValidationException: no such endpoint".to_owned());
        };
        let refused = env.strikes(FaultKind::InvokeRefused);
        let opaque = format!("{:016x}", env.rng.next_u64());
        let hosted = &mut self.hosted[index];
        let pipeline = &hosted.pipeline;
        let folder = if hosted.names_honest {
            format!("{}/a{}/", id.job, id.attempt)
        } else {
            String::new()
        };
        let request = Rc::new(InferenceRequest {
            inference: id,
            by,
            input: call.input.key.clone(),
            output: format!("outbound/{pipeline}/{folder}{opaque}.out"),
            failure: format!("failure/{pipeline}/{opaque}-error.out"),
            read: RefCell::new(None),
            ended: Cell::new(None),
            accepted_at: env.now,
            run: Cell::new(None),
        });
        let answer = if refused {
            Err("ThrottlingException: Rate exceeded".to_owned())
        } else {
            let invoke = Request {
                payload: Rc::clone(&request),
                ttl: Millis::from_secs(call.queue_ttl_seconds.into()),
                timeout: Millis::from_secs(call.invocation_timeout_seconds.into()),
            };
            let answer = hosted.model.invoke(Millis(env.now), invoke);
            answer.map_err(|refusal: InvokeEndpointError| refusal.to_string())
        };
        match answer {
            Ok(_) => {
                env.log(|| format!("endpoint   accepts {} of f{}", short_request(id), by.0));
                Ok((index, request))
            }
            Err(why) => {
                env.log(|| format!("endpoint   refuses {}: {why}", short_request(id)));
                Err(why)
            }
        }
    }

    /// The answer to an accepted call.
    pub(crate) fn accepted(
        env: &mut SimulationEnvironment,
        request: &InferenceRequest,
    ) -> Accepted {
        let location = |key: &str| Location {
            bucket: BUCKET.to_owned(),
            key: key.to_owned(),
        };
        let omitted = env.strikes(FaultKind::OutputLocationOmitted);
        Accepted {
            output: (!omitted).then(|| location(&request.output)),
            failure: Some(location(&request.failure)),
        }
    }

    /// The reconciler reported the backlog of each pipeline: the metric that the scaling policies use.
    pub(crate) fn report_open_jobs(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        backlog: &BTreeMap<String, OpenJobs>,
    ) -> EndpointConsequences {
        let mut consequences = Vec::new();
        for index in 0..self.hosted.len() {
            let hosted = &mut self.hosted[index];
            if let Some(known) = backlog.get(&hosted.pipeline) {
                let open = u32::try_from(known.open).unwrap_or(u32::MAX);
                hosted.model.report_open_jobs(Millis(env.now), open);
            }
            consequences.extend(self.drive(env, bucket, index));
        }
        consequences
    }

    pub(crate) fn index_of(&self, endpoint: &str) -> Option<usize> {
        self.hosted
            .iter()
            .position(|it| it.topic.endpoint == endpoint)
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        &self.hosted[index].topic.endpoint
    }

    pub(crate) fn pipeline(&self, index: usize) -> &str {
        &self.hosted[index].pipeline
    }

    /// What SageMaker and Application Auto Scaling say about an endpoint.
    pub(crate) fn describe(&self, index: usize) -> EndpointInstances {
        let model = &self.hosted[index].model;
        let in_service = model
            .instances()
            .filter(|it| it.status == InstanceStatus::InService);
        let (min, max) = model.instance_limits();
        EndpointInstances {
            in_service: u32::try_from(in_service.count()).unwrap_or(u32::MAX),
            desired: model.desired_instances(),
            min,
            max,
            concurrent_runs: self.hosted[index].concurrent_runs,
            updating: model.is_updating() || !model.is_in_service(),
        }
    }

    /// A call of `UpdateEndpointWeightsAndCapacities`.
    pub(crate) fn set_instances(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        index: usize,
        instances: u32,
    ) -> (Result<(), String>, EndpointConsequences) {
        let model = &mut self.hosted[index].model;
        let answer = if model.is_in_service() {
            let answer = model.update_instance_count(Millis(env.now), instances);
            answer.map_err(|problem| format!("ValidationException: {problem:?}"))
        } else {
            Err("ValidationException: the endpoint is not in service".to_owned())
        };
        env.log(|| {
            let name = &self.hosted[index].topic.endpoint;
            format!("endpoint   {name}: {instances} instances wanted: {answer:?}")
        });
        (answer, self.drive(env, bucket, index))
    }

    /// The capacity controller asks for a number of instances. An endpoint that is updating rejects it.
    pub(crate) fn update_instance_count(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        index: usize,
        instances: u32,
    ) -> EndpointConsequences {
        let model = &mut self.hosted[index].model;
        if model.desired_instances() == instances {
            return Vec::new();
        }
        let answer = model.update_instance_count(Millis(env.now), instances);
        env.log(|| format!("endpoint   {instances} instances wanted: {answer:?}"));
        self.drive(env, bucket, index)
    }

    pub(crate) fn handle(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        index: usize,
        event: ScheduledEndpointEvent,
    ) -> EndpointConsequences {
        let hosted = &mut self.hosted[index];
        match event {
            ScheduledEndpointEvent::ModelTimer => {
                if hosted.next_event_at != Some(env.now) {
                    return Vec::new();
                }
                hosted.next_event_at = None;
            }
            ScheduledEndpointEvent::Answer(run, outcome) => {
                hosted
                    .model
                    .invocation_finished(Millis(env.now), run, outcome);
            }
            ScheduledEndpointEvent::Stored(run, request, failure) => {
                let written = store(env, bucket, &request, failure);
                hosted.model.object_stored(Millis(env.now), run, written);
            }
            ScheduledEndpointEvent::InService(in_service) => {
                hosted.set_in_service(env, in_service);
                return Vec::new();
            }
            ScheduledEndpointEvent::Capacity(available) => hosted.set_capacity(env, available),
            ScheduledEndpointEvent::ModelDown(is_down) => hosted.model_is_down = is_down,
        }
        self.drive(env, bucket, index)
    }

    /// Performs an endpoint's due actions and schedules the next ones.
    pub(crate) fn drive(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &mut SimulatedBucket,
        index: usize,
    ) -> EndpointConsequences {
        let mut consequences = Vec::new();
        loop {
            let actions = self.hosted[index].model.advance(Millis(env.now));
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.perform(env, bucket, index, action, &mut consequences);
            }
        }
        let hosted = &mut self.hosted[index];
        if let Some(next) = hosted.model.next_event_at() {
            let next = next.0.max(env.now);
            let planned = hosted.next_event_at;
            if planned.is_none_or(|planned| planned > next || planned < env.now) {
                hosted.next_event_at = Some(next);
                let timer = EndpointConsequence::Event(index, ScheduledEndpointEvent::ModelTimer);
                consequences.push(After::new(next - env.now, timer));
            }
        }
        consequences
    }

    fn perform(
        &mut self,
        env: &mut SimulationEnvironment,
        bucket: &SimulatedBucket,
        index: usize,
        action: EndpointAction<Rc<InferenceRequest>>,
        consequences: &mut EndpointConsequences,
    ) {
        let mut plan = |delay, event| {
            let event = EndpointConsequence::Event(index, event);
            consequences.push(After::new(delay, event));
        };
        match action {
            EndpointAction::StartInvocation {
                run,
                instance,
                request,
            } => {
                let is_down = self.hosted[index].model_is_down;
                let known = self.model_times.get(&request.input).copied();
                if let Some((delay, outcome)) = start_run(env, bucket, &request, known, is_down) {
                    plan(delay, ScheduledEndpointEvent::Answer(run, outcome));
                }
                if env.strikes(FaultKind::InstanceLost) {
                    let model = &mut self.hosted[index].model;
                    model.kill_instance(Millis(env.now), instance);
                }
            }
            EndpointAction::PutOutput { run, request } => {
                let failed = env
                    .strikes(FaultKind::OutputUnwritable)
                    .then_some(InvocationFailure::OutputUnwritable);
                let delay = env.between(5, 200);
                plan(delay, ScheduledEndpointEvent::Stored(run, request, failed));
            }
            EndpointAction::PutFailure {
                run,
                request,
                failure,
            } => {
                let delay = env.between(5, 200);
                plan(
                    delay,
                    ScheduledEndpointEvent::Stored(run, request, Some(failure)),
                );
            }
            EndpointAction::Publish(notice) => {
                notice.request.ended.set(Some(notice.status));
                let topic = &self.hosted[index].topic;
                let messages = topic.publish(env, &notice.request, notice.status);
                let send = |message: After<_>| message.map(EndpointConsequence::Send);
                consequences.extend(messages.into_iter().map(send));
            }
            EndpointAction::TestNotification => {
                let send = |message: After<_>| message.map(EndpointConsequence::Send);
                consequences.extend(Topic::test().map(send));
            }
            EndpointAction::Expired { request } => {
                request
                    .ended
                    .set(Some(InvocationStatus::Failed(InvocationFailure::Expired)));
                let name = short_request(request.inference);
                env.log(|| format!("endpoint   {name} expired in the queue"));
            }
            EndpointAction::Redelivered { request } => {
                let name = short_request(request.inference);
                env.log(|| format!("endpoint   {name} waits again"));
            }
            EndpointAction::InstanceStopped {
                instance,
                reason: StopReason::Lost,
            } => {
                env.log(|| format!("endpoint   loses instance {}", instance.0));
            }
            EndpointAction::Abandon { .. }
            | EndpointAction::NotificationLost(_)
            | EndpointAction::InstanceStarting { .. }
            | EndpointAction::CheckHealth { .. }
            | EndpointAction::InstanceInService { .. }
            | EndpointAction::InstanceStopped { .. } => {}
        }
    }
}

impl SimulatedEndpoint {
    fn set_in_service(&mut self, env: &mut SimulationEnvironment, in_service: bool) {
        let state = if in_service {
            "back in service"
        } else {
            "out of service"
        };
        env.log(|| format!("endpoint   {} is {state}", self.topic.endpoint));
        self.model.set_in_service(in_service);
    }

    fn set_capacity(&mut self, env: &mut SimulationEnvironment, available: bool) {
        let now = Millis(env.now);
        let (min, max) = if available { self.limits } else { (0, 0) };
        self.model.set_instance_limits(now, min, max);
        if !available {
            while let Some(instance) = self.model.busiest_instance() {
                if !self.model.kill_instance(now, instance) || self.model.instances().count() == 0 {
                    break;
                }
            }
        }
        let state = if available {
            "has its capacity back"
        } else {
            "has no capacity"
        };
        env.log(|| format!("endpoint   {} {state}", self.topic.endpoint));
    }
}
