#!/usr/bin/env python3
"""The recordings of bench/analytics: how they are made of a trace, and that Kelp answers each request as it did the client.

So what Spark, Trino and Flink ask for is a test of seconds, without a JVM.
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench/analytics")]
from kelpdev.process import KelpProcess, fsck  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from recording import Request, from_trace, load, save  # noqa: E402
from replay import replay  # noqa: E402

RECORDINGS = sorted((ROOT / "bench/analytics/recordings").glob("*.gz"))
BUCKET = "recorded"


def line(second, operation, method, target, status=200, received=0, headers=(), key="", **more):
    """A line of `kelp trace`."""
    return {"time": f"2026-01-31T12:00:{second:09.6f}Z", "request_id": f"{second}", "service": "s3", "operation": operation,
            "method": method, "bucket": "b", "key": key, "status": status, "bytes_in": received, "bytes_out": 0, "duration_us": 10,
            "target": target, "headers": [list(pair) for pair in headers], **more}


def removed(second, key):
    return {"event": "delete", "time": f"2026-01-31T12:00:{second:02}Z", "key": key}


class Making(unittest.TestCase):
    def made(self, lines, events=()):
        return [str(request) for request in from_trace(lines, list(events), "b")]

    def test_requests_come_in_the_order_in_which_they_began_without_what_the_server_made_up(self):
        tag = ("If-Match", '"0123"')
        self.assertEqual(self.made([
            line(3, "GetObject", "GET", "/b/a%20b", 206, key="a b", headers=[tag, ("Range", "bytes=0-9")], bytes_out=10),
            line(1, "CreateMultipartUpload", "POST", "/b/a%20b?uploads=", key="a b"),
            line(2, "UploadPart", "PUT", "/b/a%20b?partNumber=1&uploadId=XYZ", received=186, key="a b",
                 headers=[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), ("x-amz-decoded-content-length", "100")]),
            line(4, "CopyObject", "PUT", "/b/c", key="c", headers=[("x-amz-copy-source", "b/a%20b")]),
            line(5, "ListObjectsV2", "GET", "/b?list-type=2&continuation-token=XYZ&prefix=d/"),
            line(6, "GetObject", "GET", "/other/x", key="x") | {"bucket": "other"},
        ]), ["POST /a%20b?uploads= 200 0 0",
             "PUT /a%20b?partNumber=1&uploadId=@0 200 100 0 body=STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
             "GET /a%20b 206 0 10 if-match=@ range=bytes=0-9",
             "PUT /c 200 0 0 copy=a%20b",
             "GET /?list-type=2&continuation-token=@&prefix=d/ 200 0 0"])

    def test_a_batch_has_the_keys_that_went_then(self):
        batch = [line(second, "DeleteObjects", "POST", "/b?delete=", received=120) for second in (2, 4)]
        single = line(1, "DeleteObject", "DELETE", "/b/x", 204, key="x")
        events = [removed(1, "x"), removed(2, "a,1"), removed(2, "a2"), removed(4, "x"), removed(4, "a3")]
        self.assertEqual([request.deleted for request in map(Request.parse, self.made([single, *batch], events))],
                         [[], ["a,1", "a2"], ["x", "a3"]])
        with self.assertRaises(ValueError):
            self.made([single, batch[0]], events)

    def test_batches_of_one_second_share_by_the_room_in_their_bodies(self):
        batch = [line(second, "DeleteObjects", "POST", "/b?delete=", received=80) for second in (2.1, 2.2)]
        made = self.made(batch, [removed(2, "a" * 20), removed(2, "b" * 20)])
        self.assertEqual([Request.parse(each).deleted for each in made], [["a" * 20], ["b" * 20]])

    def test_a_batch_that_took_nothing_had_the_folders_above_the_last_write(self):
        lines = [line(1, "PutObject", "PUT", "/b/p/q/r", key="p/q/r"), line(2, "DeleteObjects", "POST", "/b?delete=", received=300)]
        self.assertEqual(Request.parse(self.made(lines)[1]).deleted, ["p/q/", "p/"])

    def test_a_file_says_what_it_was_given(self):
        with tempfile.TemporaryDirectory(prefix="kelp-recordings-") as folder:
            requests = [Request("PUT", "é b?/%", [("tagging", ""), ("a b", "c&d")], 200, 5, 6, {"range": "bytes=-1", "delete": "a%2C,b"})]
            save(Path(folder) / "r.gz", "what", requests)
            self.assertEqual(load(Path(folder) / "r.gz"), requests)


class Replaying(unittest.TestCase):
    def test_kelp_answers_as_it_did_the_clients(self):
        self.assertGreaterEqual(len(RECORDINGS), 4)
        with tempfile.TemporaryDirectory(prefix="kelp-recordings-") as scratch:
            with KelpProcess(Path(scratch) / "server") as kelp:
                client = Client(kelp.endpoint, *kelp.keys)
                client.must("PUT", f"/{BUCKET}")
                client.close()
                for path in RECORDINGS:
                    with self.subTest(path.stem):
                        requests = load(path)
                        self.assertGreater(len(requests), 100)
                        told = replay(kelp.endpoint.removeprefix("http://"), kelp.keys, BUCKET, requests, f"{path.stem}/")
                        self.assertEqual(dict(told), {})
            self.assertTrue(fsck(kelp.data)["clean"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
