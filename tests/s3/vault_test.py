#!/usr/bin/env python3
"""Master keys in a Vault: SSE-S3 and SSE-KMS by its transit engine, which transit_stub.py stands in for (the real one is not asked here)."""

import os
import tempfile
import unittest
from pathlib import Path

from boto3_world import KelpProcess, client_of
from botocore.exceptions import ClientError
from transit_stub import TransitStub

TOKEN = "kelp-canary-vault-token"


class Vault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-vault-")
        cls.folder = Path(cls.scratch.name)
        cls.vault = TransitStub(TOKEN)
        for name in ("kelp-s3", "kelp-kms", "kelp-payroll", "somebody-elses"):
            cls.vault.add(name)
        cls.token = cls.folder / "token"
        cls.token.write_text(TOKEN + "\n")
        cls.config = cls.folder / "kelp.toml"
        cls.kelp = KelpProcess(cls.folder / "server", "--config", str(cls.config))
        # Objects of before: their keys are in the ring.
        cls.config.write_text("")
        cls.kelp.start()
        cls.s3 = client_of(cls.kelp)
        cls.s3.create_bucket(Bucket="sealed")
        cls.s3.put_object(Bucket="sealed", Key="of-before", Body=b"ring", ServerSideEncryption="AES256")
        cls.kelp.stop()
        cls.config.write_text(f'[log]\nlevel = "trace"\n[s3]\nvault_address = "http://127.0.0.1:{cls.vault.port}"\n'
                              f'vault_token_file = "{cls.token}"\nvault_timeout = "500ms"\n')
        cls.kelp.start()
        cls.s3 = client_of(cls.kelp)

    @classmethod
    def tearDownClass(cls):
        cls.kelp.stop()
        cls.vault.stop()
        cls.scratch.cleanup()

    def put(self, key, body=b"body", **how):
        self.s3.put_object(Bucket="sealed", Key=key, Body=body, **how)

    def read(self, key):
        return self.s3.get_object(Bucket="sealed", Key=key)["Body"].read()

    def refused(self, call, *arguments, **how):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **how)
        answer = caught.exception.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]

    def test_objects_are_sealed_with_its_keys(self):
        body = os.urandom(300_000)
        self.put("a", body, ServerSideEncryption="AES256")
        self.put("b", body, ServerSideEncryption="aws:kms")
        self.put("c", body, ServerSideEncryption="aws:kms", SSEKMSKeyId="payroll")
        for key, asked in (("a", "kelp-s3"), ("b", "kelp-kms"), ("c", "kelp-payroll")):
            self.vault.asked.clear()
            self.assertEqual(self.read(key), body)
            self.assertEqual(self.vault.asked, [f"/v1/transit/decrypt/{asked}"])
        self.assertEqual(self.s3.head_object(Bucket="sealed", Key="c")["SSEKMSKeyId"].rsplit("/", 1)[-1], "payroll")

    def test_parts_too(self):
        upload = self.s3.create_multipart_upload(Bucket="sealed", Key="parts", ServerSideEncryption="aws:kms", SSEKMSKeyId="payroll")["UploadId"]
        bodies = [os.urandom(5 << 20), b"end"]
        parts = [{"PartNumber": n, "ETag": self.s3.upload_part(Bucket="sealed", Key="parts", UploadId=upload, PartNumber=n, Body=body)["ETag"]}
                 for n, body in enumerate(bodies, 1)]
        self.s3.complete_multipart_upload(Bucket="sealed", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        self.assertEqual(self.read("parts"), b"".join(bodies))

    def test_keys_that_are_not_there_or_not_kelps(self):
        for name in ("none", "somebody-elses", "../somebody-elses", "s3", "alias/hr"):
            self.assertEqual(self.refused(self.put, "x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name), (400, "KMS.NotFoundException"), name)

    def test_a_rotation_keeps_what_was_written(self):
        self.put("old", b"old", ServerSideEncryption="aws:kms", SSEKMSKeyId="payroll")
        self.vault.rotate("kelp-payroll")
        self.put("new", b"new", ServerSideEncryption="aws:kms", SSEKMSKeyId="payroll")
        self.assertEqual((self.read("old"), self.read("new")), (b"old", b"new"))

    def test_the_key_of_one_object_opens_no_other(self):
        self.put("mine", b"mine", ServerSideEncryption="AES256")
        self.vault.keys["kelp-s3"][0], kept = os.urandom(32), self.vault.keys["kelp-s3"][0]
        self.addCleanup(self.vault.keys["kelp-s3"].__setitem__, 0, kept)
        self.assertEqual(self.refused(self.read, "mine")[0], 500)

    def test_while_it_is_down_plain_objects_are_served(self):
        self.put("plain", b"plain")
        self.put("sealed", b"sealed", ServerSideEncryption="AES256")
        self.vault.stop()
        try:
            self.assertEqual(self.refused(self.read, "sealed"), (503, "ServiceUnavailable"))
            self.assertEqual(self.refused(self.put, "x", ServerSideEncryption="AES256"), (503, "ServiceUnavailable"))
            self.assertEqual(self.read("plain"), b"plain")
            self.put("plain", b"again")
            self.assertEqual(self.s3.head_object(Bucket="sealed", Key="plain")["ContentLength"], 5)
        finally:
            self.vault.start()
        self.assertEqual(self.read("sealed"), b"sealed")

    def test_a_short_failure_is_not_seen(self):
        self.put("short", b"short", ServerSideEncryption="AES256")
        self.vault.broken = 2
        self.assertEqual(self.read("short"), b"short")
        self.vault.broken = 3
        self.assertEqual(self.refused(self.read, "short"), (503, "ServiceUnavailable"))

    def test_a_new_token_is_read(self):
        self.put("token", b"token", ServerSideEncryption="AES256")
        self.vault.token = "another"
        try:
            self.assertEqual(self.refused(self.read, "token"), (503, "ServiceUnavailable"))
            self.token.write_text("another")
            self.assertEqual(self.read("token"), b"token")
        finally:
            self.vault.token = TOKEN
            self.token.write_text(TOKEN)

    def test_the_ring_reads_what_it_wrapped(self):
        self.vault.asked.clear()
        self.assertEqual(self.read("of-before"), b"ring")
        self.assertEqual(self.vault.asked, [])

    def test_the_token_is_not_logged(self):
        self.put("logged", ServerSideEncryption="AES256")
        self.assertNotIn(TOKEN.encode(), (self.kelp.folder / "log").read_bytes())


if __name__ == "__main__":
    unittest.main(verbosity=2)
