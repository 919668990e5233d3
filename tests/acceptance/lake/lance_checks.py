"""Lance and LanceDB: columns and vectors whose versions are committed by conditional PUTs."""

import lance
import lancedb
from engine import BUCKET, at_once, configure, ids_of, main, same, table

OPTIONS = configure("lance")["storage_options"]


def place(name):
    return f"s3://{BUCKET}/lance/{name}.lance"


def write(name, rows, **options):
    return lance.write_dataset(rows, place(name), storage_options=OPTIONS, **options)


def opened(name, **options):
    return lance.dataset(place(name), storage_options=OPTIONS, **options)


def check_versions_delete_index_and_compaction():
    write("a", table(1000))
    write("a", table(100, 20_000), mode="append")
    found = opened("a")
    found.delete("id < 10")
    after = list(range(10, 1000)) + list(range(20_000, 20_100))
    same(ids_of(opened("a").to_table()), after)
    same(ids_of(opened("a", version=1).to_table()), list(range(1000)))
    found.create_scalar_index("id", "BTREE")
    found.optimize.compact_files()
    found.cleanup_old_versions()
    same(ids_of(opened("a").to_table()), after)
    same(ids_of(opened("a").to_table(filter="id = 500")), [500])


def check_overwrite_update_and_take():
    write("b", table(1000))
    write("b", table(50), mode="overwrite")
    found = opened("b")
    found.update({"p": "p + 100"}, where="id >= 40")
    same(opened("b").to_table(filter="p >= 100").num_rows, 10)
    same(opened("b").take([0, 7, 30]).column("id").to_pylist(), [0, 7, 30])
    opened("b", version=1).restore()
    same(ids_of(opened("b").to_table()), list(range(1000)))


def check_twelve_appends_at_once():
    write("c", table(100))
    at_once(12, lambda number: write("c", table(10, 1000 + number * 10), mode="append"))
    same(ids_of(opened("c").to_table()), list(range(100)) + list(range(1000, 1120)))


def check_lancedb():
    db = lancedb.connect(f"s3://{BUCKET}/lancedb", storage_options=OPTIONS)
    made = db.create_table("t", [{"id": i, "vector": [float(i), 1.0, 0.0, 0.0]} for i in range(500)])
    same([row["id"] for row in made.search([77.0, 1.0, 0.0, 0.0]).limit(3).to_list()][0], 77)
    made.add([{"id": 1000, "vector": [1000.0, 1.0, 0.0, 0.0]}])
    made.delete("id < 100")
    same(made.count_rows(), 401)
    same(db.open_table("t").search([999.0, 1.0, 0.0, 0.0]).limit(1).to_list()[0]["id"], 1000)
    same(list(db.table_names()), ["t"])
    db.drop_table("t")
    same(list(db.table_names()), [])


if __name__ == "__main__":
    main()
