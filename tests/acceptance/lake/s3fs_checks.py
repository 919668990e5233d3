"""s3fs and fsspec, on which pandas, dask and xarray read and write."""

import pandas
from engine import BUCKET, configure, main, same, table

FOUND = configure("s3fs")
FILES = FOUND["files"]


def check_large_files_and_ranges():
    path = f"{BUCKET}/s3fs/large"
    with FILES.open(path, "wb", block_size=5 << 20) as out:
        for number in range(17):
            out.write(bytes([number]) * (1 << 20))
    same(FILES.info(path)["size"], 17 << 20)
    same(FILES.cat_file(path, start=(1 << 20) - 5, end=(1 << 20) + 5), b"\0" * 5 + b"\1" * 5)
    same(FILES.cat_ranges([path] * 3, [0, 1 << 20, 16 << 20], [2, (1 << 20) + 2, (16 << 20) + 2]),
         [b"\0\0", b"\1\1", b"\x10\x10"])
    FILES.cp(path, path + "2")
    with FILES.open(path + "2", "ab") as out:
        out.write(b"end")
    same(FILES.tail(path + "2", 4), b"\x10end")


def check_many_files():
    path = f"{BUCKET}/s3fs/many"
    FILES.pipe({f"{path}/d/{number}": b"%d" % number for number in range(30)})
    same(len(FILES.find(f"{path}/d")), 30)
    FILES.copy(f"{path}/d", f"{path}/e", recursive=True)  # its mv() wants the folder itself to be an object, on any S3
    FILES.rm(f"{path}/d", recursive=True)
    same(sorted(int(body) for body in FILES.cat(f"{path}/e/*").values()), list(range(30)))
    same(FILES.exists(f"{path}/d"), False)
    FILES.touch(f"{path}/empty")
    same(FILES.du(path), sum(len(str(number)) for number in range(30)))
    FILES.rm(path, recursive=True)
    FILES.invalidate_cache()
    same(FILES.exists(path), False)


def check_metadata_tags_and_exclusive_creation():
    path = f"{BUCKET}/s3fs/tagged"
    FILES.pipe_file(path, b"1", Metadata={"colour": "green"})
    FILES.put_tags(path, {"a": "b"})
    same((FILES.metadata(path)["colour"], FILES.get_tags(path)), ("green", {"a": "b"}))
    try:
        FILES.pipe_file(path, b"2", mode="create")
        raise AssertionError("it was overwritten")
    except FileExistsError:
        same(FILES.cat_file(path), b"1")


def check_pandas():
    path, options = f"s3://{BUCKET}/s3fs/frame", FOUND["storage_options"]
    frame = table(1000).to_pandas()
    frame.to_parquet(path, partition_cols=["p"], storage_options=options)
    found = pandas.read_parquet(path, storage_options=options)
    same(sorted(found["id"]), list(range(1000)))
    frame.to_csv(f"{path}.csv.gz", index=False, storage_options=options)
    assert pandas.read_csv(f"{path}.csv.gz", storage_options=options).equals(frame)


if __name__ == "__main__":
    main()
