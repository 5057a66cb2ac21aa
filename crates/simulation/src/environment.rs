//! Shared by all simulated services: clock, randomness, faults and trace.
//!
//! All of it follows from one seed. There is no real clock, no thread, and no hash map, whose iteration is random.

use async_endpoint::Rng;
use jobs::id::Timestamp;

use crate::fault::{FaultCounts, FaultKind, FaultProfile};
use crate::mistake::Mistake;
use crate::time::{HOUR, MINUTE, SECOND, START};

/// Further violations are not kept. The first one ends a history.
const MAX_VIOLATIONS: usize = 8;

/// The faults by which a call of a function fails, or is not made.
const CALL_FAULTS: [FaultKind; 8] = [
    FaultKind::AnswerLost,
    FaultKind::CallHangs,
    FaultKind::CallThrottled,
    FaultKind::CrashAfterCall,
    FaultKind::CrashBeforeCall,
    FaultKind::FunctionPaused,
    FaultKind::Outage,
    FaultKind::ReleaseMixed,
];

/// The destination of the trace.
#[derive(Debug)]
pub(crate) enum Trace {
    Off,
    Keep(Vec<String>),
    Print,
}

/// The numbers of `infra/service.yaml` in this history, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// `FunctionTimeoutSeconds`.
    pub(crate) function: u64,
    /// The queues' visibility timeout.
    pub(crate) visibility: u64,
}

pub(crate) struct SimulationEnvironment {
    /// Virtual time.
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) faults: FaultProfile,
    /// Calls of functions may fail at some time of the history.
    pub(crate) calls_may_fail: bool,
    pub(crate) fault_counts: FaultCounts,
    pub(crate) mistake: Option<Mistake>,
    pub(crate) timing: Timing,
    pub(crate) trace: Trace,
    pub(crate) violations: Vec<String>,
    last_id: u64,
}

impl SimulationEnvironment {
    pub(crate) fn new(rng: Rng, faults: FaultProfile, timing: Timing, trace: Trace) -> Self {
        Self {
            now: 0,
            rng,
            calls_may_fail: CALL_FAULTS.iter().any(|fault| faults.rate(*fault) > 0),
            faults,
            fault_counts: FaultCounts::default(),
            mistake: None,
            timing,
            trace,
            violations: Vec::new(),
            last_id: 0,
        }
    }

    /// The wall clock without skew.
    pub(crate) const fn wall(&self) -> Timestamp {
        Timestamp(START + self.now)
    }

    /// Whether a fault happens on this occasion. Counts it if it does.
    pub(crate) fn strikes(&mut self, fault: FaultKind) -> bool {
        let rate = u64::from(self.faults.rate(fault));
        // A fault that is off draws nothing, so switching one off does not change the others.
        let strikes = rate > 0 && self.rng.up_to(999_999) < rate;
        if strikes {
            self.fault_counts.count(fault);
        }
        strikes
    }

    /// A random number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.rng.up_to(high.saturating_sub(low))
    }

    /// A random entry of a list that is not empty.
    pub(crate) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        let index = self.rng.up_to(list.len() as u64 - 1);
        list[usize::try_from(index).unwrap_or(0)].clone()
    }

    /// How long an index of the table lags behind the rows, in milliseconds.
    pub(crate) fn index_lag(&mut self) -> u64 {
        if self.strikes(FaultKind::IndexLags) {
            self.between(0, 2 * SECOND)
        } else {
            0
        }
    }

    pub(crate) const fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether this mistake is planted.
    pub(crate) fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Writes a line of the trace.
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
            Trace::Print => eprintln!("{line}"),
        }
    }

    /// Records that a guarantee is violated.
    pub(crate) fn violation(&mut self, guarantee: &str, what: impl FnOnce() -> String) {
        let text = format!("{guarantee} -- {}", what());
        self.log(|| format!("VIOLATION {text}"));
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(text);
        }
    }
}
