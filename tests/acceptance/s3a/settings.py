"""What a run of hadoop-aws's tests reads: the page's core-site.xml, and where the tests' own files are."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import client
import world

FOLDER = Path(__file__).resolve().parent


def page_properties(given):
    """The properties that docs/clients/hadoop.md tells a user to set."""
    root = ElementTree.fromstring(client.snippet("hadoop.md", "core-site.xml", given))
    return {p.findtext("name"): p.findtext("value") for p in root.iter("property")}


def suite_properties(given):
    """Where the tests find their bucket and may read: what none of them can guess. Nothing of it is about S3A itself."""
    found = {
        "test.fs.s3a.name": f"s3a://{given.bucket}/",
        "fs.contract.test.fs.s3a": f"s3a://{given.bucket}/",
        "fs.s3a.scale.test.csvfile": f"s3a://{world.PUBLIC_BUCKET}/{world.NAMED_FILE}",
        "test.fs.s3a.bucket-with-many-objects": f"s3a://{world.PUBLIC_BUCKET}/many",
        "test.fs.s3a.requester.pays.file": " ",  # it wants a bucket of another account: tests/s3 has that
        "test.fs.s3a.create.acl.enabled": "true",
        "test.fs.s3a.create.storage.class.enabled": "true",
    }
    if not given.secure:  # S3A speaks to STS by https alone, and SSE-C wants it
        found.update({"test.fs.s3a.sts.enabled": "false", "test.fs.s3a.encryption.enabled": "false"})
    return found


def rest_properties(given, made):
    """What the tests beyond the contract need of `made`, a World."""
    made.public_data()
    made.let_lists_count()
    if not given.secure:
        return {}
    return {
        "fs.s3a.assumed.role.arn": made.role(),
        "fs.s3a.assumed.role.sts.endpoint": given.host,
        "fs.s3a.assumed.role.sts.endpoint.region": "us-east-1",
    }


def named_properties(given):
    """The bucket that the tests name is here, too: they take the endpoint of all others out of the configuration."""
    return {
        "fs.s3a.scale.test.csvfile": f"s3a://{world.NAMED_BUCKET}/{world.NAMED_FILE}",
        f"fs.s3a.bucket.{world.NAMED_BUCKET}.endpoint": given.endpoint,
    }


def sealed_properties(made):
    """Everything is encrypted with a key that the client names, in a bucket that does so, too."""
    return {
        "test.fs.s3a.name": f"s3a://{world.SEALED_BUCKET}/",
        "fs.contract.test.fs.s3a": f"s3a://{world.SEALED_BUCKET}/",
        "fs.s3a.encryption.algorithm": "SSE-KMS",
        "fs.s3a.encryption.key": made.sealed_bucket(),
    }


def write(given, sources, folder, more):
    """The folder that goes first on the class path: core-site.xml of the suite, which includes auth-keys.xml."""
    (folder / "contract").mkdir(parents=True, exist_ok=True)
    for name in ("core-site.xml", "contract/s3a.xml"):
        (folder / name).write_bytes((sources / name).read_bytes())
    (folder / "log4j.properties").write_bytes((FOLDER / "log4j.properties").read_bytes())
    properties = {**page_properties(given), **suite_properties(given), **more}
    lines = "".join(f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
                    for name, value in properties.items())
    (folder / "auth-keys.xml").write_text(f"<configuration>\n{lines}</configuration>\n")


def trust(ca, folder):
    """Options of a JVM that trusts the certificate `ca`, through a store made in `folder`."""
    store = folder / "trust.p12"
    store.unlink(missing_ok=True)
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "kelp", "-file", ca, "-keystore", store, "-storetype",
                    "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
    return f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"
