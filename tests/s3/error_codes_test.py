#!/usr/bin/env python3
"""The table of S3 errors (src/s3gw/s3_error.cc) beside AWS's model, and what asks for each of its codes.

A code is asked for by a case (cases/errors.toml has its row, cases_test.py sees that a case names it), or it needs a state
that the server of the cases is never in: then ELSEWHERE names the test that brings it about.
"""

import re
import sys
import tomllib
import unittest

from boto3_world import ROOT, boto3

TABLE = (ROOT / "src/s3gw/s3_error.cc").read_text()
ERRORS = tomllib.loads((ROOT / "tests/s3/cases/errors.toml").read_text())

# Where the service sends another text than the model's documentation of the error, that is another one here.
OTHER_TEXT = {"AccessDenied", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "InvalidObjectState", "InvalidRequest", "NoSuchUpload"}

ELSEWHERE = {
    "AnnotationLimitExceeded": "tests/s3/annotations_test.py",
    "ConditionalRequestConflict": "tests/unit/filer/appends_test.cc",
    "ExpiredToken": "tests/s3/service_accounts_test.py",
    "IllegalLocationConstraintException": "tests/s3/region_test.py",
    "InternalError": "tests/unit/s3gw/gateway_reads_test.cc",
    "MaxPostPreDataLengthExceeded": "tests/s3/attacks.py",
    "NotModified": "tests/s3/cases/conditions.toml",  # As a status: it has no body that could name it.
    "QuotaExceeded": "tests/fault/quota_test.py",
    "RequestTimeout": "tests/s3/slow_clients_test.py",
    "RestoreAlreadyInProgress": "tests/s3/restore_test.py",
    "ServiceUnavailable": "tests/s3/vault_test.py",
    "SlowDown": "tests/fault/disk_test.py",
    "TooManyBuckets": "tests/s3/bucket_limit_test.py",
    "TooManyConfigurations": "tests/unit/s3gw/gateway_configs_test.cc",
    "TooManyParts": "tests/unit/s3gw/appended_test.cc",
    "UnsupportedMediaType": "tests/s3/annotations_test.py",
}
# Such answers are named otherwise in the test.
NAMED_AS = {"NotModified": "304", "ConditionalRequestConflict": "kConditionConflict"}


def rows():
    """(code, status, text) of the table."""
    part = TABLE.partition("kTable = ")[2].partition("in_order()")[0]
    found = re.findall(r'\{k\w+,\s*\{"([\w.]+)",\s*(\d+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}\}', part)
    return {code: (int(status), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))) for code, status, text in found}


def plain(html):
    """The words of a documentation."""
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


class ErrorCodes(unittest.TestCase):
    def setUp(self):
        self.rows = rows()

    def test_the_table_was_read_whole(self):
        header = (ROOT / "src/s3gw/s3_error.h").read_text()
        listed = re.findall(r"^  k(\w+),$", header.partition("enum class S3Code")[2].partition("};")[0], re.M)
        self.assertGreater(len(listed), 90)
        self.assertEqual(len(self.rows), len(listed))

    def test_every_error_of_the_model_is_answered_with_its_status(self):
        model = boto3.session.Session()._session.get_service_data("s3")
        errors = {name: shape for name, shape in model["shapes"].items() if shape.get("exception")}
        self.assertGreaterEqual(len(errors), 20)
        named = {error["shape"] for operation in model["operations"].values() for error in operation.get("errors", ())}
        self.assertLessEqual(named, set(errors))
        for name, shape in errors.items():
            self.assertIn(name, set(self.rows), "an error of the model that Kelp has not")
            status, text = self.rows[name]
            self.assertEqual(status, shape["error"]["httpStatusCode"], name)
            same = plain(shape["documentation"]).startswith(text.rstrip("."))
            self.assertEqual(same, name not in OTHER_TEXT, f"{name}: {text!r}, the model {shape['documentation']!r}")

    def test_something_asks_for_every_code(self):
        for code in self.rows:
            places = [code in ERRORS, code in ELSEWHERE]
            self.assertEqual(sum(places), 1, f"{code}: errors.toml {places[0]}, ELSEWHERE {places[1]}")
        for code, path in ELSEWHERE.items():
            self.assertIn(code, self.rows)
            self.assertRegex((ROOT / path).read_text(), rf"\b{NAMED_AS.get(code, code)}\b", path)
        self.assertLessEqual(set(ERRORS), set(self.rows))

    def test_the_cases_expect_the_statuses_of_the_table(self):
        for code, row in ERRORS.items():
            self.assertEqual(row["status"], self.rows[code][0], code)

    def test_nothing_is_in_the_table_that_the_gateway_never_says(self):
        sources = [path for path in (ROOT / "src").rglob("*.[ch]*") if path.stem != "s3_error"]
        said = set().union(*(re.findall(r"\bk([A-Z]\w+)", path.read_text()) for path in sources))
        keys = re.findall(r"\{k(\w+),\s*\{\"", TABLE.partition("kTable = ")[2].partition("in_order()")[0])
        self.assertEqual([key for key in keys if key not in said], [])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
