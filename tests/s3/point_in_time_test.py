#!/usr/bin/env python3
"""Increments of the metadata while boto3 writes, an accident, and the namespace as it was just before it."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError
from kelpdev.process import fsck, kelp_binary, wait_for

MIB = 1 << 20
BUCKET = "bucket"
OPTIONS = ("--rpc-listen", "127.0.0.1:0", "--set", "collector.interval=200ms", "--set", "collector.quarantine=1h",
           "--set", "filer.journal_keep=1h")


class PointInTime(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-point-in-time-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.kelp = KelpProcess(self.folder / "kelp", *OPTIONS)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()
        self.s3.create_bucket(Bucket=BUCKET)
        self.expected = {}
        self.files = 0

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def put(self, key, size, expected=None):
        body = os.urandom(size)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        (self.expected if expected is None else expected)[key] = body

    def upload(self, key, sizes, complete=True):
        name = {"Bucket": BUCKET, "Key": key}
        name["UploadId"] = self.s3.create_multipart_upload(**name)["UploadId"]
        bodies = [os.urandom(size) for size in sizes]
        parts = [{"PartNumber": n, "ETag": self.s3.upload_part(**name, PartNumber=n, Body=body)["ETag"]}
                 for n, body in enumerate(bodies, 1)]
        if complete:
            self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
            self.expected[key] = b"".join(bodies)

    def rename(self, source, key):
        self.s3.rename_object(Bucket=BUCKET, Key=key, RenameSource=source)
        self.expected[key] = self.expected.pop(source)

    def delete(self, key):
        self.s3.delete_object(Bucket=BUCKET, Key=key)
        del self.expected[key]

    def change(self, mark):
        """A bit of everything."""
        for number, size in enumerate((0, 100, 5000, 20_000, 300_000)):
            self.put(f"{mark}/{number}", size)
        self.put(f"{mark}/0", 700)
        self.put(f"{mark}/large", 9 * MIB)
        self.upload(f"{mark}/parts", [5 * MIB, 1000])
        self.upload(f"{mark}/unfinished", [5 * MIB], complete=False)
        self.rename(f"{mark}/3", f"{mark}/renamed")
        self.rename(f"{mark}/1", f"{mark}/2")
        self.delete(f"{mark}/4")
        if "annotated" not in self.expected:
            self.put("annotated", 20_000)
        self.annotate("state", mark.encode())
        self.annotate(mark, mark.encode() * 5000)

    def annotate(self, name, payload):
        self.s3.put_object_annotation(Bucket=BUCKET, Key="annotated", AnnotationName=name, AnnotationPayload=payload)

    def annotations(self):
        name = {"Bucket": BUCKET, "Key": "annotated"}
        names = [each["AnnotationName"] for each in self.s3.list_object_annotations(**name)["Annotations"]]
        return {each: self.s3.get_object_annotation(**name, AnnotationName=each)["AnnotationPayload"].read() for each in names}

    def meta(self, *words, code=0):
        done = subprocess.run([kelp_binary(), "meta", *map(str, words)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"kelp meta {words}\n{done.stdout}{done.stderr}")
        return done.stderr

    def dump(self, *words, code=0):
        self.files += 1
        path = self.folder / f"dump{self.files}"
        said = self.meta("dump", path, "--dir", self.kelp.data, "--filer", self.kelp.ready["rpc"], *words, code=code)
        return path if code == 0 else said

    def moment(self):
        """Now, between two changes."""
        time.sleep(0.002)  # a clock's tick, not a wait
        return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def lose_metadata(self):
        if self.kelp.process:
            self.kelp.kill()
        shutil.rmtree(self.kelp.data / "filer")

    def check(self, expected, marks=()):
        """What is there are these objects; "annotated" has the annotations of these changes."""
        self.assertEqual(self.kelp.stop(), 0)
        report = fsck(self.kelp.data)
        self.assertTrue(report["sound"], report)
        self.start()
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        self.assertEqual({entry["Key"]: entry["Size"] for entry in listed},
                         {key: len(body) for key, body in expected.items()})
        for key, body in expected.items():
            self.assertEqual(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(), body, key)
        if marks:
            self.assertEqual(self.annotations(), {"state": marks[-1].encode()} | {mark: mark.encode() * 5000 for mark in marks})

    def test_everything_is_as_it_was_before_the_accident(self):
        self.change("first")
        chain = [self.dump()]
        states = [(self.moment(), dict(self.expected), ["first"])]
        self.change("second")
        for key in list(self.expected):
            if key.startswith("first/"):
                self.delete(key)
        states.append((self.moment(), dict(self.expected), ["first", "second"]))
        chain.append(self.dump("--since", chain[-1]))

        # Increments while others write.
        stop = threading.Event()
        written = [{} for _ in range(3)]

        def write(number):
            while not stop.is_set():
                self.put(f"writer{number}/{len(written[number]) % 20}", 100 + 40_000 * (len(written[number]) % 2),
                         written[number])

        threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            chain.append(self.dump("--since", chain[-1]))
        wait_for(lambda: all(len(keys) >= 5 for keys in written), "some writes")
        stop.set()
        for thread in threads:
            thread.join()
        for keys in written:
            self.expected |= keys
        before = self.moment()
        states.append((before, dict(self.expected), ["first", "second"]))

        for entry in self.s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
            self.s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
        for upload in self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            self.s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        self.s3.delete_bucket(Bucket=BUCKET)
        chain.append(self.dump("--since", chain[-1]))
        self.assertIn("can be loaded as of any time", self.meta("verify", *chain))

        # What may not be done.
        load = ("load", "--dir", self.kelp.data)
        self.lose_metadata()
        self.meta(*load, *chain, "--until", "2020-01-01T00:00:00Z", code=1)
        self.meta(*load, *chain, "--until", "2999-01-01T00:00:00Z", code=1)
        self.meta(*load, *chain, "--until", "yesterday", code=1)
        self.meta(*load, chain[0], *chain[2:], code=1)
        self.meta(*load, *chain[1:], code=1)
        self.meta("verify", chain[0], *chain[2:], code=1)
        bad = self.folder / "bad"
        whole = chain[2].read_bytes()
        bad.write_bytes(whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:])
        self.meta(*load, *chain[:2], bad, *chain[3:], code=1)
        self.assertFalse((self.kelp.data / "filer").exists(), "something was written")

        for until, expected, marks in reversed(states):
            if (self.kelp.data / "filer").exists():
                self.lose_metadata()
            self.meta(*load, *chain, "--until", until)
            self.start()
            self.check(expected, marks)
        self.lose_metadata()
        self.meta(*load, *chain)
        self.start()
        with self.assertRaises(ClientError) as caught:
            self.s3.list_objects_v2(Bucket=BUCKET)
        self.assertEqual(caught.exception.response["Error"]["Code"], "NoSuchBucket")

    def test_increments_are_refused_when_they_cannot_be_whole(self):
        self.change("first")
        full = self.dump()
        self.assertEqual(self.kelp.stop(), 0)
        # An engine that no filer has open is read as it lies there.
        increment = self.folder / "stopped"
        self.meta("dump", increment, "--dir", self.kelp.data, "--since", full)
        self.kelp.options = OPTIONS[:-2]
        self.start()
        self.change("unseen")
        self.assertIn("no increment is possible", self.dump("--since", full, code=1))
        self.assertEqual(self.kelp.stop(), 0)
        self.kelp.options = OPTIONS
        self.start()
        self.assertIn("no increment is possible", self.dump("--since", full, code=1))
        self.assertIn("no increment is possible", self.dump("--since", increment, code=1))
        again = self.dump()
        self.change("seen")
        second = self.dump("--since", again)
        self.meta("load", again, second, "--to", self.folder / "other", "--cluster-file", self.kelp.data / "cluster")
        # Another store of the same cluster has another journal.
        self.meta("dump", self.folder / "no", "--dir", self.kelp.data, "--from", self.folder / "other", "--since", again,
                  code=1)
        self.assertFalse((self.folder / "no").exists())

    def test_a_load_that_was_killed_is_refused_and_done_again(self):
        full = self.dump()
        for number in range(600):
            self.put(f"key{number}", 8000)
        chain = [full, self.dump("--since", full)]
        self.lose_metadata()
        words = [kelp_binary(), "meta", "load", "--dir", str(self.kelp.data), *map(str, chain)]
        current = self.kelp.data / "filer" / "CURRENT"
        killed = 0
        for attempt in range(100):
            load = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            wait_for(lambda: current.exists() or load.poll() is not None, "the load's begin", every=0.001)
            time.sleep(attempt * 0.002)  # another moment each time
            load.kill()
            if load.wait() >= 0:
                break  # it was done, or the one before was, when it was killed
            refused = subprocess.run([kelp_binary(), "meta", "dump", "-", "--dir", str(self.kelp.data)],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
            if "loaded only in part" not in refused.stderr:
                continue
            if killed == 0:
                self.kelp.launch()
                self.assertNotEqual(self.kelp.process.wait(timeout=60), 0)
                self.assertIn("loaded only in part", self.kelp.log_tail())
                self.kelp.process = None
            killed += 1
        else:
            self.meta("load", "--dir", self.kelp.data, *chain)
        self.assertGreater(killed, 0)
        self.start()
        self.check(self.expected)


if __name__ == "__main__":
    unittest.main()
