"""The bucket as boto3 sees it."""

import boto3
from botocore.config import Config


class Look:
    """What is below a prefix."""

    def __init__(self, given):
        self.bucket = given.bucket
        self.s3 = boto3.client("s3", endpoint_url=given.endpoint, region_name="us-east-1",
                               aws_access_key_id=given.access_key, aws_secret_access_key=given.secret_key,
                               verify=str(given.ca) if given.ca else None,
                               config=Config(s3={"addressing_style": "path"}))

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def pending(self, prefix=""):
        pages = self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Uploads", [])]

    def nothing_below(self, prefix):
        left = self.keys(prefix) + self.pending(prefix)
        assert not left, f"{len(left)} left below {prefix}: {left[:5]}"


def equal(seen, expected):
    assert seen == expected, f"{seen} instead of {expected}"
