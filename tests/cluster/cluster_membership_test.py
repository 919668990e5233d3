#!/usr/bin/env python3
"""Operators change a cluster that is in use: leadership, masters in and out, a volume server drained, a volume moved."""

import os
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

BUCKET = "members"
STOP_SECONDS = 5  # a planned stop does not wait for those who follow the news


class Membership(ClusterCase):
    def setUp(self):
        super().setUp()
        self.s3 = self.client("gateway1")
        self.s3.must("PUT", f"/{BUCKET}")
        self.bodies = {}
        self.put_some("first")

    def put_some(self, name):
        """Each as often as it takes, as an SDK does."""
        for number in range(20):
            key, body = f"{name}{number}", os.urandom(50_000)
            wait_for(lambda: self.s3.request("PUT", f"/{BUCKET}/{key}", body=body).status == 200, f"{key} is taken", 20, 0.1)
            self.bodies[key] = body

    def check_all(self):
        for key, body in self.bodies.items():
            self.assertEqual(self.s3.must("GET", f"/{BUCKET}/{key}").body, body, key)

    def test_masters_come_and_go(self):
        cluster = self.cluster
        old = cluster.wait_leader()
        cluster.control("transfer")
        new = cluster.wait_leader(besides=old)
        self.put_some("transferred")

        fourth = cluster.add("master4")
        fourth.options = ("--join", "true")
        fourth.start()
        cluster.control("add-master", "4", fourth.address, seconds=60)
        status = wait_for(cluster.status, "the status")
        self.assertEqual([(m["id"], m["learner"]) for m in status["masters"]], [(n, False) for n in (1, 2, 3, 4)])
        cluster.control("remove-master", str(cluster[new].number), seconds=60)
        self.assertEqual(cluster[new].stop(STOP_SECONDS), 0)
        cluster.wait_leader(besides=new)
        wait_for(lambda: {m["id"] for m in (cluster.status() or {"masters": []})["masters"]}
                 == {1, 2, 3, 4} - {cluster[new].number}, "three masters")
        # Of four, one left and one more dies: the two that remain are a majority of three.
        cluster[old].kill()
        cluster.wait_leader(besides=old)
        self.put_some("after")
        self.check_all()

    def test_a_volume_server_is_drained_and_forgotten(self):
        cluster = self.cluster
        node = cluster.node_of(cluster.wait_whole(), "volume3")["node_id"]
        cluster.control("drain", node)

        def empty():
            self.put_some("draining")
            status = cluster.status()
            return status and not status["jobs"] and cluster.node_of(status, "volume3")["volumes"] == 0

        wait_for(empty, "volume3 is empty", 60, 0.2)
        cluster["volume3"].stop()
        cluster.control("remove-node", node)
        status = cluster.wait_whole()
        self.assertIsNone(cluster.node_of(status, "volume3"))
        self.check_all()

    def test_a_volume_moves_while_it_is_read(self):
        cluster = self.cluster
        status = cluster.wait_whole()
        volume = max(status["volumes"], key=lambda each: each["bytes"])
        target = next(n["node_id"] for n in status["nodes"] if n["node_id"] not in volume["members"])
        cluster.control("move", str(volume["volume"]), volume["members"][0], target)

        def moved():
            self.check_all()
            now = next(v for v in cluster.wait_whole()["volumes"] if v["volume"] == volume["volume"])
            return target in now["members"] and volume["members"][0] not in now["members"]

        wait_for(moved, "the move", 30, 0.2)
        self.put_some("moved")
        self.check_all()


if __name__ == "__main__":
    unittest.main(verbosity=2)
