//! The end of a user's sessions: `UserSessions` (Amazon Cognito).

use api::ports::UserSessions;
use jobs::ports::Unavailable;
use serde::de::IgnoredAny;
use serde_json::json;

use super::digests::COGNITO;
use super::json_call::JsonError;
use super::{Aws, unavailable};
use crate::config::{Environment, Has, variable};

impl<E> UserSessions for Aws<E>
where
    E: Environment + Has<variable::UserPoolId> + Has<variable::SignInUrl>,
{
    async fn end_sessions(&self, username: &str) -> Result<(), Unavailable> {
        let url = self.name::<variable::SignInUrl>();
        let pool = self.name::<variable::UserPoolId>();
        let input = json!({"UserPoolId": pool, "Username": username});
        let operation = "AdminUserGlobalSignOut";
        let ended: Result<IgnoredAny, JsonError> =
            self.call_json(COGNITO, url, operation, &input).await;
        match ended {
            Ok(_) => Ok(()),
            Err(error) => {
                let code = error.as_service_error().and_then(|error| error.code());
                // A user that was deleted has no sessions.
                if code == Some("UserNotFoundException") {
                    return Ok(());
                }
                Err(unavailable("Cognito AdminUserGlobalSignOut", error))
            }
        }
    }
}
