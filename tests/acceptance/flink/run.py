#!/usr/bin/env python3
"""Flink: checkpoints and an exactly-once file sink that outlive a task manager, and Paimon tables.

The jobs of src/ run with the blocks of docs/clients/flink.md, in a cluster of one process each.
"""

import os
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parent / "trino")]
from client import Checks, maven_jars, parse_arguments, python_environment, snippet, unavailable  # noqa: E402

NUMBERS, KEYS = 30_000, 500
WRITERS = 2  # of the sink, as Restore.java asks for
OPENED = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "net", "time", "util")]


class Flink:
    """The jobs, compiled, and the configuration that they run with."""

    def __init__(self, given):
        if shutil.which("javac") is None:
            unavailable("there is no javac")
        self.given = given
        self.jars = maven_jars("flink", FOLDER / "pom.xml")
        plugin = maven_jars("flink-plugin", FOLDER / "plugin-pom.xml")
        self.work = given.work / "flink"
        self.classes = self.work / "classes"
        (self.work / "plugins").mkdir(parents=True)
        (self.work / "plugins/s3").symlink_to(plugin)
        (self.work / "conf").mkdir()
        (self.work / "tmp").mkdir()
        (self.work / "conf/config.yaml").write_text(snippet("flink.md", "config.yaml", given))
        (self.work / "conf/paimon.sql").write_text(snippet("flink.md", "paimon", given))
        subprocess.run(["nice", "javac", "-J-Xmx300m", "-nowarn", "-d", self.classes, "-cp", f"{self.jars}/*",
                        *sorted(FOLDER.glob("src/kelp/*.java"))], check=True)

    def run(self, job, *arguments):
        """What the job printed."""
        words = ["nice", "java", "-Xmx1200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *OPENED,
                 f"-Djava.io.tmpdir={self.work}/tmp", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                 f"{self.classes}:{self.jars}/*", f"kelp.{job}", self.work / "conf", *arguments]
        with open(self.work / f"{job}.log", "wb") as log:
            done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                  timeout=900 + self.given.seconds, env=dict(os.environ, FLINK_PLUGINS_DIR=str(self.work / "plugins")))
        said = done.stdout.decode()
        if done.returncode != 0:
            log = (self.work / f"{job}.log").read_text(errors="replace")
            raise RuntimeError(f"{job}: exit {done.returncode}: {said[-1000:]} {log[:1500]} ... {log[-1500:]}")
        return said


def exactly_once(flink, look):
    said = flink.run("Restore", f"s3://{look.bucket}/numbers", NUMBERS, flink.given.seconds)
    restored = int(said.split("restored ")[1].split()[0])
    assert restored >= 1, "the job was never restored"
    took = [int(line.split()[2]) for line in said.splitlines() if line.startswith("checkpoint of ")][::-1]  # the last came first
    assert took, "no checkpoint was completed"
    print(f"{len(took)} checkpoints: median {statistics.median(took):.0f} ms, longest {max(took)} ms, in turn {took}", flush=True)
    finished = [key for key in look.keys("numbers/") if not key.endswith("/")]
    lines = Counter()
    for key in finished:
        if "_tmp_" not in key:
            lines.update(look.s3.get_object(Bucket=look.bucket, Key=key)["Body"].read().decode().splitlines())
    twice = [line for line, times in lines.items() if times > 1]
    assert not twice, f"{len(twice)} lines are there more than once: {twice[:3]}"
    numbers = {int(line.split()[0]) for line in lines}
    assert numbers == set(range(NUMBERS)) and len(lines) == NUMBERS, f"{len(numbers)} numbers in {len(lines)} lines"
    # The state of each key counted every number once, before and after the restore.
    counts = Counter(int(line.split()[0]) % KEYS * NUMBERS + int(line.split()[1]) for line in lines)
    assert set(counts) == {key * NUMBERS + n for key in range(KEYS) for n in range(NUMBERS // KEYS)}, "state is wrong"


def checkpoints_removed(flink, look):
    """A job that ended needs none: their folders are empty."""
    left = [key for key in look.keys("checkpoints/") if not key.endswith("/")]
    assert not left, f"left: {left[:5]}"


def uploads_settled(flink, look):
    """Every file that was committed is complete. Pending is only what a writer had open when it died: Flink forgets it, as the
    page says; at most one upload of each writer, and no part of the result."""
    pending = look.pending()
    assert len(pending) <= WRITERS, f"{len(pending)} uploads of {WRITERS} writers are pending: {pending[:5]}"
    finished = set(look.keys("numbers/"))
    assert not finished.intersection(pending), f"finished and pending: {sorted(finished.intersection(pending))[:5]}"
    for key in pending:
        assert key.startswith("numbers/"), key
        for upload in look.s3.list_multipart_uploads(Bucket=look.bucket, Prefix=key).get("Uploads", []):
            look.s3.abort_multipart_upload(Bucket=look.bucket, Key=key, UploadId=upload["UploadId"])
    assert not look.pending()


def paimon(flink, look):
    said = flink.run("Tables").splitlines()
    everything = 5000 * 5001 // 2
    for name, row in (("now", (5000, everything + 6000 - 2, 1)), ("first", (5000, everything, 0))):
        expected = f"{name} +I[{', '.join(map(str, row))}]"
        assert expected in said, f"{said} instead of {expected}"
    left = [key for key in look.keys("paimon/shop.db/t/") if not key.endswith("/")]
    assert not left, f"left: {left[:5]}"
    assert not look.pending("paimon/"), look.pending("paimon/")


def main():
    given = parse_arguments(__doc__, ("--seconds", {"type": int, "default": 12, "help": "how long numbers come (12)"}))
    python = python_environment("flink-python", FOLDER / "requirements.txt") / "python"
    if Path(sys.executable) != python:
        os.execv(python, [str(python), str(FOLDER / "run.py"), *sys.argv[1:]])

    from look import Look

    checks, flink, look = Checks(given.only), Flink(given), Look(given)
    if checks.run("flink.exactly_once", exactly_once, flink, look):
        checks.run("flink.checkpoints_removed", checkpoints_removed, flink, look)
        checks.run("flink.uploads_settled", uploads_settled, flink, look)
    checks.run("flink.paimon", paimon, flink, look)
    checks.finish()


if __name__ == "__main__":
    main()
