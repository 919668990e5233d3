"""Executors killed and tasks failing while they write: the rows are right, and nothing of the dead attempt is left."""

import os
import signal
import sys
import time
from pathlib import Path

from acceptance_session import equal
from pyspark import TaskContext, cloudpickle

ROWS, PARTITIONS = 6000, 4
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the executors do not have this file


def parent(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[1])


def dying_rows(how, died, uploads):
    """Rows of one partition; the first attempt of partition 1 ends in their midst, `how` it says, and makes the file `died`.

    `uploads`: where to look for the attempt's own pending upload (endpoint, keys, bucket, prefix), so that it surely has one.
    """

    def rows(partition, numbers):
        dies = partition == 1 and TaskContext.get().attemptNumber() == 0
        for count, number in enumerate(numbers):
            if dies and count == ROWS // PARTITIONS * 9 // 10:
                if uploads:
                    wait_for_upload(*uploads)
                Path(died).touch()
                if how == "raise":
                    raise RuntimeError("planned")
                os.kill(parent(os.getppid()), signal.SIGKILL)  # this worker, its daemon, the executor
            yield number, os.urandom(2500).hex()

    return rows


def wait_for_upload(endpoint, access_key, secret_key, bucket, prefix):
    import boto3

    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=access_key,
                      aws_secret_access_key=secret_key)
    deadline = time.monotonic() + 60
    while not s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads"):
        if time.monotonic() > deadline:
            raise TimeoutError("no pending upload was listed")
        time.sleep(0.1)


def lost(committer, how):
    def check(lake):
        prefix = f"loss/{committer}-{how}/"
        given = lake.given
        # The magic committer writes straight to S3, in uploads of several parts; the others to the executor's disk first.
        uploads = (given.endpoint, given.access_key, given.secret_key, given.bucket, prefix) if committer == "magic" else None
        died = lake.given.work / f"died-{committer}-{how}"
        numbers = lake.spark.sparkContext.parallelize(range(ROWS), PARTITIONS)
        rows = numbers.mapPartitionsWithIndex(dying_rows(how, str(died), uploads)).toDF("id bigint, text string")
        rows.write.options(**{"fs.s3a.committer.name": committer, "fs.s3a.multipart.size": "5M"}).csv(lake.path(prefix))
        assert died.exists(), "nothing died"
        equal(len(lake.data_files(prefix)), PARTITIONS)
        read = lake.spark.read.schema("id bigint, text string").csv(lake.path(prefix))
        equal(tuple(read.selectExpr("count(*)", "count(DISTINCT id)", "sum(id)", "sum(length(text))").first()),
              (ROWS, ROWS, sum(range(ROWS)), ROWS * 5000))

    return check


CHECKS = [(f"loss.{committer}.{how}", lost(committer, how)) for committer in ("magic", "directory", "file")
          for how in ("kill", "raise")]
