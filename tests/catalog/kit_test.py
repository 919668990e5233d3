#!/usr/bin/env python3
"""Iceberg's own compatibility kit for REST catalogs, with the Java client, against Kelp's catalog.

Views are left out as a whole: the catalog has none. What else cannot pass, and what the kit itself skips, is named below;
whatever else fails or is skipped, and what is named and passes, is a failure of this test.
"""

import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/acceptance"))
from client import maven_jars, python_environment  # noqa: E402  it puts tools/ on the path

PYTHON = python_environment("lake", ROOT / "tests/acceptance/lake/requirements.txt") / "python"
if Path(sys.executable) != PYTHON:
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

import boto3  # noqa: E402
from kelpdev.process import KelpProcess  # noqa: E402

ELSEWHERE = "the test wants its table in a folder of the local disk; Kelp's catalog keeps tables in buckets"
FORMAT_3 = "Kelp's catalog has formats 1 and 2"
LOCAL_FILE = "the test moves the metadata file on the local disk"
CANNOT = {
    "testCompleteCreateTable": ELSEWHERE,
    "testCompleteCreateTransaction": ELSEWHERE,
    "testCompleteCreateTransactionV2": ELSEWHERE,
    "testCompleteCreateTransactionMultipleSchemas": ELSEWHERE,
    "testCompleteCreateOrReplaceTransactionCreate": ELSEWHERE,
    "testCompleteCreateOrReplaceTransactionReplace": ELSEWHERE,
    "testCompleteReplaceTransaction": ELSEWHERE,
    "testLoadTable": ELSEWHERE,
    "testLoadTableWithMissingMetadataFile(Path)": LOCAL_FILE,
    "testCreateTableWithDefaultColumnValue": FORMAT_3,
    "createTableTransaction(int)[3]": FORMAT_3,
}
# What the kit asks of no server, or of its own alone, whatever it is told.
SKIPS_ITSELF = {
    "createAndDropEmptyNamespace", "createTableInUniqueLocation", "listNamespacesWithEmptyNamespace",
    "listTablesInEmptyNamespace", "namespacePropertiesOnEmptyNamespace", "testDropNamespaceWithNestedNamespace",
    "testListNestedNamespaces", "testNamespaceWithSlash", "testTableNameWithSlash",
}
PASS = 86


def kit(kelp, folder, **more):
    """Runs the kit's tests of tables; what became of each, by name: None or why it failed."""
    access, secret = kelp.keys
    settings = {"URI": f"{kelp.endpoint}/iceberg", "WAREHOUSE": "warehouse/lake", "CREDENTIAL": f"{access}:{secret}",
                "OAUTH2__SERVER__URI": f"{kelp.endpoint}/iceberg/v1/oauth/tokens",
                "IO__IMPL": "org.apache.iceberg.aws.s3.S3FileIO", "CLIENT_REGION": "us-east-1",
                "S3_ENDPOINT": kelp.endpoint, "S3_PATH__STYLE__ACCESS": "true", "S3_ACCESS__KEY__ID": access,
                "S3_SECRET__ACCESS__KEY": secret, **more}
    environment = {**os.environ, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret,
                   **{f"CATALOG_{name}": value for name, value in settings.items()}}
    jars = maven_jars("iceberg-kit", ROOT / "tests/catalog/kit/pom.xml")
    options = {"local": "false", "requires-namespace-create": "true", "supports-serverside-retry": "true",
               "supports-names-with-dot": "true", "purge-test-namespaces": "true"}
    subprocess.run(["java", "-Xmx900m", *[f"-Drck.{name}={value}" for name, value in options.items()],
                    f"-Djava.io.tmpdir={folder}", "-cp", f"{jars}/*", "org.junit.platform.console.ConsoleLauncher", "execute",
                    "--select-class=org.apache.iceberg.rest.RESTCompatibilityKitCatalogTests", f"--reports-dir={folder}",
                    "--details=none", "--disable-banner"],
                   env=environment, cwd=folder, timeout=800, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    outcomes, skipped = {}, []
    for report in Path(folder).glob("TEST-*.xml"):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            name = case.get("name").replace("()", "")
            wrong = [*case.iter("failure"), *case.iter("error")]
            if next(case.iter("skipped"), None) is not None:
                skipped.append(name)
            else:
                outcomes[name] = (wrong[0].get("message") or "failed") if wrong else None
    return outcomes, skipped


class Kit(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kelp-catalog-")
        self.addCleanup(self.folder.cleanup)
        self.kelp = KelpProcess(f"{self.folder.name}/kelp", "--set", "s3.iceberg=true")
        self.kelp.start()
        self.addCleanup(lambda: self.kelp.stop())
        boto3.client("s3", endpoint_url=self.kelp.endpoint, region_name="us-east-1", aws_access_key_id=self.kelp.keys[0],
                     aws_secret_access_key=self.kelp.keys[1]).create_bucket(Bucket="warehouse")

    def check(self, **more):
        reports = Path(self.folder.name) / "kit"
        reports.mkdir()
        outcomes, skipped = kit(self.kelp, reports, **more)
        passed = [name for name, why in outcomes.items() if why is None]
        print(f"the kit: {len(passed)} passed, {len(outcomes) - len(passed)} failed, {len(skipped)} skipped themselves")
        self.assertEqual(len(passed), PASS, outcomes)
        failed = {name: why for name, why in outcomes.items() if why is not None and name not in CANNOT}
        self.assertEqual(failed, {})
        self.assertEqual([name for name in CANNOT if name in passed], [])
        self.assertEqual([name for name in CANNOT if name not in outcomes], [])
        self.assertEqual(set(skipped), SKIPS_ITSELF)

    def test_with_a_token(self):
        self.check()

    def test_signed(self):
        self.check(REST_SIGV4__ENABLED="true", REST_SIGNING__REGION="us-east-1", REST_SIGNING__NAME="s3",
                   REST_ACCESS__KEY__ID=self.kelp.keys[0], REST_SECRET__ACCESS__KEY=self.kelp.keys[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
