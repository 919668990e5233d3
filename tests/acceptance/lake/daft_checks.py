"""daft: data frames over Parquet, CSV and Delta in a bucket."""

import daft
from engine import BUCKET, configure, main, same

CONFIG = configure("daft")["io_config"]


def check_write_read_and_filter():
    path = f"s3://{BUCKET}/daft/a"
    rows = {"a": list(range(1000)), "p": [i % 3 for i in range(1000)]}
    daft.from_pydict(rows).write_parquet(path, io_config=CONFIG)
    found = daft.read_parquet(f"{path}/*.parquet", io_config=CONFIG)
    same(sorted(found.to_pydict()["a"]), rows["a"])
    same(found.where(daft.col("p") == 1).agg(daft.col("a").sum()).to_pydict()["a"], [sum(range(1, 1000, 3))])


def check_partitions_and_overwrite():
    path = f"s3://{BUCKET}/daft/b"
    frame = daft.from_pydict({"a": list(range(300)), "p": [i % 3 for i in range(300)]})
    frame.write_parquet(path, partition_cols=["p"], io_config=CONFIG)
    same(daft.read_parquet(f"{path}/p=1/*.parquet", io_config=CONFIG).count_rows(), 100)
    daft.from_pydict({"a": [1, 2]}).write_parquet(path, write_mode="overwrite", io_config=CONFIG)
    same(sorted(daft.read_parquet(f"{path}/**/*.parquet", io_config=CONFIG).to_pydict()["a"]), [1, 2])


def check_glob():
    path = f"s3://{BUCKET}/daft/c"
    for number in range(5):
        daft.from_pydict({"a": [number]}).write_csv(f"{path}/{number}", io_config=CONFIG)
    same(daft.from_glob_path(f"{path}/*/*.csv", io_config=CONFIG).count_rows(), 5)
    same(sorted(daft.read_csv(f"{path}/[0-2]/*.csv", io_config=CONFIG).to_pydict()["a"]), [0, 1, 2])


if __name__ == "__main__":
    main()
