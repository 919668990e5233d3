"""A running Kelp, folders that are mounts of its buckets, and boto3 beside them.

Importing it starts the program anew in an environment that has boto3 (tests/s3/boto3_world.py), or, where no FUSE
file system can be mounted, says SKIPPED and ends it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/s3"))
if not os.access("/dev/fuse", os.R_OK | os.W_OK) or shutil.which("fusermount3") is None:
    print("SKIPPED: a mount needs /dev/fuse and Debian's package fuse3 (tools/dev setup)", file=sys.stderr)
    sys.exit(77)
import boto3_world  # noqa: E402  first: it puts tools/ on the path and boto3 within reach
from kelpdev.process import KelpProcess, kelp_binary, wait_for  # noqa: E402

SLACK = 4  # seconds that a call may take beyond its timeout on a busy machine


class Mount:
    """`kelp mount` of a source on a folder of its own. A context manager."""

    count = 0

    def __init__(self, kelp, source, *options, keys=None, endpoint=None):
        Mount.count += 1
        self.folder = kelp.folder / f"mount-{Mount.count}"
        self.folder.mkdir()
        self.log = kelp.folder / f"mount-{Mount.count}.log"
        keys = keys or kelp.keys
        words = [kelp_binary(), "mount", source, str(self.folder), "--endpoint", endpoint or kelp.endpoint,
                 "--temporary-dir", str(kelp.folder), *options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=dict(os.environ, AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1]))
        wait_for(self.is_there, "the mount")

    def is_there(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"kelp mount ended with {self.process.returncode}: {self.log.read_text()}")
        return os.path.ismount(self.folder)

    def __truediv__(self, name):
        return self.folder / name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def logged(self, word):
        return [line for line in self.log.read_text(errors="replace").splitlines() if word in line]

    def end(self, how=signal.SIGTERM, seconds=20):
        """Ends it by a signal; its exit code, and what that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            subprocess.run(["fusermount3", "-uz", str(self.folder)], check=False)
            raise
        return code, time.monotonic() - begun

    def unmount(self):
        """fusermount3 -u, and the process's end; what that took."""
        begun = time.monotonic()
        subprocess.run(["fusermount3", "-u", str(self.folder)], check=True, timeout=20)
        self.process.wait(20)
        return time.monotonic() - begun


class MountWorld:
    """One server for a module's cases: start() and stop() are the module's setUp and tearDown."""

    buckets = 0

    @classmethod
    def start(cls, *options):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-mounts-")
        cls.work = Path(cls.scratch.name)
        cls.kelp = KelpProcess(cls.work / "server", *options)
        cls.kelp.start()
        cls.s3 = cls.client()

    @classmethod
    def client(cls):
        return boto3_world.client_of(cls.kelp)

    @classmethod
    def stop(cls):
        code = cls.kelp.stop()
        cls.scratch.cleanup()
        if code != 0:
            raise RuntimeError(f"kelp ended with {code}")

    @classmethod
    def new_bucket(cls):
        cls.buckets += 1
        name = f"mounted-{cls.buckets}"
        cls.s3.create_bucket(Bucket=name)
        return name

    @classmethod
    def put(cls, bucket, key, body=b"", **options):
        return cls.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)

    @classmethod
    def get(cls, bucket, key):
        return cls.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    @classmethod
    def keys_of(cls, bucket, prefix=""):
        pages = cls.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]
