#!/usr/bin/env python3
"""Programs that know nothing of S3, on a mount: cp, tar, git, rsync, sqlite."""

import filecmp
import mmap
import os
import shutil
import sqlite3
import subprocess
import unittest

from mount_world import Mount, MountWorld

LARGE_MIB = int(os.environ.get("KELP_LARGE_MIB", "256"))


def setUpModule():
    MountWorld.start()


def tearDownModule():
    MountWorld.stop()


class Tools(unittest.TestCase):
    def setUp(self):
        self.bucket = MountWorld.new_bucket()
        self.mounted = Mount(MountWorld.kelp, self.bucket)
        self.addCleanup(self.mounted.end)
        self.local = MountWorld.work / self.bucket
        self.local.mkdir()

    def run_words(self, *words, **options):
        done = subprocess.run([str(word) for word in words], capture_output=True, check=False, **options)
        self.assertEqual(done.returncode, 0, f"{words}\n{(done.stdout + done.stderr)[-2000:].decode(errors='replace')}")
        return done.stdout.decode()

    def make_tree(self):
        tree = self.local / "tree"
        for number in range(60):
            path = tree / f"dir-{number % 7}" / f"sub {number % 3}" / f"file-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(number * 1009))
            os.utime(path, ns=(number, 1_600_000_000_000_000_000 + number))
        (tree / "empty").mkdir()
        return tree

    def test_a_large_file_by_cp_and_cmp(self):
        large = self.local / "large"
        with open(large, "wb") as file:
            for _ in range(LARGE_MIB):
                file.write(os.urandom(1 << 20))
        self.run_words("cp", large, self.mounted / "large")
        self.run_words("cmp", large, self.mounted / "large")
        MountWorld.s3.download_file(self.bucket, "large", str(self.local / "by-s3"))
        self.run_words("cmp", large, self.local / "by-s3")
        self.run_words("cp", self.mounted / "large", self.local / "back")
        self.run_words("cmp", large, self.local / "back")

    def test_tar(self):
        tree = self.make_tree()
        self.run_words("tar", "-cf", self.local / "tree.tar", "-C", tree, ".")
        target = self.mounted / "target"
        target.mkdir()
        self.run_words("tar", "-xf", self.local / "tree.tar", "--no-same-owner", "-C", target)
        self.run_words("diff", "-r", tree, target)
        self.run_words("tar", "-cf", self.mounted / "again.tar", "-C", target, ".")
        self.assertIn("dir-1/sub 1/file-1", self.run_words("tar", "-tf", self.mounted / "again.tar"))
        path = "dir-3/sub 2/file-59"
        self.assertEqual(int(os.stat(target / path).st_mtime), 1_600_000_000)

    def test_rsync(self):
        if shutil.which("rsync") is None:
            self.fail("rsync is not installed (tools/dev setup)")
        tree = self.make_tree()
        words = ["rsync", "-rt", "--itemize-changes", f"{tree}/", f"{self.mounted / 'copy'}/"]
        self.assertIn("file-59", self.run_words(*words))
        self.assertNotIn("file-", self.run_words(*words))
        self.run_words("diff", "-r", tree, self.mounted / "copy")
        (tree / "dir-0/sub 0/file-0").write_bytes(b"changed")
        shutil.rmtree(tree / "dir-1")
        changed = self.run_words(*words, "--delete")
        self.assertEqual(sum("file-" in line and line.startswith(">f") for line in changed.splitlines()), 1)
        self.assertEqual({key for key in MountWorld.keys_of(self.bucket) if "dir-1" in key}, set())
        self.run_words("diff", "-r", tree, self.mounted / "copy")

    def test_git(self):
        environment = dict(os.environ, HOME=str(self.local), GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@example.com",
                           GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@example.com", GIT_CONFIG_NOSYSTEM="1")

        def git(folder, *words):
            return self.run_words("git", "-c", "safe.directory=*", "-C", folder, *words, env=environment)

        work = self.mounted / "work"
        work.mkdir()
        git(work, "init", "-q")
        shutil.copytree(self.make_tree(), work / "tree")
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", "one")
        self.assertEqual(git(work, "status", "--porcelain"), "")
        (work / "tree/dir-0/sub 0/file-0").write_bytes(b"changed")
        self.assertIn("file-0", git(work, "status", "--porcelain"))
        git(work, "commit", "-q", "-a", "-m", "two")
        git(work, "gc", "-q")
        git(work, "fsck", "--strict")
        self.run_words("git", "-c", "safe.directory=*", "clone", "-q", work, self.local / "clone", env=environment)
        self.run_words("git", "-c", "safe.directory=*", "clone", "-q", self.local / "clone", self.mounted / "clone", env=environment)
        git(self.mounted / "clone", "checkout", "-q", "HEAD~1")
        self.assertEqual(filecmp.cmp(self.mounted / "clone/tree/dir-3/sub 2/file-59", work / "tree/dir-3/sub 2/file-59", False), True)
        self.assertEqual(git(self.mounted / "clone", "log", "--format=%s", "--all").split(), ["two", "one"])

    def test_sqlite(self):
        path = self.mounted / "base.sqlite"
        for round_number in range(3):
            with sqlite3.connect(path) as connection:
                connection.execute("create table if not exists numbers (n integer primary key, t text)")
                connection.executemany("insert into numbers (t) values (?)", [(f"{round_number}-{n}",) for n in range(500)])
            connection.close()
        MountWorld.s3.download_file(self.bucket, "base.sqlite", str(self.local / "base.sqlite"))
        connection = sqlite3.connect(self.local / "base.sqlite")
        self.assertEqual(connection.execute("pragma integrity_check").fetchone(), ("ok",))
        self.assertEqual(connection.execute("select count(*) from numbers").fetchone(), (1500,))
        connection.close()

    def test_private_maps_work_and_shared_ones_are_refused(self):
        (self.mounted / "file").write_bytes(b"0123456789" * 1000)
        with open(self.mounted / "file", "rb") as file, mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as seen:
            self.assertEqual(seen[5000:5010], b"0123456789")
        with open(self.mounted / "file", "r+b") as file, self.assertRaises(OSError):
            mmap.mmap(file.fileno(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
