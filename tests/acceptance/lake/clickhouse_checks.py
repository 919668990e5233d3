"""ClickHouse as a library (chdb): the s3() table function, and MergeTree tables whose parts lie in a bucket."""

import chdb
from chdb import session
from engine import BUCKET, GIVEN, main, same, snippet


def ask(query):
    return str(chdb.query(query, "TSV")).strip()


def source(name, format="Parquet"):
    return (f"s3('{GIVEN.endpoint}/{BUCKET}/clickhouse/{name}', '{GIVEN.access_key}', '{GIVEN.secret_key}', "
            f"'{format}')")


def check_partitions_and_globs():
    ask(f"INSERT INTO FUNCTION {source('a_{_partition_id}.parquet')} PARTITION BY n % 4 "
        "SELECT number n, toString(number) s FROM numbers(1000000)")
    same(ask(f"SELECT count(), sum(n), countIf(s = toString(n)) FROM {source('a_*.parquet')}"),
         f"1000000\t{sum(range(1_000_000))}\t1000000")
    same(ask(f"SELECT sum(n) FROM {source('a_{0,1}.parquet')}"), str(sum(i for i in range(1_000_000) if i % 4 < 2)))
    same(ask(f"SELECT DISTINCT _file FROM {source('a_*.parquet')} ORDER BY _file").split(),
         [f"a_{number}.parquet" for number in range(4)])


def check_a_file_in_many_parts():
    ask(f"INSERT INTO FUNCTION {source('large.native', 'Native')} SELECT number n, repeat(toString(n), 20) s "
        "FROM numbers(300000) SETTINGS s3_min_upload_part_size = 5242880, s3_max_single_part_upload_size = 5242880")
    same(ask(f"SELECT count(), countIf(s = repeat(toString(n), 20)) FROM {source('large.native', 'Native')}"),
         "300000\t300000")


def check_a_file_is_not_overwritten_but_when_told():
    ask(f"INSERT INTO FUNCTION {source('once.csv', 'CSV')} SELECT 1")
    try:
        ask(f"INSERT INTO FUNCTION {source('once.csv', 'CSV')} SELECT 2")
        raise AssertionError("it was overwritten")
    except RuntimeError as error:
        assert "already exists" in str(error), error
    ask(f"INSERT INTO FUNCTION {source('once.csv', 'CSV')} SELECT 3 SETTINGS s3_truncate_on_insert = 1")
    same(ask(f"SELECT * FROM {source('once.csv', 'CSV')}"), "3")


def check_mergetree():
    server = session.Session(str(GIVEN.work / "mergetree"))
    server.query("CREATE DATABASE IF NOT EXISTS d ENGINE = Atomic")
    server.query("USE d")
    server.query(snippet("python.md", "mergetree", GIVEN))

    def rows(query):
        return str(server.query(query, "TSV")).strip()

    for number in range(4):
        server.query(f"INSERT INTO events SELECT number + {number}*100000, toString(number) FROM numbers(100000)")
    server.query("OPTIMIZE TABLE events FINAL")
    same(rows("SELECT count(), sum(n) FROM events"), f"400000\t{sum(range(400_000))}")
    server.query("ALTER TABLE events DELETE WHERE n < 10 SETTINGS mutations_sync = 2")
    server.query("ALTER TABLE events UPDATE v = 'new' WHERE n = 10 SETTINGS mutations_sync = 2")
    same(rows("SELECT count(), countIf(v = 'new') FROM events"), "399990\t1")
    server.query("DETACH TABLE events")
    server.query("ATTACH TABLE events")
    same(rows("SELECT sum(n) FROM events"), str(sum(range(10, 400_000))))
    server.query("DROP TABLE events SYNC")
    server.close()


if __name__ == "__main__":
    main()
