#!/usr/bin/env python3
"""Days of some seconds in a cluster: rules that expire and archive, restores, inventories; the filer at work is killed -9."""

import csv
import gzip
import hashlib
import io
import json
import os
import sys
import threading
import time
import unittest
from datetime import datetime, timezone

from cluster_case import ClusterCase, in_client_environment
from engine_servers import Etcd, program_of
from kelpdev.process import wait_for

in_client_environment()

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

DAY = 6  # seconds
KIB = 1 << 10
ARCHIVED, EXPIRED, KEPT = 70, 200, 20  # a page of a pass moves 64
RUNNERS_OFF = ("--set", "filer.lifecycle_interval=0", "--set", "filer.inventory_interval=0")
MASTERS = """
[[master.class]]
name = "GLACIER"
spread = "001"
large = "ec(2,1)"
large_from = "128KiB"
"""


def digest(body):
    return hashlib.md5(body).hexdigest()


class Days(ClusterCase):
    SETTINGS = {"volume.writable": "1", "filer.lifecycle_debug_day": f"{DAY}s", "filer.lifecycle_interval": "200ms",
                "filer.inventory_interval": "200ms", "collector.interval": "500ms", "collector.quarantine": "1s"}
    SIZES = {"filer": 2}

    def setUp(self):
        if program_of(Etcd) is None:
            print("SKIPPED: etcd is not installed (tools/dev setup)", file=sys.stderr)
            self.skipTest("not installed")
        super().setUp()
        self.s3, self.other = (self.boto(gateway) for gateway in ("gateway1", "gateway2"))
        self.bodies = {}
        self.read_before = {}
        self.busy = 0

    def prepare(self):
        self.engine = Etcd(program_of(Etcd), self.cluster.net.inside())
        self.addCleanup(self.engine.close)
        self.cluster.settings.update(self.engine.settings())
        config = self.folder / "masters.toml"
        config.write_text(MASTERS)
        for master in self.cluster.of("master"):
            master.options = [*master.options, "--config", str(config)]
        # So that the first filer has both turns for sure.
        self.cluster["filer2"].options = [*RUNNERS_OFF]

    def boto(self, gateway):
        access, secret = self.cluster.keys
        return boto3.client("s3", endpoint_url=self.cluster[gateway].endpoint, region_name="us-east-1",
                            aws_access_key_id=access, aws_secret_access_key=secret,
                            config=Config(retries={"total_max_attempts": 8}, max_pool_connections=20))

    # --- what there is

    def put_all(self, sizes):
        """Bodies of these sizes under their keys, through both gateways."""
        self.bodies.update({key: os.urandom(size) for key, size in sizes.items()})
        keys = list(sizes)

        def put(first):
            s3 = self.boto("gateway1" if first % 2 else "gateway2")
            for key in keys[first::4]:
                s3.put_object(Bucket="rules", Key=key, Body=self.bodies[key])

        threads = [threading.Thread(target=put, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(self.classes()), set(self.bodies))

    def classes(self, s3=None):
        """Key to storage class."""
        pages = (s3 or self.s3).get_paginator("list_objects_v2").paginate(Bucket="rules")
        return {each["Key"]: each["StorageClass"] for page in pages for each in page.get("Contents", [])}

    def archived(self):
        return {key for key, storage in self.classes().items() if storage == "GLACIER"}

    def use_busy(self):
        """An object that is written anew all the time is always in its first day, and is never missed."""
        self.busy += 1
        body, began = str(self.busy).encode(), time.monotonic()
        self.s3.put_object(Bucket="rules", Key="old/busy", Body=body)
        try:
            got = self.other.get_object(Bucket="rules", Key="old/busy")["Body"].read()
            self.assertEqual(got, body)
        except ClientError:
            self.assertGreater(time.monotonic() - began, DAY, "it expired before its time")

    def wait_while_busy(self, condition, what, seconds=90):
        def look():
            self.use_busy()
            return condition()

        return wait_for(look, what, seconds, 0.2)

    # --- rules and restores

    def rules(self, **expirations):
        """By prefix: days until objects expire; those of cold/ are archived since today."""
        today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        rules = [{"ID": prefix, "Filter": {"Prefix": f"{prefix}/"}, "Status": "Enabled", "Expiration": {"Days": days}}
                 for prefix, days in expirations.items()]
        rules.append({"ID": "archive", "Filter": {"Prefix": "cold/"}, "Status": "Enabled",
                      "Transitions": [{"Date": today, "StorageClass": "GLACIER"}]})
        self.s3.put_bucket_lifecycle_configuration(Bucket="rules", LifecycleConfiguration={"Rules": rules})

    def read(self, s3, key):
        """The body's digest; None while it is archived."""
        try:
            return digest(s3.get_object(Bucket="rules", Key=key)["Body"].read())
        except ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "InvalidObjectState", key)
            return None

    def restore(self, key, days):
        answer = self.s3.restore_object(Bucket="rules", Key=key, RestoreRequest={"Days": days})
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 202)
        self.assertEqual(self.read(self.other, key), digest(self.bodies[key]), f"{key}, through the other gateway")

    def check_restores(self):
        """They are read through every gateway, at once, around a lost server; and are archived again after their days."""
        cold = sorted(key for key in self.bodies if key.startswith("cold/"))
        for s3 in (self.s3, self.other):
            self.assertIsNone(self.read(s3, cold[0]))
        for key in cold:
            self.restore(key, 100_000)
        volumes = [volume for volume in self.cluster.status()["volumes"] if volume["collection"] == "GLACIER"]
        striped = [volume for volume in volumes if volume["scheme"] == "ec(2,1)"]
        self.assertTrue(striped, volumes)
        lost = next(server for server in self.cluster.of("volume")
                    if self.cluster.node_of(self.cluster.status(), server.name)["node_id"] in striped[0]["members"])
        lost.kill()
        for key in cold:
            self.assertEqual(self.read(self.s3, key), digest(self.bodies[key]), f"{key}, without {lost.name}")
        self.cluster.start()  # the filer that was killed, too
        answer = self.other.restore_object(Bucket="rules", Key=cold[1], RestoreRequest={"Days": 1})
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 200, "it is restored already")
        self.wait_while_busy(lambda: self.read(self.s3, cold[1]) is None, "the end of a restore", 30)
        self.assertIsNone(self.read(self.other, cold[1]))
        for key in (cold[0], *cold[2:]):
            self.assertEqual(self.read(self.other, key), digest(self.bodies[key]), f"{key}, whose days are not over")

    # --- inventories

    def ask_for_lists(self):
        self.s3.create_bucket(Bucket="lists")
        self.s3.put_bucket_versioning(Bucket="lists", VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_inventory_configuration(Bucket="rules", Id="daily", InventoryConfiguration={
            "Id": "daily", "IsEnabled": True, "IncludedObjectVersions": "Current", "Schedule": {"Frequency": "Daily"},
            "OptionalFields": ["Size", "StorageClass"],
            "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::lists", "Format": "CSV"}}})

    def lists(self):
        """Each list that was ever made, by when it was begun, in ms: key to storage class; and files that none names. Lists of one
        minute have one name."""
        pages = list(self.s3.get_paginator("list_object_versions").paginate(Bucket="lists"))
        versions = [each for page in pages for each in page.get("Versions", [])]
        named, found = [], {}
        for each in versions:
            if not each["Key"].endswith("/manifest.json"):
                continue
            manifest = json.loads(self.body_of(each["Key"], each["VersionId"]))
            began = int(manifest["creationTimestamp"])
            self.assertNotIn(began, found, "a list that was published twice")
            found[began] = {}
            for file in manifest["files"]:
                packed = self.body_of(file["key"])
                self.assertEqual(hashlib.md5(packed).hexdigest(), file["MD5checksum"])
                named.append(file["key"])
                for row in csv.reader(io.StringIO(gzip.decompress(packed).decode())):
                    self.assertNotIn(row[1], found[began])
                    found[began][row[1]] = row[3]
        self.assertEqual(len(named), len(set(named)), "a file of two lists")
        there = {each["Key"] for each in versions if each["IsLatest"] and "/data/" in each["Key"]}
        self.assertLessEqual(set(named), there)
        return found, there - set(named)

    def body_of(self, key, version=None):
        """Of what never changes: read once."""
        if (key, version) not in self.read_before:
            options = {"VersionId": version} if version else {}
            self.read_before[key, version] = self.s3.get_object(Bucket="lists", Key=key, **options)["Body"].read()
        return self.read_before[key, version]

    def next_list(self):
        """One that is begun from now on."""
        now = time.time() * 1000
        return self.wait_while_busy(lambda: next((rows for began, rows in sorted(self.lists()[0].items()) if began > now), None),
                                    "a list")

    def check_lists(self):
        self.s3.delete_bucket_inventory_configuration(Bucket="rules", Id="daily")
        lists, unnamed = self.lists()
        self.assertEqual(unnamed, set(), "left by lists that broke off")
        begun = sorted(lists)
        gaps = [(later - earlier) / 1000 for earlier, later in zip(begun, begun[1:])]
        print(f"{len(lists)} lists, {min(gaps):.2f} to {max(gaps):.2f} s from each to the next", flush=True)
        self.assertGreaterEqual(min(gaps), DAY - 0.001, "two lists of one day")
        for began, rows in lists.items():
            self.assertLessEqual({key for key in self.bodies if key.startswith("kept/")}, set(rows), began)
            self.assertLessEqual(set(rows), {*self.bodies, "old/busy"}, began)

    # --- the day

    def start_the_second(self):
        """Once the first filer has both turns."""
        first, second = self.cluster["filer1"], self.cluster["filer2"]
        wait_for(lambda: first.metric("kelp_filer_lifecycle_passes_total") > 0 and
                 first.metric("kelp_filer_inventory_lists_total") > 0, "the first filer at work")
        second.stop()
        second.options = []
        self.cluster.start()

    def kill_at_work(self):
        """The filer that moves objects, once some of them are moved; what it moved."""
        first, second = self.cluster["filer1"], self.cluster["filer2"]
        self.rules(old=1, young=100_000)
        moved = wait_for(lambda: len(self.archived()) >= 3 and self.archived(), "the first moves", 60, 0)
        first.kill()
        moved = self.archived()
        print(f"killed after {len(moved)} of {ARCHIVED} moves", flush=True)
        self.assertLess(len(moved), ARCHIVED, "it was killed too late")
        for work in ("kelp_filer_lifecycle_rows_total", "kelp_filer_inventory_begun_total"):
            self.assertEqual(second.metric(work), 0, "both filers work at once")
        return moved

    def test_a_filer_goes_on_with_the_days_of_one_that_was_killed(self):
        self.s3.create_bucket(Bucket="rules")
        self.put_all({f"kept/{number}": 20_000 for number in range(KEPT)} | {f"young/{number}": 1000 for number in range(KEPT)} |
                     {f"old/{number:03}": 20_000 if number % 10 == 0 else 100 for number in range(EXPIRED)} |
                     {f"cold/{number:03}": (5 << 20) + 7 if number == 40 else 150 * KIB + number for number in range(ARCHIVED)})
        self.ask_for_lists()
        self.start_the_second()
        self.kill_at_work()

        killed = time.monotonic()
        stays = {key for key in self.bodies if not key.startswith("old/")} | {"old/busy"}
        cold = {key for key in self.bodies if key.startswith("cold/")}

        def all_is_done():
            classes = self.classes(self.other)
            self.assertLessEqual(stays, set(classes), "something went that was to stay")
            return set(classes) == stays and cold == {key for key, storage in classes.items() if storage == "GLACIER"}

        self.wait_while_busy(all_is_done, "the other filer goes on with all of it", 120)
        print(f"all of it was done {time.monotonic() - killed:.0f} s after the kill", flush=True)
        second = self.cluster["filer2"]
        self.assertGreater(second.metric("kelp_filer_lifecycle_moved_bytes_total"), 0)
        self.assertEqual(self.next_list(), self.classes())
        self.assertGreater(second.metric("kelp_filer_inventory_lists_total"), 0)
        self.assertEqual(self.classes(), dict.fromkeys(stays - cold, "STANDARD") | dict.fromkeys(cold, "GLACIER"))

        self.check_restores()
        self.rules(old=1, young=100_000, cold=1)
        self.wait_while_busy(lambda: set(self.classes()) == stays - cold, "the end of what was restored", 60)
        self.assertEqual(self.next_list(), self.classes())
        self.check_lists()
        wait_for(lambda: set(self.classes()) == stays - cold - {"old/busy"}, "the end of what is busy no more", 60, 0.2)
        for key in self.classes():
            self.assertEqual(self.read(self.other, key), digest(self.bodies[key]), key)
        self.check_needles()

    def check_needles(self):
        """What expired leaves no byte of its own."""
        collector = self.cluster["filer2"]  # the other one was away for longer than a turn
        wait_for(lambda: collector.metric("kelp_filer_dead_needles") == 0, "the removal of needles", 60, 0.2)
        live = {}
        for server in self.cluster.of("volume"):
            server.stop()
            said = self.cluster.kelp("volume", "dump", "--json", str(server.data), seconds=60)
            live |= {needle["fid"]: needle["object_key"] for needle in map(json.loads, said.splitlines())
                     if needle.get("state") == "live" and needle["object_key"] in self.bodies}
        gone = [key for key in live.values() if not key.startswith("kept/")]
        # One that the killed filer had copied, and did not come to name: the collector's walk finds it later.
        self.assertLessEqual(len(gone), 1, gone)
        self.assertEqual(len(live) - len(gone), KEPT)


if __name__ == "__main__":
    print(sys.version.split()[0], boto3.__version__)
    unittest.main(verbosity=2)
