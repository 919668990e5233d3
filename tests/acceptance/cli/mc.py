"""MinIO's client `mc`: what an operator of MinIO knows by heart works on Kelp."""

import json
import os
import re
import shlex
import urllib.error
import urllib.request

from shell import Shell, files_of, make_tree, same, same_tree

from kelpdev.process import wait_for  # shell.py has made it known


class Mc:
    def __init__(self, given, programs):
        self.shell = Shell(given, "mc", programs)
        self.shell.environment["MC_DISABLE_PAGER"] = "1"
        self.shell.page("mc")
        self.tree = make_tree(self.shell.folder / "tree")
        self.large = (self.tree / "large.bin").read_bytes()
        self.given = given

    def __call__(self, *words, **options):
        return self.shell.run("mc", "--quiet", *words, **options)

    def json(self, *words):
        return self.shell.lines("mc", "--json", *words)

    def bucket(self, name, *options):
        self("mb", *options, f"kelp/{name}")
        return f"kelp/{name}"

    def versions(self, target):
        """The version ids of a key, the newest first."""
        return [entry["versionId"] for entry in self.json("ls", "--versions", target)]

    def objects_in_parts_and_streams(self):
        bucket = self.bucket("mc-objects")
        self("cp", "--attr", "colour=green", "--tags", "a=b", self.tree / "large.bin", f"{bucket}/large")
        same(self("cat", f"{bucket}/large"), self.large)
        stat, = self.json("stat", f"{bucket}/large")
        same((stat["size"], stat["metadata"]["X-Amz-Meta-Colour"]), (len(self.large), "green"))
        self("pipe", "--part-size", "5MiB", f"{bucket}/piped", stdin=self.large)
        same(self("cat", "--offset", "20000000", f"{bucket}/piped"), self.large[20_000_000:])
        same(self("cat", "--tail", "7", f"{bucket}/piped"), self.large[-7:])
        self("put", "--part-size", "5MiB", "--parallel", "3", self.tree / "large.bin", f"{bucket}/put")
        self("get", f"{bucket}/put", self.shell.folder / "got")
        same((self.shell.folder / "got").read_bytes(), self.large)
        self("mv", f"{bucket}/put", f"{bucket}/moved/there")
        same(sorted(entry["key"] for entry in self.json("ls", bucket)), ["large", "moved/", "piped"])
        same([entry["key"].rsplit("/", 1)[1] for entry in self.json("find", bucket, "--name", "*e*", "--larger", "1MB")],
             ["large", "there", "piped"])
        same(self.json("du", bucket)[0]["objects"], 3)
        self("rb", "--force", bucket)

    def mirror_both_ways(self):
        bucket, down = self.bucket("mc-mirror"), self.shell.folder / "down"
        self("mirror", self.tree, f"{bucket}/tree")
        self("mirror", f"{bucket}/tree", down)
        same_tree(self.tree, down)
        same(self("diff", self.tree, f"{bucket}/tree"), b"")
        other = self.bucket("mc-mirrored")
        self("mirror", bucket, other)
        self("rm", f"{bucket}/tree/plain.txt")
        (down / "plain.txt").unlink()
        (down / "new").write_bytes(b"new")
        self("mirror", "--overwrite", "--remove", down, f"{other}/tree")
        same(sorted(entry["key"] for entry in self.json("ls", "--recursive", f"{other}/tree")), files_of(down))
        self("rb", "--force", bucket)
        self("rb", "--force", other)

    def versions_undo_and_rewind(self):
        bucket = self.bucket("mc-versions")
        self("version", "enable", bucket)
        same(self.json("version", "info", bucket)[0]["versioning"]["status"], "Enabled")
        for text in (b"one", b"two"):
            self("pipe", f"{bucket}/k", stdin=text)
        second, first = self.versions(f"{bucket}/k")
        same((self("cat", "--version-id", first, f"{bucket}/k"), self("cat", f"{bucket}/k")), (b"one", b"two"))
        self("rm", f"{bucket}/k")
        self("cat", f"{bucket}/k", fails=True)
        self("undo", f"{bucket}/k")
        same(self("cat", f"{bucket}/k"), b"two")
        self("rm", "--version-id", second, f"{bucket}/k")
        same(self("cat", f"{bucket}/k"), b"one")
        self("version", "suspend", bucket)
        same(self.json("version", "info", bucket)[0]["versioning"]["status"], "Suspended")
        self("rm", "--recursive", "--force", "--versions", bucket)
        same(self("ls", "--versions", bucket), b"")
        self("rb", bucket)

    def policies(self):
        bucket = self.bucket("mc-policy")
        self("pipe", f"{bucket}/open/k", stdin=b"body")
        address = f"{self.given.endpoint}/mc-policy/open/k"
        same(self.anonymous(address), 403)
        self("anonymous", "set", "download", bucket, fails=True)
        self.shell.open_to_public("mc-policy")
        self("anonymous", "set", "download", bucket)
        same(self.anonymous(address), b"body")
        same(self.json("anonymous", "get", bucket)[0]["permission"], "download")
        self("anonymous", "set", "none", bucket)
        self.soon_refused(address)
        self("anonymous", "set", "download", f"{bucket}/open/")
        same(self.anonymous(address), b"body")
        policy = self.shell.folder / "policy.json"
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"],
             "Resource": ["arn:aws:s3:::mc-policy/other/*"]}]}))
        self("anonymous", "set-json", policy, bucket)
        self.soon_refused(address)
        same(json.loads(self("anonymous", "get-json", bucket))["Statement"][0]["Resource"], ["arn:aws:s3:::mc-policy/other/*"])
        self("rb", "--force", bucket)

    def soon_refused(self, address):
        """What is forbidden through one gateway is forbidden through the others within two seconds."""
        wait_for(lambda: self.anonymous(address) == 403, f"403 for {address}", 3)

    def anonymous(self, address):
        """The body, or the status when it is refused."""
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error.code

    def shared_links(self):
        bucket = self.bucket("mc-share")
        self("cp", self.tree / "large.bin", f"{bucket}/a b/large")
        link, = self.json("share", "download", "--expire", "1h", f"{bucket}/a b/large")
        same(self.anonymous(link["share"]), self.large)
        same(self.anonymous(re.sub("X-Amz-Signature=.", "X-Amz-Signature=g", link["share"])), 403)
        form, = self.json("share", "upload", "--expire", "1h", f"{bucket}/up.bin")
        command = shlex.split(form["share"].replace("<FILE>", str(self.tree / "large.bin")))
        self.shell.run(*command, "--fail", "--silent", "--show-error")
        same(self("cat", f"{bucket}/up.bin"), self.large)
        self("rb", "--force", bucket)

    def retention_and_legal_hold(self):
        bucket = self.bucket("mc-lock", "--with-lock")
        self("retention", "set", "--default", "governance", "1d", bucket)
        self("pipe", f"{bucket}/k", stdin=b"kept")
        version, = self.versions(f"{bucket}/k")
        same(self.json("retention", "info", f"{bucket}/k")[0]["mode"], "GOVERNANCE")
        self("rm", "--version-id", version, f"{bucket}/k", fails=True)
        self("legalhold", "set", f"{bucket}/k")
        same(self.json("legalhold", "info", f"{bucket}/k")[0]["legalhold"], "ON")
        self("rm", "--bypass", "--version-id", version, f"{bucket}/k", fails=True)
        same(self("cat", f"{bucket}/k"), b"kept")
        self("legalhold", "clear", f"{bucket}/k")
        self("retention", "clear", "--default", bucket)
        self("rm", "--bypass", "--version-id", version, f"{bucket}/k")
        same(self("ls", "--versions", bucket), b"")
        self("rb", bucket)

    def tags_lifecycle_cors_encryption(self):
        bucket = self.bucket("mc-settings")
        self("pipe", f"{bucket}/k", stdin=b"1")
        self("tag", "set", f"{bucket}/k", "a=b&c=d")
        same(self.json("tag", "list", f"{bucket}/k")[0]["tagset"], {"a": "b", "c": "d"})
        self("tag", "set", bucket, "team=kelp")
        same(self.json("tag", "list", bucket)[0]["tagset"], {"team": "kelp"})
        self("ilm", "rule", "add", "--prefix", "logs/", "--expire-days", "3", "--noncurrent-expire-days", "1", bucket)
        rules = json.loads(self("ilm", "rule", "export", bucket))
        same((rules["Rules"][0]["Expiration"]["Days"], rules["Rules"][0]["Filter"]["Prefix"]), (3, "logs/"))
        self("ilm", "rule", "import", bucket, stdin=json.dumps(rules).replace('"Days": 3', '"Days": 4').encode())
        same(json.loads(self("ilm", "rule", "export", bucket))["Rules"][0]["Expiration"]["Days"], 4)
        cors = self.shell.folder / "cors.xml"
        cors.write_text('<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>'
                        "<AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
                        "</CORSConfiguration>")
        self("cors", "set", bucket, cors)
        assert b"https://a.example" in self("cors", "get", bucket)
        self("encrypt", "set", "sse-s3", bucket)
        assert b"sse-s3" in self("encrypt", "info", bucket).lower()
        self("encrypt", "clear", bucket)
        self("rb", "--force", bucket)

    def trailing_checksums(self):
        bucket = self.bucket("mc-checksums")
        for checksum in ("CRC32C", "SHA256", "CRC64NVME"):
            self("cp", "--checksum", checksum, self.tree / "large.bin", f"{bucket}/{checksum}")
            same(self("cat", f"{bucket}/{checksum}"), self.large)
        self("rb", "--force", bucket)

    def customer_keys(self):
        bucket = self.bucket("mc-keys")
        key = f"{bucket}/={os.urandom(32).hex()}"
        self("cp", "--enc-c", key, self.tree / "large.bin", f"{bucket}/k")
        same(self("cat", "--enc-c", key, f"{bucket}/k"), self.large)
        self("cat", f"{bucket}/k", fails=True)
        self("rb", "--force", bucket)


def run(checks, given, programs):
    mc = Mc(given, programs)
    for check in (mc.objects_in_parts_and_streams, mc.mirror_both_ways, mc.versions_undo_and_rewind, mc.policies,
                  mc.shared_links, mc.retention_and_legal_hold, mc.tags_lifecycle_cors_encryption, mc.trailing_checksums):
        checks.run(f"mc.{check.__name__}", check)
    if given.secure:  # customers' keys go over https alone
        checks.run("mc.customer_keys", mc.customer_keys)
