#!/usr/bin/env python3
"""Three networks, each an address of this machine: what clients use, what daemons say to each other, what operators look at.
Nothing of one is served on another."""

import json
import os
import re
import socket
import unittest
import urllib.request
from pathlib import Path

from cluster_case import ClusterCase
from kelpdev.process import free_port, wait_for

PUBLIC, CLUSTER, ADMIN = "127.0.0.2", "127.0.0.3", "127.0.0.4"
LISTENING, ESTABLISHED = "0A", "01"


def place(text):
    """An address and port as the kernel's table has them."""
    address, port = text.split(":")
    return f"{socket.inet_ntoa(bytes.fromhex(address)[::-1])}:{int(port, 16)}"


def sockets(pid, state):
    """(its end, the other end) of a process's sockets over IPv4 in that state; fails when it listens over IPv6."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        except FileNotFoundError:
            continue
        if found:
            inodes.add(found[1])
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    six = [line.split() for line in Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]]
    if any(row[9] in inodes and row[3] == LISTENING for row in six):
        raise AssertionError(f"{pid} listens over IPv6")
    return {(place(row[1]), place(row[2])) for row in rows if row[9] in inodes and row[3] == state}


class Networks(ClusterCase):
    LOOPBACK = True

    def prepare(self):
        """Each listener goes to its network; `self.served` has them all, by daemon."""
        cluster, self.served = self.cluster, {}
        for name, daemon in cluster.daemons.items():
            def move(address, network):
                return f"{network}:{address.rsplit(':', 1)[1]}"

            daemon.address = cluster.addresses[name] = move(daemon.address, PUBLIC if daemon.role == "gateway" else CLUSTER)
            daemon.admin = move(daemon.admin, ADMIN)
            self.served[name] = {daemon.address, daemon.admin}
            if daemon.role == "master":
                daemon.http = move(daemon.http, ADMIN)
                self.served[name].add(daemon.http)
            if daemon.role == "volume":
                by_file_id = f"{PUBLIC}:{free_port()}"
                daemon.options = ["--http-listen", by_file_id]
                self.served[name].add(by_file_id)

    def test_each_network_has_its_own(self):
        cluster = self.cluster
        client = self.client("gateway1")
        client.must("PUT", "/networks")
        for number in range(20):
            client.must("PUT", f"/networks/{number}", body=os.urandom(40_000))
        status = cluster.wait_whole()
        for number in range(20):
            self.client("gateway2").must("GET", f"/networks/{number}")

        for name, places in self.served.items():
            self.assertEqual({own for own, _ in sockets(cluster[name].pid, LISTENING)}, places, name)
        # What daemons say to each other goes where daemons listen for each other.
        others = {PUBLIC, ADMIN}
        for name in self.served:
            ours = sockets(cluster[name].pid, ESTABLISHED)
            called = {peer for own, peer in ours if own not in self.served[name]}
            self.assertTrue(called, name)
            self.assertEqual({peer for peer in called if peer.rsplit(":", 1)[0] in others}, set(), name)

        # And each is told where the others are: daemons by the cluster's network, clients by the public one.
        self.assertEqual({node["address"].rsplit(":", 1)[0] for node in status["nodes"]}, {CLUSTER})
        volume = status["volumes"][0]["volume"]

        def found():
            with urllib.request.urlopen(f"http://{cluster['master1'].http}/dir/lookup?volumeId={volume}", timeout=5) as answer:
                return json.loads(answer.read())["locations"]

        locations = wait_for(found, "the volume's place")
        self.assertEqual({each["url"].rsplit(":", 1)[0] for each in locations}, {PUBLIC}, locations)

        for name, places in self.served.items():
            for each in places:
                network, port = each.rsplit(":", 1)
                for other in {PUBLIC, CLUSTER, ADMIN, "127.0.0.1"} - {network}:
                    with self.subTest(name, port=port, other=other), self.assertRaises(ConnectionRefusedError):
                        socket.create_connection((other, int(port)), 5).close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
