"""Delta tables on s3a://."""

from concurrent.futures import ThreadPoolExecutor

from acceptance_session import equal


def table(lake):
    target = lake.path("delta/events")
    name = f"delta.`{target}`"
    lake.spark.range(1000).selectExpr("id", "'first' AS text").write.format("delta").save(target)
    lake.spark.range(1000, 1500).selectExpr("id", "'second' AS text").write.format("delta").mode("append").save(target)
    lake.sql(f"DELETE FROM {name} WHERE id < 5")
    lake.sql(f"UPDATE {name} SET text = 'updated' WHERE id = 7")
    lake.sql(f"MERGE INTO {name} t USING (SELECT id, 'merged' text FROM range(1490, 1510)) n ON t.id = n.id "
             "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
    summary = "count(*), sum(id), count_if(text = 'merged'), count_if(text = 'updated')"
    after = (1505, sum(range(5, 1510)), 20, 1)
    equal(lake.row(f"SELECT {summary} FROM {name}"), after)
    equal(lake.row(f"SELECT {summary} FROM {name} VERSION AS OF 1"), (1500, sum(range(1500)), 0, 0))
    lake.sql(f"OPTIMIZE {name}")
    lake.sql("SET spark.databricks.delta.retentionDurationCheck.enabled = false")
    lake.sql(f"VACUUM {name} RETAIN 0 HOURS")
    equal(lake.row(f"SELECT {summary} FROM {name}"), after)
    live = len(lake.spark.read.format("delta").load(target).inputFiles())
    equal(len([key for key in lake.data_files("delta/events/part-")]), live)


def concurrent_commits(lake):
    target = lake.path("delta/crowd")
    lake.spark.range(0).write.format("delta").save(target)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: lake.spark.range(n * 10, n * 10 + 10).write.format("delta").mode("append").save(target),
                         range(12)))
    read = f"delta.`{target}`"
    equal(lake.row(f"SELECT count(*), count(DISTINCT id), sum(id) FROM {read}"), (120, 120, sum(range(120))))
    versions = [row.version for row in lake.sql(f"DESCRIBE HISTORY {read}").collect()]
    equal(sorted(versions), list(range(13)))
    assert lake.keys("delta/crowd/_delta_log/00000000000000000010.checkpoint"), "no checkpoint was written"


CHECKS = [("delta.table", table), ("delta.concurrent_commits", concurrent_commits)]
