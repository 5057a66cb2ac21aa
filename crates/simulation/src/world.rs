//! The simulated cloud: everything that outlives a function, the timeline, and chance.
//!
//! All of it follows from one seed. There is no clock, no thread and no hash map whose order could differ.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use async_endpoint::{InvocationFailure, InvocationStatus, Rng, RunId};
use jobs::id::{InferenceId, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::{Connection, QuarantinedMessage, Ticket};
use testkit::key_value_map::KeyValueMap;

use crate::bucket::Bucket;
use crate::call::{Calls, Outage};
use crate::endpoint::{Hosted, Req};
use crate::fault::{Fault, Plan, Struck};
use crate::lambda::{FnId, Meta, Task};
use crate::ledger::Ledger;
use crate::mistake::Mistake;
use crate::page::{Page, PageStep};
use crate::queue::{Message, Queues};
use crate::scenario::Deed;
use crate::table::Table;
use jobs::ports::Queue;

/// The bucket of the service.
pub(crate) const BUCKET: &str = "docket-jobs";
/// The wall clock at the start of every history, in milliseconds since 1970 UTC.
pub(crate) const START: u64 = 1_767_607_442_118;
/// A second of virtual time, in milliseconds.
pub(crate) const SECOND: u64 = 1000;
/// A minute.
pub(crate) const MINUTE: u64 = 60 * SECOND;
/// An hour.
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// Something that happens at a moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// A call of a function goes on.
    Call(u64),
    /// Lambda ends a function.
    Deadline(FnId),
    /// Messages of a queue may be there to be worked off.
    Poll(Queue),
    /// A message reaches a queue.
    Arrive(Queue, Box<Message>),
    /// A function starts.
    Start(Box<Task>),
    /// An endpoint has something to do.
    Endpoint(usize),
    /// A model answers.
    Answer(usize, RunId, InvocationStatus),
    /// An endpoint has written (or failed to write) an object.
    Stored(usize, RunId, Rc<Req>, Option<InvocationFailure>),
    /// An endpoint goes out of service, or comes back.
    InService(usize, bool),
    /// An endpoint loses its capacity, or gets it back.
    Capacity(usize, bool),
    /// A customer or support does something.
    Deed(Box<Deed>),
    /// The schedule of the reconciler.
    Tick,
    /// A page does something.
    Page(usize, PageStep),
    /// The newer release has gone live everywhere.
    Released,
}

struct Timed {
    at: u64,
    seq: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    /// The earliest first; of two at the same moment the one that was planned first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.seq).cmp(&(self.at, self.seq))
    }
}

/// What is done with the lines of the trace.
#[derive(Debug)]
pub(crate) enum Trace {
    Off,
    Keep(Vec<String>),
    Print,
}

/// What has been published on the event bus.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Published {
    pub(crate) job: jobs::id::JobId,
    pub(crate) version: u64,
    pub(crate) ready: bool,
}

/// The cloud.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) struck: Struck,
    pub(crate) mistake: Option<Mistake>,
    pub(crate) pipelines: Pipelines,
    pub(crate) trace: Trace,
    pub(crate) violations: Vec<String>,
    timeline: BinaryHeap<Timed>,
    seq: u64,
    /// Events handled so far: a bound on histories that do not end.
    pub(crate) steps: u64,
    pub(crate) timing: Timing,
    pub(crate) bucket: Bucket,
    pub(crate) table: Table,
    pub(crate) queues: Queues,
    pub(crate) endpoints: Vec<Hosted>,
    pub(crate) ledger: Ledger,
    pub(crate) pages: Vec<Page>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) tickets: BTreeMap<String, Ticket>,
    pub(crate) published: std::collections::BTreeSet<Published>,
    pub(crate) quarantine: Vec<QuarantinedMessage>,
    /// What the reconciler noted.
    pub(crate) folders: KeyValueMap,
    pub(crate) functions: BTreeMap<FnId, Meta>,
    pub(crate) calls: Calls,
    pub(crate) outages: Vec<Outage>,
    /// The function that is being polled.
    pub(crate) current: FnId,
    pub(crate) next_id: u64,
    /// Deeds that have not been done yet.
    pub(crate) deeds_left: usize,
    /// The newer release is live everywhere.
    pub(crate) released: bool,
    /// Successes whose message was acknowledged: seen by the check at the end.
    pub(crate) acknowledged: u64,
    /// How long the model takes for an input, in milliseconds; for others chance decides.
    pub(crate) takes: BTreeMap<String, u64>,
}

/// The numbers of `infra/service.yaml` in this history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// `FunctionTimeoutSeconds`, in milliseconds.
    pub(crate) function: u64,
    /// The queues' visibility timeout, in milliseconds.
    pub(crate) visibility: u64,
}

impl World {
    pub(crate) fn new(
        rng: Rng,
        plan: Plan,
        pipelines: Pipelines,
        timing: Timing,
        trace: Trace,
    ) -> Self {
        Self {
            now: 0,
            rng,
            plan,
            struck: Struck::default(),
            mistake: None,
            pipelines,
            trace,
            violations: Vec::new(),
            timeline: BinaryHeap::new(),
            seq: 0,
            steps: 0,
            timing,
            bucket: Bucket::default(),
            table: Table::default(),
            queues: Queues::default(),
            endpoints: Vec::new(),
            ledger: Ledger::default(),
            pages: Vec::new(),
            connections: Vec::new(),
            tickets: BTreeMap::new(),
            published: std::collections::BTreeSet::new(),
            quarantine: Vec::new(),
            folders: KeyValueMap::default(),
            functions: BTreeMap::new(),
            calls: Calls::default(),
            outages: Vec::new(),
            current: FnId(0),
            next_id: 0,
            deeds_left: 0,
            released: true,
            acknowledged: 0,
            takes: BTreeMap::new(),
        }
    }

    /// Plans an event.
    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.seq += 1;
        self.timeline.push(Timed {
            at: self.now + delay,
            seq: self.seq,
            event,
        });
    }

    /// The next event, with the time moved on to it.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let next = self.timeline.pop()?;
        self.now = self.now.max(next.at);
        self.steps += 1;
        Some(next.event)
    }

    /// The wall clock as it really is.
    pub(crate) const fn wall(&self) -> Timestamp {
        Timestamp(START + self.now)
    }

    /// Whether a fault strikes on this occasion. Counted if it does.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let rate = u64::from(self.plan.rate(fault));
        // A kind that is off draws nothing, so that switching one off leaves the others alone.
        let hit = rate > 0 && self.rng.up_to(999_999) < rate;
        if hit {
            self.struck.0[fault as usize] += 1;
        }
        hit
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.rng.up_to(high.saturating_sub(low))
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn made(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// A line of the trace.
    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        if matches!(self.trace, Trace::Off) {
            return;
        }
        let (h, m, s, ms) = (
            self.now / HOUR,
            self.now / MINUTE % 60,
            self.now / SECOND % 60,
            self.now % SECOND,
        );
        let line = format!("{h:>4}:{m:02}:{s:02}.{ms:03}  {}", line());
        match &mut self.trace {
            Trace::Off => {}
            Trace::Keep(lines) => lines.push(line),
            Trace::Print => print_line(&line),
        }
    }

    /// A promise is broken.
    pub(crate) fn broken(&mut self, promise: &str, what: impl FnOnce() -> String) {
        let text = format!("{promise} -- {}", what());
        self.log(|| format!("VIOLATION {text}"));
        if self.violations.len() < 8 {
            self.violations.push(text);
        }
    }

    /// A request's name, short enough for a line of the trace.
    pub(crate) fn short(id: InferenceId) -> String {
        format!("{}.a{}", short(id.job), id.attempt)
    }
}

/// The first characters of a job's id: enough to follow it through a trace.
pub(crate) fn short(id: jobs::id::JobId) -> String {
    id.to_string().chars().take(8).collect()
}

fn print_line(line: &str) {
    eprintln!("{line}");
}
