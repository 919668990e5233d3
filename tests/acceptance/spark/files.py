"""Files and folders on s3a:// as Spark and Hadoop use them."""

from acceptance_session import equal

ROWS = 50_000


def partitioned_parquet(lake):
    numbers = lake.spark.range(0, ROWS, 1, 4).selectExpr("id", "id % 7 AS p", "repeat(cast(id AS string), 5) AS text")
    target = lake.path("files/parquet")
    for mode, times in (("overwrite", 1), ("append", 2), ("overwrite", 1)):
        numbers.write.mode(mode).partitionBy("p").parquet(target)
        read = lake.spark.read.parquet(target)
        equal(tuple(read.selectExpr("count(*)", "sum(id)", "sum(length(text))").first()),
              tuple(times * sum(values) for values in zip(*((1, n, 5 * len(str(n))) for n in range(ROWS)))))
        equal(read.where("p = 3").selectExpr("sum(id)").first()[0], times * sum(range(3, ROWS, 7)))
    equal(len(lake.data_files("files/parquet/")), 28)


def other_formats(lake):
    numbers = lake.spark.range(0, 1000, 1, 2).selectExpr("id", "concat('text ', id) AS text")
    for form in ("csv", "json", "orc"):
        target = lake.path(f"files/{form}")
        numbers.write.format(form).mode("overwrite").save(target)
        read = lake.spark.read.format(form).schema("id bigint, text string").load(target)
        equal(tuple(read.selectExpr("count(*)", "sum(id)", "max(text)").first()), (1000, 499_500, "text 999"))
        equal(len(lake.data_files(f"files/{form}/")), 2)


def many_small_files(lake):
    target = lake.path("files/many")
    lake.spark.range(0, 10_000, 1, 100).selectExpr("id", "concat('text ', id) AS text").write.parquet(target)
    read = lake.spark.read.parquet(target)
    equal(tuple(read.selectExpr("count(*)", "sum(id)", "count(DISTINCT text)").first()), (10_000, 49_995_000, 10_000))
    equal(read.where("id = 777").selectExpr("text").first()[0], "text 777")
    equal(len(lake.data_files("files/many/")), 100)


def folders(lake):
    """Made, seen before they hold anything, renamed with what is in them, and gone after their removal."""
    files = lake.filesystem()
    lake.spark.range(100).write.parquet(lake.path("folders/one/two/data"))
    assert files.mkdirs(lake.jvm_path("folders/empty/inner"))
    assert files.getFileStatus(lake.jvm_path("folders/empty")).isDirectory()
    assert files.rename(lake.jvm_path("folders/one"), lake.jvm_path("folders/other"))
    assert not files.exists(lake.jvm_path("folders/one"))
    equal(lake.spark.read.parquet(lake.path("folders/other/two/data")).count(), 100)
    equal(sorted(status.getPath().getName() for status in files.listStatus(lake.jvm_path("folders"))), ["empty", "other"])
    assert files.delete(lake.jvm_path("folders/other"), True) and files.delete(lake.jvm_path("folders/empty"), True)
    for name in ("folders/other", "folders/other/two", "folders/empty"):
        assert not files.exists(lake.jvm_path(name)), f"a ghost: {name}"
    equal(lake.keys("folders/o") + lake.keys("folders/e"), [])


CHECKS = [("files.parquet", partitioned_parquet), ("files.many", many_small_files), ("files.formats", other_formats),
          ("files.folders", folders)]
