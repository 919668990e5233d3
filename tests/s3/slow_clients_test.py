#!/usr/bin/env python3
"""Clients that are many or slow: ten thousand connections, heads and bodies that do not come, answers that nobody reads.

The others are served meanwhile, and the slow are left in the time that docs/operations/running.md says. With them what a
crash may leave: no core file, whose bytes would be keys and objects.

KELP_CONNECTIONS sets how many connections (10,000; fewer where the limit of open files is lower).
"""

import hashlib
import os
import resource
import selectors
import signal
import socket
import tempfile
import time
import unittest
from pathlib import Path

import boto3_world  # noqa: F401  (finds the packages)
from kelpdev.process import KelpProcess, rss_mib, wait_for
from raw_s3 import Account, Connection, in_bytes, sign

WANTED = int(os.environ.get("KELP_CONNECTIONS", "10000"))
MOST_MIB = 512
PATIENCE_SECONDS = 1  # limits.progress_timeout
HALF_A_HEAD = b"GET /slow/k HTTP/1.1\r\nHost: x\r\nX-A: "


def allow_files():
    """Raises the limit of open files to what is allowed; how many connections that leaves room for."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(WANTED, most - 300)


class SlowCase(unittest.TestCase):
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-slow-")
        config = Path(cls.scratch.name) / "kelp.toml"
        config.write_text(cls.settings)
        cls.kelp = KelpProcess(Path(cls.scratch.name) / "server", "--config", str(config))
        cls.kelp.start()
        cls.account = Account(*cls.kelp.keys)
        cls.wire = Connection("127.0.0.1", cls.kelp.port)
        cls.must("PUT", "/slow")
        cls.must("PUT", "/slow/k", b"small")

    @classmethod
    def tearDownClass(cls):
        cls.wire.close()
        cls.kelp.stop()
        cls.scratch.cleanup()

    @classmethod
    def signed(cls, method, target, body=b"", length=None):
        """A request whose body may be promised only: `length` is what its head says."""
        headers = {"host": f"127.0.0.1:{cls.kelp.port}"}
        payload = "UNSIGNED-PAYLOAD" if length is not None else hashlib.sha256(body).hexdigest()
        sign(cls.account, method, target, "", headers, payload)
        headers["content-length"] = str(len(body) if length is None else length)
        return in_bytes(method, target, list(headers.items()), body)

    @classmethod
    def must(cls, method, target, body=b""):
        answer = cls.wire.ask(cls.signed(method, target, body), method == "HEAD")
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {target}: {answer.status} {answer.body[:200]}")
        return answer

    def opened(self, count, first=b""):
        """So many connections, each of which has said `first`."""
        made = [socket.create_connection(("127.0.0.1", self.kelp.port), timeout=30) for _ in range(count)]
        self.addCleanup(lambda: [each.close() for each in made])
        for each in made:
            each.sendall(first)
        return made

    def connections(self):
        return self.kelp.metric("kelp_s3_http_connections")

    def served_in(self):
        """Seconds that an honest client's write and read took."""
        begun = time.monotonic()
        self.must("PUT", "/slow/honest", b"x" * 100_000)
        self.assertEqual(self.must("GET", "/slow/k").body, b"small")
        return time.monotonic() - begun


class Many(SlowCase):
    room = allow_files()
    settings = f'[limits]\nconnections = {room + 10}\nhead_timeout = "5m"\nidle_timeout = "5m"\n'

    def test_ten_thousand_connections_keep_nobody_out(self):
        self.served_in()
        begun = time.monotonic()
        idle = self.opened(self.room // 2)
        heads = self.opened(self.room - len(idle), HALF_A_HEAD)
        wait_for(lambda: self.connections() >= self.room, f"{self.room} connections")
        seconds, grown = self.served_in(), rss_mib([self.kelp.pid])
        self.assertLess(seconds, 5)
        self.assertLess(grown, MOST_MIB)
        # Each is a connection that works: some of either kind are asked something now.
        for each in idle[::500]:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(each.recv(100).startswith(b"HTTP/1.1 200"))
        for each in heads[::500]:
            each.sendall(b"b\r\n\r\n")
            self.assertTrue(each.recv(100).startswith(b"HTTP/1.1 403"))
        # Past the limit there is an answer, and room again when others leave.
        more = self.opened(20)
        refused = [each.recv(100) for each in more[-5:]]
        self.assertTrue(all(answer.startswith(b"HTTP/1.1 503") for answer in refused), refused)
        for each in (*idle, *heads, *more):
            each.close()
        wait_for(lambda: self.connections() < 20, "the end of the connections")
        self.assertGreaterEqual(self.kelp.metric("kelp_s3_http_refused_connections_total"), 5)
        self.served_in()
        print(f"{self.room} connections in {time.monotonic() - begun:.1f} s: {seconds * 1000:.0f} ms beside them, {grown:.0f} MiB")


class Slow(SlowCase):
    settings = (f'[limits]\nhead_timeout = "{PATIENCE_SECONDS}s"\nprogress_timeout = "{PATIENCE_SECONDS}s"\nminimum_body_rate = 65536\n'
                'body_memory = "64MiB"\n')

    def answer_of(self, each):
        """What a slow client is told: status and body, however long it takes."""
        wire = Connection("127.0.0.1", self.kelp.port)
        wire.socket = each
        answer = wire.read_answer()
        return answer.status, answer.body

    def too_slow(self, each):
        status, body = self.answer_of(each)
        self.assertEqual(status, 400 if b"<Resource>" in body else 408, body)
        self.assertIn(b"<Code>RequestTimeout</Code>", body)
        self.assertIn(b"<Message>Your socket connection to the server was not read from or written to within the timeout period.", body)

    def test_a_head_that_does_not_come(self):
        slow = self.opened(100, HALF_A_HEAD)
        self.assertLess(self.served_in(), 5)
        for each in slow:
            self.too_slow(each)

    def test_a_head_byte_by_byte(self):
        (slow,) = self.opened(1)
        with selectors.DefaultSelector() as answered:
            answered.register(slow, selectors.EVENT_READ)
            for byte in HALF_A_HEAD * 100:
                slow.sendall(bytes([byte]))
                if answered.select(0.02):
                    break
        self.too_slow(slow)

    def test_a_body_that_stops(self):
        for length in (1000, 1 << 20, 20 << 20):
            slow = self.opened(20)
            for number, each in enumerate(slow):
                each.sendall(self.signed("PUT", f"/slow/stops-{number}", b"", length) + b"x" * min(length // 2, 100_000))
            self.assertLess(self.served_in(), 5)
            for number, each in enumerate(slow):
                self.too_slow(each)
                self.assertEqual(self.wire.ask(self.signed("GET", f"/slow/stops-{number}")).status, 404)

    def test_a_body_that_trickles(self):
        slow = self.opened(20)
        with selectors.DefaultSelector() as answered:
            for number, each in enumerate(slow):
                each.sendall(self.signed("PUT", f"/slow/trickles-{number}", b"", 1 << 20))
                answered.register(each, selectors.EVENT_READ)
            waiting, deadline = set(slow), time.monotonic() + 30
            while waiting and time.monotonic() < deadline:
                for each in waiting:
                    each.sendall(b"x")
                waiting -= {found.fileobj for found, _ in answered.select(0.1)}
        self.assertEqual(waiting, set(), "they were waited for all the same")
        for each in slow:
            self.too_slow(each)

    def test_answers_that_nobody_reads(self):
        self.must("PUT", "/slow/large", os.urandom(32 << 20))
        before = self.connections()
        slow = [socket.socket() for _ in range(50)]
        self.addCleanup(lambda: [each.close() for each in slow])
        for each in slow:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.connect(("127.0.0.1", self.kelp.port))
            each.sendall(self.signed("GET", "/slow/large"))
        wait_for(lambda: self.connections() > before, "the slow readers")
        self.assertLess(self.served_in(), 5)
        self.assertLess(rss_mib([self.kelp.pid]), MOST_MIB)
        wait_for(lambda: self.connections() <= before + 1, "the end of the slow readers", 30)
        self.served_in()


class Crash(unittest.TestCase):
    """PR_SET_DUMPABLE 0: a server that crashes leaves no core file, where every other program would."""

    def dumps(self, folder, words):
        """A command that runs in `folder`, where a core file may be written."""
        return ["sh", "-c", f'cd "{folder}" && ulimit -c 64 && exec "$@"', "sh", *words]

    def test_no_core_is_left(self):
        with tempfile.TemporaryDirectory(prefix="kelp-core-") as folder:
            if self.ended(folder, None) is not True:
                self.skipTest("no program dumps core on this machine")
            self.assertFalse(self.ended(folder, KelpProcess(Path(folder) / "server", wrapper=self.dumps(folder, ()))))

    def ended(self, folder, kelp):
        """Whether the kernel says that a process which was ended by SIGSEGV dumped core; without `kelp` that of `sleep`."""
        if kelp is None:
            pid = os.posix_spawnp("sh", self.dumps(folder, ("sleep", "60")), os.environ)
            wait_for(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "sleep")
        else:
            kelp.start()
            pid = kelp.process.pid
        os.kill(pid, signal.SIGSEGV)
        status = os.waitpid(pid, 0)[1]
        if kelp is not None:
            kelp.process.returncode = -signal.SIGSEGV
        self.assertEqual(os.WTERMSIG(status), signal.SIGSEGV)
        return os.WCOREDUMP(status)


if __name__ == "__main__":
    unittest.main(verbosity=2)
