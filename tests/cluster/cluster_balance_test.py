#!/usr/bin/env python3
"""Four empty volume servers join four full ones: the bytes spread over all eight by themselves, and clients hardly notice."""

import os
import time
import unittest

from cluster_case import ClusterCase
from cluster_load import Reader, Running, Writer, p99, wrong_objects
from kelpdev.process import wait_for

BUCKET = "balance"
MIB = int(os.environ.get("KELP_BALANCE_MIB", "96"))  # of objects before the others join; two copies of each
FILL_BYTES, LOAD_BYTES = 128 << 10, 16 << 10
PUTS_A_SECOND, GETS_A_SECOND, LOADS = 20, 20, 2      # of each of so many writers and readers
QUIET_SECONDS = 8
EVEN = 0.05
P99_BOUND_SECONDS = 2  # on a busy test machine; the aim is twice the undisturbed p99


class Balance(ClusterCase):
    SETTINGS = {"volume.size_limit": "1MiB", "volume.background_rate": "16MiB"}

    def fill(self):
        client = self.client("gateway1")
        client.must("PUT", f"/{BUCKET}")
        for number in range((MIB << 20) // FILL_BYTES):
            client.must("PUT", f"/{BUCKET}/fill/{number:06}", body=os.urandom(FILL_BYTES))

    def used(self):
        """Bytes on each volume server, and how far the one that is furthest from even is; None while jobs run."""
        status = self.cluster.status()
        if not status or status["jobs"]:
            return None
        used = {node["node_id"]: 0 for node in status["nodes"]}
        for volume in status["volumes"]:
            for member in volume["members"]:
                used[member] += volume["bytes"]
        mean = sum(used.values()) / len(used)
        return used, max(abs(bytes_ - mean) for bytes_ in used.values()) / mean

    def test_new_volume_servers_take_their_share(self):
        self.fill()
        gateways = [gateway.endpoint for gateway in self.cluster.of("gateway")]
        writers = [Writer(BUCKET, f"w{number}", LOAD_BYTES, gateways, self.cluster.keys, PUTS_A_SECOND)
                   for number in range(LOADS)]
        readers = [Reader(BUCKET, writers, gateways, self.cluster.keys, GETS_A_SECOND) for _ in range(LOADS)]
        with Running(*writers, *readers) as load:
            wait_for(lambda: sum(len(w.done) + len(r.done) for w, r in zip(writers, readers)) > 20, "some load", 60)
            before = time.monotonic()
            wait_for(lambda: time.monotonic() > before + QUIET_SECONDS, "undisturbed load", QUIET_SECONDS + 5)
            joined = time.monotonic()
            for number in range(5, 9):
                self.cluster.add(f"volume{number}").start()
            self.cluster.wait_alive()

            def even():
                found = self.used()
                return found and len(found[0]) == 8 and found[1] <= EVEN and found

            used, apart = wait_for(even, "even bytes", 120, 0.5)
            ended = time.monotonic()
        for name, loads in (("puts", writers), ("gets", readers)):
            quiet, busy = p99(loads, before, joined), p99(loads, joined, ended)
            print(f"{name}: p99 {quiet * 1000:.1f} ms before, {busy * 1000:.1f} ms meanwhile ({busy / quiet:.1f} times)")
            self.assertLess(busy, P99_BOUND_SECONDS)
        print(f"{sum(used.values()) >> 20} MiB on 8 volume servers: {apart * 100:.1f} % from even {ended - joined:.1f} s after "
              f"four of them joined; MiB {sorted(b >> 20 for b in used.values())}")
        self.assertEqual(load.failed[:3], [])
        self.cluster.wait_whole()
        self.assertEqual(wrong_objects(self.client("gateway2"), BUCKET, writers), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
