//! The asynchronous endpoints: the model of crate `async-endpoint`, driven in virtual time over the simulated S3.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_endpoint::{
    Endpoint, EndpointAction, Faults, InvocationFailure, InvocationStatus, InvokeEndpointError,
    Millis, Request, Rng, RunId, ScaleIn, Settings, StopReason,
};
use jobs::id::{InferenceId, Location};
use jobs::ports::{Accepted, Invocation};

use crate::bucket::{Object, Source};
use crate::fault::Fault;
use crate::lambda::FnId;
use crate::queue::{Kind, Message};
use crate::world::{BUCKET, Event, MINUTE, SECOND, World};
use jobs::ports::Queue;

/// An accepted request.
#[derive(Debug)]
pub(crate) struct Req {
    pub(crate) inference: InferenceId,
    /// The function that made the call.
    pub(crate) by: FnId,
    input: String,
    pub(crate) output: String,
    failure: String,
    /// What the latest run read: the version, and whether the model can read it.
    read: RefCell<Option<String>>,
    /// How it ended.
    pub(crate) ended: Cell<Option<InvocationStatus>>,
    /// When it was accepted, in virtual time.
    pub(crate) accepted: u64,
    /// When the latest run began, and when the model answers, if it does.
    pub(crate) ran: Cell<Option<(u64, u64)>>,
}

/// One endpoint.
pub(crate) struct Hosted {
    pub(crate) name: String,
    pub(crate) pipeline: String,
    pub(crate) model: Endpoint<Rc<Req>>,
    limits: (u32, u32),
    /// When the model is looked after next.
    planned: Option<u64>,
    /// Outputs carry the path extension that they were asked to.
    names_honest: bool,
    pub(crate) enveloped: bool,
}

impl World {
    /// Makes the endpoints of all pipelines, with numbers from the seed.
    pub(crate) fn make_endpoints(&mut self) {
        let pipelines: Vec<(String, String)> = self
            .pipelines
            .iter()
            .map(|p| (p.endpoint.clone(), p.name.clone()))
            .collect();
        for (name, pipeline) in pipelines {
            let notify_on_expiry = !self.strikes(Fault::ExpirySilent);
            let names_honest = !self.strikes(Fault::NamesOpaque);
            let max = u32::try_from(self.between(1, 4)).unwrap_or(1);
            let settings = Settings {
                max_instances: max,
                max_concurrent_per_instance: u32::try_from(self.between(1, 4)).unwrap_or(1),
                cold_start: Millis(self.between(MINUTE, 11 * MINUTE)),
                notify_on_expiry,
                failure_objects: self.rng.up_to(3) > 0,
                scale_in: if self.rng.up_to(1) == 0 {
                    ScaleIn::WhenIdle { periods: 2 }
                } else {
                    ScaleIn::TargetTracking { datapoints: 15 }
                },
                ..Settings::default()
            };
            self.host(name, pipeline, settings, names_honest);
            let at = self.endpoints.len() - 1;
            self.drive(at);
        }
    }

    /// Makes an endpoint.
    pub(crate) fn host(
        &mut self,
        name: String,
        pipeline: String,
        settings: Settings,
        names_honest: bool,
    ) {
        let model = Endpoint::new(
            settings,
            Faults::default(),
            Rng::from_seed(self.rng.next_u64()),
        );
        let enveloped = self.rng.up_to(1) == 0;
        self.endpoints.push(Hosted {
            name,
            pipeline,
            model,
            limits: (settings.min_instances, settings.max_instances),
            planned: None,
            names_honest,
            enveloped,
        });
    }

    /// A call of `InvokeEndpointAsync` that reached the service.
    pub(crate) fn invoke(&mut self, call: &Invocation) -> Result<Accepted, String> {
        let id = call.inference_id;
        let Some(at) = self
            .endpoints
            .iter()
            .position(|hosted| hosted.name == call.endpoint)
        else {
            return Err("ValidationException: no such endpoint".to_owned());
        };
        let refused = if self.strikes(Fault::InvokeRefused) {
            Some("ThrottlingException: Rate exceeded".to_owned())
        } else {
            None
        };
        let opaque = format!("{:016x}", self.rng.next_u64());
        let hosted = &mut self.endpoints[at];
        let pipeline = &hosted.pipeline;
        let folder = if hosted.names_honest {
            format!("{}/a{}/", id.job, id.attempt)
        } else {
            String::new()
        };
        let req = Rc::new(Req {
            inference: id,
            by: self.current,
            input: call.input.key.clone(),
            output: format!("outbound/{pipeline}/{folder}{opaque}.out"),
            failure: format!("failure/{pipeline}/{opaque}-error.out"),
            read: RefCell::new(None),
            ended: Cell::new(None),
            accepted: self.now,
            ran: Cell::new(None),
        });
        let request = Request {
            payload: Rc::clone(&req),
            ttl: Millis::from_secs(call.queue_ttl_seconds.into()),
            timeout: Millis::from_secs(call.invocation_timeout_seconds.into()),
        };
        let answer = match refused {
            Some(why) => Err(why),
            None => hosted
                .model
                .invoke(Millis(self.now), request)
                .map(|_| ())
                .map_err(|refusal: InvokeEndpointError| refusal.to_string()),
        };
        if let Err(why) = answer {
            self.ledger.refused.insert((id.job, id.attempt.0));
            self.log(|| format!("endpoint   refuses {}: {why}", Self::short(id)));
            return Err(why);
        }
        self.log(|| format!("endpoint   accepts {} of f{}", Self::short(id), req.by.0));
        self.judge_run(&req);
        self.ledger.accepted += 1;
        let runs = self.ledger.runs.entry((id.job, id.attempt.0)).or_default();
        if !runs.is_empty() {
            self.ledger.repeated += 1;
        }
        runs.push(Rc::clone(&req));
        let claims = self
            .functions
            .get(&self.current)
            .map(|meta| meta.messages.clone())
            .unwrap_or_default();
        self.ledger
            .claims
            .extend(claims.into_iter().map(|message| (id.job, message)));
        self.drive(at);
        let place = |key: &str| Location {
            bucket: BUCKET.to_owned(),
            key: key.to_owned(),
        };
        let said = !self.strikes(Fault::PlaceUnsaid);
        Ok(Accepted {
            output: said.then(|| place(&req.output)),
            failure: Some(place(&req.failure)),
        })
    }

    pub(crate) fn set_in_service(&mut self, at: usize, in_service: bool) {
        let name = self.endpoints[at].name.clone();
        self.log(|| {
            format!(
                "endpoint   {name} is {}",
                if in_service {
                    "back in service"
                } else {
                    "out of service"
                }
            )
        });
        self.endpoints[at].model.set_in_service(in_service);
    }

    pub(crate) fn set_capacity(&mut self, at: usize, there: bool) {
        let now = Millis(self.now);
        let hosted = &mut self.endpoints[at];
        let (min, max) = if there { hosted.limits } else { (0, 0) };
        hosted.model.set_instance_limits(now, min, max);
        if !there {
            while let Some(instance) = hosted.model.busiest_instance() {
                if !hosted.model.kill_instance(now, instance)
                    || hosted.model.instances().count() == 0
                {
                    break;
                }
            }
        }
        let name = hosted.name.clone();
        self.log(|| {
            format!(
                "endpoint   {name} {}",
                if there {
                    "has its capacity back"
                } else {
                    "has no capacity"
                }
            )
        });
        self.drive(at);
    }

    /// Lets an endpoint do what it has to do, and plans the next look at it.
    pub(crate) fn drive(&mut self, at: usize) {
        loop {
            let actions = self.endpoints[at].model.advance(Millis(self.now));
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.perform(at, action);
            }
        }
        let hosted = &mut self.endpoints[at];
        if let Some(next) = hosted.model.next_event_at() {
            let next = next.0.max(self.now);
            if hosted
                .planned
                .is_none_or(|planned| planned > next || planned < self.now)
            {
                hosted.planned = Some(next);
                self.after(next - self.now, Event::Endpoint(at));
            }
        }
    }

    /// A planned look at an endpoint.
    pub(crate) fn endpoint_wakes(&mut self, at: usize) {
        if self.endpoints[at].planned == Some(self.now) {
            self.endpoints[at].planned = None;
            self.drive(at);
        }
    }

    fn perform(&mut self, at: usize, action: EndpointAction<Rc<Req>>) {
        match action {
            EndpointAction::StartInvocation {
                run,
                instance,
                request,
            } => {
                self.start_run(at, run, &request);
                if self.strikes(Fault::InstanceLost) {
                    self.endpoints[at]
                        .model
                        .kill_instance(Millis(self.now), instance);
                }
            }
            EndpointAction::PutOutput { run, request } => {
                let failed = self
                    .strikes(Fault::OutputUnwritable)
                    .then_some(InvocationFailure::OutputUnwritable);
                let delay = self.between(5, 200);
                self.after(delay, Event::Stored(at, run, request, failed));
            }
            EndpointAction::PutFailure {
                run,
                request,
                failure,
            } => {
                let delay = self.between(5, 200);
                self.after(delay, Event::Stored(at, run, request, Some(failure)));
            }
            EndpointAction::Publish(notice) => self.publish_notice(at, &notice),
            EndpointAction::TestNotification => {
                let body = r#"{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}"#;
                for queue in [Queue::InferenceSuccess, Queue::InferenceError] {
                    self.send(queue, 50, Message::new(body.to_owned(), Kind::Test));
                }
            }
            EndpointAction::Expired { request } => {
                request
                    .ended
                    .set(Some(InvocationStatus::Failed(InvocationFailure::Expired)));
                self.log(|| {
                    format!(
                        "endpoint   {} expired in the queue",
                        Self::short(request.inference)
                    )
                });
            }
            EndpointAction::Redelivered { request } => {
                self.log(|| format!("endpoint   {} waits again", Self::short(request.inference)));
            }
            EndpointAction::InstanceStopped {
                instance,
                reason: StopReason::Lost,
            } => {
                self.log(|| format!("endpoint   loses instance {}", instance.0));
            }
            EndpointAction::Abandon { .. }
            | EndpointAction::NotificationLost(_)
            | EndpointAction::InstanceStarting { .. }
            | EndpointAction::CheckHealth { .. }
            | EndpointAction::InstanceInService { .. }
            | EndpointAction::InstanceStopped { .. } => {}
        }
    }

    /// A container is called: it reads what S3 has at that moment.
    fn start_run(&mut self, at: usize, run: RunId, req: &Rc<Req>) {
        let found = self
            .bucket
            .current(&req.input)
            .map(|(version, object)| (version.id.clone(), object.source.clone()));
        let (read, poisoned) = match found {
            Some((version, Source::Upload { poisoned })) => (Some(version), poisoned),
            Some((_, Source::Copy { of, poisoned })) => (Some(of), poisoned),
            Some((_, Source::Output { .. } | Source::Failure)) | None => (None, false),
        };
        let missing = read.is_none();
        self.log(|| {
            format!(
                "endpoint   runs {} on {}",
                Self::short(req.inference),
                read.as_deref().unwrap_or("nothing")
            )
        });
        *req.read.borrow_mut() = read;
        let outcome = if missing {
            InvocationStatus::Failed(InvocationFailure::InputUnreadable)
        } else if poisoned {
            InvocationStatus::Failed(InvocationFailure::ClientError(400))
        } else if self.strikes(Fault::ModelBroken) {
            InvocationStatus::Failed(if self.rng.up_to(1) == 0 {
                InvocationFailure::ServerError(500)
            } else {
                InvocationFailure::NoResponse
            })
        } else if self.strikes(Fault::ModelSlow) {
            return;
        } else {
            InvocationStatus::Completed
        };
        let known = self.takes.get(&req.input).copied();
        let takes = known.unwrap_or_else(|| self.between(2 * SECOND, 90 * SECOND));
        req.ran.set(Some((self.now, self.now + takes)));
        self.after(takes, Event::Answer(at, run, outcome));
    }

    pub(crate) fn model_answers(&mut self, at: usize, run: RunId, outcome: InvocationStatus) {
        self.endpoints[at]
            .model
            .invocation_finished(Millis(self.now), run, outcome);
        self.drive(at);
    }

    pub(crate) fn store(
        &mut self,
        at: usize,
        run: RunId,
        req: &Req,
        failed: Option<InvocationFailure>,
    ) {
        let output = match failed {
            None => {
                let made_from = req.read.borrow().clone().unwrap_or_default();
                Some((
                    &req.output,
                    Source::Output {
                        job: req.inference.job,
                        made_from,
                    },
                ))
            }
            Some(InvocationFailure::OutputUnwritable) => None,
            Some(_) => Some((&req.failure, Source::Failure)),
        };
        let written = output.is_some();
        if let Some((key, source)) = output {
            let object = Object {
                bytes: 100,
                first: Rc::from(&b"{\"clauses\":[]}"[..]),
                sealed: false,
                source,
            };
            self.bucket.put(self.now, key, Some(object));
            self.log(|| format!("endpoint   writes {key}"));
            if failed.is_none() && self.strikes(Fault::OutputDeleted) {
                self.bucket.put(self.now, key, None);
                self.log(|| format!("somebody   deletes {key}"));
            }
        }
        self.endpoints[at]
            .model
            .object_stored(Millis(self.now), run, written);
        self.drive(at);
    }
}
