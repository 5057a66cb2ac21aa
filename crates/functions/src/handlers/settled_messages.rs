//! Settles the messages of functions that change no jobs.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use jobs::ports::{Clock, Quarantine};

use super::batch::{MessageFailure, Settled, settle};
use super::report::count;
use crate::bootstrap::App;
use crate::config::{Has, variable};
use crate::handlers::sqs_message::SqsMessageExt;
use crate::metrics::{Dimension, Metric, emit};

/// What became of the messages of a function that changes no jobs: `event-feed`, `webhooks`, `digests`.
#[derive(Default)]
pub(super) struct SettledMessages {
    response: SqsBatchResponse,
    quarantined: usize,
    redelivered: usize,
}

impl SettledMessages {
    /// A message that cannot be understood is quarantined.
    pub(super) async fn malformed<P: Quarantine + Clock>(
        &mut self,
        ports: &P,
        queue: &'static str,
        message: &SqsMessage,
        problem: String,
    ) {
        let failure = MessageFailure::Malformed(problem);
        match settle(ports, queue, message, &failure).await {
            Settled::Quarantined => self.quarantined += 1,
            Settled::Redelivered => self.redeliver(message),
        }
    }

    pub(super) fn redeliver(&mut self, message: &SqsMessage) {
        self.redelivered += 1;
        self.response.add_failure(message.id());
    }

    /// Publishes the metrics, and returns the response.
    pub(super) fn finish<P: Clock, E: Has<variable::ServiceName>>(
        self,
        app: &App<P, E>,
        queue: &'static str,
    ) -> SqsBatchResponse {
        emit(
            Has::<variable::ServiceName>::value(&*app.environment),
            app.ports.now().0,
            Dimension::Queue(queue),
            &[
                (Metric::Quarantined, count(self.quarantined)),
                (Metric::Redelivered, count(self.redelivered)),
            ],
        );
        self.response
    }
}
