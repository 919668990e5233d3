#!/usr/bin/env python3
"""A volume server dies for good under load: what clients notice, that nothing is lost, that redundancy comes back."""

import os
import time
import unittest

from cluster_case import REPAIR_AFTER_SECONDS, ClusterCase
from cluster_load import Reader, Running, Writer, longest_gap, wrong_objects
from kelpdev.process import wait_for

BUCKET = "loss"
BODY_BYTES = 16 << 10
PUTS_A_SECOND = float(os.environ.get("KELP_PUTS_A_SECOND", "500"))
WRITERS, READERS = 16, 2
GETS_A_SECOND = 25     # of each reader
SECONDS_BEFORE = 4
SECONDS_AFTER = 12     # of load after it died
GAP_BOUND_SECONDS = 5  # on a busy test machine; the aims are 3 s for writes and 2 s for reads


class NodeLoss(ClusterCase):
    def test_a_dead_volume_server_costs_a_moment_and_no_object(self):
        gateways = [gateway.endpoint for gateway in self.cluster.of("gateway")]
        self.client("gateway1").must("PUT", f"/{BUCKET}")
        writers = [Writer(BUCKET, f"w{number}", BODY_BYTES, gateways, self.cluster.keys, PUTS_A_SECOND / WRITERS)
                   for number in range(WRITERS)]
        readers = [Reader(BUCKET, writers, gateways, self.cluster.keys, GETS_A_SECOND) for _ in range(READERS)]
        with Running(*writers, *readers) as load:
            wait_for(lambda: all(load.done for load in (*writers, *readers)), "some load", 60)
            begun = time.monotonic()
            wait_for(lambda: time.monotonic() > begun + SECONDS_BEFORE, "the load before", SECONDS_BEFORE + 5)
            killed = time.monotonic()
            self.cluster["volume2"].kill()
            wait_for(lambda: time.monotonic() > killed + SECONDS_AFTER, "the load after it", SECONDS_AFTER + 5)
            ended = time.monotonic()
        write_gap, read_gap = (longest_gap(threads, killed, ended) for threads in (writers, readers))
        written = [when for writer in writers for when, _ in writer.done]
        before = sum(begun < when < killed for when in written) / (killed - begun)
        after = sum(killed < when < ended for when in written) / (ended - killed)
        print(f"{len(written)} objects; {before:.0f} puts/s before, {after:.0f} after the node died; "
              f"{sum(each.retried for each in load.loads)} attempts were repeated, {len(load.failed)} requests failed after "
              f"the SDKs' standard retries; longest gap of writes {write_gap:.2f} s, of reads {read_gap:.2f} s")

        self.assertEqual(wrong_objects(self.client("gateway2"), BUCKET, writers), [])
        status = self.cluster.wait_whole(REPAIR_AFTER_SECONDS + 60)
        dead = self.cluster.node_of(status, "volume2")["node_id"]
        self.assertEqual([v["volume"] for v in status["volumes"] if dead in v["members"]], [])
        print(f"{len(status['volumes'])} volumes are whole {time.monotonic() - killed:.1f} s after the node died")
        self.assertEqual(load.failed[:3], [], f"{len(load.failed)} requests failed")
        self.assertLess(max(write_gap, read_gap), GAP_BOUND_SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
