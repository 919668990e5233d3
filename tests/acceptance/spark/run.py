#!/usr/bin/env python3
"""Spark 4 with S3A, its committers, Hive tables, Iceberg and Delta; executors and tasks that die while they write.

Sessions are configured with the blocks of docs/clients/spark.md. Run under the Python that has pyspark, which it installs.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from client import Checks, load_module, maven_jars, parse_arguments, python_environment  # noqa: E402


def under_pyspark():
    """Goes on in the environment of requirements.txt."""
    python = python_environment("spark", FOLDER / "requirements.txt") / "python"
    if Path(sys.executable) != python:
        os.execv(python, [str(python), str(FOLDER / "run.py"), *sys.argv[1:]])


def main():
    given = parse_arguments(__doc__)
    under_pyspark()
    jars = maven_jars("spark-jars", FOLDER / "pom.xml")
    checks = Checks(given.only)
    session = load_module(FOLDER, "session")
    for master, modules in (("local[2]", ["files", "committers", "hive_tables", "iceberg", "delta"]),
                            ("local-cluster[2,1,1024]", ["loss"])):
        wanted = [(name, check) for module in modules for name, check in load_module(FOLDER, module).CHECKS if checks.wanted(name)]
        if wanted:
            with session.Session(given, jars, master) as lake:
                for name, check in wanted:
                    checks.run(name, check, lake)
    checks.finish()


if __name__ == "__main__":
    main()
