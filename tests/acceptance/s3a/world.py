"""What hadoop-aws's tests expect to find beside an empty bucket: public data, a role, a key."""

import gzip
import hashlib
import http.client
import json
import random
import ssl
import urllib.parse
from xml.etree import ElementTree

from kelpdev.s3 import quote, sign

# On AWS these are buckets of others; the tests name the first in their code, and want this file in it.
NAMED_BUCKET, NAMED_FILE = "noaa-cors-pds", "raw/2023/017/ohfh/OHFH017d.23_.gz"
PUBLIC_BUCKET, MANY = "s3a-public-data", 3100
SEALED_BUCKET = "s3a-sealed"
ROLE = "s3a-tests"


class World:
    """Requests with the keys of a run. One connection; not for several threads."""

    def __init__(self, given):
        self.given = given
        if given.secure:
            self.connection = http.client.HTTPSConnection(given.host, context=ssl.create_default_context(cafile=given.ca))
        else:
            self.connection = http.client.HTTPConnection(given.host)

    def ask(self, method, path, query=(), body=b"", headers=None, service="s3"):
        """The answer's headers and body; any status but 2xx raises."""
        payload = hashlib.sha256(body).hexdigest()
        signed = sign(method, self.given.host, quote(path), list(query), headers or {}, payload, self.given.access_key,
                      self.given.secret_key, service=service)
        pairs = "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in query)
        self.connection.request(method, quote(path) + (f"?{pairs}" if pairs else ""), body=body, headers=signed)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path} {query}: {answer.status} {text[:500]}")
        return answer.headers, text

    def query(self, service, action, **parameters):
        """An action of IAM or STS: its answer as a tree."""
        words = {"Action": action, "Version": "2010-05-08" if service == "iam" else "2011-06-15", **parameters}
        _, text = self.ask("POST", "/", body=urllib.parse.urlencode(words).encode(), service=service,
                           headers={"content-type": "application/x-www-form-urlencoded"})
        return ElementTree.fromstring(text)

    def role(self):
        """The ARN of a role that may do everything and that the account's own may take."""
        account = self.query("sts", "GetCallerIdentity").findtext(".//{*}Account")
        trust = policy(allow(f"arn:aws:iam::{account}:root", ["sts:AssumeRole"]))
        try:
            made = self.query("iam", "CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=trust)
        except RuntimeError as error:
            if "EntityAlreadyExists" not in str(error):
                raise
            made = self.query("iam", "GetRole", RoleName=ROLE)
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        self.query("iam", "PutRolePolicy", RoleName=ROLE, PolicyName="all", PolicyDocument=policy(everything))
        return made.findtext(".//{*}Role/{*}Arn")

    def let_lists_count(self):
        """Access control lists are refused by a new bucket, as on AWS."""
        self.ask("PUT", f"/{self.given.bucket}", [("ownershipControls", "")],
                 b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>")

    def sealed_bucket(self):
        """Makes the bucket whose default is SSE-KMS with a key that has a name; the key's ARN."""
        self.ask("PUT", f"/{SEALED_BUCKET}")
        headers, _ = self.ask("PUT", f"/{SEALED_BUCKET}/key", headers={"x-amz-server-side-encryption": "aws:kms"})
        self.ask("DELETE", f"/{SEALED_BUCKET}/key")
        arn = headers["x-amz-server-side-encryption-aws-kms-key-id"]
        self.ask("PUT", f"/{SEALED_BUCKET}", [("encryption", "")], (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
            f"<KMSMasterKeyID>{arn}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>"
            "</ServerSideEncryptionConfiguration>").encode())
        return arn

    def public_data(self):
        """A file that everybody may read, in the bucket that the tests name also one that nobody may delete."""
        noise = random.Random(7)
        body = gzip.compress("\n".join(f"{line},{noise.getrandbits(512):x}" for line in range(40_000)).encode(), mtime=0)
        for bucket in (NAMED_BUCKET, PUBLIC_BUCKET):
            every = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
            statements = [allow("*", ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"], every)]
            if bucket == NAMED_BUCKET:
                statements.append({**allow("*", ["s3:DeleteObject"], every), "Effect": "Deny"})
            self.ask("PUT", f"/{bucket}")
            self.ask("PUT", f"/{bucket}/{NAMED_FILE}", body=body)
            self.ask("DELETE", f"/{bucket}", [("publicAccessBlock", "")])
            self.ask("PUT", f"/{bucket}", [("policy", "")], policy(*statements).encode())
        for number in range(MANY):
            self.ask("PUT", f"/{PUBLIC_BUCKET}/many/{number % 10}/{number}")


def allow(who, actions, resources=None):
    said = {"Effect": "Allow", "Principal": "*" if who == "*" else {"AWS": who}, "Action": actions}
    return {**said, "Resource": resources} if resources else said


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
