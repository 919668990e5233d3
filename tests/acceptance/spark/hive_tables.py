"""Tables of a Hive metastore whose warehouse lies on s3a://."""

from acceptance_session import equal


def warehouse(lake):
    assert ("default",) in [tuple(row) for row in lake.sql("SHOW DATABASES").collect()]
    lake.sql("CREATE DATABASE shop")
    described = {row[0]: row[1] for row in lake.sql("DESCRIBE DATABASE shop").collect()}
    equal(described["Location"], lake.path("warehouse/shop.db"))
    lake.sql("CREATE TABLE shop.sales (id bigint, text string) PARTITIONED BY (p int) STORED AS PARQUET")
    lake.sql("SET hive.exec.dynamic.partition.mode=nonstrict")
    lake.sql("INSERT INTO shop.sales SELECT id, cast(id AS string), cast(id % 3 AS int) FROM range(3000)")
    equal(lake.row("SELECT count(*), sum(id) FROM shop.sales"), (3000, sum(range(3000))))
    lake.sql("INSERT OVERWRITE TABLE shop.sales PARTITION (p = 1) SELECT id, 'new' FROM range(10)")
    equal(lake.row("SELECT count(*), count_if(text = 'new') FROM shop.sales"), (2010, 10))
    # A partition that came by other ways is found, one that went is dropped with its files.
    for key in lake.keys("warehouse/shop.db/sales/p=2/"):
        lake.s3.copy({"Bucket": lake.bucket, "Key": key}, lake.bucket, key.replace("/p=2/", "/p=7/"))
    lake.sql("MSCK REPAIR TABLE shop.sales")
    equal(lake.row("SELECT count(*) FROM shop.sales WHERE p = 7"), (1000,))
    lake.sql("ALTER TABLE shop.sales DROP PARTITION (p = 2)")
    equal(lake.keys("warehouse/shop.db/sales/p=2/"), [])
    lake.sql("CREATE TABLE shop.copies USING parquet AS SELECT * FROM shop.sales")
    lake.sql("INSERT OVERWRITE TABLE shop.copies SELECT id + 1, text, p FROM shop.sales WHERE p = 0")
    equal(lake.row("SELECT count(*), sum(id) FROM shop.copies"), (1000, sum(range(1, 3000, 3))))
    lake.data_files("warehouse/shop.db/")
    lake.sql("DROP DATABASE shop CASCADE")
    equal(lake.keys("warehouse/shop.db/"), [])
    equal([tuple(row) for row in lake.sql("SHOW DATABASES").collect()], [("default",)])


CHECKS = [("hive.warehouse", warehouse)]
