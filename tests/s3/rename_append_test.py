#!/usr/bin/env python3
"""RenameObject, and appending by x-amz-write-offset-bytes, as current boto3 uses them, each case over http and over https."""

import hashlib
import os
import threading
import unittest

from boto3_world import Server, World, over_both
from botocore.exceptions import ClientError

MIB = 1 << 20


class Cases(World):
    """Every test of the two transports."""

    def rename(self, bucket, source, key, **options):
        return self.s3.rename_object(Bucket=bucket, Key=key, RenameSource=source, **options)

    def append(self, bucket, key, offset, body, **options):
        return self.put(bucket, key, body, WriteOffsetBytes=offset, **options)

    def keys(self, bucket):
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def test_a_renamed_object_keeps_all_but_its_key(self):
        bucket = self.new_bucket()
        for size in (0, 100, 9 * MIB):
            body = os.urandom(size)
            self.put(bucket, "old/key +ü", body, Metadata={"name": "value"}, ContentType="text/x-test", Tagging="a=1")
            self.put(bucket, "new", b"replaced")
            before = self.s3.head_object(Bucket=bucket, Key="old/key +ü", ChecksumMode="ENABLED")
            self.rename(bucket, "old/key%20%2B%C3%BC", "new")
            after = self.s3.head_object(Bucket=bucket, Key="new", ChecksumMode="ENABLED")
            for name in ("ContentLength", "ContentType", "ETag", "Metadata", "ChecksumCRC32"):
                self.assertEqual(after[name], before[name], name)
            self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"], [{"Key": "a", "Value": "1"}])
            self.assertEqual(self.get(bucket, "new"), body)
            self.assertEqual(self.keys(bucket), ["new"])

    def test_a_rename_source_may_name_the_bucket(self):
        bucket = self.new_bucket()
        for source in ("from", "/from", f"{bucket}/from", f"/{bucket}/from"):
            self.put(bucket, "from", b"x")
            self.rename(bucket, source, "to")
            self.assertEqual(self.keys(bucket), ["to"], source)
        self.put(bucket, "from", b"x")
        self.put(bucket, f"{bucket}/from", b"literal")
        self.rename(bucket, f"{bucket}/from", "to")
        self.assertEqual(self.get(bucket, "to"), b"literal")

    def test_conditions_of_a_rename(self):
        bucket = self.new_bucket()
        etags = {key: self.put(bucket, key, key.encode())["ETag"] for key in ("a", "b")}

        def refused(**options):
            answer = self.refused("PreconditionFailed", 412, self.s3.rename_object, Bucket=bucket, Key="b",
                                  RenameSource="a", **options)
            return answer["Error"]["Condition"]

        self.assertEqual(refused(DestinationIfNoneMatch="*"), "If-None-Match")
        self.assertEqual(refused(DestinationIfMatch=etags["a"]), "If-Match")
        self.assertEqual(refused(SourceIfMatch=etags["b"]), "If-Match")
        self.assertEqual(refused(SourceIfNoneMatch=etags["a"]), "If-None-Match")
        modified = self.s3.head_object(Bucket=bucket, Key="a")["LastModified"]
        self.assertEqual(refused(SourceIfModifiedSince=modified), "If-Modified-Since")
        self.assertEqual(self.get(bucket, "b"), b"b")
        self.rename(bucket, "a", "b", SourceIfMatch=etags["a"], DestinationIfMatch=etags["b"],
                    SourceIfUnmodifiedSince=modified)
        self.rename(bucket, "b", "c", DestinationIfNoneMatch="*")
        self.assertEqual(self.keys(bucket), ["c"])

    def test_what_cannot_be_renamed(self):
        bucket = self.new_bucket()
        self.refused("NoSuchKey", 404, self.s3.rename_object, Bucket=bucket, Key="b", RenameSource="a")
        self.refused("NoSuchBucket", 404, self.s3.rename_object, Bucket="none-such", Key="b", RenameSource="a")
        self.put(bucket, "a", b"x")
        stranger = self.make_client("second-account", "second-secret-key-0123456789")
        self.refused("AccessDenied", 403, stranger.rename_object, Bucket=bucket, Key="b", RenameSource="a")
        self.rename(bucket, "a", "a")
        self.assertEqual(self.get(bucket, "a"), b"x")

    def test_a_rename_where_versions_are_kept(self):
        bucket = self.new_bucket()
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        version = self.put(bucket, "a", b"x" * MIB)["VersionId"]
        self.rename(bucket, "a", "b")
        self.refused("NoSuchKey", 404, self.s3.get_object, Bucket=bucket, Key="a")
        self.assertEqual(self.get(bucket, "a", VersionId=version), b"x" * MIB)
        self.s3.delete_object(Bucket=bucket, Key="a", VersionId=version)
        self.assertEqual(self.get(bucket, "b"), b"x" * MIB)

    def test_one_of_many_racing_renames_wins(self):
        bucket = self.new_bucket()
        self.put(bucket, "a", b"x")
        outcomes = []

        def run(number):
            try:
                self.make_client().rename_object(Bucket=bucket, Key=f"to-{number}", RenameSource="a")
                outcomes.append("won")
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(outcomes), ["NoSuchKey"] * 7 + ["won"])
        self.assertEqual(len(self.keys(bucket)), 1)

    def test_a_rename_with_a_token_is_done_once(self):
        bucket = self.new_bucket()
        etag = self.put(bucket, "a", b"first")["ETag"]
        token = "a-token-of-boto3"
        self.rename(bucket, "a", "b", ClientToken=token, SourceIfMatch=etag)
        self.rename(bucket, "a", "b", ClientToken=token, SourceIfMatch=etag)
        self.put(bucket, "a", b"second")
        self.rename(bucket, "a", "b", ClientToken=token, SourceIfMatch=etag)
        self.assertEqual(self.get(bucket, "b"), b"first")
        self.assertEqual(self.get(bucket, "a"), b"second")
        for changed in ({"SourceIfMatch": '"other"'}, {"DestinationIfNoneMatch": "*", "SourceIfMatch": etag}, {}):
            self.refused("IdempotencyParameterMismatch", 400, self.s3.rename_object, Bucket=bucket, Key="b",
                         RenameSource="a", ClientToken=token, **changed)
        self.refused("IdempotencyParameterMismatch", 400, self.s3.rename_object, Bucket=bucket, Key="c",
                     RenameSource="a", ClientToken=token, SourceIfMatch=etag)
        # Another bucket knows nothing of it.
        other = self.new_bucket()
        self.put(other, "a", b"third")
        self.rename(other, "a", "c", ClientToken=token)
        self.assertEqual(self.keys(other), ["c"])

    def test_racing_renames_with_one_token_all_succeed(self):
        bucket = self.new_bucket()
        self.put(bucket, "a", b"x")
        failures = []

        def run():
            try:
                self.make_client().rename_object(Bucket=bucket, Key="b", RenameSource="a", ClientToken="one")
            except ClientError as error:
                failures.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.keys(bucket), ["b"])

    def test_an_object_grows(self):
        bucket = self.new_bucket()
        whole = b""
        # Within a row, past it, needles of many sizes, nothing at all.
        for size in (0, 100, 3000, 6000, 70_000, 9 * MIB, 1, 0, 300_000):
            body = os.urandom(size)
            options = {"Metadata": {"first": "yes"}} if not whole and size == 0 else {}
            answer = self.append(bucket, "log", len(whole), body, **options)
            whole += body
            self.assertEqual(answer["Size"], len(whole))
            found = self.s3.get_object(Bucket=bucket, Key="log")
            self.assertEqual(hashlib.md5(found["Body"].read()).digest(), hashlib.md5(whole).digest())
            self.assertEqual(found["ETag"], answer["ETag"])
            self.assertEqual(found["Metadata"], {"first": "yes"})
        self.assertEqual(self.get(bucket, "log", Range="bytes=9000-9099"), whole[9000:9100])
        self.assertEqual(self.get(bucket, "log", PartNumber=1), whole[:100])
        # boto3 compared the checksum of the whole with the body while it read it.
        self.assertIn("ChecksumCRC32", self.s3.head_object(Bucket=bucket, Key="log", ChecksumMode="ENABLED"))

    def test_an_append_behind_a_multipart_object(self):
        bucket = self.new_bucket()
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="log")["UploadId"]
        parts = [os.urandom(5 * MIB), os.urandom(1000)]
        etags = [self.s3.upload_part(Bucket=bucket, Key="log", UploadId=upload, PartNumber=number, Body=part)["ETag"]
                 for number, part in enumerate(parts, 1)]
        named = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        self.s3.complete_multipart_upload(Bucket=bucket, Key="log", UploadId=upload, MultipartUpload={"Parts": named})
        self.append(bucket, "log", 5 * MIB + 1000, b"tail")
        self.assertEqual(self.get(bucket, "log"), b"".join(parts) + b"tail")
        self.assertTrue(self.s3.head_object(Bucket=bucket, Key="log")["ETag"].endswith('-3"'))

    def test_what_cannot_be_appended(self):
        bucket = self.new_bucket()

        def refused(code, status, offset, **options):
            self.refused(code, status, self.s3.put_object, Bucket=bucket, Key="log", Body=b"y",
                         WriteOffsetBytes=offset, **options)

        refused("InvalidWriteOffset", 400, 1)
        self.put(bucket, "log", b"x")
        for offset in (0, 2):
            refused("InvalidWriteOffset", 400, offset)
        refused("PreconditionFailed", 412, 1, IfMatch='"another"')
        refused("PreconditionFailed", 412, 1, IfNoneMatch="*")
        self.assertEqual(self.get(bucket, "log"), b"x")
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        refused("InvalidRequest", 400, 1)

    def test_of_racing_appends_at_one_offset_one_wins(self):
        bucket = self.new_bucket()
        length = 0
        for size in (0, 10, 20_000):
            outcomes = []

            def run(number, offset=length, size=size, outcomes=outcomes):
                try:
                    body = bytes([number]) * (size + 1)
                    self.make_client().put_object(Bucket=bucket, Key="log", Body=body, WriteOffsetBytes=offset)
                    outcomes.append("won")
                except ClientError as error:
                    outcomes.append(error.response["Error"]["Code"])

            threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            length += size + 1
            self.assertEqual(sorted(outcomes), ["InvalidWriteOffset"] * 5 + ["won"])
            self.assertEqual(len(self.get(bucket, "log")), length)


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
