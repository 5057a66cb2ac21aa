//! What tenants do about their webhooks: they enable them again, and replace their secrets.

use api::webhooks::ports::WebhookRequest;
use jobs::id::Tenant;

use super::Simulation;
use crate::api_request::ClientRequest;
use crate::event::TimelineEvent;
use crate::receiver::ReceiverAnswer;
use crate::time::{HOUR, MINUTE};
use crate::timeline::After;
use crate::user_action::UserAction;

impl Simulation {
    /// The current function posts to the receiver of a webhook.
    pub(crate) fn post_webhook(&mut self, request: &WebhookRequest<'_>) -> ReceiverAnswer {
        let answer = self.receivers.post(&mut self.env, request);
        if let Some(tenant) = &answer.gone {
            let delay = self.env.between(MINUTE, 2 * HOUR);
            self.ask_later(delay, ClientRequest::EnableWebhook(tenant.clone()));
        }
        answer
    }

    pub(super) fn redeliver(&mut self, tenant: Tenant, ago: u64) {
        let from = self.env.wall().0.saturating_sub(ago);
        self.ask(ClientRequest::Redeliver(tenant, from));
    }

    pub(super) fn rotate_secret(&mut self, tenant: Tenant) {
        if self.receivers.begin_rotation(&tenant) {
            self.ask(ClientRequest::RotateSecret(tenant));
        }
    }

    /// The tenant got its new secret, and installs it some time before the one before ends.
    pub(super) fn secret_rotated(&mut self, tenant: Tenant, secret: String) {
        self.receivers.rotated(self.env.now, &tenant, secret);
        let longest = self.env.pick(&[10 * MINUTE, 6 * HOUR]);
        let delay = self.env.between(3 * MINUTE, longest);
        let install = UserAction::InstallSecret { tenant };
        self.plan([After::new(delay, TimelineEvent::Action(install))]);
    }
}
