//! Calls of functions to the cloud. At each of them other functions continue, and faults may happen: the request
//! travels, then takes effect at one point in time, then the answer travels.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::function::Functions;
use crate::ids::FunctionId;
use crate::time::SECOND;
use crate::timeline::After;

/// The maximum delay, in milliseconds, after which a call of a dead function takes effect. Together with the clock skew
/// it must stay below the margin that the product leaves between a function's end and that of its leases.
const MAX_EFFECT_AFTER_CRASH: u64 = 1500;
/// How long the product's clients wait for an answer.
const INVOKE_TIMEOUT: u64 = 20 * SECOND;
const CALL_TIMEOUT: u64 = 3 * SECOND;

/// A time in which all calls of a kind fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) call: &'static str,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// The calls that can have an outage of their own.
pub(crate) const CALLS: [&str; 33] = [
    "load",
    "create",
    "save",
    "newest",
    "head_current",
    "head",
    "list",
    "versions",
    "checksum",
    "copy",
    "send",
    "publish",
    "watching",
    "quarantine",
    "due by",
    "postpone",
    "versions of",
    "list versions",
    "resend upload event",
    "receive",
    "redrive",
    "discard",
    "recall",
    "put record",
    "delete_version",
    "list_messages",
    "list_parts",
    "get record",
    "queued jobs",
    "recent jobs",
    "complete_multipart_upload",
    "state",
    "read",
];

/// Those that only function `capacity` makes.
pub(crate) const CAPACITY_CALLS: [&str; 3] = ["describe endpoint", "set instances", "open jobs"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallFate {
    Fine,
    Throttled,
    AnswerLost,
    /// It is never answered, and may take effect.
    Hangs {
        takes_effect: bool,
    },
    CrashBefore,
    CrashAfter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallPhase {
    /// The request is on its way.
    Sent,
    /// It takes effect when the function is polled next.
    Due,
    /// It took effect; the answer is on its way.
    Done,
    /// The answer arrived: the call succeeded, or failed for this reason.
    Answered(Option<&'static str>),
}

#[derive(Debug)]
struct FunctionCall {
    by: FunctionId,
    name: &'static str,
    fate: CallFate,
    phase: CallPhase,
    waker: Waker,
    answer_after: u64,
}

/// The next action of the runtime when a call continues.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallStep {
    Nothing,
    Poll(FunctionId),
    Crash(FunctionId),
    /// This function is dead and has no calls under way any more.
    Remove(FunctionId),
}

/// The result of polling a call.
pub(crate) enum CallPoll {
    Pending,
    /// The call takes effect now.
    TakesEffect {
        by: FunctionId,
        /// When the answer arrives.
        answer: After<u64>,
    },
    Answered {
        name: &'static str,
        problem: Option<&'static str>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<u64, FunctionCall>,
    /// Those that the next poll continues. Functions that wait for several calls poll all of them for each.
    continuing: Vec<u64>,
    pub(crate) outages: Vec<Outage>,
}

impl Calls {
    /// Begins a call of the current function. Returns its id, and when it continues.
    pub(crate) fn begin(
        &mut self,
        env: &mut SimulationEnvironment,
        functions: &Functions,
        name: &'static str,
        waker: Waker,
    ) -> (u64, After<u64>) {
        let id = env.fresh_id();
        let by = functions.current;
        let mut answer_after = env.between(1, 15);
        let mut travel = env.between(1, 15);
        if env.rng.up_to(40) == 0 {
            travel += env.between(0, 2 * SECOND);
        }
        let fate = self.fate(env, name);
        if fate == CallFate::AnswerLost {
            answer_after = if name == "invoke" {
                INVOKE_TIMEOUT
            } else {
                CALL_TIMEOUT
            };
        }
        if env.strikes(FaultKind::FunctionPaused) {
            let left = functions
                .get(by)
                .map_or(0, |function| function.ends_at.saturating_sub(env.now));
            let pause = env.between(left / 2, left);
            if env.rng.up_to(1) == 0 {
                travel += pause;
            } else {
                answer_after += pause;
            }
        }
        if fate != CallFate::Fine {
            env.log(|| format!("f{:<9} {name}: {fate:?}", by.0));
        }
        let call = FunctionCall {
            by,
            name,
            fate,
            phase: CallPhase::Sent,
            waker,
            answer_after,
        };
        self.calls.insert(id, call);
        (id, After::new(travel, id))
    }

    /// The current function waits: a call that nothing can go wrong with.
    pub(crate) fn wait(
        &mut self,
        env: &mut SimulationEnvironment,
        functions: &Functions,
        millis: u64,
        waker: Waker,
    ) -> (u64, After<u64>) {
        let id = env.fresh_id();
        let call = FunctionCall {
            by: functions.current,
            name: "sleep",
            fate: CallFate::Fine,
            phase: CallPhase::Sent,
            waker,
            answer_after: 0,
        };
        self.calls.insert(id, call);
        (id, After::new(millis, id))
    }

    fn fate(&self, env: &mut SimulationEnvironment, name: &str) -> CallFate {
        if env.strikes(FaultKind::CrashBeforeCall) {
            CallFate::CrashBefore
        } else if env.strikes(FaultKind::CrashAfterCall) {
            CallFate::CrashAfter
        } else if env.strikes(FaultKind::CallHangs) {
            CallFate::Hangs {
                takes_effect: env.rng.up_to(1) == 0,
            }
        } else if self.has_outage(env, name) || env.strikes(FaultKind::CallThrottled) {
            CallFate::Throttled
        } else if env.strikes(FaultKind::AnswerLost)
            || (name == "invoke" && env.strikes(FaultKind::InvokeOutcomeUnknown))
        {
            CallFate::AnswerLost
        } else {
            CallFate::Fine
        }
    }

    fn has_outage(&self, env: &mut SimulationEnvironment, name: &str) -> bool {
        let out = env.faults.rate(FaultKind::Outage) > 0
            && self.outages.iter().any(|outage| {
                outage.call == name && (outage.from..outage.until).contains(&env.now)
            });
        if out {
            env.fault_counts.count(FaultKind::Outage);
        }
        out
    }

    pub(crate) fn advance(&mut self, functions: &Functions, id: u64) -> CallStep {
        let Self {
            calls, continuing, ..
        } = self;
        let Some(call) = calls.get_mut(&id) else {
            return CallStep::Nothing;
        };
        let by = call.by;
        let dead = !functions.is_alive(by);
        match (call.phase, call.fate) {
            (CallPhase::Sent, CallFate::CrashBefore) if !dead => CallStep::Crash(by),
            (CallPhase::Sent, CallFate::Throttled) if !dead => {
                call.phase = CallPhase::Answered(Some("throttled, not done"));
                continuing.push(id);
                call.waker.wake_by_ref();
                CallStep::Poll(by)
            }
            (
                CallPhase::Sent,
                CallFate::Hangs {
                    takes_effect: false,
                },
            ) if !dead => CallStep::Nothing,
            (CallPhase::Sent, _) => {
                call.phase = CallPhase::Due;
                continuing.push(id);
                call.waker.wake_by_ref();
                CallStep::Poll(by)
            }
            (CallPhase::Done, _) if dead => {
                calls.remove(&id);
                if calls.values().any(|call| call.by == by) {
                    CallStep::Nothing
                } else {
                    CallStep::Remove(by)
                }
            }
            (CallPhase::Done, CallFate::CrashAfter) => CallStep::Crash(by),
            (CallPhase::Done, CallFate::Hangs { .. }) => CallStep::Nothing,
            (CallPhase::Done, fate) => {
                let lost = fate == CallFate::AnswerLost;
                call.phase = CallPhase::Answered(lost.then_some("done, but the answer was lost"));
                continuing.push(id);
                call.waker.wake_by_ref();
                CallStep::Poll(by)
            }
            (CallPhase::Due | CallPhase::Answered(_), _) => CallStep::Nothing,
        }
    }

    /// A function polls its call, always with the waker with which it began it.
    pub(crate) fn poll(&mut self, id: u64) -> CallPoll {
        let Some(at) = self.continuing.iter().position(|known| *known == id) else {
            return CallPoll::Pending;
        };
        self.continuing.swap_remove(at);
        let Some(call) = self.calls.get_mut(&id) else {
            return CallPoll::Pending;
        };
        match call.phase {
            CallPhase::Sent | CallPhase::Done => CallPoll::Pending,
            CallPhase::Due => {
                call.phase = CallPhase::Done;
                CallPoll::TakesEffect {
                    by: call.by,
                    answer: After::new(call.answer_after, id),
                }
            }
            CallPhase::Answered(problem) => {
                let name = call.name;
                self.calls.remove(&id);
                CallPoll::Answered { name, problem }
            }
        }
    }

    /// A function crashes. Returns the calls that take effect nevertheless; the others are dropped.
    pub(crate) fn orphan(
        &mut self,
        env: &mut SimulationEnvironment,
        by: FunctionId,
    ) -> Vec<After<u64>> {
        let sent: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, call)| {
                call.by == by
                    && call.phase == CallPhase::Sent
                    && call.fate != CallFate::CrashBefore
                    && call.fate != CallFate::Throttled
            })
            .map(|(id, _)| *id)
            .collect();
        let outlive: Vec<u64> = sent
            .into_iter()
            .filter(|_| env.strikes(FaultKind::CallOutlivesCrash))
            .collect();
        self.calls
            .retain(|id, call| call.by != by || outlive.contains(id));
        self.drop_continuing();
        outlive
            .into_iter()
            .map(|id| After::new(env.between(1, MAX_EFFECT_AFTER_CRASH), id))
            .collect()
    }

    /// A function has ended: its calls are dropped.
    pub(crate) fn forget(&mut self, by: FunctionId) {
        self.calls.retain(|_, call| call.by != by);
        self.drop_continuing();
    }

    /// No function waits for a call any more. Nothing happens if it has ended.
    pub(crate) fn abandon(&mut self, id: u64) {
        if self.calls.remove(&id).is_some() {
            self.continuing.retain(|known| *known != id);
        }
    }

    /// A dropped call does not continue.
    fn drop_continuing(&mut self) {
        let calls = &self.calls;
        self.continuing.retain(|id| calls.contains_key(id));
    }
}
