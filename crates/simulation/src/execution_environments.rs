//! Lambda's execution environments of the function that processes uploads. An environment serves one call after another, and
//! remembers how many uploads it has sent in the present minute.

use std::collections::BTreeMap;

use crate::ids::FunctionId;
use crate::time::MINUTE;

#[derive(Debug, Default)]
pub(crate) struct ExecutionEnvironments {
    all: Vec<ExecutionEnvironment>,
}

#[derive(Debug)]
struct ExecutionEnvironment {
    used_by: FunctionId,
    minute: u64,
    /// By pipeline.
    starts: BTreeMap<String, u32>,
}

impl ExecutionEnvironments {
    /// Counts an upload that a call sends. A call without an environment takes one whose call has ended, or a new one.
    pub(crate) fn count_start(
        &mut self,
        call: FunctionId,
        is_running: impl Fn(FunctionId) -> bool,
        now: u64,
        pipeline: &str,
    ) -> u32 {
        let of_call = self.all.iter().position(|it| it.used_by == call);
        let is_free = |it: &ExecutionEnvironment| !is_running(it.used_by);
        let at = of_call.or_else(|| self.all.iter().position(is_free));
        let at = at.unwrap_or_else(|| {
            self.all.push(ExecutionEnvironment {
                used_by: call,
                minute: 0,
                starts: BTreeMap::new(),
            });
            self.all.len() - 1
        });
        let environment = &mut self.all[at];
        environment.used_by = call;
        if environment.minute != now / MINUTE {
            environment.minute = now / MINUTE;
            environment.starts.clear();
        }
        let count = environment.starts.entry(pipeline.to_owned()).or_default();
        *count += 1;
        *count
    }
}
