#!/usr/bin/env python3
"""Inventory lists that boto3 asks for, with days of a second: what they hold, who may have them, and kill -9 while one is made."""

import csv
import gzip
import hashlib
import io
import json
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import unquote

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError
from kelpdev.process import fsck, wait_for

OPTIONS = ("--set", "filer.inventory_interval=100ms", "--set", "filer.lifecycle_interval=0", "--set", "collector.interval=200ms",
           "--set", "collector.quarantine=0s")
FIELDS = ["Size", "LastModifiedDate", "StorageClass", "ETag", "IsMultipartUploaded", "EncryptionStatus",
          "ObjectLockRetainUntilDate", "ObjectLockMode", "ObjectLockLegalHoldStatus", "ChecksumAlgorithm", "ObjectOwner"]
KEYS = ["plain", "a b+c", "folder/caf\u00e9", 'quote"and,comma', "folder/deep/x", "zz%20"]


def configuration(identity="list", to="lists", prefix="made", versions="Current", fields=(), **more):
    destination = {"Bucket": f"arn:aws:s3:::{to}", "Format": "CSV"} | ({"Prefix": prefix} if prefix else {})
    return {"Id": identity, "IsEnabled": True, "IncludedObjectVersions": versions, "Schedule": {"Frequency": "Daily"},
            "Destination": {"S3BucketDestination": destination}} | ({"OptionalFields": list(fields)} if fields else {}) | more


class InventoryCase(unittest.TestCase):
    """One server whose days last a second, with the buckets `source` and `lists`. Folders of lists are named by the minute, so
    several come to lie in one, each over the one before."""

    day = "1s"

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-inventory-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        days = ("--set", f"filer.lifecycle_debug_day={self.day}") if self.day else ()
        config = self.folder / "kelp.toml"
        config.write_text('[[s3.identity]]\nname = "second"\naccess_key = "second-account"\n'
                          'secret_key = "second-secret-key-0123456789"\n')
        self.kelp = KelpProcess(self.folder / "kelp", "--config", str(config), *OPTIONS, *days)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()
        self.s3.create_bucket(Bucket="source")
        self.s3.create_bucket(Bucket="lists")

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def ask(self, bucket="source", s3=None, **options):
        wanted = configuration(**options)
        (s3 or self.s3).put_bucket_inventory_configuration(Bucket=bucket, Id=wanted["Id"], InventoryConfiguration=wanted)
        return wanted

    def refused(self, code, **options):
        with self.assertRaises(ClientError) as caught:
            self.ask(**options)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def keys(self, prefix="", bucket="lists"):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def body(self, key, bucket="lists"):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def manifests(self, prefix=""):
        return [key for key in self.keys(prefix) if key.endswith("/manifest.json")]

    def checksums(self, prefix=""):
        return [key for key in self.keys(prefix) if key.endswith("/manifest.checksum")]

    def lists_made(self):
        return self.kelp.metric("kelp_filer_inventory_lists_total")

    def next_list(self, count=1):
        """So many lists that begin from now on are there."""
        before = self.lists_made()
        wait_for(lambda: self.lists_made() > before + count, "an inventory list")

    def read(self, manifest_key):
        """The rows of a list as dictionaries; that all of it is there and as the manifest says."""
        text = self.body(manifest_key)
        manifest = json.loads(text)
        columns = manifest["fileSchema"].split(", ")
        rows = []
        for file in manifest["files"]:
            packed = self.body(file["key"])
            self.assertEqual(len(packed), file["size"])
            self.assertEqual(hashlib.md5(packed).hexdigest(), file["MD5checksum"])
            for row in csv.reader(io.StringIO(gzip.decompress(packed).decode())):
                self.assertEqual(len(row), len(columns))
                rows.append(dict(zip(columns, row)))
        return manifest, rows

    def newest(self, prefix="made/source/list/"):
        """The key of the manifest of one that was begun after this call, and its checksum fits; both may be replaced meanwhile."""
        self.next_list()

        def key_of_whole():
            key = max(self.checksums(prefix), default=None)
            manifest_key = key and key.removesuffix("checksum") + "json"
            fits = key and self.body(key).decode() == hashlib.md5(self.body(manifest_key)).hexdigest()
            return manifest_key if fits else None

        wait_for(key_of_whole, "a manifest with its checksum")
        return max(self.manifests(prefix))

    def fill(self):
        for key in KEYS:
            self.s3.put_object(Bucket="source", Key=key, Body=key.encode() * 3)


class Lists(InventoryCase):
    def test_a_list_is_what_a_listing_is(self):
        self.fill()
        self.s3.put_object(Bucket="source", Key="sealed", Body=b"x", StorageClass="STANDARD_IA", ServerSideEncryption="AES256",
                           ChecksumAlgorithm="SHA256")
        upload = self.s3.create_multipart_upload(Bucket="source", Key="parts")["UploadId"]
        part = self.s3.upload_part(Bucket="source", Key="parts", UploadId=upload, PartNumber=1, Body=b"p")
        self.s3.complete_multipart_upload(Bucket="source", Key="parts", UploadId=upload,
                                          MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        wanted = self.ask(fields=FIELDS)
        self.assertEqual(self.s3.get_bucket_inventory_configuration(Bucket="source", Id="list")["InventoryConfiguration"], wanted)
        key = self.newest()
        self.assertRegex(key, r"^made/source/list/\d{4}-\d\d-\d\dT\d\d-\d\dZ/manifest\.json$")
        manifest, rows = self.read(key)
        self.assertEqual({name: manifest[name] for name in ("sourceBucket", "destinationBucket", "version", "fileFormat")},
                         {"sourceBucket": "source", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
                          "fileFormat": "CSV"})
        self.assertEqual(manifest["fileSchema"], "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, "
                         "EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, ObjectLockLegalHoldStatus, "
                         "ChecksumAlgorithm, ObjectOwner")
        listed = self.s3.list_objects_v2(Bucket="source", FetchOwner=True)["Contents"]
        self.assertEqual(len(rows), len(KEYS) + 2)
        self.assertEqual(
            sorted((row["Bucket"], unquote(row["Key"]), int(row["Size"]), f'"{row["ETag"]}"', row["StorageClass"],
                    row["LastModifiedDate"][:19], row["ObjectOwner"]) for row in rows),
            sorted(("source", each["Key"], each["Size"], each["ETag"], each["StorageClass"],
                    each["LastModified"].strftime("%Y-%m-%dT%H:%M:%S"), each["Owner"]["ID"]) for each in listed))
        by_key = {unquote(row["Key"]): row for row in rows}
        self.assertEqual(by_key["sealed"]["EncryptionStatus"], "SSE-S3")
        self.assertEqual(by_key["sealed"]["ChecksumAlgorithm"], "SHA256")
        self.assertEqual(by_key["plain"]["EncryptionStatus"], "NOT-SSE")
        self.assertEqual((by_key["parts"]["IsMultipartUploaded"], by_key["plain"]["IsMultipartUploaded"]), ("true", "false"))
        links = [each for each in self.keys("made/source/list/hive/dt=") if each.endswith("/symlink.txt")]
        self.assertTrue(links)
        self.assertEqual(self.body(max(links)).decode().splitlines()[-1:],
                         [f"s3://lists/{file['key']}" for file in self.read(self.manifests()[-1])[0]["files"]])

    def test_all_versions_with_a_prefix(self):
        self.fill()
        self.s3.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
        for key in ("folder/deep/x", "folder/new", "folder/new", "plain"):
            self.s3.put_object(Bucket="source", Key=key, Body=b"again")
        self.s3.delete_object(Bucket="source", Key="folder/new")
        self.ask(versions="All", fields=["Size"], Filter={"Prefix": "folder/"})
        manifest, rows = self.read(self.newest())
        self.assertEqual(manifest["fileSchema"], "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size")
        listed = self.s3.list_object_versions(Bucket="source", Prefix="folder/")
        expected = [(each["Key"], each["VersionId"], str(each["IsLatest"]).lower(), "false", str(each["Size"]))
                    for each in listed["Versions"]]
        expected += [(each["Key"], each["VersionId"], str(each["IsLatest"]).lower(), "true", "")
                     for each in listed["DeleteMarkers"]]
        self.assertEqual(sorted((unquote(row["Key"]), row["VersionId"], row["IsLatest"], row["IsDeleteMarker"], row["Size"])
                                for row in rows), sorted(expected))
        self.assertEqual(len(rows), 6)

    def test_it_stops_when_it_is_disabled_or_deleted(self):
        self.fill()
        self.ask()
        self.newest()
        self.ask(IsEnabled=False)
        self.ask(identity="other", prefix="")
        self.next_list(2)
        before = self.kelp.metric("kelp_filer_inventory_begun_total")
        self.s3.delete_bucket_inventory_configuration(Bucket="source", Id="other")
        self.ask(bucket="lists", identity="third")
        self.newest("made/lists/third/")
        self.assertTrue(self.checksums("source/other/"), "without a prefix it begins with the source")
        self.assertGreater(self.kelp.metric("kelp_filer_inventory_begun_total"), before)
        self.assertEqual(len(set(self.checksums("made/source/list/"))), len(self.checksums("made/source/list/")))

    def test_where_lists_may_go(self):
        other = client_of(self.kelp, ("second-account", "second-secret-key-0123456789"))
        other.create_bucket(Bucket="theirs")
        self.assertIn("does not exist", self.refused("InvalidS3DestinationBucket", to="nowhere"))
        self.assertIn("must be the same", self.refused("InvalidS3DestinationBucket", to="theirs"))
        deny = {"Statement": {"Effect": "Deny", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "s3:PutObject",
                              "Resource": "arn:aws:s3:::lists/*",
                              "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"}}}}
        self.s3.put_bucket_policy(Bucket="lists", Policy=json.dumps(deny))
        self.assertIn("s3.amazonaws.com", self.refused("InvalidS3DestinationBucket"))
        self.s3.delete_bucket_policy(Bucket="lists")
        self.fill()
        self.ask()
        self.newest()
        self.s3.put_bucket_policy(Bucket="lists", Policy=json.dumps(deny))
        failed = self.kelp.metric("kelp_filer_inventory_failures_total")
        wait_for(lambda: self.kelp.metric("kelp_filer_inventory_failures_total") > failed + 1, "a list that is refused")
        self.s3.delete_bucket_policy(Bucket="lists")
        self.newest()

    def test_formats_that_there_are_not(self):
        for form in ("ORC", "Parquet"):
            wanted = configuration()
            wanted["Destination"]["S3BucketDestination"]["Format"] = form
            with self.assertRaises(ClientError) as caught:
                self.s3.put_bucket_inventory_configuration(Bucket="source", Id="list", InventoryConfiguration=wanted)
            self.assertEqual(caught.exception.response["Error"]["Code"], "NotImplemented")

    def test_lists_are_encrypted_as_they_ask(self):
        self.fill()
        wanted = configuration()
        wanted["Destination"]["S3BucketDestination"]["Encryption"] = {"SSES3": {}}
        self.s3.put_bucket_inventory_configuration(Bucket="source", Id="list", InventoryConfiguration=wanted)
        manifest, rows = self.read(self.newest())
        self.assertEqual(len(rows), len(KEYS))
        head = self.s3.head_object(Bucket="lists", Key=manifest["files"][0]["key"])
        self.assertEqual(head["ServerSideEncryption"], "AES256")


class Killed(InventoryCase):
    """kill -9 while lists are made, again and again."""

    def test_a_list_that_broke_off_has_no_manifest(self):
        def put_some(first):
            s3 = client_of(self.kelp)
            for number in range(first, 400, 4):
                s3.put_object(Bucket="source", Key=f"k{number:04}", Body=b"x")

        writers = [threading.Thread(target=put_some, args=(first,)) for first in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.ask(fields=["Size"])
        for turn in range(8):
            begun = self.kelp.metric("kelp_filer_inventory_begun_total")
            wait_for(lambda: self.kelp.metric("kelp_filer_inventory_begun_total") > begun, "a list that begins", every=0.001)
            self.kelp.kill()
            self.start()
            for manifest in self.manifests():
                _, rows = self.read(manifest)
                self.assertEqual(len(rows), 400, turn)
        self.next_list(2)
        _, rows = self.read(self.newest())
        self.assertEqual([row["Key"] for row in rows], [f"k{number:04}" for number in range(400)])
        for manifest in self.manifests():
            self.read(manifest)
        self.s3.delete_bucket_inventory_configuration(Bucket="source", Id="list")
        self.kelp.stop()
        fsck(self.kelp.data)


if __name__ == "__main__":
    unittest.main(verbosity=2)
