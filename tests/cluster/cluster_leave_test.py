#!/usr/bin/env python3
"""Filers are stopped by SIGTERM and started again, many times, while clients that never try again write: no request fails,
and none is done twice. One filer, whose gateway waits for it; two on one metadata engine, which stand in for each other.

KELP_RESTARTS: so many of each (12).
"""

import os
import re
import sys
import time
import unittest

from cluster_case import ClusterCase
from cluster_load import Running, Writer, longest_gap, wrong_objects
from engine_servers import Redis, program_of
from kelpdev.process import wait_for

BUCKET = "left"
RESTARTS = int(os.environ.get("KELP_RESTARTS", "12"))
WRITERS, PUTS_A_SECOND = 8, 20
PUTS_BETWEEN = 40  # at least, from one restart to the next
VERSIONED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class OneAttempt(Writer):
    attempts = 1


class Leave(ClusterCase):
    LOOPBACK = True
    SIZES = {"master": 1, "volume": 2, "filer": 1, "gateway": 1}

    def restart(self, name):
        daemon = self.cluster[name]
        begun = time.monotonic()
        self.assertEqual(daemon.stop(), 0, f"{name} did not end well")
        stopped = time.monotonic() - begun
        daemon.start()
        wait_for(daemon.is_ready, f"{name} is ready", 60)
        return stopped

    def versions(self, writer):
        """How many versions lie under the keys of a writer."""
        found, after = 0, []
        while True:
            page = self.client("gateway1").must(
                "GET", f"/{BUCKET}", query=[("versions", ""), ("prefix", f"{writer.prefix}/"), *after]).body.decode()
            found += page.count("<VersionId>")
            if "<IsTruncated>true</IsTruncated>" not in page:
                return found
            after = [(marker, re.search(f"<{tag}>(.*?)</{tag}>", page)[1])
                     for marker, tag in (("key-marker", "NextKeyMarker"), ("version-id-marker", "NextVersionIdMarker"))]

    def test_restarts_fail_no_request(self):
        filers = [daemon.name for daemon in self.cluster.of("filer")]
        client = self.client("gateway1")
        client.must("PUT", f"/{BUCKET}")
        client.must("PUT", f"/{BUCKET}", query=[("versioning", "")], body=VERSIONED)
        endpoints = [self.cluster["gateway1"].endpoint]
        writers = [OneAttempt(BUCKET, f"w{number}", 2000, endpoints, self.cluster.keys, PUTS_A_SECOND)
                   for number in range(WRITERS)]

        def done():
            return sum(len(writer.done) + len(writer.failed) for writer in writers)

        slowest_stop = 0.0
        with Running(*writers) as load:
            begun = time.monotonic()
            for number in range(RESTARTS):
                before = done()
                wait_for(lambda: done() >= before + PUTS_BETWEEN, "puts between two restarts", 60)
                slowest_stop = max(slowest_stop, self.restart(filers[number % len(filers)]))
            before = done()
            wait_for(lambda: done() >= before + PUTS_BETWEEN, "puts after the last restart", 60)
            ended = time.monotonic()
        print(f"{len(filers)} filers, {RESTARTS} restarts in {ended - begun:.1f} s: {sum(len(w.done) for w in writers)} puts, "
              f"{len(load.failed)} failed, longest gap {longest_gap(writers, begun, ended):.2f} s, slowest stop "
              f"{slowest_stop:.2f} s", flush=True)
        self.assertEqual(load.failed[:3], [], f"{len(load.failed)} requests failed")
        self.assertEqual(wrong_objects(client, BUCKET, writers), [])
        for writer in writers:
            self.assertEqual(self.versions(writer), len(writer.objects), "a put was done twice")


class LeaveEachOther(Leave):
    SIZES = {**Leave.SIZES, "filer": 2}

    def setUp(self):
        if program_of(Redis) is None:
            print("SKIPPED: redis-server is not installed (tools/dev setup)", file=sys.stderr)
            self.skipTest("not installed")
        super().setUp()

    def prepare(self):
        engine = Redis(program_of(Redis), self.cluster.net.inside())
        self.addCleanup(engine.close)
        self.cluster.settings.update(engine.settings())


if __name__ == "__main__":
    unittest.main(verbosity=2)
