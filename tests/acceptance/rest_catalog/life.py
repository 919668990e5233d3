"""What else Spark does with a catalog: namespaces, schemas that change, snapshots by name, tables that move and end."""

from look import equal


def names(lake, statement, column):
    return sorted(row[column] for row in lake.sql(statement).collect())


def refused(lake, statement, *words):
    """The statement fails, with these words somewhere in what the user sees."""
    try:
        lake.sql(statement).collect()
    except Exception as error:  # of Spark's or of Java's
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{statement}: {missing} not in: {error}"
        return
    raise AssertionError(f"{statement} was not refused")


def nothing_left(keys, space):
    """Of the warehouse's `keys`: a namespace that is gone has left none, not even below .iceberg/."""
    equal([key for key in keys if f"/{space}/" in key or key.endswith(f"/{space}.json")], [])


def schema_and_snapshots(lake):
    name = "kelp.life.t"
    lake.sql("CREATE NAMESPACE kelp.life WITH PROPERTIES ('team' = 'test')")
    lake.sql(f"CREATE TABLE {name} (id int, text string, at timestamp) USING iceberg PARTITIONED BY (days(at), bucket(4, id))")
    rows = ("SELECT cast(id AS int) id, cast(id AS string) text, "
            "TIMESTAMP '2024-02-28 12:00:00' + make_dt_interval(cast(id % 3 AS int)) at FROM range")
    lake.sql(f"INSERT INTO {name} {rows}(100)")
    lake.sql(f"{rows}(100, 200)").writeTo(name).append()
    old = lake.row(f"SELECT snapshot_id FROM {name}.refs WHERE name = 'main'")[0]
    equal(lake.row(f"SELECT count(DISTINCT partition) FROM {name}.files"), (12,))
    lake.sql(f"ALTER TABLE {name} CREATE TAG before")
    for change in ("ADD COLUMNS (note string, part int)", "ALTER COLUMN id TYPE bigint", "RENAME COLUMN text TO words",
                   "ADD PARTITION FIELD part", "DROP PARTITION FIELD bucket(4, id)", "DROP COLUMN note",
                   "SET TBLPROPERTIES ('kept' = 'yes')"):
        lake.sql(f"ALTER TABLE {name} {change}")
    lake.sql(f"INSERT INTO {name} VALUES ({1 << 40}, 'new', TIMESTAMP '2024-03-01 00:00:00', 7)")
    equal(lake.spark.table(name).columns, ["id", "words", "at", "part"])
    equal(lake.row(f"SELECT count(*), max(id), count(part), max_by(words, id) FROM {name}"), (201, 1 << 40, 1, "new"))
    for version in (str(old), "'before'"):
        travelled = lake.sql(f"SELECT * FROM {name} VERSION AS OF {version}")
        equal((travelled.columns, travelled.count()), (["id", "text", "at"], 200))
    lake.sql(f"CALL kelp.system.rollback_to_snapshot('life.t', {old})")
    equal(lake.row(f"SELECT count(*), max(id) FROM {name}"), (200, 199))
    equal(lake.row(f"SHOW TBLPROPERTIES {name} ('kept')"), ("kept", "yes"))
    lake.sql(f"DROP TABLE {name} PURGE")
    lake.sql("DROP NAMESPACE kelp.life")
    nothing_left(lake.keys("lake/"), "life")


def made_from_queries(lake):
    """CREATE and REPLACE as one commit each: what fails on its way leaves no table, or the one of before."""
    lake.sql("CREATE NAMESPACE kelp.q")
    lake.sql("CREATE TABLE kelp.q.t USING iceberg PARTITIONED BY (p) AS SELECT id, id % 3 p FROM range(90)")
    refused(lake, "CREATE TABLE kelp.q.u USING iceberg AS SELECT if(id < 5, id, raise_error('spoiled')) id FROM range(10)", "spoiled")
    equal(names(lake, "SHOW TABLES IN kelp.q", "tableName"), ["t"])
    lake.sql("CREATE OR REPLACE TABLE kelp.q.t USING iceberg AS SELECT id, 'x' text FROM range(5)")
    refused(lake, "REPLACE TABLE kelp.q.t USING iceberg AS SELECT if(id < 5, id, raise_error('spoiled')) id FROM range(10)", "spoiled")
    equal(lake.row("SELECT count(*), max(text) FROM kelp.q.t"), (5, "x"))
    equal(lake.row("SELECT count(*) FROM kelp.q.t.snapshots"), (2,))
    lake.sql("INSERT OVERWRITE kelp.q.t SELECT id, 'y' FROM range(2)")
    equal(lake.row("SELECT count(*), max(text) FROM kelp.q.t"), (2, "y"))
    lake.sql("DROP TABLE kelp.q.t")
    lake.sql("DROP NAMESPACE kelp.q")


def lists_and_moves(lake):
    for space in ("a", "a.b", "a.b.c"):
        lake.sql(f"CREATE NAMESPACE kelp.{space}")
    refused(lake, "CREATE NAMESPACE kelp.a", "ALREADY_EXISTS")
    equal(names(lake, "SHOW NAMESPACES IN kelp.a", "namespace"), ["a.b"])
    for number in range(3):
        lake.sql(f"CREATE TABLE kelp.a.t{number} (id bigint) USING iceberg")
    lake.sql("INSERT INTO kelp.a.t0 SELECT id FROM range(10)")
    equal(names(lake, "SHOW TABLES IN kelp.a", "tableName"), ["t0", "t1", "t2"])
    lake.sql("ALTER TABLE kelp.a.t0 RENAME TO a.b.c.moved")
    equal(names(lake, "SHOW TABLES IN kelp.a", "tableName"), ["t1", "t2"])
    equal(names(lake, "SHOW TABLES IN kelp.a.b.c", "tableName"), ["moved"])
    refused(lake, "SELECT * FROM kelp.a.t0", "TABLE_OR_VIEW_NOT_FOUND")
    refused(lake, "ALTER TABLE kelp.a.t1 RENAME TO a.t2", "ALREADY_EXISTS")
    refused(lake, "DROP NAMESPACE kelp.a.b.c", "not empty")
    lake.sql("INSERT INTO kelp.a.b.c.moved VALUES (10)")
    equal(lake.row("SELECT count(*), sum(id) FROM kelp.a.b.c.moved"), (11, 55))
    for table in ("a.t1", "a.t2", "a.b.c.moved"):
        lake.sql(f"DROP TABLE kelp.{table} PURGE")
    for space in ("a.b.c", "a.b", "a"):
        lake.sql(f"DROP NAMESPACE kelp.{space}")
    nothing_left(lake.keys("lake/"), "a")


def dropped_and_registered(lake):
    """A drop deletes no file: the table can be had back by its metadata."""
    lake.sql("CREATE NAMESPACE kelp.back")
    lake.sql("CREATE TABLE kelp.back.t USING iceberg AS SELECT id FROM range(7)")
    metadata = lake.row("SELECT file FROM kelp.back.t.metadata_log_entries ORDER BY timestamp DESC LIMIT 1")[0]
    lake.sql("DROP TABLE kelp.back.t")
    refused(lake, "SELECT * FROM kelp.back.t", "TABLE_OR_VIEW_NOT_FOUND")
    lake.sql(f"CALL kelp.system.register_table('back.u', '{metadata}')")
    equal(lake.row("SELECT count(*), sum(id) FROM kelp.back.u"), (7, 21))
    lake.sql("DROP TABLE kelp.back.u PURGE")
    lake.sql("DROP NAMESPACE kelp.back")
    nothing_left(lake.keys("lake/"), "back")


CHECKS = [(f"life.{check.__name__}", check)
          for check in (schema_and_snapshots, made_from_queries, lists_and_moves, dropped_and_registered)]
