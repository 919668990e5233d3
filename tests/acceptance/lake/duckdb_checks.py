"""DuckDB: httpfs (CSV, JSON and Parquet files on s3://, written in parts) and DuckLake tables."""

import duckdb
from duckdb_extensions import import_extension
from engine import BUCKET, GIVEN, main, same, snippet


def connect(block):
    for extension in ("httpfs", "ducklake"):
        import_extension(extension)
    connection = duckdb.connect()
    connection.execute(snippet("python.md", block, GIVEN, {"USE_SSL true": f"USE_SSL {str(GIVEN.secure).lower()}",
                                                            "catalog.ducklake": f"{GIVEN.work}/catalog.ducklake"}))
    return connection


def rows(connection, query):
    return connection.execute(query).fetchall()


def check_partitions():
    db, path = connect("duckdb"), f"s3://{BUCKET}/duck/parts"
    db.execute(f"COPY (SELECT range id, range % 5 p, 'x' || range v FROM range(2000000)) TO '{path}' "
               "(FORMAT parquet, PARTITION_BY (p))")
    source = f"read_parquet('{path}/**/*.parquet', hive_partitioning=true)"
    same(rows(db, f"SELECT p, count(*), sum(id) FROM {source} GROUP BY p ORDER BY p"),
         [(p, 400_000, sum(range(p, 2_000_000, 5))) for p in range(5)])
    same(rows(db, f"SELECT v FROM {source} WHERE p = 3 AND id = 1999998"), [("x1999998",)])
    db.execute(f"COPY (SELECT 1 id, 3 p, 'new' v) TO '{path}' (FORMAT parquet, PARTITION_BY (p), OVERWRITE_OR_IGNORE, "
               "FILENAME_PATTERN 'more_{uuid}')")
    same(rows(db, f"SELECT count(*) FROM {source}"), [(2_000_001,)])


def check_csv_and_json():
    db, path = connect("duckdb"), f"s3://{BUCKET}/duck/text"
    db.execute(f"COPY (SELECT range id FROM range(100000)) TO '{path}/a.csv'")
    same(rows(db, f"SELECT sum(id), count(*) FROM '{path}/a.csv'"), [(4_999_950_000, 100_000)])
    db.execute(f"COPY (SELECT range id, 'ä' || range v FROM range(1000)) TO '{path}/a.json.gz' (FORMAT json)")
    same(rows(db, f"SELECT v FROM '{path}/a.json.gz' WHERE id = 77"), [("ä77",)])
    same([name.rsplit("/", 1)[1] for name, in rows(db, f"SELECT file FROM glob('{path}/*') ORDER BY file")],
         ["a.csv", "a.json.gz"])


def check_a_file_in_many_parts():
    db, path = connect("duckdb"), f"s3://{BUCKET}/duck/large.parquet"
    db.execute(f"COPY (SELECT range id, md5(range::VARCHAR) v FROM range(1500000)) TO '{path}' "
               "(COMPRESSION uncompressed, ROW_GROUP_SIZE 50000)")
    assert rows(db, f"SELECT size FROM read_blob('{path}')")[0][0] > 30_000_000
    same(rows(db, f"SELECT count(*) FROM '{path}' WHERE v = md5(id::VARCHAR)"), [(1_500_000,)])


def check_ducklake():
    db = connect("ducklake")
    db.execute("CREATE TABLE lake.t AS SELECT range id, range % 3 p FROM range(100000)")
    db.execute("DELETE FROM lake.t WHERE id < 10")
    db.execute("UPDATE lake.t SET id = -id WHERE id < 100")
    same(rows(db, "SELECT count(*), sum(id) FROM lake.t"), [(99_990, sum(range(100, 100_000)) - sum(range(10, 100)))])
    same(rows(db, "SELECT count(*), min(id) FROM lake.t AT (VERSION => 1)"), [(100_000, 0)])
    db.execute("ALTER TABLE lake.t SET PARTITIONED BY (p)")
    db.execute("INSERT INTO lake.t SELECT range, range % 3 FROM range(200000, 200300)")
    same(rows(db, "SELECT count(*) FROM lake.t WHERE p = 1 AND id >= 200000"), [(100,)])
    db.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
    db.execute("CALL ducklake_merge_adjacent_files('lake')")
    db.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    same(rows(db, "SELECT count(*) FROM lake.t"), [(100_290,)])
    db.execute("DROP TABLE lake.t")


if __name__ == "__main__":
    main()
