#!/usr/bin/env python3
"""The compose cluster with its metadata in Redis and in PostgreSQL: it serves while the engine restarts and filers die, and nothing is lost.

The images are made of Debian's packages and have the names that the overlays give.
"""

import os
import sys
import unittest

import composed
from composed import KEYS, PORT, ROOT, Composed
from kelpdev.process import wait_for
from kelpdev.s3 import Client

sys.path.insert(0, str(ROOT / "tests/cluster"))
from cluster_load import Reader, Running, Writer, wrong_objects  # noqa: E402

REDIS = "docker.io/library/redis:7.4"
BUCKET = "first"
LARGE_BYTES = 24 << 20


def setUpModule():
    global DOCKER
    images, DOCKER, _, folder = composed.set_up()
    DOCKER.docker("tag", images.parts(), REDIS)
    composed.make_postgresql(DOCKER, images.parts(), folder)


class Engines(Composed):
    def client(self):
        """A new one, for connections that rest too long are closed."""
        made = Client(f"http://{PORT}", *KEYS.values())
        self.addCleanup(made.close)
        return made

    def test_redis(self):
        self.prove("redis", {}, lambda: int(DOCKER.docker("exec", self.container("redis"), "redis-cli", "hlen", "{kelp}:values")))

    def test_postgresql(self):
        count = ("psql", "-U", "kelp", "-d", "kelp", "-tAc", "select count(*) from kelp_rows")
        self.prove("postgresql", {"KELP_ENGINE_PASSWORD": "engine-test"}, lambda: int(DOCKER.docker("exec", self.container("postgresql"), *count)))

    def prove(self, engine, keys, rows):
        """`rows` counts what the engine has."""
        self.engine = engine
        self.up(engine, "cluster/docker-compose.yml", f"cluster/{engine}.yml", keys={**KEYS, **keys})
        self.assertNotIn("etcd", DOCKER.docker("ps", "--all", "--format", "{{.Names}}"))
        self.wait_healthy(*self.checked())
        with DOCKER.entered():
            self.client().must("PUT", f"/{BUCKET}")
            before = rows()
            large = os.urandom(LARGE_BYTES)
            self.client().must("PUT", f"/{BUCKET}/large", body=large)
            writers = self.load()
            self.assertGreater(rows() - before, len(writers[0].objects), "the metadata are there")
            self.assertEqual(wrong_objects(self.client(), BUCKET, writers), [])
            self.restart_all()
            self.assertEqual(wrong_objects(self.client(), BUCKET, writers), [])
            self.assertEqual(self.client().must("GET", f"/{BUCKET}/large").body, large)
            listed = [key for key, _ in self.client().list_keys(BUCKET)]
            self.assertEqual(listed, sorted([key for writer in writers for key, _ in writer.objects] + ["large"]))

    def load(self):
        """Everything that may be away is, one after the other, under load; those who wrote."""
        where = [f"http://{PORT}"], tuple(KEYS.values()), 10
        writers = [Writer(BUCKET, "small", 4 << 10, *where), Writer(BUCKET, "middle", 256 << 10, *where)]
        with Running(*writers, Reader(BUCKET, writers, *where)) as running:
            self.wait_for_more(running)
            engine = self.container(self.engine)
            DOCKER.docker("restart", "--time", "10", engine)
            self.wait_for_more(running)
            DOCKER.docker("kill", engine)
            DOCKER.docker("start", engine)
            self.wait_for_more(running)
            for filer in ("filer1", "filer2"):
                DOCKER.docker("kill", self.container(filer))
                self.wait_for_more(running)
                DOCKER.docker("start", self.container(filer))
                self.wait_healthy(filer)
        print({type(load).__name__: (len(load.done), load.retried) for load in running.loads}, file=sys.stderr)
        self.assertEqual([what for _, what in running.failed][:5], [], f"{len(running.failed)} requests failed")
        return writers

    def wait_for_more(self, running, count=20):
        seen = [len(load.done) + count for load in running.loads]
        wait_for(lambda: all(len(load.done) >= least for load, least in zip(running.loads, seen)), "more requests", 90, every=0.1)

    def restart_all(self):
        """All containers anew; the volumes stay."""
        self.compose("down", "--timeout", "20")
        self.compose("up", "--detach", "--no-build")
        wait_for(self.is_ready, "it answers again", 180, every=0.2)
        self.wait_healthy(*self.checked())


if __name__ == "__main__":
    unittest.main(verbosity=2)
