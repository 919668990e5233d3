#!/usr/bin/env python3
"""A storage class in another S3 that is reached by https: whose certificates are trusted, and what happens with those that are not."""

import os
import re
import tempfile
import unittest
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import ClientError
from kelpdev.certificates import authority, signed
from kelpdev.process import fsck, wait_for

FAR_KEYS = ("far-access-key", "far-secret-key-0123456789")
NEAR = ("--set", "filer.lifecycle_interval=100ms", "--set", "filer.lifecycle_debug_day=1s")
RULE = {"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}]}


class RemoteOverTls(unittest.TestCase):
    """The other S3's certificate is for 127.0.0.1 and signed by `ours`."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-remote-tls-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        for name in ("ours", "theirs"):
            authority(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        self.server = (self.folder / "server.crt", self.folder / "server.key")
        signed(*self.server, (self.folder / "ours.crt", self.folder / "ours.key"), "IP:127.0.0.1")
        (self.folder / "secret").write_text(FAR_KEYS[1] + "\n")
        self.far_kelp = KelpProcess(self.folder / "far", "--tls-listen", "127.0.0.1:0", "--tls-cert", str(self.server[0]),
                                    "--tls-key", str(self.server[1]), access_key=FAR_KEYS[0], secret_key=FAR_KEYS[1])
        self.far_kelp.start()
        self.addCleanup(self.far_kelp.stop)
        self.far = client_of(self.far_kelp)
        self.far.create_bucket(Bucket="cold")
        self.port = self.far_kelp.ready["s3_tls"].rsplit(":", 1)[1]
        self.config = self.folder / "kelp.toml"
        self.kelp = KelpProcess(self.folder / "near", "--config", str(self.config), *NEAR)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())

    def start(self, ca="ours", host="127.0.0.1"):
        """The near one, anew, which trusts `ca` (None: the system's authorities) and calls the far one `host`."""
        if self.kelp.process:
            self.kelp.stop()
        trusted = f'ca_file = "{self.folder / ca}.crt"\n' if ca else ""
        self.config.write_text(f'[remote.cold]\nid = 7\nclasses = ["GLACIER_IR"]\nendpoint = "https://{host}:{self.port}"\n'
                               f'bucket = "cold"\naccess_key = "{FAR_KEYS[0]}"\nsecret_file = "{self.folder / "secret"}"\n'
                               f'timeout = "5s"\n{trusted}')
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def get(self, key):
        return self.s3.get_object(Bucket="photos", Key=key)["Body"].read()

    def class_of(self, key):
        return self.s3.head_object(Bucket="photos", Key=key).get("StorageClass", "STANDARD")

    def stored(self):
        return len(self.far.list_objects_v2(Bucket="cold").get("Contents", []))

    def refused(self, call, **options):
        with self.assertRaises(ClientError) as caught:
            call(Bucket="photos", **options)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)

    def test_only_whom_the_authority_vouches_for_gets_bytes(self):
        body, moved = os.urandom(300_000), os.urandom(200_000)
        self.start()
        self.s3.create_bucket(Bucket="photos")
        self.s3.put_object(Bucket="photos", Key="there", Body=body, StorageClass="GLACIER_IR")
        self.assertEqual(self.stored(), 1)
        self.assertEqual(self.get("there"), body)
        self.s3.put_object(Bucket="photos", Key="waits", Body=moved)

        for wrong in ({"ca": "theirs"}, {"ca": None}, {"host": "localhost"}):
            with self.subTest(**wrong):
                self.start(**wrong)
                self.s3.put_bucket_lifecycle_configuration(Bucket="photos", LifecycleConfiguration={"Rules": [RULE]})
                self.refused(self.s3.get_object, Key="there")
                self.refused(self.s3.put_object, Key="new", Body=body, StorageClass="GLACIER_IR")
                failures = self.kelp.metric("kelp_filer_lifecycle_failures_total")
                wait_for(lambda: self.kelp.metric("kelp_filer_lifecycle_failures_total") > failures + 1, "moves that fail")
                self.assertEqual((self.class_of("waits"), self.get("waits")), ("STANDARD", moved))
                self.assertEqual(self.stored(), 1, "nothing came through")
                self.assertEqual(self.kelp.metric("kelp_remote_failing"), 1)
                said = re.findall(r".*remote_fails remote=cold.*", (self.kelp.folder / "log").read_text(errors="replace"))
                self.assertRegex(said[-1], "certificate|SSL", "it says why")

        self.start()
        self.assertEqual(self.get("there"), body)
        wait_for(lambda: self.class_of("waits") == "GLACIER_IR", "the move")
        self.assertEqual((self.stored(), self.get("waits")), (2, moved))
        self.kelp.stop()
        report = fsck(self.kelp.data)
        self.assertTrue(report["sound"], report)


if __name__ == "__main__":
    unittest.main(verbosity=2)
