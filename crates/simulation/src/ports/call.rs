//! How a function calls the cloud.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use jobs::ports::Unavailable;

use crate::call::CallPoll;
use crate::event::FunctionEvent;
use crate::simulation::Simulation;
use crate::timeline::After;

/// The ports of all functions. [`Functions::current`](crate::function::Functions::current) says which one is calling.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) simulation: Rc<RefCell<Simulation>>,
}

impl Ports {
    /// Makes a call. The service runs `effect` when the call takes effect.
    pub(crate) async fn call<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut Simulation) -> T,
    ) -> Result<T, Unavailable> {
        self.drive(
            name,
            move |simulation, waker| begin(simulation, name, waker),
            effect,
        )
        .await
    }

    /// Waits in virtual time.
    pub(crate) async fn wait(&self, millis: u64) {
        let begin = move |simulation: &mut Simulation, waker| {
            let Simulation {
                env,
                calls,
                functions,
                ..
            } = simulation;
            let (id, After { delay, .. }) = calls.wait(env, functions, millis, waker);
            simulation.plan_function(After::new(delay, FunctionEvent::Call(id)));
            id
        };
        // Nothing can go wrong.
        let _ = self.drive("sleep", begin, |_| ()).await;
    }

    async fn drive<T>(
        &self,
        name: &'static str,
        begin: impl Fn(&mut Simulation, std::task::Waker) -> u64,
        effect: impl FnOnce(&mut Simulation) -> T,
    ) -> Result<T, Unavailable> {
        let mut id: Option<CallInProgress<'_>> = None;
        let mut effect = Some(effect);
        let mut done = None;
        std::future::poll_fn(move |context| {
            let mut simulation = self.simulation.borrow_mut();
            let Some(CallInProgress { id, .. }) = id else {
                id = Some(CallInProgress {
                    id: begin(&mut simulation, context.waker().clone()),
                    simulation: &self.simulation,
                });
                return Poll::Pending;
            };
            match simulation.calls.poll(id) {
                CallPoll::Pending => Poll::Pending,
                CallPoll::TakesEffect { by, answer } => {
                    if let Some(effect) = effect.take() {
                        if simulation.functions.get(by).is_some_and(|known| known.dead) {
                            let line =
                                || format!("f{:<9} is dead, and its {name} takes effect", by.0);
                            simulation.env.log(line);
                        }
                        done = Some(effect(&mut simulation));
                    }
                    simulation.plan_function(answer.map(FunctionEvent::Call));
                    Poll::Pending
                }
                CallPoll::Answered { name, problem } => {
                    let unavailable = |why: &str| Unavailable {
                        what: name,
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
}

/// A call of a function. If the function does not wait for its answer any more, since another of several calls at once has
/// failed, it is dropped.
struct CallInProgress<'a> {
    id: u64,
    simulation: &'a RefCell<Simulation>,
}

impl Drop for CallInProgress<'_> {
    fn drop(&mut self) {
        if let Ok(mut simulation) = self.simulation.try_borrow_mut() {
            simulation.calls.abandon(self.id);
        }
    }
}

fn begin(simulation: &mut Simulation, name: &'static str, waker: std::task::Waker) -> u64 {
    let Simulation {
        env,
        calls,
        functions,
        ..
    } = simulation;
    let (id, After { delay, .. }) = calls.begin(env, functions, name, waker);
    simulation.plan_function(After::new(delay, FunctionEvent::Call(id)));
    id
}
