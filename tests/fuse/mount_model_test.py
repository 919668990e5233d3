#!/usr/bin/env python3
"""Random operations on a mount and on a plain folder: both look the same after each, and S3 has the same at the end.

KELP_SEED and KELP_ROUNDS as in the fault tests.
"""

import errno
import os
import random
import unittest

from mount_world import Mount, MountWorld

NAMES = ["a", "b", "ab", "a-b", "c d", "é", "z.txt"]
SIZES = [0, 1, 100, 4096, 131073, 600_000]


def setUpModule():
    MountWorld.start()


def tearDownModule():
    MountWorld.stop()


def shown(value):
    """`value` for people: of bytes only how many."""
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(part) for part in value) + ")"
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)


class Side:
    """One of the two trees, and the files that are open in it."""

    def __init__(self, root):
        self.root = root
        self.open = {}

    def path(self, name):
        return os.path.join(self.root, name)

    def do(self, operation, *arguments):
        """What the operation gives, or the number of its error."""
        try:
            return getattr(self, operation)(*arguments)
        except OSError as error:
            return ("errno", error.errno)

    def write(self, name, flags, offset, data):
        fd = os.open(self.path(name), flags, 0o644)
        try:
            os.pwrite(fd, data, offset)
        finally:
            os.close(fd)

    def read(self, name, offset, size):
        fd = os.open(self.path(name), os.O_RDONLY)
        try:
            if os.path.isdir(self.path(name)):
                return "directory"
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)

    def open_one(self, slot, name):
        self.close_one(slot)
        if not os.path.isdir(self.path(name)):
            self.open[slot] = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o644)

    def use_one(self, slot, offset, data, size):
        fd = self.open.get(slot)
        if fd is None:
            return None
        if data is not None:
            os.pwrite(fd, data, offset)
        return os.pread(fd, 2000, max(0, offset - 1000)), self.size_of(fd), size and os.ftruncate(fd, size)

    @staticmethod
    def size_of(fd):
        """Of a file that was removed a mount does not know it."""
        try:
            found = os.fstat(fd)
            return found.st_size if found.st_nlink > 0 else "removed"
        except OSError as error:
            return "removed" if error.errno == errno.ESTALE else error

    def close_one(self, slot):
        fd = self.open.pop(slot, None)
        if fd is not None:
            os.close(fd)

    def remove(self, name):
        os.unlink(self.path(name))

    def make(self, name):
        os.mkdir(self.path(name))

    def rmdir(self, name):
        os.rmdir(self.path(name))

    def move(self, name, to):
        os.rename(self.path(name), self.path(to))

    def cut(self, name, size):
        os.truncate(self.path(name), size)

    def look(self, name):
        found = os.stat(self.path(name))
        return os.path.isdir(self.path(name)) or found.st_size

    def tree(self):
        found = {}
        for folder, folders, files in os.walk(self.root):
            for name in folders:
                found[os.path.relpath(os.path.join(folder, name), self.root) + "/"] = b""
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), self.root)] = file.read()
        return found


class Model(unittest.TestCase):
    def operations(self, rng):
        def name():
            return "/".join(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 3])))

        kind = rng.randrange(14)
        data = rng.randbytes(rng.choice(SIZES))
        offset = rng.choice([0, 0, 0, 1, 4095, 200_000])
        flags = os.O_WRONLY | rng.choice([os.O_CREAT, os.O_CREAT | os.O_TRUNC, os.O_CREAT | os.O_EXCL, 0])
        slot = rng.randrange(3)
        if kind <= 2:
            return ("write", name(), flags, offset, data)
        if kind == 3:
            return ("write", name(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0, data)
        if kind == 4:
            return ("open_one", slot, name())
        if kind <= 6:
            return ("use_one", slot, offset, rng.choice([None, data]), rng.choice([None, rng.choice(SIZES)]))
        if kind == 7:
            return ("close_one", slot)
        return rng.choice([("remove", name()), ("make", name()), ("make", name()), ("rmdir", name()), ("move", name(), name()),
                           ("move", name(), name()), ("cut", name(), rng.choice(SIZES)), ("look", name()),
                           ("read", name(), offset, 300_000)])

    def test_a_mount_is_a_folder(self):
        seed = int(os.environ.get("KELP_SEED", random.randrange(1 << 32)))
        rounds = int(os.environ.get("KELP_ROUNDS", "4"))
        print(f"KELP_SEED={seed} KELP_ROUNDS={rounds}", flush=True)
        for number in range(rounds):
            self.play(random.Random(seed + number), number)

    def play(self, rng, number):
        bucket = MountWorld.new_bucket()
        folder = MountWorld.work / f"model-{number}"
        folder.mkdir()
        with Mount(MountWorld.kelp, bucket) as mounted:
            sides = Side(str(mounted.folder)), Side(str(folder))
            history = []
            for step in range(400):
                operation = self.operations(rng)
                got, expected = (side.do(*operation) for side in sides)
                history.append(shown(operation))
                if got != expected:
                    last = "\n".join(history[-40:])
                    self.fail(f"round {number}, step {step}: {shown(got)} and not {shown(expected)}\n{last}")
                if step % 40 == 39:
                    self.assertEqual(sides[0].tree(), sides[1].tree(), f"round {number}, step {step}")
            for side in sides:
                for slot in list(side.open):
                    side.close_one(slot)
            expected = sides[1].tree()
            self.assertEqual(sides[0].tree(), expected)
            self.assertEqual(mounted.logged("contents_lost"), [])
        self.assertEqual({key: MountWorld.get(bucket, key) for key in MountWorld.keys_of(bucket)}, expected)
        self.assertNotIn("Uploads", MountWorld.s3.list_multipart_uploads(Bucket=bucket))


if __name__ == "__main__":
    unittest.main(verbosity=2)
