#!/usr/bin/env python3
"""Annotations of objects as current boto3 puts, reads, lists and removes them, each case over http and over https."""

import base64
import hashlib
import json
import unittest
from datetime import datetime, timedelta, timezone

from boto3_world import Server, World, over_both

MIB = 1 << 20
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"]


class Cases(World):
    """Every test of the two transports."""

    def annotate(self, bucket, name, payload, key="k", **options):
        return self.s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=payload, **options)

    def payload(self, bucket, name, key="k", **options):
        answer = self.s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **options)
        return answer["AnnotationPayload"].read()

    def names(self, bucket, key="k", **options):
        pages = self.s3.get_paginator("list_object_annotations").paginate(Bucket=bucket, Key=key, **options)
        return [entry["AnnotationName"] for page in pages for entry in page.get("Annotations", [])]

    def remove(self, bucket, name, **options):
        return self.s3.delete_object_annotation(Bucket=bucket, Key="k", AnnotationName=name, **options)

    def missing(self, bucket, name, **options):
        self.refused("NoSuchAnnotation", 404, self.s3.get_object_annotation, Bucket=bucket, Key="k", AnnotationName=name, **options)

    def allow(self, bucket, actions):
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/*"}]}))

    def test_payloads_of_all_sizes_come_back(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body")
        for size in (1, 8192, 8193, 100_000, MIB):
            text = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            answer = self.annotate(bucket, "ml.labels", text)
            self.assertEqual((answer["Key"], answer["AnnotationName"]), ("k", "ml.labels"))
            self.assertEqual(answer["ETag"], f'"{hashlib.md5(text).hexdigest()}"')
            self.assertEqual(answer["ServerSideEncryption"], "AES256")
            self.assertEqual(self.payload(bucket, "ml.labels"), text)
        self.assertEqual(self.get(bucket, "k"), b"body")
        entry = self.s3.list_object_annotations(Bucket=bucket, Key="k")["Annotations"][0]
        self.assertEqual((entry["Size"], entry["ETag"]), (MIB, answer["ETag"]))
        self.assertLess(abs(entry["LastModified"] - datetime.now(timezone.utc)), timedelta(minutes=5))
        self.remove(bucket, "ml.labels")
        self.missing(bucket, "ml.labels")
        self.refused("UnsupportedMediaType", 415, self.annotate, bucket=bucket, name="a", payload=b"\xff\xfe")
        self.refused("EntityTooLarge", 400, self.annotate, bucket=bucket, name="a", payload=b"x" * (MIB + 1))

    def test_every_checksum(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body")
        text = b"checked " * 5000
        for name in ALGORITHMS:
            stored = self.annotate(bucket, name, text, ChecksumAlgorithm=name)[f"Checksum{name}"]
            answer = self.s3.get_object_annotation(Bucket=bucket, Key="k", AnnotationName=name, ChecksumMode="ENABLED")
            self.assertEqual((answer[f"Checksum{name}"], answer["ChecksumType"]), (stored, "FULL_OBJECT"))
            self.assertEqual(answer["AnnotationPayload"].read(), text)
        md5 = base64.b64encode(hashlib.md5(text).digest()).decode()
        self.assertEqual(self.annotate(bucket, "MD5", text, ChecksumMD5=md5)["ChecksumMD5"], md5)
        self.refused("BadDigest", 400, self.annotate, bucket=bucket, name="bad", payload=text[1:], ChecksumMD5=md5)
        listed = self.s3.list_object_annotations(Bucket=bucket, Key="k")["Annotations"]
        self.assertEqual({entry["AnnotationName"]: entry["ChecksumAlgorithm"] for entry in listed},
                         {name: [name] for name in [*ALGORITHMS, "MD5"]})

    def test_a_thousand_and_no_more(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body")
        for number in range(1000):
            self.annotate(bucket, f"a{number}", b"x")
        self.refused("AnnotationLimitExceeded", 400, self.annotate, bucket=bucket, name="more", payload=b"x")
        self.annotate(bucket, "a7", b"another")
        self.assertEqual(self.payload(bucket, "a7"), b"another")
        self.assertEqual(self.names(bucket, MaxAnnotationResults=300), sorted(f"a{number}" for number in range(1000)))
        self.assertEqual(len(self.names(bucket, AnnotationPrefix="a99")), 11)
        self.s3.delete_object(Bucket=bucket, Key="k")
        self.put(bucket, "k", b"body")
        self.assertEqual(self.names(bucket), [])

    def test_they_belong_to_one_version(self):
        bucket = self.new_bucket()
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first = self.put(bucket, "k", b"one")["VersionId"]
        self.assertEqual(self.annotate(bucket, "a", b"of the first")["ObjectVersionId"], first)
        second = self.put(bucket, "k", b"two")["VersionId"]
        self.missing(bucket, "a")
        self.annotate(bucket, "a", b"of the second")
        self.assertEqual(self.payload(bucket, "a", VersionId=first), b"of the first")
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
        self.assertEqual(self.payload(bucket, "a"), b"of the first")
        self.assertEqual(self.remove(bucket, "a", VersionId=first)["ObjectVersionId"], first)
        self.missing(bucket, "a")

    def test_the_object_that_was_meant(self):
        bucket = self.new_bucket()
        etag = self.put(bucket, "k", b"body")["ETag"]
        self.annotate(bucket, "a", b"x", ObjectIfMatch=etag)
        self.put(bucket, "k", b"other")
        self.refused("PreconditionFailed", 412, self.annotate, bucket=bucket, name="a", payload=b"x", ObjectIfMatch=etag)
        self.missing(bucket, "a")

    def test_copies_take_them_along(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body" * 50_000)
        self.annotate(bucket, "small", b"x")
        self.annotate(bucket, "large", b"y" * 100_000)
        source = {"Bucket": bucket, "Key": "k"}
        self.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
        self.assertEqual(self.payload(bucket, "small", "copy"), b"x")
        self.assertEqual(self.payload(bucket, "large", "copy"), b"y" * 100_000)
        self.s3.copy_object(Bucket=bucket, Key="without", CopySource=source, AnnotationDirective="EXCLUDE")
        self.assertEqual(self.names(bucket, "without"), [])
        self.s3.copy_object(Bucket=bucket, Key="k", CopySource=source, MetadataDirective="REPLACE", Metadata={"a": "b"})
        self.assertEqual(self.names(bucket), ["large", "small"])

    def test_a_lock_keeps_them(self):
        bucket = self.new_bucket(ObjectLockEnabledForBucket=True)
        until = datetime.now(timezone.utc) + timedelta(days=1)
        self.put(bucket, "k", b"body", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
        self.annotate(bucket, "a", b"x")
        self.refused("AccessDenied", 403, self.remove, bucket=bucket, name="a")
        self.refused("AccessDenied", 403, self.annotate, bucket=bucket, name="a", payload=b"y")
        self.annotate(bucket, "b", b"x")
        self.assertEqual(self.payload(bucket, "a"), b"x")

    def test_encryption_is_that_of_the_object(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body", ServerSideEncryption="aws:kms")
        self.assertEqual(self.annotate(bucket, "a", b"secret")["ServerSideEncryption"], "aws:kms")
        self.assertEqual(self.payload(bucket, "a"), b"secret")
        if self.transport == "https":
            self.put(bucket, "k", b"body", SSECustomerAlgorithm="AES256", SSECustomerKey=b"k" * 32)
            self.refused("InvalidRequest", 400, self.annotate, bucket=bucket, name="a", payload=b"x")

    def test_each_verb_has_an_action_of_its_own(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"body")
        self.annotate(bucket, "a", b"x")
        self.s3.delete_public_access_block(Bucket=bucket)
        other = self.make_client("second-account", "second-secret-key-0123456789")
        name = {"Bucket": bucket, "Key": "k", "AnnotationName": "a"}
        calls = {"Get": (other.get_object_annotation, name), "Put": (other.put_object_annotation, {**name, "AnnotationPayload": b"y"}),
                 "List": (other.list_object_annotations, {"Bucket": bucket, "Key": "k"}), "Delete": (other.delete_object_annotation, name)}
        source = {"Bucket": bucket, "Key": "k"}
        self.allow(bucket, ["s3:GetObject", "s3:PutObject"])
        self.refused("AccessDenied", 403, other.copy_object, Bucket=bucket, Key="copy", CopySource=source)
        other.copy_object(Bucket=bucket, Key="copy", CopySource=source, AnnotationDirective="EXCLUDE")
        self.allow(bucket, ["s3:GetObject", "s3:PutObject", "s3:GetObjectAnnotation", "s3:PutObjectAnnotation"])
        other.copy_object(Bucket=bucket, Key="copy", CopySource=source)
        self.assertEqual(self.names(bucket, "copy"), ["a"])
        for allowed in calls:
            action = f"s3:{allowed}ObjectAnnotation" + ("s" if allowed == "List" else "")
            self.allow(bucket, [action])
            for verb, (call, options) in calls.items():
                if verb == allowed:
                    call(**options)
                else:
                    self.refused("AccessDenied", 403, call, **options)


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
