#!/usr/bin/env python3
"""Current boto3 with its default checksums against a running Kelp, each case over http and over https.

Over https botocore sends aws-chunked bodies with checksum trailers, over http a header: both must work untouched.
"""

import base64
import hashlib
import io
import os
import unittest
import urllib.request
import zlib

from boto3_world import PLAIN, Server, World, over_both
from botocore.compat import HAS_CRT
from botocore.exceptions import MissingDependencyException

MIB = 1 << 20
OF_AWSCRT = ("XXHASH64", "XXHASH3", "XXHASH128")  # what boto3 computes with awscrt alone
ODD_KEYS = ["a", "a/b", "a//b", "a/./b", "a/../b", "sp ace", "pl+us", "per%cent", "per%2Fcent", "é/漢", "tail/", "?q=1&x",
            "#hash", "~tilde", "'\"<>&", "star*", "back\\slash", "k" * 1024]


class Cases(World):
    """Every test of the two transports."""

    def test_boto3_is_the_one_that_was_asked_for(self):
        self.assertEqual(HAS_CRT, not PLAIN)

    def test_bodies_of_all_sizes_come_back(self):
        bucket = self.new_bucket()
        for size in (0, 1, 100, 4096, 8192, 8193, 65536, 65537, 262144, 1000003, 8 * MIB, 8 * MIB + 1, 20 * MIB):
            body = os.urandom(size)
            answer = self.put(bucket, f"size-{size}", body)
            self.assertEqual(answer["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
            self.assertEqual(self.get(bucket, f"size-{size}"), body)

    def test_small_bodies_cost_no_needle(self):
        # Over https the SDK sends no Content-Length. One that is refused would leave a needle that nobody names.
        bucket, before = self.new_bucket(), Server.kelp.metric("kelp_volume_needles_written_total")
        self.put(bucket, "small", b"a" * 8192, IfNoneMatch="*")
        self.refused("PreconditionFailed", 412, self.put, bucket=bucket, key="small", body=b"b" * 100, IfNoneMatch="*")
        self.assertEqual(self.get(bucket, "small"), b"a" * 8192)
        self.assertEqual(Server.kelp.metric("kelp_volume_needles_written_total"), before)
        self.put(bucket, "large", b"a" * 8193)
        self.assertEqual(Server.kelp.metric("kelp_volume_needles_written_total"), before + 1)

    def test_default_checksum_is_stored_and_answered(self):
        bucket = self.new_bucket()
        body = b"checked"
        answer = self.put(bucket, "k", body)
        crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        head = self.s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        if "ChecksumCRC32" in answer:
            self.assertEqual((answer["ChecksumCRC32"], head["ChecksumCRC32"]), (crc, crc))
        else:
            self.assertEqual(answer["ChecksumCRC64NVME"], head["ChecksumCRC64NVME"])
        self.assertEqual(head["ChecksumType"], "FULL_OBJECT")

    def test_every_checksum_algorithm(self):
        bucket = self.new_bucket()
        body = os.urandom(300_000)
        for name, digest in (("SHA1", hashlib.sha1), ("SHA256", hashlib.sha256), ("SHA512", hashlib.sha512)):
            answer = self.put(bucket, name, body, ChecksumAlgorithm=name)
            self.assertEqual(answer[f"Checksum{name}"], base64.b64encode(digest(body).digest()).decode())
        for name in OF_AWSCRT if not PLAIN else ():
            answer = self.put(bucket, name, body, ChecksumAlgorithm=name)
            head = self.s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
            self.assertEqual(head[f"Checksum{name}"], answer[f"Checksum{name}"])
            self.assertEqual(self.get(bucket, name, ChecksumMode="ENABLED"), body)
        for name in OF_AWSCRT if PLAIN else ():  # boto3 itself refuses
            with self.assertRaises(MissingDependencyException):
                self.put(bucket, name, body, ChecksumAlgorithm=name)
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        self.assertEqual(self.put(bucket, "MD5", body, ChecksumMD5=md5)["ChecksumMD5"], md5)
        self.refused("BadDigest", 400, self.s3.put_object, Bucket=bucket, Key="bad", Body=body[1:], ChecksumMD5=md5)
        self.put(bucket, "CRC32", body, ChecksumAlgorithm="CRC32")
        wrong = base64.b64encode(b"\0" * 4).decode()
        self.refused("BadDigest", 400, self.s3.put_object, Bucket=bucket, Key="bad", Body=body, ChecksumCRC32=wrong)
        self.refused("NoSuchKey", 404, self.s3.get_object, Bucket=bucket, Key="bad")

    def test_parts_have_any_checksum(self):
        bucket = self.new_bucket()
        bodies = [os.urandom(5 << 20), b"last"]
        for name in ("SHA512", *(() if PLAIN else OF_AWSCRT)):
            upload = self.s3.create_multipart_upload(Bucket=bucket, Key=name, ChecksumAlgorithm=name)
            self.assertEqual(upload["ChecksumType"], "COMPOSITE")
            names = {"Bucket": bucket, "Key": name, "UploadId": upload["UploadId"]}
            parts = []
            for number, body in enumerate(bodies, 1):
                part = self.s3.upload_part(PartNumber=number, Body=body, ChecksumAlgorithm=name, **names)
                parts.append({"PartNumber": number, "ETag": part["ETag"], f"Checksum{name}": part[f"Checksum{name}"]})
            done = self.s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **names)
            self.assertTrue(done[f"Checksum{name}"].endswith("-2"), done)
            self.assertEqual(self.get(bucket, name), b"".join(bodies))
            if name == "SHA512":
                digests = b"".join(hashlib.sha512(body).digest() for body in bodies)
                whole = base64.b64encode(hashlib.sha512(digests).digest()).decode()
                self.assertEqual(done["ChecksumSHA512"], f"{whole}-2")
        self.refused("InvalidRequest", 400, self.s3.create_multipart_upload, Bucket=bucket, Key="k",
                     ChecksumAlgorithm="XXHASH3", ChecksumType="FULL_OBJECT")

    def test_wrong_content_md5(self):
        bucket = self.new_bucket()
        other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.refused("BadDigest", 400, self.s3.put_object, Bucket=bucket, Key="k", Body=b"body", ContentMD5=other)
        self.refused("InvalidDigest", 400, self.s3.put_object, Bucket=bucket, Key="k", Body=b"body", ContentMD5="x")

    def test_odd_keys_are_kept_as_they_are(self):
        bucket = self.new_bucket()
        for key in ODD_KEYS:
            self.put(bucket, key, key.encode())
        for key in ODD_KEYS:
            self.assertEqual(self.get(bucket, key), key.encode())
        listed = [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket)["Contents"]]
        self.assertEqual(listed, sorted(ODD_KEYS, key=lambda key: key.encode()))
        self.refused("KeyTooLongError", 400, self.s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")

    def test_headers_and_metadata_come_back(self):
        bucket = self.new_bucket()
        sent = {"ContentType": "text/x-kelp", "CacheControl": "max-age=5", "ContentDisposition": "attachment",
                "ContentEncoding": "gzip", "ContentLanguage": "de", "Metadata": {"colour": "green", "empty": ""},
                "StorageClass": "STANDARD"}
        self.put(bucket, "k", b"x", **sent)
        head = self.s3.head_object(Bucket=bucket, Key="k")
        for name in ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Metadata"):
            self.assertEqual(head[name], sent[name], name)
        answer = self.s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/plain")
        self.assertEqual(answer["ContentType"], "text/plain")

    def test_ranges(self):
        bucket = self.new_bucket()
        for size in (1000, 9 * MIB):
            body = os.urandom(size)
            self.put(bucket, "k", body)
            for text, want in (("bytes=0-0", body[:1]), ("bytes=10-19", body[10:20]), ("bytes=-7", body[-7:]),
                               (f"bytes={size - 5}-", body[-5:]), (f"bytes=5-{size * 2}", body[5:]),
                               (f"bytes={size // 2}-{size // 2 + 400}", body[size // 2:size // 2 + 401])):
                answer = self.s3.get_object(Bucket=bucket, Key="k", Range=text)
                self.assertEqual(answer["Body"].read(), want, text)
                self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 206)
            self.refused("InvalidRange", 416, self.s3.get_object, Bucket=bucket, Key="k", Range=f"bytes={size}-")

    def test_conditional_reads(self):
        bucket = self.new_bucket()
        etag = self.put(bucket, "k", b"x")["ETag"]
        self.assertEqual(self.get(bucket, "k", IfMatch=etag), b"x")
        self.refused("PreconditionFailed", 412, self.s3.get_object, Bucket=bucket, Key="k", IfMatch='"0"')
        self.refused("304", 304, self.s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
        modified = self.s3.head_object(Bucket=bucket, Key="k")["LastModified"]
        self.refused("304", 304, self.s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified)

    def test_conditional_writes(self):
        bucket = self.new_bucket()
        etag = self.put(bucket, "k", b"1", IfNoneMatch="*")["ETag"]
        self.refused("PreconditionFailed", 412, self.s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
        self.put(bucket, "k", b"3", IfMatch=etag)
        self.refused("PreconditionFailed", 412, self.s3.put_object, Bucket=bucket, Key="k", Body=b"4", IfMatch=etag)
        self.refused("NoSuchKey", 404, self.s3.put_object, Bucket=bucket, Key="none", Body=b"5", IfMatch=etag)
        self.assertEqual(self.get(bucket, "k"), b"3")

    def test_one_of_many_racing_writers_wins(self):
        bucket = self.new_bucket()
        for round_number in range(5):
            self.one_creator_wins(bucket, f"k{round_number}", 16)

    def test_listing_with_prefix_delimiter_and_pages(self):
        bucket = self.new_bucket()
        keys = sorted([f"d{i}/f{j}" for i in range(7) for j in range(5)] + [f"top{i}" for i in range(4)])
        for key in keys:
            self.put(bucket, key, b"x")
        for operation, size in (("list_objects_v2", 3), ("list_objects_v2", 1000), ("list_objects", 4)):
            pages = self.s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
            self.assertEqual([item["Key"] for page in pages for item in page.get("Contents", [])], keys)
            prefixes, tops = [], []
            pages = self.s3.get_paginator(operation)
            for page in pages.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}):
                prefixes += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
                tops += [item["Key"] for item in page.get("Contents", [])]
            self.assertEqual(prefixes, [f"d{i}/" for i in range(7)])
            self.assertEqual(tops, [f"top{i}" for i in range(4)])
        after = self.s3.list_objects_v2(Bucket=bucket, StartAfter="d5/f2", Prefix="d5/", FetchOwner=True)
        self.assertEqual([item["Key"] for item in after["Contents"]], ["d5/f3", "d5/f4"])
        self.assertIn("Owner", after["Contents"][0])
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"], 0)

    def test_delete_and_multi_delete(self):
        bucket = self.new_bucket()
        for i in range(10):
            self.put(bucket, f"k{i}", b"x")
        self.s3.delete_object(Bucket=bucket, Key="k0")
        self.s3.delete_object(Bucket=bucket, Key="never-was")
        answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{i}"} for i in range(12)]})
        self.assertEqual(len(answer["Deleted"]), 12)
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0)
        self.s3.delete_bucket(Bucket=bucket)
        self.refused("NoSuchBucket", 404, self.s3.list_objects_v2, Bucket=bucket)

    def test_buckets(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"x")
        self.refused("BucketNotEmpty", 409, self.s3.delete_bucket, Bucket=bucket)
        self.assertIn(bucket, [item["Name"] for item in self.s3.list_buckets()["Buckets"]])
        self.assertIsNone(self.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"])
        self.s3.head_bucket(Bucket=bucket)
        self.refused("404", 404, self.s3.head_bucket, Bucket="never-made")
        self.refused("InvalidBucketName", 400, self.s3.create_bucket, Bucket="a..b")

    def test_copy(self):
        bucket = self.new_bucket()
        body = os.urandom(9 * MIB)
        self.put(bucket, "from é+", body, Metadata={"colour": "green"})
        self.s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from é+"})
        self.assertEqual(self.get(bucket, "to"), body)
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="to")["Metadata"], {"colour": "green"})
        self.s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/to", MetadataDirective="REPLACE",
                            Metadata={"colour": "red"})
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="to")["Metadata"], {"colour": "red"})
        self.refused("InvalidRequest", 400, self.s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/to")
        self.refused("NoSuchKey", 404, self.s3.copy_object, Bucket=bucket, Key="x", CopySource=f"{bucket}/none")

    def test_multipart(self):
        bucket = self.new_bucket()
        pieces = [os.urandom(5 * MIB), os.urandom(6 * MIB), os.urandom(100)]
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"colour": "green"})["UploadId"]
        name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        parts = []
        for number, piece in enumerate(pieces, 1):
            answer = self.s3.upload_part(**name, PartNumber=number, Body=piece)
            part = {"PartNumber": number, "ETag": answer["ETag"]}
            part.update({key: value for key, value in answer.items() if key.startswith("Checksum")})
            parts.append(part)
        self.assertEqual([part["Size"] for part in self.s3.list_parts(**name)["Parts"]], [len(p) for p in pieces])
        uploads = self.s3.list_multipart_uploads(Bucket=bucket, Prefix="k")["Uploads"]
        self.assertEqual([item["UploadId"] for item in uploads], [upload])
        done = self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        again = self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        self.assertEqual(again["ETag"], done["ETag"])
        digest = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest()
        self.assertEqual(done["ETag"], f'"{digest}-3"')
        self.assertEqual(self.get(bucket, "k"), b"".join(pieces))
        second = self.s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
        self.assertEqual((second["Body"].read(), second["PartsCount"]), (pieces[1], 3))
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["Metadata"], {"colour": "green"})

    def test_multipart_that_is_wrong(self):
        bucket = self.new_bucket()
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        tags = [self.s3.upload_part(**name, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
        good = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
        complete = self.s3.complete_multipart_upload
        self.refused("EntityTooSmall", 400, complete, **name, MultipartUpload={"Parts": good})
        self.refused("InvalidPartOrder", 400, complete, **name, MultipartUpload={"Parts": good[::-1]})
        wrong = [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]
        self.refused("InvalidPart", 400, complete, **name, MultipartUpload={"Parts": wrong})
        self.refused("MalformedXML", 400, complete, **name, MultipartUpload={"Parts": []})
        self.refused("InvalidArgument", 400, self.s3.upload_part, **name, PartNumber=10001, Body=b"")
        self.s3.abort_multipart_upload(**name)
        self.refused("NoSuchUpload", 404, self.s3.list_parts, **name)
        self.refused("NoSuchUpload", 404, self.s3.upload_part, **name, PartNumber=1, Body=b"x")

    def test_copy_part(self):
        bucket = self.new_bucket()
        source = os.urandom(12 * MIB)
        self.put(bucket, "source", source)
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        parts = []
        for number, (first, last) in enumerate(((0, 6 * MIB - 1), (6 * MIB, 12 * MIB - 1)), 1):
            answer = self.s3.upload_part_copy(**name, PartNumber=number, CopySource=f"{bucket}/source",
                                              CopySourceRange=f"bytes={first}-{last}")
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        self.assertEqual(self.get(bucket, "k"), source)

    def test_copies_outlive_their_source(self):
        bucket = self.new_bucket()
        source = os.urandom(40 * MIB)
        self.put(bucket, "source", source)
        self.s3.copy_object(Bucket=bucket, Key="whole", CopySource=f"{bucket}/source")
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        parts, cuts = [], (0, 8 * MIB, 27 * MIB + 5, 40 * MIB)
        for number, (first, end) in enumerate(zip(cuts, cuts[1:]), 1):
            answer = self.s3.upload_part_copy(**name, PartNumber=number, CopySource=f"{bucket}/source",
                                              CopySourceRange=f"bytes={first}-{end - 1}")
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
        self.s3.delete_object(Bucket=bucket, Key="source")
        self.assertEqual(self.get(bucket, "whole"), source)
        self.s3.delete_object(Bucket=bucket, Key="whole")
        self.assertEqual(self.get(bucket, "k"), source)

    def test_managed_upload_and_download(self):
        bucket = self.new_bucket()
        body = os.urandom(30 * MIB)
        self.s3.upload_fileobj(io.BytesIO(body), bucket, "k")
        got = io.BytesIO()
        self.s3.download_fileobj(bucket, "k", got)
        self.assertEqual(got.getvalue(), body)

    def test_attributes(self):
        bucket = self.new_bucket()
        etag = self.put(bucket, "k", b"twelve bytes")["ETag"].strip('"')
        answer = self.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum",
                                                                                         "StorageClass"])
        self.assertEqual((answer["ETag"], answer["ObjectSize"], answer["StorageClass"]), (etag, 12, "STANDARD"))
        self.assertIn("Checksum", answer)

    def test_presigned_urls(self):
        bucket = self.new_bucket()
        context = None
        if self.transport == "https":
            import ssl
            context = ssl.create_default_context(cafile=str(self.certificate))
        for version in ("s3v4", "s3"):
            client = self.make_client(signature_version=version)
            url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k é"}, ExpiresIn=60)
            request = urllib.request.Request(url, data=version.encode(), method="PUT")
            request.add_header("Content-Type", "")
            with urllib.request.urlopen(request, context=context):
                pass
            url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k é"}, ExpiresIn=60)
            with urllib.request.urlopen(url, context=context) as answer:
                self.assertEqual(answer.read(), version.encode())
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(url.replace("k%20", "l%20"), context=context)
            self.assertEqual(caught.exception.code, 403)

    def test_wrong_keys_are_refused(self):
        bad = self.make_client(secret="wrong")
        self.refused("SignatureDoesNotMatch", 403, bad.list_buckets)
        bad = self.make_client(access="nobody")
        self.refused("InvalidAccessKeyId", 403, bad.list_buckets)

    def test_what_is_not_built_says_so(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"x")
        self.refused("NotImplemented", 501, self.s3.get_object_torrent, Bucket=bucket, Key="k")

    def test_a_second_account_has_its_own_buckets(self):
        bucket = self.new_bucket()
        other = self.make_client(access="second-account", secret="second-secret-key-0123456789")
        self.refused("AccessDenied", 403, other.list_objects_v2, Bucket=bucket)
        self.refused("AccessDenied", 403, other.put_object, Bucket=bucket, Key="k", Body=b"x")
        self.refused("BucketAlreadyExists", 409, other.create_bucket, Bucket=bucket)
        self.assertNotIn(bucket, [item["Name"] for item in other.list_buckets()["Buckets"]])


    def test_a_multipart_upload_without_an_algorithm_gets_crc64nvme_of_the_whole(self):
        s3 = self.make_client(request_checksum_calculation="when_required")
        bucket = self.new_bucket()
        body = os.urandom(11 * MIB + 7)
        s3.put_object(Bucket=bucket, Key="whole", Body=body)
        upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
        parts = []
        for number, begin in enumerate(range(0, len(body), 5 * MIB), 1):
            part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number,
                                  Body=body[begin:begin + 5 * MIB])
            self.assertIn("ChecksumCRC64NVME", part)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        done = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        whole, head = (s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED") for key in ("whole", "parts"))
        for answer in (done, head):
            self.assertEqual((answer["ChecksumCRC64NVME"], answer["ChecksumType"]),
                             (whole["ChecksumCRC64NVME"], "FULL_OBJECT"))

    def test_a_customers_key_does_not_fit_an_object_that_is_not_encrypted(self):
        bucket = self.new_bucket()
        self.put(bucket, "k", b"x")
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
        self.refused("InvalidRequest", 400, self.s3.get_object, Bucket=bucket, Key="k", **key)
        self.refused("400", 400, self.s3.head_object, Bucket=bucket, Key="k", **key)
        if self.transport == "http":  # Keys are taken over TLS only.
            self.refused("InvalidRequest", 400, self.s3.put_object, Bucket=bucket, Key="k", Body=b"y", **key)
        self.refused("NotImplemented", 501, self.s3.put_object, Bucket=bucket, Key="k", Body=b"y",
                     ServerSideEncryption="aws:kms:dsse")
        self.assertEqual(self.get(bucket, "k"), b"x")


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
