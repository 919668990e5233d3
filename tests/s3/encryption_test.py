#!/usr/bin/env python3
"""Server-side encryption as current boto3 uses it, each case over http and over https; and that no key and no byte of
an encrypted body lies anywhere in the clear."""

import base64
import email
import hashlib
import json
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from boto3_world import Server, World, client_of, over_both
from kelpdev.process import KelpProcess, kelp_binary, wait_for

MIB = 1 << 20


def noise(size, seed=b"seed"):
    """The same bytes each time, that nothing packs."""
    return hashlib.shake_256(seed).digest(size)


def customer(key, prefix=""):
    """What boto3 sends for SSE-C; it computes the MD5."""
    return {prefix + "SSECustomerAlgorithm": "AES256", prefix + "SSECustomerKey": key}


KEY, OTHER_KEY = noise(32, b"customer"), noise(32, b"other")
KMS = {"ServerSideEncryption": "aws:kms"}
S3 = {"ServerSideEncryption": "AES256"}


def default_of(algorithm, key=None, bucket_key=False):
    by_default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": bucket_key}]}


class Cases(World):
    """Every test of the two transports."""

    def readable(self, bucket, key, body, **options):
        """All of it, ranges and HEAD."""
        self.assertTrue(self.get(bucket, key, **options) == body, key)
        head = self.s3.head_object(Bucket=bucket, Key=key, **options)
        self.assertEqual(head["ContentLength"], len(body))
        for first, last in ((0, 0), (65_503, 65_504), (65_500, 300_000), (len(body) - 5, len(body) - 1)):
            if last < len(body) and first >= 0:
                part = self.get(bucket, key, Range=f"bytes={first}-{last}", **options)
                self.assertTrue(part == body[first:last + 1], (key, first, last))
        return head

    def upload(self, bucket, key, parts, begin, each):
        created = self.s3.create_multipart_upload(Bucket=bucket, Key=key, **begin)
        name = {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]}
        done = [{"PartNumber": number, "ETag": self.s3.upload_part(PartNumber=number, Body=body, **name, **each)["ETag"]}
                for number, body in enumerate(parts, 1)]
        return created, self.s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **name)

    def test_sse_s3(self):
        bucket = self.new_bucket()
        for size in (0, 1, 8_192, 65_504, 65_505, 5 * MIB + 3):
            body = noise(size)
            put = self.put(bucket, "k", body, **S3)
            self.assertEqual(put["ServerSideEncryption"], "AES256")
            self.assertEqual(put["ETag"].strip('"'), hashlib.md5(body).hexdigest())
            head = self.readable(bucket, "k", body)
            self.assertEqual(head["ServerSideEncryption"], "AES256")
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"], 5 * MIB + 3)

    def test_sse_kms(self):
        bucket = self.new_bucket()
        body = noise(200_000)
        arn = "arn:aws:kms:us-east-1:000000000000:key/canary-kms"
        for asked, answered in ((None, None), ("canary-kms", "canary-kms"), (arn, arn), ("alias/canary", arn)):
            named = {"SSEKMSKeyId": asked} if asked else {}
            put = self.put(bucket, "k", body, **KMS, **named, BucketKeyEnabled=True)
            self.assertEqual(put["ServerSideEncryption"], "aws:kms")
            self.assertTrue(put["BucketKeyEnabled"])
            if answered:
                self.assertEqual(put["SSEKMSKeyId"], answered)
            else:
                self.assertRegex(put["SSEKMSKeyId"], "^arn:aws:kms:.*:key/[0-9a-f-]{36}$")
            self.assertNotEqual(put["ETag"].strip('"'), hashlib.md5(body).hexdigest())
            self.assertRegex(put["ETag"], '^"[0-9a-f]{32}"$')
            head = self.readable(bucket, "k", body)
            self.assertEqual(head["SSEKMSKeyId"], put["SSEKMSKeyId"])
            self.assertEqual(head["ETag"], put["ETag"])
        self.refused("KMS.NotFoundException", 400, self.put, bucket=bucket, key="k", body=b"", **KMS, SSEKMSKeyId="none")
        context = base64.b64encode(json.dumps({"team": "red"}).encode()).decode()
        self.put(bucket, "k", body, **KMS, SSEKMSEncryptionContext=context)
        self.readable(bucket, "k", body)

    def test_another_key_for_what_is_there(self):
        bucket = self.new_bucket(ObjectLockEnabledForBucket=True)
        arn = "arn:aws:kms:us-east-1:000000000000:key/"
        to = lambda key, **more: {"SSEKMS": {"KMSKeyArn": arn + key, **more}}
        body = noise(9 * MIB)
        old = self.put(bucket, "k", body, **S3)
        self.put(bucket, "k", b"newer", **S3)
        before = self.s3.head_object(Bucket=bucket, Key="k", VersionId=old["VersionId"])
        version = {"Bucket": bucket, "Key": "k", "VersionId": old["VersionId"]}
        self.s3.update_object_encryption(**version, ObjectEncryption=to("canary-kms", BucketKeyEnabled=True))
        head = self.readable(bucket, "k", body, VersionId=old["VersionId"])
        self.assertEqual((head["ServerSideEncryption"], head["SSEKMSKeyId"], head["BucketKeyEnabled"]),
                         ("aws:kms", arn + "canary-kms", True))
        for name in ("ETag", "LastModified", "VersionId"):
            self.assertEqual(head[name], before[name])
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"], "AES256")
        self.put(bucket, "kms", b"body", **KMS, SSEKMSKeyId="alias/canary")
        self.s3.update_object_encryption(Bucket=bucket, Key="kms", ObjectEncryption=to("canary-kms"))
        self.readable(bucket, "kms", b"body")
        self.upload(bucket, "parts", (noise(5 * MIB), b"end"), S3, {})
        self.s3.update_object_encryption(Bucket=bucket, Key="parts", ObjectEncryption=to("canary-kms"))
        self.readable(bucket, "parts", noise(5 * MIB) + b"end")
        self.s3.put_object_legal_hold(**version, LegalHold={"Status": "ON"})
        self.refused("AccessDenied", 403, self.s3.update_object_encryption, **version, ObjectEncryption=to("canary-kms"))
        self.put(bucket, "plain", b"body")
        self.refused("InvalidRequest", 400, self.s3.update_object_encryption, Bucket=bucket, Key="plain",
                     ObjectEncryption=to("canary-kms"))
        other = self.make_client("second-account", "second-secret-key-0123456789")
        self.refused("AccessDenied", 403, other.update_object_encryption, Bucket=bucket, Key="k", ObjectEncryption=to("canary-kms"))

    def test_sse_c(self):
        bucket = self.new_bucket()
        body = noise(200_000)
        put = self.put(bucket, "k", body, **customer(KEY))
        self.assertEqual(put["SSECustomerAlgorithm"], "AES256")
        self.assertEqual(put["SSECustomerKeyMD5"], base64.b64encode(hashlib.md5(KEY).digest()).decode())
        self.readable(bucket, "k", body, **customer(KEY))
        self.refused("InvalidRequest", 400, self.s3.get_object, Bucket=bucket, Key="k")
        self.refused("AccessDenied", 403, self.s3.get_object, Bucket=bucket, Key="k", **customer(OTHER_KEY))
        self.refused("400", 400, self.s3.head_object, Bucket=bucket, Key="k")
        wrong = {**customer(base64.b64encode(KEY).decode()), "SSECustomerKeyMD5": base64.b64encode(bytes(16)).decode()}
        self.refused("InvalidArgument", 400, self.put, bucket=bucket, key="k", body=b"", **wrong)
        right = {**wrong, "SSECustomerKeyMD5": put["SSECustomerKeyMD5"]}
        self.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"], **right)

    def test_a_bucket_may_refuse_customers_keys(self):
        bucket = self.new_bucket()
        self.put(bucket, "before", b"body", **customer(KEY))
        default = default_of("AES256")
        default["Rules"][0]["BlockedEncryptionTypes"] = {"EncryptionType": ["SSE-C"]}
        self.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default)
        kept = self.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.assertEqual(kept["BlockedEncryptionTypes"], {"EncryptionType": ["SSE-C"]})
        self.refused("AccessDenied", 403, self.put, bucket=bucket, key="k", body=b"body", **customer(KEY))
        self.refused("AccessDenied", 403, self.s3.create_multipart_upload, Bucket=bucket, Key="k", **customer(KEY))
        self.refused("AccessDenied", 403, self.s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/before",
                     **customer(KEY), **customer(KEY, "CopySource"))
        self.readable(bucket, "before", b"body", **customer(KEY))  # what is there stays readable
        self.put(bucket, "k", b"body")

    def test_several_ranges(self):
        bucket = self.new_bucket()
        for size in (100, 5 * MIB + 3):
            body = noise(size)
            for how in ({}, S3, KMS, customer(KEY)):
                self.put(bucket, "k", body, **how)
                secret = how if "SSECustomerKey" in how else {}
                got = self.s3.get_object(Bucket=bucket, Key="k", Range="bytes=-7,0-0,20-69", **secret)
                message = email.message_from_bytes(f"Content-Type: {got['ContentType']}\r\n\r\n".encode() + got["Body"].read())
                parts = [(part["Content-Range"], part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart()]
                self.assertEqual(parts, [(f"bytes {first}-{last}/{size}", body[first:last + 1])
                                         for first, last in ((size - 7, size - 1), (0, 0), (20, 69))])

    def test_uploads_in_parts(self):
        bucket = self.new_bucket()
        parts = [noise(5 * MIB + 1, b"1"), noise(5 * MIB, b"2"), noise(77, b"3")]
        for begin, each in ((S3, {}), (KMS, {}), (customer(KEY), customer(KEY))):
            created, done = self.upload(bucket, "k", parts, begin, each)
            self.assertEqual(created.get("ServerSideEncryption"), begin.get("ServerSideEncryption"))
            self.assertEqual(done.get("ServerSideEncryption"), begin.get("ServerSideEncryption"))
            self.readable(bucket, "k", b"".join(parts), **each)
            third = self.get(bucket, "k", PartNumber=3, **each)
            self.assertEqual(third, parts[2])
        created = self.s3.create_multipart_upload(Bucket=bucket, Key="k", **customer(KEY))
        name = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"], "PartNumber": 1, "Body": b"x"}
        self.refused("InvalidRequest", 400, self.s3.upload_part, **name)
        self.refused("InvalidRequest", 400, self.s3.upload_part, **name, **customer(OTHER_KEY))

    def test_copies(self):
        bucket = self.new_bucket()
        body = noise(6 * MIB)
        kinds = ({}, S3, KMS, customer(KEY))
        for i, source in enumerate(kinds):
            self.put(bucket, "from", body, **source)
            opening = customer(KEY, "CopySource") if "SSECustomerKey" in source else {}
            for target in kinds:
                reading = target if "SSECustomerKey" in target else {}
                self.s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"}, **target,
                                    **opening)
                self.readable(bucket, "to", body, **reading)
                created = self.s3.create_multipart_upload(Bucket=bucket, Key="part", **target)
                name = {"Bucket": bucket, "Key": "part", "UploadId": created["UploadId"]}
                part = self.s3.upload_part_copy(PartNumber=1, CopySource={"Bucket": bucket, "Key": "from"},
                                                CopySourceRange="bytes=100000-5399999", **name, **reading, **opening)
                etag = part["CopyPartResult"]["ETag"]
                self.s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **name)
                self.readable(bucket, "part", body[100_000:5_400_000], **reading)

    def test_bucket_default(self):
        bucket = self.new_bucket()
        self.refused("ServerSideEncryptionConfigurationNotFoundError", 404, self.s3.get_bucket_encryption, Bucket=bucket)
        self.s3.put_bucket_encryption(Bucket=bucket,
                                      ServerSideEncryptionConfiguration=default_of("aws:kms", "canary-kms", True))
        found = self.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        self.assertEqual(found, default_of("aws:kms", "canary-kms", True))
        put = self.put(bucket, "k", b"body")
        self.assertEqual((put["ServerSideEncryption"], put["SSEKMSKeyId"]), ("aws:kms", "canary-kms"))
        self.assertEqual(self.put(bucket, "k", b"body", **S3)["ServerSideEncryption"], "AES256")
        self.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default_of("AES256"))
        self.assertEqual(self.put(bucket, "k", b"body")["ServerSideEncryption"], "AES256")
        self.assertEqual(self.get(bucket, "k"), b"body")
        self.s3.delete_bucket_encryption(Bucket=bucket)
        self.assertNotIn("ServerSideEncryption", self.put(bucket, "k", b"body"))

    def test_versions_and_presigned_urls(self):
        bucket = self.new_bucket()
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first = self.put(bucket, "k", b"first", **S3)["VersionId"]
        self.put(bucket, "k", b"second", **customer(KEY))
        self.assertEqual(self.get(bucket, "k", VersionId=first), b"first")
        self.assertEqual(self.get(bucket, "k", **customer(KEY)), b"second")


Http, Https = over_both(Cases)


class CustomersKeysNeedTls(unittest.TestCase):
    def test_over_http_they_are_refused_unless_allowed(self):
        with tempfile.TemporaryDirectory(prefix="kelp-sse-") as scratch:
            kelp = KelpProcess(Path(scratch) / "server")
            kelp.start()
            self.addCleanup(lambda: kelp.process and kelp.kill())
            s3 = client_of(kelp)
            s3.create_bucket(Bucket="bucket")
            with self.assertRaisesRegex(s3.exceptions.ClientError, "over a secure connection"):
                s3.put_object(Bucket="bucket", Key="k", Body=b"body", **customer(KEY))
            kelp.stop()


class Canary(unittest.TestCase):
    """Plants keys and bodies that can be recognised and looks for them everywhere."""

    def forms(self, secret):
        return [secret, secret.hex().encode(), base64.b64encode(secret)[:-2]]

    def test_no_key_and_no_plain_byte_lies_anywhere(self):
        with tempfile.TemporaryDirectory(prefix="kelp-sse-") as scratch:
            folder = Path(scratch) / "server"
            kelp = KelpProcess(folder, "--set", "log.level=debug", "--set", "s3.sse_c_over_http=true")
            kelp.start()
            self.addCleanup(lambda: kelp.process and kelp.kill())
            ring = kelp.data / "keyring"
            self.assertEqual(ring.stat().st_mode & 0o777, 0o600)
            masters = [bytes.fromhex(found) for found in re.findall(r"^key \S+ \d+ ([0-9a-f]{64})$", ring.read_text(),
                                                                   re.M)]
            self.assertEqual(len(masters), 2)
            s3 = client_of(kelp)
            s3.create_bucket(Bucket="bucket")
            body = b"".join(b"CANARY%010d" % i for i in range(20_000))
            for key, size in (("inline", 1_000), ("needle", len(body))):
                for kind, options in (("s3", S3), ("kms", KMS), ("own", customer(KEY))):
                    s3.put_object(Bucket="bucket", Key=f"{key}-{kind}", Body=body[:size], **options)
                    reading = options if kind == "own" else {}
                    s3.get_object(Bucket="bucket", Key=f"{key}-{kind}", **reading)["Body"].read()
            with self.assertRaises(Exception):
                s3.get_object(Bucket="bucket", Key="inline-own", **customer(OTHER_KEY))
            s3.put_object(Bucket="bucket", Key="plain", Body=b"IN THE CLEAR" * 100)
            kelp.stop()
            files = [path for path in folder.rglob("*") if path.is_file() and path != ring]
            hay = b"".join(path.read_bytes() for path in files)
            self.assertTrue(b"IN THE CLEAR" in hay, "the search finds what is there")
            self.assertTrue(b"inline-own" in hay, "logs at debug level are among the files")
            self.assertFalse(b"CANARY00" in hay, "a body lies in the clear")
            for secret in [KEY, OTHER_KEY, *masters]:
                for form in self.forms(secret):
                    self.assertFalse(form in hay, "a key lies in a file")


class KeyRing(unittest.TestCase):
    def run_kms(self, *arguments):
        return subprocess.run([kelp_binary(), "kms", *arguments], capture_output=True, text=True)

    def test_rotation_under_a_running_server_and_a_lost_ring(self):
        with tempfile.TemporaryDirectory(prefix="kelp-sse-") as scratch:
            # With TLS, SIGHUP means: read again.
            kelp = KelpProcess(Path(scratch) / "server", "--tls-listen", "127.0.0.1:0", *Server.tls_files)
            kelp.start()
            self.addCleanup(lambda: kelp.process and kelp.kill())
            ring = kelp.data / "keyring"
            s3 = client_of(kelp)
            s3.create_bucket(Bucket="bucket")
            s3.put_object(Bucket="bucket", Key="before", Body=b"before", **S3)
            for words in (("add", "payroll"), ("alias", "hr", "payroll"), ("rotate", "payroll"), ("rotate", "s3")):
                done = self.run_kms(*words, "--keyring", str(ring))
                self.assertEqual(done.returncode, 0, done.stderr)
            listed = self.run_kms("list", "--keyring", str(ring)).stdout
            self.assertRegex(listed, r"payroll  versions=2  .*alias/hr")
            self.assertRegex(listed, r"s3  versions=2  for SSE-S3")
            self.assertNotRegex(listed, "[0-9a-f]{64}")
            self.assertEqual(self.run_kms("add", "payroll", "--keyring", str(ring)).returncode, 1)
            self.assertEqual(self.run_kms("init", "--keyring", str(ring)).returncode, 1)
            kelp.process.send_signal(signal.SIGHUP)

            def knows_it():
                try:
                    s3.put_object(Bucket="bucket", Key="kms", Body=b"kms", **KMS, SSEKMSKeyId="alias/hr")
                    return True
                except s3.exceptions.ClientError:
                    return False

            wait_for(knows_it, "the new key")
            s3.put_object(Bucket="bucket", Key="after", Body=b"after", **S3)
            for key in ("before", "after", "kms"):
                self.assertIn(s3.get_object(Bucket="bucket", Key=key)["Body"].read(), (b"before", b"after", b"kms"))
            kelp.stop()
            ring.rename(ring.with_suffix(".away"))
            kelp.start()
            s3 = client_of(kelp)
            with self.assertRaises(s3.exceptions.ClientError) as caught:
                s3.get_object(Bucket="bucket", Key="before")
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 500)
            kelp.stop()
            ring.with_suffix(".away").rename(ring)
            kelp.start()
            self.assertEqual(client_of(kelp).get_object(Bucket="bucket", Key="before")["Body"].read(), b"before")
            kelp.stop()


def setUpModule():
    Server.start("--set", "s3.sse_c_over_http=true")
    ring = Server.kelp.data / "keyring"
    for words in (("add", "canary-kms"), ("alias", "canary", "canary-kms")):
        subprocess.run([kelp_binary(), "kms", *words, "--keyring", str(ring)], check=True, capture_output=True)
    Server.kelp.process.send_signal(signal.SIGHUP)
    s3 = client_of(Server.kelp)
    s3.create_bucket(Bucket="warm-up")

    def knows_it():
        try:
            s3.put_object(Bucket="warm-up", Key="k", Body=b"", **KMS, SSEKMSKeyId="alias/canary")
            return True
        except s3.exceptions.ClientError:
            return False

    wait_for(knows_it, "the new key")


def tearDownModule():
    Server.stop()


if __name__ == "__main__":
    unittest.main()
