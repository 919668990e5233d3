#!/usr/bin/env python3
"""The filer's metadata lost, and made anew from the disks of the volume servers: copies and shards, one server missing."""

import json
import os
import shutil
import subprocess
import unittest

from cluster_case import ClusterCase
from kelpdev.process import kelp_binary

BUCKET = "bucket"
MIB = 1 << 20


class RebuildOfACluster(ClusterCase):
    SETTINGS = {"master.large": "ec(2,2)", "volume.writable": "1", "collector.quarantine": "1h"}

    def rebuild(self, *volumes, code):
        filer = self.cluster["filer1"]
        words = [kelp_binary(), "filer", "rebuild", "--json", "--dir", filer.data, "--cluster-file",
                 self.cluster.identity / "cluster"]
        for volume in volumes:
            words += ["--volumes", self.cluster[volume].data]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def test_objects_come_back_from_the_disks_that_are_left(self):
        gateway = self.client("gateway1")
        gateway.must("PUT", f"/{BUCKET}")
        bodies = {f"object-{i}": os.urandom(size)
                  for i, size in enumerate((20_000, 500_000, MIB, 3 * MIB + 12345, 8 * MIB + 7, 20 * MIB + 1))}
        for name, body in bodies.items():
            gateway.must("PUT", f"/{BUCKET}/{name}", body=body)
        parts = [os.urandom(5 * MIB), os.urandom(100)]
        gateway.multipart(BUCKET, "parts", parts)
        bodies["parts"] = b"".join(parts)

        volumes = [daemon.name for daemon in self.cluster.of("volume")]
        for name in [*volumes, "filer1"]:
            self.cluster[name].stop()
        shutil.rmtree(self.cluster["filer1"].data / "filer")
        # Of two copies one is enough, and of four shards two.
        report = self.rebuild(*volumes[1:], code=0)
        self.assertEqual((report["objects"], report["lost_keys"], report["troubles"]), (len(bodies), 0, []))
        self.assertIn("not empty", self.rebuild(*volumes, code=2))
        self.cluster.start()
        gateway = self.client("gateway1")
        for name, body in bodies.items():
            self.assertTrue(gateway.must("GET", f"/{BUCKET}/{name}").body == body, name)


if __name__ == "__main__":
    unittest.main()
