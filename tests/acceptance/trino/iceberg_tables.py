"""Iceberg tables, in a catalog of any kind."""

import threading

from look import equal
from trino.exceptions import TrinoExternalError

LINES, ORDERS = 60_175, 15_000  # rows of tpch.tiny
PRICES = "CAST(sum(CAST(totalprice AS decimal(18, 2))) AS varchar)"


def scenario(catalog, check, below=None):
    """A check as Checks takes it. It has a schema of its own, which is dropped behind it and then must leave nothing.

    `below`: the folder in which the catalog places schemas; without, the schema says where it lies.
    """
    name = check.__name__

    def run(trino, look):
        prefix = f"{below or f'trino/{catalog}'}/{name}/"
        schema = f"{catalog}.{name}"
        where = "" if below else f" WITH (location = 's3://{look.bucket}/{prefix[:-1]}')"
        trino.run(f"CREATE SCHEMA {schema}{where}")
        check(trino, look, schema, prefix)
        for (table,) in trino.rows(f"SHOW TABLES FROM {schema}"):
            trino.run(f"DROP TABLE {schema}.{table}")
        trino.run(f"DROP SCHEMA {schema}")
        look.nothing_below(prefix)

    return f"trino.{catalog}.{name}", run


def creation(trino, look, schema, prefix):
    trino.run(f"CREATE TABLE {schema}.lines AS SELECT * FROM tpch.tiny.lineitem",
              f"CREATE TABLE {schema}.orders WITH (format = 'PARQUET', partitioning = ARRAY['year(orderdate)']) AS "
              "SELECT * FROM tpch.tiny.orders")
    summary = "count(*), sum(orderkey), sum(linenumber)"
    equal(trino.row(f"SELECT {summary} FROM {schema}.lines"), trino.row(f"SELECT {summary} FROM tpch.tiny.lineitem"))
    equal(trino.row(f"SELECT count(*), {PRICES} FROM {schema}.orders"),
          trino.row(f"SELECT count(*), {PRICES} FROM tpch.tiny.orders"))
    equal(trino.row(f"SELECT count(*), count(DISTINCT o.orderkey) FROM {schema}.lines l JOIN {schema}.orders o "
                    "ON l.orderkey = o.orderkey"), (LINES, ORDERS))
    trino.run(f"ANALYZE {schema}.orders", f"ALTER TABLE {schema}.orders ADD COLUMN note varchar",
              f"INSERT INTO {schema}.orders (orderkey, orderdate, note) VALUES (-1, DATE '2024-02-29', 'new')")
    equal(trino.row(f"SELECT orderkey, note FROM {schema}.orders WHERE note IS NOT NULL"), (-1, "new"))


def changes(trino, look, schema, prefix):
    table = f"{schema}.t"
    trino.run(f"CREATE TABLE {table} AS SELECT orderkey, totalprice, clerk FROM tpch.tiny.orders")
    trino.run(f"DELETE FROM {table} WHERE orderkey < 100", f"UPDATE {table} SET clerk = 'none' WHERE orderkey % 10 = 0")
    equal(trino.row(f"SELECT count(*), sum(orderkey), count_if(clerk = 'none') FROM {table}"),
          trino.row("SELECT count(*), sum(orderkey), count_if(orderkey % 10 = 0) FROM tpch.tiny.orders "
                    "WHERE orderkey >= 100"))


def merge_and_travel(trino, look, schema, prefix):
    table = f"{schema}.t"
    trino.run(f"CREATE TABLE {table} AS SELECT orderkey k, totalprice v FROM tpch.tiny.orders WHERE orderkey < 1000")
    before = trino.row(f'SELECT snapshot_id FROM {schema}."t$snapshots"')[0]
    rows = trino.row(f"SELECT count(*), sum(k) FROM {table}")
    trino.run(f"MERGE INTO {table} t USING (SELECT orderkey k, DOUBLE '-1' v FROM tpch.tiny.orders "
              "WHERE orderkey BETWEEN 900 AND 1100) n ON t.k = n.k WHEN MATCHED THEN UPDATE SET v = n.v "
              "WHEN NOT MATCHED THEN INSERT VALUES (n.k, n.v)")
    equal(trino.row(f"SELECT count(*), sum(k), count_if(v = -1) FROM {table}"),
          trino.row("SELECT count(*), sum(orderkey), count_if(orderkey >= 900) FROM tpch.tiny.orders "
                    "WHERE orderkey <= 1100"))
    equal(trino.row(f"SELECT count(*), sum(k) FROM {table} FOR VERSION AS OF {before}"), rows)


def many_files(trino, table):
    trino.run(f"CREATE TABLE {table} (k bigint, text varchar)")
    for turn in range(8):
        trino.run(f"INSERT INTO {table} SELECT orderkey + {turn} * 100000, clerk FROM tpch.tiny.orders")


def read_while_compacting(trino, look, schema, prefix):
    """While compaction rewrites a table's files, who reads sees every row once; what it replaced can be deleted then."""
    table, seen, stop, failed = f"{schema}.t", [], threading.Event(), []
    many_files(trino, table)
    expected = trino.row(f"SELECT count(*), count(DISTINCT k), sum(k) FROM {table}")
    equal(expected[0], 8 * ORDERS)

    def read():
        try:
            while not stop.is_set():
                seen.append(trino.row(f"SELECT count(*), count(DISTINCT k), sum(k) FROM {table}"))
        except Exception as error:  # told by the check
            failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            trino.run(f"INSERT INTO {table} SELECT k, text FROM {table} WHERE k < 0")
            trino.run(f"ALTER TABLE {table} EXECUTE optimize")
            trino.run(f"DELETE FROM {table} WHERE k < 0")
    finally:
        stop.set()
        reader.join()
    assert not failed, f"a query failed: {failed[0]}"
    assert len(seen) >= 2, "no query ran meanwhile"
    equal(set(seen), {expected})
    equal(trino.row(f'SELECT count(*) FROM {schema}."t$files"'), (1,))
    catalog = schema.split(".")[0]
    shortest = {f"{catalog}.{name}_min_retention": "0s" for name in ("expire_snapshots", "remove_orphan_files")}
    trino.run(f"ALTER TABLE {table} EXECUTE expire_snapshots(retention_threshold => '0s')",
              f"ALTER TABLE {table} EXECUTE remove_orphan_files(retention_threshold => '0s')", **shortest)
    equal(trino.row(f"SELECT count(*), count(DISTINCT k), sum(k) FROM {table}"), expected)
    equal(len([key for key in look.keys(prefix) if "/data/" in key]), 1)


def concurrent_inserts(trino, look, schema, prefix):
    """Some may be refused because another was first. What was accepted is there once, what was refused is not."""
    table, accepted, failed = f"{schema}.t", [], []
    trino.run(f"CREATE TABLE {table} (k bigint)")

    def insert(first):
        for k in range(first, first + 4):
            try:
                trino.run(f"INSERT INTO {table} VALUES {k}")
                accepted.append(k)
            except TrinoExternalError as error:
                if error.error_name != "ICEBERG_COMMIT_ERROR":
                    failed.append(error)
            except Exception as error:  # told by the check
                failed.append(error)

    writers = [threading.Thread(target=insert, args=(10 * n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed, failed[0]
    assert accepted, "every insert was refused"
    equal(sorted(k for (k,) in trino.rows(f"SELECT k FROM {table}")), sorted(accepted))


def checks(catalog, below=None):
    return [scenario(catalog, check, below)
            for check in (creation, changes, merge_and_travel, read_while_compacting, concurrent_inserts)]
