#!/usr/bin/env python3
"""Objects whose parts are longer than eight needles: read, copied, renamed and removed through their manifests."""

import os
import random
import tempfile
import unittest
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from kelpdev.process import fsck, wait_for

MIB = 1 << 20
BUCKET = "bucket"
OPTIONS = ("--set", "collector.interval=100ms", "--set", "collector.quarantine=500ms")


class Manifests(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-manifests-")
        self.addCleanup(self.scratch.cleanup)
        self.kelp = KelpProcess(Path(self.scratch.name) / "kelp", *OPTIONS)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.kelp.start()
        self.s3 = client_of(self.kelp)
        self.s3.create_bucket(Bucket=BUCKET)

    def upload(self, key, bodies, copies=()):
        """Parts with these bodies, then copies of ranges: (source, first, last)."""
        name = {"Bucket": BUCKET, "Key": key}
        name["UploadId"] = self.s3.create_multipart_upload(**name)["UploadId"]
        etags = [self.s3.upload_part(**name, PartNumber=number, Body=body)["ETag"]
                 for number, body in enumerate(bodies, 1)]
        for source, first, last in copies:
            copied = self.s3.upload_part_copy(**name, PartNumber=len(etags) + 1, CopySource=f"{BUCKET}/{source}",
                                              CopySourceRange=f"bytes={first}-{last}")
            etags.append(copied["CopyPartResult"]["ETag"])
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})

    def get(self, key, first=None, last=None):
        options = {} if first is None else {"Range": f"bytes={first}-{last}"}
        return self.s3.get_object(Bucket=BUCKET, Key=key, **options)["Body"].read()

    def report(self):
        self.assertEqual(self.kelp.stop(), 0)
        report = fsck(self.kelp.data)
        self.kelp.start()
        self.s3 = client_of(self.kelp)
        return report

    def test_a_large_object_lives_and_dies(self):
        bodies = [os.urandom(72 * MIB + 5), os.urandom(80 * MIB), os.urandom(6 * MIB + 1)]
        whole = b"".join(bodies)
        self.upload("large", bodies)
        self.assertEqual(self.get("large"), whole)
        edges = [len(bodies[0]), len(bodies[0]) + len(bodies[1]), 8 * MIB, 64 * MIB]
        spots = [(edge + by, edge + by + length) for edge in edges for by in (-1, 0, 1) for length in (0, 1, 9 * MIB)]
        chance = random.Random(5)
        spots += [(at, at + chance.randrange(3 * MIB)) for at in (chance.randrange(len(whole)) for _ in range(20))]
        for first, last in spots:
            self.assertEqual(self.get("large", first, last), whole[first:last + 1], (first, last))
        second = self.s3.get_object(Bucket=BUCKET, Key="large", PartNumber=2)
        self.assertEqual(second["Body"].read(), bodies[1])

        self.s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/large")
        edge = len(bodies[0])  # the second part of the source as a whole, and ends of its neighbours
        first, last = edge - 3 * MIB, edge + len(bodies[1]) + MIB
        self.upload("stretch", [bodies[2]], [("large", first, last), ("large", 10 * MIB, 30 * MIB)])
        self.s3.rename_object(Bucket=BUCKET, Key="renamed", RenameSource="large")
        stretch = bodies[2] + whole[first:last + 1] + whole[10 * MIB:30 * MIB + 1]
        expected = {"copy": whole, "stretch": stretch, "renamed": whole}
        report = self.report()
        self.assertTrue(report["clean"], report)
        for gone in (None, "renamed", "copy"):
            if gone:
                del expected[gone]
                self.s3.delete_object(Bucket=BUCKET, Key=gone)
                wait_for(lambda: self.kelp.metric("kelp_filer_dead_needles") == 0, "the collection")
            for key, body in expected.items():
                self.assertEqual(self.get(key), body, key)
        self.assertTrue(self.report()["sound"])
        self.s3.delete_object(Bucket=BUCKET, Key="stretch")

        def nothing_is_left():
            report = self.report()
            self.assertTrue(report["sound"], report)
            return report["needles"] == 0

        wait_for(nothing_is_left, "the removal of all needles", every=0.3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
