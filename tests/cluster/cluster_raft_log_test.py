#!/usr/bin/env python3
"""A master's log with a torn tail is cut and goes on; one that is damaged in its middle is refused, and the way out that the
message names works. An old copy of a volume that comes back after it was replaced is removed."""

import os
import unittest

from cluster_case import REPAIR_AFTER_SECONDS, ClusterCase
from kelpdev.process import wait_for

BUCKET = "log"


class RaftLog(ClusterCase):
    def setUp(self):
        super().setUp()
        self.s3 = self.client("gateway1")
        self.s3.must("PUT", f"/{BUCKET}")
        self.bodies = {}
        self.put_some("first")

    def put_some(self, name, count=20):
        for number in range(count):
            path, body = f"/{BUCKET}/{name}{number}", os.urandom(50_000)
            wait_for(lambda: self.s3.request("PUT", path, body=body).status == 200, f"{path} is taken", 60, 0.1)
            self.bodies[path] = body

    def check_all(self):
        for path, body in self.bodies.items():
            self.assertEqual(self.s3.must("GET", path).body, body, path)

    def follower(self, besides=()):
        leader = self.cluster.wait_leader()
        return next(m for m in self.cluster.of("master") if m.name not in (leader, *besides))

    def newest_segment(self, master):
        return max((master.data / "master/raft").glob("log-*.seg"))

    def all_follow(self):
        status = self.cluster.status()
        return status and all(master["alive"] for master in status["masters"]) and status

    def test_a_torn_tail_is_cut_and_a_damaged_log_is_replaced(self):
        cluster = self.cluster
        torn = self.follower()
        torn.kill()
        segment = self.newest_segment(torn)
        os.truncate(segment, segment.stat().st_size - 9)
        torn.start()
        self.assertIn("torn_tail", torn.log())
        wait_for(self.all_follow, f"{torn.name} follows", 60, 0.1)
        self.put_some("torn")

        damaged = self.follower()
        damaged.kill()
        segment = self.newest_segment(damaged)
        content = bytearray(segment.read_bytes())
        content[200] ^= 0x10  # of the first frame, far from the tail
        segment.write_bytes(content)
        with self.assertRaises(RuntimeError) as refused:
            damaged.start()
        said = str(refused.exception)
        self.assertIn(segment.name, said)
        self.assertIn("remove it from the group and add it again, with an empty directory and a new node id", said)
        self.assertIn("kelp cluster remove-master", said)

        # What it says: out with this one, in with another one that has an empty directory and an id of its own.
        cluster.control("remove-master", str(damaged.number), seconds=60)
        fresh = cluster.add("master4")
        fresh.options = ("--join", "true")
        fresh.start()
        cluster.control("add-master", "4", fresh.address, seconds=60)
        status = wait_for(self.all_follow, "all masters follow", 60, 0.1)
        self.assertEqual({m["id"] for m in status["masters"]}, {1, 2, 3, 4} - {damaged.number})
        # The new one counts: without one of the others, it and the third are a majority.
        self.follower(besides=("master4",)).kill()
        self.put_some("replaced")
        self.check_all()

    def test_one_master_is_enough_to_read(self):
        cluster = self.cluster
        cluster.wait_whole()
        for master in cluster.of("master")[1:]:
            master.kill()
        wait_for(lambda: cluster.status() is None, "nobody leads", 60, 0.1)
        # A gateway that starts now learns from the last one where everything is.
        gateway = cluster["gateway2"]
        self.assertEqual(gateway.stop(), 0)
        gateway.start()
        reader = self.client("gateway2")
        for path, body in self.bodies.items():
            self.assertEqual(reader.must("GET", path).body, body, path)
        self.assertEqual(reader.request("PUT", f"/{BUCKET}/new", body=os.urandom(50_000)).status, 503)
        self.assertEqual(reader.request("PUT", f"/{BUCKET}/small", body=b"small").status, 200)
        cluster["master2"].start()
        self.put_some("two")

    def test_an_old_copy_that_comes_back_is_removed(self):
        cluster = self.cluster
        self.wait_copies_at("volume2")
        status = cluster.wait_whole()
        back = cluster["volume2"]
        node = cluster.node_of(status, "volume2")["node_id"]
        had = [v["volume"] for v in status["volumes"] if node in v["members"]]
        self.assertTrue(had)
        back.kill()
        self.put_some("without it")
        wait_for(lambda: node not in {m for v in cluster.wait_whole(120)["volumes"] for m in v["members"]},
                 "its copies are replaced", REPAIR_AFTER_SECONDS + 60, 0.2)
        logs = [back.data / f"volume/{volume:09}.dat" for volume in had]
        self.assertTrue(all(log.exists() for log in logs))
        back.start()
        wait_for(lambda: not any(log.exists() for log in logs), "the end of the old copies", 60, 0.1)
        leader = cluster[cluster.wait_leader()].log()
        for volume in had:
            self.assertIn(f"stray_copy_retired volume={volume} ", leader)
        self.put_some("after")
        cluster.wait_whole()
        self.check_all()


if __name__ == "__main__":
    unittest.main(verbosity=2)
