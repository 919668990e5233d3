#!/usr/bin/env python3
"""kill -9 under load of a bucket with a quota: its counters equal a recount, and it never holds more than it may.

KELP_ROUNDS sets the number of kills (8).
"""

import os
import random
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.model import Caller  # noqa: E402
from kelpdev.process import KelpProcess, fsck, wait_for  # noqa: E402
from kelpdev.s3 import NAMESPACE, Client  # noqa: E402

ROUNDS = int(os.environ.get("KELP_ROUNDS", "8"))
BUCKET = "limited"
BYTES, OBJECTS = 24 << 20, 60
OPTIONS = ("--rpc-listen", "127.0.0.1:0", "--set", "collector.interval=500ms", "--set", "collector.quarantine=1s")
WRITERS = 6


class Writer(Caller):
    """Puts, deletes and uploads; a refusal for the quota is as good as an answer."""

    SIZES = (0, 1, 4096, 8193, 200_000, 900_000, 2_000_000)

    def __init__(self, number, kelp, seed):
        super().__init__(number, kelp.endpoint, kelp.keys, seed)
        self.refused = 0

    def step(self, client):
        key = f"w{self.number}/{self.random.randrange(20)}"
        kind = self.random.random()
        if kind < 0.3:
            self.take(client.request("DELETE", f"/{BUCKET}/{key}"))
        elif kind < 0.4:
            self.upload(client, key)
        else:
            body = self.random.randbytes(self.random.choice(self.SIZES))
            self.take(client.request("PUT", f"/{BUCKET}/{key}", body=body))

    def upload(self, client, key):
        path = f"/{BUCKET}/{key}"
        created = client.must("POST", path, [("uploads", "")])
        upload = ElementTree.fromstring(created.body).findtext(NAMESPACE + "UploadId")
        part = client.request("PUT", path, [("partNumber", "1"), ("uploadId", upload)], self.random.randbytes(1_500_000))
        self.take(part)
        if self.random.random() < 0.5:
            if part.status != 200:
                return
            body = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
                    "</CompleteMultipartUpload>")
            self.take(client.request("POST", path, [("uploadId", upload)], body.encode()))
        elif self.random.random() < 0.7:
            self.take(client.request("DELETE", path, [("uploadId", upload)]))

    def take(self, answer):
        if answer.code == "QuotaExceeded":
            self.refused += answer.status == 403 and b"are allowed, it holds" in answer.body
        elif answer.status // 100 != 2:
            self.wrong.append(f"{answer.status} {answer.body[:300]}")


def recount(client):
    """(objects, bytes, upload bytes) of the bucket, by listings."""
    objects = size = parts = 0
    page = ElementTree.fromstring(client.must("GET", f"/{BUCKET}", [("list-type", "2")]).body)
    for item in page.iter(NAMESPACE + "Contents"):
        objects += 1
        size += int(item.findtext(NAMESPACE + "Size"))
    uploads = ElementTree.fromstring(client.must("GET", f"/{BUCKET}", [("uploads", "")]).body)
    for upload in uploads.iter(NAMESPACE + "Upload"):
        query = [("uploadId", upload.findtext(NAMESPACE + "UploadId"))]
        listed = client.must("GET", f"/{BUCKET}/{upload.findtext(NAMESPACE + 'Key')}", query)
        for part in ElementTree.fromstring(listed.body).iter(NAMESPACE + "Part"):
            parts += int(part.findtext(NAMESPACE + "Size"))
    return objects, size + parts, parts


def abort_uploads(client):
    """So that the bucket does not fill up with what nobody will complete."""
    uploads = ElementTree.fromstring(client.must("GET", f"/{BUCKET}", [("uploads", "")]).body)
    for upload in uploads.iter(NAMESPACE + "Upload"):
        client.must("DELETE", f"/{BUCKET}/{upload.findtext(NAMESPACE + 'Key')}",
                    [("uploadId", upload.findtext(NAMESPACE + "UploadId"))])


class Quota(unittest.TestCase):
    def test_counters_and_quota_hold_through_kills(self):
        seed = int(os.environ.get("KELP_SEED", "1"))
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="kelp-quota-") as folder:
            kelp = KelpProcess(folder, *OPTIONS)
            kelp.start()
            Client(kelp.endpoint, *kelp.keys).must("PUT", f"/{BUCKET}")
            script = f"s3.bucket.quota {BUCKET} --bytes {BYTES} --objects {OBJECTS}"
            self.assertFalse(kelp.shell(script)["applied"])
            self.assertIsNone(kelp.shell("s3.bucket.list")["buckets"][0]["quota_bytes"])
            self.assertTrue(kelp.shell(script + " --apply")["applied"])
            refused = 0
            for round_number in range(ROUNDS):
                writers = [Writer(number, kelp, f"{seed}/{round_number}") for number in range(WRITERS)]
                for writer in writers:
                    writer.start()
                # The moment of the kill is what varies: a time, not a condition.
                time.sleep(rng.uniform(0.5, 1.5))
                kelp.kill()
                for writer in writers:
                    writer.join()
                    refused += writer.refused
                    self.assertEqual(writer.wrong, [], f"seed {seed}, round {round_number}")
                kelp.start()
                client = Client(kelp.endpoint, *kelp.keys)
                row = kelp.shell("s3.bucket.list")["buckets"][0]
                self.assertEqual((row["objects"], row["bytes"], row["upload_bytes"]), recount(client),
                                 f"seed {seed}, round {round_number}")
                self.assertLessEqual(row["objects"], OBJECTS)
                self.assertLessEqual(row["bytes"], BYTES)
                self.assertEqual((row["quota_objects"], row["quota_bytes"]), (OBJECTS, BYTES))
                abort_uploads(client)
                client.close()
            self.assertGreater(refused, 0, "the quota was never reached")
            wait_for(lambda: kelp.metric("kelp_filer_dead_needles") == 0, "the collector's quiet", 60)
            self.assertEqual(kelp.stop(), 0)
            report = fsck(kelp.data)
            self.assertTrue(report["clean"], f"seed {seed}: {report}")
            print(f"{ROUNDS} kills, {refused} refusals, fsck {report}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
