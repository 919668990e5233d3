#!/usr/bin/env python3
"""Every action of IAM and STS that Kelp has, with the least that botocore's model asks for: it works on what there is, is refused to whom nothing is
allowed, and says what is not there. The actions are read from the program's own table, so a new one is tried as soon as it is in it."""

import re
import unittest

import botocore.session
from boto3_world import ROOT, Server
from botocore.exceptions import ClientError
from iam_world import IamCase, ask, client, inside, policy, trust
from raw_s3 import Connection

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
MODELS = {service: botocore.session.get_session().get_service_model(service) for service in ("iam", "sts")}
BARE = {"DeleteUser", "DeleteGroup", "DeleteRole", "DeletePolicy"}  # What still holds something is not deleted.
NEW = {"CreateUser": "UserName", "CreateGroup": "GroupName", "CreateRole": "RoleName", "CreatePolicy": "PolicyName", "CreateOpenIDConnectProvider": "Url"}
EVERYBODYS = {"GetCallerIdentity", "GetSessionToken"}  # They need no permission.
BY_TOKEN = "AssumeRoleWithWebIdentity"  # Nobody signs it: tests/unit/iam and sessions_test have providers for it.
OF_NOTHING = {"DeleteOpenIDConnectProvider"}  # Done when it is gone already, as on AWS.


def actions_of(path):
    return re.findall(r'^ +\{"(\w+)",', (ROOT / path).read_text(), re.M)


IAM, STS = actions_of("src/iam/core/action_table.cc"), [*actions_of("src/iam/core/sts.cc"), BY_TOKEN]
OWN = [name for name in IAM if name not in MODELS["iam"].operation_names]


def code_of(call, *arguments):
    """ "200", or the code of the error, and the answer."""
    try:
        return "200", call(*arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response


class EveryAction(IamCase):
    def world(self, is_bare=False):
        """One of each kind, under the parameters that name them; with all that it may have unless it is to be bare."""
        user, group, role, name = self.name(), self.name("group"), self.name("role"), self.name("policy")
        self.iam.create_user(UserName=user)
        self.iam.create_group(GroupName=group)
        arn = self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": self.account}))["Role"]["Arn"]
        made = self.iam.create_policy(PolicyName=name, PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        host = f"{self.name('idp')}.example.com"
        provider = self.iam.create_open_id_connect_provider(Url=f"https://{host}")["OpenIDConnectProviderArn"]
        alias = f"alias-{host.split('.')[0]}"
        values = {"UserName": user, "GroupName": group, "RoleName": role, "PolicyArn": made, "PolicyName": "inline", "VersionId": "v2",
                  "OpenIDConnectProviderArn": provider, "AccountAlias": alias, "PolicyDocument": policy("s3:*"), "Status": "Inactive",
                  "PermissionsBoundary": ADMIN, "Tags": [{"Key": "a", "Value": "b"}], "TagKeys": ["a"], "ClientID": "app", "RoleArn": arn,
                  "ThumbprintList": ["0" * 40], "Description": "x", "AssumeRolePolicyDocument": trust({"AWS": self.account}),
                  "RoleSessionName": "job", "Name": "guest"}
        if not is_bare:
            self.fill(values)
        return values

    def fill(self, values):
        names = {kind: {f"{kind.title()}Name": values[f"{kind.title()}Name"]} for kind in ("user", "group", "role")}
        for kind, name in names.items():
            getattr(self.iam, f"put_{kind}_policy")(**name, PolicyName="inline", PolicyDocument=policy("s3:*"))
            getattr(self.iam, f"attach_{kind}_policy")(**name, PolicyArn=values["PolicyArn"])
            if kind != "group":
                getattr(self.iam, f"put_{kind}_permissions_boundary")(**name, PermissionsBoundary=ADMIN)
        self.iam.add_user_to_group(**names["user"], **names["group"])
        self.iam.create_policy_version(PolicyArn=values["PolicyArn"], PolicyDocument=policy("s3:Get*"))
        self.iam.create_account_alias(AccountAlias=values["AccountAlias"])
        values["AccessKeyId"] = self.iam.create_access_key(**names["user"])["AccessKey"]["AccessKeyId"]

    def least(self, service, action, values):
        """What the model of the action asks for, and the user where AWS would take the caller."""
        shape = MODELS[service].operation_model(action).input_shape
        wanted = [*shape.required_members, *(["UserName"] if "UserName" in shape.members else [])] if shape else []
        found = {name: values[name] for name in wanted if name in values}
        if action == "UpdateAssumeRolePolicy":
            found["PolicyDocument"] = values["AssumeRolePolicyDocument"]
        if action in NEW:
            found[NEW[action]] = f"https://{self.name('new')}.example.com" if NEW[action] == "Url" else self.name("new")
        return found

    def called(self, caller, service, action, values):
        return code_of(caller._make_api_call, action, self.least(service, action, values))

    def modelled(self):
        return [("iam", name) for name in IAM if name not in OWN] + [("sts", name) for name in STS if name != BY_TOKEN]

    def own(self, keys, values, key=None):
        """The answers to Kelp's own actions, as (code, text) by their names."""
        status, text = ask(Server.kelp.keys, "CreateServiceAccount", UserName=values["UserName"])
        self.assertEqual(status, 200, text)
        key = key or inside(text, "AccessKeyId")
        found = {}
        for name in sorted(OWN, key=lambda name: name.startswith("Delete")):
            more = {} if name.startswith(("Create", "List")) else {"AccessKeyId": key}
            status, text = ask(keys, name, UserName=values["UserName"], **more)
            found[name] = "200" if status == 200 else inside(text, "Code")
        return found

    def test_the_page_counts_them(self):
        text = (ROOT / "docs/operations/identity.md").read_text()
        self.assertIn(f"\n- {len(IAM) - len(OWN)} actions of IAM, and five of Kelp's own ", text)
        self.assertEqual(OWN, [f"{verb}ServiceAccount{'s' if verb == 'List' else ''}" for verb in ("Create", "Delete", "Get", "List", "Update")])
        self.assertEqual([name for name in STS if f"\n| `{name}` |" not in text], [])

    def test_every_action_works_and_answers_in_the_shape_of_the_model(self):
        self.addCleanup(lambda: [self.iam.delete_account_alias(AccountAlias=each) for each in self.iam.list_account_aliases()["AccountAliases"]])
        problems = []
        _, keys = self.new_user(policy("*"))
        for service, action in self.modelled():
            values = self.world(action in BARE)
            caller = client("sts", keys) if action == "GetFederationToken" else client(service)
            code, answer = self.called(caller, service, action, values)
            shape = MODELS[service].operation_model(action).output_shape
            lacks = [name for name in (shape.required_members if shape else []) if name not in answer]
            if code != "200" or lacks:
                problems.append((action, code, lacks, answer))
        self.assertEqual(problems, [])
        self.assertEqual(set(self.own(Server.kelp.keys, self.world()).values()), {"200"})

    def test_every_action_is_refused_to_whom_nothing_is_allowed(self):
        _, keys = self.new_user()
        values = self.world()
        found = {action: self.called(client(service, keys), service, action, values)[0] for service, action in self.modelled()}
        found |= self.own(keys, values)
        self.assertEqual({name for name, code in found.items() if code == "200"}, EVERYBODYS)
        self.assertEqual({code for name, code in found.items() if name not in EVERYBODYS}, {"AccessDenied"})
        self.assertEqual(self.iam.get_user(UserName=values["UserName"])["User"]["UserName"], values["UserName"], "nothing came of it")
        again = {action: self.called(client(service, keys), service, action, values)[0] for service, action in self.modelled()}
        self.assertEqual({name: code for name, code in found.items() if again.get(name, code) != code}, {})

    def test_every_action_on_what_is_not_there_says_so(self):
        values = self.world()
        gone = {**values, "UserName": "nobody", "GroupName": "none", "RoleName": "none", "AccessKeyId": "AKIA" + "0" * 16,
                "PolicyArn": values["PolicyArn"] + "-none", "OpenIDConnectProviderArn": values["OpenIDConnectProviderArn"] + "none",
                "RoleArn": values["RoleArn"] + "-none", "AccountAlias": "nobody-has-it"}
        named = [name for name in gone if gone[name] != values[name]]
        found = {}
        for service, action in self.modelled():
            asks = self.least(service, action, values)
            if service == "iam" and set(asks) & set(named) and not action.startswith("Create") and action not in OF_NOTHING:
                found[action] = self.called(self.iam, service, action, gone)[0]
        self.assertGreater(len(found), 60)
        self.assertEqual({name: code for name, code in found.items() if code != "NoSuchEntity"}, {})
        self.assertEqual(self.called(self.sts, "sts", "AssumeRole", gone)[0], "AccessDenied", "as a role that may not be taken")
        for name in OF_NOTHING:
            self.assertEqual(self.called(self.iam, "iam", name, gone)[0], "200")
        own = self.own(Server.kelp.keys, values, "AKSA" + "0" * 16)
        self.assertEqual({own[name] for name in OWN if not name.startswith(("Create", "List"))}, {"NoSuchEntity"})

    def test_what_kelp_does_not_have_is_no_action(self):
        for service, has in (("iam", IAM), ("sts", STS)):
            version = MODELS[service].api_version
            for name in MODELS[service].operation_names:
                if name not in has:
                    status, text = ask_unsigned(name, version)
                    self.assertEqual((status, inside(text, "Code")), (400, "InvalidAction"), name)


def ask_unsigned(action, version):
    """Status and answer: which action it is, is looked at before who asks."""
    body = f"Action={action}&Version={version}".encode()
    wire = Connection("127.0.0.1", Server.kelp.port)
    answer = wire.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                      + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    wire.close()
    return answer.status, answer.body.decode()


setUpModule, tearDownModule = Server.start, Server.stop


if __name__ == "__main__":
    unittest.main()
