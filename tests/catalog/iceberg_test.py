#!/usr/bin/env python3
"""The Iceberg REST catalog by plain HTTP: its errors, who may do what, and what a crash leaves."""

import json
import random
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/s3"))
import boto3_world  # noqa: E402  first: it puts tools/ on the path and boto3 within reach
from kelpdev.process import KelpProcess, wait_for  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from catalog_client import CatalogClient  # noqa: E402

ON = ("--set", "s3.iceberg=true")


def setUpModule():
    World.scratch = tempfile.TemporaryDirectory(prefix="kelp-catalog-")
    World.kelp = KelpProcess(Path(World.scratch.name) / "server", *ON, "--set",
                             f"s3.audit_log={World.scratch.name}/audit.log")
    World.kelp.start()
    World.s3 = boto3_world.client_of(World.kelp)


def tearDownModule():
    code = World.kelp.stop()
    World.scratch.cleanup()
    if code != 0:
        raise RuntimeError(f"kelp ended with {code}")


class World(unittest.TestCase):
    """A bucket and a client for each case."""

    count = 0

    def setUp(self):
        World.count += 1
        self.bucket = f"warehouse-{World.count}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.catalog = CatalogClient(self.kelp, self.bucket)

    def keys_below(self, prefix):
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]


class Protocol(World):
    def test_config_names_prefix_and_endpoints(self):
        for warehouse in (self.bucket, f"s3://{self.bucket}/a/b/"):
            answer = self.catalog.call("GET", f"/config?warehouse={warehouse}")
            self.assertEqual(answer.status, 200)
            folder = "~a~b" if warehouse.startswith("s3:") else ""
            self.assertEqual(answer.json["overrides"]["prefix"], self.bucket + folder)
            self.assertEqual(answer.json["defaults"]["s3.endpoint"], self.kelp.endpoint)
            self.assertIn("POST /v1/{prefix}/namespaces/{namespace}/tables", answer.json["endpoints"])
        self.assertEqual(self.catalog.call("GET", "/config").error, (400, "BadRequestException"))
        self.assertEqual(self.catalog.call("GET", "/config?warehouse=none-such").error[0], 404)

    def test_namespaces_have_levels(self):
        c = self.catalog
        self.assertEqual(c.make_namespace("a", owner="me").json, {"namespace": ["a"], "properties": {"owner": "me"}})
        self.assertEqual(c.make_namespace("a").error, (409, "AlreadyExistsException"))
        self.assertEqual(c.make_namespace("no", "such").error, (404, "NoSuchNamespaceException"))
        self.assertEqual(c.make_namespace("a", "b/ü").status, 200)
        self.assertEqual(c.call("GET", "namespaces").json, {"namespaces": [["a"]]})
        self.assertEqual(c.call("GET", "namespaces?parent=a").json, {"namespaces": [["a", "b/ü"]]})
        self.assertEqual(c.call("GET", "namespaces?parent=x").error, (404, "NoSuchNamespaceException"))
        self.assertEqual(c.call("HEAD", "namespaces/a%1Fb%2F%C3%BC").status, 204)
        self.assertEqual(c.call("HEAD", "namespaces/b").status, 404)
        self.assertEqual(c.call("DELETE", "namespaces/a").error, (409, "NamespaceNotEmptyException"))
        changed = c.call("POST", "namespaces/a/properties", {"removals": ["owner", "no"], "updates": {"x": "1"}}).json
        self.assertEqual(changed, {"removed": ["owner"], "updated": ["x"], "missing": ["no"]})
        self.assertEqual(c.call("GET", "namespaces/a").json["properties"], {"x": "1", "location": f"s3://{self.bucket}/a"})
        both = c.call("POST", "namespaces/a/properties", {"removals": ["x"], "updates": {"x": "1"}})
        self.assertEqual(both.error, (422, "UnprocessableEntityException"))
        self.assertEqual(c.call("DELETE", "namespaces/a%1Fb%2F%C3%BC").status, 204)
        self.assertEqual(c.call("DELETE", "namespaces/a").status, 204)
        self.assertEqual(c.call("GET", "namespaces").json, {"namespaces": []})

    def test_pages_hold_every_name_once(self):
        c = self.catalog
        c.make_namespace("n")
        for number in range(5):
            self.assertEqual(c.make_table("n", f"t{number}").status, 200)
        seen, token = [], ""
        while True:
            page = c.call("GET", f"namespaces/n/tables?pageSize=2&pageToken={token}").json
            seen += [each["name"] for each in page["identifiers"]]
            token = page.get("next-page-token")
            if not token:
                break
        self.assertEqual(seen, [f"t{number}" for number in range(5)])
        self.assertEqual(c.call("GET", "namespaces/n/tables?pageSize=0").error[0], 400)
        self.assertEqual(c.call("GET", "namespaces/n/tables?pageToken=x").error[0], 400)

    def test_a_table_from_its_making_to_its_end(self):
        c = self.catalog
        c.make_namespace("n")
        made = c.make_table("n", "t", properties={"p": "1"}).json
        location = made["metadata"]["location"]
        self.assertRegex(location, f"^s3://{self.bucket}/n/t-[0-9a-f]{{12}}$")
        self.assertEqual(c.make_table("n", "t").error, (409, "AlreadyExistsException"))
        self.assertEqual(c.make_table("no", "t").error, (404, "NoSuchNamespaceException"))
        self.assertEqual(c.load("n", "t").json, made)
        key = made["metadata-location"].removeprefix(f"s3://{self.bucket}/")
        stored = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        self.assertEqual(json.loads(stored), made["metadata"])
        self.assertEqual(made["config"]["s3.path-style-access"], "true")
        after = c.set_property("n", "t", "q", "2").json
        self.assertEqual(after["metadata"]["properties"], {"p": "1", "q": "2"})
        self.assertEqual([each["metadata-file"] for each in after["metadata"]["metadata-log"]], [made["metadata-location"]])
        rename = {"source": {"namespace": ["n"], "name": "t"}, "destination": {"namespace": ["n"], "name": "u"}}
        self.assertEqual(c.call("POST", "tables/rename", rename).status, 204)
        self.assertEqual(c.call("POST", "tables/rename", rename).error, (404, "NoSuchTableException"))
        self.assertEqual(c.load("n", "t").error, (404, "NoSuchTableException"))
        self.assertEqual(c.load("n", "u").json, after)
        # Asked for u's table of snapshots, clients look for u when n.u is no namespace with such a table.
        self.assertEqual(c.load("n%1Fu", "snapshots").error, (404, "NoSuchTableException"))
        c.make_table("n", "t")
        self.assertEqual(c.call("POST", "tables/rename", rename).error, (409, "AlreadyExistsException"))
        self.assertEqual(c.call("HEAD", "namespaces/n/tables/u").status, 204)
        self.assertEqual(c.call("DELETE", "namespaces/n/tables/u").status, 204)
        self.assertTrue(self.keys_below(location.removeprefix(f"s3://{self.bucket}/")), "a drop deletes no file")
        register = {"name": "again", "metadata-location": after["metadata-location"]}
        self.assertEqual(c.call("POST", "namespaces/n/register", register).json, after)
        self.assertEqual(c.call("POST", "namespaces/n/register", register).error, (409, "AlreadyExistsException"))
        self.assertEqual(c.call("DELETE", "namespaces/n/tables/again?purgeRequested=true").status, 204)
        self.assertEqual(self.keys_below(location.removeprefix(f"s3://{self.bucket}/")), [])

    def test_what_may_hold_others_files_is_not_purged(self):
        c = self.catalog
        c.make_namespace("n")
        for place in ("mine", "mine-" + "0" * 31, "mine-" + "0" * 33, "mine-" + "g" * 32, "mine/" + "0" * 32):
            c.make_table("n", "t", location=f"s3://{self.bucket}/{place}")
            self.s3.put_object(Bucket=self.bucket, Key=f"{place}/file", Body=b"x")
            self.assertEqual(c.call("DELETE", "namespaces/n/tables/t?purgeRequested=true").error,
                             (400, "BadRequestException"), place)
            self.assertEqual(c.call("HEAD", "namespaces/n/tables/t").status, 204)
            self.assertEqual(c.call("DELETE", "namespaces/n/tables/t").status, 204)
            self.assertIn(f"{place}/file", self.keys_below(f"{place}/"))

    def test_a_folder_that_a_client_named_by_a_uuid_is_purged(self):
        c = self.catalog
        c.make_namespace("n")
        place = "n/t-0123456789abcdef0123456789abcdef"
        c.make_table("n", "t", location=f"s3://{self.bucket}/{place}")
        c.make_table("n", "beside")
        self.s3.put_object(Bucket=self.bucket, Key=f"{place}/data/file", Body=b"x")
        self.s3.put_object(Bucket=self.bucket, Key=f"{place}0/file", Body=b"x")
        self.assertEqual(c.call("DELETE", "namespaces/n/tables/t?purgeRequested=true").status, 204)
        self.assertEqual(self.keys_below(f"{place}/"), [])
        self.assertEqual(self.keys_below(f"{place}0/"), [f"{place}0/file"])
        self.assertEqual(c.load("n", "beside").status, 200)

    def test_a_namespace_says_where_its_tables_lie(self):
        c = self.catalog
        c.make_namespace("a b")
        c.make_namespace("a b", "c")
        c.make_namespace("own", location=f"s3://{self.bucket}/else/")
        for space, place in (("a%20b", "a%20b"), ("a%20b%1Fc", "a%20b/c"), ("own", "else/")):
            told = c.call("GET", f"namespaces/{space}").json["properties"]["location"]
            self.assertEqual(told, f"s3://{self.bucket}/{place}")
            made = c.make_table(space, "t").json["metadata"]["location"]
            self.assertTrue(made.startswith(told.rstrip("/") + "/t-"), made)

    def test_a_staged_table_is_not_there_before_its_commit(self):
        c = self.catalog
        c.make_namespace("n")
        staged = c.make_table("n", "t", **{"stage-create": True}).json
        self.assertNotIn("metadata-location", staged)
        self.assertEqual(c.load("n", "t").error, (404, "NoSuchTableException"))
        table = staged["metadata"]
        updates = [{"action": "assign-uuid", "uuid": table["table-uuid"]},
                   {"action": "set-location", "location": table["location"]},
                   {"action": "add-schema", "schema": table["schemas"][0]}, {"action": "set-current-schema", "schema-id": -1},
                   {"action": "add-spec", "spec": {"fields": []}}, {"action": "set-default-spec", "spec-id": -1},
                   {"action": "add-sort-order", "sort-order": {"fields": []}},
                   {"action": "set-default-sort-order", "sort-order-id": -1}]
        self.assertEqual(c.commit("n", "t", updates).error, (404, "NoSuchTableException"))
        create = [{"type": "assert-create"}]
        self.assertEqual(c.commit("n", "t", updates, create).status, 200)
        self.assertEqual(c.commit("n", "t", updates, create).error, (409, "CommitFailedException"))
        self.assertEqual(c.load("n", "t").json["metadata"]["table-uuid"], table["table-uuid"])

    def test_nonsense_is_refused(self):
        c = self.catalog
        c.make_namespace("n")
        c.make_table("n", "t")
        table = "namespaces/n/tables/t"
        for body in ("", "{", "[]", "7", '{"updates":7}', '{"updates":[7]}', '{"updates":[{"action":"x"}]}', "[" * 200):
            self.assertEqual(c.call("POST", table, body).error, (400, "BadRequestException"), body)
        self.assertEqual(c.call("POST", table, "x" * (5 << 20)).error[0], 413)
        self.assertEqual(c.call("POST", "namespaces", {"namespace": []}).error[0], 400)
        self.assertEqual(c.call("POST", "namespaces", {"namespace": ["a\x1fb"]}).error[0], 400)
        self.assertEqual(c.call("GET", "namespaces/n/views").error, (501, "UnsupportedOperationException"))
        self.assertEqual(c.call("POST", "transactions/commit", {}).error, (501, "UnsupportedOperationException"))
        self.assertEqual(c.call("GET", "/nothing").error, (404, "NotFoundException"))
        self.assertEqual(c.call("PUT", "namespaces").error[0], 405)
        self.assertEqual(c.make_table("n", "u", location="file:///tmp/x").error[0], 400)
        self.assertEqual(c.call("POST", "namespaces/n/tables/t/metrics", {}).status, 204)
        key = next(key for key in self.keys_below(".iceberg/tables/"))
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"rubbish")
        self.assertEqual(c.load("n", "t").error, (500, "InternalServerError"))


class Rights(World):
    def user(self, name, *statements):
        """A user with these statements; its keys."""
        access, secret = self.kelp.keys
        iam = boto3_world.boto3.client("iam", endpoint_url=self.kelp.endpoint, region_name="us-east-1",
                                       aws_access_key_id=access, aws_secret_access_key=secret)
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": list(statements)}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return iam, (key["AccessKeyId"], key["SecretAccessKey"])

    def test_who_asks_must_be_known(self):
        c = self.catalog
        nobody = c.ask("GET", f"{self.bucket}/namespaces")
        self.assertEqual(nobody.error, (401, "NotAuthorizedException"))
        for value in ("Bearer x", "Bearer ", "Basic a2V5OnNlY3JldA==", "Bearer " + "A" * 200):
            answer = c.ask("GET", f"{self.bucket}/namespaces", headers={"Authorization": value})
            self.assertEqual(answer.error, (401, "NotAuthorizedException"), value)
        for form in ({"client_secret": "wrong"}, {"client_id": "nobody"}):
            answer = c.grant(**form)
            self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_client"))
        self.assertEqual(c.grant(grant_type="password").json["error"], "unsupported_grant_type")
        first = c.grant().json
        self.assertEqual((first["token_type"], first["expires_in"]), ("bearer", 3600))
        again = c.grant(grant_type="urn:ietf:params:oauth:grant-type:token-exchange", subject_token=first["access_token"])
        c.token = again.json["access_token"]
        self.assertEqual(c.call("GET", "namespaces").status, 200)

    def test_policies_of_the_bucket_objects_decide(self):
        arn = f"arn:aws:s3:::{self.bucket}"
        _, keys = self.user("reader", {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
                                       "Resource": [arn, arn + "/*"]})
        self.catalog.make_namespace("n")
        self.catalog.make_table("n", "t")
        reader = CatalogClient(self.kelp, self.bucket, keys)
        self.assertEqual(reader.load("n", "t").status, 200)
        self.assertEqual(reader.make_namespace("m").error, (403, "ForbiddenException"))
        self.assertEqual(reader.set_property("n", "t", "a", "b").error, (403, "ForbiddenException"))
        self.assertEqual(reader.call("DELETE", "namespaces/n/tables/t").error, (403, "ForbiddenException"))
        rename = {"source": {"namespace": ["n"], "name": "t"}, "destination": {"namespace": ["n"], "name": "u"}}
        self.assertEqual(reader.call("POST", "tables/rename", rename).error, (403, "ForbiddenException"))
        _, keys = self.user("stranger", {"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
        stranger = CatalogClient(self.kelp, self.bucket, keys)
        self.assertEqual(stranger.load("n", "t").error, (403, "ForbiddenException"))
        self.assertEqual(stranger.call("GET", "namespaces").error, (403, "ForbiddenException"))
        self.assertEqual(stranger.call("GET", f"/config?warehouse={self.bucket}").error, (403, "ForbiddenException"))

    def test_a_token_ends_with_its_key(self):
        iam, keys = self.user("leaver", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        leaver = CatalogClient(self.kelp, self.bucket, keys)
        self.assertEqual(leaver.call("GET", "namespaces").status, 200)
        iam.delete_access_key(UserName="leaver", AccessKeyId=keys[0])
        begun = time.monotonic()
        wait_for(lambda: leaver.call("GET", "namespaces").status == 401, "the end of a token", seconds=20)
        self.assertLess(time.monotonic() - begun, 5)

    def test_requests_can_be_signed(self):
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        self.catalog.make_namespace("a")
        self.catalog.make_namespace("a", "b")
        body = json.dumps({"removals": [], "updates": {"signed": "yes"}})
        for way in (SigV4Auth, S3SigV4Auth):
            path = f"{self.bucket}/namespaces/a%1Fb/properties"
            request = AWSRequest("POST", f"{self.kelp.endpoint}/iceberg/v1/{path}", data=body, headers={"x-a": "b"})
            way(Credentials(*self.kelp.keys), "s3", "us-east-1").add_auth(request)
            signed = dict(request.headers)
            self.assertEqual(self.catalog.ask("POST", path, body, signed).status, 200, way)
            forged = self.catalog.ask("POST", path, body.replace("yes", "no"), signed)
            self.assertEqual(forged.error, (401, "NotAuthorizedException"))

    def test_audit_and_metrics_tell_of_it(self):
        self.catalog.make_namespace("n")
        log = Path(World.scratch.name) / "audit.log"
        told = wait_for(lambda: [line for line in log.read_text().splitlines()
                                 if "CreateNamespace" in line and self.bucket in line], "a line of the audit log")
        self.assertIn(self.kelp.keys[0], told[0])
        self.assertGreater(self.kelp.metric("kelp_catalog_requests_total"), 0)


class Commits(World):
    def test_racing_commits_lose_nothing(self):
        c = self.catalog
        c.make_namespace("n")
        c.make_table("n", "t")

        def change(number):
            own = CatalogClient(self.kelp, self.bucket)
            for turn in range(10):
                while True:
                    answer = own.set_property("n", "t", f"p{number}-{turn}", "x")
                    if answer.status == 200:
                        break
                    self.assertEqual(answer.error, (409, "CommitFailedException"))

        threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(c.load("n", "t").json["metadata"]["properties"]), 40)
        folder = c.load("n", "t").json["metadata"]["location"].removeprefix(f"s3://{self.bucket}/")
        self.assertEqual(len(self.keys_below(folder)), 41, "a commit that lost takes its metadata back")

    def test_a_commit_on_what_changed_is_refused(self):
        c = self.catalog
        c.make_namespace("n")
        uuid = c.make_table("n", "t").json["metadata"]["table-uuid"]
        self.assertEqual(c.set_property("n", "t", "a", "b", [{"type": "assert-table-uuid", "uuid": uuid}]).status, 200)
        other = [{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 7}]
        self.assertEqual(c.set_property("n", "t", "a", "b", other).error, (409, "CommitFailedException"))
        self.assertEqual(c.set_property("n", "gone", "a", "b").error, (404, "NoSuchTableException"))
        # Of a namespace that is not there, too: the specification has one 404 for commits.
        for wants in ([], [{"type": "assert-create"}]):
            self.assertEqual(c.set_property("gone", "t", "a", "b", wants).error, (404, "NoSuchTableException"))

    def test_one_of_many_creators_wins(self):
        self.catalog.make_namespace("n")
        statuses = []

        def make():
            statuses.append(CatalogClient(self.kelp, self.bucket).make_table("n", "t").status)

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] + [409] * 5)


class WithoutIt(unittest.TestCase):
    def test_the_path_is_a_bucket_when_it_is_off(self):
        with tempfile.TemporaryDirectory(prefix="kelp-catalog-") as folder, KelpProcess(folder) as kelp:
            s3 = boto3_world.client_of(kelp)
            s3.create_bucket(Bucket="iceberg")
            s3.put_object(Bucket="iceberg", Key="v1/config", Body=b"mine")
            self.assertEqual(s3.get_object(Bucket="iceberg", Key="v1/config")["Body"].read(), b"mine")

    def test_other_keys_of_such_a_bucket_stay_when_it_is_on(self):
        World.s3.create_bucket(Bucket="iceberg")
        World.s3.put_object(Bucket="iceberg", Key="v2/config", Body=b"mine")
        self.assertEqual(World.s3.get_object(Bucket="iceberg", Key="v2/config")["Body"].read(), b"mine")


class Crash(unittest.TestCase):
    def test_a_crash_leaves_a_table_and_every_commit_that_was_told(self):
        """The server is killed at random times under commits: the table loads, and holds what was acknowledged."""
        told = {}
        with tempfile.TemporaryDirectory(prefix="kelp-catalog-") as folder:
            kelp = KelpProcess(folder, *ON)
            kelp.start()
            boto3_world.client_of(kelp).create_bucket(Bucket="warehouse")
            first = CatalogClient(kelp, "warehouse")
            first.make_namespace("n")
            first.make_table("n", "t")
            stop = threading.Event()

            def change(number):
                turn = 0
                client = None
                while not stop.is_set():
                    try:
                        client = client or CatalogClient(kelp, "warehouse")
                        if client.set_property("n", "t", f"p{number}", str(turn)).status == 200:
                            told[number] = turn
                        turn += 1
                    except (OSError, KeyError, ValueError):
                        client = None

            threads = [threading.Thread(target=change, args=(number,)) for number in range(3)]
            for thread in threads:
                thread.start()
            chance = random.Random(7)
            try:
                for _ in range(6):
                    before = sum(told.values())
                    wait_for(lambda: sum(told.values()) > before + 3, "commits")
                    time.sleep(chance.random() * 0.05)  # the moment of the crash
                    kelp.kill()
                    kelp.start()
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            table = CatalogClient(kelp, "warehouse").load("n", "t")
            self.assertEqual(table.status, 200)
            for number, turn in told.items():
                self.assertGreaterEqual(int(table.json["metadata"]["properties"][f"p{number}"]), turn)
            kelp.stop()


if __name__ == "__main__":
    unittest.main()
