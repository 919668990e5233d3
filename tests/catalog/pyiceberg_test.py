#!/usr/bin/env python3
"""PyIceberg with Kelp's catalog: tables from their making to their end, racing writers, and a server that is killed."""

import os
import random
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/acceptance"))
from client import python_environment  # noqa: E402  it puts tools/ on the path

PYTHON = python_environment("lake", ROOT / "tests/acceptance/lake/requirements.txt") / "python"
if Path(sys.executable) != PYTHON:
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

import boto3  # noqa: E402
import pyarrow as pa  # noqa: E402
from kelpdev.process import KelpProcess  # noqa: E402
from pyiceberg.catalog.rest import RestCatalog  # noqa: E402
from pyiceberg.exceptions import CommitFailedException, NamespaceNotEmptyError, NoSuchTableError  # noqa: E402
from pyiceberg.transforms import IdentityTransform  # noqa: E402
from pyiceberg.types import StringType  # noqa: E402

warnings.simplefilter("ignore")


def rows(first, count):
    return pa.table({"id": pa.array(range(first, first + count), pa.int64()),
                     "p": pa.array([number % 5 for number in range(first, first + count)], pa.int64())})


def ids(table):
    return sorted(table.scan().to_arrow()["id"].to_pylist())


def catalog(kelp, **more):
    """As the page docs/clients/python.md says."""
    return RestCatalog("kelp", **{"uri": f"{kelp.endpoint}/iceberg", "warehouse": "warehouse/lake",
                                  "credential": ":".join(kelp.keys),
                                  "oauth2-server-uri": f"{kelp.endpoint}/iceberg/v1/oauth/tokens",
                                  "s3.access-key-id": kelp.keys[0], "s3.secret-access-key": kelp.keys[1], **more})


class PyIceberg(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kelp-catalog-")
        self.addCleanup(self.folder.cleanup)
        self.kelp = KelpProcess(self.folder.name, "--set", "s3.iceberg=true")
        self.kelp.start()
        self.addCleanup(lambda: self.kelp.stop())
        boto3.client("s3", endpoint_url=self.kelp.endpoint, region_name="us-east-1", aws_access_key_id=self.kelp.keys[0],
                     aws_secret_access_key=self.kelp.keys[1]).create_bucket(Bucket="warehouse")

    def test_a_table_lives(self):
        c = catalog(self.kelp)
        c.create_namespace(("a",))
        c.create_namespace(("a", "b"), {"owner": "me"})
        self.assertEqual(c.list_namespaces("a"), [("a", "b")])
        made = c.create_table("a.b.t", schema=rows(0, 1).schema)
        made.append(rows(0, 100))
        with made.update_schema() as update:
            update.add_column("note", StringType())
            update.rename_column("p", "part")
        with made.update_spec() as update:
            update.add_field("part", IdentityTransform(), "part")
        more = rows(100, 100).rename_columns(["id", "part"]).append_column("note", pa.array(["x"] * 100))
        made.append(more)
        made.delete("id < 10")
        loaded = catalog(self.kelp).load_table("a.b.t")
        self.assertEqual(ids(loaded), list(range(10, 200)))
        self.assertEqual([field.name for field in loaded.schema().fields], ["id", "part", "note"])
        self.assertEqual(len(loaded.specs()), 2)
        loaded.overwrite(more.slice(0, 3))
        self.assertEqual(ids(c.load_table("a.b.t")), [100, 101, 102])
        with c.load_table("a.b.t").manage_snapshots() as snapshots:
            snapshots.create_tag(c.load_table("a.b.t").current_snapshot().snapshot_id, "kept")
        c.rename_table("a.b.t", "a.u")
        self.assertEqual(c.list_tables("a"), [("a", "u")])
        self.assertFalse(c.table_exists("a.b.t"))
        self.assertEqual(ids(c.load_table("a.u")), [100, 101, 102])
        with self.assertRaises(NamespaceNotEmptyError):
            c.drop_namespace("a")
        location = c.load_table("a.u").metadata_location
        c.drop_table("a.u")
        with self.assertRaises(NoSuchTableError):
            c.load_table("a.u")
        self.assertEqual(ids(c.register_table("a.v", location)), [100, 101, 102])
        c.purge_table("a.v")
        c.drop_namespace("a.b")
        c.drop_namespace("a")

    def test_a_table_made_in_a_transaction(self):
        c = catalog(self.kelp)
        c.create_namespace("n")
        with c.create_table_transaction("n.t", schema=rows(0, 1).schema) as transaction:
            transaction.set_properties(made="staged")
        table = c.load_table("n.t")
        self.assertEqual(table.properties["made"], "staged")
        table.append(rows(0, 5))
        self.assertEqual(ids(c.load_table("n.t")), list(range(5)))

    def test_with_signatures(self):
        c = catalog(self.kelp, **{"rest.sigv4-enabled": "true", "rest.signing-name": "s3", "rest.signing-region": "us-east-1",
                                  "client.region": "us-east-1", "credential": None,
                                  "client.access-key-id": self.kelp.keys[0],
                                  "client.secret-access-key": self.kelp.keys[1]})
        c.create_namespace("a")
        c.create_namespace(("a", "b"))
        c.create_table("a.b.t", schema=rows(0, 1).schema).append(rows(0, 3))
        self.assertEqual(ids(c.load_table("a.b.t")), [0, 1, 2])

    def append_all(self, writer, turns, stop_on=()):
        """Appends rows of its own, each batch until it is in."""
        for turn in range(turns):
            while True:
                try:
                    table = catalog(self.kelp).load_table("n.t")
                    first = writer * 1000 + turn * 10
                    if first in ids(table):  # an answer that was lost
                        break
                    table.append(rows(first, 10))
                    break
                except CommitFailedException:
                    continue
                except stop_on:
                    time.sleep(0.05)

    def race(self, turns, stop_on=()):
        c = catalog(self.kelp)
        c.create_namespace("n")
        c.create_table("n.t", schema=rows(0, 1).schema)
        threads = [threading.Thread(target=self.append_all, args=(writer, turns, stop_on)) for writer in range(2)]
        for thread in threads:
            thread.start()
        return threads

    def check_rows(self, turns):
        table = catalog(self.kelp).load_table("n.t")
        expected = [writer * 1000 + number for writer in range(2) for number in range(turns * 10)]
        self.assertEqual(ids(table), expected)

    def test_two_racing_writers_lose_no_row(self):
        for thread in self.race(5):
            thread.join()
        self.check_rows(5)
        self.assertEqual(len(catalog(self.kelp).load_table("n.t").history()), 10)

    def test_a_killed_server_loses_and_doubles_nothing(self):
        """Killed at random times under two writers, which go on until all is in: each row is there once."""
        threads = self.race(5, (Exception,))
        chance = random.Random(11)
        for _ in range(3):
            time.sleep(chance.uniform(0.1, 0.6))  # the moment of the crash
            self.kelp.kill()
            self.kelp.start()
        for thread in threads:
            thread.join()
        self.check_rows(5)


if __name__ == "__main__":
    unittest.main()
