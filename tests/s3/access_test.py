#!/usr/bin/env python3
"""Bucket policies, access control lists, ownership and blocked public access as boto3 uses them: the owner, a second account and
nobody, each case over http and over https."""

import json
import unittest

import botocore
from boto3_world import Server, World, over_both

PUBLIC_READ = "http://acs.amazonaws.com/groups/global/AllUsers"


def allow(bucket, actions, principal="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": principal, "Action": actions,
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], **more}]})


class Cases(World):
    """Every test of the two transports."""

    def setUp(self):
        super().setUp()
        self.other = self.make_client("second-account", "second-secret-key-0123456789")
        self.nobody = self.make_client(signature_version=botocore.UNSIGNED)

    def denied(self, call, **options):
        self.refused("AccessDenied", 403, call, **options)

    def open_bucket(self, ownership="ObjectWriter"):
        bucket = self.new_bucket(ObjectOwnership=ownership)
        self.s3.delete_public_access_block(Bucket=bucket)
        return bucket

    def test_a_new_bucket_is_shut(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"secret")
        for client in (self.other, self.nobody):
            self.denied(client.get_object, Bucket=bucket, Key="k")
            self.denied(client.get_object, Bucket=bucket, Key="none")
            self.denied(client.list_objects_v2, Bucket=bucket)
            self.denied(client.put_object, Bucket=bucket, Key="k", Body=b"x")
            self.denied(client.get_bucket_policy, Bucket=bucket)
        self.denied(self.nobody.list_buckets)
        block = self.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        self.assertEqual(set(block.values()), {True})
        rules = self.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        self.assertEqual(rules, [{"ObjectOwnership": "BucketOwnerEnforced"}])
        self.denied(self.s3.put_bucket_policy, Bucket=bucket, Policy=allow(bucket, "s3:GetObject"))

    def test_a_policy_lets_in_whom_it_names(self):
        bucket = self.open_bucket("BucketOwnerEnforced")
        self.put(bucket, "k", b"shown")
        policy = allow(bucket, ["s3:GetObject", "s3:ListBucket"])
        self.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        self.assertEqual(self.s3.get_bucket_policy(Bucket=bucket)["Policy"], policy)
        self.assertTrue(self.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"])
        for client in (self.other, self.nobody):
            self.assertEqual(client.get_object(Bucket=bucket, Key="k")["Body"].read(), b"shown")
            self.assertEqual(client.list_objects_v2(Bucket=bucket)["KeyCount"], 1)
            self.refused("NoSuchKey", 404, client.get_object, Bucket=bucket, Key="none")
            self.denied(client.put_object, Bucket=bucket, Key="k", Body=b"x")
        second = self.other.list_buckets()["Owner"]["ID"]
        self.s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "s3:*", {"CanonicalUser": second}))
        self.other.put_object(Bucket=bucket, Key="theirs", Body=b"x")
        self.denied(self.nobody.get_object, Bucket=bucket, Key="k")
        self.assertFalse(self.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"])
        self.s3.delete_bucket_policy(Bucket=bucket)
        self.refused("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=bucket)
        self.denied(self.other.get_object, Bucket=bucket, Key="k")

    def test_a_condition_on_tags_that_an_object_has(self):
        bucket = self.open_bucket("BucketOwnerEnforced")
        self.put(bucket, "open", b"1", Tagging="security=public")
        self.put(bucket, "shut", b"2", Tagging="security=private")
        self.s3.put_bucket_policy(Bucket=bucket, Policy=allow(
            bucket, "s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/security": "public"}}))
        self.assertEqual(self.other.get_object(Bucket=bucket, Key="open")["Body"].read(), b"1")
        self.denied(self.other.get_object, Bucket=bucket, Key="shut")
        self.s3.put_object_tagging(Bucket=bucket, Key="shut", Tagging={"TagSet": [{"Key": "security", "Value": "public"}]})
        self.assertEqual(self.other.get_object(Bucket=bucket, Key="shut")["Body"].read(), b"2")

    def test_lists_of_objects(self):
        bucket = self.open_bucket()
        self.put(bucket, "k", b"x", ACL="public-read")
        self.assertEqual(self.nobody.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x")
        grants = self.s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
        self.assertIn((PUBLIC_READ, "READ"), [(grant["Grantee"].get("URI"), grant["Permission"]) for grant in grants])
        self.s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
        self.denied(self.nobody.get_object, Bucket=bucket, Key="k")
        second = self.other.list_buckets()["Owner"]["ID"]
        owner = self.s3.list_buckets()["Owner"]["ID"]
        self.s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy={"Owner": {"ID": owner}, "Grants": [
            {"Grantee": {"Type": "CanonicalUser", "ID": second}, "Permission": "READ"}]})
        self.assertEqual(self.other.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x")
        self.denied(self.other.get_object_acl, Bucket=bucket, Key="k")
        self.refused("InvalidArgument", 400, self.s3.put_object_acl, Bucket=bucket, Key="k", GrantRead='id="nobody"')
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="parts", ACL="public-read")["UploadId"]
        part = self.s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
        self.s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload,
                                          MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        self.assertEqual(self.nobody.get_object(Bucket=bucket, Key="parts")["Body"].read(), b"part")

    def test_lists_of_buckets(self):
        bucket = self.open_bucket()
        self.s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
        self.other.put_object(Bucket=bucket, Key="theirs", Body=b"x")
        self.assertEqual(self.nobody.list_objects_v2(Bucket=bucket)["KeyCount"], 1)
        self.denied(self.s3.get_object, Bucket=bucket, Key="theirs")
        self.other.put_object_acl(Bucket=bucket, Key="theirs", ACL="bucket-owner-full-control")
        self.assertEqual(self.get(bucket, "theirs"), b"x")
        self.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
        self.denied(self.nobody.list_objects_v2, Bucket=bucket)
        self.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
        self.denied(self.s3.put_bucket_acl, Bucket=bucket, ACL="public-read")

    def test_copies_need_leave_for_their_source(self):
        bucket, target = self.open_bucket("BucketOwnerEnforced"), self.new_bucket()
        self.put(bucket, "k", b"x")
        self.denied(self.other.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
        mine = f"second-{self.transport}-{World.bucket_count}"
        self.other.create_bucket(Bucket=mine)
        self.denied(self.other.copy_object, Bucket=mine, Key="c", CopySource=f"{bucket}/k")
        self.s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "s3:GetObject"))
        self.other.copy_object(Bucket=mine, Key="c", CopySource=f"{bucket}/k")
        self.denied(self.other.copy_object, Bucket=target, Key="c", CopySource=f"{bucket}/k")
        self.assertEqual(self.other.get_object(Bucket=mine, Key="c")["Body"].read(), b"x")


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
