#!/usr/bin/env python3
"""Two gateways and the same identities: what one changes counts at the other one soon, and neither undoes what the other did."""

import concurrent.futures
import json
import time
import unittest

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

    def test_changes_count_everywhere(self):
        iam = self.service("iam", "gateway1")
        took = []
        for number in range(3):
            name = f"user{number}"
            iam.create_user(UserName=name)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys = (key["AccessKeyId"], key["SecretAccessKey"])
            here = self.service("sts", "gateway1", keys)
            there = self.service("sts", "gateway2", keys)
            self.assertEqual(self.answer(here.get_caller_identity), "ok")
            took.append(self.until("ok", there.get_caller_identity))
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
