#!/usr/bin/env python3
"""What is taken away from groups and roles is gone for who had it, and tags decide where policies ask for them; with each action's errors and pages."""

import json
import unittest

from boto3_world import Server
from iam_world import IamCase, client, of_session, policy

THUMB = "0123456789abcdef0123456789ABCDEF01234567"


class Holders:
    """Policies of one kind; a subclass names the kind, and who has what it holds."""

    kind = None
    inline_bytes = 0

    def call(self, action, **arguments):
        """`action` with the kind's name for KIND, of this test's holder unless `name` says another one."""
        name = arguments.pop("name", self.holder)
        return getattr(self.iam, action.replace("KIND", self.kind))(**{f"{self.kind.title()}Name": name}, **arguments)

    def test_an_inline_policy_that_is_deleted_allows_nothing(self):
        document = policy("iam:ListUsers")
        self.refused("AccessDenied", self.who().list_users)
        self.call("put_KIND_policy", PolicyName="lists", PolicyDocument=document)
        self.who().list_users()
        got = self.call("get_KIND_policy", PolicyName="lists")
        self.assertEqual((got["PolicyName"], got[f"{self.kind.title()}Name"]), ("lists", self.holder))
        self.assertEqual(got["PolicyDocument"], json.loads(document))
        self.call("delete_KIND_policy", PolicyName="lists")
        self.refused("AccessDenied", self.who().list_users)
        self.assertEqual(self.call("list_KIND_policies")["PolicyNames"], [])
        for action in ("get_KIND_policy", "delete_KIND_policy"):
            self.refused("NoSuchEntity", self.call, action=action, PolicyName="lists")
            self.refused("NoSuchEntity", self.call, action=action, name="nobody", PolicyName="lists")
            self.refused("ValidationError", self.call, action=action, PolicyName="a/b")
        self.refused("NoSuchEntity", self.call, action="list_KIND_policies", name="nobody")

    def test_inline_policies_come_in_pages_and_have_a_limit(self):
        names = [f"p{number}" for number in range(5)]
        for name in names:
            self.call("put_KIND_policy", PolicyName=name, PolicyDocument=policy("iam:ListUsers"))
        first = self.call("list_KIND_policies", MaxItems=2)
        self.assertEqual((first["PolicyNames"], first["IsTruncated"]), (names[:2], True))
        pages = self.iam.get_paginator(f"list_{self.kind}_policies").paginate(
            **{f"{self.kind.title()}Name": self.holder}, PaginationConfig={"PageSize": 2})
        self.assertEqual([page["PolicyNames"] for page in pages], [names[:2], names[2:4], names[4:]])
        arn = "arn:aws:s3:::"
        left = self.inline_bytes - sum(len(policy("iam:ListUsers", what).replace(" ", "")) for what in ["*"] * 5 + [arn])
        self.call("put_KIND_policy", PolicyName="fits", PolicyDocument=policy("iam:ListUsers", arn + "a" * left))
        self.refused("LimitExceeded", self.call, action="put_KIND_policy", PolicyName="fits",
                     PolicyDocument=policy("iam:ListUsers", arn + "a" * (left + 1)))

    def test_a_managed_policy_that_is_detached_allows_nothing(self):
        arn = self.new_policy("iam:ListUsers")
        self.call("attach_KIND_policy", PolicyArn=arn)
        self.who().list_users()
        self.assertEqual([each["PolicyArn"] for each in self.call("list_attached_KIND_policies")["AttachedPolicies"]], [arn])
        self.call("detach_KIND_policy", PolicyArn=arn)
        self.refused("AccessDenied", self.who().list_users)
        self.assertEqual(self.call("list_attached_KIND_policies")["AttachedPolicies"], [])
        self.assertEqual(self.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 0)
        self.refused("NoSuchEntity", self.call, action="detach_KIND_policy", PolicyArn=arn)
        self.refused("NoSuchEntity", self.call, action="detach_KIND_policy", name="nobody", PolicyArn=arn)
        self.refused("NoSuchEntity", self.call, action="list_attached_KIND_policies", name="nobody")
        self.refused("NoSuchEntity", self.call, action="attach_KIND_policy", PolicyArn=arn + "-none")
        for action in ("attach_KIND_policy", "detach_KIND_policy"):
            self.refused("ValidationError", self.call, action=action, PolicyArn="not an arn, but long enough")
        self.iam.delete_policy(PolicyArn=arn)

    def test_attached_policies_come_in_pages_by_path_and_have_a_limit(self):
        arns = [self.new_policy("iam:ListUsers", Path="/even/" if number % 2 == 0 else "/odd/") for number in range(11)]
        for arn in arns[:10]:
            self.call("attach_KIND_policy", PolicyArn=arn)
        self.refused("LimitExceeded", self.call, action="attach_KIND_policy", PolicyArn=arns[10])
        self.call("attach_KIND_policy", PolicyArn=arns[0])
        pages = self.iam.get_paginator(f"list_attached_{self.kind}_policies").paginate(
            **{f"{self.kind.title()}Name": self.holder}, PaginationConfig={"PageSize": 4})
        listed = [[each["PolicyArn"] for each in page["AttachedPolicies"]] for page in pages]
        self.assertEqual([len(page) for page in listed], [4, 4, 2])
        self.assertEqual(sorted(sum(listed, [])), sorted(arns[:10]))
        even = self.call("list_attached_KIND_policies", PathPrefix="/even/")["AttachedPolicies"]
        self.assertEqual(sorted(each["PolicyArn"] for each in even), sorted(arns[:10:2]))

    def new_policy(self, action, **more):
        return self.iam.create_policy(PolicyName=self.name("policy"), PolicyDocument=policy(action), **more)["Policy"]["Arn"]


class OfGroups(Holders, IamCase):
    kind, inline_bytes = "group", 5120

    def setUp(self):
        super().setUp()
        self.holder = self.name("group")
        self.iam.create_group(GroupName=self.holder)
        member, self.keys = self.new_user()
        self.iam.add_user_to_group(GroupName=self.holder, UserName=member)

    def who(self):
        return client("iam", self.keys)


class OfRoles(Holders, IamCase):
    kind, inline_bytes = "role", 10240

    def setUp(self):
        super().setUp()
        role = self.new_role({"AWS": self.account})
        self.holder = role["RoleName"]
        self.session = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]

    def who(self):
        return of_session("iam", self.session)


class Tagged:
    """Tags of one kind; a subclass has `target` (the argument that names it), `other` (one that is not there) and `what` (how actions name the kind)."""

    what = None

    def tags(self):
        return {each["Key"]: each["Value"] for each in self.call("list_WHAT_tags")["Tags"]}

    def call(self, action, **arguments):
        target = arguments.pop("target", self.target)
        return getattr(self.iam, action.replace("WHAT", self.what))(**target, **arguments)

    def add(self, **tags):
        return self.call("tag_WHAT", Tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    def test_tags_are_added_replaced_and_taken_away(self):
        self.assertEqual(self.tags(), {})
        self.add(team="red", cost="1 €")
        self.assertEqual(self.tags(), {"team": "red", "cost": "1 €"})
        self.add(TEAM="blue")
        self.assertEqual(self.tags(), {"TEAM": "blue", "cost": "1 €"}, "keys are the same in any case")
        self.assertEqual({each["Key"]: each["Value"] for each in self.shown()}, self.tags())
        self.call("untag_WHAT", TagKeys=["team", "never-there"])
        self.assertEqual(self.tags(), {"cost": "1 €"})

    def test_tags_come_in_pages_and_have_a_limit(self):
        self.add(**{f"k{number:02}": str(number) for number in range(50)})
        self.refused("LimitExceeded", self.add, more="1")
        self.add(k00="again")
        seen, marker = [], {}
        while True:
            page = self.call("list_WHAT_tags", MaxItems=20, **marker)
            seen.append([each["Key"] for each in page["Tags"]])
            if not page["IsTruncated"]:
                break
            marker = {"Marker": page["Marker"]}
        self.assertEqual([len(page) for page in seen], [20, 20, 10])
        self.assertEqual(sum(seen, []), [f"k{number:02}" for number in range(50)])

    def test_wrong_tags_are_refused(self):
        self.refused("InvalidInput", self.call, action="tag_WHAT", Tags=[{"Key": "aws:team", "Value": "red"}])
        self.refused("InvalidInput", self.call, action="tag_WHAT", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
        self.refused("ValidationError", self.call, action="tag_WHAT", Tags=[{"Key": "a" * 129, "Value": "1"}])
        self.refused("ValidationError", self.call, action="tag_WHAT", Tags=[{"Key": "a", "Value": "b" * 257}])
        self.assertEqual(self.tags(), {})
        for action, more in (("tag_WHAT", {"Tags": [{"Key": "a", "Value": "b"}]}), ("untag_WHAT", {"TagKeys": ["a"]}), ("list_WHAT_tags", {})):
            self.refused("NoSuchEntity", self.call, action=action, target=self.other, **more)

    def test_who_may_tag_with_what(self):
        """aws:RequestTag and aws:TagKeys, of which tagging itself is asked."""
        plain = self.what.replace("_", "")
        _, keys = self.new_user(policy(f"iam:Tag{plain}", Condition={"StringEquals": {"aws:RequestTag/team": "red"}}),
                                policy(f"iam:Untag{plain}", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["cost"]}}))
        self.add(team="blue", cost="1")
        root, self.iam = self.iam, client("iam", keys)
        self.refused("AccessDenied", self.add, team="blue")
        self.add(team="red")
        self.refused("AccessDenied", self.call, action="untag_WHAT", TagKeys=["team"])
        self.refused("AccessDenied", self.call, action="untag_WHAT", TagKeys=["cost", "team"])
        self.call("untag_WHAT", TagKeys=["cost"])
        self.iam = root
        self.assertEqual(self.tags(), {"team": "red"})


class OfTaggedUsers(Tagged, IamCase):
    what = "user"

    def setUp(self):
        super().setUp()
        name, _ = self.new_user()
        self.target, self.other = {"UserName": name}, {"UserName": "nobody"}

    def shown(self):
        return self.iam.get_user(**self.target)["User"]["Tags"]


class OfTaggedRoles(Tagged, IamCase):
    what = "role"

    def setUp(self):
        super().setUp()
        self.role = self.new_role({"AWS": self.account})
        self.target, self.other = {"RoleName": self.role["RoleName"]}, {"RoleName": "nobody"}

    def shown(self):
        return self.iam.get_role(**self.target)["Role"]["Tags"]

    def test_a_tag_of_the_role_decides_who_may_change_it(self):
        _, keys = self.new_user(policy("iam:UpdateRoleDescription", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}),
                                policy("iam:DeleteRole", Condition={"StringEquals": {"iam:ResourceTag/team": "red"}}))
        change = {**self.target, "Description": "of the red team"}
        user = client("iam", keys)
        self.refused("AccessDenied", user.update_role_description, **change)
        self.add(team="red")
        self.assertEqual(user.update_role_description(**change)["Role"]["Description"], "of the red team")
        self.call("untag_WHAT", TagKeys=["team"])
        self.refused("AccessDenied", user.update_role_description, **change)
        self.refused("AccessDenied", user.delete_role, **self.target)
        self.add(team="red")
        user.delete_role(**self.target)

    def test_a_tag_of_the_role_is_one_of_its_sessions(self):
        root, bucket = client("s3"), self.name("tagged-role")
        root.create_bucket(Bucket=bucket)
        for team in ("red", "blue"):
            root.put_object(Bucket=bucket, Key=f"{team}/k", Body=team.encode())
        self.iam.put_role_policy(**self.target, PolicyName="own", PolicyDocument=policy(
            "s3:GetObject", f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*"))
        read = of_session("s3", self.sts.assume_role(RoleArn=self.role["Arn"], RoleSessionName="job")["Credentials"]).get_object

        def check(let_in):
            for team in ("red", "blue"):
                if team == let_in:
                    self.assertEqual(read(Bucket=bucket, Key=f"{team}/k")["Body"].read(), team.encode())
                else:
                    self.refused("AccessDenied", read, Bucket=bucket, Key=f"{team}/k")
        check("")
        for team in ("red", "blue"):
            self.add(team=team)
            check(team)
        self.call("untag_WHAT", TagKeys=["team"])
        check("")


class OfTaggedPolicies(Tagged, IamCase):
    what = "policy"

    def setUp(self):
        super().setUp()
        arn = self.iam.create_policy(PolicyName=self.name("policy"), PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        self.target, self.other = {"PolicyArn": arn}, {"PolicyArn": arn + "-none"}

    def shown(self):
        return self.iam.get_policy(**self.target)["Policy"]["Tags"]

    def test_a_tag_of_the_policy_decides_who_may_change_it(self):
        _, keys = self.new_user(policy("iam:*"), policy("iam:DeletePolicy", effect="Deny",
                                                        Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}))
        user = client("iam", keys)
        self.add(team="red")
        self.refused("AccessDenied", user.delete_policy, **self.target)
        self.call("untag_WHAT", TagKeys=["team"])
        user.delete_policy(**self.target)

    def test_policies_of_the_system_are_not_tagged(self):
        system = {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        self.refused("AccessDenied", self.call, action="tag_WHAT", target=system, Tags=[{"Key": "a", "Value": "b"}])
        self.refused("AccessDenied", self.call, action="untag_WHAT", target=system, TagKeys=["a"])
        self.assertEqual(self.call("list_WHAT_tags", target=system)["Tags"], [])


class OfTaggedProviders(Tagged, IamCase):
    what = "open_id_connect_provider"

    def setUp(self):
        super().setUp()
        arn = self.iam.create_open_id_connect_provider(Url=f"https://{self.name('idp')}.example.com", ClientIDList=["app"],
                                                       ThumbprintList=[THUMB])["OpenIDConnectProviderArn"]
        self.target, self.other = {"OpenIDConnectProviderArn": arn}, {"OpenIDConnectProviderArn": arn + "none"}

    def shown(self):
        return self.iam.get_open_id_connect_provider(**self.target)["Tags"]

    def test_a_tag_of_the_provider_decides_who_may_change_it(self):
        _, keys = self.new_user(policy("iam:DeleteOpenIDConnectProvider", Condition={"StringEquals": {"iam:ResourceTag/team": "red"}}))
        user = client("iam", keys)
        self.refused("AccessDenied", user.delete_open_id_connect_provider, **self.target)
        self.add(team="red")
        user.delete_open_id_connect_provider(**self.target)

    def prints(self):
        return self.iam.get_open_id_connect_provider(**self.target)["ThumbprintList"]

    def test_thumbprints_are_replaced(self):
        self.assertEqual(self.prints(), [THUMB])
        update = self.iam.update_open_id_connect_provider_thumbprint
        five = [f"{number:040x}" for number in range(5)]
        update(**self.target, ThumbprintList=five)
        self.assertEqual(self.prints(), five)
        self.refused("LimitExceeded", update, **self.target, ThumbprintList=[*five, THUMB])
        self.refused("ValidationError", update, **self.target, ThumbprintList=["x" * 40])
        self.refused("NoSuchEntity", update, **self.other, ThumbprintList=[THUMB])
        self.assertEqual(self.prints(), five)
        update(**self.target, ThumbprintList=[])
        self.assertEqual(self.prints(), [])

    def test_client_ids_come_and_go(self):
        def ids():
            return self.iam.get_open_id_connect_provider(**self.target)["ClientIDList"]
        add, remove = self.iam.add_client_id_to_open_id_connect_provider, self.iam.remove_client_id_from_open_id_connect_provider
        add(**self.target, ClientID="web")
        add(**self.target, ClientID="web")
        self.assertEqual(ids(), ["app", "web"])
        remove(**self.target, ClientID="app")
        remove(**self.target, ClientID="app")
        self.assertEqual(ids(), ["web"])
        for call in (add, remove):
            self.refused("NoSuchEntity", call, **self.other, ClientID="web")


setUpModule, tearDownModule = Server.start, Server.stop


if __name__ == "__main__":
    unittest.main()
