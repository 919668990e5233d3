#!/usr/bin/env python3
"""Versions and tags as current boto3 uses them, each case over http and over https."""

import os
import unittest

from boto3_world import Server, World, over_both

MIB = 1 << 20


class Cases(World):
    """Every test of the two transports."""

    def versioned_bucket(self, status="Enabled"):
        bucket = self.new_bucket()
        self.set_versioning(bucket, status)
        return bucket

    def set_versioning(self, bucket, status):
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def listed(self, bucket, page_size=1000, **options):
        """(key, version id, latest) of versions and of delete markers, in the order of the pages."""
        versions, markers = [], []
        pages = self.s3.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": page_size}, **options):
            versions += [(v["Key"], v["VersionId"], v["IsLatest"]) for v in page.get("Versions", [])]
            markers += [(v["Key"], v["VersionId"], v["IsLatest"]) for v in page.get("DeleteMarkers", [])]
        return versions, markers

    def test_states_of_a_bucket(self):
        bucket = self.new_bucket()
        self.assertNotIn("Status", self.s3.get_bucket_versioning(Bucket=bucket))
        for status in ("Enabled", "Suspended", "Enabled"):
            self.set_versioning(bucket, status)
            self.assertEqual(self.s3.get_bucket_versioning(Bucket=bucket)["Status"], status)

    def test_what_was_there_before_is_the_null_version(self):
        bucket = self.new_bucket()
        self.assertNotIn("VersionId", self.put(bucket, "k", b"null"))
        self.set_versioning(bucket, "Enabled")
        newest = self.put(bucket, "k", b"new")["VersionId"]
        self.assertEqual(self.get(bucket, "k", VersionId="null"), b"null")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["VersionId"], newest)
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=newest)
        self.assertEqual(self.get(bucket, "k"), b"null")

    def test_stack_of_versions_and_delete_markers(self):
        bucket = self.versioned_bucket()
        bodies = {}
        for size in (0, 10, 100_000, 9 * MIB):
            body = os.urandom(size)
            bodies[self.put(bucket, "k", body)["VersionId"]] = body
            marker = self.s3.delete_object(Bucket=bucket, Key="k")
            self.assertTrue(marker["DeleteMarker"])
        gone = self.refused("NoSuchKey", 404, self.s3.get_object, Bucket=bucket, Key="k")
        self.assertEqual(gone["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"], "true")
        self.refused("404", 404, self.s3.head_object, Bucket=bucket, Key="k")
        self.refused("MethodNotAllowed", 405, self.s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"])
        self.refused("405", 405, self.s3.head_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"])
        versions, markers = self.listed(bucket)
        self.assertEqual((len(versions), len(markers)), (4, 4))
        self.assertEqual(markers[0], ("k", marker["VersionId"], True))
        self.assertEqual([latest for _, _, latest in versions], [False] * 4)
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0)
        for version, body in bodies.items():
            self.assertEqual(self.get(bucket, "k", VersionId=version), body)
            self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k", VersionId=version)["ContentLength"], len(body))
        for _, version, _ in markers:
            self.assertTrue(self.s3.delete_object(Bucket=bucket, Key="k", VersionId=version)["DeleteMarker"])
        for version, body in reversed(bodies.items()):
            self.assertEqual(self.get(bucket, "k"), body)
            self.s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
        self.s3.delete_bucket(Bucket=bucket)

    def test_ids_that_are_unknown_or_none(self):
        bucket = self.versioned_bucket()
        version = self.put(bucket, "k", b"x")["VersionId"]
        other = self.put(bucket, "other", b"x")["VersionId"]
        self.refused("NoSuchVersion", 404, self.s3.get_object, Bucket=bucket, Key="k", VersionId=other)
        self.refused("InvalidArgument", 400, self.s3.get_object, Bucket=bucket, Key="k", VersionId="no-id")
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=other)
        self.assertEqual(self.get(bucket, "k", VersionId=version), b"x")

    def test_suspended_buckets_have_one_null_version(self):
        bucket = self.versioned_bucket()
        kept = self.put(bucket, "k", b"kept")["VersionId"]
        self.set_versioning(bucket, "Suspended")
        for body in (b"1", b"2"):
            self.assertEqual(self.put(bucket, "k", body)["VersionId"], "null")
        self.assertEqual(self.listed(bucket)[0], [("k", "null", True), ("k", kept, False)])
        self.assertEqual(self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"], "null")
        self.assertEqual(self.listed(bucket), ([("k", kept, False)], [("k", "null", True)]))
        self.set_versioning(bucket, "Enabled")
        newest = self.put(bucket, "k", b"3")["VersionId"]
        self.assertEqual(self.listed(bucket), ([("k", newest, True), ("k", kept, False)], [("k", "null", False)]))

    def test_pages_of_versions(self):
        bucket = self.versioned_bucket()
        expected = []
        for key in ("a", "b/1", "b/2", "c d"):
            mine = [self.put(bucket, key, bytes([i]))["VersionId"] for i in range(5)]
            expected += [(key, version, i == 0) for i, version in enumerate(reversed(mine))]
        for page_size in (1, 2, 3, 7, 1000):
            self.assertEqual(self.listed(bucket, page_size)[0], expected)
        self.assertEqual([key for key, _, _ in self.listed(bucket, 2, Prefix="b/")[0]], ["b/1"] * 5 + ["b/2"] * 5)
        self.assertEqual([key for key, _, _ in self.listed(bucket, 2, Delimiter="/")[0]], ["a"] * 5 + ["c d"] * 5)

    def test_everything_of_a_bucket_is_deleted_in_pages(self):
        bucket = self.new_bucket()
        self.put(bucket, "k0", b"null")
        self.set_versioning(bucket, "Enabled")
        for i in range(40):
            self.put(bucket, f"k{i % 7}", b"x")
            if i % 3 == 0:
                self.s3.delete_object(Bucket=bucket, Key=f"k{i % 7}")
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 10})
        for page in pages:
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]}
                       for each in page.get("Versions", []) + page.get("DeleteMarkers", [])]
            answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
            self.assertEqual(len(answer["Deleted"]), len(objects))
        self.s3.delete_bucket(Bucket=bucket)

    def test_restore_by_a_copy(self):
        bucket = self.versioned_bucket()
        body = os.urandom(9 * MIB)
        old = self.put(bucket, "k", body, Metadata={"colour": "green"})["VersionId"]
        self.put(bucket, "k", b"oops")
        done = self.s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": old})
        self.assertEqual(done["CopySourceVersionId"], old)
        self.assertEqual(self.get(bucket, "k", VersionId=done["VersionId"]), body)
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=old)
        self.assertEqual(self.get(bucket, "k"), body)
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["Metadata"], {"colour": "green"})

    def test_multipart_makes_versions(self):
        bucket = self.versioned_bucket()
        source = self.put(bucket, "source", os.urandom(8 * MIB))["VersionId"]
        self.put(bucket, "source", b"newer")
        first = self.put(bucket, "k", b"first")["VersionId"]
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        copied = self.s3.upload_part_copy(**name, PartNumber=1,
                                          CopySource={"Bucket": bucket, "Key": "source", "VersionId": source})
        self.assertEqual(copied["CopySourceVersionId"], source)
        parts = [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}]
        done = self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        again = self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        self.assertEqual(again["VersionId"], done["VersionId"])
        self.assertEqual(self.listed(bucket, Prefix="k")[0], [("k", done["VersionId"], True), ("k", first, False)])
        self.assertEqual(self.get(bucket, "k"), self.get(bucket, "source", VersionId=source))

    def test_attributes_of_a_version(self):
        bucket = self.versioned_bucket()
        old = self.put(bucket, "k", b"12345")["VersionId"]
        self.put(bucket, "k", b"x")
        answer = self.s3.get_object_attributes(Bucket=bucket, Key="k", VersionId=old, ObjectAttributes=["ObjectSize"])
        self.assertEqual((answer["ObjectSize"], answer["VersionId"]), (5, old))

    def test_conditional_deletes(self):
        bucket = self.versioned_bucket()
        first = self.put(bucket, "k", b"1")
        second = self.put(bucket, "k", b"2")
        delete = self.s3.delete_object
        self.refused("PreconditionFailed", 412, delete, Bucket=bucket, Key="k", IfMatch=first["ETag"])
        self.refused("PreconditionFailed", 412, delete, Bucket=bucket, Key="k", VersionId=first["VersionId"],
                     IfMatch=second["ETag"])
        delete(Bucket=bucket, Key="k", VersionId=first["VersionId"], IfMatch=first["ETag"])
        self.assertTrue(delete(Bucket=bucket, Key="k", IfMatch=second["ETag"])["DeleteMarker"])

    def test_racing_creators_and_deleters(self):
        bucket = self.versioned_bucket()
        for _ in range(3):
            self.one_creator_wins(bucket, "k", 12)
            self.s3.delete_object(Bucket=bucket, Key="k")
        versions, markers = self.listed(bucket)
        self.assertEqual((len(versions), len(markers)), (3, 3))

    def test_tags_of_versions(self):
        bucket = self.versioned_bucket()
        old = self.put(bucket, "k", b"x", Tagging="sent=with")["VersionId"]
        new = self.put(bucket, "k", b"x")["VersionId"]
        tags = [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": "é"}]
        answer = self.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
        self.assertEqual(answer["VersionId"], new)
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], tags)
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=old)["TagSet"],
                         [{"Key": "sent", "Value": "with"}])
        self.s3.delete_object_tagging(Bucket=bucket, Key="k", VersionId=old)
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=old)["TagSet"], [])
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["TagCount"], 2)
        put = self.s3.put_object_tagging
        eleven = [{"Key": str(i), "Value": ""} for i in range(11)]
        self.refused("BadRequest", 400, put, Bucket=bucket, Key="k", Tagging={"TagSet": eleven})
        for bad in ([{"Key": "k" * 129, "Value": ""}], [{"Key": "k", "Value": "v" * 257}], [{"Key": "k", "Value": ""}] * 2, [{"Key": "aws:k", "Value": ""}]):
            self.refused("InvalidTag", 400, put, Bucket=bucket, Key="k", Tagging={"TagSet": bad})
        self.refused("NoSuchKey", 404, put, Bucket=bucket, Key="none", Tagging={"TagSet": tags})

    def test_tags_of_buckets(self):
        bucket = self.new_bucket()
        self.refused("NoSuchTagSet", 404, self.s3.get_bucket_tagging, Bucket=bucket)
        tags = [{"Key": "team", "Value": "a = b + \u00e9"}]
        self.refused("InvalidTag", 400, self.s3.put_bucket_tagging, Bucket=bucket,
                     Tagging={"TagSet": [{"Key": "team", "Value": "<a>"}]})
        self.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], tags)
        self.s3.delete_bucket_tagging(Bucket=bucket)
        self.refused("NoSuchTagSet", 404, self.s3.get_bucket_tagging, Bucket=bucket)


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
