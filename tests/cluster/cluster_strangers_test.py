#!/usr/bin/env python3
"""Who does not belong: another secret, another cluster, a copied node id, a volume's file on a server that has no part in it."""

import os
import re
import shutil
import subprocess
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

BUCKET = "strangers"


class Strangers(ClusterCase):
    def identity_like(self, name, change):
        """A cluster file that differs from ours by `change`."""
        folder = self.folder / name
        shutil.copytree(self.cluster.identity, folder)
        path = folder / "cluster"
        path.write_text(change(path.read_text()))
        return path

    def put_some(self, count=30):
        client = self.client("gateway1")
        client.must("PUT", f"/{BUCKET}")
        self.bodies = {f"/{BUCKET}/{number}": os.urandom(30_000) for number in range(count)}
        for path, body in self.bodies.items():
            client.must("PUT", path, body=body)

    def check_all(self):
        for gateway in ("gateway1", "gateway2"):
            client = self.client(gateway)
            for path, body in self.bodies.items():
                self.assertEqual(client.must("GET", path).body, body)

    def assert_outside(self, daemon, words):
        """`daemon` runs, says what is wrong, and is no part of the cluster."""
        wait_for(lambda: words in daemon.readiness()[1], f"{daemon.name} says: {words}", 30, 0.1)
        self.assertFalse(daemon.readiness()[0])
        self.assertIsNone(self.cluster.node_of(self.cluster.status(), daemon.name))
        self.assertRegex(daemon.log(), rf"heartbeat_failed .*{words}")

    def test_another_secret_and_another_cluster_are_refused(self):
        cluster = self.cluster
        self.put_some()
        # The right cluster id and a secret with one digit changed.
        secret = self.identity_like("secret", lambda text: re.sub(
            r'(cluster_secret = ")(.)', lambda m: m[1] + ("1" if m[2] == "0" else "0"), text))
        cluster.kelp("cluster", "init", "--dir", str(self.folder / "other"))
        other = self.folder / "other/cluster"
        for name, identity, words in (("volume5", secret, "secret"), ("volume6", other, "another cluster")):
            stranger = cluster.add(name)
            stranger.cluster_file = identity
            stranger.start()
            self.assert_outside(stranger, words)
            with self.assertRaises(RuntimeError) as refused:
                cluster.control("status", cluster_file=identity)
            self.assertIn(words, str(refused.exception))
        gateway = cluster.add("gateway3")
        gateway.cluster_file = secret
        gateway.start()
        self.assertFalse(gateway.is_ready())
        self.assertNotEqual(self.client("gateway3").request("GET", f"/{BUCKET}/0").status, 200)

        # The other way round: a directory of ours, started as one of the other cluster.
        ours = cluster["volume4"]
        self.assertEqual(ours.stop(), 0)
        ours.cluster_file = other
        with self.assertRaises(RuntimeError) as refused:
            ours.start()
        self.assertRegex(str(refused.exception), "belongs to cluster .*, this is cluster ")
        ours.cluster_file = None
        ours.start()
        cluster.wait_alive(["volume4"])
        self.check_all()

    def test_a_copied_disk_is_no_second_server(self):
        cluster = self.cluster
        original, twin = cluster["volume4"], cluster.add("volume5")
        self.put_some()
        self.assertEqual(original.stop(), 0)
        shutil.copytree(original.data, twin.data)
        original.start()
        cluster.wait_alive(["volume4"])
        before = cluster.node_of(cluster.wait_whole(), "volume4")
        twin.start()
        self.assert_outside(twin, "two servers have the same id")
        # A new leader hears both for the first time.
        leader = cluster.wait_leader()
        cluster.control("transfer")
        cluster.wait_leader(besides=leader)
        status = cluster.wait_alive([f"volume{number}" for number in range(1, 5)])
        self.assertIsNone(cluster.node_of(status, "volume5"))
        self.assertEqual(cluster.node_of(status, "volume4")["node_id"], before["node_id"])
        self.check_all()
        # The way out that the message names: an empty directory.
        self.assertEqual(twin.stop(), 0)
        shutil.rmtree(twin.data)
        twin.start()
        status = cluster.wait_alive(["volume4", "volume5"])
        self.assertNotEqual(cluster.node_of(status, "volume5")["node_id"], before["node_id"])
        self.check_all()

    def test_a_volumes_file_on_another_server_is_not_taken_for_a_copy(self):
        cluster = self.cluster
        self.put_some()
        status = cluster.wait_whole()
        volume = max(status["volumes"], key=lambda each: each["bytes"])
        by_id = {node["node_id"]: node["address"] for node in status["nodes"]}
        name_at = {cluster[f"volume{number}"].address: f"volume{number}" for number in range(1, 5)}
        source = cluster[name_at[by_id[volume["members"][0]]]]
        target = cluster[next(name for name in name_at.values()
                              if cluster.node_of(status, name)["node_id"] not in volume["members"])]
        for daemon in (source, target):
            self.assertEqual(daemon.stop(), 0)
        log = f"volume/{volume['volume']:09}.dat"
        shutil.copy(source.data / log, target.data / log)
        shutil.copy(source.data / log, source.data / f"volume/0{volume['volume']:09}.dat")
        for daemon in (source, target):
            daemon.start()
        cluster.wait_alive()
        now = next(v for v in cluster.wait_whole()["volumes"] if v["volume"] == volume["volume"])
        self.assertEqual((now["members"], now["copies_healthy"]), (volume["members"], 2))
        leader = cluster[cluster.wait_leader()]
        wait_for(lambda: f"copy_of_nobody volume={volume['volume']}" in leader.log(), "a word about it", 30, 0.1)
        self.check_all()
        # It goes when a newer generation proves it old, and not before.
        self.assertTrue((target.data / log).exists())
        third = next(node for node in by_id if node not in volume["members"] and by_id[node] != target.address)
        cluster.control("move", str(volume["volume"]), volume["members"][1], third)
        wait_for(lambda: not (target.data / log).exists(), "the file's end", 60, 0.1)
        self.check_all()


if __name__ == "__main__":
    unittest.main(verbosity=2)
