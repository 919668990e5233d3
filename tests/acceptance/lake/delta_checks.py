"""delta-rs: Delta tables whose commits are conditional PUTs, without a lock service."""

import deltalake
from engine import BUCKET, at_once, configure, ids_of, main, same, table

OPTIONS = configure("deltalake")["storage_options"]


def place(name):
    return f"s3://{BUCKET}/delta/{name}"


def ids(name, version=None):
    found = deltalake.DeltaTable(place(name), version=version, storage_options=OPTIONS)
    return ids_of(found.to_pyarrow_table())


def write(name, rows, **options):
    deltalake.write_deltalake(place(name), rows, storage_options=OPTIONS, **options)


def check_append_delete_update_and_time_travel():
    write("a", table(1000))
    write("a", table(100, 20_000), mode="append")
    found = deltalake.DeltaTable(place("a"), storage_options=OPTIONS)
    found.delete("id < 10")
    found.update(updates={"p": "9"}, predicate="id = 11")
    after = list(range(10, 1000)) + list(range(20_000, 20_100))
    same(ids("a"), after)
    same(deltalake.DeltaTable(place("a"), storage_options=OPTIONS).to_pyarrow_table(filters=[("p", "=", 9)])
         .column("id").to_pylist(), [11])
    same(ids("a", version=0), list(range(1000)))
    found.restore(1)
    same(len(ids("a")), 1100)


def check_overwrite_merge_and_partitions():
    write("b", table(1000), partition_by=["p"])
    found = deltalake.DeltaTable(place("b"), storage_options=OPTIONS)
    (found.merge(table(20, 990), predicate="s.id = t.id", source_alias="s", target_alias="t")
     .when_matched_delete().when_not_matched_insert_all().execute())
    same(ids("b"), list(range(990)) + list(range(1000, 1010)))
    rows = deltalake.DeltaTable(place("b"), storage_options=OPTIONS).to_pyarrow_table(partitions=[("p", "=", "3")])
    same(ids_of(rows), list(range(3, 990, 5)) + [1003, 1008])
    write("b", table(5), mode="overwrite")
    same(ids("b"), list(range(5)))


def check_compaction_vacuum_and_checkpoint():
    for number in range(12):
        write("c", table(10, number * 10), mode="append")
    found = deltalake.DeltaTable(place("c"), storage_options=OPTIONS)
    same(found.optimize.compact()["numFilesRemoved"], 12)
    same(len(found.vacuum(0, enforce_retention_duration=False, dry_run=False)), 12)
    found.create_checkpoint()
    same(ids("c"), list(range(120)))


def check_twelve_appends_at_once():
    write("d", table(100))
    at_once(12, lambda number: write("d", table(10, 1000 + number * 10), mode="append"))
    same(ids("d"), list(range(100)) + list(range(1000, 1120)))
    same(deltalake.DeltaTable(place("d"), storage_options=OPTIONS).version(), 12)


if __name__ == "__main__":
    main()
