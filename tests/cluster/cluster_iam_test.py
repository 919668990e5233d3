#!/usr/bin/env python3
"""Two gateways and the same identities: what one changes counts at the other one soon, and neither undoes what the other did."""

import concurrent.futures
import json
import time
import unittest
import urllib.request

from cluster_case import ClusterCase, in_client_environment, wait_for

in_client_environment()

import boto3  # noqa: E402
import botocore.config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

BOUND_SECONDS = 5


class TwoGateways(ClusterCase):
    SIZES = {"volume": 2}

    def service(self, name, gateway, keys=None, token=None):
        access, secret = keys or self.cluster.keys
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        return boto3.client(name, endpoint_url=self.cluster[gateway].endpoint, region_name="us-east-1",
                            aws_access_key_id=access, aws_secret_access_key=secret, aws_session_token=token, config=config)

    def answer(self, call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "ok"

    def members(self, iam, group):
        """Who is in a group; nothing when there is no such group."""
        try:
            return [user["UserName"] for user in iam.get_group(GroupName=group)["Users"]]
        except iam.exceptions.NoSuchEntityException:
            return None

    def until(self, expected, call, **arguments):
        """How many seconds it takes until the call is answered so."""
        begun = time.monotonic()
        wait_for(lambda: self.answer(call, **arguments) == expected, f"the answer {expected}", BOUND_SECONDS, 0.05)
        return time.monotonic() - begun

    def user_with_key(self, iam, other, name):
        iam.create_user(UserName=name)
        key = other.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def readings(self):
        """How often the filers were asked for identities."""
        found = 0
        for filer in self.cluster.of("filer"):
            with urllib.request.urlopen(f"http://{filer.admin}/metrics", timeout=5) as answer:
                found += sum(float(line.rsplit(" ", 1)[1]) for line in answer.read().decode().splitlines()
                             if line.startswith("kelp_rpc_requests_total{") and '"filer.read_identities"' in line)
        return found

    def test_whatever_is_made_at_one_gateway_is_used_at_once_at_the_other(self):
        everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        self.service("s3", "gateway1").create_bucket(Bucket="at-once")
        iam, other = self.service("iam", "gateway1"), self.service("iam", "gateway2")
        refused = []
        for number in range(50):
            name = f"new{number}"
            iam.create_user(UserName=name)
            other.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=everything)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            time.sleep(number * 0.007)  # at every moment of what the other gateway does by itself
            keys = (key["AccessKeyId"], key["SecretAccessKey"])
            put = self.service("s3", "gateway2", keys).put_object
            refused.append(self.answer(put, Bucket="at-once", Key=name, Body=b"body"))
        self.assertEqual(refused, ["ok"] * 50)
        account = self.service("sts", "gateway1").get_caller_identity()["Account"]
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}]})
        for number in range(10):
            role = iam.create_role(RoleName=f"role{number}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            iam.put_role_policy(RoleName=f"role{number}", PolicyName="p", PolicyDocument=everything)
            given = self.service("sts", "gateway1", keys).assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
            session = self.service("s3", "gateway2", (given["AccessKeyId"], given["SecretAccessKey"]), given["SessionToken"])
            self.assertEqual(self.answer(session.list_objects_v2, Bucket="at-once"), "ok")
            role = iam.create_role(RoleName=f"there{number}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            self.assertEqual(self.answer(self.service("sts", "gateway2", keys).assume_role, RoleArn=role, RoleSessionName="session"), "ok")

    def test_a_flood_of_unknown_keys_leaves_the_filers_alone(self):
        client = self.service("s3", "gateway2", ("AKIANOBODY", "secret"))

        def flood(_):
            end = time.monotonic() + 3
            answers = []
            while time.monotonic() < end:
                answers.append(self.answer(client.list_buckets))
            return answers

        begun, before = time.monotonic(), self.readings()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = [answer for some in pool.map(flood, range(16)) for answer in some]
        readings, seconds = self.readings() - before, time.monotonic() - begun
        self.assertEqual(set(answers), {"InvalidAccessKeyId"})
        self.assertLessEqual(readings, (10 + 4) * seconds + 2, "ten a second of this gateway, four of the other one")
        print(f"{len(answers)} requests with unknown keys in {seconds:.1f} s: {readings:.0f} readings")

    def test_changes_count_everywhere(self):
        iam = self.service("iam", "gateway1")
        took = []
        for number in range(3):
            name = f"user{number}"
            keys = self.user_with_key(iam, iam, name)
            here = self.service("sts", "gateway1", keys)
            there = self.service("sts", "gateway2", keys)
            self.assertEqual(self.answer(here.get_caller_identity), "ok")
            self.assertEqual(self.answer(there.get_caller_identity), "ok")
            listing = self.service("iam", "gateway2", keys).list_users
            self.assertEqual(self.answer(listing), "AccessDenied")
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
            took.append(self.until("ok", listing))
            given = here.get_session_token()["Credentials"]
            session = self.service("sts", "gateway2", (given["AccessKeyId"], given["SecretAccessKey"]), given["SessionToken"])
            self.assertEqual(self.answer(session.get_caller_identity), "ok")
            iam.delete_user_policy(UserName=name, PolicyName="p")
            took.append(self.until("AccessDenied", listing))
            iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
            self.assertEqual(self.answer(here.get_caller_identity), "InvalidClientTokenId")
            took.append(self.until("InvalidClientTokenId", there.get_caller_identity))
            self.assertEqual(self.answer(session.get_caller_identity), "InvalidClientTokenId")
        print(f"{len(took)} changes counted at the other gateway after at most {max(took):.2f} s")

    def test_what_is_taken_away_at_one_gateway_ends_at_the_other(self):
        """How long a key that was deleted, a policy that was detached and one that a bucket lost go on elsewhere: less than the bound."""
        iam, owner = self.service("iam", "gateway1"), self.service("s3", "gateway1")
        owner.create_bucket(Bucket="taken")
        owner.put_object(Bucket="taken", Key="k", Body=b"body")
        account = self.service("sts", "gateway1").get_caller_identity()["Account"]
        reads = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::taken/*"}]}
        arn = iam.create_policy(PolicyName="reads", PolicyDocument=json.dumps(reads))["Policy"]["Arn"]
        took = {"a key": [], "a policy": [], "a bucket's policy": []}
        for number in range(4):
            name = f"taken{number}"
            keys = self.user_with_key(iam, iam, name)
            there = self.service("s3", "gateway2", keys).get_object
            wanted = {"Bucket": "taken", "Key": "k"}
            self.assertEqual(self.answer(there, **wanted), "AccessDenied")
            statement = {**reads["Statement"][0], "Principal": {"AWS": f"arn:aws:iam::{account}:user/{name}"}}
            owner.put_bucket_policy(Bucket="taken", Policy=json.dumps({**reads, "Statement": [statement]}))
            self.until("ok", there, **wanted)
            owner.delete_bucket_policy(Bucket="taken")
            took["a bucket's policy"].append(self.until("AccessDenied", there, **wanted))
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
            self.until("ok", there, **wanted)
            iam.detach_user_policy(UserName=name, PolicyArn=arn)
            took["a policy"].append(self.until("AccessDenied", there, **wanted))
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
            self.until("ok", there, **wanted)
            iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
            took["a key"].append(self.until("InvalidAccessKeyId", there, **wanted))
        for what, seconds in took.items():
            print(f"{what} went on at the other gateway for at most {max(seconds):.2f} s")
            self.assertLess(max(seconds), BOUND_SECONDS)

    def test_writers_of_both_lose_nothing(self):
        def make(number):
            client = self.service("iam", f"gateway{number % 2 + 1}")
            client.create_user(UserName=f"one{number}")
            client.create_group(GroupName=f"group{number}")
            client.add_user_to_group(UserName=f"one{number}", GroupName=f"group{number}")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(make, range(24)))
        iam = self.service("iam", "gateway1")
        for number in range(24):
            wait_for(lambda: self.members(iam, f"group{number}") == [f"one{number}"], "the group's member", BOUND_SECONDS)

    def test_identities_outlive_every_process(self):
        iam = self.service("iam", "gateway1")
        iam.create_user(UserName="ann")
        for name in ("filer1", "gateway1", "gateway2"):
            self.cluster[name].kill()
        for name in ("filer1", "gateway1", "gateway2"):
            self.cluster[name].start()
        for gateway in ("gateway1", "gateway2"):
            self.assertEqual(self.answer(self.service("iam", gateway).get_user, UserName="ann"), "ok")


if __name__ == "__main__":
    unittest.main(verbosity=2)
