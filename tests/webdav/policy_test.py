#!/usr/bin/env python3
"""Who may do what over files: the same table of policies, callers and actions is run over S3 and over files, and the answers agree."""

import json
import re
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from files_world import SECOND, FilesWorld, basic  # first: it puts the others within reach
from boto3_world import ClientError, boto3, botocore, client_of
from kelpdev.process import KelpProcess, wait_for

ask = FilesWorld.ask
LOCK = (b"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>")
PATCH = b"<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><p xmlns='u:'>1</p></D:prop></D:set></D:propertyupdate>"
ADMIN = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
CALLERS = ("root", "admin", "reader", "second", "nobody")


def setUpModule():
    FilesWorld.folder = tempfile.TemporaryDirectory(prefix="kelp-files-audit-")
    FilesWorld.audit = Path(FilesWorld.folder.name) / "audit.jsonl"
    FilesWorld.start("--set", f"s3.audit_log={FilesWorld.audit}")
    FilesWorld.iam = boto3.client("iam", endpoint_url=FilesWorld.kelp.endpoint, region_name="us-east-1",
                                  aws_access_key_id=FilesWorld.kelp.keys[0], aws_secret_access_key=FilesWorld.kelp.keys[1])
    reader = {"Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/open/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": {"StringLike": {"s3:prefix": "open/*"}}}]}
    FilesWorld.keys = {"root": FilesWorld.kelp.keys, "admin": new_user("admin", ADMIN), "reader": new_user("reader", reader),
                       "second": SECOND, "nobody": ()}
    FilesWorld.clients = {who: client_of(FilesWorld.kelp, keys or ("x", "y"), **({} if keys else {"signature_version": botocore.UNSIGNED}))
                          for who, keys in FilesWorld.keys.items()}
    FilesWorld.second_id = FilesWorld.clients["second"].list_buckets()["Owner"]["ID"]


def tearDownModule():
    FilesWorld.stop()
    FilesWorld.folder.cleanup()


def new_user(name, policy):
    FilesWorld.iam.create_user(UserName=name)
    FilesWorld.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = FilesWorld.iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def statement(effect, actions, resources, principal="*", **more):
    return {"Effect": effect, "Principal": principal, "Action": actions, "Resource": resources, **more}


# What stands in the bucket's policy: functions of its ARN.
POLICIES = {
    "none": lambda arn: [],
    "nobody reads": lambda arn: [statement("Deny", "s3:GetObject", f"{arn}/*")],
    "nobody lists": lambda arn: [statement("Deny", "s3:ListBucket", arn)],
    "open to read": lambda arn: [statement("Allow", "s3:GetObject", f"{arn}/open/*")],
    "open to list": lambda arn: [statement("Allow", "s3:ListBucket", arn, Condition={"StringEquals": {"s3:prefix": "open/"}})],
    "short pages": lambda arn: [statement("Deny", "s3:ListBucket", arn, Condition={"NumericGreaterThan": {"s3:max-keys": "10"}})],
    "write only": lambda arn: [statement("Allow", "s3:PutObject", f"{arn}/open/*")],
    "second may all but what is shut": lambda arn: [
        statement("Allow", "s3:*", [arn, f"{arn}/*"], {"CanonicalUser": FilesWorld.second_id}),
        statement("Deny", ["s3:DeleteObject", "s3:PutObject"], f"{arn}/shut/*")],
    "without tags": lambda arn: [statement("Allow", "s3:*", [arn, f"{arn}/*"]),
                                 statement("Deny", "s3:PutObjectTagging", f"{arn}/*")],
    "by tag": lambda arn: [statement("Allow", "s3:GetObject", f"{arn}/*",
                                     Condition={"StringEquals": {"s3:ExistingObjectTag/zone": "open"}})],
    "by address": lambda arn: [statement("Deny", "s3:*", f"{arn}/*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})],
    "TLS only": lambda arn: [statement("Allow", "s3:*", [arn, f"{arn}/*"]),
                             statement("Deny", "s3:*", f"{arn}/*", Condition={"Bool": {"aws:SecureTransport": "false"}})],
}

# An action: what it is over S3 - a function of client, bucket, folder and a key made for it alone - and its request over files, as
# method, path, body and headers.
ACTIONS = {
    "read": (lambda s3, b, f, k: s3.get_object(Bucket=b, Key=k), lambda b, f, k: ("GET", k)),
    "head": (lambda s3, b, f, k: s3.head_object(Bucket=b, Key=k), lambda b, f, k: ("HEAD", k)),
    "properties": (lambda s3, b, f, k: s3.head_object(Bucket=b, Key=k), lambda b, f, k: ("PROPFIND", k, None, {"Depth": "0"})),
    "list": (lambda s3, b, f, k: s3.list_objects_v2(Bucket=b, Prefix=f"{f}/", Delimiter="/", MaxKeys=100), lambda b, f, k: ("GET", f"{f}/")),
    "list few": (lambda s3, b, f, k: s3.list_objects_v2(Bucket=b, Prefix=f"{f}/", Delimiter="/", MaxKeys=5),
                 lambda b, f, k: ("GET", f"{f}/?limit=5")),
    "list all": (lambda s3, b, f, k: s3.list_objects_v2(Bucket=b, Delimiter="/", MaxKeys=100), lambda b, f, k: ("GET", "")),
    "list others": (lambda s3, b, f, k: s3.list_objects_v2(Bucket=b, Prefix="shut/", Delimiter="/", MaxKeys=100),
                    lambda b, f, k: ("GET", "shut/?prefix=open/")),
    "children": (lambda s3, b, f, k: s3.list_objects_v2(Bucket=b, Prefix=f"{f}/", Delimiter="/", MaxKeys=1000),
                 lambda b, f, k: ("PROPFIND", f"{f}/", None, {"Depth": "1"})),
    "put": (lambda s3, b, f, k: s3.put_object(Bucket=b, Key=f"{k}-new", Body=b"1"), lambda b, f, k: ("PUT", f"{k}-new", b"1")),
    "put with tags": (lambda s3, b, f, k: s3.put_object(Bucket=b, Key=k, Body=b"1", Tagging="a=b"),
                      lambda b, f, k: ("PUT", k, b"1", {"x-amz-tagging": "a=b"})),
    "append": (lambda s3, b, f, k: s3.put_object(Bucket=b, Key=k, Body=b"1"), lambda b, f, k: ("POST", f"{k}?op=append", b"1")),
    "make a folder": (lambda s3, b, f, k: s3.put_object(Bucket=b, Key=f"{k}.d/"), lambda b, f, k: ("MKCOL", f"{k}.d/")),
    "lock": (lambda s3, b, f, k: s3.put_object(Bucket=b, Key=f"{k}-locked"), lambda b, f, k: ("LOCK", f"{k}-locked", LOCK, {"Depth": "0"})),
    "delete": (lambda s3, b, f, k: s3.delete_object(Bucket=b, Key=k), lambda b, f, k: ("DELETE", k)),
    "copy": (lambda s3, b, f, k: s3.copy_object(Bucket=b, Key=f"{k}-2", CopySource=f"{b}/{k}"),
             lambda b, f, k: ("COPY", k, None, {"Destination": f"/buckets/{b}/{k}-2"})),
    "copy by query": (lambda s3, b, f, k: s3.copy_object(Bucket=b, Key=f"{k}-2", CopySource=f"{b}/{k}"),
                      lambda b, f, k: ("POST", f"{k}-2?cp.from=/buckets/{b}/{k}")),
    "take out": (lambda s3, b, f, k: s3.copy_object(Bucket=b, Key=f"open/{k[5:]}-2", CopySource=f"{b}/{k}"),
                 lambda b, f, k: ("COPY", k, None, {"Destination": f"/buckets/{b}/open/{k[5:]}-2"})),
    "move": (lambda s3, b, f, k: (s3.copy_object(Bucket=b, Key=f"{k}-2", CopySource=f"{b}/{k}"), s3.delete_object(Bucket=b, Key=k)),
             lambda b, f, k: ("MOVE", k, None, {"Destination": f"/buckets/{b}/{k}-2"})),
    "patch": (lambda s3, b, f, k: s3.copy_object(Bucket=b, Key=k, CopySource=f"{b}/{k}", MetadataDirective="REPLACE", Metadata={"p": "1"}),
              lambda b, f, k: ("PROPPATCH", k, PATCH)),
}


def is_allowed_by_s3(call, *what):
    try:
        call(*what)
        return True
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False


class Case(unittest.TestCase):
    count = 0

    def setUp(self):
        self.bucket = self.new_bucket()
        self.arn = f"arn:aws:s3:::{self.bucket}"
        self.root = f"/buckets/{self.bucket}"

    def new_bucket(self):
        Case.count += 1
        name = f"policy-{Case.count}"
        FilesWorld.s3.create_bucket(Bucket=name)
        FilesWorld.s3.delete_public_access_block(Bucket=name)
        return name

    def put(self, key, body=b"x", **more):
        FilesWorld.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def set_policy(self, *statements):
        FilesWorld.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Statement": statements}))

    def must(self, status, who, method, path, body=None, headers=()):
        answer = ask(method, f"{self.root}/{path}", body, headers, FilesWorld.keys[who])
        self.assertEqual(answer.status, status, f"{who}: {method} {path}: {answer.body[:500]}")
        return answer


class Parity(Case):
    """One test a policy, made below."""

    def is_allowed_by_files(self, who, method, path, body=None, headers=()):
        answer = ask(method, f"{self.root}/{path}", body, headers, FilesWorld.keys[who])
        if answer.status >= 300:
            self.assertEqual(answer.status, 401 if who == "nobody" else 403, (who, method, path, answer.body))
        return answer.status < 300

    def try_both(self, row):
        """Whether S3 allows it, and whether files do."""
        number, (who, folder, action) = row
        over_s3, over_files = ACTIONS[action]
        return (is_allowed_by_s3(over_s3, FilesWorld.clients[who], self.bucket, folder, f"{folder}/{number:03}-s3"),
                self.is_allowed_by_files(who, *over_files(self.bucket, folder, f"{folder}/{number:03}-files")))

    def compare(self, name):
        rows = list(enumerate((who, folder, action) for who in CALLERS for folder in ("open", "shut") for action in ACTIONS))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.put(key, Tagging=f"zone={key[:4]}"),
                          [f"{folder}/{number:03}-{side}" for number, (_, folder, _) in rows for side in ("s3", "files")]))
            statements = POLICIES[name](self.arn)
            if statements:
                self.set_policy(*statements)
            outcomes = list(pool.map(self.try_both, rows))
        for (_, row), (over_s3, over_files) in zip(rows, outcomes):
            with self.subTest(policy=name, row=row):
                self.assertEqual(over_files, over_s3)
        self.assertEqual({over_s3 for over_s3, _ in outcomes}, {False, True}, "the table proves nothing")


for number, name in enumerate(POLICIES):
    setattr(Parity, f"test_{number:02}_{name.replace(' ', '_')}", lambda self, name=name: self.compare(name))


class Buckets(Case):
    def test_buckets_are_listed_made_and_removed_as_over_s3(self):
        for who in CALLERS:
            client, keys = FilesWorld.clients[who], FilesWorld.keys[who]
            refused = 401 if who == "nobody" else 403
            for target in ("/", "/buckets/"):
                status = 200 if is_allowed_by_s3(client.list_buckets) else refused
                self.assertEqual(ask("GET", target, keys=keys).status, status, (who, target))
            made = is_allowed_by_s3(lambda client=client, who=who: client.create_bucket(Bucket=f"by-s3-{who}"))
            self.assertEqual(ask("MKCOL", f"/buckets/by-files-{who}", keys=keys).status, 201 if made else refused, who)
            status = 204 if who in ("root", "admin") else refused
            self.assertEqual(ask("DELETE", f"/buckets/{self.new_bucket()}", keys=keys).status, status, who)


class Trees(Case):
    """Each object of a directory is asked for."""

    def setUp(self):
        super().setUp()
        for key in ("d/a", "d/b", "d/kept"):
            self.put(key, key.encode())
        self.before = FilesWorld.keys_of(self.bucket)

    def test_a_kept_object_keeps_its_directory(self):
        self.set_policy(statement("Deny", "s3:DeleteObject", f"{self.arn}/d/kept"))
        for who in ("root", "admin"):
            self.must(403, who, "DELETE", "d?recursive=true")
            self.assertEqual(ask("DELETE", f"{self.root}?recursive=true", keys=FilesWorld.keys[who]).status, 403)
            self.assertEqual(FilesWorld.keys_of(self.bucket), self.before)
            self.must(403, who, "PUT", "e?mv.from=" + f"{self.root}/d")
            self.assertIn("d/kept", FilesWorld.keys_of(self.bucket))
            for key in ("d/a", "d/b"):
                self.put(key)
            for key in ("e/a", "e/b"):
                FilesWorld.s3.delete_object(Bucket=self.bucket, Key=key)

    def test_what_may_not_be_read_is_not_copied(self):
        self.set_policy(statement("Deny", "s3:GetObject", f"{self.arn}/d/kept"))
        for method in ("COPY", "MOVE"):
            self.must(403, "root", method, "d", headers={"Destination": f"{self.root}/e"})
            self.assertNotIn("e/kept", FilesWorld.keys_of(self.bucket))

    def test_what_may_not_be_written_is_not_replaced(self):
        self.put("e/kept", b"theirs")
        self.set_policy(statement("Deny", ["s3:PutObject", "s3:DeleteObject"], f"{self.arn}/e/kept"))
        for method in ("COPY", "MOVE"):
            self.must(403, "root", method, "d", headers={"Destination": f"{self.root}/e"})
        self.assertEqual(FilesWorld.get_s3(self.bucket, "e/kept"), b"theirs")

    def test_who_may_all_moves_many_at_once(self):
        for who in ("root", "admin"):
            self.must(201, who, "MOVE", "d", headers={"Destination": f"{self.root}/e"})
            self.assertEqual(FilesWorld.keys_of(self.bucket), [key.replace("d", "e", 1) for key in self.before])
            self.must(201, who, "MOVE", "e", headers={"Destination": f"{self.root}/d"})

    def test_who_lists_and_does_not_read_learns_names_alone(self):
        self.put("d/typed", b"x", ContentType="text/secret")
        self.set_policy(statement("Deny", "s3:GetObject", f"{self.arn}/d/typed"))
        found = self.must(207, "root", "PROPFIND", "d/", None, {"Depth": "1"})
        self.assertIn("d/typed", found.text)
        self.assertNotIn("text/secret", found.text)


class Temporary(Case):
    """Keys that end: once they have, nothing is read and nothing is written with them."""

    def setUp(self):
        super().setUp()
        self.put("k", b"body")

    def use_to_the_end(self, keys, headers=()):
        """Asks until the key is nobody's: 401 to reads and writes alike."""
        reads = lambda: ask("GET", f"{self.root}/k", keys=keys, headers=headers)  # noqa: E731
        self.assertEqual(reads().body, b"body")
        wait_for(lambda: reads().status == 401, "the key's end", 20)
        for method, more in (("GET", {}), ("HEAD", {}), ("PROPFIND", {"Depth": "0"}), ("PUT", {}), ("DELETE", {}), ("MKCOL", {}),
                             ("COPY", {"Destination": f"{self.root}/x"}), ("MOVE", {"Destination": f"{self.root}/x"}), ("LOCK", {})):
            answer = ask(method, f"{self.root}/k", {"PUT": b"new", "LOCK": LOCK}.get(method), {**dict(headers), **more}, keys)
            self.assertEqual(answer.status, 401, method)
        self.assertEqual(FilesWorld.get_s3(self.bucket, "k"), b"body")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["k"])

    def new_service_account(self):
        """Of the user admin, for a few seconds. boto3 has no such action: curl asks."""
        end = datetime.now(timezone.utc) + timedelta(seconds=5)
        done = subprocess.run(["curl", "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:iam", "--user", ":".join(FilesWorld.keys["admin"]),
                               FilesWorld.kelp.endpoint + "/", "--data-urlencode", "Action=CreateServiceAccount", "--data-urlencode",
                               f"Expiration={end:%Y-%m-%dT%H:%M:%SZ}"], capture_output=True, text=True, check=True, timeout=60)
        return tuple(re.search(f"<{tag}>(.*?)</{tag}>", done.stdout)[1] for tag in ("AccessKeyId", "SecretAccessKey"))

    def test_a_service_account_ends_over_files_too(self):
        self.use_to_the_end(self.new_service_account())

    def test_a_session_ends_over_files_too(self):
        keys = self.new_service_account()
        sts = boto3.client("sts", endpoint_url=FilesWorld.kelp.endpoint, region_name="us-east-1", aws_access_key_id=keys[0],
                           aws_secret_access_key=keys[1])
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        role = FilesWorld.iam.create_role(RoleName="short", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        FilesWorld.iam.put_role_policy(RoleName="short", PolicyName="p", PolicyDocument=json.dumps(ADMIN))
        # A session of a service account's ends with it.
        session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
        self.use_to_the_end((session["AccessKeyId"], session["SecretAccessKey"]), {"x-amz-security-token": session["SessionToken"]})


class Strangers(Case):
    """What is there is told to nobody who may not know it."""

    def test_what_is_not_there_looks_as_what_is(self):
        self.put("k")
        for who in ("second", "nobody"):
            for method, headers in (("GET", {}), ("PROPFIND", {"Depth": "0"}), ("DELETE", {}), ("PUT", {"If-None-Match": "*"}),
                                    ("COPY", {"Destination": f"{self.root}/x"}), ("LOCK", {}), ("PUT", {"If": '(["0"])'}),
                                    ("PROPPATCH", {}), ("MKCOL", {})):
                body = {"LOCK": LOCK, "PROPPATCH": PATCH}.get(method)
                answers = [ask(method, f"{self.root}/{key}", body, headers, FilesWorld.keys[who]) for key in ("k", "none")]
                if "If" in headers:  # What is not there has no ETag to be told of.
                    answers = answers[:1]
                for answer in answers:
                    self.assertEqual(answer.status, 401 if who == "nobody" else 403, (who, method, answer.body))

    def test_conditions_do_not_tell_an_etag(self):
        etag = FilesWorld.s3.put_object(Bucket=self.bucket, Key="k", Body=b"secret")["ETag"]
        self.set_policy(statement("Allow", "s3:PutObject", f"{self.arn}/mine", {"CanonicalUser": FilesWorld.second_id}))
        for guess in (etag, '"0"'):
            self.must(403, "second", "PUT", "mine", b"x", {"If": f"<{self.root}/k> ([{guess}])"})
        self.must(201, "second", "PUT", "mine", b"x")

    def test_what_others_write_is_the_bucket_owners(self):
        self.set_policy(statement("Allow", "s3:*", [self.arn, f"{self.arn}/*"], {"CanonicalUser": FilesWorld.second_id}))
        self.must(201, "second", "PUT", "theirs", b"1")
        self.must(201, "second", "POST", "theirs?op=append", b"2")
        self.must(201, "second", "COPY", "theirs", headers={"Destination": f"{self.root}/copy"})
        self.must(201, "second", "MKCOL", "made")
        owner = FilesWorld.s3.list_buckets()["Owner"]["ID"]
        listed = FilesWorld.s3.list_objects_v2(Bucket=self.bucket, FetchOwner=True)["Contents"]
        self.assertEqual([(item["Key"], item["Owner"]["ID"]) for item in listed], [(key, owner) for key in ("copy", "made/", "theirs")])

    def test_a_temporary_key_needs_its_token(self):
        sts = boto3.client("sts", endpoint_url=FilesWorld.kelp.endpoint, region_name="us-east-1",
                           aws_access_key_id=FilesWorld.keys["admin"][0], aws_secret_access_key=FilesWorld.keys["admin"][1])
        made = sts.get_session_token()["Credentials"]
        self.put("k")
        for token, status in ((None, 401), ("wrong", 401), (made["SessionToken"], 200)):
            headers = {"Authorization": basic((made["AccessKeyId"], made["SecretAccessKey"]))}
            if token:
                headers["x-amz-security-token"] = token
            self.assertEqual(ask("GET", f"{self.root}/k", headers=headers, keys=()).status, status)


class Told(Case):
    def test_each_request_has_a_line_in_the_audit_log(self):
        self.put("k")
        self.set_policy(statement("Deny", "s3:GetObject", f"{self.arn}/shut"))
        answer = self.must(200, "admin", "GET", "k")
        ids = {answer.headers["x-amz-request-id"]: ("GetObject", "GET", "k", 200, None, FilesWorld.keys["admin"][0])}
        for method, path, headers, line in (
                ("GET", "shut", {}, ("GetObject", "GET", "shut", 403, "AccessDenied")),
                ("PROPFIND", "", {"Depth": "1"}, ("ListObjectsV2", "PROPFIND", None, 207, None)),
                ("MOVE", "k", {"Destination": f"{self.root}/k2"}, ("RenameObject", "MOVE", "k2", 201, None)),
                ("DELETE", "k2", {}, ("DeleteObject", "DELETE", "k2", 204, None))):
            answer = self.must(line[3], "root", method, path, None, headers)
            ids[answer.headers["x-amz-request-id"]] = (*line, FilesWorld.keys["root"][0])
        answer = ask("PUT", f"{self.root}/k", b"secret", keys=(FilesWorld.keys["root"][0], "wrong-password"))
        ids[answer.headers["x-amz-request-id"]] = ("PutObject", "PUT", "k", 401, "AccessDenied", None)

        def told():
            lines = [json.loads(line) for line in FilesWorld.audit.read_text().splitlines()]
            found = {line["request_id"]: line for line in lines if line["service"] == "files"}
            return found if ids.keys() <= found.keys() else None
        lines = wait_for(told, "the lines")
        for request, (operation, method, key, status, error, access_key) in ids.items():
            line = lines[request]
            self.assertEqual((line["operation"], line["method"], line["bucket"], line.get("key"), line["status"], line.get("error"),
                              line.get("access_key"), line["remote"]),
                             (operation, method, self.bucket, key, status, error, access_key, "127.0.0.1"))
        self.assertNotIn("wrong-password", FilesWorld.audit.read_text())

    def test_one_answer_says_nosniff_once(self):
        self.put("k")
        for who, path in (("root", "k"), ("root", ""), ("nobody", "k")):
            answer = ask("GET", f"{self.root}/{path}", keys=FilesWorld.keys[who])
            self.assertEqual(answer.headers.get_all("X-Content-Type-Options"), ["nosniff"], (who, path))


class Limits(unittest.TestCase):
    def test_files_count_as_s3_does(self):
        for limit in ("key.per_second=1", "bucket.per_second=1", "gateway.per_second=1"):
            with self.subTest(limit), tempfile.TemporaryDirectory(prefix="kelp-files-limits-") as folder:
                with KelpProcess(Path(folder), "--filer-http", "127.0.0.1:0", "--set", f"s3.limits={limit}") as kelp:
                    FilesWorld.kelp, before = kelp, FilesWorld.kelp
                    try:
                        answers = [ask("GET", "/buckets/some/x") for _ in range(20)]
                    finally:
                        FilesWorld.kelp = before
                refused = [answer for answer in answers if answer.status == 503]
                self.assertTrue(refused and len(refused) < len(answers), [answer.status for answer in answers])
                self.assertEqual(refused[0].headers["Retry-After"], "1")
                self.assertIn("SlowDown", refused[0].text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
