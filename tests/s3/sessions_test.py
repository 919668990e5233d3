#!/usr/bin/env python3
"""STS as current boto3 uses it: roles that are taken, sessions and what they may, and tokens of an identity provider."""

import base64
import http.server
import json
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from boto3_world import Server, boto3, botocore
from iam_world import IamCase, client, of_session, policy, trust


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

    def test_who_is_behind_a_chain_of_roles_is_known_at_its_end(self):
        bucket, root = self.name("chain-bucket"), client("s3")
        root.create_bucket(Bucket=bucket)
        root.put_object(Bucket=bucket, Key="k", Body=b"body")
        steps = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        read = policy("s3:GetObject", Condition={"StringEquals": {"aws:SourceIdentity": "ann", "aws:PrincipalTag/team": "red"}})
        users = policy("iam:ListUsers", Condition={"StringEquals": {"aws:SourceIdentity": "ann"}})
        first, last = (self.iam.create_role(RoleName=self.name("role"), AssumeRolePolicyDocument=trust({"AWS": self.account}, steps))["Role"]
                       for _ in range(2))
        for role, text in ((first, policy("sts:*")), (last, read)):
            self.iam.put_role_policy(RoleName=role["RoleName"], PolicyName="p", PolicyDocument=text)
        self.iam.put_role_policy(RoleName=last["RoleName"], PolicyName="q", PolicyDocument=users)
        tags = [{"Key": "team", "Value": "red"}, {"Key": "own", "Value": "1"}]

        def end_of_chain(**said):
            one = self.sts.assume_role(RoleArn=first["Arn"], RoleSessionName="one", Tags=tags, **said)
            self.assertEqual(one.get("SourceIdentity"), said.get("SourceIdentity"))
            sts = of_session("sts", one["Credentials"])
            two = sts.assume_role(RoleArn=last["Arn"], RoleSessionName="two")
            self.assertEqual(two.get("SourceIdentity"), said.get("SourceIdentity"))
            return sts, two["Credentials"]

        sts, credentials = end_of_chain(SourceIdentity="ann", TransitiveTagKeys=["team"])
        self.assertEqual(of_session("s3", credentials).get_object(Bucket=bucket, Key="k")["Body"].read(), b"body")
        of_session("iam", credentials).list_users()
        self.refused("AccessDenied", sts.assume_role, RoleArn=last["Arn"], RoleSessionName="two", SourceIdentity="bob")
        self.refused("InvalidParameterValue", sts.assume_role, RoleArn=last["Arn"], RoleSessionName="two", Tags=tags[:1])
        for said, lists in (({"TransitiveTagKeys": ["team"]}, False), ({"SourceIdentity": "ann"}, True),
                            ({"SourceIdentity": "bob", "TransitiveTagKeys": ["team"]}, False)):
            _, credentials = end_of_chain(**said)
            self.refused("AccessDenied", of_session("s3", credentials).get_object, Bucket=bucket, Key="k")
            if lists:
                of_session("iam", credentials).list_users()
            else:
                self.refused("AccessDenied", of_session("iam", credentials).list_users)

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
        self.given = []
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
        self.given.append(f"{text}.{self.encode(signature)}")
        return self.given[-1]

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
        log = (Server.kelp.folder / "log").read_text()
        self.assertIn("action=AssumeRoleWithWebIdentity", log, "the log is not at its finest level")
        for secret in (*provider.given, forged, *(answer["Credentials"][name] for name in ("SecretAccessKey", "SessionToken"))):
            self.assertNotIn(secret, log)


def setUpModule():
    # The tests' identity provider is on this machine.
    Server.start(settings='[log]\nlevel = "trace"\n[s3]\noutgoing_allow = ["127.0.0.1"]\n')


def tearDownModule():
    Server.stop()


if __name__ == "__main__":
    unittest.main()
