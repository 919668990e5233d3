#!/usr/bin/env python3
"""Form uploads with what current boto3 signs for them, each case over http and over https."""

import http.client
import os
import ssl
import unittest
import xml.etree.ElementTree as xml
from urllib.parse import urlsplit

from boto3_world import Server, World, over_both

MIB = 1 << 20


class Cases(World):
    """Every test of the two transports."""

    def post(self, signed, body, filename="a.txt", behind=(), **changed):
        """(status, headers in lower case, body) of a form as a browser sends it."""
        boundary = "----kelp-form"
        parts = []
        for name, value in (signed["fields"] | changed).items():
            parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                     "Content-Type: application/octet-stream\r\n\r\n".encode() + body + b"\r\n")
        for name, value in behind:
            parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        form = b"".join(parts) + f"--{boundary}--\r\n".encode()
        url = urlsplit(signed["url"])
        if self.transport == "https":
            trust = ssl.create_default_context(cafile=str(self.certificate))
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=trust)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.request("POST", url.path or "/", body=form,
                           headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def error(self, answer):
        root = xml.fromstring(answer[2])
        return answer[0], root.findtext("Code"), root.findtext("Message")

    def signed(self, bucket, key, fields=None, conditions=None, client=None):
        return (client or self.s3).generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions)

    def test_files_of_all_sizes_under_both_signatures(self):
        bucket = self.new_bucket()
        for version in ("s3v4", "s3"):
            client = self.make_client(signature_version=version)
            for size in (0, 1, 20_000, 600_000, 20 * MIB):
                body = os.urandom(size)
                status, headers, text = self.post(self.signed(bucket, f"up/{size}", client=client), body,
                                                  behind=[("submit", "Upload")])
                self.assertEqual(status, 204, text)
                self.assertEqual(self.get(bucket, f"up/{size}"), body)
                self.assertEqual(headers["etag"], self.s3.head_object(Bucket=bucket, Key=f"up/{size}")["ETag"])

    def test_fields_and_the_file_name(self):
        bucket = self.new_bucket()
        fields = {"Content-Type": "image/png", "x-amz-meta-colour": "green", "success_action_status": "201",
                  "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"}
        signed = self.signed(bucket, "in/${filename}", fields, [{name: value} for name, value in fields.items()])
        status, _, text = self.post(signed, b"x", filename="C:\\new\\é.txt")
        self.assertEqual(status, 201, text)
        self.assertEqual(xml.fromstring(text).findtext("Key"), "in/é.txt")
        head = self.s3.head_object(Bucket=bucket, Key="in/é.txt")
        self.assertEqual((head["ContentType"], head["Metadata"]), ("image/png", {"colour": "green"}))
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="in/é.txt")["TagSet"], [{"Key": "a", "Value": "b"}])

    def test_refusals(self):
        bucket = self.new_bucket()
        signed = self.signed(bucket, "k", conditions=[["content-length-range", 1, 10]])
        self.assertEqual(self.error(self.post(signed, b"x" * 11))[:2], (400, "EntityTooLarge"))
        self.assertEqual(self.error(self.post(signed, b""))[:2], (400, "EntityTooSmall"))
        self.assertEqual(self.error(self.post(signed, b"x", key="other"))[:2], (403, "AccessDenied"))
        extra = self.error(self.post(signed, b"x", acl="private"))
        self.assertEqual(extra, (403, "AccessDenied", "Invalid according to Policy: Extra input fields: acl"))
        wrong = signed["fields"]["policy"][:-4]
        self.assertEqual(self.error(self.post(signed, b"x", policy=wrong))[:2], (403, "SignatureDoesNotMatch"))
        anonymous = {"url": signed["url"], "fields": {"key": "k"}}
        self.assertEqual(self.error(self.post(anonymous, b"x"))[:2], (403, "AccessDenied"))
        other = self.make_client("second-account", "second-secret-key-0123456789", signature_version="s3v4")
        self.assertEqual(self.error(self.post(self.signed(bucket, "k", client=other), b"x"))[:2], (403, "AccessDenied"))
        self.refused("NoSuchKey", 404, self.s3.get_object, Bucket=bucket, Key="k")
        self.assertEqual(self.post(signed, b"x")[0], 204)

    def test_each_is_a_version(self):
        bucket = self.new_bucket()
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        versions = [self.post(self.signed(bucket, "k"), body)[1]["x-amz-version-id"] for body in (b"1", b"2")]
        self.assertEqual([self.get(bucket, "k", VersionId=version) for version in versions], [b"1", b"2"])


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
