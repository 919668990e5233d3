#!/usr/bin/env python3
"""The leading master loses the other masters and keeps everybody else: it gives no lease, the others go on."""

import os
import time
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

BODY = os.urandom(100_000)  # larger than what lies with the metadata: it needs a lease


class Partition(ClusterCase):
    def put(self, client, key):
        return client.request("PUT", f"/partition/{key}", body=BODY).status

    def gateway_that_knows_only(self, master, name):
        """A gateway with one master in its configuration; it holds no lease yet."""
        gateway = self.cluster.add(name)
        gateway.masters = f"{master.number}={master.address}"
        gateway.start()
        return self.client(name)

    def test_a_master_without_a_majority_gives_no_lease(self):
        client = self.client("gateway1")
        client.must("PUT", "/partition")
        self.assertEqual(self.put(client, "before"), 200)
        old = self.cluster.wait_leader()
        others = [master.name for master in self.cluster.of("master") if master.name != old]
        control = self.gateway_that_knows_only(self.cluster[old], "gateway3")
        self.assertEqual(self.put(control, "control"), 200)

        self.cluster.part(old, others)
        new = self.cluster.wait_leader(besides=old)
        given = self.cluster[old].metric("kelp_master_leases_total")
        stale = self.gateway_that_knows_only(self.cluster[old], "gateway4")
        statuses = {self.put(stale, f"stale{number}") for number in range(2)}
        self.assertEqual(statuses, {503}, f"{old} was asked for leases and is cut off from {others}")
        self.assertEqual(self.cluster[old].metric("kelp_master_leases_total"), given)

        # The rest goes on: also for a gateway that holds no lease of before.
        fresh = self.gateway_that_knows_only(self.cluster[new], "gateway5")
        self.assertEqual(self.put(fresh, "during"), 200)
        self.assertEqual(self.put(client, "during too"), 200)

        self.cluster.unpart(old, others)
        self.cluster.wait_masters()
        wait_for(self.cluster[old].is_ready, f"{old} follows", 60, 0.1)
        for key in ("before", "during", "during too"):
            self.assertEqual(client.must("GET", f"/partition/{key}").body, BODY)
        self.assertEqual(self.put(client, "after"), 200)
        self.assertEqual(self.cluster.stop(), {})

    def test_a_leader_that_is_off_the_network_is_replaced_and_comes_back(self):
        client = self.client("gateway1")
        client.must("PUT", "/partition")
        old = self.cluster.wait_leader()
        self.cluster.cut(old)
        new = self.cluster.wait_leader(besides=old)
        fresh = self.gateway_that_knows_only(self.cluster[new], "gateway3")
        cut = time.monotonic()
        wait_for(lambda: self.put(fresh, "during") == 200, "a put with a lease of the new leader", 60, 0.1)
        print(f"a put with a lease of {new} works {time.monotonic() - cut:.1f} s after it led")
        self.cluster.heal(old)
        self.cluster.wait_masters()
        self.assertEqual(client.must("GET", "/partition/during").body, BODY)


if __name__ == "__main__":
    unittest.main(verbosity=2)
