"""Annotations of objects on a metadata engine that several filers share: what one gateway acknowledged the other one has."""

import base64
import hashlib
import json
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import wait_for  # noqa: E402
from kelpdev.s3 import NAMESPACE  # noqa: E402

BUCKET = "annotated"
MIB = 1 << 20
# On both sides of what the metadata keep of bodies: 1 KiB or 8 KiB, by the engine.
SIZES = (1, 1024, 1025, 8192, 8193, 100_000, MIB)
MANY = 450  # more than a commit takes away, and than etcd takes at once unless it is told to
RACED = 40


class AnnotationChecks:
    """A part of a ClusterCase with an engine: check_annotations() is all of it."""

    def check_annotations(self):
        one, other = self.client("gateway1"), self.client("gateway2")
        one.must("PUT", f"/{BUCKET}")
        self.of_all_sizes(one, other)
        self.of_the_object_that_was_meant(one, other)
        self.of_one_object_from_both_gateways()
        self.many(one, other)
        wait_for(lambda: self.swept() == 1, "the end of an annotation of what was overwritten", 60, 0.1)
        expected = len(SIZES) + 1 + 2 * RACED + 2 * MANY
        self.assert_rows(annotations=expected)
        self.leave_nothing(one, other, expected)

    # --- requests

    @staticmethod
    def annotate(client, key, name, text, **headers):
        return client.request("PUT", f"/{BUCKET}/{key}", [("annotation", ""), ("annotationName", name)], text, headers)

    @staticmethod
    def payload(client, key, name):
        return client.request("GET", f"/{BUCKET}/{key}", [("annotation", ""), ("annotationName", name)])

    @staticmethod
    def names(client, key, page=1000):
        """Name to size, page by page."""
        found, token = {}, None
        while True:
            query = [("annotation", ""), ("max-annotation-results", str(page))]
            answer = client.must("GET", f"/{BUCKET}/{key}", query + ([("continuation-token", token)] if token else []))
            tree = ElementTree.fromstring(answer.body)
            for entry in tree.iter(NAMESPACE + "AnnotationEntry"):
                found[entry.findtext(NAMESPACE + "AnnotationName")] = int(entry.findtext(NAMESPACE + "Size"))
            token = tree.findtext(NAMESPACE + "NextContinuationToken")
            if not token:
                return found

    def assert_annotated(self, client, key, name, text):
        answer = self.payload(client, key, name)
        self.assertEqual((answer.status, answer.body == text), (200, True), f"{key} {name}: {answer.code}")

    def assert_none(self, client, key, name):
        answer = self.payload(client, key, name)
        self.assertEqual((answer.status, answer.code), (404, "NoSuchAnnotation"), f"{key} {name}")

    # --- what is promised

    def of_all_sizes(self, one, other):
        one.must("PUT", f"/{BUCKET}/sizes", body=b"body" * 50_000)
        for number, size in enumerate(SIZES):
            writer, reader = (one, other) if number % 2 else (other, one)
            text = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            for body in (text[:-1] + b"-", text):
                self.assertEqual(self.annotate(writer, "sizes", f"n{number}", body).status, 200)
                self.assert_annotated(reader, "sizes", f"n{number}", body)
            self.assertEqual(self.names(reader, "sizes")[f"n{number}"], size)
        self.annotate(one, "sizes", "gone", b"x" * 20_000)
        one.must("DELETE", f"/{BUCKET}/sizes", [("annotation", ""), ("annotationName", "gone")])
        self.assert_none(other, "sizes", "gone")
        self.assertEqual(self.names(other, "sizes"), {f"n{number}": size for number, size in enumerate(SIZES)})

    def of_the_object_that_was_meant(self, one, other):
        old = one.must("PUT", f"/{BUCKET}/meant", body=b"old").headers["ETag"]
        self.assertEqual(self.annotate(other, "meant", "a", b"x", **{"x-amz-object-if-match": old}).status, 200)
        new = one.must("PUT", f"/{BUCKET}/meant", body=b"new").headers["ETag"]
        self.assert_none(other, "meant", "a")
        self.assertEqual(self.annotate(other, "meant", "a", b"x", **{"x-amz-object-if-match": old}).status, 412)
        self.assertEqual(self.names(one, "meant"), {})
        self.assertEqual(self.annotate(other, "meant", "a", b"x", **{"x-amz-object-if-match": new}).status, 200)
        self.assert_annotated(one, "meant", "a", b"x")

    def of_one_object_from_both_gateways(self):
        """Each change rewrites the object's row: of two at once none is lost."""
        self.client("gateway1").must("PUT", f"/{BUCKET}/raced", body=b"x" * 20_000)
        refused = []

        def write(gateway):
            client = self.client(gateway)
            for number in range(RACED):
                def done(name=f"{gateway}.{number}"):
                    answer = self.annotate(client, "raced", name, b"x" * 10)
                    return answer.status != 503 and answer  # 503: it lost too many races

                answer = wait_for(done, "an annotation", 30, 0)
                if answer.status != 200:
                    refused.append((gateway, number, answer.status, answer.code))

        threads = [threading.Thread(target=write, args=(gateway,)) for gateway in ("gateway1", "gateway2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(refused, [])
        self.assertEqual(len(self.names(self.client("gateway2"), "raced")), 2 * RACED)

    def many(self, one, other):
        """More than one commit takes: listed, copied, and left behind where that is asked for."""
        one.must("PUT", f"/{BUCKET}/many", body=b"many")
        for number in range(MANY):
            text = str(number).encode() * (400 if number % 50 == 0 else 5)
            self.assertEqual(self.annotate(one if number % 2 else other, "many", f"a{number}", text).status, 200)
        all_of_it = self.names(one, "many", page=100)
        self.assertEqual(set(all_of_it), {f"a{number}" for number in range(MANY)})
        source = {"x-amz-copy-source": f"/{BUCKET}/many"}
        other.must("PUT", f"/{BUCKET}/copy", headers=source)
        self.assertEqual(self.names(one, "copy"), all_of_it)
        for number in (0, 7, 50, MANY - 1):
            self.assert_annotated(one, "copy", f"a{number}", str(number).encode() * (400 if number % 50 == 0 else 5))
        one.must("PUT", f"/{BUCKET}/without", headers={**source, "x-amz-object-annotation-directive": "EXCLUDE"})
        self.assertEqual(self.names(other, "without"), {})

    def leave_nothing(self, one, other, expected):
        """Overwritten, deleted, one by one and with others: the other gateway knows none of them, and later there is none."""
        before = self.swept()
        one.must("PUT", f"/{BUCKET}/many", body=b"another")
        self.assertEqual(self.names(other, "many"), {})
        for key in ("copy", "sizes"):
            other.must("DELETE", f"/{BUCKET}/{key}")
            self.assertEqual(self.payload(one, key, "a0").code, "NoSuchKey")
            one.must("PUT", f"/{BUCKET}/{key}", body=b"another")
            self.assertEqual(self.names(other, key), {})
        keys = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("meant", "raced", "without"))
        body = f"<Delete>{keys}</Delete>".encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        one.must("POST", f"/{BUCKET}", [("delete", "")], body, {"Content-MD5": md5})
        self.assertEqual(self.payload(other, "raced", "gateway1.0").code, "NoSuchKey")
        wait_for(lambda: self.swept() - before >= expected, "the end of the annotations of what is gone", 60, 0.1)
        self.assertEqual(self.swept() - before, expected)
        self.assert_rows(annotations=0)

    def swept(self):
        return sum(filer.metric("kelp_filer_annotations_removed_total") for filer in self.cluster.of("filer"))

    # --- all rows

    def assert_rows(self, annotations):
        """The engine's rows of one moment have so many annotations; each is its object's, and counters know of all."""
        identity = ["--cluster-file", str(self.cluster.identity / "cluster")]
        settings = [word for item in self.engine.settings().items() for word in ("--set", "=".join(item))]
        dump, folder = self.folder / f"{annotations}.dump", self.folder / f"{annotations}"
        self.cluster.kelp("meta", "dump", str(dump), *identity, *settings)
        self.cluster.kelp("meta", "load", str(dump), *identity, "--dir", str(folder))
        done = subprocess.run([self.cluster.binary, "fsck", "--dir", str(folder), "--json"], capture_output=True, text=True)
        self.assertTrue(done.stdout, done.stderr)
        report = json.loads(done.stdout)
        wrong = ("loose_annotation_sets", "wrong_annotation_sets", "wrong_counters", "missing_inline_bodies",
                 "unnamed_inline_bodies", "wrong_shares")
        self.assertEqual({"annotations": annotations} | dict.fromkeys(wrong, 0),
                         {name: report[name] for name in ("annotations", *wrong)})
