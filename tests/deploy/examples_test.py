#!/usr/bin/env python3
"""deploy/examples/bucket.tf: read as Terraform reads it, and what the AWS provider then asks put to a real server. Terraform itself does not run here."""

import tempfile
import unittest
from pathlib import Path

from chart_test import ROOT

import hcl2
from hcl2.utils import SerializationOptions
from kelpdev.process import KelpProcess
from kelpdev.s3 import Client

# What the provider reads of a bucket each time, and the codes besides 200 that it takes for "nothing is set".
READS = {"policy": "NoSuchBucketPolicy", "acl": None, "cors": "NoSuchCORSConfiguration", "website": "NoSuchWebsiteConfiguration", "versioning": None,
         "accelerate": None, "requestPayment": None, "logging": None, "lifecycle": "NoSuchLifecycleConfiguration",
         "replication": "ReplicationConfigurationNotFoundError", "encryption": "ServerSideEncryptionConfigurationNotFoundError",
         "object-lock": "ObjectLockConfigurationNotFoundError", "location": None, "tagging": "NoSuchTagSet"}
KNOWN_PARTS = {"aws_s3_bucket": {"bucket"}, "aws_s3_bucket_versioning": {"bucket", "versioning_configuration"},
               "aws_s3_bucket_lifecycle_configuration": {"bucket", "rule"}}


def blocks(parsed, kind):
    """(labels, body) of each block of a kind."""
    for block in parsed.get(kind, []):
        labels = []
        while len(block) == 1 and isinstance(next(iter(block.values())), dict) and len(labels) < {"resource": 2, "provider": 1, "variable": 1}[kind]:
            (label, block), = block.items()
            labels.append(label)
        yield labels, block


class BucketByTerraform(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        plain = SerializationOptions(strip_string_quotes=True, explicit_blocks=False)
        cls.parsed = hcl2.loads((ROOT / "deploy/examples/bucket.tf").read_text(), serialization_options=plain)
        cls.resources = {labels[0]: body for labels, body in blocks(cls.parsed, "resource")}
        (_, cls.provider), = blocks(cls.parsed, "provider")

    def test_the_provider_asks_kelp_alone(self):
        for flag in ("s3_use_path_style", "skip_credentials_validation", "skip_metadata_api_check", "skip_requesting_account_id", "skip_region_validation"):
            self.assertIs(self.provider[flag], True, flag)
        endpoints, = self.provider["endpoints"]
        self.assertEqual(endpoints, dict.fromkeys(("s3", "iam", "sts"), "${var.endpoint}"))
        (labels, variable), = blocks(self.parsed, "variable")
        self.assertEqual((labels, variable["default"]), (["endpoint"], "http://127.0.0.1:8333"))
        self.assertNotIn("secret_key", self.provider, "keys stand in the environment")

    def test_every_resource_is_one_whose_calls_are_known(self):
        self.assertEqual({kind: set(body) for kind, body in self.resources.items()}, KNOWN_PARTS)
        for kind, body in self.resources.items():
            if kind != "aws_s3_bucket":
                self.assertEqual(body["bucket"], "${aws_s3_bucket.lakehouse.id}", kind)

    def test_kelp_answers_what_the_provider_asks(self):
        bucket = "/" + self.resources["aws_s3_bucket"]["bucket"]
        status = self.resources["aws_s3_bucket_versioning"]["versioning_configuration"][0]["status"]
        with tempfile.TemporaryDirectory(prefix="kelp-examples-") as folder, KelpProcess(Path(folder) / "server") as kelp:
            client = Client(kelp.endpoint, *kelp.keys)
            self.addCleanup(client.close)
            client.must("PUT", bucket)
            client.must("HEAD", bucket)
            for read, unset in READS.items():
                answer = client.request("GET", bucket, [(read, "")])
                self.assertIn((answer.status, answer.code), [(200, answer.code), (404, unset)], read)
            client.must("PUT", bucket, [("versioning", "")], f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode())
            self.assertIn(f"<Status>{status}</Status>".encode(), client.must("GET", bucket, [("versioning", "")]).body)
            self.lifecycle(client, bucket)
            client.must("DELETE", bucket, [("lifecycle", "")])
            client.must("DELETE", bucket)

    def lifecycle(self, client, bucket):
        """The provider writes the rule and waits until it reads it back as it was, with the size of transitions in a header."""
        rule, = self.resources["aws_s3_bucket_lifecycle_configuration"]["rule"]
        days, parts = (rule[key][0] for key in ("noncurrent_version_expiration", "abort_incomplete_multipart_upload"))
        inside = (f"<ID>{rule['id']}</ID>", "<Filter></Filter>", f"<Status>{rule['status']}</Status>",
                  f"<NoncurrentVersionExpiration><NoncurrentDays>{days['noncurrent_days']}</NoncurrentDays></NoncurrentVersionExpiration>",
                  f"<AbortIncompleteMultipartUpload><DaysAfterInitiation>{parts['days_after_initiation']}</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
        size = {"x-amz-transition-default-minimum-object-size": "all_storage_classes_128K"}
        client.must("PUT", bucket, [("lifecycle", "")], f"<LifecycleConfiguration><Rule>{''.join(inside)}</Rule></LifecycleConfiguration>".encode(), size)
        back = client.must("GET", bucket, [("lifecycle", "")])
        self.assertEqual({name: back.headers[name] for name in size}, size)
        for part in inside:
            if part != "<Filter></Filter>":  # which may be written in two ways
                self.assertIn(part, back.body.decode())
        self.assertRegex(back.body.decode(), "<Filter( ?/|></Filter)>|<Filter><Prefix")


if __name__ == "__main__":
    unittest.main(verbosity=2)
