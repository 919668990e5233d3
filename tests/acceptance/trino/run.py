#!/usr/bin/env python3
"""Trino: Iceberg and Hive tables through its own S3 client, MERGE, compaction under queries.

Its catalogs have the S3 lines of docs/clients/trino.md. Trino runs on a JDK from PyPI; it needs a newer one than Spark.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from client import Checks, parse_arguments, python_environment, snippet  # noqa: E402


def main():
    given = parse_arguments(__doc__, ("--tpch", {"metavar": "SCHEMA", "help": "only TPC-H, of tiny, sf0.1, sf1 ..."}))
    python = python_environment("trino-python", FOLDER / "requirements.txt") / "python"
    if Path(sys.executable) != python:
        os.execv(python, [str(python), str(FOLDER / "run.py"), *sys.argv[1:]])

    import hive_tables
    import iceberg_tables
    import tpch
    from look import Look
    from trino_server import Trino

    s3 = snippet("trino.md", "s3", given)
    catalogs = {
        # The files' metastore that Trino has for tests, in the bucket as well; tests/acceptance/hive has the real one.
        "iceberg": "connector.name=iceberg\niceberg.catalog.type=TESTING_FILE_METASTORE\n"
                   f"hive.metastore.catalog.dir=s3://{given.bucket}/metastore/iceberg\n" + s3,
        "hive": "connector.name=hive\nhive.metastore=file\nhive.non-managed-table-writes-enabled=true\n"
                f"hive.metastore.catalog.dir=s3://{given.bucket}/metastore/hive\n" + s3,
    }
    checks = Checks(given.only)
    look = Look(given)
    chosen = [*iceberg_tables.checks("iceberg"), *hive_tables.CHECKS]
    if given.tpch:
        chosen = [(f"trino.tpch_{given.tpch}", tpch.check(given.tpch))]
    with Trino(given.work / "trino", catalogs | tpch.CATALOG) as trino:
        for name, check in chosen:
            checks.run(name, check, trino, look)
    checks.finish()


if __name__ == "__main__":
    main()
