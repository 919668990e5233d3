#!/usr/bin/env python3
"""Four volume servers with three disks each, two copies of everything: a disk dies under its server and is replaced; another one
is missing at a start. Nobody else stops, nothing is lost."""

import fcntl
import json
import os
import struct
import subprocess
import sys
import unittest
from contextlib import suppress

from cluster_case import ClusterCase
from kelpdev.process import wait_for

MIB = 1 << 20
EXT4_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN: from then on every read and write of the disk is an error
NO_LOG_FLUSH = 2


class DiskCase(ClusterCase):
    DISKS = 3
    DISK_MIB = 512

    def prepare(self):
        self.server = self.cluster["volume2"]
        self.disk = self.server.disks[1]

    def mount(self):
        """A new disk of its own at self.disk."""
        image = self.folder / "disk.img"
        image.unlink(missing_ok=True)
        with open(image, "wb") as file:
            file.truncate(self.DISK_MIB * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        done = subprocess.run(["mount", "-o", "loop", image, self.disk], capture_output=True, text=True)
        if done.returncode:
            print("SKIPPED: a disk that fails needs a loop device:", done.stderr, file=sys.stderr)
            self.skipTest("no loop mount here")

    def unmount(self):
        """As when a disk is pulled out. True when there was one."""
        return subprocess.run(["umount", self.disk], capture_output=True).returncode == 0

    def break_disk(self):
        folder = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def node_at(self, disk, status=None):
        """The living node at that disk's address, or None."""
        status = status or self.cluster.status() or {"nodes": []}
        address = self.server.address_of(disk)
        return next((node for node in status["nodes"] if node["address"] == address and node["alive"]), None)

    def wait_copies_on(self, disk):
        """The id of its node once that has a copy; a volume is moved to it when it has none."""
        def copies():
            status = self.cluster.status()
            node = status and self.node_at(disk, status)
            if not node or not status["volumes"]:
                return None
            if any(node["node_id"] in volume["members"] for volume in status["volumes"]):
                return node["node_id"]
            for volume in sorted(status["volumes"], key=lambda each: each["bytes"]):
                for member in volume["members"]:
                    with suppress(RuntimeError):  # it is being moved, or its other copy is on this machine
                        self.cluster.control("move", str(volume["volume"]), member, node["node_id"])
                        return None
            return None

        return wait_for(copies, f"a copy on {disk}", 60, 0.5)

    def check_machines(self):
        """No machine has two copies of a volume."""
        status = self.cluster.wait_whole()
        machines = {address: server.name for server in self.cluster.of("volume") for address in server.node_addresses()}
        of_node = {node["node_id"]: machines[node["address"]] for node in status["nodes"]}
        for volume in status["volumes"]:
            self.assertEqual(len({of_node[member] for member in volume["members"]}), 2, volume)
        return status

    def failed_disks(self):
        return self.server.metric("kelp_volume_disk_failed")

    def start_writers(self):
        self.client("gateway1").must("PUT", "/disks")
        writers = [self.write(gateway, "disks", size=MIB // 4) for gateway in ("gateway1", "gateway2")]
        wait_for(lambda: all(len(writer.took) > 40 for writer in writers), "some puts", 60)
        return writers

    def stop_and_check(self, writers):
        for writer in writers:
            writer.stop()
        for writer, gateway in zip(writers, ("gateway2", "gateway1")):
            self.check_objects(writer.objects, gateway)

    def wait_puts(self, writers, more):
        before = [len(writer.took) for writer in writers]
        wait_for(lambda: all(len(writer.took) > had + more for writer, had in zip(writers, before)), "more puts", 60)

    def wait_without(self, node):
        """Until everything is whole and has nothing at that node."""
        def without():
            status = self.cluster.status()
            return status and not status["jobs"] and all(
                volume["copies_healthy"] == volume["copies_asked"] and node not in volume["members"] for volume in status["volumes"])

        try:
            wait_for(without, "full redundancy elsewhere", 60, 0.5)
        except TimeoutError as error:
            raise TimeoutError(f"{error} (without {node})\n{json.dumps(self.cluster.status(), indent=1)}") from None



class DyingDisk(DiskCase):
    def prepare(self):
        super().prepare()
        self.disk.mkdir(parents=True)
        self.mount()
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], capture_output=True)

    def test_a_disk_dies_while_it_serves_and_is_replaced(self):
        self.assertEqual(len(self.cluster.status()["nodes"]), 4 * self.DISKS, "each disk is a node")
        writers = self.start_writers()
        old = self.wait_copies_on(self.disk)
        self.check_machines()
        others = {node["node_id"] for node in self.cluster.status()["nodes"] if node["alive"]} - {old}

        self.break_disk()
        wait_for(lambda: self.failed_disks() == 1, "the server says that its disk failed", 30, 0.1)
        self.wait_puts(writers, 20)
        ready, words = self.server.readiness()
        self.assertTrue(ready)
        self.assertIn(f"{self.disk}: ", words)
        self.wait_without(old)
        alive = {node["node_id"] for node in self.cluster.status()["nodes"] if node["alive"]}
        self.assertEqual(others - alive, set(), "the others go on")
        self.wait_puts(writers, 20)

        # Pulled out, a new one in its place, and the server is told: no process ends.
        pid = self.server.pid
        self.server.disks.remove(self.disk)
        self.server.reload()
        wait_for(self.unmount, "no file of the failed disk is open", 30, 0.1)
        self.mount()
        self.server.disks.insert(1, self.disk)
        self.server.reload()
        wait_for(lambda: (self.node_at(self.disk) or {}).get("node_id", old) != old, "the new disk is another node", 30, 0.2)
        self.assertEqual(self.failed_disks(), 0)
        self.cluster.control("remove-node", old)
        self.wait_copies_on(self.disk)
        self.wait_puts(writers, 20)
        self.assertTrue(self.server.running() and self.server.pid == pid)
        self.stop_and_check(writers)
        self.check_machines()
        self.assertEqual(self.server.stop(), 0)



class MissingDisk(DiskCase):
    def test_a_start_with_a_disk_missing_is_a_start(self):
        writers = self.start_writers()
        node = self.wait_copies_on(self.disk)
        self.server.stop()
        aside = self.disk.with_name("aside")
        self.disk.rename(aside)
        with self.assertRaisesRegex(RuntimeError, "has volumes and is no .*: list it too"):
            self.cluster.kelp("volume", "--config", str(self.server.list_disks()), "--dir", str(aside), "--masters",
                              self.cluster.masters_flag(), "--cluster-file", str(self.cluster.identity / "cluster"))
        self.server.launch()
        self.server.await_ready(60)
        self.assertFalse(self.disk.exists(), "what is not mounted must not be filled")
        self.assertEqual(self.failed_disks(), 1)
        self.assertIn("disk_refused", self.server.log())
        self.wait_puts(writers, 20)
        self.wait_without(node)
        # It comes back with what it had.
        aside.rename(self.disk)
        self.server.reload()
        back = wait_for(lambda: self.node_at(self.disk), "the disk is back", 30, 0.2)
        self.assertEqual(back["node_id"], node)
        self.wait_puts(writers, 20)
        self.stop_and_check(writers)
        self.check_machines()


class OneMachine(ClusterCase):
    """The disks are all that can be told apart."""

    SIZES = {"master": 1, "volume": 1, "filer": 1, "gateway": 1}
    DISKS = 6
    SETTINGS = {"master.large": "ec(4,2)", "master.share_hosts": "true", "volume.writable": "1"}

    def test_shards_on_the_disks_of_one_machine_survive_two_of_them(self):
        client, server = self.client("gateway1"), self.cluster["volume1"]
        client.must("PUT", "/one")
        bodies = {f"/one/{size}": os.urandom(size) for size in (12 * MIB + 5, 3 * MIB, 100_000)}
        for path, body in bodies.items():
            client.must("PUT", path, body=body)
        status = self.cluster.wait_whole()
        striped = [volume for volume in status["volumes"] if volume["scheme"]]
        self.assertTrue(striped and all(len(set(volume["members"])) == 6 for volume in striped))
        # The small one has two copies, of which one stays.
        copies = {member for volume in status["volumes"] if not volume["scheme"] for member in volume["members"]}
        of_disk = {server.address_of(disk): disk for disk in server.disks}
        with_copy = [of_disk[node["address"]] for node in status["nodes"] if node["node_id"] in copies]
        without = [disk for disk in server.disks if disk not in with_copy]
        for disk in (with_copy[0], without[0]):
            server.disks.remove(disk)
        server.reload()
        wait_for(lambda: sum(node["alive"] for node in (self.cluster.status() or {"nodes": []})["nodes"]) == 4, "two are gone", 30, 0.2)
        for path, body in bodies.items():
            self.assertEqual(client.must("GET", path).body, body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
