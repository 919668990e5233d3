"""Tables that Spark and Trino write in turn, and at once, by Kelp's catalog."""

from life import nothing_left
from look import equal
from shared import both_at_once
from trino.exceptions import TrinoExternalError

SUMMARY = "count(*), sum(id), count_if(who = 'trino'), count_if(who = 'merged')"


def both_see(spark, trino, name, expected):
    """Spark keeps a table's metadata for a while; REFRESH asks again."""
    spark.sql(f"REFRESH TABLE {name}")
    equal(spark.row(f"SELECT {SUMMARY} FROM {name}"), expected)
    equal(trino.row(f"SELECT {SUMMARY} FROM {name}"), expected)


def fill(spark, name):
    """By Spark, with files of deletes beside the data; the snapshot before these."""
    spark.sql(f"CREATE TABLE {name} (id bigint, who string, day date) USING iceberg PARTITIONED BY (months(day), bucket(2, id)) "
              "TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
              "'commit.retry.num-retries'='30', 'commit.retry.max-wait-ms'='1000')")
    for turn in range(2):
        spark.sql(f"INSERT INTO {name} SELECT id + {500 * turn}, 'spark', "
                  "date_add(DATE '2024-01-01', cast(id % 90 AS int)) FROM range(500)")
    snapshot = spark.row(f"SELECT snapshot_id FROM {name}.refs")[0]
    spark.sql(f"DELETE FROM {name} WHERE id % 10 = 9")
    assert spark.row(f"SELECT count(*) FROM {name}.delete_files")[0] > 0, "no deletes beside the data"
    return snapshot


def in_turn(catalog):
    def check(spark, trino, look):
        space = f"{catalog}.turns"
        name = f"{space}.t"
        spark.sql(f"CREATE NAMESPACE {space}")
        snapshot = fill(spark, name)
        kept = [number for number in range(1000) if number % 10 != 9]
        equal(trino.rows(f"SHOW TABLES FROM {space}"), [["t"]])
        both_see(spark, trino, name, (900, sum(kept), 0, 0))
        equal(trino.row(f"SELECT count(*), sum(id) FROM {name} FOR VERSION AS OF {snapshot}"), (1000, sum(range(1000))))
        trino.run(f"ALTER TABLE {name} ADD COLUMN note varchar",
                  f"INSERT INTO {name} SELECT 1000 + nationkey, 'trino', DATE '2024-05-05', name FROM tpch.tiny.nation",
                  f"MERGE INTO {name} t USING (SELECT nationkey id FROM tpch.tiny.nation) n ON t.id = n.id WHEN MATCHED THEN "
                  "UPDATE SET who = 'merged' WHEN NOT MATCHED THEN INSERT VALUES (n.id, 'trino', DATE '2024-06-06', 'again')")
        expected = (927, sum(kept) + sum(range(1000, 1025)) + 9 + 19, 27, 23)
        both_see(spark, trino, name, expected)
        equal(spark.row(f"SELECT note FROM {name} WHERE id = 1008"), ("INDIA",))
        keep_house(spark, trino, name, expected)
        trino.run(f"ALTER TABLE {name} RENAME TO {space}.u")
        both_see(spark, trino, f"{space}.u", expected)
        trino.run(f"DROP TABLE {space}.u", f"DROP SCHEMA {space}")
        nothing_left(look.keys("lake/"), "turns")

    return f"together.{catalog}.in_turn", check


def keep_house(spark, trino, name, expected):
    """Compaction by both, old snapshots expired by both: the rows stay."""
    catalog, table = name.split(".", 1)
    spark.sql(f"CALL {catalog}.system.rewrite_data_files('{table}')")
    trino.run(f"ALTER TABLE {name} EXECUTE optimize",
              f"ALTER TABLE {name} EXECUTE expire_snapshots(retention_threshold => '0s')",
              **{f"{catalog}.expire_snapshots_min_retention": "0s"})
    both_see(spark, trino, name, expected)
    spark.sql(f"CALL {catalog}.system.expire_snapshots(table => '{table}', retain_last => 1, "
              "older_than => TIMESTAMP '2099-01-01 00:00:00')")
    equal(trino.row(f'SELECT count(*) FROM {catalog}.turns."t$snapshots"'), (1,))
    both_see(spark, trino, name, expected)


def at_once(spark, trino, look):
    spark.sql("CREATE NAMESPACE kelp.crowd")
    spark.sql("CREATE TABLE kelp.crowd.t (id bigint, who string) USING iceberg TBLPROPERTIES "
              "('commit.retry.num-retries'='30', 'commit.retry.max-wait-ms'='1000')")
    both_at_once(spark, trino, "kelp.crowd.t", "kelp.crowd.t")
    spark.sql("REFRESH TABLE kelp.crowd.t")
    equal(spark.row("SELECT count(*), count(DISTINCT id) FROM kelp.crowd.t"), (12, 12))
    equal(spark.row("SELECT count(*) FROM kelp.crowd.t.snapshots"), (12,))
    trino.run("DROP TABLE kelp.crowd.t", "DROP SCHEMA kelp.crowd")
    nothing_left(look.keys("lake/"), "crowd")


def chosen_places(spark, trino, look):
    """Trino drops what it placed itself. It purges always: it drops no table whose folder may have others' files."""
    trino.run(f"CREATE SCHEMA kelp.placed WITH (location = 's3://{look.bucket}/placed')",
              "CREATE TABLE kelp.placed.t AS SELECT * FROM tpch.tiny.nation", "DROP TABLE kelp.placed.t")
    look.nothing_below("placed/")
    for name in ("kept", "purged"):
        spark.sql(f"CREATE TABLE kelp.placed.{name} USING iceberg LOCATION 's3://{look.bucket}/mine/{name}' AS SELECT 1 id")
    files = look.keys("mine/kept/")
    try:
        trino.run("DROP TABLE kelp.placed.kept")
    except TrinoExternalError as error:
        equal(error.error_name, "ICEBERG_CATALOG_ERROR")
    else:
        raise AssertionError("a table in a folder that others may use was purged")
    equal(trino.row("SELECT * FROM kelp.placed.kept"), (1,))
    spark.sql("DROP TABLE kelp.placed.kept")
    spark.sql("DROP TABLE kelp.placed.purged PURGE")
    spark.sql("DROP NAMESPACE kelp.placed")
    equal(look.keys("mine/"), files)


CHECKS = [in_turn("kelp"), in_turn("kelp_sigv4"), ("together.at_once", at_once), ("together.chosen_places", chosen_places)]
