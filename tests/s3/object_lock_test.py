#!/usr/bin/env python3
"""Object lock as current boto3 uses it, each case over http and over https."""

import datetime
import unittest

from boto3_world import Server, World, over_both

UTC = datetime.timezone.utc
MIB = 1 << 20


def days_from_now(days):
    """To the second, as S3 keeps dates."""
    return (datetime.datetime.now(UTC) + datetime.timedelta(days=days)).replace(microsecond=0)


class Cases(World):
    """Every test of the two transports."""

    def locked_bucket(self, default=None):
        bucket = self.new_bucket(ObjectLockEnabledForBucket=True)
        if default:
            self.set_lock(bucket, default)
        return bucket

    def set_lock(self, bucket, default):
        configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
        self.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)

    def retain(self, bucket, version, mode, until, **options):
        self.s3.put_object_retention(Bucket=bucket, Key="k", VersionId=version,
                                     Retention={"Mode": mode, "RetainUntilDate": until}, **options)

    def retention(self, bucket, version):
        found = self.s3.get_object_retention(Bucket=bucket, Key="k", VersionId=version)["Retention"]
        return found["Mode"], found["RetainUntilDate"]

    def hold(self, bucket, version, to):
        self.s3.put_object_legal_hold(Bucket=bucket, Key="k", VersionId=version, LegalHold={"Status": to})

    def remove(self, bucket, version, **options):
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=version, **options)

    def assert_locked(self, bucket, version, **options):
        answer = self.refused("AccessDenied", 403, self.s3.delete_object, Bucket=bucket, Key="k", VersionId=version,
                              **options)
        self.assertEqual(answer["Error"]["Message"], "Access Denied because object protected by object lock.")

    def test_configuration_of_a_bucket(self):
        bucket = self.locked_bucket()
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
        found = self.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        self.assertEqual(found, {"ObjectLockEnabled": "Enabled"})
        for default in ({"Mode": "GOVERNANCE", "Days": 3}, {"Mode": "COMPLIANCE", "Years": 100}):
            self.set_lock(bucket, default)
            found = self.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
            self.assertEqual(found["Rule"]["DefaultRetention"], default)
        self.refused("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket=bucket,
                     VersioningConfiguration={"Status": "Suspended"})
        for code, default in (("InvalidRetentionPeriod", {"Mode": "GOVERNANCE", "Days": 0}),
                              ("InvalidRetentionPeriod", {"Mode": "GOVERNANCE", "Years": -1}),
                              ("InvalidRetentionPeriod", {"Mode": "GOVERNANCE", "Years": 101}),
                              ("MalformedXML", {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}),
                              ("MalformedXML", {"Mode": "GOVERNANCE"}), ("MalformedXML", {"Days": 1}),
                              ("MalformedXML", {"Mode": "governance", "Days": 1})):
            self.refused(code, 400, self.set_lock, bucket=bucket, default=default)
        for configuration in ({"ObjectLockEnabled": "Disabled"}, {}):
            self.refused("MalformedXML", 400, self.s3.put_object_lock_configuration, Bucket=bucket,
                         ObjectLockConfiguration=configuration)

    def test_lock_of_a_bucket_that_is_there(self):
        bucket = self.new_bucket()
        self.refused("ObjectLockConfigurationNotFoundError", 404, self.s3.get_object_lock_configuration, Bucket=bucket)
        version = self.put(bucket, "k", b"x")
        self.assertNotIn("VersionId", version)
        for call, options in ((self.s3.put_object_retention,
                               {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": days_from_now(1)}}),
                              (self.s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                              (self.s3.get_object_retention, {}), (self.s3.get_object_legal_hold, {}),
                              (self.s3.put_object, {"ObjectLockLegalHoldStatus": "ON", "Body": b"x"}),
                              (self.s3.create_multipart_upload, {"ObjectLockLegalHoldStatus": "ON"})):
            self.refused("InvalidRequest", 400, call, Bucket=bucket, Key="k", **options)
        self.refused("InvalidBucketState", 409, self.set_lock, bucket=bucket, default={"Mode": "GOVERNANCE", "Days": 1})
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.set_lock(bucket, {"Mode": "GOVERNANCE", "Days": 1})
        self.retain(bucket, "null", "COMPLIANCE", days_from_now(1))
        self.assert_locked(bucket, "null")

    def test_modes_of_retention(self):
        bucket = self.locked_bucket()
        version = self.put(bucket, "k", b"x")["VersionId"]
        self.refused("NoSuchObjectLockConfiguration", 404, self.s3.get_object_retention, Bucket=bucket, Key="k")
        day, week = days_from_now(1), days_from_now(7)
        self.retain(bucket, version, "GOVERNANCE", day)
        self.assertEqual(self.retention(bucket, version), ("GOVERNANCE", day))
        head = self.s3.head_object(Bucket=bucket, Key="k")
        self.assertEqual((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("GOVERNANCE", day))
        self.assert_locked(bucket, version)
        self.retain(bucket, version, "GOVERNANCE", week)
        for mode, until in (("GOVERNANCE", day), ("COMPLIANCE", week)):
            self.refused("AccessDenied", 403, self.retain, bucket=bucket, version=version, mode=mode, until=until)
        self.refused("AccessDenied", 403, self.s3.put_object_retention, Bucket=bucket, Key="k", Retention={})
        self.retain(bucket, version, "GOVERNANCE", day, BypassGovernanceRetention=True)
        self.s3.put_object_retention(Bucket=bucket, Key="k", Retention={}, BypassGovernanceRetention=True)
        self.refused("NoSuchObjectLockConfiguration", 404, self.s3.get_object_retention, Bucket=bucket, Key="k")
        self.retain(bucket, version, "GOVERNANCE", day)
        self.remove(bucket, version, BypassGovernanceRetention=True)

        version = self.put(bucket, "k", b"y", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=day)["VersionId"]
        self.retain(bucket, version, "COMPLIANCE", week)
        for mode, until in (("COMPLIANCE", day), ("GOVERNANCE", days_from_now(9))):
            self.refused("AccessDenied", 403, self.retain, bucket=bucket, version=version, mode=mode, until=until,
                         BypassGovernanceRetention=True)
        self.assert_locked(bucket, version, BypassGovernanceRetention=True)
        self.assertEqual(self.retention(bucket, version), ("COMPLIANCE", week))
        self.refused("BucketNotEmpty", 409, self.s3.delete_bucket, Bucket=bucket)

    def test_legal_hold(self):
        bucket = self.locked_bucket()
        version = self.put(bucket, "k", b"x")["VersionId"]
        self.refused("NoSuchObjectLockConfiguration", 404, self.s3.get_object_legal_hold, Bucket=bucket, Key="k")
        self.hold(bucket, version, "ON")
        self.assertEqual(self.s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"]["Status"], "ON")
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["ObjectLockLegalHoldStatus"], "ON")
        self.assert_locked(bucket, version, BypassGovernanceRetention=True)
        marker = self.s3.delete_object(Bucket=bucket, Key="k")
        self.assertTrue(marker["DeleteMarker"])
        self.assert_locked(bucket, version)
        self.refused("MethodNotAllowed", 405, self.hold, bucket=bucket, version=marker["VersionId"], to="ON")
        self.remove(bucket, marker["VersionId"])
        self.refused("MalformedXML", 400, self.hold, bucket=bucket, version=version, to="MAYBE")
        self.hold(bucket, version, "OFF")
        self.assertEqual(self.s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"]["Status"], "OFF")
        self.remove(bucket, version)

    def test_default_retention(self):
        bucket = self.locked_bucket({"Mode": "GOVERNANCE", "Days": 2})
        put = self.put(bucket, "k", b"x")["VersionId"]
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        part = self.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"p" * MIB)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        whole = self.s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts)
        copy = self.s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k?versionId={put}")
        for version in (put, whole["VersionId"], copy["VersionId"]):
            mode, until = self.retention(bucket, version)
            made = self.s3.head_object(Bucket=bucket, Key="k", VersionId=version)["LastModified"]
            self.assertEqual((mode, until), ("GOVERNANCE", made + datetime.timedelta(days=2)))
            self.assert_locked(bucket, version)
        own = self.put(bucket, "k", b"y", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=days_from_now(1))
        self.assertEqual(self.retention(bucket, own["VersionId"])[0], "COMPLIANCE")

    def test_lock_of_uploads_and_copies_is_the_requests(self):
        bucket = self.locked_bucket()
        until = days_from_now(3)
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"}
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k", **lock)["UploadId"]
        part = self.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"p")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        version = self.s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload,
                                                    MultipartUpload=parts)["VersionId"]
        self.assertEqual(self.retention(bucket, version), ("COMPLIANCE", until))
        self.assertEqual(self.s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"]["Status"], "ON")
        free = self.s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k",
                                   MetadataDirective="REPLACE")["VersionId"]
        self.remove(bucket, free)
        held = self.s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k",
                                   MetadataDirective="REPLACE", ObjectLockLegalHoldStatus="ON")["VersionId"]
        self.assert_locked(bucket, held)

    def test_delete_of_many(self):
        bucket = self.locked_bucket()
        held = self.put(bucket, "k", b"x", ObjectLockLegalHoldStatus="ON")["VersionId"]
        until = days_from_now(1)
        governed = self.put(bucket, "k", b"y", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
        free = self.put(bucket, "k", b"z")["VersionId"]
        objects = {"Objects": [{"Key": "k", "VersionId": version} for version in (held, governed, free)]}
        answer = self.s3.delete_objects(Bucket=bucket, Delete=objects)
        self.assertEqual([one["VersionId"] for one in answer["Deleted"]], [free])
        self.assertEqual([(one["Code"], one["VersionId"]) for one in answer["Errors"]],
                         [("AccessDenied", held), ("AccessDenied", governed)])
        answer = self.s3.delete_objects(Bucket=bucket, Delete=objects, BypassGovernanceRetention=True)
        self.assertEqual([one["VersionId"] for one in answer["Errors"]], [held])

    def test_headers_that_cannot_be(self):
        bucket = self.locked_bucket()
        for options in ({"ObjectLockMode": "COMPLIANCE"}, {"ObjectLockRetainUntilDate": days_from_now(1)},
                        {"ObjectLockMode": "NONE", "ObjectLockRetainUntilDate": days_from_now(1)},
                        {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": days_from_now(-1)},
                        {"ObjectLockLegalHoldStatus": "YES"}):
            self.refused("InvalidArgument", 400, self.put, bucket=bucket, key="k", body=b"x", **options)
        version = self.put(bucket, "k", b"x")["VersionId"]
        self.refused("InvalidArgument", 400, self.retain, bucket=bucket, version=version, mode="GOVERNANCE",
                     until=days_from_now(-1))
        self.refused("MalformedXML", 400, self.retain, bucket=bucket, version=version, mode="NONE",
                     until=days_from_now(1))
        self.refused("NoSuchKey", 404, self.s3.put_object_legal_hold, Bucket=bucket, Key="none",
                     LegalHold={"Status": "ON"})


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
