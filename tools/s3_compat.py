#!/usr/bin/env python3
"""Writes docs/s3-compat.md: what Kelp does with every operation of AWS's S3 model.

The table comes from the one that the router and the handlers are compiled from (src/s3gw/core/routes.inc), from the model
(tests/unit/s3gw/botocore_routes.tsv) and from the tests that send the operation. It stands between two marks in the page;
the rest of the page is written by hand.

    tools/s3_compat.py           writes the table
    tools/s3_compat.py --check   exit code 1 when the table is not what would be written
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/s3-compat.md"
BEGIN, END = "<!-- Made by tools/s3_compat.py -->\n", "<!-- end -->\n"

# Names of the model that share method and target with a newer one.
ALIASES = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}

# What the sources do not say by themselves.
NOTES = {
    "CopyObject": "copies no bytes unless the encryption changes; ETag and checksums are the source's; source up to 5 GiB",
    "CreateBucket": "with object lock, ownership, lists and tags too; `s3.defaults` says what a new bucket is, `filer.bucket_limit` how many an account has",
    "ListDirectoryBuckets": "there are none: the list is empty",
    "DeleteBucket": "uploads that were not completed keep no bucket: they go with it",
    "CreateMultipartUpload": "checksum algorithm and type as on AWS",
    "CompleteMultipartUpload": "`If-Match`, `If-None-Match: *`; a repeated one gets the same answer for 7 days; names each part's checksum when the upload's is COMPOSITE",
    "DeleteObject": "`If-Match`, of the version that is named or the current one",
    "DeleteObjects": "1,000 keys or versions in one commit; needs `Content-MD5` or a checksum; an entry may have an ETag",
    "GetObject": "ranges, also several, conditions, `partNumber`, `response-*`, versions",
    "HeadObject": "as GetObject",
    "GetBucketEncryption": "404 `ServerSideEncryptionConfigurationNotFoundError` when none is set, unless `s3.encrypt_by_default`",
    "PutBucketEncryption": "AES256, aws:kms, and whether SSE-C is refused; no aws:kms:dsse",
    "PutBucketVersioning": "no MFA delete",
    "PutObjectTagging": "of any version",
    "PutBucketTagging": "50 tags; while ABAC is enabled it needs `s3:TagResource`, and `s3:UntagResource` of tags that go",
    "PutBucketInventoryConfiguration": "CSV, daily and weekly; no ORC, no Parquet",
    "PutBucketAbac": "the bucket's tags as `aws:ResourceTag/…` and `s3:BucketTag/…`",
    "PutBucketLogging": "in AWS's format, best effort; `TargetGrants` have no effect",
    "PutBucketRequestPayment": "others must send `x-amz-request-payer`; Kelp sends no bills",
    "PutBucketWebsite": "served at `BUCKET.DOMAIN` of `s3.website_domains`",
    "PutBucketCors": "preflights and every answer to an `Origin`",
    "ListMultipartUploads": "delimiter too; `Initiator` is the owner that the object will have",
    "ListParts": "`Initiator` as in ListMultipartUploads",
    "PutObject": "`If-Match`, `If-None-Match: *`; `x-amz-write-offset-bytes` appends",
    "RenameObject": "one commit, in any bucket; no dates of what is replaced",
    "PutObjectAnnotation": "all checksums; encrypted as its object is; counts in the quota",
    "RestoreObject": "of GLACIER and DEEP_ARCHIVE, at once; no type SELECT",
    "UpdateObjectEncryption": "to SSE-KMS; nothing is rewritten, ETag and dates stay",
    "SelectObjectContent": "CSV and JSON, plain, gzip or bzip2; no Parquet ([limits](operations/select.md))",
    "UploadPart": "needs a checksum of its own when the upload's is COMPOSITE",
    "UploadPartCopy": "copies no bytes of whole needles (8 MiB) unless something is encrypted; computes checksums only for an upload that names an algorithm",
    "PutBucketAcl": "where ownership is not `BucketOwnerEnforced`, as PutObjectAcl; accounts have no e-mail addresses",
    "PutBucketLifecycleConfiguration": "expiration, noncurrent versions, delete markers, aborts, transitions",
    "GetBucketPolicy": "405 to identities of other accounts, as Put and Delete",
    "PutBucketPolicy": "20 KiB; counts everywhere after about 2 s",
    "PutBucketNotificationConfiguration": "to targets that the operator named; no EventBridge",
    "PutObjectLockConfiguration": "also of a bucket that is there, when its versioning is enabled",
    "PutObjectRetention": "governance mode with its bypass, compliance mode",
}


# Configurations that are checked, kept and answered, and change nothing: not yet, or for good.
KEPT_YET = {"Replication": "nothing is copied"}
KEPT_ALWAYS = {
    "AccelerateConfiguration": "nothing is faster",
    "AnalyticsConfiguration": "nothing is analysed",
    "IntelligentTieringConfiguration": "nothing moves",
    "MetricsConfiguration": "nothing is measured",
}


def kept_without_effect(operation):
    """(kept | stored, what does not happen) of an operation on such a configuration; else ("", "")."""
    named = re.fullmatch(r"(?:Put|Get|Delete|List)Bucket(\w+?)s?", operation)
    for support, configurations in (("kept", KEPT_YET), ("stored", KEPT_ALWAYS)):
        if named and named[1] in configurations:
            return support, configurations[named[1]]
    return "", ""


def read(path):
    return (ROOT / path).read_text()


class Routes:
    """The table of the router and the handlers: rows of (method, target, query, also, when, operation, handler, support)."""

    def __init__(self):
        lines = [line for line in read("src/s3gw/core/routes.inc").splitlines() if not line.startswith("//")]
        calls = re.findall(r"\bKELP_ROUTE\(([^()]*)\)", "\n".join(lines))
        self.rows = [[re.sub(r'^"(.*)"$', r"\1", word.strip()) for word in call.split(",")] for call in calls]
        assert all(len(row) == 8 for row in self.rows)
        self.supports = {row[5]: row[7] for row in self.rows}

    def support(self, operation):
        """(yes | kept | stored | no, what the sources say about it)."""
        if self.supports[operation] == "kKept":
            return kept_without_effect(operation)
        return {"kWorks": "yes", "kStub": "no"}[self.supports[operation]], ""

    def agrees(self, operation, method, path, needs, copies):
        """Whether a row leads such a request of the model to the operation."""
        targets = {"/": "kService", "/{Bucket}": "kBucket", "/{Bucket}/{Key+}": "kObject", "/WriteGetObjectResponse": "kFunction"}
        return any(row[:2] == [method, targets[path]] and {row[2], row[3]} - {""} <= needs and row[5] == operation
                   and (row[4] == "kCopying") == copies for row in self.rows)


class Model:
    """botocore's operations and how a request is told from another."""

    def __init__(self):
        self.rows = []
        for line in read("tests/unit/s3gw/botocore_routes.tsv").splitlines():
            name, method, target, parameters, headers = line.split("\t")
            path, _, query = target.partition("?")
            needs = {word.partition("=")[0] for word in query.split("&") if word}
            needs |= set(parameters.split(",")) - {"-"}
            scope = scope_of(path) if "{" in path or path == "/" else path
            shown = target + "".join(f"{'&' if query or i else '?'}{word}" for i, word in
                                     enumerate(word for word in parameters.split(",") if word != "-"))
            self.rows.append((name, method, shown, scope, needs, "x-amz-copy-source" in headers))

    def operation(self, method, target, copies):
        """The operation that a request of a test is, or None."""
        path, _, query = target.partition("?")
        given = {word.partition("=")[0] for word in query.split("&") if word}
        fitting = [(len(row[4]), row[5], row[0]) for row in self.rows if row[0] not in ALIASES and row[1] == method
                   and row[3] == scope_of(path) and row[4] <= given and (copies or not row[5])]
        return max(fitting)[2] if fitting else None


def scope_of(path):
    """0: service, 1: bucket, 2: object."""
    return 0 if path == "/" else 1 if "/" not in path[1:] else 2


def operations_in_gateway_test(text, model):
    """What the requests of the gateway's unit tests ask for."""
    found = set()
    for body in re.split(r"^TEST_F?\(", text, flags=re.M)[1:]:
        for method, target in re.findall(r'\{\s*"([A-Z]+)",\s*"(/[^"]*)"\s*\}', body):
            found.add(model.operation(method, target, False))
        values = values_of_variables(body)
        call = r'(?:Outgoing (\w+) = outgoing|send)\(\s*"([A-Z]+)",\s*((?:[^,()"]|"[^"]*"|\([^()]*\))*)'
        for variable, method, argument in re.findall(call, body):
            copies = bool(variable) and f'add({variable}, "x-amz-copy-source"' in body
            for target in targets_of(argument, values):
                found.add(model.operation(method, target, copies))
    return found - {None}


def operations_in_cases(model):
    """What the scripts of the cases ask for; the values of their tables are not looked at."""
    found = set()
    for path in sorted((ROOT / "tests/s3/cases").glob("*.toml")):
        for request in re.split(r"\n(?=[A-Z]+ /)", path.read_text()):
            if asked := re.match(r"([A-Z]+) (/\S*)", request):
                target = re.sub(r"\$\w+", "x", asked[2])
                copies = "\nx-amz-copy-source:" in request.partition("\n=>")[0]
                found.add(model.operation(asked[1], target, copies))
    return found - {None}


def values_of_variables(body):
    """Texts that a test's variables may have: assigned once, or walked through by a loop."""
    values = {name: [text] for name, text in re.findall(r'std::string (\w+) = "(/[^"]*)"', body)}
    for name, texts in re.findall(r"for \(const char\* (\w+) :\s*\{(.*?)\}\)", body, re.S):
        values.setdefault(name, []).extend(re.findall(r'"([^"]*)"', texts))
    pairs = r"\[(\w+), \w+\] : std::vector<std::pair<std::string, std::string>>\{(.*?)\}\}\)"
    for name, texts in re.findall(pairs, body, re.S):
        values.setdefault(name, []).extend(re.findall(r'\{\s*"([^"]*)",', texts))
    return values


def targets_of(argument, values):
    """Every target that an expression of literals and variables can be."""
    targets = [""]
    for literal, name in re.findall(r'"([^"]*)"|\b(?!std|string)(\w+)', argument):
        texts = [literal] if not name else values.get(name, ["x"])
        targets = [target + text for target in targets for text in texts]
    return [target for target in targets if target.startswith("/")]


def tests_of_operations(model):
    """operation -> the test files that send it."""
    scripts = ("boto3", "versions", "object_lock", "rename_append", "access", "configs", "post", "restore", "encryption", "select", "inventory",
               "annotations", "lifecycle", "notifications", "remote_tier", "smoke")
    boto3 = "".join(read(f"tests/s3/{name}_test.py") for name in scripts)
    clients = read("tests/s3/clients_test.py")
    sent = set()
    unit_tests = ROOT / "tests/unit/s3gw"
    for path in [*sorted(unit_tests.glob("gateway*_test.cc")), unit_tests / "authorize_test.cc"]:
        sent |= operations_in_gateway_test(path.read_text(), model)
    cases = operations_in_cases(model)
    smoke = set(re.findall(r'^(\w+) = "', read("tests/s3/cases/operations.toml"), re.M))
    tests = {}
    for name, *_ in model.rows:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        files = ["gateway"] if name in sent else []
        files += ["boto3"] if re.search(rf"\b{snake}\b", boto3) else []
        files += ["cases"] if name in cases else []
        files += ["smoke"] if name in smoke else []
        files += ["clients"] if f'"{snake.replace("_", "-")}"' in clients else []
        tests[name] = files
    return tests


def check_sources(model, routes):
    """What the parsing above relies on; a page made from half a table would lie."""
    names = {row[0] for row in model.rows}
    known = set(re.findall(r"^  X\((\w+)\)", read("src/s3gw/core/operations.h"), re.M))
    routed = set(routes.supports) - {"Preflight", "PostObject"}
    assert names - set(ALIASES) == known == routed, f"{names ^ routed} {known ^ routed}"
    for name, method, shown, _, needs, copies in model.rows:
        path = shown.partition("?")[0]
        assert routes.agrees(ALIASES.get(name, name), method, path, needs, copies), name
    assert set(NOTES) <= names, set(NOTES) - names
    kept = {name for name, support in routes.supports.items() if support == "kKept"}
    assert kept == {name for name in routed if kept_without_effect(name)[0]}, "KEPT_YET and KEPT_ALWAYS say what does not happen"


def table():
    model, routes = Model(), Routes()
    check_sources(model, routes)
    tests = tests_of_operations(model)
    words = {"yes": "yes", "kept": "kept, no effect yet", "stored": "kept, no effect", "no": "`NotImplemented`"}
    counts = dict.fromkeys(words, 0)
    lines = []
    for name, method, target, _, _, copies in model.rows:
        support, note = routes.support(ALIASES.get(name, name))
        counts[support] += 1
        if name in ALIASES:
            note = f"as {ALIASES[name]}, which has the same request"
        note = NOTES.get(name, note)
        request = f"`{method} {target}`".replace("{Key+}", "{Key}") + (" with `x-amz-copy-source`" if copies else "")
        cells = [name, request, words[support], " ".join(tests[name]), note]
        lines.append("| " + " | ".join(cells) + " |")
    return (f"Of {len(model.rows)} operations {counts['yes']} work, {counts['kept']} keep a configuration that has no effect "
            f"yet, {counts['stored']} one that has none, and {counts['no']} are `NotImplemented`.\n\n"
            "| operation | request | support | tested in | note |\n|---|---|---|---|---|\n" + "\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the table is stale")
    check = parser.parse_args().check
    text = PAGE.read_text()
    front, _, rest = text.partition(BEGIN)
    back = rest.partition(END)[2]
    assert text.count(BEGIN) == 1 and text.count(END) == 1, f"{PAGE}: the marks of the table are missing"
    written = front + BEGIN + table() + END + back
    if not check:
        PAGE.write_text(written)
        return 0
    if written == text:
        return 0
    print("docs/s3-compat.md is stale: run tools/s3_compat.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
