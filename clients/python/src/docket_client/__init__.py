"""Client of Docket: uploads with resume, results, webhooks, and a feed that proves that no event is missing.

`Docket` blocks, `AsyncDocket` is for asyncio. Both have the same methods. The JSON of the service is typed in
`docket_client.types`, which is generated from its OpenAPI document.
"""

from ._credentials import ClientCredentials, Credentials, Password, Token
from ._errors import (
    EventsMissing,
    NotSignedIn,
    Problem,
    ServiceUnavailable,
    UploadRefused,
    WaitTimeout,
)
from ._feed import FeedPage, FeedPosition, verify_page
from ._result import Result
from .asyncio import AsyncDocket
from .sync import Docket
from .webhooks import WebhookEvent, WebhookVerificationError, verify_webhook

__all__ = [
    "AsyncDocket",
    "ClientCredentials",
    "Credentials",
    "Docket",
    "EventsMissing",
    "FeedPage",
    "FeedPosition",
    "NotSignedIn",
    "Password",
    "Problem",
    "Result",
    "ServiceUnavailable",
    "Token",
    "UploadRefused",
    "WaitTimeout",
    "WebhookEvent",
    "WebhookVerificationError",
    "verify_page",
    "verify_webhook",
]
