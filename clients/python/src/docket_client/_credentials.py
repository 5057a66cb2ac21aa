"""How a program signs in."""

import base64
import json
import time
from collections.abc import Callable
from typing import Protocol, cast
from urllib.parse import quote, urlencode

from ._errors import NotSignedIn, ServiceUnavailable
from ._flow import MAX_ATTEMPTS, Flow, HttpRequest, HttpResponse, backoff_seconds, send_patiently, sleep
from .types import ClientConfiguration

#: A token is replaced so long before it expires, in seconds.
RENEW_BEFORE_SECONDS = 60.0
#: The user pool's errors that say nothing about the credentials (Amazon Cognito user pools API reference, "Common errors").
#: They have status 400.
BUSY = frozenset({"TooManyRequestsException", "LimitExceededException", "InternalErrorException"})


def _object(response: HttpResponse) -> dict[str, object]:
    """The JSON object of a response; an empty one if it has none, as an answer of a proxy."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        return {}
    return cast("dict[str, object]", answer) if isinstance(answer, dict) else {}


class Credentials(Protocol):
    """Where ID tokens come from."""

    def token(self, configuration: ClientConfiguration, refused: str | None) -> Flow[str]:
        """A token; not the one that the service has just refused."""
        ...


class Token:
    """A token that the program gets elsewhere: itself, or a function that returns a fresh one."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def token(self, configuration: ClientConfiguration, refused: str | None) -> Flow[str]:
        token = self._token if isinstance(self._token, str) else self._token()
        if token == refused:
            raise NotSignedIn("the service refused the token; it has probably expired")
        return token
        yield  # a flow of no steps


class Password:
    """Signs in at the service's user pool, and again when the tokens have expired."""

    def __init__(self, email: str, password: str) -> None:
        self._email = email
        self._password = password
        self._id_token: str | None = None
        self._refresh_token: str | None = None
        self._expires_at = 0.0

    def token(self, configuration: ClientConfiguration, refused: str | None) -> Flow[str]:
        is_fresh = time.time() < self._expires_at - RENEW_BEFORE_SECONDS
        if self._id_token is not None and self._id_token != refused and is_fresh:
            return self._id_token
        if self._refresh_token is not None:
            try:
                return (yield from self._sign_in(configuration, "REFRESH_TOKEN_AUTH"))
            except NotSignedIn:
                self._refresh_token = None
        return (yield from self._sign_in(configuration, "USER_PASSWORD_AUTH"))

    def _sign_in(self, configuration: ClientConfiguration, auth_flow: str) -> Flow[str]:
        # Amazon Cognito user pools API reference, "InitiateAuth".
        if auth_flow == "REFRESH_TOKEN_AUTH":
            parameters = {"REFRESH_TOKEN": self._refresh_token}
        else:
            parameters = {"USERNAME": self._email, "PASSWORD": self._password}
        body = {"AuthFlow": auth_flow, "ClientId": configuration["client_id"], "AuthParameters": parameters}
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
        }
        request = HttpRequest("POST", configuration["sign_in_url"], headers, json.dumps(body).encode())
        for attempt in range(1, MAX_ATTEMPTS + 1):
            response = yield from send_patiently(request)
            answer = _object(response)
            kind = str(answer.get("__type")).rpartition("#")[2]
            if response.is_success or kind not in BUSY:
                break
            if attempt == MAX_ATTEMPTS:
                raise ServiceUnavailable(f"the user pool cannot sign in now: {answer.get('message', kind)}")
            yield from sleep(backoff_seconds(attempt))
        if not response.is_success:
            raise NotSignedIn(f"{answer.get('message', 'the user pool refused the sign-in')}")
        result = cast("dict[str, object] | None", answer.get("AuthenticationResult"))
        if result is None:
            raise NotSignedIn(f"the user pool asks for {answer.get('ChallengeName')}: sign in once with `docket login`")
        self._id_token = str(result["IdToken"])
        refresh = result.get("RefreshToken")
        if refresh is not None:
            self._refresh_token = str(refresh)
        self._expires_at = time.time() + float(str(result["ExpiresIn"]))
        return self._id_token


class ClientCredentials:
    """Signs a program in by its client id and secret (OAuth 2.0 client credentials), and again before its token expires.

    Nothing is stored: the token is kept in memory.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._token: str | None = None
        self._expires_at = 0.0

    def token(self, configuration: ClientConfiguration, refused: str | None) -> Flow[str]:
        is_fresh = time.time() < self._expires_at - RENEW_BEFORE_SECONDS
        if self._token is not None and self._token != refused and is_fresh:
            return self._token
        domain = configuration.get("company_sign_in")
        if domain is None:
            raise NotSignedIn("this service has no clients for programs: its user pool has no domain")
        # Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1).
        pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
        headers = {
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        body = urlencode({"grant_type": "client_credentials"}).encode()
        response = yield from send_patiently(HttpRequest("POST", f"{domain['url']}/oauth2/token", headers, body))
        answer = _object(response)
        if not response.is_success or "access_token" not in answer:
            said = answer.get("error_description") or answer.get("error") or f"HTTP {response.status}"
            raise NotSignedIn(f"the sign-in of client {self._client_id} was refused: {said}")
        self._token = str(answer["access_token"])
        self._expires_at = time.time() + float(str(answer["expires_in"]))
        return self._token
