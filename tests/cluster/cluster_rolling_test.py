#!/usr/bin/env python3
"""Every daemon is restarted, one after the other, under load, as an upgrade does: no request of a client with the SDKs'
standard retries fails, and no acknowledged object is lost.

KELP_PREVIOUS_BINARY=path begins with the binary of an older version: each restart is then the upgrade of that daemon, with
both versions on the wire meanwhile.
"""

import os
import time
import unittest
from pathlib import Path

from cluster_case import ClusterCase
from cluster_load import Reader, Running, Writer, longest_gap, p99, wrong_objects
from kelpdev.process import kelp_binary, wait_for

BUCKET = "rolling"
PREVIOUS = os.environ.get("KELP_PREVIOUS_BINARY")
BODY_BYTES = 64 << 10
PUTS_A_SECOND, GETS_A_SECOND, LOADS = 15, 15, 3
REQUESTS_BETWEEN = 60  # at least, of all loads, from one restart to the next


class Rolling(ClusterCase):
    SETTINGS = {"master.repair_after": "60s"}  # what comes back at once is not repaired around
    BINARY = PREVIOUS

    def restart(self, name):
        """As docs/operations/upgrade.md says: SIGTERM, the new binary, and on only when it serves again."""
        daemon = self.cluster[name]
        begun = time.monotonic()
        self.assertEqual(daemon.stop(), 0, f"{name} did not end well")
        daemon.binary = str(Path(kelp_binary()).resolve())
        daemon.start()
        if daemon.role == "volume":
            self.cluster.wait_whole()
        elif daemon.role == "master":
            wait_for(self.all_masters, f"{name} is back among the masters", 60, 0.2)
        wait_for(daemon.is_ready, f"{name} is ready", 60)
        return time.monotonic() - begun

    def all_masters(self):
        status = self.cluster.status()
        return status and all(master["alive"] for master in status["masters"]) and all(
            master["match"] > 0 for master in status["masters"])

    def test_every_daemon_is_restarted_under_load(self):
        self.client("gateway1").must("PUT", f"/{BUCKET}")
        gateways = [gateway.endpoint for gateway in self.cluster.of("gateway")]
        writers = [Writer(BUCKET, f"w{number}", BODY_BYTES, gateways, self.cluster.keys, PUTS_A_SECOND)
                   for number in range(LOADS)]
        readers = [Reader(BUCKET, writers, gateways, self.cluster.keys, GETS_A_SECOND) for _ in range(LOADS)]
        leader = self.cluster.wait_leader()
        masters = sorted((daemon.name for daemon in self.cluster.of("master")), key=lambda name: name == leader)
        order = [*masters, *(daemon.name for role in ("volume", "filer", "gateway") for daemon in self.cluster.of(role))]
        took = {}
        with Running(*writers, *readers) as load:
            wait_for(lambda: sum(len(writer.objects) for writer in writers) > 40, "some load", 60)
            begun = time.monotonic()
            for name in order:
                took[name] = self.restart(name)
                seen = sum(len(each.done) for each in load.loads) + REQUESTS_BETWEEN
                wait_for(lambda: sum(len(each.done) for each in load.loads) >= seen, f"load after {name}", 60)
            ended = time.monotonic()
        print("seconds of each restart:", ", ".join(f"{name} {seconds:.1f}" for name, seconds in took.items()))
        print(f"{sum(len(each.done) for each in load.loads)} requests, {sum(each.retried for each in load.loads)} retried, "
              f"{len(load.failed)} failed; puts p99 {p99(writers, begun, ended):.2f} s, longest gap "
              f"{longest_gap(writers, begun, ended):.2f} s; gets {p99(readers, begun, ended):.2f} s, "
              f"{longest_gap(readers, begun, ended):.2f} s")
        self.assertEqual(load.failed[:3], [], f"{len(load.failed)} requests failed")
        self.assertEqual(wrong_objects(self.client("gateway2"), BUCKET, writers), [])
        for number, gateway in enumerate(self.cluster.of("gateway"), 1):
            self.assertEqual(self.client(gateway.name).must("GET", f"/{BUCKET}/w0/000000").status, 200, number)


if __name__ == "__main__":
    unittest.main(verbosity=2)
