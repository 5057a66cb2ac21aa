//! Runs a simulation event by event.

use std::cell::RefCell;
use std::rc::Rc;

use crate::event::TimelineEvent;
use crate::lambda::Lambda;
use crate::simulation::Simulation;
use crate::time::HOUR;

/// The maximum virtual time of a simulation.
const MAX_TIME: u64 = 21 * 24 * HOUR;

pub(crate) struct Driver {
    pub(crate) simulation: Rc<RefCell<Simulation>>,
    pub(crate) lambda: Lambda,
    max_events: u64,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DriverStep {
    /// There is no event.
    End,
    /// The schedule of the reconciler.
    Tick,
    Other,
}

impl Driver {
    pub(crate) fn new(simulation: Simulation, max_events: u64) -> Self {
        let simulation = Rc::new(RefCell::new(simulation));
        let lambda = Lambda::new(Rc::clone(&simulation));
        Self {
            simulation,
            lambda,
            max_events,
        }
    }

    pub(crate) fn step(&mut self) -> DriverStep {
        let next = self.simulation.borrow_mut().next();
        match next {
            None => DriverStep::End,
            Some(TimelineEvent::Function(event)) => {
                self.lambda.handle(event);
                DriverStep::Other
            }
            Some(event) => {
                let is_tick = matches!(event, TimelineEvent::Tick);
                self.simulation.borrow_mut().handle(event);
                if is_tick {
                    DriverStep::Tick
                } else {
                    DriverStep::Other
                }
            }
        }
    }

    /// Whether the simulation exceeds its maximum number of events or its maximum time.
    pub(crate) fn is_endless(&self) -> bool {
        let simulation = self.simulation.borrow();
        simulation.timeline.taken > self.max_events || simulation.env.now > MAX_TIME
    }

    /// Whether nothing is in progress.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.lambda.is_idle() && self.simulation.borrow().is_at_rest()
    }
}
