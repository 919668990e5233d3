#!/usr/bin/env python3
"""Lifecycle rules that boto3 puts, with days of a second: what expires, what stays, and what answers tell of it."""

import json
import re
import subprocess
import tempfile
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError
from kelpdev.process import fsck, kelp_binary, wait_for

MIB = 1 << 20
OPTIONS = ("--rpc-listen", "127.0.0.1:0", "--set", "filer.lifecycle_interval=100ms", "--set", "collector.interval=200ms",
           "--set", "collector.quarantine=0s")
ALL = {"Prefix": ""}


def rule(identity="rule", where=None, **actions):
    return {"ID": identity, "Filter": where or ALL, "Status": "Enabled", **actions}


class Lifecycle(unittest.TestCase):
    day = "1s"

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-lifecycle-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        days = ("--set", f"filer.lifecycle_debug_day={self.day}") if self.day else ()
        self.kelp = KelpProcess(self.folder / "kelp", *OPTIONS, *days)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def make(self, bucket, versions=False, **options):
        self.s3.create_bucket(Bucket=bucket, **options)
        if versions:
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket

    def put(self, bucket, key, body=b"x", **options):
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def rules(self, bucket, *rules):
        self.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})

    def keys(self, bucket):
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def versions(self, bucket):
        """Keys of versions and of markers."""
        listed = self.s3.list_object_versions(Bucket=bucket)
        return ([each["Key"] for each in listed.get("Versions", [])],
                [each["Key"] for each in listed.get("DeleteMarkers", [])])

    def passes(self):
        return self.kelp.metric("kelp_filer_lifecycle_passes_total")

    def wait_for_passes(self, count=2):
        """So many passes that begin from now on are over, but for the first."""
        before = self.passes()
        wait_for(lambda: self.passes() > before + count, "passes of the lifecycle")

    def shell(self, command):
        at = self.kelp.ready["rpc"]
        done = subprocess.run([kelp_binary(), "shell", "--dir", str(self.kelp.data), "--masters", f"1={at}", "--filers", at,
                               "-c", command + " --json"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)


class WithShortDays(Lifecycle):
    def test_objects_expire_by_prefix_size_tag_and_date(self):
        bucket = self.make("plain")
        self.put(bucket, "logs/large", b"x" * 100_000)
        self.put(bucket, "logs/small")
        self.put(bucket, "tagged", Tagging="kind=temp&a=b")
        self.put(bucket, "otherwise tagged", Tagging="kind=other")
        self.put(bucket, "dated")
        self.put(bucket, "future")
        self.put(bucket, "stays")
        today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        self.rules(bucket,
                   rule("large", {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 1000}}, Expiration={"Days": 1}),
                   rule("tag", {"Tag": {"Key": "kind", "Value": "temp"}}, Expiration={"Days": 1}),
                   rule("past", {"Prefix": "dated"}, Expiration={"Date": today}),
                   rule("future", {"Prefix": "future"}, Expiration={"Date": today + timedelta(days=2)}),
                   {**rule("disabled", Expiration={"Days": 1}), "Status": "Disabled"})
        left = ["future", "logs/small", "otherwise tagged", "stays"]
        wait_for(lambda: self.keys(bucket) == left, "the expiration of objects")
        self.wait_for_passes()
        self.assertEqual(self.keys(bucket), left)
        self.assertEqual(self.kelp.metric("kelp_filer_lifecycle_expired_total"), 3)
        # The bytes go, too.
        wait_for(lambda: self.kelp.metric("kelp_volume_needles_removed_total") >= 1, "the removal of a needle")

    def test_an_overwritten_object_has_its_whole_time(self):
        bucket = self.make("overwritten")
        self.rules(bucket, rule(Expiration={"Days": 3}))
        for number in range(40):
            self.put(bucket, "busy", str(number).encode())
            self.assertEqual(self.s3.get_object(Bucket=bucket, Key="busy")["Body"].read(), str(number).encode())
            time.sleep(0.1)
        wait_for(lambda: self.keys(bucket) == [], "the expiration")

    def test_versions_markers_and_locks(self):
        bucket = self.make("versions", versions=True)
        for key, count in (("k", 3), ("l", 1)):
            for _ in range(count):
                self.put(bucket, key)
        self.s3.delete_object(Bucket=bucket, Key="lone")
        self.rules(bucket, rule("markers", Expiration={"ExpiredObjectDeleteMarker": True},
                                NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}))
        wait_for(lambda: self.versions(bucket) == (["k", "k", "l"], []), "the removal of versions")
        self.rules(bucket, rule("all", Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        wait_for(lambda: self.versions(bucket) == ([], []), "the end of all versions")

        locked = self.make("locked", ObjectLockEnabledForBucket=True)
        until = datetime.now(timezone.utc) + timedelta(hours=1)
        self.put(locked, "kept", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, ChecksumAlgorithm="CRC32")
        self.put(locked, "held", ObjectLockLegalHoldStatus="ON", ChecksumAlgorithm="CRC32")
        self.put(locked, "free")
        self.rules(locked, rule("all", Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        wait_for(lambda: self.versions(locked) == (["held", "kept"], ["held", "kept"]), "the end of what is not locked")
        self.wait_for_passes()
        self.assertEqual(self.versions(locked), (["held", "kept"], ["held", "kept"]))

    def test_uploads_are_aborted(self):
        bucket = self.make("uploads")
        name = {"Bucket": bucket, "Key": "tmp/a"}
        self.rules(bucket, rule("abort now", {"Prefix": "tmp/"}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}))
        begun = self.s3.create_multipart_upload(**name)
        self.assertEqual(begun["AbortRuleId"], "abort%20now")
        self.assertLess(abs((begun["AbortDate"] - datetime.now(timezone.utc)).total_seconds()), 30)
        name["UploadId"] = begun["UploadId"]
        self.s3.upload_part(**name, PartNumber=1, Body=b"x" * 100_000)
        self.assertIn("AbortDate", self.s3.list_parts(**name))
        kept = self.s3.create_multipart_upload(Bucket=bucket, Key="b")
        self.assertNotIn("AbortDate", kept)

        def uploads():
            return [each["Key"] for each in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

        wait_for(lambda: uploads() == ["b"], "the abort of an upload")
        wait_for(lambda: self.kelp.metric("kelp_volume_needles_removed_total") >= 1, "the removal of its part")

    def test_objects_move_to_other_classes_and_stay_what_they_are(self):
        bucket = self.make("moves", versions=True)
        body = b"x" * 300_000
        for key in ("large", "large", "tiny"):
            self.put(bucket, key, body if key == "large" else b"y", ContentType="text/plain")
        before = self.s3.list_object_versions(Bucket=bucket)["Versions"]
        self.rules(bucket, rule("moves", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}],
                                NoncurrentVersionTransitions=[{"NoncurrentDays": 1, "StorageClass": "DEEP_ARCHIVE"}]))

        def classes():
            return [each["StorageClass"] for each in self.s3.list_object_versions(Bucket=bucket)["Versions"]]

        wait_for(lambda: classes() == ["GLACIER", "DEEP_ARCHIVE", "STANDARD"], "the moves")
        after = self.s3.list_object_versions(Bucket=bucket)["Versions"]
        for old, new in zip(before, after, strict=True):
            self.assertEqual({**old, "StorageClass": ""}, {**new, "StorageClass": ""})
        head = self.s3.head_object(Bucket=bucket, Key="large")
        self.assertEqual((head["StorageClass"], head["ContentType"]), ("GLACIER", "text/plain"))
        for each in after:
            version = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
            if each["StorageClass"] != "STANDARD":
                with self.assertRaises(ClientError) as caught:
                    self.s3.get_object(**version)
                self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidObjectState")
                self.s3.restore_object(**version, RestoreRequest={"Days": 3600})
            got = self.s3.get_object(**version)
            self.assertEqual(got["Body"].read(), body if each["Key"] == "large" else b"y")
        self.assertEqual(self.kelp.metric("kelp_filer_lifecycle_moved_total"), 2)

    def test_killed_in_the_middle_it_goes_on(self):
        buckets = [self.make(f"many-{number}", versions=number == 1) for number in range(3)]
        for bucket in buckets:
            threads = [threading.Thread(target=lambda first=first, bucket=bucket: [
                self.put(bucket, f"old/{number:04}") for number in range(first, 400, 4)]) for first in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.put(bucket, "new/kept")
        for bucket in buckets:
            self.rules(bucket, rule("old", {"Prefix": "old/"}, Expiration={"Days": 1},
                                    NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        for _ in range(5):
            before = self.kelp.metric("kelp_filer_lifecycle_rows_total")
            wait_for(lambda: self.kelp.metric("kelp_filer_lifecycle_rows_total") > before or not any(
                len(self.keys(bucket)) > 1 for bucket in buckets), "some work")
            self.kelp.kill()
            self.start()
        wait_for(lambda: all(self.versions(bucket) == (["new/kept"], []) for bucket in buckets), "the end of all that is old")
        self.assertEqual(self.kelp.stop(), 0)
        report = fsck(self.kelp.data)
        self.assertTrue(report["sound"], report)


class WithRealDays(Lifecycle):
    day = None

    def expiration(self, answer):
        date, identity = re.fullmatch(r'expiry-date="(.*)", rule-id="(.*)"', answer["Expiration"]).groups()
        return parsedate_to_datetime(date), identity

    def test_answers_tell_when_and_by_which_rule(self):
        bucket = self.make("told", versions=True)
        self.assertNotIn("Expiration", self.put(bucket, "k"))
        self.rules(bucket, rule("some days", {"Prefix": "k"}, Expiration={"Days": 3}),
                   rule("tag", {"Tag": {"Key": "a", "Value": "b"}}, Expiration={"Days": 1}))
        now = datetime.now(timezone.utc)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=4)
        put = self.put(bucket, "k")
        head = self.s3.head_object(Bucket=bucket, Key="k")
        got = self.s3.get_object(Bucket=bucket, Key="k")
        copied = self.s3.copy_object(Bucket=bucket, Key="k2", CopySource={"Bucket": bucket, "Key": "k"})
        upload = {"Bucket": bucket, "Key": "k3"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        part = self.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
        completed = self.s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        for answer in (put, head, got, copied, completed):
            date, identity = self.expiration(answer)
            self.assertEqual(identity, "some%20days")
            self.assertIn((date - midnight).days, (0, 1))
            self.assertEqual((date.hour, date.minute, date.second), (0, 0, 0))
        self.assertEqual(self.expiration(self.put(bucket, "k", Tagging="a=b"))[1], "tag")
        self.assertEqual(self.expiration(self.s3.head_object(Bucket=bucket, Key="k"))[1], "tag")
        self.assertNotIn("Expiration", self.s3.head_object(Bucket=bucket, Key="k", VersionId=put["VersionId"]))
        self.assertNotIn("Expiration", self.put(bucket, "other"))
        self.s3.delete_bucket_lifecycle(Bucket=bucket)
        self.assertNotIn("Expiration", self.s3.head_object(Bucket=bucket, Key="k"))

    def test_nothing_goes_before_its_day_and_a_report_says_what_will(self):
        bucket = self.make("report", versions=True)
        for _ in range(2):
            self.put(bucket, "a")
        self.s3.delete_object(Bucket=bucket, Key="gone")
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
        self.assertEqual(self.shell(f"s3.lifecycle.report {bucket}")["rules"], 0)
        self.rules(bucket, rule("all", Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 3},
                                AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))
        self.wait_for_passes()
        self.assertEqual(self.versions(bucket), (["a", "a"], ["gone"]))
        self.assertEqual(self.shell(f"s3.lifecycle.report {bucket}")["due"], [])
        soon = self.shell(f"s3.lifecycle.report {bucket} --days 2")
        self.assertEqual([(row["action"], row["key"]) for row in soon["due"]],
                         [("delete", "a"), ("remove marker", "gone"), ("abort upload", "u")])
        self.assertEqual(soon["due"][2]["version"], upload)
        later = self.shell(f"s3.lifecycle.report {bucket} --days 4")
        self.assertEqual(later["actions"], {"abort upload": 1, "delete": 1, "remove": 1, "remove marker": 1})
        few = self.shell(f"s3.lifecycle.report {bucket} --days 4 --limit 2")
        self.assertEqual((len(few["due"]), few["limited"]), (2, True))


del Lifecycle

if __name__ == "__main__":
    unittest.main(verbosity=2)
