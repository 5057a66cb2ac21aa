"""Tests of the reference model over HTTP, with the sample documents and with hostile ones.

  python -m unittest test_reference_model     (requires pypdf)

The tests start the real program with small limits.
"""

from collections.abc import Callable
import hashlib
import http.client
import io
import json
from pathlib import Path
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from pypdf import PdfReader

from hostile_pdfs import bombs, one_page, pdf, slow_page, stream
import make_large
from waiting import WAIT_SECONDS

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "samples"
MAX_BYTES = 30_000_000
CPU_SECONDS = 4


class RunningModel:
    """A running reference model."""

    def __init__(self, *options: str, stderr: int = subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "reference_model.py"), "--port", "0", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self.port = json.loads(self.process.stdout.readline())["port"]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)

    def post(self, body: bytes, accept: str = "application/json", kind: str = "application/pdf") -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request("POST", "/invocations", body, {"Content-Type": kind, "Accept": accept})
            response = connection.getresponse()
            data = response.read()
            assert int(response.headers["Content-Length"]) == len(data), "SageMaker requires Content-Length"
            return response.status, data
        finally:
            connection.close()

    def raw(self, head: str) -> bytes:
        """Sends only headers and reads until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def end(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(WAIT_SECONDS)


class ReferenceModelTest(unittest.TestCase):
    """Most tests share one server."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = RunningModel(
            "--max-bytes",
            str(MAX_BYTES),
            "--cpu-seconds",
            str(CPU_SECONDS),
            "--memory-mb",
            "512",
            "--wall-seconds",
            str(WAIT_SECONDS - 30),
        )
        cls.addClassCleanup(cls.model.end)

    def review(self, name: str) -> dict:
        status, body = self.model.post((SAMPLES / name).read_bytes())
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def error(self, body: bytes, accept: str = "application/json") -> tuple[int, str]:
        status, response = self.model.post(body, accept)
        self.assertGreaterEqual(status, 400, response[:300])
        error = json.loads(response)["error"]
        self.assertEqual(error["status"], status)
        self.assertTrue(error["reason"])
        return status, error["code"]

    def test_review_finds_the_clauses_flags_and_parties_of_each_sample(self) -> None:
        everywhere = {"parties", "termination", "governing_law"}
        for name, kind, clauses, flags in (
            ("NDA Halden-Brightwater.pdf", "nda", {"confidentiality", "term", "liability_cap", "assignment"}, set()),
            ("Ledgerly SaaS subscription (36 months).pdf", "subscription", {"auto_renewal", "indemnity", "payment", "data_protection"},
             {("high", "payment"), ("high", "auto_renewal"), ("high", "liability_cap"), ("medium", "governing_law"), ("medium", "termination"), ("medium", "assignment")}),
            ("Master Services Agreement - Northwind & Calder, signed.pdf", "services", {"liability_cap", "indemnity", "force_majeure", "confidentiality"}, set()),
            ("Mietvertrag Müller & Söhne (2026) v2+final.pdf", "lease", {"auto_renewal", "payment", "data_protection", "liability_cap"},
             {("high", "auto_renewal"), ("medium", "termination"), ("medium", "liability_cap")}),
            ("DPA_Stadtwerke+Meteor.pdf", "dpa", {"data_protection", "confidentiality", "liability_cap"}, {("medium", "data_protection")}),
            ("Offer letter – Zoë Lindqvist.pdf", "employment", {"payment", "non_compete", "confidentiality"}, {("medium", "non_compete")}),
            ("Supply agreement Ağaoğlu, Petrova & Žižka.pdf", "supply", {"force_majeure", "indemnity", "auto_renewal"},
             {("high", "liability_cap"), ("high", "auto_renewal"), ("medium", "governing_law"), ("medium", "termination")}),
            ("consulting-agreement.pdf", "services", {"payment", "term"}, {("high", "liability_cap"), ("medium", "confidentiality"), ("low", "document")}),
        ):  # fmt: skip
            with self.subTest(name):
                response = self.review(f"contracts/{name}")
                self.assertEqual(response["document"]["kind"], kind)
                found = {clause["type"] for clause in response["clauses"]}
                self.assertLessEqual(clauses | everywhere, found)
                got = {(flag["severity"], flag["clause"]) for flag in response["flags"]}
                self.assertLessEqual(flags, got)
                if not flags:
                    self.assertEqual(got, set(), "a balanced contract has no flags")
                self.assertEqual(len(response["facts"]["parties"]), 2)
                for clause in response["clauses"]:
                    self.assertTrue(1 <= clause["page"] <= response["document"]["pages"])
                    self.assertTrue(clause["text"])
                    self.assertTrue(0 < clause["confidence"] < 1)
                self.assertEqual(response["model"]["name"], "reference")
                self.assertIn("not legal advice", response["model"]["disclaimer"].lower())

    def test_summary_contains_the_facts(self) -> None:
        response = self.review("contracts/Ledgerly SaaS subscription (36 months).pdf")
        for fact in (
            "Ledgerly Software Limited",
            "Kessler Maschinenbau GmbH",
            "March 1, 2026",
            "36 months",
            "EUR 96,400",
            "Delaware",
        ):
            self.assertIn(fact, response["summary"])

    def test_scan_without_ocr_gets_a_flag_and_no_clauses(self) -> None:
        model = RunningModel("--no-ocr")
        scan = (SAMPLES / "batches/Scan 2026-03-14 0001.pdf").read_bytes()
        response = json.loads(model.post(scan)[1])
        status, searchable = model.post(scan, "application/pdf")
        model.end()
        self.assertEqual((response["document"]["pages"], response["document"]["words"], response["clauses"]), (2, 0, []))
        self.assertEqual([flag["reason"] for flag in response["flags"]], ["cannot be read: pages 1, 2: no text and there is no OCR here"])
        self.assertEqual(status, 200)
        for page in PdfReader(io.BytesIO(searchable)).pages:
            self.assertIn("there is no OCR here", page.extract_text())

    def test_invalid_documents_are_rejected_with_status_400_and_a_code(self) -> None:
        nda = (SAMPLES / "contracts/NDA Halden-Brightwater.pdf").read_bytes()
        encrypted = pdf(
            one_page(stream(b""))
            | {9: b"<< /Filter /Standard /V 1 /R 2 /O (" + b"o" * 32 + b") /U (" + b"u" * 32 + b") /P -4 >>"},
            extra=b"/Encrypt 9 0 R /ID [(a) (a)]",
        )
        for name, body, code in (
            ("empty", (SAMPLES / "bad/empty.pdf").read_bytes(), "empty"),
            ("broken", (SAMPLES / "bad/broken.pdf").read_bytes(), "broken_pdf"),
            ("not a PDF", (SAMPLES / "bad/not-a-pdf.pdf").read_bytes(), "not_a_pdf"),
            ("encrypted", encrypted, "encrypted_pdf"),
            ("garbage behind a header", b"%PDF-1.7\n" + bytes(range(256)) * 40, "broken_pdf"),
            ("garbage with an end", b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"startxref\n99\n%%EOF", "broken_pdf"),
            ("table overwritten", nda.replace(b"/Root", b"/Toor"), "broken_pdf"),
            (
                "no pages",
                pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Count 0 /Kids [] >>"}),
                "broken_pdf",
            ),
        ):
            for accept in ("application/json", "application/pdf"):
                with self.subTest(name, accept=accept):
                    self.assertEqual(self.error(body, accept), (400, code))

    def test_invalid_requests_get_the_matching_status(self) -> None:
        nda = (SAMPLES / "contracts/NDA Halden-Brightwater.pdf").read_bytes()
        self.assertEqual(self.model.post(nda, kind="text/plain")[0], 415)
        self.assertEqual(self.model.post(nda, accept="text/html")[0], 406)
        self.assertIn(
            b" 411 ", self.model.raw("POST /invocations HTTP/1.1\nContent-Type: application/pdf\n").split(b"\r\n")[0]
        )
        chunked = "POST /invocations HTTP/1.1\nContent-Type: application/pdf\nTransfer-Encoding: chunked\n"
        self.assertIn(b" 411 ", self.model.raw(chunked).split(b"\r\n")[0])
        self.assertIn(b" 404 ", self.model.raw("POST /other HTTP/1.1\nContent-Length: 5\n").split(b"\r\n")[0])

    def test_too_large_document_is_rejected_without_reading_the_body(self) -> None:
        head = f"POST /invocations HTTP/1.1\nContent-Type: application/pdf\nContent-Length: {MAX_BYTES + 1}\n"
        # The client sends no body: a response shows that the server did not wait for it.
        self.assertIn(b" 413 ", self.model.raw(head).split(b"\r\n")[0])
        response = self.model.raw(head + "Expect: 100-continue\n")
        self.assertTrue(response.startswith(b"HTTP/1.1 413 "), response[:80])

    def test_rejected_client_that_keeps_sending_gets_the_response(self) -> None:
        status, body = self.model.post(bytes(MAX_BYTES + 1))
        self.assertEqual((status, json.loads(body)["error"]["code"]), (413, "too_large"))

    def test_connection_serves_several_requests(self) -> None:
        connection = self.model.connect()
        body = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        headers = {"Content-Type": "application/pdf", "Accept": "application/json"}
        for status, document in ((200, body), (400, b"nothing"), (200, body)):
            connection.request("POST", "/invocations", document, headers)
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, status)
        connection.close()

    def test_large_contract_is_reviewed(self) -> None:
        out = io.BytesIO()
        pages = make_large.make("contract", 26_000_000, out)
        status, body = self.model.post(out.getvalue())
        self.assertEqual(status, 200)
        response = json.loads(body)
        self.assertEqual(response["document"]["pages"], pages)
        self.assertIn("liability_cap", {clause["type"] for clause in response["clauses"]})

    def test_batch_larger_than_the_memory_limit_is_written(self) -> None:
        out = io.BytesIO()
        pages = make_large.make("batch", 300_000_000, out)
        model = RunningModel("--memory-mb", "280", "--no-ocr")
        status, body = model.post(out.getvalue(), "application/pdf")
        model.end()
        self.assertEqual(status, 200, body[:300])
        self.assertEqual(len(PdfReader(io.BytesIO(body)).pages), pages)

    def test_expensive_documents_are_rejected_and_do_not_block_others(self) -> None:
        """Each is rejected within its limits, while pings and a normal document get their responses."""
        normal = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        # Readable if the invalid part is ignored; pypdf reads each form once.
        may_succeed = {"length that is its own", "table in a circle", "forms that draw forms"}
        for name, bomb in bombs().items():
            for accept in ("application/json", "application/pdf"):
                with self.subTest(name, accept=accept):
                    result: list[tuple[int, bytes]] = []
                    running = threading.Thread(target=self.store_response, args=(result, bomb, accept))
                    running.start()
                    connection = self.model.connect()
                    connection.request("GET", "/ping")
                    self.assertEqual(connection.getresponse().status, 200)
                    connection.close()
                    self.assertEqual(self.model.post(normal)[0], 200)
                    running.join()
                    status, body = result[0]
                    if name in may_succeed and status == 200:
                        continue
                    self.assertIn(status, (400, 422), body[:300])
                    self.assertTrue(json.loads(body)["error"]["reason"])

    def store_response(self, result: list[tuple[int, bytes]], body: bytes, accept: str) -> None:
        result.append(self.model.post(body, accept))

    def test_ping_responds_while_all_workers_are_busy(self) -> None:
        model = RunningModel("--workers", "1", "--delay-ms", "600000")
        busy = socket.create_connection(("127.0.0.1", model.port))
        busy.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: application/pdf\r\nContent-Length: 5\r\n\r\nhello")
        connection = model.connect()
        for _ in range(3):
            connection.request("GET", "/ping")
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 200)
        connection.close()
        busy.close()
        model.end()

    def test_minimum_duration_delays_only_its_own_document(self) -> None:
        slow, fast = ((SAMPLES / "contracts" / name).read_bytes() for name in ("NDA Halden-Brightwater.pdf", "consulting-agreement.pdf"))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({hashlib.sha256(slow).hexdigest(): 600_000}, file)
            file.flush()
            model = RunningModel("--workers", "1", "--min-durations", file.name)
        with socket.create_connection(("127.0.0.1", model.port)) as waiting:
            head = f"POST /invocations HTTP/1.1\r\nContent-Type: application/pdf\r\nContent-Length: {len(slow)}\r\n\r\n"
            waiting.sendall(head.encode() + slow)
            for _ in range(3):
                self.assertEqual(model.post(fast)[0], 200)
            waiting.setblocking(False)
            self.assertRaises(BlockingIOError, waiting.recv, 1)
        model.end()

    def test_document_past_the_time_limit_gets_status_504(self) -> None:
        model = RunningModel("--wall-seconds", "1", "--cpu-seconds", "60", "--memory-mb", "4096")
        status, body = model.post(slow_page())
        self.assertEqual((status, json.loads(body)["error"]["code"]), (504, "timeout"))
        model.end()

    def test_running_document_is_answered_after_sigterm(self) -> None:
        model = RunningModel("--no-ocr", "--delay-ms", "1500", stderr=subprocess.PIPE)
        document = (SAMPLES / "contracts" / "consulting-agreement.pdf").read_bytes()
        with socket.create_connection(("127.0.0.1", model.port), timeout=30) as connection:
            # A document of which only the head has arrived: the server has begun with it, and waits for a byte.
            head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\nContent-Length: {len(document)}\r\n"
            connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            self.assertIn(b"100 Continue", connection.recv(1024))
            model.process.send_signal(signal.SIGTERM)
            # It accepts no more connections, so that a new client is refused.
            while True:
                try:
                    socket.create_connection(("127.0.0.1", model.port), timeout=30).close()
                except ConnectionError:
                    break
            connection.sendall(document)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:200])
        self.assertEqual(model.process.wait(20), 0)
        model.process.stdin.close()
        model.process.stdout.close()
        model.process.stderr.close()

    def test_all_processes_end_with_standard_input(self) -> None:
        self.assert_all_processes_end(lambda model: model.process.stdin.close())

    def test_all_processes_end_when_the_server_is_killed(self) -> None:
        self.assert_all_processes_end(lambda model: model.process.send_signal(signal.SIGKILL))

    def assert_all_processes_end(self, end: Callable[["RunningModel"], None]) -> None:
        """Every process holds the pipe of standard error, so it reaches end of file with the last one."""
        model = RunningModel("--cpu-seconds", "600", "--memory-mb", "4096", stderr=subprocess.PIPE)
        sender = threading.Thread(target=self.post_ignoring_errors, args=(model, slow_page()))
        sender.start()
        end(model)
        reader = threading.Thread(target=model.process.stderr.read, daemon=True)
        reader.start()
        reader.join(WAIT_SECONDS)
        self.assertFalse(reader.is_alive(), "a process is still running")
        model.process.wait(WAIT_SECONDS)
        sender.join(WAIT_SECONDS)
        for pipe in (model.process.stdin, model.process.stdout, model.process.stderr):
            pipe.close()

    def post_ignoring_errors(self, model: RunningModel, body: bytes) -> None:
        try:
            model.post(body)
        except (OSError, http.client.HTTPException):
            pass  # the server has ended, as intended


if __name__ == "__main__":
    unittest.main()
