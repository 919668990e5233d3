"""pyiceberg with a catalog in SQLite, through each of its two ways to S3."""

import time

from engine import GIVEN, at_once, configure, ids_of, main, same, table
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError


def catalog(name, way="pyiceberg.io.pyarrow.PyArrowFileIO"):
    made = configure("pyiceberg", {"catalog.db": f"{GIVEN.work}/{name}.db", "pyiceberg.io.pyarrow.PyArrowFileIO": way,
                                   "/warehouse": f"/iceberg/{name}"})["catalog"]
    made.create_namespace_if_not_exists("n")
    return made


def a_table_lives(name, way):
    n = catalog(name, way)
    made = n.create_table("n.t", schema=table(1).schema)
    made.append(table(1000))
    made.append(table(100, 20_000))
    made.delete("id < 10")
    first, *_, last = [entry.snapshot_id for entry in n.load_table("n.t").history()]
    made.overwrite(table(5))
    made = n.load_table("n.t")
    same(ids_of(made.scan().to_arrow()), list(range(5)))
    same(ids_of(made.scan(snapshot_id=first).to_arrow()), list(range(1000)))
    same(ids_of(made.scan(snapshot_id=last).to_arrow()), list(range(10, 1000)) + list(range(20_000, 20_100)))
    n.purge_table("n.t")


def check_through_pyarrow():
    a_table_lives("arrow", "pyiceberg.io.pyarrow.PyArrowFileIO")


def check_through_fsspec():
    a_table_lives("fsspec", "pyiceberg.io.fsspec.FsspecFileIO")


def check_partitions_and_upsert():
    n = catalog("parts")
    made = n.create_table("n.p", schema=table(1).schema)
    with made.update_spec() as update:
        update.add_identity("p")
    made = n.load_table("n.p")
    made.append(table(1000))
    same(ids_of(made.scan(row_filter="p == 2").to_arrow()), list(range(2, 1000, 5)))
    same(len(list(made.scan(row_filter="p == 2").plan_files())), 1)
    made.dynamic_partition_overwrite(table(1, 2))
    same(ids_of(made.scan(row_filter="p == 2").to_arrow()), [2])
    made.upsert(table(3, 999), join_cols=["id"])
    same(made.scan(row_filter="id >= 998").to_arrow().num_rows, 4)


def check_twelve_appends_at_once():
    catalog("many").create_table("n.t", schema=table(1).schema)

    def append(number):
        for _ in range(100):
            try:
                catalog("many").load_table("n.t").append(table(10, number * 10))
                return
            except (CommitFailedException, OperationalError):  # another was first, or SQLite is locked
                time.sleep(0.05)
        raise AssertionError("no luck in 100 tries")

    at_once(12, append)
    made = catalog("many").load_table("n.t")
    same(ids_of(made.scan().to_arrow()), list(range(120)))
    same(len(made.history()), 12)


if __name__ == "__main__":
    main()
