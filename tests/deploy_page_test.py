"""Tests of the WebSocket client with which `make deploy` receives the push of its probe, against a local server.

Run: .venv/bin/python -m unittest tests/deploy_page_test.py
"""

import json
import pathlib
import socket
import sys
import threading
import unittest

import wsproto
from wsproto import events

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "infra" / "deploy"))

import page as deploy_page  # noqa: E402  the folder holds a program, not a package


class Pages(unittest.TestCase):
    def serve(self, *steps):
        """Starts a server for one connection that does these steps; returns its URL."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def work():
            connection, _ = listener.accept()
            protocol = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
            with connection:
                for step in steps:
                    protocol.receive_data(connection.recv(65536))
                    self.asked.extend(protocol.events())
                    for event in step:
                        connection.sendall(protocol.send(event))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        return f"ws://127.0.0.1:{listener.getsockname()[1]}/live?ticket=secret"

    def setUp(self):
        self.asked = []

    def test_it_assembles_fragmented_messages_and_answers_pings(self):
        text = json.dumps({"type": "job.changed", "name": "x" * 70000})
        halves = [events.TextMessage(text[:40000], message_finished=False), events.Ping(b"there?"), events.TextMessage(text[40000:])]
        page = deploy_page.PageConnection(self.serve([events.AcceptConnection(), *halves], [events.CloseConnection(1001, "over")]))
        self.addCleanup(page.close)
        messages = []
        while not messages:
            messages = page.receive(10)
        self.assertEqual(messages[0]["name"], "x" * 70000)
        with self.assertRaisesRegex(deploy_page.Closed, "closed with 1001 over"):
            for _ in range(10):
                page.receive(10)
        self.assertEqual(self.asked[0].target, "/live?ticket=secret")
        self.assertIn(events.Pong(b"there?"), self.asked)

    def test_it_asks_for_a_snapshot(self):
        snapshot = [events.TextMessage('{"type": "snapshot", "jobs": []}')]
        page = deploy_page.PageConnection(self.serve([events.AcceptConnection()], snapshot))
        self.addCleanup(page.close)
        page.sync()
        messages = []
        while not messages:
            messages = page.receive(10)
        self.assertEqual(messages, [{"type": "snapshot", "jobs": []}])
        self.assertIn({"action": "sync"}, [json.loads(event.data) for event in self.asked if isinstance(event, events.TextMessage)])

    def test_a_refused_connection_is_reported(self):
        with self.assertRaisesRegex(deploy_page.Closed, "refused with 403"):
            deploy_page.PageConnection(self.serve([events.RejectConnection(status_code=403)]))
        with self.assertRaisesRegex(deploy_page.Closed, "does not answer"):
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            listener.close()
            deploy_page.PageConnection(f"ws://127.0.0.1:{port}/live?ticket=secret")


if __name__ == "__main__":
    unittest.main()
