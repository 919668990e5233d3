#!/usr/bin/env python3
"""Limits that all gateways have together: each takes its share, and those that stay take over that of one that died."""

import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

LIMIT = 60
SETTINGS = {"s3.limits": f"key.per_second={LIMIT}", "s3.limits_shared": "true"}


class SharedLimits(unittest.TestCase):
    def burst(self, cluster, name):
        """(requests of LIMIT that a gateway took, seconds that they took)."""
        client = Client(cluster[name].endpoint, *cluster.keys)
        self.addCleanup(client.close)
        begun = time.monotonic()
        statuses = [client.request("GET", "/").status for _ in range(LIMIT)]
        self.assertEqual(set(statuses) - {200, 503}, set())
        return statuses.count(200), time.monotonic() - begun

    def test_each_gateway_has_its_share_as_long_as_it_lives(self):
        with tempfile.TemporaryDirectory(prefix="kelp-limits-") as folder, \
                Cluster(Path(folder), SETTINGS, spread="000", sizes={"master": 1, "volume": 1}, loopback=True) as cluster:
            for name in ("gateway1", "gateway2"):
                wait_for(lambda name=name: cluster[name].metric("kelp_s3_limit_gateways") == 2, f"{name} knows both", 60)
            share = LIMIT // 2
            for name in ("gateway1", "gateway2"):
                taken, seconds = self.burst(cluster, name)
                self.assertGreaterEqual(taken, share)
                self.assertLessEqual(taken, share + share * seconds + 1)
            cluster["gateway2"].kill()
            wait_for(lambda: cluster["gateway1"].metric("kelp_s3_limit_gateways") == 1, "the share of the dead one", 60)
            self.assertEqual(self.burst(cluster, "gateway1")[0], LIMIT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
