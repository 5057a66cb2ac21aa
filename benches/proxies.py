"""Proxies between the functions and AWS. Each function has its own, so that calls are counted by function, with the
DynamoDB capacity units that they consume.
"""

from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from capacity_units import Item, table_write_units, index_write_units, item_bytes, read_units

# Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the proxy sets itself.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "date", "server"}
WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
# DynamoDB operations that consume no capacity.
FREE_OPERATIONS = {"DescribeTable"}


@dataclass(frozen=True)
class Table:
    """Key schemas of a table and its indexes."""

    keys: list[str]
    indexes: dict[str, list[str]]
    projected: dict[str, list[str]] = field(default_factory=dict)  # non-key attributes, by index

    @classmethod
    def described(cls, description: dict[str, Any]) -> "Table":
        """From a response of DescribeTable. Raises ValueError for an index that projects all attributes."""

        def names(schema: list[dict[str, str]]) -> list[str]:
            return [key["AttributeName"] for key in schema]

        indexes = description.get("GlobalSecondaryIndexes", [])
        for index in indexes:
            if index["Projection"]["ProjectionType"] not in ("KEYS_ONLY", "INCLUDE"):
                raise ValueError(f"the cost of index {index['IndexName']} is not known: it projects all attributes")
        projected = {index["IndexName"]: index["Projection"].get("NonKeyAttributes", []) for index in indexes}
        return cls(names(description["KeySchema"]), {index["IndexName"]: names(index["KeySchema"]) for index in indexes}, projected)


@dataclass
class Usage:
    """The calls of all functions and the capacity that they consumed."""

    calls: dict[str, Counter] = field(default_factory=dict)  # by function
    table_writes: Counter = field(default_factory=Counter)  # write units, by table
    index_writes: Counter = field(default_factory=Counter)  # write units, by index
    reads: Counter = field(default_factory=Counter)  # read units, by table
    row_bytes: dict[str, int] = field(default_factory=dict)  # of the last row written, by table
    problems: list[str] = field(default_factory=list)  # calls whose cost is not known


class CountingProxies:
    """All proxies, and their usage since the last `reset`."""

    def __init__(self, aws_url: str, sagemaker_url: str, tables: dict[str, Table]) -> None:
        self.aws, self.sagemaker = urlsplit(aws_url).netloc, urlsplit(sagemaker_url).netloc
        self.tables = tables
        self.usage = Usage()
        self.lock = threading.Lock()
        # Held during a write, so that no other write comes between the reads of the item before and after it.
        self.writing = threading.Lock()
        self.servers: list[ThreadingHTTPServer] = []

    def proxy(self, function: str) -> str:
        """Starts a proxy for a function. Returns its URL."""
        handler = type("Proxy", (Proxy,), {"proxies": self, "function": function})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    def close(self) -> None:
        """Stops all proxies."""
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def reset(self) -> None:
        """Resets the counts."""
        with self.lock:
            self.usage = Usage()

    def item(self, table: str, key: Item) -> Item | None:
        """The current item. This read is not counted."""
        body = json.dumps({"TableName": table, "Key": key, "ConsistentRead": True})
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            # The emulator reads the service from the credential scope and does not verify the signature.
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
        """Counts a call."""
        with self.lock:
            self.usage.calls.setdefault(function, Counter())[call] += 1

    def count_write(self, table: str, before: Item | None, after: Item | None) -> None:
        """Counts the capacity of a write."""
        known = self.tables[table]
        with self.lock:
            self.usage.table_writes[table] += table_write_units(before, after)
            for name, keys in known.indexes.items():
                self.usage.index_writes[name] += index_write_units(before, after, known.keys, keys, known.projected.get(name))
            if after is not None:
                self.usage.row_bytes[table] = item_bytes(after)

    def count_read(self, operation: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Counts the capacity of a read. Raises ValueError if it cannot be derived from the response."""
        if filtered := {"FilterExpression", "ProjectionExpression", "ScanFilter", "QueryFilter"} & request.keys():
            raise ValueError(f"the cost of {operation} with {', '.join(filtered)} is not known")
        costs: list[tuple[str, float]] = []
        match operation:
            case "GetItem":
                costs.append((request["TableName"], read_units(item_bytes(answer.get("Item", {})), request.get("ConsistentRead", False))))
            case "Query":
                size = sum(item_bytes(item) for item in answer.get("Items", []))
                costs.append((request["TableName"], read_units(size, request.get("ConsistentRead", False))))
            case "BatchGetItem":
                for table, wanted in request["RequestItems"].items():
                    found = [item_bytes(item) for item in answer.get("Responses", {}).get(table, [])]
                    found += [0] * (len(wanted["Keys"]) - len(found))  # a missing item consumes a read as well
                    costs += [(table, read_units(size, wanted.get("ConsistentRead", False))) for size in found]
            case _:
                raise ValueError(f"the cost of {operation} is not known")
        with self.lock:
            for table, cost in costs:
                self.usage.reads[table] += cost


class Proxy(BaseHTTPRequestHandler):
    """Forwards the calls of one function."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxies: CountingProxies
    function: str

    def log_message(self, *_) -> None:
        """Logs nothing."""

    def do(self) -> None:
        """Forwards a request, counts it, and returns the response."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        operation = target.rpartition(".")[2]
        if not target.startswith("DynamoDB_"):
            status, headers, answer = self.forward(body)
            self.proxies.count(self.function, self.name(target))
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
        """Sends the request to the service."""
        upstream = self.proxies.sagemaker if self.path.startswith("/endpoints/") else self.proxies.aws
        connection = HTTPConnection(upstream, timeout=30)
        # Host stays: it is signed.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        # A response to HEAD states the length of the body that it does not contain.
        length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        connection.close()
        return answer.status, [*kept, ("Content-Length", length)], content

    def write(self, operation: str, request: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """A write to DynamoDB, with a read of the item before and after it."""
        table = request["TableName"]
        keys = self.proxies.tables[table].keys
        key = request.get("Key") or {name: request["Item"][name] for name in keys}
        with self.proxies.writing:
            before = self.proxies.item(table, key)
            response = self.forward(body)
            after = self.proxies.item(table, key)
        refused = "" if response[0] == 200 else f" (status {response[0]})"
        self.proxies.count(self.function, f"DynamoDB {operation}{refused}")
        self.proxies.count_write(table, before, after)
        return response

    def read(self, operation: str, request: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """A read from DynamoDB, or an unknown operation."""
        response = self.forward(body)
        if operation == "GetItem" and request["Key"] == {"job_id": {"S": "-"}}:
            # A function opens its connection with this read at its start. It belongs to no job.
            self.proxies.count(self.function, "DynamoDB GetItem (opens a connection)")
            return response
        self.proxies.count(self.function, f"DynamoDB {operation}")
        if operation not in FREE_OPERATIONS and response[0] == 200:
            try:
                self.proxies.count_read(operation, request, json.loads(response[2]))
            except ValueError as error:
                with self.proxies.lock:
                    self.proxies.usage.problems.append(str(error))
        return response

    def name(self, target: str) -> str:
        """The name of the operation in the API reference."""
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
