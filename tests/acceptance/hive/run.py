#!/usr/bin/env python3
"""A Hive metastore whose warehouse lies in Kelp, and Spark and Trino that share its tables."""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Only the metastore and what is shared is here: sessions of Spark and servers of Trino are made next door.
sys.path[:0] = [str(FOLDER.parent / name) for name in (".", "trino", "spark")]
from client import Checks, maven_jars, parse_arguments, python_environment, snippet  # noqa: E402


def main():
    given = parse_arguments(__doc__)
    python = python_environment("hive-python", FOLDER / "requirements.txt") / "python"
    if Path(sys.executable) != python:
        os.execv(python, [str(python), str(FOLDER / "run.py"), *sys.argv[1:]])

    import shared
    from look import Look
    from metastore import PAGE_URI, Metastore
    from session import Session
    from trino_server import Trino

    checks = Checks(given.only)
    jars = maven_jars("spark-jars", FOLDER.parent / "spark/pom.xml")
    with Metastore(given, given.work / "metastore") as metastore:
        values = {PAGE_URI: metastore.uri}
        s3 = snippet("trino.md", "s3", given)
        catalogs = {name: snippet("trino.md", f"{name}.properties", given, values) + s3 for name in ("iceberg", "hive")}
        lines = snippet("hive.md", "spark-defaults.conf", given, values).splitlines()
        with Session(given, jars, "local[2]", dict(line.split(None, 1) for line in lines)) as spark:
            with Trino(given.work / "trino", catalogs) as trino:
                for name, check in shared.CHECKS:
                    checks.run(name, check, spark, trino, Look(given))
    checks.finish()


if __name__ == "__main__":
    main()
