#!/usr/bin/env python3
"""The masters' HTTP as scripts use it: every master answers, whoever leads."""

import json
import socket
import unittest
import urllib.error
import urllib.request

from cluster_case import ClusterCase
from kelpdev.process import wait_for


class Http(ClusterCase):
    SETTINGS = {"master.http_open": "true"}

    def get(self, master, target, method="GET"):
        """Status and body of a master's HTTP."""
        request = urllib.request.Request(f"http://{self.cluster[master].http}{target}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def test_every_master_answers_alike(self):
        cluster = self.cluster
        wait_for(lambda: self.get("master1", "/dir/assign")[0] == 200, "a volume", 60, 0.2)
        status = cluster.wait_whole()
        cluster.control("pause")
        leader = cluster.wait_leader()
        masters = [leader, *(m.name for m in cluster.of("master") if m.name != leader)]
        volume = status["volumes"][0]["volume"]

        def same(target, code=200):
            answers = [self.get(master, target) for master in masters]
            self.assertEqual([answer[0] for answer in answers], [code] * 3, f"{target} {answers}")
            self.assertEqual(answers[1:], answers[:1] * 2, target)
            return answers[0][1]

        found = same(f"/dir/lookup?volumeId={volume}")
        self.assertEqual(found["volumeOrFileId"], str(volume))
        addresses = {d.address for d in cluster.of("volume")}
        self.assertEqual(len({each["url"] for each in found["locations"]} & addresses), 2)
        self.assertEqual(same(f"/dir/lookup?volumeId={volume},01637037d6")["locations"], found["locations"])
        self.assertIn("never made", same("/dir/lookup?volumeId=999999", 404)["error"])
        self.assertIn("error", same("/dir/lookup", 400))
        self.assertIn("speaks HTTP", same(f"/{volume},01637037d6", 501)["error"])
        self.assertIn("error", same("/col/delete?collection=c", 501))
        self.assertIn("error", same("/nowhere", 404))
        self.assertIn("ttl", same("/dir/assign?ttl=3d", 501)["error"])
        self.assertEqual(same("/cluster/healthz"), {"ok": True})

        # Free space moves on between two questions; everything else is the same.
        def without_room(value):
            if isinstance(value, dict):
                return {k: without_room(v) for k, v in value.items() if k not in ("FreeBytes", "Free", "Size")}
            return [without_room(each) for each in value] if isinstance(value, list) else value

        def alike(target):
            answers = [self.get(master, target) for master in masters]
            self.assertEqual([code for code, _ in answers], [200] * 3)
            return all(without_room(body) == without_room(answers[0][1]) for _, body in answers)

        for target in ("/dir/status", "/vol/status"):  # a volume may just be made
            wait_for(lambda: alike(target), f"{target} of every master is the same", 60, 0.2)
        topology = self.get(masters[1], "/dir/status")[1]["Topology"]
        nodes = [node for dc in topology["DataCenters"] for rack in dc["Racks"] for node in rack["DataNodes"]]
        self.assertEqual({node["Url"] for node in nodes}, addresses)
        copies = self.get(masters[2], "/vol/status")[1]["Volumes"]["DataCenters"]["default"]["default"]
        self.assertEqual(set(copies), addresses)

        views = {master: self.get(master, "/cluster/status")[1] for master in masters}
        self.assertEqual([views[master]["IsLeader"] for master in masters], [True, False, False])
        self.assertEqual({view["Leader"] for view in views.values()}, {cluster[leader].address})
        self.assertEqual(sorted(views[leader]["Peers"]), sorted(cluster[m].address for m in masters[1:]))

    def test_file_ids_and_volumes_are_given_by_any_master(self):
        leader = self.cluster.wait_leader()
        masters = [leader, *(m.name for m in self.cluster.of("master") if m.name != leader)]
        keys = []
        for master in masters:
            for method in ("GET", "POST"):
                code, given = wait_for(lambda: (lambda a: a if a[0] == 200 else None)(
                    self.get(master, "/dir/assign?count=3&replication=001", method)), "a file id", 60, 0.2)
                self.assertEqual((code, given["count"]), (200, 3))
                self.assertRegex(given["fid"], r"^\d+,[0-9a-f]+$")
                self.assertEqual(given["url"], given["publicUrl"])
                self.assertTrue(given["auth"])
                keys.append(int(given["fid"].split(",")[1][:-8], 16))
        self.assertTrue(all(later >= earlier + 3 for earlier, later in zip(keys, keys[1:])), f"{keys} overlap")
        code, grown = self.get(masters[1], "/vol/grow?count=2&collection=grown", "POST")
        self.assertEqual((code, grown["count"]), (200, 2))
        for volume in grown["volumeIds"]:
            self.assertEqual(self.get(masters[2], f"/dir/lookup?volumeId={volume}")[0], 200)
        self.assertEqual(self.get(masters[1], "/dir/assign", "DELETE")[0], 405)

    def test_health_says_when_nobody_leads(self):
        cluster = self.cluster
        leader = cluster.wait_leader()
        others = [m.name for m in cluster.of("master") if m.name != leader]
        for master in (leader, others[0]):
            cluster[master].kill()
        left = others[1]

        def unhealthy():
            try:
                return self.get(left, "/cluster/healthz")[0] == 503
            except (OSError, socket.timeout):
                return False

        wait_for(unhealthy, "503", 60, 0.2)
        code, view = self.get(left, "/cluster/status")
        self.assertEqual((code, view["IsLeader"]), (200, False))
        self.assertNotIn("Leader", view)
        self.assertEqual(self.get(left, "/dir/status")[0], 503)


if __name__ == "__main__":
    unittest.main(verbosity=2)
