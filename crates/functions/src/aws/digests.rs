//! E-mail digests: `Mailer` (Amazon SES), `UserDirectory` (Amazon Cognito) and `DigestQueue`.

use api::digests::Mail;
use api::digests::ports::{DigestQueue, DirectoryUser, MailError, Mailer, UserDirectory};
use jobs::ports::{DelayedMessage, FailedEntries, Unavailable};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_call::{JsonError, JsonService};
use super::{Aws, broken, unavailable};
use crate::config::{self, Environment, Has, variable};

pub(super) const COGNITO: JsonService = JsonService {
    name: "cognito-idp",
    target: "AWSCognitoIdentityProviderService",
};
/// The most that `AdminListGroupsForUser` returns at once (API reference).
const MAX_GROUPS: u8 = 60;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SentMail {
    message_id: String,
}

impl<E> Mailer for Aws<E>
where
    E: Environment + Has<variable::EmailSender> + Has<variable::EmailConfigurationSet>,
{
    async fn send_mail(&self, mail: &Mail) -> Result<(), MailError> {
        let Some(sender) = config::email_sender(&*self.environment) else {
            return Err(MailError::NotNow(
                "this deployment sends no e-mail".to_owned(),
            ));
        };
        let configuration_set = self.name::<variable::EmailConfigurationSet>();
        let input = send_email_input(sender, configuration_set, mail);
        let url = self.ses_url();
        let path = "/v2/email/outbound-emails";
        let sent: Result<SentMail, JsonError> = self
            .post_json_once("ses", &url, path, "SendEmail", &input)
            .await;
        match sent {
            Ok(sent) => {
                tracing::info!(ses.message_id = sent.message_id, "SES took a mail");
                Ok(())
            }
            Err(error) => Err(mail_error(error)),
        }
    }
}

/// The request of `SendEmail` (SES API v2 reference). SES makes the MIME message of it.
fn send_email_input(sender: &str, configuration_set: &str, mail: &Mail) -> Value {
    let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
    let tags = mail.tags.iter();
    let tags: Vec<Value> = tags
        .map(|(name, value)| json!({"Name": name, "Value": value}))
        .collect();
    json!({
        "FromEmailAddress": format!("Docket <{sender}>"),
        "Destination": {"ToAddresses": [mail.to]},
        "Content": {"Simple": {
            "Subject": text(&mail.subject),
            "Body": {"Text": text(&mail.text), "Html": text(&mail.html)},
            "Headers": [
                {"Name": "List-Unsubscribe", "Value": format!("<{}>", mail.unsubscribe_url)},
                {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                {"Name": "Auto-Submitted", "Value": "auto-generated"},
            ],
        }},
        "EmailTags": tags,
        "ConfigurationSetName": configuration_set,
    })
}

/// Only an error of this one mail is a refusal (SES API v2 reference, `SendEmail`, "Errors"). All other errors pass, or an operator
/// ends them: too many mails, no quota left, sending paused, no permission, no answer.
fn mail_error(error: JsonError) -> MailError {
    let service_error = error.as_service_error();
    let code = service_error.and_then(|it| it.code()).unwrap_or_default();
    let message = service_error.and_then(|it| it.message());
    let problem = format!("{code}: {}", message.unwrap_or("no answer"));
    match code {
        "MessageRejected" | "BadRequestException" => MailError::Refused(problem),
        _ => {
            let _ = unavailable("SES SendEmail", error);
            MailError::NotNow(problem)
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundUser {
    #[serde(default)]
    user_attributes: Vec<Attribute>,
    #[serde(default)]
    enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GroupPage {
    #[serde(default)]
    groups: Vec<Group>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group_name: String,
}

impl<E> UserDirectory for Aws<E>
where
    E: Environment + Has<variable::UserPoolId> + Has<variable::SignInUrl>,
{
    async fn find_user(&self, username: &str) -> Result<Option<DirectoryUser>, Unavailable> {
        let url = self.name::<variable::SignInUrl>();
        let pool = self.name::<variable::UserPoolId>();
        let input = json!({"UserPoolId": pool, "Username": username});
        let found: Result<FoundUser, JsonError> =
            self.call_json(COGNITO, url, "AdminGetUser", &input).await;
        let user = match found {
            Ok(user) => user,
            Err(error) => {
                let code = error.as_service_error().and_then(|error| error.code());
                if code == Some("UserNotFoundException") {
                    return Ok(None);
                }
                return Err(unavailable("Cognito AdminGetUser", error));
            }
        };
        let attribute = |name: &str| {
            let mut attributes = user.user_attributes.iter();
            let found = attributes.find(|attribute| attribute.name == name);
            found.map(|attribute| attribute.value.clone())
        };
        Ok(Some(DirectoryUser {
            email: attribute("email"),
            email_verified: attribute("email_verified").is_some_and(|it| it == "true"),
            enabled: user.enabled,
            groups: self.groups_of(username).await?,
        }))
    }
}

impl<E> Aws<E>
where
    E: Environment + Has<variable::UserPoolId> + Has<variable::SignInUrl>,
{
    async fn groups_of(&self, username: &str) -> Result<Vec<String>, Unavailable> {
        let url = self.name::<variable::SignInUrl>();
        let pool = self.name::<variable::UserPoolId>();
        let mut groups = Vec::new();
        let mut next_token = None;
        loop {
            let mut input = json!({"UserPoolId": pool, "Username": username, "Limit": MAX_GROUPS});
            if let Some(token) = next_token {
                input["NextToken"] = Value::String(token);
            }
            let page: Result<GroupPage, JsonError> = self
                .call_json(COGNITO, url, "AdminListGroupsForUser", &input)
                .await;
            let page =
                page.map_err(|error| unavailable("Cognito AdminListGroupsForUser", error))?;
            groups.extend(page.groups.into_iter().map(|group| group.group_name));
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(groups);
            }
        }
    }
}

impl<E: Environment> Aws<E> {
    fn ses_url(&self) -> String {
        self.endpoint("SESV2").unwrap_or_else(|| {
            let region = &self.config.region;
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://email.{region}.amazonaws.com{suffix}")
        })
    }
}

impl<E: Has<variable::DigestsQueueUrl>> DigestQueue for Aws<E> {
    async fn send_digest_message(&self, body: &str, delay_seconds: u32) -> Result<(), Unavailable> {
        let message = DelayedMessage {
            message: body.to_owned(),
            delay_seconds,
        };
        let queue_url = self.name::<variable::DigestsQueueUrl>();
        if self.send_all(queue_url, &[message]).await == FailedEntries::none() {
            return Ok(());
        }
        Err(broken("SQS SendMessageBatch", "a message was not taken"))
    }
}
