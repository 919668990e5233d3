"""A running Kelp and boto3 clients for it, over http and over https; installs boto3 where it is missing.

Importing it starts the program anew in an environment that has boto3; with KELP_PLAIN_BOTO3 in one that has nothing else, above all
no awscrt: all of botocore is Python then, its signatures and trailers, too.
"""

import os
import sys
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.certificates import self_signed  # noqa: E402
from kelpdev.process import KelpProcess, free_port  # noqa: E402
from kelpdev.tls_threads import name_protocols_once  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

PLAIN = "KELP_PLAIN_BOTO3" in os.environ
VENV = environment(*(("boto3-plain", Path(__file__).parent / "requirements-plain.txt") if PLAIN else
                     ("s3-clients", Path(__file__).parent / "requirements.txt")))
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import boto3  # noqa: E402
import botocore.config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

name_protocols_once()


def client_of(kelp, keys=None, endpoint=None, verify=None, **config):
    """A boto3 client of a KelpProcess, of its first account unless `keys` say another one; tries each call once."""
    access, secret = keys or kelp.keys
    config = botocore.config.Config(retries={"total_max_attempts": 1}, **config)
    return boto3.client("s3", endpoint_url=endpoint or kelp.endpoint, region_name="us-east-1", verify=verify,
                        aws_access_key_id=access, aws_secret_access_key=secret, config=config)


def over_both(cases):
    """The test classes Http and Https of a module's cases, which derive from World."""
    return [type(name, (cases, unittest.TestCase), {"__module__": cases.__module__, "transport": name.lower()})
            for name in ("Http", "Https")]


class Server:
    """One Kelp for both transports: start() and stop() are a module's setUpModule and tearDownModule."""

    @classmethod
    def start(cls, *options, settings=""):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-boto3-")
        work = Path(cls.scratch.name)
        cls.certificate, key = work / "cert.pem", work / "key.pem"
        self_signed(cls.certificate, key)
        config = work / "kelp.toml"
        config.write_text(settings + '[[s3.identity]]\nname = "second"\naccess_key = "second-account"\n'
                          'secret_key = "second-secret-key-0123456789"\n')
        cls.tls_port = free_port()
        cls.tls_files = ("--tls-cert", str(cls.certificate), "--tls-key", str(key))
        cls.kelp = KelpProcess(work / "server", "--config", str(config), "--tls-listen", f"127.0.0.1:{cls.tls_port}",
                               *cls.tls_files, *options)
        cls.kelp.start()

    @classmethod
    def stop(cls):
        cls.kelp.stop()
        cls.scratch.cleanup()


class World:
    """What the cases of a transport have in common; `self.transport` is http or https, `self.s3` the client."""

    bucket_count = 0

    def new_bucket(self, **options):
        World.bucket_count += 1
        name = f"{self.transport}-{World.bucket_count}"
        self.s3.create_bucket(Bucket=name, **options)
        return name

    def put(self, bucket, key, body, **options):
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def get(self, bucket, key, **options):
        return self.s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()

    def refused(self, code, status, call, **options):
        with self.assertRaises(ClientError) as caught:
            call(**options)
        answer = caught.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
        return answer

    def one_creator_wins(self, bucket, key, creators):
        """Lets so many put a key at once that must not be there: one does, and its body is what is kept."""
        won = []

        def write(number):
            try:
                self.put(bucket, key, str(number).encode(), IfNoneMatch="*")
                won.append(number)
            except ClientError as error:
                self.assertIn(error.response["Error"]["Code"], ("PreconditionFailed", "ConditionalRequestConflict"))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(creators)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(won), 1)
        self.assertEqual(self.get(bucket, key), str(won[0]).encode())

    @property
    def certificate(self):
        return Server.certificate

    def make_client(self, access=None, secret=None, **config):
        endpoint = f"https://127.0.0.1:{Server.tls_port}" if self.transport == "https" else None
        keys = (access or Server.kelp.keys[0], secret or Server.kelp.keys[1])
        return client_of(Server.kelp, keys, endpoint, str(Server.certificate), **config)

    def setUp(self):
        self.s3 = self.make_client()
