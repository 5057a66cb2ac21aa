//! A stack that starts once per test binary and is shared by scenarios.

use std::borrow::Borrow;
use std::sync::Arc;

use devstack::ChildProcesses;
use devstack::{ProgressCallback, RunDir, Stack, StackOptions};
use tokio::runtime::Runtime;
use tokio::sync::{RwLock, Semaphore};

/// Scenarios of all stacks that run at once. There are more threads, because a scenario that waits for its turn has one too.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// A stack and the runtime of all scenarios that use it. One runtime, because the connections of the stack's clients
/// belong to the runtime that opened them.
///
/// Nothing stops the stack explicitly: its processes end with the test process.
pub(crate) struct SharedStack<T> {
    runtime: Runtime,
    stack: T,
    /// Read by scenarios that share the stack, written by one that needs it exclusively.
    turn: RwLock<()>,
    _dir: RunDir,
    _children: ChildProcesses,
}

impl<T: Borrow<Stack>> SharedStack<T> {
    /// Starts a stack in a run directory whose name contains `name`.
    pub(crate) fn start(
        name: &str,
        start: impl AsyncFnOnce(&RunDir, &ChildProcesses) -> T,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = RunDir::create_unique(name).unwrap();
        let children = ChildProcesses::default();
        let stack = runtime.block_on(start(&dir, &children));
        Self {
            runtime,
            stack,
            turn: RwLock::const_new(()),
            _dir: dir,
            _children: children,
        }
    }

    /// Runs a scenario concurrently with others. Fails if a part of the stack ends meanwhile.
    pub(crate) fn run(&'static self, scenario: impl AsyncFnOnce(&'static T)) {
        self.runtime.block_on(async {
            let _turn = self.turn.read().await;
            self.run_watched(scenario).await;
        });
    }

    /// Runs a scenario while no other scenario of this stack runs. Fails if a part of the stack ends meanwhile.
    pub(crate) fn run_alone(&'static self, scenario: impl AsyncFnOnce(&'static T)) {
        self.runtime.block_on(async {
            let _turn = self.turn.write().await;
            self.run_watched(scenario).await;
        });
    }

    async fn run_watched(&'static self, scenario: impl AsyncFnOnce(&'static T)) {
        let _slot = SLOTS.acquire().await.unwrap();
        tokio::select! {
            () = scenario(&self.stack) => {}
            why = self.stack.borrow().failed() => panic!("a part of the stack ended: {why}"),
        }
    }
}

/// Starts a stack and prints its progress with a prefix.
pub(crate) async fn start_stack(
    options: StackOptions,
    dir: &RunDir,
    children: &ChildProcesses,
    prefix: &'static str,
) -> Stack {
    let progress: ProgressCallback = Arc::new(move |step| eprintln!("{prefix}{step}"));
    Stack::start(options, dir, children, &progress)
        .await
        .unwrap_or_else(|error| panic!("the stack does not start: {error:#}"))
}
