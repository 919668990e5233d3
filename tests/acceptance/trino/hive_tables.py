"""Hive tables: files in folders, no snapshots."""

from iceberg_tables import ORDERS, scenario
from look import equal


def formats(trino, look, schema, prefix):
    for form in ("ORC", "PARQUET", "TEXTFILE", "AVRO", "JSON"):
        table = f"{schema}.{form.lower()}"
        trino.run(f"CREATE TABLE {table} WITH (format = '{form}') AS SELECT * FROM tpch.tiny.customer")
        summary = "count(*), sum(custkey), max(name), CAST(sum(CAST(acctbal AS decimal(18, 2))) AS varchar)"
        equal(trino.row(f"SELECT {summary} FROM {table}"), trino.row(f"SELECT {summary} FROM tpch.tiny.customer"))


def partitions(trino, look, schema, prefix):
    table = f"{schema}.orders"
    orders = "SELECT orderkey, totalprice, orderstatus FROM tpch.tiny.orders"
    trino.run(f"CREATE TABLE {table} WITH (format = 'PARQUET', partitioned_by = ARRAY['orderstatus']) AS {orders}",
              f"INSERT INTO {table} {orders}")
    equal(trino.row(f"SELECT count(*), count(DISTINCT orderkey) FROM {table}"), (2 * ORDERS, ORDERS))
    trino.run(f"DELETE FROM {table} WHERE orderstatus = 'P'")
    equal([key for key in look.keys(prefix) if "orderstatus=P" in key], [])
    # A folder that somebody copied beside the others becomes a partition.
    for key in look.keys(f"{prefix}orders/orderstatus=O/"):
        look.s3.copy({"Bucket": look.bucket, "Key": key}, look.bucket, key.replace("orderstatus=O", "orderstatus=X"))
    catalog, name = schema.split(".")
    trino.run(f"CALL {catalog}.system.sync_partition_metadata('{name}', 'orders', 'ADD')")
    equal(trino.row(f"SELECT count(*) FROM {table} WHERE orderstatus = 'X'"),
          trino.row(f"SELECT count(*) FROM {table} WHERE orderstatus = 'O'"))


CHECKS = [scenario("hive", check, below="metastore/hive") for check in (formats, partitions)]
