"""TPC-H: its tables written to Iceberg, its 22 questions asked of them and of the connector that makes the rows."""

import re
from pathlib import Path

from look import equal

# With what each is partitioned by.
TABLES = {"nation": "", "region": "", "supplier": "", "part": "", "partsupp": "", "customer": "", "orders": "year(orderdate)",
          "lineitem": "year(shipdate)"}
# With decimals, whose sums do not depend on the order of rows.
CATALOG = {"tpch_exact": "connector.name=tpch\ntpch.double-type-mapping=DECIMAL\n"}


def questions():
    """(number, statement) of each."""
    text = (Path(__file__).parent / "tpch.sql").read_text()
    return [(int(number), statement) for number, statement in re.findall(r"^-- (\d+): [^\n]*\n(.*?);$", text, re.DOTALL | re.MULTILINE)]


def check(schema):
    """A check as Checks takes it, of the connector's tables in `schema`."""

    def run(trino, look):
        source, target = f'tpch_exact."{schema}"', "iceberg.tpch"
        trino.run(f"CREATE SCHEMA {target} WITH (location = 's3://{look.bucket}/trino/tpch')")
        for table, part in TABLES.items():
            parted = f" WITH (partitioning = ARRAY['{part}'])" if part else ""
            trino.run(f"CREATE TABLE {target}.{table}{parted} AS SELECT * FROM {source}.{table}")
        asked, empty = questions(), []
        equal([number for number, _ in asked], list(range(1, 23)))
        for number, statement in asked:
            expected = trino.rows(statement, schema=("tpch_exact", schema))
            seen = trino.rows(statement, schema=("iceberg", "tpch"))
            assert seen == expected, f"question {number}: {seen[:3]} instead of {expected[:3]} ({len(seen)}, {len(expected)} rows)"
            if not expected or expected == [[None]]:
                empty.append(number)
        assert len(empty) <= 4, f"the answers to {empty} are empty: too few rows"
        for table in TABLES:
            trino.run(f"DROP TABLE {target}.{table}")
        trino.run(f"DROP SCHEMA {target}")
        look.nothing_below("trino/tpch")

    return run
