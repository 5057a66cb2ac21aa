"""A client of the WebSocket API that receives what is pushed to a tenant, as a page does.

wsproto implements the protocol (.venv has it, because the local stack needs it); sockets and TLS come from the
standard library.
"""

import hashlib
import json
import secrets
import socket
import ssl
import time
import urllib.parse

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, RejectConnection, Request, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

CONNECT_SECONDS = 20.0  # an authorizer that starts cold takes a second or two
# API Gateway closes a connection after ten idle minutes (its developer guide, "Quotas for WebSocket APIs").
SYNC_SECONDS = 240.0
TICKET_SECONDS = 60  # the lifetime of tickets that the API issues


class Closed(Exception):
    """The connection was refused or closed; the text says why."""


def ticket(tenant, seconds, now):
    """A new ticket: its secret, and its item in the records table (crates/functions/src/aws/tickets.rs).

    The connection may stay open for `seconds`.
    """
    secret = secrets.token_hex(16)
    ends = int((now + TICKET_SECONDS) * 1000)
    row = {
        "pk": {"S": f"ticket#{hashlib.sha256(secret.encode()).hexdigest()}"},
        "sk": {"S": "-"},
        "watches": {"S": tenant},
        "actor": {"S": "make deploy"},
        "expires_ms": {"N": str(ends)},
        "token_expires_ms": {"N": str(int((now + seconds) * 1000))},
        "expires_at": {"N": str(-(-ends // 1000))},
    }
    return secret, row


class PageConnection:
    """An open connection. The constructor raises Closed if it is refused."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        try:
            self.socket = socket.create_connection((parts.hostname, port), CONNECT_SECONDS)
            if parts.scheme == "wss":
                self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=parts.hostname)
        except OSError as error:
            raise Closed(f"{parts.hostname} does not answer: {error}") from error
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.frames, self.text, self.open, self.closed, self.synced = [], "", False, None, time.monotonic()
        try:
            self._open(Request(host=parts.netloc, target=f"{parts.path}?{parts.query}"))
        except Closed:
            self.close()
            raise

    def receive(self, seconds):
        """Waits for messages for at most `seconds` and returns those that have arrived. Raises Closed."""
        if time.monotonic() - self.synced > SYNC_SECONDS:
            self.sync()
        if not self.frames:
            self._receive(seconds)
        # Messages that arrived before the end are delivered first.
        if self.closed and not self.frames:
            raise Closed(self.closed)
        frames, self.frames = self.frames, []
        return frames

    def sync(self):
        """Asks for a snapshot of the tenant's jobs. Raises Closed."""
        self._send(TextMessage(json.dumps({"action": "sync"})))
        self.synced = time.monotonic()

    def close(self):
        """Closes the socket without a closing handshake."""
        self.socket.close()

    def _open(self, request):
        self._send(request)
        end = time.monotonic() + CONNECT_SECONDS
        while not self.open:
            self._receive(end - time.monotonic())
            if self.closed or (not self.open and time.monotonic() > end):
                raise Closed(self.closed or "the connection was not answered")

    def _send(self, event):
        try:
            self.socket.sendall(self.protocol.send(event))
        except (OSError, LocalProtocolError) as error:
            raise Closed(f"the connection broke: {error}") from error

    def _receive(self, seconds):
        """Processes the data that arrives within `seconds`, if any."""
        if self.closed:
            return
        self.socket.settimeout(max(seconds, 0.01))
        try:
            self.protocol.receive_data(self.socket.recv(65536) or None)
        except TimeoutError:
            return
        except (OSError, RemoteProtocolError) as error:
            raise Closed(f"the connection broke: {error}") from error
        for event in self.protocol.events():
            match event:
                case AcceptConnection():
                    self.open = True
                case RejectConnection():
                    raise Closed(f"the connection was refused with {event.status_code}")
                case CloseConnection():
                    self.closed = f"the connection was closed with {event.code} {event.reason or ''}".strip()
                case Ping():
                    self._send(event.response())
                case TextMessage():
                    self.text += event.data
                    if event.message_finished:
                        self.frames.append(json.loads(self.text))
                        self.text = ""
