#!/usr/bin/env python3
"""IAM as current boto3 uses it: users, groups, roles, keys and policies, and who may call what."""

import concurrent.futures
import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from boto3_world import ROOT, VENV, KelpProcess, Server, client_of
from botocore.exceptions import ClientError
from iam_world import IamCase, client, of_session, policy
from kelpdev.process import wait_for

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


class Identities(IamCase):
    """What is made, listed and deleted."""

    def test_a_user_with_all_that_it_has(self):
        name = self.name()
        user = self.iam.create_user(UserName=name, Path="/team/", Tags=[{"Key": "a", "Value": "b c+ü"}])["User"]
        self.assertEqual(user["Arn"], f"arn:aws:iam::{self.account}:user/team/{name}")
        self.iam.attach_user_policy(UserName=name, PolicyArn=ADMIN)
        self.iam.put_user_policy(UserName=name, PolicyName="in", PolicyDocument=policy("s3:*"))
        self.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=ADMIN)
        got = self.iam.get_user(UserName=name)["User"]
        self.assertEqual(got["UserId"], user["UserId"])
        self.assertEqual(got["Tags"], [{"Key": "a", "Value": "b c+ü"}])
        self.assertEqual(got["PermissionsBoundary"]["PermissionsBoundaryArn"], ADMIN)
        self.assertLess(abs(got["CreateDate"].timestamp() - time.time()), 60)
        attached = self.iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
        self.assertEqual(attached, [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMIN}])
        self.assertEqual(self.iam.list_user_policies(UserName=name)["PolicyNames"], ["in"])
        self.assertEqual(self.iam.get_user_policy(UserName=name, PolicyName="in")["PolicyDocument"],
                         json.loads(policy("s3:*")))
        with self.assertRaises(self.iam.exceptions.DeleteConflictException):
            self.iam.delete_user(UserName=name)
        self.iam.detach_user_policy(UserName=name, PolicyArn=ADMIN)
        self.iam.delete_user_policy(UserName=name, PolicyName="in")
        self.iam.delete_user(UserName=name)
        with self.assertRaises(self.iam.exceptions.NoSuchEntityException):
            self.iam.get_user(UserName=name)

    def test_errors_are_those_of_aws(self):
        name, _ = self.new_user()
        with self.assertRaises(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_user(UserName=name.upper())
        with self.assertRaises(self.iam.exceptions.MalformedPolicyDocumentException):
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument="{}")
        self.iam.create_access_key(UserName=name)
        with self.assertRaises(self.iam.exceptions.LimitExceededException) as caught:
            self.iam.create_access_key(UserName=name)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 409)
        self.assertIn("AccessKeysPerUser: 2", str(caught.exception))
        self.refused("InvalidAction", self.iam.list_virtual_mfa_devices)

    def test_managed_policies_and_groups(self):
        made = self.iam.create_policy(PolicyName=self.name("policy"), PolicyDocument=policy("s3:Get*"))["Policy"]
        arn = made["Arn"]
        group = self.name("group")
        self.iam.create_group(GroupName=group)
        self.iam.attach_group_policy(GroupName=group, PolicyArn=arn)
        name, _ = self.new_user()
        self.iam.add_user_to_group(GroupName=group, UserName=name)
        self.assertEqual([each["UserName"] for each in self.iam.get_group(GroupName=group)["Users"]], [name])
        self.assertEqual(self.iam.list_entities_for_policy(PolicyArn=arn)["PolicyGroups"][0]["GroupName"], group)
        version = self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:*"), SetAsDefault=True)
        self.assertEqual(version["PolicyVersion"]["VersionId"], "v2")
        got = self.iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
        self.assertEqual(got["Document"], json.loads(policy("s3:*")))
        versions = self.iam.list_policy_versions(PolicyArn=arn)["Versions"]
        self.assertEqual([each["IsDefaultVersion"] for each in versions], [True, False])
        self.assertEqual(self.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
        with self.assertRaises(self.iam.exceptions.DeleteConflictException):
            self.iam.delete_policy(PolicyArn=arn)

    def test_lists_come_in_pages(self):
        path = f"/{self.name('path')}/"
        names = [self.name() for _ in range(7)]
        for name in names:
            self.iam.create_user(UserName=name, Path=path)
        pages = self.iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 3})
        listed = [[user["UserName"] for user in page["Users"]] for page in pages]
        self.assertEqual([len(page) for page in listed], [3, 3, 1])
        self.assertEqual(sorted(sum(listed, [])), sorted(names))

    def test_all_of_an_account(self):
        name, _ = self.new_user(policy("s3:*"))
        details = []
        for page in self.iam.get_paginator("get_account_authorization_details").paginate():
            details += page["UserDetailList"]
        self.assertEqual([each["UserPolicyList"][0]["PolicyName"] for each in details if each["UserName"] == name], ["p0"])
        self.assertGreaterEqual(self.iam.get_account_summary()["SummaryMap"]["Users"], 1)

    def test_many_writers_lose_nothing(self):
        path = f"/{self.name('path')}/"
        names = [self.name() for _ in range(24)]

        def make(name):
            client("iam").create_user(UserName=name, Path=path)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(make, names))
        self.assertEqual(len(self.iam.list_users(PathPrefix=path)["Users"]), len(names))

    def test_accounts_do_not_see_each_other(self):
        name, _ = self.new_user()
        other = client("iam", ("second-account", "second-secret-key-0123456789"))
        self.refused("NoSuchEntity", other.get_user, UserName=name)
        other.create_user(UserName=name)
        other.delete_user(UserName=name)
        self.assertEqual(self.iam.get_user(UserName=name)["User"]["UserName"], name)


class Page(IamCase):
    """What docs/operations/identity.md tells an operator to type."""

    def test_its_first_commands_work(self):
        text = (ROOT / "docs/operations/identity.md").read_text()
        block = text[text.index("    export AWS_ENDPOINT_URL"):].split("\n\n")[0]
        commands = "\n".join(line.removeprefix("    ") for line in block.splitlines())
        commands = commands.replace("http://127.0.0.1:8333", Server.kelp.endpoint)
        access, secret = Server.kelp.keys
        environment = dict(os.environ, PATH=f"{VENV / 'bin'}:{os.environ['PATH']}", AWS_ACCESS_KEY_ID=access,
                           AWS_SECRET_ACCESS_KEY=secret, AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="")
        done = subprocess.run(["bash", "-e"], input=commands, env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"SecretAccessKey"', done.stdout)
        self.assertEqual(self.iam.list_user_policies(UserName="backup")["PolicyNames"], ["own-bucket"])


class Permissions(IamCase):
    """Who may call what, and what is taken away."""

    def test_a_user_may_what_policies_allow(self):
        name, keys = self.new_user()
        user = client("iam", keys)
        self.refused("AccessDenied", user.list_users)
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy("iam:List*"))
        user.list_users()
        self.refused("AccessDenied", user.create_user, UserName=self.name())
        self.iam.put_user_policy(UserName=name, PolicyName="q", PolicyDocument=policy("iam:ListUsers", effect="Deny"))
        self.refused("AccessDenied", user.list_users)
        self.assertEqual(client("sts", keys).get_caller_identity()["Arn"],
                         f"arn:aws:iam::{self.account}:user/{name}")

    def test_tags_of_buckets_decide_where_abac_is_enabled(self):
        """Two users, each let in where a bucket's tag names its project."""
        root = client("s3")
        bucket = self.name("tagged")
        root.create_bucket(Bucket=bucket)
        root.put_object(Bucket=bucket, Key="k", Body=b"x")
        users = {}
        for project in ("red", "blue"):
            where = {"StringEquals": {"aws:ResourceTag/project": project}}
            _, keys = self.new_user(policy(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], Condition=where))
            users[project] = client("s3", keys)

        def let_in():
            """The users that read, write and list; none does only some of it."""
            allowed = set()
            for project, user in users.items():
                done = []
                for call, more in ((user.get_object, {"Key": "k"}), (user.list_objects_v2, {}),
                                   (user.put_object, {"Key": project, "Body": b"y"})):
                    try:
                        call(Bucket=bucket, **more)
                        done.append(True)
                    except ClientError as error:
                        self.assertEqual(error.response["Error"]["Code"], "AccessDenied")
                        done.append(False)
                self.assertEqual(len(set(done)), 1, done)
                allowed |= {project} if done[0] else set()
            return allowed

        def tag(project):
            root.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "project", "Value": project}]})

        tag("red")
        self.assertEqual(let_in(), set(), "tags count for nothing yet")
        root.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
        self.assertEqual(let_in(), {"red"})
        tag("blue")
        self.assertEqual(let_in(), {"blue"})
        root.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": {
            "Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"}, "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"s3:BucketTag/project": "blue"}}}}))
        self.refused("AccessDenied", users["blue"].get_object, Bucket=bucket, Key="k")
        root.delete_bucket_policy(Bucket=bucket)
        root.delete_bucket_tagging(Bucket=bucket)
        self.assertEqual(let_in(), set())
        tag("red")
        root.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Disabled"})
        self.assertEqual(let_in(), set())

    def test_wrong_signatures_are_refused(self):
        name, keys = self.new_user(policy("iam:*"))
        self.refused("SignatureDoesNotMatch", client("iam", (keys[0], "x" * 40)).list_users)
        self.refused("InvalidClientTokenId", client("iam", ("AKIANOBODY", keys[1])).list_users)
        request = urllib.request.Request(Server.kelp.endpoint + "/", b"Action=ListUsers&Version=2010-05-08")
        with self.assertRaises(HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 403)
        self.assertIn(b"<Code>MissingAuthenticationToken</Code>", caught.exception.read())

    def test_the_body_is_part_of_the_signature(self):
        signed = {}

        def keep(request, **_):
            signed["request"] = request
        self.iam.meta.events.register("before-send.iam.ListUsers", keep)
        self.iam.list_users()
        prepared = signed["request"]
        body = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()
        changed = body.replace(b"ListUsers", b"ListRoles")
        self.assertNotEqual(body, changed)
        request = urllib.request.Request(prepared.url, changed, dict(prepared.headers))
        with self.assertRaises(HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertIn(b"<Code>SignatureDoesNotMatch</Code>", caught.exception.read())

    def test_a_key_that_is_deleted_or_inactive_is_nobodys(self):
        name, keys = self.new_user()
        sts = client("sts", keys)
        s3 = client_of(Server.kelp, keys)
        sts.get_caller_identity()
        self.refused("AccessDenied", s3.list_buckets)
        self.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
        self.refused("InvalidClientTokenId", sts.get_caller_identity)
        self.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Active")
        sts.get_caller_identity()
        self.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
        self.refused("InvalidClientTokenId", sts.get_caller_identity)
        self.refused("InvalidAccessKeyId", s3.list_buckets)

    def test_secrets_are_not_on_the_disk(self):
        _, keys = self.new_user()
        token = self.sts.get_session_token()["Credentials"]
        found = []
        for file in Server.kelp.folder.rglob("*"):
            if file.is_file() and file.name not in ("credentials",):
                data = file.read_bytes()
                found += [file for secret in (keys[1], token["SecretAccessKey"]) if secret.encode() in data]
        self.assertEqual(found, [])


class FileUsers(unittest.TestCase):
    """Users of a file in the form of s3.json, which changes while the server runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kelp-iam-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "s3.json"
        (self.folder / "kelp.toml").write_text(f'[s3]\nidentities_file = "{self.file}"\n')
        self.kelp = KelpProcess(self.folder / "server", "--config", str(self.folder / "kelp.toml"))

    def write(self, *actions, key="app-key"):
        users = [{"name": "app", "credentials": [{"accessKey": key, "secretKey": "app-secret"}], "actions": actions}]
        self.file.write_text(json.dumps({"identities": users}))

    def answer(self, key, call=None):
        try:
            (call or client("sts", (key, "app-secret"), kelp=self.kelp).get_caller_identity)()
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "ok"

    def test_the_file_is_read_again(self):
        self.write("Read", "List:photos")
        with self.kelp:
            who = client("sts", ("app-key", "app-secret"), kelp=self.kelp).get_caller_identity()
            self.assertTrue(who["Arn"].endswith(":user/app"), who)
            lists = client("iam", ("app-key", "app-secret"), kelp=self.kelp).list_users
            self.assertEqual(self.answer("app-key", lists), "AccessDenied")
            self.write("Admin")
            wait_for(lambda: self.answer("app-key", lists) == "ok", "the file's permission", 10)
            self.write("Admin", key="new-key")
            wait_for(lambda: self.answer("new-key") == "ok", "the file's new key", 10)
            self.assertEqual(self.answer("app-key"), "InvalidClientTokenId")
            self.write("Reed")
            wait_for(lambda: "identities_not_read" in self.kelp.log_tail(), "the log's word of the mistake", 10)
            self.assertEqual(self.answer("new-key"), "ok")

    def test_it_does_not_start_with_a_file_that_does_not_read(self):
        self.write("Reed")
        with self.assertRaises(RuntimeError) as caught:
            self.kelp.start()
        self.kelp.process.wait()
        self.assertIn("'app': the action 'Reed' is not known", str(caught.exception))


class Restart(IamCase):
    """What was acknowledged is there after a restart."""

    def test_users_keys_and_sessions_stay(self):
        name, keys = self.new_user(policy("iam:GetUser"))
        role = self.new_role({"AWS": self.account})
        credentials = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
        Server.kelp.kill()
        Server.kelp.start()
        self.assertEqual(client("iam", keys).get_user()["User"]["UserName"], name)
        of_session("sts", credentials).get_caller_identity()


setUpModule, tearDownModule = Server.start, Server.stop


if __name__ == "__main__":
    unittest.main()
