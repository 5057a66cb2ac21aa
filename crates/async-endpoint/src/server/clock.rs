//! Converts between real time and model time, which may run faster.

use crate::Millis;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The clock of all endpoints of a server.
#[derive(Clone, Debug)]
pub(super) struct ModelClock {
    start: Instant,
    wall: SystemTime,
    factor: f64,
}

impl ModelClock {
    /// Starts at model time zero; a model second takes `1 / factor` real seconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "a stand-in for AWS reads the machine's clock once, for the times in its notifications"
    )]
    pub(super) fn start(factor: f64) -> Self {
        Self {
            start: Instant::now(),
            wall: SystemTime::now(),
            factor,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.to_model(self.start.elapsed())
    }

    /// A real duration in model time.
    pub(super) fn to_model(&self, duration: Duration) -> Millis {
        Millis((duration.as_secs_f64() * 1000.0 * self.factor) as u64)
    }

    /// A model duration in real time.
    pub(super) fn to_real(&self, duration: Millis) -> Duration {
        Duration::from_secs_f64(duration.0 as f64 / 1000.0 / self.factor)
    }

    /// The real time that corresponds to a model time.
    pub(super) fn instant(&self, at: Millis) -> Instant {
        self.start + self.to_real(at)
    }

    /// The wall-clock time that corresponds to a model time. Only used in notifications.
    pub(super) fn wall(&self, at: Millis) -> SystemTime {
        self.wall + self.to_real(at)
    }
}
