#!/usr/bin/env python3
"""kelp filer rebuild: a tree that boto3 wrote, its metadata removed, made anew from the volumes alone."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError
from kelpdev.process import fsck, kelp_binary, wait_for

MIB = 1 << 20
# The collector takes needles soon after their objects; what is younger than an hour is no orphan.
OPTIONS = ("--set", "collector.interval=200ms", "--set", "collector.quarantine=0s", "--set", "volume.writable=2")


def etag_of(*parts):
    """Of an upload's parts, as S3 makes it."""
    return hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest() + f"-{len(parts)}"


class Rebuild(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-rebuild-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.kelp = KelpProcess(self.folder / "kelp", *OPTIONS)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()
        self.expected = {}  # (bucket, key): (body, ETag)

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def put(self, bucket, key, size):
        body = os.urandom(size)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/plain")
        self.expected[bucket, key] = body, hashlib.md5(body).hexdigest()

    def upload(self, bucket, key, sizes, complete=True, replaced=()):
        """A multipart object whose parts are sent in reverse; `replaced` ones were sent once before."""
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        name = {"Bucket": bucket, "Key": key, "UploadId": upload}
        bodies = [os.urandom(size) for size in sizes]
        for number in replaced:
            self.s3.upload_part(**name, PartNumber=number, Body=os.urandom(5 * MIB))
        parts = [{"PartNumber": n, "ETag": self.s3.upload_part(**name, PartNumber=n, Body=bodies[n - 1])["ETag"]}
                 for n in range(len(sizes), 0, -1)]
        if complete:
            self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts[::-1]})
            self.expected[bucket, key] = b"".join(bodies), etag_of(*bodies)
        return upload

    def delete(self, bucket, key):
        self.s3.delete_object(Bucket=bucket, Key=key)
        self.expected.pop((bucket, key), None)

    def rebuild(self, *words, code=0):
        done = subprocess.run([kelp_binary(), "filer", "rebuild", "--dir", str(self.kelp.data), "--json", *map(str, words)],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def lose_metadata(self):
        self.assertEqual(self.kelp.stop(), 0)
        shutil.rmtree(self.kelp.data / "filer")

    def there(self, bucket, key):
        try:
            answer = self.s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return answer["Body"].read(), answer["ETag"].strip('"')

    def test_every_object_in_needles_comes_back(self):
        for bucket in ("first", "second", "empty"):
            self.s3.create_bucket(Bucket=bucket)
        for i, size in enumerate((9_000, 70_000, 8 * MIB, 8 * MIB + 1, 30 * MIB)):
            self.put("first", f"dir/{i} \u00e4/../x", size)
        self.put("second", "k" * 1024, 20_000)
        self.put("second", "small", 100)
        small = self.expected.pop(("second", "small"))
        annotated = {"Bucket": "second", "Key": "k" * 1024}
        self.s3.put_object_annotation(**annotated, AnnotationName="lost", AnnotationPayload=b"x" * 100_000)
        self.put("first", "overwritten", 100_000)
        self.put("first", "overwritten", 17 * MIB)
        self.upload("second", "parts", [5 * MIB, 13 * MIB, 100], replaced=[2])
        self.upload("second", "one part", [9 * MIB])
        self.put("first", "deleted", 3 * MIB)
        self.upload("first", "deleted upload", [5 * MIB, 10])
        removed = self.kelp.metric("kelp_volume_needles_removed_total")
        self.delete("first", "deleted")
        self.delete("first", "deleted upload")
        # 1 + 2 of these; what was overwritten or replaced may be gone before.
        wait_for(lambda: self.kelp.metric("kelp_volume_needles_removed_total") >= removed + 3, "the removal of needles")
        wait_for(lambda: self.kelp.metric("kelp_volume_needles_removed_total") >= 5, "the removal of all that is dead")

        self.assertIn(str(self.kelp.pid), self.rebuild("--dry-run", code=2), "a directory in use")
        self.assertEqual(self.kelp.stop(), 0)
        self.assertIn("not empty", self.rebuild(code=2))
        planned = self.rebuild("--dry-run")
        shutil.rmtree(self.kelp.data / "filer")
        self.assertEqual(self.rebuild("--dry-run"), planned)
        self.assertFalse((self.kelp.data / "filer").exists(), "a dry run wrote something")
        report = self.rebuild()
        self.assertEqual({**planned, "dry_run": False}, report)
        self.assertEqual((report["objects"], report["lost_keys"], report["troubles"]), (len(self.expected), 0, []))
        self.assertEqual(report["bytes"], sum(len(body) for body, _ in self.expected.values()))
        self.assertEqual((report["buckets"], report["unnamed_buckets"]), (2, 0))
        self.assertEqual(sorted(n["key"] for n in report["notes"] if n["fate"] == "upload"), ["one%20part", "parts"])
        self.assertIn("not empty", self.rebuild(code=2))

        found = fsck(self.kelp.data)
        self.assertTrue(found["sound"], found)
        self.start()
        for (bucket, key), expected in self.expected.items():
            self.assertEqual(self.there(bucket, key), expected, key)
        self.assertEqual(self.there("first", "deleted"), "NoSuchKey")
        self.assertEqual(self.there("first", "deleted upload"), "NoSuchKey")
        self.assertEqual(self.there("second", "small"), "NoSuchKey", "bodies in the metadata are lost")
        self.assertEqual(self.s3.list_object_annotations(**annotated)["Annotations"], [], "annotations are lost")
        listed = {("first", o["Key"]) for o in self.s3.list_objects_v2(Bucket="first")["Contents"]}
        self.assertEqual(listed, {name for name in self.expected if name[0] == "first"})
        # It is a namespace like any other.
        self.put("second", "small", len(small[0]))
        self.put("first", "overwritten", 9 * MIB)
        self.upload("first", "more parts", [5 * MIB, 10])
        for (bucket, key), expected in self.expected.items():
            self.assertEqual(self.there(bucket, key), expected, key)
        self.assertEqual(self.kelp.stop(), 0)
        self.assertTrue(fsck(self.kelp.data)["sound"])

    def test_what_is_not_whole_is_told_and_left_out(self):
        self.kelp.stop()
        # Nothing is collected here: what was overwritten is still there.
        self.kelp.options = ("--set", "collector.quarantine=1h", "--set", "volume.writable=1")
        self.start()
        self.s3.create_bucket(Bucket="bucket")
        self.put("bucket", "twice", 20_000)
        self.put("bucket", "twice", 30_000)
        self.put("bucket", "hurt", 9 * MIB)
        self.put("bucket", "hurt older", 40_000)
        older = self.expected["bucket", "hurt older"]
        self.put("bucket", "hurt older", 50_000)
        hurt = [self.expected.pop(("bucket", "hurt"))[0][-50:], self.expected["bucket", "hurt older"][0][-50:]]
        self.expected["bucket", "hurt older"] = older
        upload = self.s3.create_multipart_upload(Bucket="bucket", Key="gap")["UploadId"]
        for number in (1, 3):
            self.s3.upload_part(Bucket="bucket", Key="gap", UploadId=upload, PartNumber=number, Body=b"x" * 20_000)
        self.lose_metadata()
        for log in (self.kelp.data / "volume").glob("*.dat"):
            content = bytearray(log.read_bytes())
            for tail in hurt:
                at = content.find(tail)
                if at >= 0:
                    content[at] ^= 1
            log.write_bytes(content)
        report = self.rebuild(code=1)
        notes = sorted((n["key"], n["fate"], n["size_bytes"]) for n in report["notes"])
        self.assertEqual(notes, [("gap", "incomplete", 40_000), ("hurt", "damaged", 9 * MIB),
                                 ("hurt%20older", "damaged", 50_000), ("twice", "older", 20_000)])
        self.assertEqual((report["objects"], report["lost_keys"]), (2, 2))
        self.start()
        for (bucket, key), expected in self.expected.items():
            self.assertEqual(self.there(bucket, key), expected, key)
        self.assertEqual(self.there("bucket", "hurt"), "NoSuchKey")


if __name__ == "__main__":
    unittest.main()
