"""pyarrow: its S3 file system, written in the C++ of the AWS SDK, with Parquet files and datasets on it."""

import pyarrow.dataset as dataset
import pyarrow.fs as fs
import pyarrow.parquet as parquet
from engine import BUCKET, configure, ids_of, main, same, table

S3 = configure("pyarrow")["s3"]


def check_parquet_file():
    path = f"{BUCKET}/arrow/a.parquet"
    parquet.write_table(table(10_000), path, filesystem=S3, row_group_size=1000)
    same(ids_of(parquet.read_table(path, filesystem=S3)), list(range(10_000)))
    same(ids_of(parquet.read_table(path, filesystem=S3, filters=[("id", "<", 10)])), list(range(10)))


def check_partitioned_dataset():
    path = f"{BUCKET}/arrow/parts"
    layout = dataset.partitioning(table(1).select(["p"]).schema, flavor="hive")
    dataset.write_dataset(table(5000), path, filesystem=S3, format="parquet", partitioning=layout, max_rows_per_file=200,
                          max_rows_per_group=200)
    found = dataset.dataset(path, filesystem=S3, partitioning=layout)
    same((len(found.files), found.count_rows()), (25, 5000))
    same(ids_of(found.to_table(filter=dataset.field("p") == 3)), list(range(3, 5000, 5)))
    dataset.write_dataset(table(10, 7), path, filesystem=S3, format="parquet", partitioning=layout,
                          existing_data_behavior="delete_matching")
    same(ids_of(dataset.dataset(path, filesystem=S3, partitioning=layout).to_table()), list(range(7, 17)))


def check_folders():
    path = f"{BUCKET}/arrow/folders"
    S3.create_dir(f"{path}/x/y")
    same(S3.get_file_info(f"{path}/x").type, fs.FileType.Directory)
    with S3.open_output_stream(f"{path}/x/y/file") as out:
        out.write(b"1")
    same([info.base_name for info in S3.get_file_info(fs.FileSelector(path, recursive=True))], ["x", "y", "file"])
    S3.delete_dir_contents(f"{path}/x")
    same(S3.get_file_info(f"{path}/x").type, fs.FileType.Directory)
    S3.delete_dir(path)
    same(S3.get_file_info(path).type, fs.FileType.NotFound)


def check_large_file_copy_and_move():
    path = f"{BUCKET}/arrow/large"
    S3.create_dir(path)
    with S3.open_output_stream(f"{path}/a") as out:
        for number in range(25):
            out.write(bytes([number]) * 1_000_000)
    S3.copy_file(f"{path}/a", f"{path}/b")
    S3.move(f"{path}/b", f"{path}/c")
    same(sorted(info.base_name for info in S3.get_file_info(fs.FileSelector(path))), ["a", "c"])
    with S3.open_input_file(f"{path}/c") as file:
        same(file.size(), 25_000_000)
        file.seek(4_999_999)
        same(file.read(2), b"\x04\x05")
        same(file.read_at(1, 24_999_999), b"\x18")


def check_buckets():
    S3.create_dir("arrow-own-bucket")
    same(S3.get_file_info("arrow-own-bucket").type, fs.FileType.Directory)
    S3.delete_dir("arrow-own-bucket")
    same(S3.get_file_info("arrow-own-bucket").type, fs.FileType.NotFound)


if __name__ == "__main__":
    main()
