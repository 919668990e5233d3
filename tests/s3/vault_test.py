#!/usr/bin/env python3
"""Master keys in a Vault: SSE-S3 and SSE-KMS by its transit engine, which transit_stub.py stands in for (the real one is not asked here)."""

import os
import tempfile
import unittest
from pathlib import Path

from boto3_world import KelpProcess, client_of
from botocore.exceptions import ClientError
from kelpdev.certificates import self_signed
from transit_stub import TransitStub

TOKEN = "kelp-canary-vault-token"


class Vault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="kelp-vault-")))
        cls.vault = TransitStub(TOKEN)
        cls.addClassCleanup(cls.vault.stop)
        for name in ("kelp-s3", "kelp-kms", "kelp-payroll", "somebody-elses"):
            cls.vault.add(name)
        cls.token = cls.folder / "token"
        cls.token.write_text(TOKEN + "\n")
        cls.config = cls.folder / "kelp.toml"
        cls.kelp = KelpProcess(cls.folder / "server", "--config", str(cls.config))
        # Objects of before: their keys are in the ring.
        cls.config.write_text("")
        cls.kelp.start()
        cls.addClassCleanup(cls.kelp.stop)
        cls.s3 = client_of(cls.kelp)
        cls.s3.create_bucket(Bucket="sealed")
        cls.s3.put_object(Bucket="sealed", Key="of-before", Body=b"ring", ServerSideEncryption="AES256")
        cls.kelp.stop()
        cls.config.write_text(f'[log]\nlevel = "trace"\n[s3]\nvault_address = "http://127.0.0.1:{cls.vault.port}"\n'
                              f'vault_token_file = "{cls.token}"\nvault_timeout = "500ms"\n')
        cls.kelp.start()
        cls.s3 = client_of(cls.kelp)

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

    def test_connections_are_kept(self):
        self.put("kept", b"kept", ServerSideEncryption="AES256")
        before = self.vault.server.accepted
        for _ in range(40):
            self.assertEqual(self.read("kept"), b"kept")
        self.assertLessEqual(self.vault.server.accepted - before, 8, "one a thread at most")

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


class OverTls(unittest.TestCase):
    def test_its_certificate_is_looked_at(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="kelp-vault-")))
        files = folder / "cert.pem", folder / "key.pem"
        self_signed(*files)
        vault = TransitStub(TOKEN, files)
        self.addCleanup(vault.stop)
        vault.add("kelp-s3")
        (folder / "token").write_text(TOKEN)
        config = folder / "kelp.toml"
        settings = f'[s3]\nvault_address = "https://127.0.0.1:{vault.port}"\nvault_token_file = "{folder / "token"}"\n'
        kelp = KelpProcess(folder / "server", "--config", str(config))
        config.write_text(settings + f'vault_ca_file = "{files[0]}"\n')
        kelp.start()
        self.addCleanup(kelp.stop)
        client_of(kelp).create_bucket(Bucket="sealed")
        client_of(kelp).put_object(Bucket="sealed", Key="k", Body=b"body", ServerSideEncryption="AES256")
        self.assertEqual(client_of(kelp).get_object(Bucket="sealed", Key="k")["Body"].read(), b"body")
        kelp.stop()
        config.write_text(settings)
        kelp.start()
        vault.asked.clear()
        with self.assertRaises(ClientError) as caught:
            client_of(kelp).get_object(Bucket="sealed", Key="k")
        self.assertEqual(caught.exception.response["Error"]["Code"], "ServiceUnavailable")
        self.assertEqual(vault.asked, [], "strangers are not told the token")


if __name__ == "__main__":
    unittest.main(verbosity=2)
