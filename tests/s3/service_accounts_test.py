#!/usr/bin/env python3
"""Service accounts against the real binary: made with the command of the documentation, used by boto3, ended in every way there is."""

import json
import tempfile
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

from boto3_world import ROOT, Server
from botocore.exceptions import ClientError
from iam_world import IamCase, ask, client, inside, of_session, policy, trust
from kelpdev.process import wait_for


class ServiceAccounts(IamCase):
    def setUp(self):
        super().setUp()
        self.root = client("s3")
        self.bucket = self.name("service-bucket")
        self.root.create_bucket(Bucket=self.bucket)
        self.root.put_object(Bucket=self.bucket, Key="k", Body=b"body")
        self.parent, self.keys = self.new_user(policy("s3:*"), policy("s3:DeleteObject", effect="Deny"))

    def made(self, by=None, **form):
        status, text = ask(by or self.keys, "CreateServiceAccount", **form)
        self.assertEqual(status, 200, text)
        return inside(text, "AccessKeyId"), inside(text, "SecretAccessKey")

    def read(self, keys):
        return client("s3", keys).get_object(Bucket=self.bucket, Key="k")["Body"].read()

    def test_the_page_says_this_command(self):
        page = (ROOT / "docs/operations/identity.md").read_text()
        self.assertIn("curl --aws-sigv4 aws:amz:us-east-1:iam --user", page)
        self.assertIn("--data-urlencode Action=CreateServiceAccount", page)

    def test_it_may_what_its_parent_and_its_policy_allow(self):
        whole, narrow = self.made(Name="whole"), self.made(PolicyDocument=policy(["s3:GetObject", "s3:DeleteObject"]))
        for keys in (whole, narrow):
            self.assertEqual(self.read(keys), b"body")
            self.refused("AccessDenied", client("s3", keys).delete_object, Bucket=self.bucket, Key="k")
            self.assertTrue(client("sts", keys).get_caller_identity()["Arn"].endswith(f"user/{self.parent}"))
            self.refused("AccessDenied", client("sts", keys).get_session_token)
            self.assertEqual(ask(keys, "CreateServiceAccount")[0], 403)
        client("s3", whole).put_object(Bucket=self.bucket, Key="k", Body=b"body")
        self.refused("AccessDenied", client("s3", narrow).put_object, Bucket=self.bucket, Key="k", Body=b"x")
        self.iam.delete_user_policy(UserName=self.parent, PolicyName="p0")
        self.refused("AccessDenied", client("s3", whole).get_object, Bucket=self.bucket, Key="k")

    def test_it_is_its_parents_and_an_administrators(self):
        key = self.made()
        other = self.new_user(policy("s3:*"))[1]
        named = {"UserName": self.parent, "AccessKeyId": key[0]}
        self.assertEqual(ask(other, "DeleteServiceAccount", **named)[0], 403)
        self.assertEqual(ask(other, "DeleteServiceAccount", AccessKeyId=key[0])[0], 404)
        self.assertEqual(self.read(key), b"body")
        self.assertIn(key[0], ask(self.keys, "ListServiceAccounts")[1])
        self.assertEqual(ask(Server.kelp.keys, "UpdateServiceAccount", Status="Inactive", **named)[0], 200)
        self.refused("InvalidAccessKeyId", client("s3", key).list_buckets)
        self.assertEqual(ask(self.keys, "UpdateServiceAccount", Status="Active", AccessKeyId=key[0])[0], 200)
        self.assertEqual(self.read(key), b"body")
        self.assertEqual(ask(self.keys, "DeleteServiceAccount", AccessKeyId=key[0])[0], 200)
        self.refused("InvalidAccessKeyId", client("s3", key).list_buckets)

    def test_it_expires(self):
        end = datetime.now(timezone.utc) + timedelta(seconds=4)
        key = self.made(Expiration=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.assertEqual(self.read(key), b"body")

        def over():
            try:
                self.read(key)
            except client("s3").exceptions.ClientError as error:
                return error.response["Error"]["Code"]
            return None

        wait_for(over, "its end", 15)
        self.assertEqual(over(), "ExpiredToken")
        self.assertGreaterEqual(time.time(), int(end.timestamp()))

    def test_it_ends_with_its_parent(self):
        key = self.made(by=Server.kelp.keys, UserName=self.parent)
        self.assertEqual(self.read(key), b"body")
        self.iam.delete_access_key(UserName=self.parent, AccessKeyId=self.keys[0])
        self.assertEqual(self.read(key), b"body", "it does not need the parent's keys")
        for name in ("p0", "p1"):
            self.iam.delete_user_policy(UserName=self.parent, PolicyName=name)
        self.iam.delete_user(UserName=self.parent)
        self.refused("InvalidAccessKeyId", client("s3", key).list_buckets)
        self.iam.create_user(UserName=self.parent)
        self.refused("InvalidAccessKeyId", client("s3", key).list_buckets)

    def test_the_audit_log_names_both(self):
        key = self.made()
        self.read(key)

        def lines():
            return [line for line in map(json.loads, Server.audit.read_text().splitlines())
                    if line.get("access_key") == key[0] and line["operation"] == "GetObject"]

        wait_for(lines, "the line", 15)
        self.assertEqual(lines()[0]["caller"], f"arn:aws:iam::{self.account}:user/{self.parent}")
        self.assertNotIn("source_identity", lines()[0])

    def test_the_audit_log_names_who_is_behind_a_role(self):
        root = client("iam")
        role = root.create_role(RoleName=self.parent, AssumeRolePolicyDocument=trust(
            {"AWS": self.account}, ["sts:AssumeRole", "sts:SetSourceIdentity"]))["Role"]
        session = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="one", SourceIdentity="ann")["Credentials"]
        of_session("sts", session).get_caller_identity()
        with self.assertRaises(ClientError):
            of_session("s3", session).list_buckets()

        def lines():
            return {line["service"]: line for line in map(json.loads, Server.audit.read_text().splitlines())
                    if line.get("access_key") == session["AccessKeyId"]}

        wait_for(lambda: lines().keys() == {"s3", "sts"}, "the lines", 15)
        self.assertEqual([line["source_identity"] for line in lines().values()], ["ann", "ann"])


def setUpModule():
    Server.audit_folder = tempfile.TemporaryDirectory(prefix="kelp-audit-")
    Server.audit = Path(Server.audit_folder.name) / "audit"
    Server.start(settings=f'[s3]\naudit_log = "{Server.audit}"\n')


def tearDownModule():
    Server.stop()
    Server.audit_folder.cleanup()


if __name__ == "__main__":
    unittest.main(verbosity=2)
