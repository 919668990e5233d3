"""Tables that Spark and Trino write in turn, and at once, by one metastore."""

import threading

from look import equal


def databases(spark, trino, look):
    """Made by either, seen by both; where they lie is the warehouse; dropped, they leave nothing."""
    spark.sql("CREATE DATABASE from_spark")
    trino.run("CREATE SCHEMA hive.from_trino")
    for seen in ({row[0] for row in spark.sql("SHOW DATABASES").collect()},
                 {name for (name,) in trino.rows("SHOW SCHEMAS FROM hive")} - {"information_schema"}):
        equal(seen, {"default", "from_spark", "from_trino"})
    for name in ("from_spark", "from_trino"):
        described = {row[0]: row[1] for row in spark.sql(f"DESCRIBE DATABASE {name}").collect()}
        equal(described["Location"], f"s3a://{look.bucket}/warehouse/{name}.db")
        spark.sql(f"DROP DATABASE {name} CASCADE")
        look.nothing_below(f"warehouse/{name}.db")


def hive_table(spark, trino, look):
    spark.sql("CREATE DATABASE shop")
    spark.sql("CREATE TABLE shop.sales (id bigint, text string) PARTITIONED BY (p int) STORED AS PARQUET")
    spark.sql("SET hive.exec.dynamic.partition.mode=nonstrict")
    spark.sql("INSERT INTO shop.sales SELECT id, cast(id AS string), cast(id % 3 AS int) FROM range(3000)")
    equal(trino.row("SELECT count(*), sum(id), max(text) FROM hive.shop.sales WHERE p = 1"), (1000, 1_499_500, "997"))
    trino.run("INSERT INTO hive.shop.sales SELECT orderkey + 10000, 'trino', 9 FROM tpch.tiny.orders WHERE orderkey <= 100")
    orders = trino.row("SELECT count(*), sum(orderkey + 10000) FROM tpch.tiny.orders WHERE orderkey <= 100")
    spark.sql("REFRESH TABLE shop.sales")
    equal(spark.row("SELECT count(*), sum(id) FROM shop.sales WHERE text = 'trino'"), orders)
    spark.sql("INSERT OVERWRITE TABLE shop.sales PARTITION (p = 1) SELECT id, 'new' FROM range(10)")
    trino.run("CALL hive.system.flush_metadata_cache()")
    equal(trino.row("SELECT count(*), count_if(text = 'new') FROM hive.shop.sales"), (2010 + orders[0], 10))
    spark.sql("DROP DATABASE shop CASCADE")
    look.nothing_below("warehouse/shop.db")


def iceberg_table(spark, trino, look):
    spark.sql("CREATE NAMESPACE hms.events")
    spark.sql("CREATE TABLE hms.events.t (id bigint, who string) USING iceberg TBLPROPERTIES "
              "('commit.retry.num-retries'='30', 'commit.retry.max-wait-ms'='1000')")
    spark.sql("INSERT INTO hms.events.t SELECT id, 'spark' FROM range(1000)")
    trino.run("MERGE INTO iceberg.events.t t USING (SELECT orderkey id FROM tpch.tiny.orders WHERE orderkey < 2000) n "
              "ON t.id = n.id WHEN MATCHED THEN UPDATE SET who = 'merged' WHEN NOT MATCHED THEN INSERT VALUES (n.id, 'trino')")
    merged, added = trino.row("SELECT count_if(orderkey < 1000), count_if(orderkey >= 1000) FROM tpch.tiny.orders "
                              "WHERE orderkey < 2000")
    spark.sql("REFRESH TABLE hms.events.t")
    counts = "count(*), count_if(who = 'merged'), count_if(who = 'trino')"
    equal(spark.row(f"SELECT {counts} FROM hms.events.t"), (1000 + added, merged, added))
    both_at_once(spark, trino, "hms.events.t", "iceberg.events.t")
    spark.sql("CALL hms.system.rewrite_data_files('events.t')")
    trino.run("ALTER TABLE iceberg.events.t EXECUTE optimize")
    spark.sql("REFRESH TABLE hms.events.t")
    after = (1000 + added + 12, merged, added)
    equal(spark.row(f"SELECT {counts} FROM hms.events.t"), after)
    equal(trino.row(f"SELECT {counts} FROM iceberg.events.t"), after)
    spark.sql("DROP TABLE hms.events.t PURGE")
    spark.sql("DROP NAMESPACE hms.events")
    # Iceberg deletes file by file; S3A keeps the folder of the last one as an empty marker.
    equal([key for key in look.keys("warehouse/events.db/t/data/") if not key.endswith("/")], [])


def both_at_once(spark, trino, of_spark, of_trino):
    """Six inserts of each engine into one table, which each has under a name: every one is accepted, and there."""
    failed = []

    def insert(run, name, who, first):
        try:
            for number in range(first, first + 6):
                run(f"INSERT INTO {name} VALUES ({number}, '{who}')")
        except Exception as error:  # told by the check
            failed.append(error)

    writers = [threading.Thread(target=insert, args=(spark.sql, of_spark, "s", 10_000)),
               threading.Thread(target=insert, args=(trino.run, of_trino, "t", 20_000))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed, failed[0]
    equal(trino.row(f"SELECT count(*), count(DISTINCT id), sum(id) FROM {of_trino} WHERE id >= 10000"),
          (12, 12, sum(range(10_000, 10_006)) + sum(range(20_000, 20_006))))


CHECKS = [(f"hive.{check.__name__}", check) for check in (databases, hive_table, iceberg_table)]
