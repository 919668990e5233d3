"""A Spark session made of the blocks of docs/clients/spark.md, and boto3 beside it to look at what it left."""

import os
from pathlib import Path

import boto3
import pyspark
from botocore.config import Config
from client import snippet
from pyspark import SparkContext
from pyspark.sql import SparkSession

BLOCKS = ["spark-defaults.conf", "committers", "iceberg", "iceberg-s3fileio", "delta"]
DATABASE = "jdbc:postgresql://db.example.com/iceberg"  # of the page
HEAP = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def settings(given, folder):
    """What the page says, as a dict; lists of extensions add up."""
    found = {}
    for block in BLOCKS:
        for line in snippet("spark.md", block, given, {DATABASE: f"jdbc:sqlite:{folder}/catalog.db"}).splitlines():
            key, value = line.split(None, 1)
            found[key] = f"{found[key]},{value}" if key == "spark.sql.extensions" and key in found else value
    return found


def scratch(folder, jars, master):
    """Where things lie on this machine, and how little of it Spark may use: nothing that concerns S3."""
    path = ":".join(str(jar) for jar in sorted(jars.glob("*.jar")))
    return {
        "spark.master": master, "spark.app.name": "kelp", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1400m", "spark.executor.memory": "700m", "spark.executor.memoryOverhead": "324m",
        "spark.driver.extraClassPath": path, "spark.executor.extraClassPath": path,
        "spark.driver.extraJavaOptions": f"{HEAP} -Dderby.system.home={folder} -Djava.io.tmpdir={folder}",
        "spark.executor.extraJavaOptions": f"{HEAP} -Djava.io.tmpdir={folder}",
        "spark.sql.shuffle.partitions": "4", "spark.local.dir": f"{folder}/local",
        "spark.hadoop.hadoop.tmp.dir": f"{folder}/hadoop",
        "spark.hadoop.fs.s3a.committer.staging.tmp.path": f"file:{folder}/staging",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.catalog.jdbc.jdbc.schema-version": "V1",
    }


class Session:
    """Use it as a context manager: a JVM of its own, which is gone afterwards. `more` settings win over all others."""

    def __init__(self, given, jars, master, more=None):
        self.given, self.jars, self.master, self.more = given, jars, master, more or {}
        self.bucket = given.bucket
        self.s3 = boto3.client("s3", endpoint_url=given.endpoint, region_name="us-east-1",
                               aws_access_key_id=given.access_key, aws_secret_access_key=given.secret_key,
                               verify=str(given.ca) if given.ca else None,
                               config=Config(s3={"addressing_style": "path"}))

    def __enter__(self):
        folder = self.given.work / f"spark-{self.master.split('[')[0]}"
        home = folder / "home"
        home.mkdir(parents=True)
        for entry in Path(pyspark.__file__).parent.iterdir():  # its workers write into their home
            (home / entry.name).symlink_to(entry)
        os.environ.update(SPARK_HOME=str(home), SPARK_SCALA_VERSION="2.13", SPARK_LOCAL_IP="127.0.0.1", NO_COLOR="1")
        os.chdir(folder)
        (folder / "conf").mkdir()
        os.environ["SPARK_CONF_DIR"] = str(folder / "conf")
        # spark-submit reads what must be known before the JVM starts from there, as on any installation.
        words = {**settings(self.given, folder), **scratch(folder, self.jars, self.master), **self.more}
        (folder / "conf/spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in words.items()))
        (folder / "conf/log4j2.properties").write_text(
            "rootLogger.level = warn\nrootLogger.appenderRef.file.ref = file\nappender.file.type = File\n"
            f"appender.file.name = file\nappender.file.fileName = {folder}/log\nappender.file.layout.type = PatternLayout\n"
            "appender.file.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n%ex\n")
        self.spark = SparkSession.builder.getOrCreate()
        return self

    def __exit__(self, *_):
        gateway = SparkContext._gateway
        self.spark.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)
        SparkContext._gateway = SparkContext._jvm = None

    def path(self, name):
        return f"s3a://{self.bucket}/{name}"

    def sql(self, text):
        return self.spark.sql(text)

    def row(self, text):
        """The only row of a query, as a tuple."""
        rows = self.sql(text).collect()
        assert len(rows) == 1, f"{text}: {len(rows)} rows"
        return tuple(rows[0])

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def pending(self, prefix):
        pages = self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Uploads", [])]

    def data_files(self, prefix):
        """What was written below `prefix`, after seeing that no job left anything else there."""
        keys = self.keys(prefix)
        left = [key for key in keys if "_temporary" in key or "__magic" in key] + self.pending(prefix)
        assert not left, f"left behind: {left[:5]}"
        return [key for key in keys if not key.endswith(("/", "_SUCCESS"))]

    def filesystem(self):
        jvm = self.spark._jvm
        root = jvm.java.net.URI(self.path(""))
        return jvm.org.apache.hadoop.fs.FileSystem.get(root, self.spark._jsc.hadoopConfiguration())

    def jvm_path(self, name):
        return self.spark._jvm.org.apache.hadoop.fs.Path(self.path(name))


def equal(seen, expected):
    assert seen == expected, f"{seen} instead of {expected}"
