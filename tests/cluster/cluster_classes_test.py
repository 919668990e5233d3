#!/usr/bin/env python3
"""Storage classes: STANDARD in two copies on quick disks, STANDARD_IA in ec(2,1) on large ones; copies between them, a lost server."""

import hashlib
import os
import sys
import unittest

from cluster_case import ClusterCase, in_client_environment
from kelpdev.process import wait_for

in_client_environment()

import boto3  # noqa: E402
from boto3.s3.transfer import TransferConfig  # noqa: E402
from botocore.config import Config  # noqa: E402

MIB = 1 << 20
QUICK, LARGE = (1, 2, 3), (4, 5, 6, 7)
MASTERS = """
[[master.class]]
name = "STANDARD_IA"
large = "ec(2,1)"
tag = "hdd"
spread = "001"
"""


class StorageClasses(ClusterCase):
    SETTINGS = {"master.tag": "ssd", "volume.writable": "1"}
    SIZES = {"volume": 7}

    def prepare(self):
        config = self.folder / "masters.toml"
        config.write_text(MASTERS)
        for master in self.cluster.of("master"):
            master.options = [*master.options, "--config", str(config)]
        for server in self.cluster.of("volume"):
            server.options = [*server.options, "--set", "volume.tags=" + ("ssd" if server.number in QUICK else "hdd,cheap")]

    def setUp(self):
        super().setUp()
        access, secret = self.cluster.keys
        self.s3 = boto3.client("s3", endpoint_url=self.cluster["gateway1"].endpoint, region_name="us-east-1",
                               aws_access_key_id=access, aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 5}))
        self.s3.create_bucket(Bucket="classes")

    def grown(self, change):
        """Numbers of the volume servers whose logs grew by half a MiB and more while `change` ran."""
        def bytes_of():
            return {each.number: sum(log.stat().st_blocks * 512 for log in each.data.rglob("*.dat"))
                    for each in self.cluster.of("volume")}
        before = bytes_of()
        change()
        after = bytes_of()
        return {number for number in after if after[number] - before[number] > MIB // 2}

    def check(self, key, body, storage_class):
        answer = self.s3.get_object(Bucket="classes", Key=key)
        self.assertEqual(hashlib.md5(answer["Body"].read()).digest(), hashlib.md5(body).digest(), key)
        self.assertEqual(answer.get("StorageClass"), storage_class, key)

    def volumes(self, collection):
        status = self.cluster.status()
        return [volume for volume in (status or {"volumes": []})["volumes"] if volume["collection"] == collection]

    def test_each_class_lies_where_and_how_it_should(self):
        body = os.urandom(6 * MIB + 77)
        put = self.s3.put_object
        at = self.grown(lambda: put(Bucket="classes", Key="plain", Body=body))
        self.assertEqual((len(at), at <= set(QUICK)), (2, True), at)
        at = self.grown(lambda: put(Bucket="classes", Key="cold", Body=body, StorageClass="STANDARD_IA"))
        self.assertEqual((len(at), at <= set(LARGE)), (3, True), at)
        at = self.grown(lambda: put(Bucket="classes", Key="alike", Body=body, StorageClass="ONEZONE_IA"))
        self.assertTrue(at <= set(QUICK), f"a class without a layout of its own went to {at}")
        # A copy into another class moves the bytes, one within a class does not.
        source = {"Bucket": "classes", "Key": "plain"}
        at = self.grown(lambda: self.s3.copy_object(Bucket="classes", Key="moved", CopySource=source, StorageClass="STANDARD_IA"))
        self.assertEqual((len(at), at <= set(LARGE)), (3, True), at)
        at = self.grown(lambda: self.s3.copy_object(Bucket="classes", Key="shared", CopySource=source, StorageClass="ONEZONE_IA"))
        self.assertEqual(at, set())
        at = self.grown(lambda: self.s3.upload_file(self.file(body), "classes", "parts", ExtraArgs={"StorageClass": "STANDARD_IA"},
                                                    Config=TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)))
        self.assertTrue(at <= set(LARGE) and len(at) >= 3, at)
        for key, storage_class in (("plain", None), ("cold", "STANDARD_IA"), ("alike", "ONEZONE_IA"), ("moved", "STANDARD_IA"),
                                   ("shared", "ONEZONE_IA"), ("parts", "STANDARD_IA")):
            self.check(key, body, storage_class)
        # What is written without a class has its bucket's.
        self.s3.create_bucket(Bucket="archive")
        self.cluster.kelp(*self.cluster.shell_words()[len(self.cluster.net.inside()) + 1:], "-c",
                          "s3.bucket.class archive --class STANDARD_IA --apply")
        at = self.grown(lambda: put(Bucket="archive", Key="of-the-bucket", Body=body))
        self.assertEqual((len(at), at <= set(LARGE)), (3, True), at)
        at = self.grown(lambda: put(Bucket="archive", Key="named", Body=body, StorageClass="STANDARD"))
        self.assertTrue(at <= set(QUICK), at)
        self.assertEqual([item["StorageClass"] for item in self.s3.list_objects_v2(Bucket="archive")["Contents"]],
                         ["STANDARD", "STANDARD_IA"])
        listed = self.s3.list_objects_v2(Bucket="classes")["Contents"]
        self.assertEqual({item["Key"]: item["StorageClass"] for item in listed}["cold"], "STANDARD_IA")

        self.check_tiers(body)
        # One of its servers is lost: it is read around, and rebuilt on the one that is left of its kind.
        (striped,) = [volume for volume in self.volumes("STANDARD_IA") if volume.get("scheme")]
        lost = next(server for server in self.cluster.of("volume")
                    if self.cluster.node_of(self.cluster.status(), server.name)["node_id"] == striped["members"][0])
        lost.kill()
        self.check("cold", body, "STANDARD_IA")
        status = self.cluster.status()
        cold_nodes = {self.cluster.node_of(status, f"volume{number}")["node_id"] for number in LARGE}

        def whole():
            again = [volume for volume in self.volumes("STANDARD_IA") if volume["volume"] == striped["volume"]]
            whole_again = again and again[0]["copies_healthy"] == again[0]["copies_asked"]
            return whole_again and striped["members"][0] not in again[0]["members"] and again[0]["members"]

        members = wait_for(whole, "all shards are there again", 120, 0.5)
        self.assertTrue(set(members) <= cold_nodes, "a shard of STANDARD_IA went to a quick disk")
        self.check("parts", body, "STANDARD_IA")

    def check_tiers(self, body):
        """What is full goes from quick disks to large ones, and is what it was."""
        def shell(command):
            return self.cluster.kelp(*self.cluster.shell_words()[len(self.cluster.net.inside()) + 1:], "-c", command)

        (volume,) = [each["volume"] for each in self.volumes("") if each["phase"] == "writable"]
        move = "volume.tier.move -fromDiskType ssd -toDiskType hdd"
        self.assertNotIn(f"volume {volume} ", shell(move), "it takes needles")
        shell(f"volume.mark {volume} readonly --apply")
        self.assertIn(f"volume {volume} ", shell(move + " --apply"))
        status = self.cluster.status()
        large = {self.cluster.node_of(status, f"volume{number}")["node_id"] for number in LARGE}

        def moved():
            (found,) = [each for each in self.volumes("") if each["volume"] == volume] or [None]
            return found and set(found["members"]) <= large and found["copies_healthy"] == found["copies_asked"]

        wait_for(moved, "the volume is on large disks", 60, 0.5)
        self.check("plain", body, None)
        self.assertNotIn(f"volume {volume} ", shell(move))

    def file(self, body):
        path = self.folder / "file"
        path.write_bytes(body)
        return str(path)


if __name__ == "__main__":
    print(sys.version.split()[0], boto3.__version__)
    unittest.main(verbosity=2)
