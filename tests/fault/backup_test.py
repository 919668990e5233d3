#!/usr/bin/env python3
"""Dumps of the metadata while it serves, restores, and the way from engine to engine and back.

KELP_ROUNDS sets the number of dumps under load (4).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools"), str(HERE.parent / "cluster")]
from engine_servers import KINDS, LoneEtcd, program_of  # noqa: E402
from kelpdev import model  # noqa: E402
from kelpdev.process import KelpProcess, fsck, kelp_binary  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

ROUNDS = int(os.environ.get("KELP_ROUNDS", "4"))
OPTIONS = ("--rpc-listen", "127.0.0.1:0", "--set", "collector.interval=500ms", "--set", "collector.quarantine=1h")


def meta(*words, code=0):
    """What `kelp meta` says."""
    done = subprocess.run([kelp_binary(), "meta", *map(str, words)], capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise RuntimeError(f"kelp meta {words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stderr


def sum_of(said):
    """The rows, bytes and SHA-256 in what `kelp meta` says."""
    return re.search(r"\d+ rows of \d+ bytes, SHA-256 [0-9a-f]{64}", said).group()


class Backup(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-backup-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.kelp = KelpProcess(self.folder / "kelp", *OPTIONS)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.kelp.start()
        Client(self.kelp.endpoint, *self.kelp.keys).must("PUT", f"/{model.BUCKET}")
        self.states = {}

    def load(self, seconds, number=0):
        """Writers for a while; what they wrote is in self.states."""
        writers = model.load(self.kelp.endpoint, self.kelp.keys, f"backup/{number}", self.states, writers=4)
        yield writers
        time.sleep(seconds)  # how much is written varies: a time, not a condition
        for writer in writers:
            writer.stop()
        for writer in writers:
            writer.join()
            self.assertEqual(writer.wrong, [])
        # What was under way at the end is settled by reading it.
        self.assertEqual(model.verify(self.kelp.endpoint, self.kelp.keys, self.states), [])

    def dump(self, name):
        path = self.folder / name
        said = meta("dump", path, "--dir", self.kelp.data, "--filer", self.kelp.ready["rpc"])
        self.assertEqual(sum_of(meta("verify", path)), sum_of(said))
        return path

    def test_a_dump_under_load_is_of_one_moment(self):
        for _ in self.load(0.2):
            for number in range(ROUNDS):
                dump = self.dump(f"dump{number}")
                to = self.folder / f"loaded{number}"
                said = meta("load", dump, "--to", to, "--cluster-file", self.kelp.data / "cluster")
                self.assertEqual(sum_of(said), sum_of(meta("verify", dump)))
                # Its volumes are elsewhere; the rows must fit each other.
                report = fsck(to)
                for wrong in ("wrong_counters", "missing_inline_bodies", "unnamed_inline_bodies",
                              "corrupt_inline_bodies", "doubly_named_needles", "objects_without_bucket"):
                    self.assertEqual(report[wrong], 0, f"{wrong}: {report}")
                self.assertEqual(report["buckets"], 1)
                shutil.rmtree(to)

    def test_what_was_lost_comes_back_from_a_dump(self):
        for _ in self.load(1.0):
            pass
        dump = self.dump("dump")
        self.kelp.kill()
        there = self.kelp.data / "filer"
        there.rename(self.folder / "lost")

        whole = dump.read_bytes()
        for name, content in (("cut", whole[:-1]), ("half", whole[:len(whole) // 2]), ("more", whole + b"x"),
                              ("altered", whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])):
            bad = self.folder / name
            bad.write_bytes(content)
            meta("verify", bad, code=1)
            meta("load", bad, "--dir", self.kelp.data, code=1)
            self.assertFalse(there.exists(), f"{name}: something was written")

        meta("load", dump, "--dir", self.kelp.data)
        meta("load", dump, "--dir", self.kelp.data, code=1)  # it is not empty now
        self.kelp.start()
        self.assertEqual(model.verify(self.kelp.endpoint, self.kelp.keys, self.states), [])
        self.assertEqual(self.kelp.stop(), 0)
        report = fsck(self.kelp.data)
        self.assertTrue(report["sound"], report)
        # A stopped one is read without a filer.
        again = self.folder / "again"
        meta("dump", again, "--dir", self.kelp.data)
        meta("dump", again, "--dir", self.kelp.data, code=1)  # the file is there
        shutil.copytree(self.kelp.data, self.folder / "other")
        (self.folder / "other" / "cluster").write_text(
            re.sub(r"cluster_id *= *\"[^\"]*\"", 'cluster_id = "00000000-0000-4000-8000-000000000000"',
                   (self.kelp.data / "cluster").read_text()))
        shutil.rmtree(self.folder / "other" / "filer")
        meta("load", again, "--dir", self.folder / "other", code=1)  # of another cluster

    def test_each_engine_holds_what_the_one_before_held(self):
        kinds = [kind if kind.name != "etcd" else LoneEtcd for kind in KINDS.values()]
        programs = {kind.name: program_of(KINDS[kind.name]) for kind in kinds}
        missing = [name for name, program in programs.items() if program is None]
        if missing:
            print(f"SKIPPED: {missing} not installed (tools/dev setup)", file=sys.stderr)
            self.skipTest(f"{missing} not installed")
        for _ in self.load(0.7):
            pass
        self.assertEqual(self.kelp.stop(), 0)
        dump = self.folder / "dump"
        expected = sum_of(meta("dump", dump, "--dir", self.kelp.data))
        cluster = ("--cluster-file", self.kelp.data / "cluster")
        engines = []
        try:
            place = self.kelp.data
            for kind in kinds:
                engines.append(kind(programs[kind.name], []))
                said = meta("copy", *cluster, "--from", place, "--to", engines[-1].url)
                self.assertEqual(sum_of(said), expected)
                place = engines[-1].url
            meta("copy", *cluster, "--from", self.kelp.data, "--to", place, code=1)  # it is not empty
            back = self.folder / "back"
            self.assertEqual(sum_of(meta("copy", *cluster, "--from", place, "--to", back)), expected)
            self.assertEqual(sum_of(meta("dump", self.folder / "dump2", *cluster, "--from", back)), expected)
            # And it serves.
            self.kelp.options += ("--set", "filer.engine=redis", "--set", f"filer.engine_url={place}")
            self.kelp.start()
            self.assertEqual(model.verify(self.kelp.endpoint, self.kelp.keys, self.states), [])
            meta("dump", self.folder / "dump3", *cluster, "--from", place)  # while it serves
            self.assertEqual(self.kelp.stop(), 0)
        finally:
            for engine in engines:
                engine.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
