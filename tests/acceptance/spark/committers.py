"""The three committers of S3A: each says in _SUCCESS that it was it."""

import json

from acceptance_session import equal


def written_by(lake, name, prefix):
    body = lake.s3.get_object(Bucket=lake.bucket, Key=f"{prefix}_SUCCESS")["Body"].read()
    equal(json.loads(body)["committer"], name)


def write(lake, name, target, first, mode, **options):
    rows = lake.spark.range(first, first + 20_000, 1, 4).selectExpr("id", "id % 4 AS p")
    rows.write.mode(mode).options(**{"fs.s3a.committer.name": name}, **options).partitionBy("p").parquet(target)


def committer(name):
    def check(lake):
        prefix = f"committers/{name}/"
        target = lake.path(prefix)
        write(lake, name, target, 0, "overwrite")
        written_by(lake, name, prefix)
        write(lake, name, target, 100_000, "overwrite")
        read = lake.spark.read.parquet(target)
        equal(tuple(read.selectExpr("count(*)", "min(id)", "sum(id)").first()),
              (20_000, 100_000, sum(range(100_000, 120_000))))
        equal(len(lake.data_files(prefix)), 16)

    return check


def partitions_replaced(lake):
    """The partitioned committer replaces the partitions that a job wrote, and no other."""
    prefix = "committers/replaced/"
    target = lake.path(prefix)
    write(lake, "partitioned", target, 0, "overwrite")
    rows = lake.spark.range(0, 10, 1, 1).selectExpr("id", "1 AS p")
    rows.write.mode("append").options(**{"fs.s3a.committer.name": "partitioned",
                                         "fs.s3a.committer.staging.conflict-mode": "replace"}).partitionBy("p").parquet(target)
    written_by(lake, "partitioned", prefix)
    counts = lake.spark.read.parquet(target).groupBy("p").count().orderBy("p").collect()
    equal([tuple(row) for row in counts], [(0, 5000), (1, 10), (2, 5000), (3, 5000)])
    equal(len(lake.data_files(prefix)), 13)


CHECKS = [*((f"committers.{name}", committer(name)) for name in ("magic", "directory", "partitioned")),
          ("committers.replace", partitions_replaced)]
