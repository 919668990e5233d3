#!/usr/bin/env python3
"""Archived objects as current boto3 restores them, each case over http and over https; days last two seconds."""

import json
import tempfile
import unittest
from pathlib import Path

from boto3_world import client_of, Server, World, over_both  # noqa: I001
from kelpdev.process import KelpProcess, wait_for

MIB = 1 << 20
WEEKS = {"Days": 400_000}  # Of two seconds.
KEY = "0" * 32


class Cases(World):
    """Every test of the two transports."""

    def archive(self, bucket, key="k", body=b"body", storage="GLACIER", **options):
        return self.put(bucket, key, body, StorageClass=storage, **options)

    def restore(self, bucket, key="k", request=WEEKS, **options):
        answer = self.s3.restore_object(Bucket=bucket, Key=key, RestoreRequest=request, **options)
        return answer["ResponseMetadata"]["HTTPStatusCode"]

    def state(self, bucket, key="k", **options):
        return self.s3.head_object(Bucket=bucket, Key=key, **options).get("Restore")

    def assert_archived(self, bucket, key="k", storage="GLACIER", **options):
        answer = self.refused("InvalidObjectState", 403, self.s3.get_object, Bucket=bucket, Key=key, **options)
        self.assertEqual(answer["Error"]["StorageClass"], storage)

    def test_bodies_of_every_size_come_back_whole(self):
        bucket = self.new_bucket()
        for size in (0, 1, 100_000, 9 * MIB):
            body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            self.archive(bucket, body=body, storage="DEEP_ARCHIVE")
            self.assert_archived(bucket, storage="DEEP_ARCHIVE")
            self.refused("InvalidObjectState", 403, self.s3.get_object, Bucket=bucket, Key="k", PartNumber=1)
            self.assertEqual(self.restore(bucket), 202)
            self.assertEqual(self.get(bucket, "k"), body)
            if size:
                self.assertEqual(self.get(bucket, "k", Range="bytes=0-0"), body[:1])

    def test_an_upload_in_parts_is_archived_too(self):
        bucket = self.new_bucket()
        name = {"Bucket": bucket, "Key": "k"}
        name["UploadId"] = self.s3.create_multipart_upload(**name, StorageClass="GLACIER")["UploadId"]
        parts = [{"PartNumber": number, "ETag": self.s3.upload_part(**name, PartNumber=number, Body=body)["ETag"]}
                 for number, body in ((1, b"x" * 5 * MIB), (2, b"end"))]
        self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        self.assert_archived(bucket)
        self.restore(bucket)
        self.assertEqual(self.get(bucket, "k", PartNumber=2), b"end")

    def test_it_ends_by_itself_and_can_be_made_longer(self):
        bucket = self.new_bucket()
        self.archive(bucket)
        self.assertEqual(self.restore(bucket, request={"Days": 1}), 202)
        wait_for(lambda: self.state(bucket) is None, "the end of the restore")
        self.assert_archived(bucket)
        self.assertEqual(self.restore(bucket), 202)
        self.assertEqual(self.restore(bucket, request={"Days": 500_000}), 200)
        self.assertRegex(self.state(bucket), r'^ongoing-request="false", expiry-date="\w{3}, .* GMT"$')
        self.assertEqual(self.get(bucket, "k"), b"body")
        self.assertEqual(self.restore(bucket, request={"Days": 1}), 200)
        wait_for(lambda: self.state(bucket) is None, "the end of what was made shorter")
        self.assert_archived(bucket)

    def test_what_takes_its_place_is_not_restored(self):
        bucket = self.new_bucket()
        self.archive(bucket)
        self.restore(bucket)
        source = {"Bucket": bucket, "Key": "k"}
        self.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, StorageClass="GLACIER")
        self.assert_archived(bucket, "copy")
        self.s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="DEEP_ARCHIVE")
        self.assert_archived(bucket, storage="DEEP_ARCHIVE")
        self.restore(bucket)
        self.s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="STANDARD")
        self.assertIsNone(self.state(bucket))
        self.assertEqual(self.get(bucket, "k"), b"body")
        self.refused("InvalidObjectState", 403, self.s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=WEEKS)

    def test_versions_locks_and_encryption_go_on(self):
        bucket = self.new_bucket(ObjectLockEnabledForBucket=True)
        old = self.archive(bucket, body=b"old", ObjectLockLegalHoldStatus="ON", ChecksumAlgorithm="CRC32",
                           ServerSideEncryption="AES256")["VersionId"]
        self.archive(bucket, body=b"new")
        self.assertEqual(self.restore(bucket, VersionId=old), 202)
        self.assertEqual(self.get(bucket, "k", VersionId=old), b"old")
        self.assert_archived(bucket)
        head = self.s3.head_object(Bucket=bucket, Key="k", VersionId=old)
        self.assertEqual((head["ServerSideEncryption"], head["ObjectLockLegalHoldStatus"]), ("AES256", "ON"))
        self.refused("AccessDenied", 403, self.s3.delete_object, Bucket=bucket, Key="k", VersionId=old)
        marker = self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        self.refused("MethodNotAllowed", 405, self.s3.restore_object, Bucket=bucket, Key="k", VersionId=marker,
                     RestoreRequest=WEEKS)
        self.refused("NoSuchKey", 404, self.s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=WEEKS)

    def test_a_customers_key_is_asked_for_when_it_is_read(self):
        if self.transport == "http":
            return
        bucket = self.new_bucket()
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
        self.archive(bucket, **key)
        self.assertEqual(self.restore(bucket), 202)
        self.assertEqual(self.get(bucket, "k", **key), b"body")
        self.refused("InvalidRequest", 400, self.s3.get_object, Bucket=bucket, Key="k")

    def test_listings_show_who_is_restored(self):
        bucket = self.new_bucket()
        for key in ("a", "b"):
            self.archive(bucket, key)
        self.put(bucket, "c", b"x")
        self.restore(bucket, "b")
        asked = {"Bucket": bucket, "OptionalObjectAttributes": ["RestoreStatus"]}
        pages = (self.s3.list_objects(**asked)["Contents"], self.s3.list_objects_v2(**asked)["Contents"],
                 self.s3.list_object_versions(**asked)["Versions"])
        for found in pages:
            self.assertEqual([each["Key"] for each in found if "RestoreStatus" in each], ["b"])
            self.assertFalse(found[1]["RestoreStatus"]["IsRestoreInProgress"])
            self.assertIn("RestoreExpiryDate", found[1]["RestoreStatus"])
        self.assertNotIn("RestoreStatus", self.s3.list_objects_v2(Bucket=bucket)["Contents"][1])

    def test_a_policy_lets_restore_without_reading(self):
        bucket = self.new_bucket()
        self.archive(bucket)
        other = self.make_client("second-account", "second-secret-key-0123456789")
        self.refused("AccessDenied", 403, other.restore_object, Bucket=bucket, Key="k", RestoreRequest=WEEKS)
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:RestoreObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        self.s3.delete_public_access_block(Bucket=bucket)
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        other.restore_object(Bucket=bucket, Key="k", RestoreRequest=WEEKS)
        self.refused("AccessDenied", 403, other.get_object, Bucket=bucket, Key="k")
        self.assertEqual(self.get(bucket, "k"), b"body")


class Slowly(World, unittest.TestCase):
    """Restores that take their time."""

    transport = "slow"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-restore-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name) / "kelp"

    def start(self, takes):
        kelp = KelpProcess(self.folder, "--set", f"s3.restore_time={takes}")
        self.addCleanup(lambda: kelp.process and kelp.kill())
        kelp.start()
        self.s3 = client_of(kelp)
        return kelp

    def test_one_runs_at_a_time_and_over_restarts(self):
        kelp = self.start("1h")
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body", StorageClass="GLACIER")
        order = {"Bucket": bucket, "Key": "k", "RestoreRequest": {"Days": 3}}
        self.assertEqual(self.s3.restore_object(**order)["ResponseMetadata"]["HTTPStatusCode"], 202)
        for _ in range(2):
            self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["Restore"], 'ongoing-request="true"')
            self.refused("InvalidObjectState", 403, self.s3.get_object, Bucket=bucket, Key="k")
            answer = self.refused("RestoreAlreadyInProgress", 409, self.s3.restore_object, **order)
            self.assertEqual(answer["Error"]["Message"], "Object restore is already in progress")
            self.assertEqual(kelp.stop(), 0)
            kelp = self.start("300ms")
        self.put(bucket, "k", b"new", StorageClass="GLACIER")
        self.s3.restore_object(**order)
        wait_for(lambda: "false" in self.s3.head_object(Bucket=bucket, Key="k")["Restore"], "the end of the restore")
        self.assertEqual(self.get(bucket, "k"), b"new")


Http, Https = over_both(Cases)


def setUpModule():
    Server.start("--set", "filer.lifecycle_debug_day=2s")


def tearDownModule():
    Server.stop()


if __name__ == "__main__":
    unittest.main()
