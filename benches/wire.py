"""Proxies between the functions and their AWS services: each function has one of its own, so a call is known by
who made it, and what it costs is worked out as it passes.
"""

from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from units import Item, base_units, index_units, item_bytes, read_units

# Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the proxy sets itself.
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length", "date", "server"}
WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
# DynamoDB operations that cost nothing.
FREE = {"DescribeTable"}


@dataclass(frozen=True)
class Table:
    """How a table is keyed."""

    keys: list[str]
    indexes: dict[str, list[str]]
    held: dict[str, list[str]] = field(default_factory=dict)  # by index, what its entries have beside keys

    @classmethod
    def described(cls, description: dict[str, Any]) -> "Table":
        """From the answer of DescribeTable. Raises ValueError for an index that holds everything."""

        def names(schema: list[dict[str, str]]) -> list[str]:
            return [key["AttributeName"] for key in schema]

        indexes = description.get("GlobalSecondaryIndexes", [])
        for index in indexes:
            if index["Projection"]["ProjectionType"] not in ("KEYS_ONLY", "INCLUDE"):
                raise ValueError(f"what index {index['IndexName']} costs is not known: it holds everything")
        held = {index["IndexName"]: index["Projection"].get("NonKeyAttributes", []) for index in indexes}
        return cls(names(description["KeySchema"]), {index["IndexName"]: names(index["KeySchema"]) for index in indexes}, held)


@dataclass
class Ledger:
    """What passed."""

    calls: dict[str, Counter] = field(default_factory=dict)  # by function
    base_writes: Counter = field(default_factory=Counter)  # write units, by table
    index_writes: Counter = field(default_factory=Counter)  # write units, by index
    reads: Counter = field(default_factory=Counter)  # read units, by table
    row_bytes: dict[str, int] = field(default_factory=dict)  # of the last row written, by table
    problems: list[str] = field(default_factory=list)  # what could not be counted


class Wire:
    """All proxies, and what passed them since the last `reset`."""

    def __init__(self, aws_url: str, sagemaker_url: str, tables: dict[str, Table]) -> None:
        self.aws, self.sagemaker = urlsplit(aws_url).netloc, urlsplit(sagemaker_url).netloc
        self.tables = tables
        self.ledger = Ledger()
        self.lock = threading.Lock()
        # Held over a write, so that the item before and after it is that write's.
        self.writing = threading.Lock()
        self.servers: list[ThreadingHTTPServer] = []

    def proxy(self, function: str) -> str:
        """Starts a proxy for a function and answers its URL."""
        handler = type("Proxy", (Proxy,), {"wire": self, "function": function})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    def close(self) -> None:
        """Ends all proxies."""
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def reset(self) -> None:
        """Begins to count anew."""
        with self.lock:
            self.ledger = Ledger()

    def item(self, table: str, key: Item) -> Item | None:
        """An item as it is now; this read is not counted."""
        body = json.dumps({"TableName": table, "Key": key, "ConsistentRead": True})
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            # The emulator finds the service by the credential's scope and checks no signature.
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        }
        connection = HTTPConnection(self.aws, timeout=30)
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        parsed = json.loads(answer.read())
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the emulator refused to read {table}: {parsed}")
        return parsed.get("Item")

    def count(self, function: str, call: str) -> None:
        """Notes a call."""
        with self.lock:
            self.ledger.calls.setdefault(function, Counter())[call] += 1

    def count_write(self, table: str, before: Item | None, after: Item | None) -> None:
        """Notes what a write cost."""
        known = self.tables[table]
        with self.lock:
            self.ledger.base_writes[table] += base_units(before, after)
            for name, keys in known.indexes.items():
                self.ledger.index_writes[name] += index_units(before, after, known.keys, keys, known.held.get(name))
            if after is not None:
                self.ledger.row_bytes[table] = item_bytes(after)

    def count_read(self, operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        """Notes what a read cost. Raises ValueError for one whose cost its answer does not tell."""
        if filtered := {"FilterExpression", "ProjectionExpression", "ScanFilter", "QueryFilter"} & asked.keys():
            raise ValueError(f"what {operation} with {', '.join(filtered)} costs is not known")
        costs: list[tuple[str, float]] = []
        match operation:
            case "GetItem":
                costs.append((asked["TableName"], read_units(item_bytes(answer.get("Item", {})), asked.get("ConsistentRead", False))))
            case "Query":
                size = sum(item_bytes(item) for item in answer.get("Items", []))
                costs.append((asked["TableName"], read_units(size, asked.get("ConsistentRead", False))))
            case "BatchGetItem":
                for table, wanted in asked["RequestItems"].items():
                    found = [item_bytes(item) for item in answer.get("Responses", {}).get(table, [])]
                    found += [0] * (len(wanted["Keys"]) - len(found))  # one that is not there costs, too
                    costs += [(table, read_units(size, wanted.get("ConsistentRead", False))) for size in found]
            case _:
                raise ValueError(f"what {operation} costs is not known")
        with self.lock:
            for table, cost in costs:
                self.ledger.reads[table] += cost


class Proxy(BaseHTTPRequestHandler):
    """One function's way to AWS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wire: Wire
    function: str

    def log_message(self, *_) -> None:
        """Nothing is logged."""

    def do(self) -> None:
        """Hands a request on, counts it, hands the answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        operation = target.rpartition(".")[2]
        if not target.startswith("DynamoDB_"):
            status, headers, answer = self.forward(body)
            self.wire.count(self.function, self.name(target))
        elif operation in WRITES:
            status, headers, answer = self.write(operation, json.loads(body), body)
        else:
            status, headers, answer = self.read(operation, json.loads(body), body)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + answer)
        self.flush_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Asks the service."""
        to = self.wire.sagemaker if self.path.startswith("/endpoints/") else self.wire.aws
        connection = HTTPConnection(to, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
        # The answer to HEAD tells the length of what it does not send.
        length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        connection.close()
        return answer.status, [*kept, ("Content-Length", length)], content

    def write(self, operation: str, asked: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """A write to DynamoDB, between two looks at the item."""
        table = asked["TableName"]
        keys = self.wire.tables[table].keys
        key = asked.get("Key") or {name: asked["Item"][name] for name in keys}
        with self.wire.writing:
            before = self.wire.item(table, key)
            answered = self.forward(body)
            after = self.wire.item(table, key)
        refused = "" if answered[0] == 200 else f" (status {answered[0]})"
        self.wire.count(self.function, f"DynamoDB {operation}{refused}")
        self.wire.count_write(table, before, after)
        return answered

    def read(self, operation: str, asked: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """A read from DynamoDB, or what is not known."""
        answered = self.forward(body)
        if operation == "GetItem" and asked["Key"] == {"job_id": {"S": "-"}}:
            # A function that starts opens its connection with this read; it belongs to no job.
            self.wire.count(self.function, "DynamoDB GetItem (opens a connection)")
            return answered
        self.wire.count(self.function, f"DynamoDB {operation}")
        if operation not in FREE and answered[0] == 200:
            try:
                self.wire.count_read(operation, asked, json.loads(answered[2]))
            except ValueError as error:
                with self.wire.lock:
                    self.wire.ledger.problems.append(str(error))
        return answered

    def name(self, target: str) -> str:
        """What the API reference calls this request."""
        if target:
            service, _, operation = target.rpartition(".")
            return f"{ {'AWSEvents': 'EventBridge', 'AmazonSQS': 'SQS'}.get(service, service)} {operation}"
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.path.startswith("/endpoints/"):
            return "SageMaker InvokeEndpointAsync"
        if "/@connections/" in parts.path:
            return "API Gateway PostToConnection"
        match self.command:
            case "GET" if "list-type" in query:
                return "S3 ListObjectsV2"
            case "GET" if "versions" in query:
                return "S3 ListObjectVersions"
            case "GET" if "Range" in self.headers:
                return "S3 GetObject (ranged)"
            case "GET":
                return "S3 GetObject (whole)"
            case "HEAD":
                return "S3 HeadObject"
            case "PUT" if "x-amz-copy-source" in self.headers:
                return "S3 CopyObject"
        return f"{self.command} {parts.path}"
