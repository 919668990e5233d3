"""A running Kelp that serves files over HTTP, a plain client for it, and boto3 beside it.

Importing it starts the program anew in an environment that has boto3 (tests/s3/boto3_world.py).
"""

import base64
import http.client
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/s3"))
import boto3_world  # noqa: E402  first: it puts tools/ on the path and boto3 within reach
from kelpdev.process import KelpProcess  # noqa: E402

SECOND = ("second-account", "second-secret-key-0123456789")


def basic(keys):
    return "Basic " + base64.b64encode(":".join(keys).encode()).decode()


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def text(self):
        return self.body.decode()


class FilesWorld:
    """One server for a module's cases: start() and stop() are the module's setUp and tearDown."""

    @classmethod
    def start(cls, *options):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-files-")
        cls.work = Path(cls.scratch.name)
        config = cls.work / "kelp.toml"
        config.write_text(f'[[s3.identity]]\nname = "second"\naccess_key = "{SECOND[0]}"\nsecret_key = "{SECOND[1]}"\n')
        cls.kelp = KelpProcess(cls.work / "server", "--config", str(config), "--filer-http", "127.0.0.1:0", *options)
        cls.kelp.start()
        cls.url = f"http://{cls.kelp.ready['files']}"
        cls.s3 = boto3_world.client_of(cls.kelp)

    @classmethod
    def stop(cls):
        code = cls.kelp.stop()
        cls.scratch.cleanup()
        if code != 0:
            raise RuntimeError(f"kelp ended with {code}")

    @classmethod
    def connect(cls):
        return http.client.HTTPConnection(cls.kelp.ready["files"], timeout=60)

    @classmethod
    def ask(cls, method, target, body=None, headers=(), keys=None):
        """One request on a connection of its own; `target` is sent as it is. Without credentials for keys=()."""
        connection = cls.connect()
        sent = dict(headers)
        if keys != ():
            sent["Authorization"] = basic(keys or cls.kelp.keys)
        try:
            connection.request(method, target, body=body, headers=sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    @classmethod
    def get_s3(cls, bucket, key):
        return cls.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    @classmethod
    def keys_of(cls, bucket):
        return [item["Key"] for item in cls.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
