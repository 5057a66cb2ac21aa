//! The running Lambda functions and their tasks.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use jobs::ports::Queue;

use crate::api_request::ClientRequest;
use crate::ids::FunctionId;
use crate::page::PageStep;
use crate::queue::MessageBatch;

/// The task of a function.
#[derive(Debug)]
pub(crate) enum Task {
    Batch(MessageBatch),
    Authorize {
        page: usize,
        ticket: String,
    },
    /// A WebSocket route: `$connect`, `$default` or `$disconnect`.
    Page {
        page: usize,
        step: PageStep,
        event: Box<ApiGatewayWebsocketProxyRequest>,
    },
    Reconcile,
    Capacity,
    /// A request to the HTTP API.
    Api(ClientRequest),
}

#[derive(Debug)]
pub(crate) struct RunningFunction {
    pub(crate) name: &'static str,
    /// When Lambda ends it.
    pub(crate) ends_at: u64,
    pub(crate) began_at: u64,
    /// How far its clock is ahead, in milliseconds.
    pub(crate) skew: i64,
    /// It belongs to the newer release.
    pub(crate) newer: bool,
    /// It has crashed; a call of it may still take effect.
    pub(crate) dead: bool,
    /// The ids of its messages.
    pub(crate) messages: Vec<String>,
    /// All its messages have been received before.
    pub(crate) redelivered: bool,
    pub(crate) queue: Option<Queue>,
    pub(crate) page: Option<(usize, PageStep)>,
    pub(crate) api: Option<ClientRequest>,
}

#[derive(Debug)]
pub(crate) struct Functions {
    running: BTreeMap<FunctionId, RunningFunction>,
    /// The function whose code is being executed.
    pub(crate) current: FunctionId,
}

impl Default for Functions {
    fn default() -> Self {
        Self {
            running: BTreeMap::new(),
            current: FunctionId(0),
        }
    }
}

impl Functions {
    pub(crate) fn insert(&mut self, id: FunctionId, function: RunningFunction) {
        self.running.insert(id, function);
    }

    pub(crate) fn remove(&mut self, id: FunctionId) -> Option<RunningFunction> {
        self.running.remove(&id)
    }

    pub(crate) fn get(&self, id: FunctionId) -> Option<&RunningFunction> {
        self.running.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: FunctionId) -> Option<&mut RunningFunction> {
        self.running.get_mut(&id)
    }

    pub(crate) fn current(&self) -> Option<&RunningFunction> {
        self.running.get(&self.current)
    }

    pub(crate) fn is_alive(&self, id: FunctionId) -> bool {
        self.get(id).is_some_and(|function| !function.dead)
    }

    /// Whether the current function has this name.
    pub(crate) fn current_is(&self, name: &str) -> bool {
        self.current().is_some_and(|function| function.name == name)
    }

    /// Whether the current function belongs to the newer release.
    pub(crate) fn current_is_newer(&self) -> bool {
        self.current().is_some_and(|function| function.newer)
    }
}
