"""Tests of the reference model over HTTP, with the sample documents and with hostile ones.

  python -m unittest test_reference_model     (pypdf must be installed)

The server under test is the real program, started once with small limits.
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

from hostile_pdfs import bombs, endless, one_page, pdf, scan, stream
import make_large

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "samples"
MAX_BYTES = 30_000_000
CPU_SECONDS = 4


class Model:
    """The program, running."""

    def __init__(self, *options: str, stderr: int = subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "reference_model.py"), "--port", "0", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self.port = json.loads(self.process.stdout.readline())["port"]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def post(self, body: bytes, accept: str = "application/json", kind: str = "application/pdf") -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request("POST", "/invocations", body, {"Content-Type": kind, "Accept": accept})
            answer = connection.getresponse()
            data = answer.read()
            assert int(answer.headers["Content-Length"]) == len(data), "SageMaker demands Content-Length"
            return answer.status, data
        finally:
            connection.close()

    def raw(self, head: str) -> bytes:
        """Sends only a head and reads until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def end(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


class ReferenceModel(unittest.TestCase):
    """One server for all tests."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = Model(
            "--max-bytes",
            str(MAX_BYTES),
            "--cpu-seconds",
            str(CPU_SECONDS),
            "--memory-mb",
            "512",
            "--wall-seconds",
            "50",
        )
        cls.addClassCleanup(cls.model.end)

    def review(self, name: str) -> dict:
        status, body = self.model.post((SAMPLES / name).read_bytes())
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def error(self, body: bytes, accept: str = "application/json") -> tuple[int, str]:
        status, answer = self.model.post(body, accept)
        self.assertGreaterEqual(status, 400, answer[:300])
        error = json.loads(answer)["error"]
        self.assertEqual(error["status"], status)
        self.assertTrue(error["reason"])
        return status, error["code"]

    def test_finds_what_is_in_each_contract(self) -> None:
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
                answer = self.review(f"contracts/{name}")
                self.assertEqual(answer["document"]["kind"], kind)
                found = {clause["type"] for clause in answer["clauses"]}
                self.assertLessEqual(clauses | everywhere, found)
                got = {(flag["severity"], flag["clause"]) for flag in answer["flags"]}
                self.assertLessEqual(flags, got)
                if not flags:
                    self.assertEqual(got, set(), "a balanced contract gets no flags")
                self.assertEqual(len(answer["facts"]["parties"]), 2)
                for clause in answer["clauses"]:
                    self.assertTrue(1 <= clause["page"] <= answer["document"]["pages"])
                    self.assertTrue(clause["text"])
                    self.assertTrue(0 < clause["confidence"] < 1)
                self.assertEqual(answer["model"]["name"], "reference")
                self.assertIn("not legal advice", answer["model"]["note"].lower())

    def test_the_summary_is_made_of_the_facts(self) -> None:
        answer = self.review("contracts/Ledgerly SaaS subscription (36 months).pdf")
        for fact in (
            "Ledgerly Software Limited",
            "Kessler Maschinenbau GmbH",
            "March 1, 2026",
            "36 months",
            "EUR 96,400",
            "Delaware",
        ):
            self.assertIn(fact, answer["summary"])

    def test_a_scan_is_answered_with_a_flag(self) -> None:
        answer = self.review("batches/Scan 2026-03-14 0001.pdf")
        self.assertEqual((answer["document"]["pages"], answer["document"]["words"], answer["clauses"]), (2, 0, []))
        self.assertEqual([flag["reason"].split(":")[0] for flag in answer["flags"]], ["no readable text (scan?)"])

    def test_bad_documents_are_refused_with_a_reason(self) -> None:
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
                "no_pages",
            ),
        ):
            for accept in ("application/json", "application/pdf"):
                with self.subTest(name, accept=accept):
                    self.assertEqual(self.error(body, accept), (400, code))

    def test_requests_that_break_the_contract(self) -> None:
        nda = (SAMPLES / "contracts/NDA Halden-Brightwater.pdf").read_bytes()
        self.assertEqual(self.model.post(nda, kind="text/plain")[0], 415)
        self.assertEqual(self.model.post(nda, accept="text/html")[0], 406)
        self.assertIn(
            b" 411 ", self.model.raw("POST /invocations HTTP/1.1\nContent-Type: application/pdf\n").split(b"\r\n")[0]
        )
        chunked = "POST /invocations HTTP/1.1\nContent-Type: application/pdf\nTransfer-Encoding: chunked\n"
        self.assertIn(b" 411 ", self.model.raw(chunked).split(b"\r\n")[0])
        self.assertIn(b" 404 ", self.model.raw("POST /other HTTP/1.1\nContent-Length: 5\n").split(b"\r\n")[0])

    def test_an_oversize_document_is_refused_unread(self) -> None:
        head = f"POST /invocations HTTP/1.1\nContent-Type: application/pdf\nContent-Length: {MAX_BYTES + 1}\n"
        # No byte of the body is ever sent: an answer shows that the server did not wait for it.
        self.assertIn(b" 413 ", self.model.raw(head).split(b"\r\n")[0])
        refused = self.model.raw(head + "Expect: 100-continue\n")
        self.assertTrue(refused.startswith(b"HTTP/1.1 413 "), refused[:80])

    def test_a_refused_client_that_keeps_sending_still_gets_its_answer(self) -> None:
        status, body = self.model.post(bytes(MAX_BYTES + 1))
        self.assertEqual((status, json.loads(body)["error"]["code"]), (413, "too_large"))

    def test_a_connection_serves_one_request_after_another(self) -> None:
        connection = self.model.connect()
        body = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        headers = {"Content-Type": "application/pdf", "Accept": "application/json"}
        for status, document in ((200, body), (400, b"nothing"), (200, body)):
            connection.request("POST", "/invocations", document, headers)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)
        connection.close()

    def test_a_large_contract(self) -> None:
        out = io.BytesIO()
        pages = make_large.make("contract", 26_000_000, out)
        status, body = self.model.post(out.getvalue())
        self.assertEqual(status, 200)
        answer = json.loads(body)
        self.assertEqual(answer["document"]["pages"], pages)
        self.assertIn("liability_cap", {clause["type"] for clause in answer["clauses"]})

    def test_the_text_layer_follows_the_untouched_original(self) -> None:
        sample = (SAMPLES / "batches/Scan 2026-03-14 0001.pdf").read_bytes()
        junk_before = b"a few bytes of junk\n" + scan(False)
        for name, original in (
            ("sample", sample),
            ("table", scan(False)),
            ("stream", scan(True)),
            ("junk before", junk_before),
        ):
            with self.subTest(name):
                status, body = self.model.post(original, "application/pdf")
                self.assertEqual(status, 200, body[:300])
                self.assertTrue(body.startswith(original))
                reader = PdfReader(io.BytesIO(body), strict=name != "junk before")
                self.assertEqual(len(reader.pages), 2)
                for number, page in enumerate(reader.pages, 1):
                    text = page.extract_text()
                    self.assertIn(f"Page {number}: image of", text)
                    self.assertIn("does no OCR", text)
                    self.assertIn(b" 3 Tr", page.get_contents().get_data(), "the text must be invisible")
                    self.assertEqual(len(page["/Resources"]["/XObject"]), 1, "the image must still be drawn")
                self.assertIn("2 of 2 pages", reader.metadata["/DocketTextLayer"])

    def test_the_text_layer_leaves_pages_with_text_alone(self) -> None:
        for name in (
            "contracts/Master Services Agreement - Northwind & Calder, signed.pdf",
            "contracts/DPA_Stadtwerke+Meteor.pdf",
        ):
            original = (SAMPLES / name).read_bytes()
            status, body = self.model.post(original, "application/pdf")
            self.assertEqual(status, 200)
            before, after = PdfReader(io.BytesIO(original)), PdfReader(io.BytesIO(body), strict=True)
            self.assertEqual(
                [page.extract_text() for page in before.pages], [page.extract_text() for page in after.pages]
            )
            self.assertIn(" 0 of ", after.metadata["/DocketTextLayer"])

    def test_a_second_layer_adds_nothing(self) -> None:
        once = self.model.post(scan(True), "application/pdf")[1]
        twice = self.model.post(once, "application/pdf")[1]
        self.assertTrue(twice.startswith(once))
        self.assertEqual(PdfReader(io.BytesIO(twice)).pages[0].extract_text().count("Page 1"), 1)

    def test_bombs_hurt_nobody_else(self) -> None:
        """Each is refused within its limits while pings and an honest document are answered."""
        honest = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        # Readable once the odd part is ignored; pypdf reads each form once.
        may_be_fine = {"length that is its own", "table in a circle", "forms that draw forms"}
        for name, bomb in bombs().items():
            for accept in ("application/json", "application/pdf"):
                with self.subTest(name, accept=accept):
                    result: list[tuple[int, bytes]] = []
                    running = threading.Thread(target=self.keep_answer, args=(result, bomb, accept))
                    running.start()
                    connection = self.model.connect()
                    connection.request("GET", "/ping")
                    self.assertEqual(connection.getresponse().status, 200)
                    connection.close()
                    self.assertEqual(self.model.post(honest)[0], 200)
                    running.join()
                    status, body = result[0]
                    if name in may_be_fine and status == 200:
                        continue
                    self.assertIn(status, (400, 422), body[:300])
                    self.assertTrue(json.loads(body)["error"]["reason"])

    def keep_answer(self, result: list[tuple[int, bytes]], body: bytes, accept: str) -> None:
        result.append(self.model.post(body, accept))

    def test_ping_answers_while_every_worker_is_taken(self) -> None:
        model = Model("--workers", "1", "--delay-ms", "600000")
        busy = socket.create_connection(("127.0.0.1", model.port))
        busy.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: application/pdf\r\nContent-Length: 5\r\n\r\nhello")
        connection = model.connect()
        for _ in range(3):
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        connection.close()
        busy.close()
        model.end()

    def test_a_document_that_takes_long_is_not_answered_before_and_holds_nobody_up(self) -> None:
        long, short = ((SAMPLES / "contracts" / name).read_bytes() for name in ("NDA Halden-Brightwater.pdf", "consulting-agreement.pdf"))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({hashlib.sha256(long).hexdigest(): 600_000}, file)
            file.flush()
            model = Model("--workers", "1", "--takes", file.name)
        with socket.create_connection(("127.0.0.1", model.port)) as waits:
            head = f"POST /invocations HTTP/1.1\r\nContent-Type: application/pdf\r\nContent-Length: {len(long)}\r\n\r\n"
            waits.sendall(head.encode() + long)
            for _ in range(3):
                self.assertEqual(model.post(short)[0], 200)
            waits.setblocking(False)
            self.assertRaises(BlockingIOError, waits.recv, 1)
        model.end()

    def test_a_document_past_its_time_is_answered_504(self) -> None:
        model = Model("--wall-seconds", "1", "--cpu-seconds", "60", "--memory-mb", "4096")
        status, body = model.post(endless())
        self.assertEqual((status, json.loads(body)["error"]["code"]), (504, "timeout"))
        model.end()

    def test_all_processes_end_with_standard_input(self) -> None:
        self.ends_by(lambda model: model.process.stdin.close())

    def test_all_processes_end_when_the_server_is_killed(self) -> None:
        self.ends_by(lambda model: model.process.send_signal(signal.SIGKILL))

    def ends_by(self, end: Callable[["Model"], None]) -> None:
        """Every process of the program holds our pipe as standard error: it ends with the last one."""
        model = Model("--cpu-seconds", "600", "--memory-mb", "4096", stderr=subprocess.PIPE)
        sender = threading.Thread(target=self.lost, args=(model, endless()))
        sender.start()
        end(model)
        gone = threading.Thread(target=model.process.stderr.read, daemon=True)
        gone.start()
        gone.join(30)
        self.assertFalse(gone.is_alive(), "a process is left")
        model.process.wait(20)
        sender.join(20)
        for pipe in (model.process.stdin, model.process.stdout, model.process.stderr):
            pipe.close()

    def lost(self, model: Model, body: bytes) -> None:
        try:
            model.post(body)
        except (OSError, http.client.HTTPException):
            pass  # the server went away, which is what the test is about


if __name__ == "__main__":
    unittest.main()
