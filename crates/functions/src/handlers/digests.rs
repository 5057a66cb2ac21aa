//! Function `digests`: sends e-mail digests to users who asked for them.

use api::digests::ports::{DigestQueue, Mailer, UserDirectory};
use api::digests::{
    DigestMessage, DigestReport, DigestRequest, DigestTimes, MailSettings, record_feedback,
    send_due,
};
use api::lease::DeliveredMessage;
use api::ports::JobList;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jobs::id::Timestamp;
use jobs::ports::{Clock, JobStore, KeyValueStore, Quarantine, Queue};
use lambda_runtime::{Error, LambdaEvent};
use tracing::warn;

use super::lease_expiry;
use super::report::count;
use super::settled_messages::SettledMessages;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::config::{self, Has, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

environment! {
    pub struct Environment {
        jobs_table: JobsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        digests_queue_url: DigestsQueueUrl,
        email_sender: EmailSender,
        email_configuration_set: EmailConfigurationSet,
        http_api_url: HttpApiUrl,
        page_origin: PageOrigin,
        user_pool_id: UserPoolId,
        sign_in_url: SignInUrl,
        service_name: ServiceName,
    }
}

const QUEUE: &str = Queue::Digests.name();
/// No mail is sent after this time, in milliseconds; the rest of a tenant's waits its turn behind the other tenants.
const MAX_TURN_MS: u64 = 20_000;

/// The settings that this function needs.
pub trait DigestSettings:
    Has<variable::ServiceName>
    + Has<variable::EmailSender>
    + Has<variable::HttpApiUrl>
    + Has<variable::PageOrigin>
{
}

impl<E> DigestSettings for E where
    E: Has<variable::ServiceName>
        + Has<variable::EmailSender>
        + Has<variable::HttpApiUrl>
        + Has<variable::PageOrigin>
{
}

/// Sends e-mail digests.
///
/// - **Input**: one message per call: `{"tenant":"acme"}`, or an event of SES about a mail that came back or was reported as
///   spam. A batch with more is processed one after another.
/// - **On bad input**: quarantined.
/// - **On failure of SES**: the mail is sent later.
/// - **On failure of AWS otherwise**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: Clock
        + KeyValueStore
        + Quarantine
        + JobList
        + JobStore
        + Mailer
        + UserDirectory
        + DigestQueue,
    E: DigestSettings,
{
    let ports = &app.ports;
    let deadline = event.context.deadline;
    let mut settled = SettledMessages::default();
    for message in &event.payload.records {
        let parsed = match DigestMessage::parse(message.body()) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => continue,
            Err(problem) => {
                settled.malformed(ports, QUEUE, message, problem).await;
                continue;
            }
        };
        match process(app, &parsed, message, deadline).await {
            Ok(report) => emit_report(app, report),
            Err(problem) => {
                warn!(problem, "digests were not completed and come back");
                settled.redeliver(message);
            }
        }
    }
    Ok(settled.finish(app, QUEUE))
}

async fn process<P, E>(
    app: &App<P, E>,
    parsed: &DigestMessage,
    message: &SqsMessage,
    deadline: u64,
) -> Result<DigestReport, String>
where
    P: Clock + KeyValueStore + JobList + JobStore + Mailer + UserDirectory + DigestQueue,
    E: DigestSettings,
{
    let (ports, environment) = (&app.ports, &*app.environment);
    match parsed {
        DigestMessage::Continue(tenant, sent_by) => {
            if config::email_sender(environment).is_none() {
                return Ok(DigestReport::default());
            }
            let settings = MailSettings {
                api_url: Has::<variable::HttpApiUrl>::value(environment),
                page_url: config::page_url(environment),
            };
            let now = ports.now().0;
            let third = deadline.saturating_sub(now) / 3;
            let times = DigestTimes {
                until: Timestamp(now + MAX_TURN_MS.min(third)),
                lease_expires_at: lease_expiry(deadline),
            };
            let request = DigestRequest {
                tenant,
                arrival: DeliveredMessage {
                    message: message.id(),
                    receives: message.receive_count(),
                    sent_by,
                },
            };
            let report = send_due(ports, request, settings, times).await;
            report.map_err(|error| format!("{tenant}: {error}"))
        }
        DigestMessage::Feedback(feedback) => {
            let switched_off = record_feedback(ports, feedback).await;
            let switched_off = switched_off.map_err(|error| error.to_string())?;
            Ok(DigestReport {
                switched_off: switched_off.into(),
                ..DigestReport::default()
            })
        }
    }
}

fn emit_report<P: Clock, E: DigestSettings>(app: &App<P, E>, report: DigestReport) {
    let number = |number: u32| count(usize::try_from(number).unwrap_or(usize::MAX));
    emit(
        Has::<variable::ServiceName>::value(&*app.environment),
        app.ports.now().0,
        Dimension::Service,
        &[
            (Metric::DigestsSent, number(report.sent)),
            (
                Metric::DigestsDelayed,
                number(report.refused + report.postponed),
            ),
            (Metric::DigestsGivenUp, number(report.given_up)),
            (Metric::DigestRecipientsRemoved, number(report.switched_off)),
        ],
    );
}
