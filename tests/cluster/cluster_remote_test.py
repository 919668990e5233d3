#!/usr/bin/env python3
"""A storage class in another S3, seen from a cluster: gateways write and read it, a filer moves objects there and removes them."""

import os
import unittest

from cluster_case import ClusterCase, in_client_environment
from kelpdev.process import KelpProcess, wait_for

in_client_environment()

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402

MIB = 1 << 20


class RemoteClass(ClusterCase):
    SETTINGS = {"filer.lifecycle_debug_day": "1s", "filer.lifecycle_interval": "200ms", "collector.interval": "300ms",
                "collector.quarantine": "1s", "volume.writable": "1"}
    SIZES = {"master": 1, "volume": 2, "filer": 1, "gateway": 2}
    LOOPBACK = True

    def prepare(self):
        self.far = KelpProcess(self.folder / "far")
        self.far.start()
        self.addCleanup(self.far.stop)
        self.cold = self.boto(self.far.endpoint, self.far.keys)
        self.cold.create_bucket(Bucket="cold")
        access, secret = self.far.keys
        (self.folder / "secret").write_text(secret)
        config = self.folder / "remote.toml"
        config.write_text(f'[remote.cold]\nid = 1\nclasses = ["GLACIER_IR"]\nendpoint = "{self.far.endpoint}"\n'
                          f'bucket = "cold"\naccess_key = "{access}"\nsecret_file = "{self.folder / "secret"}"\n')
        for role in ("gateway", "filer"):
            for daemon in self.cluster.of(role):
                daemon.options = [*daemon.options, "--config", str(config)]

    def boto(self, endpoint, keys):
        return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=keys[0],
                            aws_secret_access_key=keys[1], config=Config(retries={"total_max_attempts": 5}))

    def stored(self):
        return len(self.cold.list_objects_v2(Bucket="cold").get("Contents", []))

    def test_gateways_and_filers_share_it(self):
        one, two = (self.boto(self.cluster[name].endpoint, self.cluster.keys) for name in ("gateway1", "gateway2"))
        one.create_bucket(Bucket="photos")
        moves, direct = os.urandom(9 * MIB), os.urandom(9 * MIB)
        one.put_object(Bucket="photos", Key="old/moves", Body=moves)
        one.put_object(Bucket="photos", Key="direct", Body=direct, StorageClass="GLACIER_IR")
        self.assertEqual(self.stored(), 2)
        self.assertEqual(two.get_object(Bucket="photos", Key="direct")["Body"].read(), direct)
        rule = {"ID": "r", "Filter": {"Prefix": "old/"}, "Status": "Enabled",
                "Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}]}
        two.put_bucket_lifecycle_configuration(Bucket="photos", LifecycleConfiguration={"Rules": [rule]})
        wait_for(lambda: one.head_object(Bucket="photos", Key="old/moves").get("StorageClass") == "GLACIER_IR", "the move")
        self.assertEqual(self.stored(), 4)
        for client in (one, two):
            self.assertEqual(client.get_object(Bucket="photos", Key="old/moves")["Body"].read(), moves)
            self.assertEqual(client.get_object(Bucket="photos", Key="old/moves", Range="bytes=8388600-8388620")["Body"].read(),
                             moves[8388600:8388621])
        one.delete_object(Bucket="photos", Key="old/moves")
        one.delete_object(Bucket="photos", Key="direct")
        wait_for(lambda: self.stored() == 0, "the removal far away")


if __name__ == "__main__":
    unittest.main(verbosity=2)
