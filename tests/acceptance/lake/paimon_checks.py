"""pypaimon: Paimon tables; one of them with a primary key, whose later rows replace earlier ones."""

import pyarrow
import pypaimon
from engine import configure, ids_of, main, same, table

CATALOG = configure("pypaimon")["catalog"]


def create(name, **options):
    CATALOG.create_database("d", True)
    CATALOG.create_table(f"d.{name}", pypaimon.Schema.from_pyarrow_schema(table(1).schema, **options), True)
    return CATALOG.get_table(f"d.{name}")


def write(made, rows, overwrite=None):
    builder = made.new_batch_write_builder()
    builder = builder if overwrite is None else builder.overwrite(overwrite)
    writer, commit = builder.new_write(), builder.new_commit()
    writer.write_arrow(rows)
    commit.commit(writer.prepare_commit())
    writer.close()
    commit.close()


def read(made):
    builder = made.new_read_builder()
    return builder.new_read().to_arrow(builder.new_scan().plan().splits())


def check_appends_and_overwrite():
    made = create("a")
    for number in range(3):
        write(made, table(1000, number * 1000))
    same(ids_of(read(made)), list(range(3000)))
    write(made, table(5), overwrite={})
    same(ids_of(read(made)), list(range(5)))


def check_partitions_and_primary_key():
    made = create("b", partition_keys=["p"], primary_keys=["id", "p"], options={"bucket": "1"})
    write(made, table(100))
    late = table(10, 50)
    write(made, late.set_column(1, "v", pyarrow.array([f"late{i}" for i in range(50, 60)])))
    rows = read(made).to_pylist()
    same(sorted(row["id"] for row in rows), list(range(100)))
    same(sorted(row["id"] for row in rows if row["v"].startswith("late")), list(range(50, 60)))


if __name__ == "__main__":
    main()
