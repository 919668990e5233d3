#!/usr/bin/env python3
"""IAM and STS as current boto3 uses them: users, groups, roles, keys and policies, who may call what, and sessions."""

import base64
import concurrent.futures
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from boto3_world import ROOT, VENV, KelpProcess, Server, boto3, botocore, client_of
from botocore.exceptions import ClientError
from kelpdev.process import wait_for

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(action, resource="*", effect="Allow", **more):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]})


def trust(principal, action="sts:AssumeRole", **more):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, **more}]})


def client(service, keys=None, token=None, kelp=None):
    kelp = kelp or Server.kelp
    access, secret = keys or kelp.keys
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=kelp.endpoint, region_name="us-east-1", aws_access_key_id=access,
                        aws_secret_access_key=secret, aws_session_token=token, config=config)


def of_session(service, credentials):
    return client(service, (credentials["AccessKeyId"], credentials["SecretAccessKey"]), credentials["SessionToken"])


class IamCase(unittest.TestCase):
    """Each test has names of its own; what it makes may stay."""

    count = 0

    def setUp(self):
        self.iam = client("iam")
        self.sts = client("sts")
        self.account = self.sts.get_caller_identity()["Account"]

    def name(self, what="user"):
        IamCase.count += 1
        return f"{what}-{IamCase.count}"

    def new_user(self, *policies):
        """A user with inline policies; its name and its key pair."""
        name = self.name()
        self.iam.create_user(UserName=name)
        for number, text in enumerate(policies):
            self.iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=text)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return name, (key["AccessKeyId"], key["SecretAccessKey"])

    def new_role(self, principal, *policies, **more):
        name = self.name("role")
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal), **more)["Role"]
        for number, text in enumerate(policies):
            self.iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=text)
        return role

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        return caught.exception.response


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


class Sessions(IamCase):
    """Temporary keys."""

    def test_a_presigned_request_says_who_made_it(self):
        name, keys = self.new_user()
        url = client("sts", keys).generate_presigned_url("get_caller_identity", HttpMethod="GET")
        answer = urllib.request.urlopen(url).read().decode()
        self.assertIn(f"<Arn>arn:aws:iam::{self.account}:user/{name}</Arn>", answer)
        with self.assertRaises(HTTPError) as caught:
            urllib.request.urlopen(url.replace("GetCallerIdentity", "GetSessionToken"))
        self.assertEqual(caught.exception.code, 403)
        self.assertIn(b"SignatureDoesNotMatch", caught.exception.read())

    def test_a_role_is_taken(self):
        name, keys = self.new_user(policy("sts:AssumeRole"))
        role = self.new_role({"AWS": f"arn:aws:iam::{self.account}:root"}, policy("iam:ListUsers"), MaxSessionDuration=7200)
        sts = client("sts", keys)
        answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job")
        self.assertEqual(answer["AssumedRoleUser"]["AssumedRoleId"], role["RoleId"] + ":job")
        credentials = answer["Credentials"]
        self.assertAlmostEqual(credentials["Expiration"].timestamp(), time.time() + 3600, delta=60)
        who = of_session("sts", credentials).get_caller_identity()
        self.assertEqual(who["Arn"], f"arn:aws:sts::{self.account}:assumed-role/{role['RoleName']}/job")
        self.assertEqual(who["UserId"], role["RoleId"] + ":job")
        session = of_session("iam", credentials)
        session.list_users()
        self.refused("AccessDenied", session.list_roles)
        self.refused("ValidationError", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="job", DurationSeconds=7201)
        self.refused("AccessDenied", of_session("sts", credentials).get_session_token)

    def test_a_role_is_taken_by_whom_its_trust_names(self):
        _, keys = self.new_user(policy("sts:AssumeRole"))
        other, others = self.new_user(policy("s3:*"))
        nobody = self.new_role({"AWS": f"arn:aws:iam::{self.account}:user/{other}"})
        self.refused("AccessDenied", client("sts", keys).assume_role, RoleArn=nobody["Arn"], RoleSessionName="job")
        client("sts", others).assume_role(RoleArn=nobody["Arn"], RoleSessionName="job")
        missing = nobody["Arn"] + "-not"
        self.refused("AccessDenied", client("sts", keys).assume_role, RoleArn=missing, RoleSessionName="job")
        anybody = self.new_role({"AWS": self.account})
        self.refused("AccessDenied", client("sts", others).assume_role, RoleArn=anybody["Arn"], RoleSessionName="job")

    def test_an_external_id_may_be_required(self):
        _, keys = self.new_user(policy("sts:AssumeRole"))
        text = trust({"AWS": self.account}, Condition={"StringEquals": {"sts:ExternalId": "42"}})
        role = self.iam.create_role(RoleName=self.name("role"), AssumeRolePolicyDocument=text)["Role"]
        sts = client("sts", keys)
        self.refused("AccessDenied", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="job")
        self.refused("AccessDenied", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="job", ExternalId="43")
        sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job", ExternalId="42")

    def test_another_account_takes_a_role(self):
        second = ("second-account", "second-secret-key-0123456789")
        number = client("sts", second).get_caller_identity()["Account"]
        role = self.new_role({"AWS": f"arn:aws:iam::{number}:root"}, policy("iam:GetRole"))
        credentials = client("sts", second).assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
        session = of_session("iam", credentials)
        self.assertEqual(session.get_role(RoleName=role["RoleName"])["Role"]["Arn"], role["Arn"])
        self.refused("AccessDenied", self.sts.assume_role, RoleArn=role["Arn"], RoleSessionName="job")

    def test_a_session_policy_cuts_down(self):
        role = self.new_role({"AWS": self.account}, policy("iam:List*"))
        arns = [{"arn": self.iam.create_policy(PolicyName=self.name("policy"),
                                               PolicyDocument=policy("iam:ListRoles"))["Policy"]["Arn"]}]
        credentials = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job", PolicyArns=arns,
                                           Policy=policy(["iam:ListUsers", "iam:CreateUser"]))["Credentials"]
        session = of_session("iam", credentials)
        session.list_users()
        session.list_roles()
        self.refused("AccessDenied", session.list_groups)
        self.refused("AccessDenied", session.create_user, UserName=self.name())

    def test_a_session_ends_with_its_role(self):
        role = self.new_role({"AWS": self.account})
        credentials = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
        session = of_session("sts", credentials)
        session.get_caller_identity()
        self.iam.delete_role(RoleName=role["RoleName"])
        self.iam.create_role(RoleName=role["RoleName"], AssumeRolePolicyDocument=trust({"AWS": self.account}))
        self.refused("InvalidClientTokenId", session.get_caller_identity)

    def test_a_session_ends_with_its_users_key(self):
        name, keys = self.new_user(policy("iam:ListUsers"), policy("sts:GetFederationToken"))
        sessions = [client("sts", keys).get_session_token(DurationSeconds=900)["Credentials"],
                    client("sts", keys).get_federation_token(Name="guest", Policy=policy("iam:*"))["Credentials"]]
        for credentials in sessions:
            of_session("iam", credentials).list_users()
            self.refused("AccessDenied", of_session("iam", credentials).list_roles)
        self.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
        for credentials in sessions:
            self.refused("InvalidClientTokenId", of_session("iam", credentials).list_users)

    def test_s3_takes_a_session_with_its_token_only(self):
        credentials = self.sts.get_session_token()["Credentials"]
        keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"])
        s3 = of_session("s3", credentials)
        bucket = self.name("bucket")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"body")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        self.assertEqual(urllib.request.urlopen(url).read(), b"body")
        self.refused("InvalidAccessKeyId", client("s3", keys).list_buckets)
        other = self.sts.get_session_token()["Credentials"]["SessionToken"]
        self.refused("InvalidToken", client("s3", keys, other).list_buckets)
        self.refused("InvalidToken", client("s3", keys, credentials["SessionToken"][:-8] + "AAAAAAA=").list_buckets)
        self.refused("InvalidToken", client("s3", None, credentials["SessionToken"]).list_buckets)


class Objects(IamCase):
    """What users, roles and sessions may do with buckets and objects."""

    def setUp(self):
        super().setUp()
        self.root = client("s3")
        self.bucket = self.name("bucket")
        self.root.create_bucket(Bucket=self.bucket)
        self.root.put_object(Bucket=self.bucket, Key="open/k", Body=b"body", Tagging="team=red")
        self.root.put_object(Bucket=self.bucket, Key="shut/k", Body=b"secret")

    def arn(self, key=""):
        return f"arn:aws:s3:::{self.bucket}{key}"

    def test_a_users_policies_decide(self):
        name, keys = self.new_user(policy("s3:ListBucket", self.arn(), Condition={"StringLike": {"s3:prefix": "open/*"}}),
                                   policy(["s3:GetObject", "s3:PutObject"], self.arn("/open/*")),
                                   policy("s3:GetObject", self.arn("/open/not"), "Deny"))
        s3 = client("s3", keys)
        self.assertEqual(s3.get_object(Bucket=self.bucket, Key="open/k")["Body"].read(), b"body")
        s3.put_object(Bucket=self.bucket, Key="open/not", Body=b"x")
        self.refused("AccessDenied", s3.get_object, Bucket=self.bucket, Key="open/not")
        self.refused("AccessDenied", s3.get_object, Bucket=self.bucket, Key="shut/k")
        self.refused("AccessDenied", s3.delete_object, Bucket=self.bucket, Key="open/k")
        self.assertEqual(s3.list_objects_v2(Bucket=self.bucket, Prefix="open/")["KeyCount"], 2)
        self.refused("AccessDenied", s3.list_objects_v2, Bucket=self.bucket)
        self.refused("AccessDenied", s3.list_buckets)
        url = s3.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "shut/k"})
        with self.assertRaises(HTTPError) as caught:
            urllib.request.urlopen(url)
        self.assertEqual(caught.exception.code, 403)
        self.iam.delete_user_policy(UserName=name, PolicyName="p1")
        self.refused("AccessDenied", s3.get_object, Bucket=self.bucket, Key="open/k")

    def test_a_bucket_policy_may_name_a_user(self):
        name, keys = self.new_user()
        s3 = client("s3", keys)
        self.refused("AccessDenied", s3.get_object, Bucket=self.bucket, Key="shut/k")
        user = f"arn:aws:iam::{self.account}:user/{name}"
        statement = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "s3:GetObject", "Resource": self.arn("/*")}
        self.root.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Statement": [statement]}))
        self.assertEqual(s3.get_object(Bucket=self.bucket, Key="shut/k")["Body"].read(), b"secret")
        self.refused("AccessDenied", s3.put_object, Bucket=self.bucket, Key="shut/k", Body=b"x")

    def test_a_boundary_and_a_session_cut_down(self):
        boundary = self.iam.create_policy(PolicyName=self.name("policy"), PolicyDocument=policy("s3:Get*"))["Policy"]["Arn"]
        name, keys = self.new_user(policy("s3:*"))
        self.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
        s3 = client("s3", keys)
        s3.get_object(Bucket=self.bucket, Key="open/k")
        self.refused("AccessDenied", s3.put_object, Bucket=self.bucket, Key="open/k", Body=b"x")
        role = self.new_role({"AWS": self.account}, policy("s3:*"))
        credentials = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job",
                                           Policy=policy("s3:GetObject", self.arn("/open/*")))["Credentials"]
        session = of_session("s3", credentials)
        session.get_object(Bucket=self.bucket, Key="open/k")
        self.refused("AccessDenied", session.get_object, Bucket=self.bucket, Key="shut/k")
        self.refused("AccessDenied", session.put_object, Bucket=self.bucket, Key="open/k", Body=b"x")
        root = of_session("s3", self.sts.get_federation_token(Name="guest", Policy=policy("s3:GetObject"))["Credentials"])
        root.get_object(Bucket=self.bucket, Key="shut/k")
        self.refused("AccessDenied", root.delete_object, Bucket=self.bucket, Key="shut/k")

    def test_variables_and_tags(self):
        name, keys = self.new_user(policy("s3:*", self.arn("/home/${aws:username}/*")),
                                   policy("s3:GetObject", self.arn("/open/*"),
                                          Condition={"StringEquals": {"s3:ExistingObjectTag/team": "${aws:PrincipalTag/team}"}}))
        s3 = client("s3", keys)
        s3.put_object(Bucket=self.bucket, Key=f"home/{name}/k", Body=b"x")
        self.refused("AccessDenied", s3.put_object, Bucket=self.bucket, Key="home/other/k", Body=b"x")
        self.refused("AccessDenied", s3.get_object, Bucket=self.bucket, Key="open/k")
        self.iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "red"}])
        s3.get_object(Bucket=self.bucket, Key="open/k")


class IdentityProvider:
    """An OpenID Connect provider on this machine, and the tokens that it signs (RS256)."""

    def __init__(self, folder):
        self.key = folder / "provider.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        said = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True)
        modulus = bytes.fromhex(said.stdout.decode().strip().removeprefix("Modulus="))
        keys = {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": self.encode(modulus), "e": "AQAB"}]}
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                about = {"issuer": provider.issuer, "jwks_uri": provider.issuer + "/keys"}
                answer = {"/realm/.well-known/openid-configuration": about, "/realm/keys": keys}.get(self.path)
                self.send_response(200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer or {}).encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}/realm"
        self.issuer = "http://" + self.name
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @staticmethod
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def token(self, **claims):
        claims = {"iss": self.issuer, "sub": "ann", "aud": "app", "exp": int(time.time()) + 600, **claims}
        parts = ({"alg": "RS256", "kid": "one", "typ": "JWT"}, claims)
        text = ".".join(self.encode(json.dumps(part).encode()) for part in parts)
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True,
                                   capture_output=True).stdout
        return f"{text}.{self.encode(signature)}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class WebIdentities(IamCase):
    """Sessions by the word of an identity provider."""

    def test_a_token_takes_a_role(self):
        folder = tempfile.TemporaryDirectory(prefix="kelp-iam-")
        self.addCleanup(folder.cleanup)
        provider = IdentityProvider(Path(folder.name))
        self.addCleanup(provider.close)
        arn = self.iam.create_open_id_connect_provider(Url=provider.issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
        self.assertEqual(arn, f"arn:aws:iam::{self.account}:oidc-provider/{provider.name}")
        name = self.name("role")
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
            {"Federated": arn}, "sts:AssumeRoleWithWebIdentity",
            Condition={"StringEquals": {f"{provider.name}:sub": "ann"}}))["Role"]
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy("iam:ListUsers"))
        unsigned = botocore.config.Config(retries={"total_max_attempts": 1}, signature_version=botocore.UNSIGNED)
        sts = boto3.client("sts", endpoint_url=Server.kelp.endpoint, region_name="us-east-1", config=unsigned)

        def take(**claims):
            return sts.assume_role_with_web_identity(RoleArn=role["Arn"], RoleSessionName="job",
                                                     WebIdentityToken=provider.token(**claims))
        answer = take()
        self.assertEqual(answer["SubjectFromWebIdentityToken"], "ann")
        self.assertEqual(answer["Audience"], "app")
        session = of_session("iam", answer["Credentials"])
        session.list_users()
        self.refused("AccessDenied", session.list_roles)
        self.assertEqual(of_session("sts", answer["Credentials"]).get_caller_identity()["Arn"],
                         f"arn:aws:sts::{self.account}:assumed-role/{name}/job")
        self.refused("AccessDenied", take, sub="bob")
        self.refused("InvalidIdentityToken", take, aud="another")
        self.refused("InvalidIdentityToken", take, iss="http://127.0.0.1:1/realm")
        self.refused("ExpiredTokenException", take, exp=int(time.time()) - 100)
        forged = provider.token()[:-8] + "AAAAAAAA"
        self.refused("InvalidIdentityToken", sts.assume_role_with_web_identity, RoleArn=role["Arn"],
                     RoleSessionName="job", WebIdentityToken=forged)
        self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.refused("InvalidIdentityToken", take)


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


def setUpModule():
    # The tests' identity provider is on this machine.
    Server.start(settings='[s3]\noutgoing_allow = ["127.0.0.1"]\n')


def tearDownModule():
    Server.stop()


if __name__ == "__main__":
    unittest.main()
