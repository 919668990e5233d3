#!/usr/bin/env python3
"""`kelp trace` beside a running Kelp: what it shows, what it hides, whom it refuses, and how it ends."""

import base64
import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from boto3_world import client_of
from botocore.exceptions import ClientError
from kelpdev.process import KelpProcess, kelp_binary, wait_for

CUSTOMER_KEY = b"0123456789abcdef0123456789abcdeX"


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-trace-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.kelp = KelpProcess(cls.folder / "server", "--set", "s3.sse_c_over_http=true")
        cls.kelp.start()
        cls.addClassCleanup(lambda: cls.kelp.stop())
        cls.s3 = client_of(cls.kelp)
        cls.s3.create_bucket(Bucket="lake")
        cls.s3.create_bucket(Bucket="other")

    def words(self, *words):
        return [kelp_binary(), "trace", "--dir", str(self.kelp.data), "--address", self.kelp.ready["admin"], *words]

    def watch(self, *words):
        """(process, file) of a trace that watches already."""
        out = self.folder / f"trace-{self.id()}-{len(list(self.folder.iterdir()))}"
        before = self.began()
        with open(out, "wb") as to:
            process = subprocess.Popen(self.words(*words), stdout=to, stderr=subprocess.STDOUT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: self.began() > before or process.poll() is not None, "the trace's begin")
        return process, out

    def began(self):
        return (self.kelp.folder / "log").read_text().count("trace_begins")

    def lines(self, out):
        return [json.loads(line) for line in out.read_text().splitlines()]

    def test_shows_requests_and_no_secret(self):
        _, out = self.watch("--json", "--headers")
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY}
        self.s3.put_object(Bucket="lake", Key="a b", Body=b"x" * 100, **key)
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "none"})
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=10)
        wait_for(lambda: len(self.lines(out)) >= 2, "two lines")
        put, get = self.lines(out)
        self.assertEqual((put["operation"], put["bucket"], put["key"], put["status"], put["bytes_in"]),
                         ("PutObject", "lake", "a b", 200, 100))
        self.assertEqual(put["target"], "/lake/a%20b")
        self.assertLessEqual(put["first_byte_us"], put["duration_us"])
        names = [name.lower() for name, _ in put["headers"]]
        self.assertIn("authorization", names)
        self.assertEqual((get["operation"], get["status"], get["error"]), ("GetObject", 404, "NoSuchKey"))
        text = out.read_text()
        signature = url.split("Signature=")[1].split("&")[0]
        for secret in (base64.b64encode(CUSTOMER_KEY).decode(), self.kelp.keys[1], signature):
            self.assertNotIn(secret, text)
        self.assertIn("Signature=-", text)

    def test_filters(self):
        _, errors = self.watch("--json", "--errors")
        _, lake = self.watch("--json", "--bucket", "lake", "--prefix", "t/", "--operation", "PutObject")
        _, slow = self.watch("--json", "--slower", "1m")
        _, text = self.watch()
        for bucket, key in (("other", "t/1"), ("lake", "t/2"), ("lake", "u")):
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        with self.assertRaises(ClientError):
            self.s3.get_object(Bucket="lake", Key="t/none")
        wait_for(lambda: "NoSuchKey" in text.read_text(), "the last line as text")
        wait_for(lambda: self.lines(errors) and self.lines(lake), "lines")
        self.assertEqual([line["key"] for line in self.lines(errors)], ["t/none"])
        self.assertEqual([line["key"] for line in self.lines(lake)], ["t/2"])
        self.assertEqual(slow.read_text(), "")
        self.assertEqual(len(text.read_text().splitlines()), 4)

    def test_outlasts_silence(self):
        """Without a request for longer than a silent gateway is waited for."""
        begun = time.monotonic()
        process, out = self.watch("--json", "--bucket", "other")
        wait_for(lambda: time.monotonic() > begun + 18 or process.poll() is not None, "18 seconds", 30, every=0.2)
        self.assertIsNone(process.poll(), out.read_text())
        self.s3.put_object(Bucket="other", Key="late", Body=b"x")
        wait_for(lambda: self.lines(out), "a line")

    def test_is_refused_without_the_secret_of_the_cluster(self):
        address = f"http://{self.kelp.ready['admin']}/trace"
        for header, status in (({}, 401), ({"Authorization": "Kelp 00"}, 403), ({"Authorization": "Basic YQ=="}, 401)):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(address, headers=header), timeout=10)
            self.assertEqual(refused.exception.code, status)
        with KelpProcess(self.folder / "stranger") as stranger:
            done = subprocess.run([kelp_binary(), "trace", "--dir", str(stranger.data), "--address",
                                   self.kelp.ready["admin"]], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn("answers 403", done.stderr)

    def test_ends_with_the_gateway(self):
        with KelpProcess(self.folder / "short", "--set", "server.drain_grace=50s") as kelp:
            process = subprocess.Popen([kelp_binary(), "trace", "--dir", str(kelp.data), "--address",
                                        kelp.ready["admin"]], stderr=subprocess.PIPE, text=True)
            wait_for(lambda: "trace_begins" in (kelp.folder / "log").read_text(), "the trace's begin")
            kelp.stop(30)  # Sooner than its grace: a trace holds nothing up.
            self.assertIn("ended", process.communicate(timeout=30)[1])
            self.assertEqual(process.returncode, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
