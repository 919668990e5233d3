"""Iceberg tables: in a catalog that is a folder, through S3A; in a JDBC or REST catalog, through Iceberg's S3FileIO."""

from concurrent.futures import ThreadPoolExecutor

from acceptance_session import equal

CONCURRENT = "'commit.retry.num-retries'='30', 'commit.retry.min-wait-ms'='20', 'commit.retry.max-wait-ms'='500'"

# Of the page, in the bucket. Kelp's catalog puts digits behind the name of a table's folder.
FOLDERS = {"ice": "ice", "jdbc": "ice-jdbc", "kelp": "lake", "kelp_sigv4": "lake"}


def table(catalog):
    def check(lake):
        name = f"{catalog}.db.events"
        lake.sql(f"CREATE NAMESPACE IF NOT EXISTS {catalog}.db")
        lake.sql(f"CREATE TABLE {name} (id bigint, text string, p int) USING iceberg PARTITIONED BY (p)")
        for turn in range(3):
            lake.sql(f"INSERT INTO {name} SELECT id + {turn * 1000}, cast(id AS string), cast(id % 4 AS int) FROM range(1000)")
        before = lake.row(f"SELECT snapshot_id FROM {name}.snapshots ORDER BY committed_at DESC LIMIT 1")[0]
        lake.sql(f"DELETE FROM {name} WHERE id < 10")
        lake.sql(f"UPDATE {name} SET text = 'updated' WHERE p = 1 AND id < 100")
        lake.sql(f"MERGE INTO {name} t USING (SELECT id, 'merged' text, 0 p FROM range(2995, 3005)) n ON t.id = n.id "
                 "WHEN MATCHED THEN UPDATE SET text = n.text WHEN NOT MATCHED THEN INSERT *")
        after = (2995, sum(range(10, 3005)), 10, len(range(13, 100, 4)))
        summary = "count(*), sum(id), count_if(text = 'merged'), count_if(text = 'updated')"
        equal(lake.row(f"SELECT {summary} FROM {name}"), after)
        equal(lake.row(f"SELECT {summary} FROM {name} VERSION AS OF {before}"), (3000, sum(range(3000)), 0, 0))
        lake.sql(f"CALL {catalog}.system.rewrite_data_files(table => 'db.events', options => map('min-input-files', '2'))")
        lake.sql(f"CALL {catalog}.system.expire_snapshots(table => 'db.events', retain_last => 1, "
                 "older_than => TIMESTAMP '2099-01-01 00:00:00')")
        equal(lake.row(f"SELECT {summary} FROM {name}"), after)
        equal(lake.row(f"SELECT count(*) FROM {name}.snapshots"), (1,))
        prefix = f"{FOLDERS[catalog]}/db/events"
        live = lake.row(f"SELECT count(*) FROM {name}.files")[0]
        equal(len([key for key in lake.data_files(prefix) if key.endswith(".parquet")]), live)
        lake.sql(f"DROP TABLE {name} PURGE")
        equal([key for key in lake.keys(prefix) if not key.endswith("/")], [])

    return check


def concurrent_commits(catalog):
    def check(lake):
        name = f"{catalog}.db.crowd"
        lake.sql(f"CREATE NAMESPACE IF NOT EXISTS {catalog}.db")
        lake.sql(f"CREATE TABLE {name} (id bigint) USING iceberg TBLPROPERTIES ({CONCURRENT})")
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: lake.sql(f"INSERT INTO {name} SELECT id + {n * 10} FROM range(10)"), range(12)))
        equal(lake.row(f"SELECT count(*), count(DISTINCT id), sum(id) FROM {name}"), (120, 120, sum(range(120))))
        equal(lake.row(f"SELECT count(*) FROM {name}.snapshots"), (12,))
        lake.sql(f"DROP TABLE {name} PURGE")

    return check


def checks(*catalogs):
    return [(f"iceberg.{catalog}.{what.__name__}", what(catalog)) for catalog in catalogs for what in (table, concurrent_commits)]


CHECKS = checks("ice", "jdbc")
