#!/usr/bin/env python3
"""hadoop-aws's own integration tests of S3A, compiled from their published sources, against an S3 that is running.

Groups: contract (what Hadoop asks of every file system), rest (all others), jobs (MapReduce on a small YARN, by http: its JVMs
know no certificate of ours), quick (four classes of contract). --only CLASS,CLASS or CLASS#METHOD takes a part of a group.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import client  # noqa: E402

sys.path.insert(0, str(FOLDER))
import reports  # noqa: E402
import settings  # noqa: E402
import world  # noqa: E402

JOBS = ("ITestS3ACommitterMRJob",)
QUICK = ("ITestS3AContractCreate", "ITestS3AContractMkdir", "ITestS3AContractOpen", "ITestS3AContractMultipartUploader")
# They empty the bucket, count what a whole process does, or want a file system that no class before them left in the cache
# (ITestS3AContractMkdirWithCreatePerf fails on every store otherwise): nothing runs beside them, each has a JVM of its own.
ALONE = ("ITestS3AContractRootDir", "ITestS3AContractMkdirWithCreatePerf", "ITestMarkerToolRootOperations", "ITestS3AClosedFS",
         "ITestS3AFileContextStatistics", "ITestS3AFileSystemStatistic", "ITestAggregateIOStatistics")
# Tests of these read the bucket that the suite names in its code, and no other.
NAMED = ("ITestAssumeRole", "ITestS3GuardTool")
# These want a client that encrypts everything, with a key that has a name.
SEALED = ("ITestS3AEncryptionSSEKMSUserDefinedKey", "ITestS3AEncryptionWithDefaultS3Settings")


def project():
    """The Maven project with the compiled tests; every plugin that a run needs has been fetched by one test that needs no S3."""

    def install(folder):
        shutil.copy(pom, folder / "pom.xml")
        client.run_install("nice", "mvn", "--batch-mode", "--quiet", "test-compile", "surefire:test",
                           "-Dtest=TestInvoker", cwd=folder)

    pom = FOLDER / "pom.xml"
    if any(shutil.which(tool) is None for tool in ("mvn", "java", "keytool")):
        client.unavailable("there is no java or no mvn")
    return client.installed("s3a", [pom], install)


def excused():
    """Names of tests that need AWS itself, with their reasons: `CLASS#TEST`, a tab, the reason."""
    lines = (FOLDER / "skipped.txt").read_text().splitlines()
    return dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))


def classes(folder, group):
    """The test classes of a group that were compiled and are not there to be inherited from."""
    if group in ("jobs", "quick"):
        return list(JOBS if group == "jobs" else QUICK)
    compiled = {path.stem for path in (folder / "target/test-classes").rglob("ITest*.class")}
    every = sorted(path.stem for path in (folder / "target/sources").rglob("ITest*.java")
                   if path.stem in compiled and f"abstract class {path.stem}" not in path.read_text())
    return [name for name in every if name not in JOBS and name.startswith("ITestS3AContract") == (group == "contract")]


def parts(given, names):
    """(what to call it, classes, how many JVMs, properties) of each run of Maven that `names` need."""
    def chosen(among):
        return [name for name in names if name in among]

    usual = [name for name in names if name not in ALONE + NAMED + SEALED]
    if given.group != "rest":
        return [("together", usual, 2, {}), ("alone", chosen(ALONE), 1, {})]
    made = world.World(given)
    more = settings.rest_properties(given, made)
    found = [("together", usual, 2, more), ("alone", chosen(ALONE), 1, more),
             ("named", chosen(NAMED), 1, {**more, **settings.named_properties(given)})]
    if given.secure:
        found.append(("sealed", chosen(SEALED), 1, {**more, **settings.sealed_properties(made)}))
    return found


def run(folder, names, work, forks, jvm):
    """Runs the tests `names`: several classes in each of two JVMs, or each class in one of its own."""
    words = ["nice", "mvn", "--batch-mode", "--quiet", "-f", folder / "pom.xml", "surefire:test",
             f"-Dtest={','.join(names)}", f"-Drun.conf={work / 'conf'}", f"-Drun.reports={work / 'reports'}",
             f"-Drun.scratch={work / 'scratch'}", f"-Drun.forks={forks}", f"-Drun.reuse={str(forks > 1).lower()}",
             f"-Drun.jvm={jvm}"]
    for name in ("reports", "scratch"):
        (work / name).mkdir()
    with open(work / "maven.log", "wb") as log:
        status = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env=dict(os.environ, MAVEN_OPTS="-Xmx512m")).returncode
    if status:
        print((work / "maven.log").read_text(errors="replace")[-3000:], flush=True)
    return status, reports.read(work / "reports")


def tell(checks, results, excuses):
    """Counts what ran. A test on the list that passes has no place there any more."""
    for name, test, state, why in results:
        full = f"{name}#{test}"
        reason = excuses.get(full)
        if reason:
            if state == "passed":
                checks.tell(full, "it passes, and skipped.txt says that it cannot")
            else:
                checks.skip(full, reason)
        elif state == "skipped":
            checks.skip(full, why or "the test says so")
        else:
            checks.tell(full, why if state == "failed" else None)


def main():
    given = client.parse_arguments(__doc__.splitlines()[0],
                                   ("--group", {"choices": ("contract", "rest", "jobs", "quick"), "default": "contract"}))
    folder = project()
    wanted, _, method = (given.only or "").partition("#")
    names = [name for name in classes(folder, given.group) if any(word in name for word in wanted.split(","))]
    checks, excuses = client.Checks(), excused()
    jvm = settings.trust(given.ca, given.work) if given.ca else ""
    for part, chosen, forks, properties in parts(given, names):
        if not chosen:
            continue
        work = given.work / part
        settings.write(given, folder / "target/sources", work / "conf", properties)
        status, results = run(folder, [name + (f"#{method}*" if method else "") for name in chosen], work, forks, jvm)
        tell(checks, results, excuses)
        ran = {name for name, *_ in results}
        missing = [name for name in chosen if name not in ran]
        if status or missing:
            checks.tell(f"maven, {part}", f"exit {status}, no report of {missing}")
    checks.finish()


if __name__ == "__main__":
    main()
