"""rclone, the AWS CLI, s3cmd and s5cmd with the configuration of their page, at what tests/s3/clients_test.py leaves out."""

import json
import os
import time
import urllib.request

from shell import Shell, make_tree, same, same_tree


class Copiers:
    def __init__(self, given, programs):
        self.given = given
        self.shell = Shell(given, "copiers", programs)
        self.tree = make_tree(self.shell.folder / "tree")
        self.large = (self.tree / "large.bin").read_bytes()
        self.plain = self.tree / "plain.txt"

    def buckets(self, *names):
        for name in names:
            self.shell.run("aws", "s3", "mb", f"s3://{name}")
        return names

    def aws_profile(self):
        self.shell.page_file("aws-config", ".aws/config")
        self.shell.page_file("aws-credentials", ".aws/credentials")
        self.shell.environment["AWS_PROFILE"] = "kelp"
        self.shell.run("aws", "s3", "ls")

    def aws_conditions_and_versions(self):
        bucket, = self.buckets("aws-more")

        def api(action, *words, **options):
            said = self.shell.text("aws", "s3api", action, "--bucket", bucket, *words, **options)
            return json.loads(said) if said.strip() and not options else said

        put = ["--key", "k", "--body", self.plain]
        first = api("put-object", *put, "--if-none-match", "*")
        api("put-object", *put, "--if-none-match", "*", fails=True)
        api("put-object", *put, "--if-match", '"0123456789abcdef0123456789abcdef"', fails=True)
        api("put-object", *put, "--if-match", first["ETag"])
        api("put-bucket-versioning", "--versioning-configuration", "Status=Enabled")
        api("put-object", "--key", "k", "--body", self.tree / "empty")
        same(sorted(entry["VersionId"] == "null" for entry in api("list-object-versions")["Versions"]), [False, True])
        api("get-object", "--key", "k", "--version-id", "null", self.shell.folder / "old")
        same((self.shell.folder / "old").read_bytes(), self.plain.read_bytes())

    def rclone_sync_check_and_move(self):
        self.shell.page_file("rclone", ".config/rclone/rclone.conf")
        rclone = ["rclone", "--s3-chunk-size", "5M", "--s3-upload-cutoff", "6M", "--s3-copy-cutoff", "6M"]
        one, other = self.buckets("rclone-one", "rclone-other")
        shell, down = self.shell, self.shell.folder / "rclone-down"
        shell.run(*rclone, "sync", "--s3-upload-concurrency", "8", "--transfers", "8", self.tree, f"kelp:{one}/tree")
        shell.run(*rclone, "check", "--download", self.tree, f"kelp:{one}/tree")
        shell.run(*rclone, "sync", f"kelp:{one}", f"kelp:{other}")  # copied by the server, the large one in parts
        shell.run(*rclone, "check", "--download", f"kelp:{one}", f"kelp:{other}")
        down.mkdir()
        shell.run(*rclone, "bisync", "--resync", f"kelp:{other}/tree", down)
        same_tree(self.tree, down)
        (down / "plain.txt").unlink()
        (down / "new.txt").write_bytes(b"new")
        shell.run(*rclone, "sync", "--backup-dir", f"kelp:{other}/gone", down, f"kelp:{other}/tree")
        shell.run(*rclone, "check", "--download", down, f"kelp:{other}/tree")
        same(shell.run(*rclone, "cat", f"kelp:{other}/gone/plain.txt"), self.plain.read_bytes())
        stamp = int(os.stat(self.tree / "large.bin").st_mtime)
        listed = json.loads(shell.run(*rclone, "lsjson", "--hash", f"kelp:{one}/tree/large.bin"))
        same(listed[0]["ModTime"][:19], time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(stamp)))
        link = shell.text(*rclone, "link", "--expire", "1h", f"kelp:{one}/tree/large.bin").strip()
        same(self.fetch(link), self.large)

    def rclone_versions_and_cleanup(self):
        bucket, = self.buckets("rclone-versions")
        self.shell.run("rclone", "backend", "versioning", f"kelp:{bucket}", "Enabled")
        for text in (b"one", b"two"):
            self.shell.run("rclone", "rcat", f"kelp:{bucket}/k", stdin=text)
        names = self.shell.text("rclone", "--s3-versions", "lsf", f"kelp:{bucket}").split()
        same(len(names), 2)
        bodies = [self.shell.run("rclone", "--s3-versions", "cat", f"kelp:{bucket}/{name}") for name in names]
        same(sorted(bodies), [b"one", b"two"])
        self.shell.run("rclone", "deletefile", f"kelp:{bucket}/k")
        self.shell.run("rclone", "backend", "cleanup-hidden", f"kelp:{bucket}")
        same(self.shell.text("rclone", "--s3-versions", "lsf", f"kelp:{bucket}"), "")
        self.shell.run("aws", "s3api", "create-multipart-upload", "--bucket", bucket, "--key", "never")
        self.shell.run("rclone", "backend", "cleanup", "-o", "max-age=0s", f"kelp:{bucket}")
        same(json.loads(self.shell.run("aws", "s3api", "list-multipart-uploads", "--bucket", bucket)).get("Uploads"), None)

    def s3cmd_settings(self):
        self.shell.page_file("s3cmd", ".s3cfg", {"use_https = True": f"use_https = {self.given.secure}"})
        bucket, = self.buckets("s3cmd-more")
        s3cmd = ["s3cmd"] + (["--ca-certs", self.given.ca] if self.given.ca else [])
        self.shell.run(*s3cmd, "put", "-q", "--multipart-chunk-size-mb=5", self.tree / "large.bin", f"s3://{bucket}/a b/large")
        self.shell.run(*s3cmd, "get", "-q", f"s3://{bucket}/a b/large", self.shell.folder / "s3cmd-large")
        same((self.shell.folder / "s3cmd-large").read_bytes(), self.large)
        policy = self.shell.folder / "policy"
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/open/*"}]}))
        self.shell.run(*s3cmd, "setpolicy", policy, f"s3://{bucket}", fails=True)
        self.shell.run("aws", "s3api", "delete-public-access-block", "--bucket", bucket)
        self.shell.run(*s3cmd, "setpolicy", policy, f"s3://{bucket}")
        self.shell.run(*s3cmd, "put", "-q", self.plain, f"s3://{bucket}/open/k")
        same(self.fetch(f"{self.given.endpoint}/{bucket}/open/k"), self.plain.read_bytes())
        self.shell.run(*s3cmd, "delpolicy", f"s3://{bucket}")
        self.shell.run(*s3cmd, "expire", "--expiry-days=3", "--expiry-prefix=logs/", f"s3://{bucket}")
        assert "<Days>3</Days>" in self.shell.text(*s3cmd, "getlifecycle", f"s3://{bucket}").replace(" ", "")
        self.shell.run(*s3cmd, "settagging", f"s3://{bucket}/open/k", "a=b&c=d")
        assert "c" in self.shell.text(*s3cmd, "gettagging", f"s3://{bucket}/open/k")
        self.shell.run(*s3cmd, "setversioning", f"s3://{bucket}", "enable")
        link = self.shell.text(*s3cmd, "signurl", f"s3://{bucket}/open/k", f"+{600}").strip()
        same(self.fetch(link.replace("http://", "https://") if self.given.secure else link), self.plain.read_bytes())
        self.shell.run("aws", "s3api", "create-multipart-upload", "--bucket", bucket, "--key", "never")
        words = self.shell.text(*s3cmd, "multipart", f"s3://{bucket}").split()
        self.shell.run(*s3cmd, "abortmp", f"s3://{bucket}/never", words[-1])
        assert "never" not in self.shell.text(*s3cmd, "multipart", f"s3://{bucket}").replace(bucket, "")

    def s5cmd_batches(self):
        self.shell.page_exports("s5cmd")
        bucket, = self.buckets("s5cmd-more")
        script = "".join(f"cp '{self.tree}/{name}' 's3://{bucket}/batch/{name}'\n"
                         for name in ("plain.txt", "large.bin", "empty"))
        self.shell.run("s5cmd", "run", stdin=script.encode())
        read = ["s5cmd", "cat", "--concurrency", "4", "--part-size", "5"]
        same(self.shell.run(*read, f"s3://{bucket}/batch/large.bin"), self.large)
        self.shell.run("s5cmd", "pipe", "--part-size", "5", f"s3://{bucket}/piped", stdin=self.large)
        same(self.fetch(self.shell.text("s5cmd", "presign", f"s3://{bucket}/piped").strip()), self.large)
        (self.shell.folder / "few").mkdir()
        (self.shell.folder / "few/plain.txt").write_bytes(b"new")
        self.shell.run("s5cmd", "sync", "--delete", f"{self.shell.folder}/few/", f"s3://{bucket}/batch/")
        listed = self.shell.lines("s5cmd", "--json", "ls", f"s3://{bucket}/*")
        same([entry["key"] for entry in listed], [f"s3://{bucket}/batch/plain.txt", f"s3://{bucket}/piped"])
        self.shell.run("s5cmd", "bucket-version", "--set", "Enabled", f"s3://{bucket}")
        self.shell.run("s5cmd", "rm", f"s3://{bucket}/*")
        self.shell.run("s5cmd", "rm", "--all-versions", f"s3://{bucket}/*")
        self.shell.run("s5cmd", "rb", f"s3://{bucket}")

    def fetch(self, address):
        with urllib.request.urlopen(address) as answer:
            return answer.read()


def run(checks, given, programs):
    copiers = Copiers(given, programs)
    copiers.aws_profile()
    checks.run("aws.conditions_and_versions", copiers.aws_conditions_and_versions)
    checks.run("rclone.sync_check_and_move", copiers.rclone_sync_check_and_move)
    checks.run("rclone.versions_and_cleanup", copiers.rclone_versions_and_cleanup)
    checks.run("s3cmd.settings", copiers.s3cmd_settings)
    checks.run("s5cmd.batches", copiers.s5cmd_batches)
