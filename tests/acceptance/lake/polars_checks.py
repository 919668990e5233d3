"""polars: its readers and writers of files in object stores, which are object_store of Rust."""

import polars
from engine import BUCKET, configure, main, same

OPTIONS = configure("polars")["storage_options"]
FRAME = polars.DataFrame({"a": range(100_000), "b": [f"b{i}" for i in range(100_000)]})


def check_parquet():
    path = f"s3://{BUCKET}/polars/parquet"
    FRAME.write_parquet(f"{path}/a.parquet", storage_options=OPTIONS, row_group_size=10_000)
    found = polars.scan_parquet(f"{path}/*.parquet", storage_options=OPTIONS)
    same(found.filter(polars.col("a") > 99_990).collect()["b"].to_list(), [f"b{i}" for i in range(99_991, 100_000)])
    assert polars.read_parquet(f"{path}/a.parquet", storage_options=OPTIONS).equals(FRAME)


def check_streaming_sink_and_overwrite():
    path = f"s3://{BUCKET}/polars/sink.parquet"
    for rows in (1000, 10):
        polars.LazyFrame({"a": range(rows)}).sink_parquet(path, storage_options=OPTIONS)
        same(polars.read_parquet(path, storage_options=OPTIONS)["a"].to_list(), list(range(rows)))


def check_partitions():
    path = f"s3://{BUCKET}/polars/parts"
    FRAME.with_columns(p=polars.col("a") % 4).write_parquet(f"{path}/", partition_by="p", storage_options=OPTIONS)
    found = polars.scan_parquet(f"{path}/", hive_partitioning=True, storage_options=OPTIONS)
    same(found.filter(polars.col("p") == 1).select(polars.col("a").sum(), polars.len()).collect().row(0),
         (sum(range(1, 100_000, 4)), 25_000))


def check_text_and_ipc():
    path = f"s3://{BUCKET}/polars/other"
    FRAME.lazy().sink_csv(f"{path}/a.csv", storage_options=OPTIONS)
    FRAME.lazy().sink_ndjson(f"{path}/a.ndjson", storage_options=OPTIONS)
    FRAME.lazy().sink_ipc(f"{path}/a.arrow", storage_options=OPTIONS)
    assert polars.scan_csv(f"{path}/a.csv", storage_options=OPTIONS).collect().equals(FRAME)
    assert polars.scan_ndjson(f"{path}/a.ndjson", storage_options=OPTIONS).collect().equals(FRAME)
    assert polars.scan_ipc(f"{path}/a.arrow", storage_options=OPTIONS).collect().equals(FRAME)


if __name__ == "__main__":
    main()
