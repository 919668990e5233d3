#!/usr/bin/env python3
"""More rights than were given: random operations of IAM, and after each what everybody may, asked of the server itself.

A user gets random policies and boundaries, and has service accounts, sessions and federated sessions with random policies: each
may exactly what the user may and its own policy allows. A delegated administrator, who may make identities as long as they
have its own boundary, tries whatever there is, and so does whoever it made: nobody gets past the boundary.

KELP_ROUNDS (60) and KELP_SEED set the length and the dice; a failure prints the seed.
"""

import hashlib
import itertools
import json
import os
import random
import re
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlencode

import boto3_world  # noqa: F401  (finds the packages)
from kelpdev.process import KelpProcess
from raw_s3 import Account, Connection, in_bytes, sign

ROUNDS = int(os.environ.get("KELP_ROUNDS", "60"))
SEED = int(os.environ.get("KELP_SEED", "1"))
BUCKETS = ("inside", "outside")
ACTIONS = {"s3:GetObject": ("GET", "/k"), "s3:PutObject": ("PUT", "/p"), "s3:DeleteObject": ("DELETE", "/none"), "s3:ListBucket": ("GET", "?list-type=2")}
EVERYTHING = frozenset(itertools.product(ACTIONS, BUCKETS))
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect, actions, resources, **more):
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def of_buckets(buckets):
    return [f"arn:aws:s3:::{bucket}{end}" for bucket in buckets for end in ("", "/*")]


class Policy:
    """A random policy: its text, and what it allows and denies of EVERYTHING."""

    def __init__(self, dice):
        self.allowed, self.denied, statements = set(), set(), []
        for number in range(dice.randint(1, 3)):
            effect = "Deny" if number and dice.random() < 0.4 else "Allow"
            actions = dice.sample(list(ACTIONS), dice.randint(1, len(ACTIONS)))
            buckets = dice.sample(BUCKETS, dice.randint(1, 2))
            wide = dice.random() < 0.15
            statements.append(statement(effect, "s3:*" if wide else actions, "*" if wide else of_buckets(buckets)))
            (self.allowed if effect == "Allow" else self.denied).update(EVERYTHING if wide else itertools.product(actions, buckets))
        self.text = document(*statements)

    @property
    def grants(self):
        return self.allowed - self.denied


class Denied(Exception):
    """The server refused."""


class Escalation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-escalation-")
        cls.kelp = KelpProcess(Path(cls.scratch.name))
        cls.kelp.start()
        cls.wire = Connection("127.0.0.1", cls.kelp.port)
        cls.root = Account(*cls.kelp.keys)
        for bucket in BUCKETS:
            cls.ask(cls.root, "PUT", f"/{bucket}")
            cls.ask(cls.root, "PUT", f"/{bucket}/k", b"k")
        cls.number = re.search("<Account>(.*?)<", cls.call(cls.root, "GetCallerIdentity", "sts"))[1]

    @classmethod
    def tearDownClass(cls):
        cls.wire.close()
        cls.kelp.stop()
        cls.scratch.cleanup()

    @classmethod
    def ask(cls, who, method, target, body=b"", service="s3", content_type="application/octet-stream"):
        headers = {"host": cls.wire.authority, "content-type": content_type}
        path, _, query = target.partition("?")
        sign(who, method, path, query, headers, hashlib.sha256(body).hexdigest(), service=service)
        headers["content-length"] = str(len(body))
        return cls.wire.ask(in_bytes(method, target, list(headers.items()), body))

    @classmethod
    def call(cls, who, action, service="iam", **form):
        """The answer of IAM or STS; Denied with its code when it is an error."""
        form = {"Action": action, "Version": "2010-05-08" if service == "iam" else "2011-06-15", **form}
        answer = cls.ask(who, "POST", "/", urlencode(form).encode(), service, "application/x-www-form-urlencoded")
        if answer.status != 200:
            raise Denied((re.search(b"<Code>(.*?)<", answer.body) or [b"", answer.body])[1].decode())
        return answer.body.decode()

    @staticmethod
    def keys_in(text):
        """The account whose keys an answer gives."""
        token = re.search("<SessionToken>(.*?)<", text)
        return Account(re.search("<AccessKeyId>(.*?)<", text)[1], re.search("<SecretAccessKey>(.*?)<", text)[1], token=token[1] if token else "")

    def may(self, who):
        """What of EVERYTHING the server lets somebody do."""
        found = set()
        for action, bucket in EVERYTHING:
            method, target = ACTIONS[action]
            answer = self.ask(who, method, f"/{bucket}{target}", b"x" if method == "PUT" else b"")
            self.assertIn(answer.status, (200, 204, 403), answer.body)
            if answer.status != 403:
                found.add((action, bucket))
        return found

    def new_user(self, name, by=None, **form):
        self.call(by or self.root, "CreateUser", UserName=name, **form)
        return self.keys_in(self.call(by or self.root, "CreateAccessKey", UserName=name))

    def test_a_child_may_what_its_parent_and_its_own_policy_allow(self):
        dice = random.Random(SEED)
        parent = self.new_user("parent")
        inline, boundary, children, seen = {}, None, [], 0
        for round_number in range(ROUNDS):
            where = f"seed {SEED} round {round_number}"
            what = dice.choice(("policy", "policy", "drop", "boundary", "no boundary", "service", "service", "session", "federated", "update"))
            own = Policy(dice)
            if what == "policy":
                name = f"p{dice.randint(0, 2)}"
                self.call(self.root, "PutUserPolicy", UserName="parent", PolicyName=name, PolicyDocument=own.text)
                inline[name] = own
            elif what == "drop" and inline:
                name = dice.choice(list(inline))
                self.call(self.root, "DeleteUserPolicy", UserName="parent", PolicyName=name)
                del inline[name]
            elif what == "boundary":
                self.call(self.root, "CreatePolicy", PolicyName=f"edge-{round_number}", PolicyDocument=own.text)
                self.call(self.root, "PutUserPermissionsBoundary", UserName="parent",
                          PermissionsBoundary=f"arn:aws:iam::{self.number}:policy/edge-{round_number}")
                boundary = own
            elif what == "no boundary" and boundary:
                self.call(self.root, "DeleteUserPermissionsBoundary", UserName="parent")
                boundary = None
            elif what == "service":
                with_policy = dice.random() < 0.8
                text = self.call(self.root, "CreateServiceAccount", UserName="parent", **({"PolicyDocument": own.text} if with_policy else {}))
                children.append((self.keys_in(text), own if with_policy else None))
            elif what == "session" and boundary is None:
                children.append((self.keys_in(self.call(parent, "GetSessionToken", "sts")), None))
            elif what == "federated":
                try:
                    children.append((self.keys_in(self.call(parent, "GetFederationToken", "sts", Name="f", Policy=own.text)), own))
                except Denied:
                    pass  # Its policies do not allow that; that they count is what is tried here.
            elif what == "update" and children and children[0][0].token == "":
                self.call(self.root, "UpdateServiceAccount", UserName="parent", AccessKeyId=children[0][0].access_key, PolicyDocument=own.text)
                children[0] = (children[0][0], own)
            children = children[-5:]
            allowed = set().union(*(each.allowed for each in inline.values())) - set().union(*(each.denied for each in inline.values()))
            if boundary:
                allowed &= boundary.grants
            self.assertEqual(self.may(parent), allowed, where)
            for child, own in children:
                found = self.may(child)
                self.assertLessEqual(found, allowed, where)
                self.assertEqual(found, allowed & own.grants if own else allowed, where)
                seen += len(found)
        self.assertGreater(seen, ROUNDS)

    def delegate(self):
        """An administrator who may make users and roles that have the boundary `edge`, as it has itself; its keys."""
        edge = f"arn:aws:iam::{self.number}:policy/edge"
        needs = {"StringEquals": {"iam:PermissionsBoundary": edge}}
        made = ["CreateUser", "CreateRole", "CreateAccessKey", "CreateServiceAccount", "UpdateServiceAccount", "UpdateAccessKey", "UpdateAssumeRolePolicy"]
        made += [f"{verb}{kind}{what}" for kind in ("User", "Role") for verb, what in (
            ("Put", "Policy"), ("Attach", "Policy"), ("Detach", "Policy"), ("Delete", "Policy"), ("Put", "PermissionsBoundary"))]
        rights = (
            statement("Allow", ["iam:Get*", "iam:List*", "sts:*"], "*"), statement("Allow", [f"iam:{name}" for name in made], "*", Condition=needs),
            statement("Allow", ["iam:CreateGroup", "iam:PutGroupPolicy", "iam:AttachGroupPolicy", "iam:AddUserToGroup", "iam:CreatePolicy",
                                "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:TagUser", "iam:UntagUser"], "*"),
            statement("Deny", ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy*"], edge),
            statement("Deny", ["iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary"], "*"))
        # The boundary holds the conditions, too: whom the administrator gives everything is an administrator like it.
        self.call(self.root, "CreatePolicy", PolicyName="edge", PolicyDocument=document(
            statement("Allow", ["s3:GetObject", "s3:ListBucket"], of_buckets(["inside"])), *rights))
        admin = self.new_user("delegate", PermissionsBoundary=edge)
        self.call(self.root, "PutUserPolicy", UserName="delegate", PolicyName="delegation", PolicyDocument=document(statement("Allow", "s3:*", "*"), *rights))
        return admin, edge

    def attempt(self, dice, who, edge, names, roles):
        """One thing that somebody may try to have more; the keys that it gives, or None. Raises Denied."""
        everything = dice.choice((document(statement("Allow", "*", "*")), Policy(dice).text))
        name, role = dice.choice(names), dice.choice(roles or ["none"])
        trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": dice.choice(["*", self.number])}, "Action": "sts:AssumeRole"}]})
        limit = dice.choice(({"PermissionsBoundary": edge}, {"PermissionsBoundary": edge}, {}, {"PermissionsBoundary": ADMIN}))
        user = {"UserName": name}
        tries = [
            ("CreateUser", {"UserName": f"made-{len(names)}", **limit}), ("CreateUser", {"UserName": f"made-{len(names)}", **limit}), ("CreateAccessKey", user),
            ("CreateRole", {"RoleName": f"role-{len(roles)}", "AssumeRolePolicyDocument": trust, **limit}), ("PutUserPolicy", user | {"PolicyName": "more", "PolicyDocument": everything}),
            ("AttachUserPolicy", user | {"PolicyArn": ADMIN}), ("PutRolePolicy", {"RoleName": role, "PolicyName": "more", "PolicyDocument": everything}),
            ("AttachRolePolicy", {"RoleName": role, "PolicyArn": ADMIN}), ("UpdateAssumeRolePolicy", {"RoleName": role, "PolicyDocument": trust}),
            ("PutUserPermissionsBoundary", user | {"PermissionsBoundary": dice.choice((ADMIN, edge))}), ("DeleteUserPermissionsBoundary", user),
            ("PutRolePermissionsBoundary", {"RoleName": role, "PermissionsBoundary": ADMIN}), ("DeleteRolePermissionsBoundary", {"RoleName": role}),
            ("CreatePolicyVersion", {"PolicyArn": edge, "PolicyDocument": everything, "SetAsDefault": "true"}), ("SetDefaultPolicyVersion", {"PolicyArn": edge, "VersionId": "v1"}),
            ("CreateServiceAccount", user | {"PolicyDocument": everything}), ("CreateServiceAccount", {"PolicyDocument": everything}), ("CreateServiceAccount", user),
            ("AddUserToGroup", user | {"GroupName": "bosses"}), ("PutGroupPolicy", {"GroupName": "bosses", "PolicyName": "more", "PolicyDocument": everything}),
        ]
        sts = [("GetSessionToken", {}), ("GetFederationToken", {"Name": "f", "Policy": everything}),
               ("AssumeRole", {"RoleArn": f"arn:aws:iam::{self.number}:role/{role}", "RoleSessionName": "s"})]
        action, form = dice.choice(tries + sts)
        text = self.call(who, action, "sts" if (action, form) in sts else "iam", **form)
        if action == "CreateUser":
            names.append(form["UserName"])
        if action == "CreateRole":
            roles.append(form["RoleName"])
        return action, self.keys_in(text) if "<SecretAccessKey>" in text else None

    def test_nobody_gets_past_the_boundary_of_a_delegated_administrator(self):
        dice = random.Random(SEED)
        admin, edge = self.delegate()
        ceiling = {("s3:GetObject", "inside"), ("s3:ListBucket", "inside")}
        self.new_user("boss")
        self.call(self.root, "AttachUserPolicy", UserName="boss", PolicyArn=ADMIN)
        self.call(self.root, "CreateRole", RoleName="bosses-role", AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.number}:user/boss"}, "Action": "sts:AssumeRole"}))
        self.call(self.root, "AttachRolePolicy", RoleName="bosses-role", PolicyArn=ADMIN)
        self.call(self.root, "CreateGroup", GroupName="bosses")
        self.call(self.root, "AttachGroupPolicy", GroupName="bosses", PolicyArn=ADMIN)
        names, roles, actors, done, refused = ["boss", "delegate"], ["bosses-role"], [admin], {}, 0
        for round_number in range(ROUNDS * 5):
            who = admin if dice.random() < 0.6 else dice.choice(actors)
            try:
                action, made = self.attempt(dice, who, edge, names, roles)
                done[action] = done.get(action, 0) + 1
                if made:
                    actors = [admin, *actors[-6:], made]
            except Denied:
                refused += 1
                continue
            for actor in actors[-3:]:
                found = self.may(actor)
                self.assertLessEqual(found, ceiling, f"seed {SEED} round {round_number}, after {action}")
        for name in names[1:]:
            user = self.call(self.root, "GetUser", UserName=name)
            self.assertIn(f"<PermissionsBoundaryArn>{edge}<", user, name)
        self.assertGreater(len(done), 10, done)
        self.assertEqual(self.may(admin), ceiling)
        print(f"{sum(done.values())} of {ROUNDS * 5} attempts were allowed, {len(names)} users, {len(roles)} roles: {done}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
