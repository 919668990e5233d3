"""Users whose policies let them do less, as Spark tells them; the policies are those of docs/operations/iceberg.md."""

import argparse
import json

import boto3
from client import snippet
from life import refused
from look import equal


def statement(lake, effect, actions, *places):
    """Of a policy; `places` are paths in the bucket, "" the bucket itself."""
    arn = f"arn:aws:s3:::{lake.bucket}"
    return {"Effect": effect, "Action": [f"s3:{action}" for action in actions.split()],
            "Resource": [f"{arn}/{place}" if place else arn for place in places]}


def catalog_of(lake, name, *statements):
    """Makes a user, and the catalog `name` of this session that works with the user's key."""
    given = lake.given
    iam = boto3.client("iam", endpoint_url=given.endpoint, region_name="us-east-1", aws_access_key_id=given.access_key,
                       aws_secret_access_key=given.secret_key, verify=str(given.ca) if given.ca else None)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    users = {**vars(given), "access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    for line in snippet("spark.md", "kelp-catalog", argparse.Namespace(**users)).splitlines():
        word, value = line.split(None, 1)
        lake.spark.conf.set(word.replace("spark.sql.catalog.kelp", f"spark.sql.catalog.{name}"), value)


def shop(check):
    """The check, with a namespace and a table of ten rows, which it must leave as they are."""

    def run(lake):
        lake.sql("CREATE NAMESPACE kelp.shop")
        lake.sql("CREATE TABLE kelp.shop.sales USING iceberg AS SELECT id FROM range(10)")
        before = lake.keys("lake/")
        check(lake)
        equal(lake.keys("lake/"), before)
        lake.sql("REFRESH TABLE kelp.shop.sales")
        equal(lake.row("SELECT count(*) FROM kelp.shop.sales"), (10,))
        lake.sql("DROP TABLE kelp.shop.sales PURGE")
        lake.sql("DROP NAMESPACE kelp.shop")

    return f"rights.{check.__name__}", run


def denied_warehouse(lake):
    """Everything is allowed but the warehouse."""
    catalog_of(lake, "outsider", statement(lake, "Allow", "*", "", "*"), statement(lake, "Deny", "*", "lake/*"))
    for text in ("SELECT * FROM outsider.shop.sales", "CREATE NAMESPACE outsider.more",
                 "CREATE TABLE outsider.shop.more (id bigint) USING iceberg", "INSERT INTO outsider.shop.sales VALUES (1)",
                 "DROP TABLE outsider.shop.sales"):
        refused(lake, text, "ForbiddenException", "AccessDenied")


def denied_bucket(lake):
    """Not even the catalog's configuration is told."""
    catalog_of(lake, "stranger", statement(lake, "Deny", "*", "", "*"))
    refused(lake, "SHOW NAMESPACES IN stranger", "ForbiddenException", "AccessDenied")


def reader(lake):
    catalog_of(lake, "reader", statement(lake, "Allow", "ListBucket", ""),
               statement(lake, "Allow", "GetObject", "lake/.iceberg/*", "lake/shop/*"))
    equal(lake.row("SELECT count(*), sum(id) FROM reader.shop.sales"), (10, 45))
    for text in ("INSERT INTO reader.shop.sales VALUES (1)", "DELETE FROM reader.shop.sales WHERE id < 3"):
        refused(lake, text, "Status Code: 403")
    for text in ("ALTER TABLE reader.shop.sales SET TBLPROPERTIES ('a' = 'b')", "DROP TABLE reader.shop.sales",
                 "ALTER TABLE reader.shop.sales RENAME TO shop.mine", "CREATE NAMESPACE reader.mine"):
        refused(lake, text, "ForbiddenException", "AccessDenied")


def writer_of_one_namespace(lake):
    """Has what the page says that commits need, in one namespace; others' is not touched."""
    lake.sql("CREATE NAMESPACE kelp.own")
    catalog_of(lake, "clerk", statement(lake, "Allow", "ListBucket", ""), statement(lake, "Allow", "GetObject", "lake/*"),
               statement(lake, "Allow", "PutObject", "lake/.iceberg/tables/own/*", "lake/own/*"),
               statement(lake, "Allow", "DeleteObject", "lake/own/*"))
    lake.sql("CREATE TABLE clerk.own.t (id bigint, text string) USING iceberg")
    lake.sql("INSERT INTO clerk.own.t SELECT id, 'own' FROM clerk.shop.sales")
    lake.sql("UPDATE clerk.own.t SET text = 'changed' WHERE id < 4")
    equal(lake.row("SELECT count(*), count_if(text = 'changed') FROM kelp.own.t"), (10, 4))
    refused(lake, "INSERT INTO clerk.shop.sales VALUES (1)", "Status Code: 403")
    refused(lake, "DROP TABLE clerk.own.t", "ForbiddenException", "AccessDenied")
    lake.sql("DROP TABLE kelp.own.t PURGE")
    lake.sql("DROP NAMESPACE kelp.own")


CHECKS = [shop(check) for check in (denied_warehouse, denied_bucket, reader, writer_of_one_namespace)]
