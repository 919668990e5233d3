#!/usr/bin/env python3
"""A volume server dies for good under load: what clients notice, that nothing is lost, that redundancy comes back."""

import hashlib
import os
import random
import threading
import time
import unittest

from cluster_case import REPAIR_AFTER_SECONDS, ClusterCase, in_client_environment
from kelpdev.process import wait_for

in_client_environment()
import boto3  # noqa: E402
import botocore.config  # noqa: E402

BUCKET = "loss"
BODY_BYTES = 16 << 10
WRITERS = 4
READ_PAUSE_SECONDS = 0.01  # the two cores are the writers'
OBJECTS_BEFORE = 600   # acknowledged before the node dies
SECONDS_AFTER = 15     # of load after it died
GAP_BOUND_SECONDS = 5


class Load(threading.Thread):
    """A client with the SDK's usual retries that goes on until `stopping`; what failed in spite of them is in `failed`."""

    def __init__(self, endpoint, keys):
        super().__init__(daemon=True)
        self.s3 = client_of(endpoint, keys)
        self.done, self.failed = [], []   # when something succeeded; when, what and how it failed
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            try:
                self.step()
                self.done.append(time.monotonic())
            except Exception as error:  # every failure is a finding, of whatever kind
                self.failed.append((time.monotonic(), repr(error)))


class Writer(Load):
    def __init__(self, number, *where):
        super().__init__(*where)
        self.number = number
        self.objects = []   # (key, MD5) of what was acknowledged

    def step(self):
        key, body = f"w{self.number}/{len(self.objects):06}", os.urandom(BODY_BYTES)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        self.objects.append((key, hashlib.md5(body).hexdigest()))


class Reader(Load):
    def __init__(self, writers, *where):
        super().__init__(*where)
        self.writers = writers

    def step(self):
        objects = random.choice(self.writers).objects
        if not objects:
            return
        key, md5 = random.choice(objects)
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        if hashlib.md5(body).hexdigest() != md5:
            raise ValueError(f"another body than that of {key} came back")
        self.stopping.wait(READ_PAUSE_SECONDS)


def client_of(endpoint, keys):
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
                        region_name="us-east-1", config=botocore.config.Config(retries={"mode": "standard"}))


def longest_gap(times, begin, end):
    marks = [begin, *sorted(mark for mark in times if begin < mark < end), end]
    return max(after - before for before, after in zip(marks, marks[1:]))


class NodeLoss(ClusterCase):
    def test_a_dead_volume_server_costs_a_moment_and_no_object(self):
        gateways = [gateway.endpoint for gateway in self.cluster.of("gateway")]
        client_of(gateways[0], self.cluster.keys).create_bucket(Bucket=BUCKET)
        writers = [Writer(number, gateways[number % 2], self.cluster.keys) for number in range(WRITERS)]
        readers = [Reader(writers, gateway, self.cluster.keys) for gateway in gateways]
        begun = time.monotonic()
        for thread in (*writers, *readers):
            thread.start()
        try:
            wait_for(lambda: sum(len(writer.objects) for writer in writers) >= OBJECTS_BEFORE, "some load", 60)
            killed = time.monotonic()
            self.cluster["volume2"].kill()
            wait_for(lambda: time.monotonic() > killed + SECONDS_AFTER, "the load after it", SECONDS_AFTER + 5)
        finally:
            for thread in (*writers, *readers):
                thread.stopping.set()
            for thread in (*writers, *readers):
                thread.join()
        ended = time.monotonic()
        objects = dict(item for writer in writers for item in writer.objects)
        failed = sorted(failure for thread in (*writers, *readers) for failure in thread.failed)
        written = [mark for writer in writers for mark in writer.done]
        write_gap, read_gap = (longest_gap([mark for thread in threads for mark in thread.done], killed, ended)
                               for threads in (writers, readers))
        before = sum(mark < killed for mark in written) / (killed - begun)
        after = sum(mark > killed for mark in written) / (ended - killed)
        print(f"{len(objects)} objects; {before:.0f} puts/s before, {after:.0f} after the node died; {len(failed)} requests "
              f"failed after the SDK's retries; longest gap of writes {write_gap:.2f} s, of reads {read_gap:.2f} s")

        reader = self.client("gateway2")
        wrong = [key for key, md5 in objects.items()
                 if hashlib.md5(reader.must("GET", f"/{BUCKET}/{key}").body).hexdigest() != md5]
        self.assertEqual(wrong, [])
        status = self.cluster.wait_whole(REPAIR_AFTER_SECONDS + 60)
        dead = self.cluster.node_of(status, "volume2")["node_id"]
        self.assertEqual([v["volume"] for v in status["volumes"] if dead in v["members"]], [])
        print(f"{len(status['volumes'])} volumes are whole {time.monotonic() - killed:.1f} s after the node died")
        self.assertEqual(failed[:3], [], f"{len(failed)} requests failed")
        self.assertLess(max(write_gap, read_gap), GAP_BOUND_SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
