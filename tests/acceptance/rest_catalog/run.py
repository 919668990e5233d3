#!/usr/bin/env python3
"""Kelp's own Iceberg catalog with Spark and with Trino: each alone, both on the same tables, and who may not.

Their catalogs are the blocks of docs/clients/spark.md and trino.md, with tokens and with signatures.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Only what this catalog adds is here: sessions of Spark and servers of Trino are made next door.
sys.path[:0] = [str(FOLDER.parent / name) for name in (".", "hive", "trino")]
from client import Checks, load_module, maven_jars, parse_arguments, python_environment, snippet  # noqa: E402

SPARK, HIVE = FOLDER.parent / "spark", FOLDER.parent / "hive"


def spark_settings(given):
    """The blocks of the page for both catalogs, as a dict."""
    text = "".join(snippet("spark.md", block, given) for block in ("kelp-catalog", "kelp-catalog-sigv4"))
    return dict(line.split(None, 1) for line in text.splitlines())


def trino_catalogs(given):
    s3 = snippet("trino.md", "s3", given)
    return {name: snippet("trino.md", f"{name}.properties", given) + s3 for name in ("kelp", "kelp_sigv4")}


def main():
    given = parse_arguments(__doc__)
    python = python_environment("hive-python", HIVE / "requirements.txt") / "python"
    if Path(sys.executable) != python:
        os.execv(python, [str(python), str(FOLDER / "run.py"), *sys.argv[1:]])
    jars = maven_jars("spark-jars", SPARK / "pom.xml")
    os.nice(10)

    session = load_module(SPARK, "session")
    spark_tables = load_module(SPARK, "iceberg")
    import iceberg_tables
    import life
    import rights
    import together
    from look import Look
    from trino_server import Trino

    checks, look = Checks(given.only), Look(given)
    of_spark = [*spark_tables.checks("kelp", "kelp_sigv4"), *life.CHECKS, *rights.CHECKS]
    of_trino = iceberg_tables.checks("kelp", "lake")
    with session.Session(given, jars, "local[2]", spark_settings(given)) as spark:
        for name, check in of_spark:
            checks.run(name, check, spark)
        if any(checks.wanted(name) for name, _ in [*of_trino, *together.CHECKS]):
            with Trino(given.work / "trino", trino_catalogs(given)) as trino:
                for name, check in of_trino:
                    checks.run(name, check, trino, look)
                for name, check in together.CHECKS:
                    checks.run(name, check, spark, trino, look)
    checks.finish()


if __name__ == "__main__":
    main()
