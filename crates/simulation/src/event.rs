//! The events of the timeline: those of every service, and how their consequences become events.

use crate::endpoint::{EndpointConsequence, ScheduledEndpointEvent};
use crate::function::Task;
use crate::history_plan::PlannedEvent;
use crate::ids::FunctionId;
use crate::message::OutgoingMessage;
use crate::page::{PageConsequence, PageStep};
use crate::queue::{MessageBatch, QueueEvent};
use crate::user_action::UserAction;

/// Something that happens at a point in time.
#[derive(Debug)]
pub(crate) enum TimelineEvent {
    /// For the runtime of the functions.
    Function(FunctionEvent),
    Queue(QueueEvent),
    Endpoint(usize, ScheduledEndpointEvent),
    Page(usize, PageStep),
    Action(UserAction),
    /// The schedule of the reconciler.
    Tick,
    /// The capacity controller of a workload decides.
    CapacityCheck,
    /// The schedule of function `capacity`.
    CapacityTick,
    /// The newer release is live everywhere.
    Released,
}

#[derive(Debug)]
pub(crate) enum FunctionEvent {
    Start(Task),
    Call(u64),
    /// Lambda ends the function.
    Deadline(FunctionId),
}

impl From<OutgoingMessage> for TimelineEvent {
    fn from(message: OutgoingMessage) -> Self {
        Self::Queue(QueueEvent::Arrive(message))
    }
}

impl From<QueueEvent> for TimelineEvent {
    fn from(event: QueueEvent) -> Self {
        Self::Queue(event)
    }
}

impl From<Task> for TimelineEvent {
    fn from(task: Task) -> Self {
        Self::Function(FunctionEvent::Start(task))
    }
}

impl From<MessageBatch> for TimelineEvent {
    fn from(batch: MessageBatch) -> Self {
        Task::Batch(batch).into()
    }
}

impl From<EndpointConsequence> for TimelineEvent {
    fn from(consequence: EndpointConsequence) -> Self {
        match consequence {
            EndpointConsequence::Event(index, event) => Self::Endpoint(index, event),
            EndpointConsequence::Send(message) => message.into(),
        }
    }
}

impl From<PageConsequence> for TimelineEvent {
    fn from(consequence: PageConsequence) -> Self {
        match consequence {
            PageConsequence::Step(page, step) => Self::Page(page, step),
            PageConsequence::Authorize { page, ticket } => Task::Authorize { page, ticket }.into(),
            PageConsequence::Call { page, step, event } => Task::Page { page, step, event }.into(),
        }
    }
}

impl From<PlannedEvent> for TimelineEvent {
    fn from(planned: PlannedEvent) -> Self {
        match planned {
            PlannedEvent::Action(action) => Self::Action(action),
            PlannedEvent::InService {
                endpoint,
                in_service,
            } => Self::Endpoint(endpoint, ScheduledEndpointEvent::InService(in_service)),
            PlannedEvent::Capacity {
                endpoint,
                available,
            } => Self::Endpoint(endpoint, ScheduledEndpointEvent::Capacity(available)),
            PlannedEvent::ModelDown { endpoint, is_down } => {
                Self::Endpoint(endpoint, ScheduledEndpointEvent::ModelDown(is_down))
            }
            PlannedEvent::Released => Self::Released,
            PlannedEvent::Visit { page } => Self::Page(page, PageStep::Visit),
            PlannedEvent::Tick => Self::Tick,
        }
    }
}
