#!/usr/bin/env python3
"""One volume server of four has a bad disk: it answers 100 times slower, or it is full. New data goes elsewhere, nothing is
lost, and when the disk is well again it takes part again."""

import os
import subprocess
import sys
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

from cluster_case import ClusterCase
from kelpdev.process import wait_for

MIB = 1 << 20
DELAY_SECONDS = 0.4     # a sync takes some milliseconds here
WATCHED_SECONDS = 5
BOUND_SECONDS = 30      # on a busy test machine; the aim is 10 s


@contextmanager
def slow_disk(daemon):
    """Every sync of the process takes DELAY_SECONDS more."""
    strace = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(daemon.pid), "-e", "trace=fdatasync,fsync", "-e",
         f"inject=fdatasync,fsync:delay_exit={int(DELAY_SECONDS * 1e6)}"], stderr=subprocess.PIPE)
    try:
        status = Path(f"/proc/{daemon.pid}/status")
        wait_for(lambda: "TracerPid:\t0\n" not in status.read_text() or strace.poll() is not None, "strace holds it", 20)
        if strace.poll() is not None:
            print("SKIPPED: strace cannot attach:", strace.stderr.read().decode(), file=sys.stderr)
            raise unittest.SkipTest("no ptrace here")
        yield
    finally:
        strace.terminate()
        strace.wait()
        strace.stderr.close()


class SlowDisk(ClusterCase):
    SETTINGS = {"volume.size_limit": "16MiB"}  # small leases, so that every volume gets its turn

    def test_a_slow_disk_gets_no_new_data_until_it_is_well(self):
        cluster, slow = self.cluster, self.cluster["volume2"]
        self.client("gateway1").must("PUT", "/slow")
        writers = [self.write(gateway, "slow") for gateway in ("gateway1", "gateway2")]

        def is_slow():
            status = cluster.status()
            return bool(status and cluster.node_of(status, "volume2")["slow"])

        wait_for(lambda: all(len(writer.took) > 60 for writer in writers), "some puts", 60)
        self.wait_copies_at("volume2")
        wait_for(lambda: slow.metric("kelp_volume_needles_written_total") > 20, "some of them there", 60)
        self.assertFalse(is_slow())
        with slow_disk(slow):
            begun = time.monotonic()
            wait_for(is_slow, "the master's word", BOUND_SECONDS, 0.2)
            written = -1

            def nothing_new():
                nonlocal written
                before, written = written, slow.metric("kelp_volume_needles_written_total")
                return written == before

            wait_for(nothing_new, "the last write there", BOUND_SECONDS, 0.5)
            ejected = time.monotonic()
            wait_for(lambda: time.monotonic() > ejected + WATCHED_SECONDS, "some seconds without it", 60)
            took = [seconds for writer in writers for seconds in writer.since(ejected)]
            self.assertEqual(slow.metric("kelp_volume_needles_written_total"), written)
            self.assertTrue(is_slow())
            self.assertGreater(len(took), 20)
            print(f"no new data there {ejected - begun:.1f} s after its disk became slow; then {len(took)} puts in "
                  f"{WATCHED_SECONDS} s, the median took {1000 * sorted(took)[len(took) // 2]:.0f} ms; "
                  f"{sum(len(writer.refused) for writer in writers)} attempts were refused in all")
            self.assertIn("disk_slow", "".join(master.log() for master in cluster.of("master")))
            self.check_objects(writers[0].objects.copy())
        wait_for(lambda: not is_slow(), "it is well again", 90, 0.5)
        wait_for(lambda: slow.metric("kelp_volume_needles_written_total") > written, "new data there again", 90, 0.2)
        for writer in writers:
            writer.stop()
            self.check_objects(writer.objects, "gateway2")
        cluster.wait_whole()


class FullDisk(ClusterCase):
    SETTINGS = {"collector.interval": "500ms", "collector.quarantine": "500ms"}
    DISK_MIB = 192
    LEFT_MIB = 24

    def prepare(self):
        self.disk = self.cluster["volume2"].data
        self.disk.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.DISK_MIB}m", "tmpfs", self.disk], capture_output=True)
        if done.returncode:
            print("SKIPPED: a full disk needs root to mount a tmpfs", file=sys.stderr)
            self.skipTest("no mount here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", self.disk], check=True))

    def room_there(self):
        """Free bytes for new needles as the master knows them."""
        return self.cluster.node_of(wait_for(self.cluster.status, "the status"), "volume2")["free_bytes"]

    def test_a_full_disk_sends_data_elsewhere_and_still_deletes(self):
        cluster, full = self.cluster, self.cluster["volume2"]
        client = self.client("gateway1")
        client.must("PUT", "/full")
        writers = [self.write(gateway, "full", size=MIB // 2) for gateway in ("gateway1", "gateway2")]
        wait_for(lambda: sum(len(writer.took) for writer in writers) > 60, "some puts", 60)
        # It is so small that nothing else brings a volume there, and that each would be moved away again.
        self.wait_copies_at("volume2")
        cluster.control("pause")
        wait_for(lambda: full.metric("kelp_volume_needles_written_total") > 20, "some of them there", 60)
        # Somebody else takes most of it, and the puts fill the rest up to the reserve of a twentieth.
        disk = os.statvfs(self.disk)
        with open(self.disk / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, disk.f_bavail * disk.f_frsize - self.LEFT_MIB * MIB))
        written = -1

        def more_puts_and_none_there():
            nonlocal written
            before, written = written, full.metric("kelp_volume_needles_written_total")
            since = time.monotonic()
            wait_for(lambda: sum(len(writer.since(since)) for writer in writers) > 30, "puts elsewhere", 120)
            return before == written

        wait_for(more_puts_and_none_there, "the last write there", 120)
        self.assertLess(self.room_there(), self.LEFT_MIB * MIB)
        for writer in writers:
            writer.stop()
        refused = [each for writer in writers for each in writer.refused]
        print(f"{sum(len(writer.took) for writer in writers)} puts, {len(refused)} attempts were refused: {refused[:3]}")
        self.assertLess(len(refused), 20)
        for writer in writers:
            self.check_objects(writer.objects)

        # Deletes need room too, for their tombstones: that is what the reserve is for. They give room back.
        objects = writers[0].objects | writers[1].objects
        doomed = list(objects)[::2]
        before = os.statvfs(self.disk).f_bavail
        for path in doomed:
            client.must("DELETE", path)
        wait_for(lambda: (os.statvfs(self.disk).f_bavail - before) * os.statvfs(self.disk).f_frsize > 2 * MIB,
                 "room that deletes gave back", 60, 0.2)
        self.check_objects({path: md5 for path, md5 in objects.items() if path not in set(doomed)}, "gateway2")

        (self.disk / "ballast").unlink()
        cluster.control("resume")
        wait_for(lambda: self.room_there() > self.LEFT_MIB * MIB, "the master knows of room again", 60, 0.2)
        cluster.wait_whole()


if __name__ == "__main__":
    unittest.main(verbosity=2)
