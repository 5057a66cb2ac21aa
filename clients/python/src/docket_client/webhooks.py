"""Verification of webhooks, with the library of the Standard Webhooks specification (docs/webhooks.md)."""

import json
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from standardwebhooks import Webhook, WebhookVerificationError
from typing_extensions import NotRequired, TypedDict

from .types import FailureCause

__all__ = ["WebhookData", "WebhookEvent", "WebhookVerificationError", "verify_webhook"]

WebhookType: TypeAlias = Literal["job.ready", "job.failed", "webhook.test"]


class WebhookData(TypedDict):
    """A test event has only `tenant`."""

    event_id: NotRequired[str]
    tenant: str
    sequence: NotRequired[int]
    hash: NotRequired[str]
    job_id: NotRequired[str]
    version: NotRequired[int]
    status: NotRequired[str]
    pipeline: NotRequired[str]
    created_at: NotRequired[int]
    reference: NotRequired[str]
    batch: NotRequired[str]
    tags: NotRequired[dict[str, str]]
    cause: NotRequired[FailureCause]
    name: NotRequired[str]
    detail: NotRequired[str]


class WebhookEvent(TypedDict):
    type: WebhookType
    timestamp: str
    data: WebhookData


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
    """The event of a request to your webhook.

    `body` is the body as it arrived, before any parsing. Raises `WebhookVerificationError` if the request is not signed with
    the secret, or is older than five minutes.
    """
    names = {name.lower(): value for name, value in headers.items()}
    Webhook(secret).verify(body, names)
    return cast("WebhookEvent", json.loads(body))
