#!/usr/bin/env python3
"""Every operation of botocore's S3 model, with the least that its model asks for, against a bucket that has little in it: each is
answered as tests/s3/cases/operations.toml says, in AWS's shape, over http and over https.

    smoke_test.py --write    prints the table as the server answers now
"""

import sys
import tomllib
import unittest
from datetime import datetime, timezone

import botocore.session
from boto3_world import ROOT, Server, World, over_both
from botocore.exceptions import ClientError

EXPECTED = tomllib.loads((ROOT / "tests/s3/cases/operations.toml").read_text())["answers"]
MODEL = botocore.session.get_session().get_service_model("s3")
ALTERED = {  # What no default of a shape could be.
    "Delete": {"Objects": [{"Key": "gone"}]},
    "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]},
    "Policy": '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::BUCKET/none"}]}',
    "PartNumber": 1, "CopySource": "BUCKET/source", "RenameSource": "k", "ObjectAttributes": ["ETag"],
    "CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    "VersioningConfiguration": {"Status": "Enabled"}, "ChecksumAlgorithm": "CRC32",
    "LifecycleConfiguration": {"Rules": [{"ID": "a", "Status": "Enabled", "Prefix": "x", "Expiration": {"Days": 1}}]},
    "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
    "WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}},
    "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}, "LegalHold": {"Status": "ON"},
    "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2100, 1, 1, tzinfo=timezone.utc)},
    "AccelerateConfiguration": {"Status": "Suspended"}, "AbacStatus": {"Status": "Disabled"},
    "BucketLoggingStatus": {}, "NotificationConfiguration": {}, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]},
    "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
    "InventoryConfiguration": {"Id": "x", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"},
                               "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::BUCKET", "Format": "CSV"}}},
    "IntelligentTieringConfiguration": {"Id": "x", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]},
    "ReplicationConfiguration": {"Role": "arn:aws:iam::111122223333:role/r", "Rules": [
        {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::BUCKET"}}]},
    "Expression": "SELECT * FROM S3Object", "InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}},
    "AccessControlPolicy": {}, "ACL": "private", "RequestRoute": "route", "RequestToken": "token", "AnnotationPayload": b"x",
}
ALSO = {"PutBucketAcl": ["ACL"], "PutObjectAcl": ["ACL"], "CompleteMultipartUpload": ["MultipartUpload"],
        "PutObjectLegalHold": ["LegalHold"], "PutObjectRetention": ["Retention"],
        "PutBucketLifecycleConfiguration": ["LifecycleConfiguration"], "PutBucketLifecycle": ["LifecycleConfiguration"], "PutObjectLockConfiguration": ["ObjectLockConfiguration"]}

OF_UPLOADS = {"AbortMultipartUpload", "CompleteMultipartUpload", "ListParts", "UploadPart", "UploadPartCopy"}
OF_LOCKS = {"GetObjectLegalHold", "GetObjectLockConfiguration", "GetObjectRetention", "PutObjectLegalHold",
            "PutObjectLockConfiguration", "PutObjectRetention"}


# Headers of requests that no line of src/ names: made from a part, of what is NotImplemented, or not looked at on purpose.
UNNAMED = {"x-amz-bucket-object-lock-token": "of the answer to a support case", "x-amz-mfa": "there is no MFA delete",
           "x-amz-confirm-remove-self-bucket-access": "an identity may shut itself out", "x-amz-create-session-mode": "CreateSession"}
UNNAMED_STARTS = ("x-amz-fwd-", "x-amz-request-route", "x-amz-request-token",  # WriteGetObjectResponse
                  "x-amz-copy-source-if-", "x-amz-rename-source-if-", "x-amz-copy-source-server-side-encryption-customer-", "x-amz-object-lock-event-hold-")


def least(shape):
    """A value of the shape with nothing that is not required."""
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: least(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [least(shape.member)]
    simple = {"integer": 1, "long": 1, "boolean": True, "blob": b"", "timestamp": datetime(2100, 1, 1, tzinfo=timezone.utc)}
    if shape.type_name in simple:
        return simple[shape.type_name]
    return shape.enum[0] if getattr(shape, "enum", None) else "x" * shape.metadata.get("min", 1)


def with_bucket(value, bucket):
    if isinstance(value, str):
        return value.replace("BUCKET", bucket)
    if isinstance(value, list):
        return [with_bucket(item, bucket) for item in value]
    if isinstance(value, dict):
        return {name: with_bucket(item, bucket) for name, item in value.items()}
    return value


def request_of(operation, bucket):
    """What to call it with."""
    shape = operation.input_shape
    wanted = {}
    for name in [*(shape.required_members if shape else []), *ALSO.get(operation.name, [])]:
        wanted[name] = with_bucket(ALTERED.get(name, least(shape.members[name])), bucket)
    if "Bucket" in wanted:
        wanted["Bucket"] = bucket + "-new" if operation.name == "CreateBucket" else bucket
    if "Key" in wanted:
        wanted["Key"] = "k"
    if operation.name == "RenameObject":
        wanted["Key"] = "renamed"
    return wanted


class Cases(World):
    """Every test of the two transports."""

    def answer_of(self, operation, bucket):
        """ "200", or the status and code of an error."""
        wanted = request_of(operation, bucket)
        if operation.name != "DeleteBucket":
            self.put(bucket, "source", b"x")
            self.put(bucket, "k", b"x")
        if operation.name in OF_UPLOADS:
            upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
            part = self.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
            wanted["UploadId"] = upload
            if "MultipartUpload" in wanted:
                wanted["MultipartUpload"] = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        if operation.name == "PutBucketReplication":
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        try:
            answer = self.s3._make_api_call(operation.name, wanted)
        except ClientError as error:
            answer = error.response
        meta = answer["ResponseMetadata"]
        self.assertTrue(meta.get("RequestId"), operation.name)
        self.assertTrue(meta.get("HostId"), operation.name)
        if "Error" not in answer:
            return str(meta["HTTPStatusCode"])
        if meta["HTTPHeaders"].get("content-type") != "application/xml":
            self.assertEqual(operation.http["method"], "HEAD")
        return f"{meta['HTTPStatusCode']} {answer['Error']['Code']}"

    def answers(self):
        """What every operation answers, each on a bucket of its own."""
        return {name: self.answer_of(MODEL.operation_model(name), self.new_bucket(ObjectLockEnabledForBucket=name in OF_LOCKS))
                for name in MODEL.operation_names}

    def make_client(self, **config):
        # What routes WriteGetObjectResponse would stand in front of the host's name, which here is an address.
        return super().make_client(inject_host_prefix=False, **config)

    def test_no_header_of_a_request_is_forgotten(self):
        """What a client asks by a header is done or refused: a 200 that does not know of it would lie."""
        text = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cc")).lower()
        shapes = [MODEL.operation_model(name).input_shape for name in MODEL.operation_names]
        headers = {member.serialization["name"].lower() for shape in shapes if shape
                   for member in shape.members.values() if member.serialization.get("location") == "header"}
        self.assertGreater(len(headers), 100)
        self.assertEqual([name for name in sorted(headers) if f'"{name}' not in text and name not in UNNAMED
                          and not name.startswith(UNNAMED_STARTS)], [])

    def test_the_table_has_every_operation(self):
        self.assertGreaterEqual(len(MODEL.operation_names), 116)
        self.assertEqual(sorted(EXPECTED), sorted(MODEL.operation_names))

    def test_every_operation_is_answered_as_the_table_says(self):
        found = self.answers()
        self.assertEqual({name: answer for name, answer in found.items() if EXPECTED.get(name) != answer}, {})


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop


def write():
    Server.start()
    try:
        case = Http("answers")
        case.setUp()
        for name, answer in case.answers().items():
            print(f'{name} = "{answer}"')
    finally:
        Server.stop()


if __name__ == "__main__":
    write() if "--write" in sys.argv else unittest.main(verbosity=2)
