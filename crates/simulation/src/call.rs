//! Calls of functions on the cloud. Each is a point at which other functions go on, and at which things go wrong:
//! first it travels, then it takes effect at one moment, then its answer travels.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Poll, Waker};

use jobs::ports::Unavailable;

use crate::fault::Fault;
use crate::lambda::FnId;
use crate::world::{Event, SECOND, World};

/// The longest that a call of a dead function may take to take effect, in milliseconds. With the clocks' difference it
/// must stay below the margin that the product leaves between a function's end and that of its claims.
const LANDING: u64 = 1500;

/// A time in which all calls of a kind fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) what: &'static str,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// The calls that can have an outage of their own.
pub(crate) const CALLS: [&str; 23] = [
    "load",
    "create",
    "save",
    "newest",
    "peek",
    "head",
    "list",
    "versions",
    "copy",
    "send",
    "publish",
    "watching",
    "keep",
    "due by",
    "postpone",
    "versions of",
    "list versions",
    "announce",
    "receive",
    "send back",
    "discard",
    "recall",
    "state",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Throttled,
    AnswerLost,
    /// Never answered; it takes effect or not.
    Hangs {
        lands: bool,
    },
    CrashBefore,
    CrashAfter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way.
    Sent,
    /// It takes effect when the function is polled next.
    Landing,
    /// It took effect; the answer is on its way.
    Landed,
    /// The answer is there: done, or with this reason not known to be done.
    Answered(Option<&'static str>),
}

#[derive(Debug)]
struct Call {
    by: FnId,
    what: &'static str,
    fate: Fate,
    phase: Phase,
    waker: Waker,
    answer_after: u64,
}

/// The calls under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<u64, Call>,
}

/// What the executor is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// Poll this function.
    Poll(FnId),
    /// This function dies.
    Kill(FnId),
    /// This function is dead and has nothing under way any more.
    Bury(FnId),
}

impl World {
    fn begin_call(&mut self, what: &'static str, waker: Waker) -> u64 {
        let id = self.fresh_id();
        let by = self.current;
        let mut answer_after = self.between(1, 15);
        let mut travel = self.between(1, 15);
        if self.rng.up_to(40) == 0 {
            travel += self.between(0, 2 * SECOND);
        }
        let fate = if self.strikes(Fault::CrashBeforeCall) {
            Fate::CrashBefore
        } else if self.strikes(Fault::CrashAfterCall) {
            Fate::CrashAfter
        } else if self.strikes(Fault::CallHangs) {
            Fate::Hangs {
                lands: self.rng.up_to(1) == 0,
            }
        } else if self.is_out(what) || self.strikes(Fault::CallThrottled) {
            Fate::Throttled
        } else if self.strikes(Fault::AnswerLost)
            || (what == "invoke" && self.strikes(Fault::InvokeUnanswered))
        {
            // A client waits that long before it gives up.
            answer_after = if what == "invoke" {
                20 * SECOND
            } else {
                3 * SECOND
            };
            Fate::AnswerLost
        } else {
            Fate::Fine
        };
        if self.strikes(Fault::FunctionPaused) {
            let left = self
                .functions
                .get(&by)
                .map_or(0, |meta| meta.ends_at.saturating_sub(self.now));
            let pause = self.between(left / 2, left);
            if self.rng.up_to(1) == 0 {
                travel += pause;
            } else {
                answer_after += pause;
            }
        }
        if fate != Fate::Fine {
            self.log(|| format!("f{:<9} {what}: {fate:?}", by.0));
        }
        self.calls.calls.insert(
            id,
            Call {
                by,
                what,
                fate,
                phase: Phase::Sent,
                waker,
                answer_after,
            },
        );
        self.after(travel, Event::Call(id));
        id
    }

    fn is_out(&mut self, what: &str) -> bool {
        let out = self
            .outages
            .iter()
            .any(|outage| outage.what == what && (outage.from..outage.until).contains(&self.now));
        if out && self.plan.rate(Fault::Outage) > 0 {
            self.struck.0[Fault::Outage as usize] += 1;
        }
        out && self.plan.rate(Fault::Outage) > 0
    }

    /// A call goes on.
    pub(crate) fn call_moves(&mut self, id: u64) -> Then {
        let Some(call) = self.calls.calls.get_mut(&id) else {
            return Then::Nothing;
        };
        let by = call.by;
        let dead = self.functions.get(&by).is_none_or(|meta| meta.dead);
        match (call.phase, call.fate) {
            (Phase::Sent, Fate::CrashBefore) if !dead => Then::Kill(by),
            (Phase::Sent, Fate::Throttled) if !dead => {
                call.phase = Phase::Answered(Some("throttled, not done"));
                call.waker.wake_by_ref();
                Then::Poll(by)
            }
            (Phase::Sent, Fate::Hangs { lands: false }) if !dead => Then::Nothing,
            (Phase::Sent, _) => {
                call.phase = Phase::Landing;
                call.waker.wake_by_ref();
                Then::Poll(by)
            }
            (Phase::Landed, _) if dead => {
                self.calls.calls.remove(&id);
                if self.calls.calls.values().any(|call| call.by == by) {
                    Then::Nothing
                } else {
                    Then::Bury(by)
                }
            }
            (Phase::Landed, Fate::CrashAfter) => Then::Kill(by),
            (Phase::Landed, Fate::Hangs { .. }) => Then::Nothing,
            (Phase::Landed, fate) => {
                call.phase = Phase::Answered(
                    (fate == Fate::AnswerLost).then_some("done, but the answer was lost"),
                );
                call.waker.wake_by_ref();
                Then::Poll(by)
            }
            (Phase::Landing | Phase::Answered(_), _) => Then::Nothing,
        }
    }

    /// A function dies. Whether it is to be kept for calls that are still on their way.
    pub(crate) fn orphan_calls(&mut self, by: FnId) -> bool {
        let sent: Vec<u64> = self
            .calls
            .calls
            .iter()
            .filter(|(_, call)| {
                call.by == by
                    && call.phase == Phase::Sent
                    && call.fate != Fate::CrashBefore
                    && call.fate != Fate::Throttled
            })
            .map(|(id, _)| *id)
            .collect();
        let mut landing = Vec::new();
        for id in sent {
            if self.strikes(Fault::LandsAfterDeath) {
                landing.push(id);
            }
        }
        self.calls
            .calls
            .retain(|id, call| call.by != by || landing.contains(id));
        for id in &landing {
            let delay = self.between(1, LANDING);
            self.after(delay, Event::Call(*id));
        }
        !landing.is_empty()
    }

    /// A function has ended: nobody waits for its calls any more.
    pub(crate) fn forget_calls(&mut self, by: FnId) {
        self.calls.calls.retain(|_, call| call.by != by);
    }
}

/// Makes a call: `deed` is what the service does at the moment at which it takes effect.
pub(crate) async fn call<T>(
    world: &Rc<RefCell<World>>,
    what: &'static str,
    deed: impl FnOnce(&mut World) -> T,
) -> Result<T, Unavailable> {
    let mut id = None;
    let mut deed = Some(deed);
    let mut done = None;
    std::future::poll_fn(move |context| {
        let mut world = world.borrow_mut();
        let Some(id) = id else {
            id = Some(world.begin_call(what, context.waker().clone()));
            return Poll::Pending;
        };
        let Some(call) = world.calls.calls.get_mut(&id) else {
            return Poll::Pending;
        };
        call.waker.clone_from(context.waker());
        match call.phase {
            Phase::Sent | Phase::Landed => Poll::Pending,
            Phase::Landing => {
                call.phase = Phase::Landed;
                let (answer_after, by) = (call.answer_after, call.by);
                if let Some(deed) = deed.take() {
                    if world.functions.get(&by).is_some_and(|meta| meta.dead) {
                        world.log(|| format!("f{:<9} is dead, and its {what} takes effect", by.0));
                    }
                    done = Some(deed(&mut world));
                }
                world.after(answer_after, Event::Call(id));
                Poll::Pending
            }
            Phase::Answered(problem) => {
                let what = call.what;
                world.calls.calls.remove(&id);
                let unavailable = |why: &str| Unavailable {
                    what,
                    source: why.into(),
                };
                Poll::Ready(match (problem, done.take()) {
                    (Some(why), _) => Err(unavailable(why)),
                    (None, Some(done)) => Ok(done),
                    (None, None) => Err(unavailable("nothing was done")),
                })
            }
        }
    })
    .await
}
