#!/usr/bin/env python3
"""filer.bucket_limit: how many buckets an account may own, over S3 and over WebDAV."""

import base64
import http.client
import tempfile
import unittest
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError

SECOND = ("second-account", "second-secret-key-0123456789")


class BucketLimit(unittest.TestCase):
    def test_each_account_has_its_own(self):
        with tempfile.TemporaryDirectory(prefix="kelp-bucket-limit-") as scratch:
            config = Path(scratch) / "kelp.toml"
            config.write_text(f'[[s3.identity]]\nname = "second"\naccess_key = "{SECOND[0]}"\nsecret_key = "{SECOND[1]}"\n')
            with KelpProcess(Path(scratch) / "server", "--config", str(config), "--set", "filer.bucket_limit=2", "--filer-http",
                             "127.0.0.1:0") as kelp:
                self.fill(kelp)

    def fill(self, kelp):
        first, second = client_of(kelp), client_of(kelp, SECOND)
        for client, names in ((first, ("a-1", "a-2")), (second, ("b-1",))):
            for name in names:
                client.create_bucket(Bucket=name)
        with self.assertRaises(ClientError) as caught:
            first.create_bucket(Bucket="a-3")
        answer = caught.exception.response
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertEqual((answer["Error"]["Code"], answer["Error"]["Message"]),
                         ("TooManyBuckets", "You have attempted to create more buckets than allowed"))
        first.create_bucket(Bucket="a-1")  # its own once more
        second.create_bucket(Bucket="b-2")
        self.assertEqual(self.make_folder(kelp, "a-3"), 400)
        first.delete_bucket(Bucket="a-1")
        self.assertEqual(self.make_folder(kelp, "a-3"), 201)
        self.assertEqual([bucket["Name"] for bucket in first.list_buckets()["Buckets"]], ["a-2", "a-3"])

    def make_folder(self, kelp, name):
        connection = http.client.HTTPConnection(kelp.ready["files"], timeout=60)
        words = base64.b64encode(":".join(kelp.keys).encode()).decode()
        connection.request("MKCOL", f"/buckets/{name}", headers={"Authorization": "Basic " + words})
        status = connection.getresponse().status
        connection.close()
        return status


if __name__ == "__main__":
    unittest.main(verbosity=2)
