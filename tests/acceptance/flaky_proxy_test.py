#!/usr/bin/env python3
"""The proxy spoils what it says and nothing else: bytes pass unchanged, a refused request never arrives, a lost one does."""

import http.client
import http.server
import json
import os
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from flaky_proxy import FlakyProxy  # noqa: E402


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent; `seen` has every request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        body = b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, body))
        self.send_response(200)
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

    def log_message(self, *_):
        pass


class Proxy(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a test that hangs up
        self.server.seen = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def through(self, every, record=None):
        """A proxy, and a connection to it."""
        proxy = FlakyProxy(f"http://127.0.0.1:{self.server.server_port}", every, record)
        proxy.__enter__()
        self.addCleanup(proxy.__exit__)
        connection = http.client.HTTPConnection(proxy.endpoint.removeprefix("http://"), timeout=20)
        self.addCleanup(connection.close)
        return proxy, connection

    def ask(self, connection, method, path, body=None, headers=None, **options):
        connection.request(method, path, body, headers or {}, **options)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_every_third_is_refused_and_never_arrives(self):
        proxy, connection = self.through(3)
        statuses = [self.ask(connection, "PUT", f"/{number}", b"x" * 100_000)[0] for number in range(1, 10)]
        self.assertEqual(statuses, [200, 200, 503] * 3)
        self.assertEqual([path for _, path, _ in self.server.seen], ["/1", "/2", "/4", "/5", "/7", "/8"])
        self.assertEqual((proxy.requests, proxy.refused), (9, 3))

    def test_bytes_pass_as_they_are_on_one_connection(self):
        _, connection = self.through(0)
        body = os.urandom(3_000_000)
        for path in ("/plain", "/chunked"):
            self.assertEqual(self.ask(connection, "PUT", path, body), (200, body))
            parts = iter([body[:10], body[10:2_000_000], body[2_000_000:]])
            self.assertEqual(self.ask(connection, "PUT", path, parts, encode_chunked=True,
                                      headers={"Transfer-Encoding": "chunked"}), (200, body))
        self.assertEqual(self.ask(connection, "HEAD", "/plain"), (200, b""))
        self.assertEqual(self.ask(connection, "GET", "/plain"), (200, b""))

    def test_an_answer_to_complete_is_lost_once_and_the_request_was_done(self):
        proxy, connection = self.through(0)
        statuses = [self.ask(connection, "POST", "/b/k?uploadId=1", b"parts")[0] for _ in range(2)]
        self.assertEqual(statuses, [503, 200])
        self.assertEqual(len(self.server.seen), 2)
        self.assertEqual(self.ask(connection, "POST", "/b/k?uploadId=1", b"", {"If-None-Match": "*"})[0], 200)
        self.assertEqual(self.ask(connection, "POST", "/b/k?uploads")[0], 200)
        self.assertEqual((proxy.completes, proxy.lost), (2, 1))

    def test_what_a_client_never_repeats_is_spared(self):
        proxy, connection = self.through(2)
        agent = {"User-Agent": "MinIO (Linux) minio-py/7"}
        statuses = [self.ask(connection, method, "/b/k?uploadId=1", b"", agent)[0] for method in ("POST", "POST", "PUT", "PUT")]
        self.assertEqual(statuses, [200, 200, 200, 503])
        self.assertEqual((proxy.completes, proxy.lost, proxy.refused), (2, 0, 1))

    def test_who_waits_for_100_gets_it_or_the_refusal_at_once(self):
        proxy, _ = self.through(2)
        address = ("127.0.0.1", int(proxy.endpoint.rsplit(":", 1)[1]))
        for expected in (b"HTTP/1.1 100", b"HTTP/1.1 503"):
            with socket.create_connection(address, 20) as connection:
                connection.sendall(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
                self.assertEqual(connection.recv(12, socket.MSG_WAITALL), expected)

    def test_the_record_has_every_request_and_no_signature(self):
        with tempfile.TemporaryDirectory(prefix="kelp-flaky-") as folder:
            record = Path(folder) / "record"
            _, connection = self.through(2, record)
            for _ in range(2):
                self.ask(connection, "GET", "/b/k?X-Amz-Signature=secret&list-type=2")
            lines = [json.loads(line) for line in record.read_text().splitlines()]
            self.assertEqual([(line["status"], line["fault"]) for line in lines], [(200, None), (503, "refused")])
            self.assertNotIn("secret", record.read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
