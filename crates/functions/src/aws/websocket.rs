//! Sends push messages to pages: `Pusher`.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_smithy_types::timeout::TimeoutConfig;
use jobs::ports::{PushError, Pusher};

use super::{Aws, client, no_retries, unavailable};
use crate::config::{Has, variable};

/// A page that does not accept a message within a second gets the state with its next sync.
const PUSH_TIMEOUT: Duration = Duration::from_secs(1);

impl<E: Has<variable::WebsocketManagementUrl>> Aws<E> {
    fn websocket(&self) -> &aws_sdk_apigatewaymanagement::Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(PUSH_TIMEOUT)
            .operation_timeout(PUSH_TIMEOUT)
            .build();
        let url = Some(self.name::<variable::WebsocketManagementUrl>().to_owned());
        self.websocket.get_or_init(|| {
            client!(
                self,
                aws_sdk_apigatewaymanagement,
                url,
                timeouts,
                no_retries()
            )
        })
    }
}

impl<E: Has<variable::WebsocketManagementUrl>> Pusher for Aws<E> {
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError> {
        let request = self
            .websocket()
            .post_to_connection()
            .connection_id(connection_id)
            .data(Blob::new(frame));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|refused| refused.is_gone_exception()) =>
            {
                Err(PushError::Gone)
            }
            Err(error) => Err(unavailable("API Gateway PostToConnection", error).into()),
        }
    }
}
