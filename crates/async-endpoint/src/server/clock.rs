//! From the machine's time to the model's, which may run faster.

use crate::Millis;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// One clock for all endpoints of a server.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    start: Instant,
    wall: SystemTime,
    factor: f64,
}

impl Clock {
    /// Starts at model time zero; a model second takes `1 / factor` real seconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "a stand-in for AWS reads the machine's clock once, for the times it tells"
    )]
    pub(super) fn start(factor: f64) -> Self {
        Self {
            start: Instant::now(),
            wall: SystemTime::now(),
            factor,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.model(self.start.elapsed())
    }

    /// A real span in model time.
    pub(super) fn model(&self, span: Duration) -> Millis {
        Millis((span.as_secs_f64() * 1000.0 * self.factor) as u64)
    }

    /// A model span in real time.
    pub(super) fn real(&self, span: Millis) -> Duration {
        Duration::from_secs_f64(span.0 as f64 / 1000.0 / self.factor)
    }

    /// When a moment of the model comes.
    pub(super) fn instant(&self, at: Millis) -> Instant {
        self.start + self.real(at)
    }

    /// What a wall clock shows at a moment of the model. Never decides anything; it is what
    /// notifications tell.
    pub(super) fn wall(&self, at: Millis) -> SystemTime {
        self.wall + self.real(at)
    }
}
