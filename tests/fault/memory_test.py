#!/usr/bin/env python3
"""Hundreds of clients that ask for large listings and do not read them: the server's memory stays bounded, some get 503."""

import hashlib
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import KelpProcess, rss_mib, wait_for  # noqa: E402
from kelpdev.s3 import Client, sign  # noqa: E402

BUCKET = "wide"
KEYS = 1000
READERS = 100
FILER_MIB, BODIES_MIB = 64, 64
# Six bytes of XML each: a page is larger than what the kernel takes off a sender.
FOLDER = "/" + '"' * 950
# The program, its threads and heaps, and sockets' copies of what is under way.
BESIDES_MIB = 80


def slow_reader(kelp):
    """A connection that asked for a page of some six megabytes and has room for a few KiB of it."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(60)
    peer.connect(("127.0.0.1", kelp.port))
    host = kelp.endpoint.removeprefix("http://")
    headers = sign("GET", host, f"/{BUCKET}", [("list-type", "2")], {}, hashlib.sha256(b"").hexdigest(), *kelp.keys)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "host")
    peer.sendall(f"GET /{BUCKET}?list-type=2 HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
    return peer


class Memory(unittest.TestCase):
    def fill(self, kelp, first):
        client = Client(kelp.endpoint, *kelp.keys)
        for number in range(first, KEYS, 4):
            client.must("PUT", f"/{BUCKET}/{number:04}{FOLDER}")

    def test_pages_that_nobody_reads(self):
        with tempfile.TemporaryDirectory(prefix="kelp-memory-") as folder:
            options = ("--set", f"filer.memory={FILER_MIB}MiB", "--set", f"limits.body_memory={BODIES_MIB}MiB")
            with KelpProcess(Path(folder) / "server", *options) as kelp:
                Client(kelp.endpoint, *kelp.keys).must("PUT", f"/{BUCKET}")
                threads = [threading.Thread(target=self.fill, args=(kelp, first)) for first in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(len(Client(kelp.endpoint, *kelp.keys).list_keys(BUCKET)), KEYS)
                readers = [slow_reader(kelp) for _ in range(READERS)]
                # Who has the first byte of an answer has all of it waiting in the server.
                statuses = [reader.recv(12) for reader in readers]
                resident = rss_mib([kelp.pid])
                print(f"{statuses.count(b'HTTP/1.1 200')} pages wait, {statuses.count(b'HTTP/1.1 503')} were refused, "
                      f"{resident:.0f} MiB resident")
                self.assertEqual(set(statuses), {b"HTTP/1.1 200", b"HTTP/1.1 503"})
                self.assertLess(resident, FILER_MIB + BODIES_MIB + BESIDES_MIB)
                for reader in readers:
                    reader.close()
                wait_for(lambda: Client(kelp.endpoint, *kelp.keys).request("GET", f"/{BUCKET}").status == 200,
                         "memory for a page", 30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
