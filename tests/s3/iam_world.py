"""What the tests of IAM and STS share: clients, policies, and users and roles that they are given to."""

import json
import re
import subprocess
import unittest

from boto3_world import Server, boto3, botocore
from botocore.exceptions import ClientError


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


def ask(keys, action, **form):
    """What `curl` of docs/operations/identity.md gets: status and answer."""
    words = ["curl", "-sS", "-w", "\n%{http_code}", "--aws-sigv4", "aws:amz:us-east-1:iam", "--user", ":".join(keys), Server.kelp.endpoint + "/"]
    for name, value in {"Action": action, **form}.items():
        words += ["--data-urlencode", f"{name}={value}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def inside(text, tag):
    """What stands in the first element of the name."""
    return re.search(f"<{tag}>(.*?)</{tag}>", text)[1]


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
