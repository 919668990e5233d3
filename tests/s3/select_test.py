#!/usr/bin/env python3
"""SelectObjectContent as current boto3 calls it, over http and over https: formats, packing, ranges, keys, errors."""

import bz2
import gzip
import json
import unittest

from boto3_world import Server, World, over_both
from botocore.exceptions import ClientError, EventStreamError

CSV = "name,age,city\nAnn,31,Bern\nBob,30,\"Biel, Bienne\"\nCy,40,Chur\n"
LINES = '{"name":"Ann","tags":["a"]}\n{"name":"Bob","tags":[]}\n'
USE = {"CSV": {"FileHeaderInfo": "USE"}}
KEY = b"0123456789abcdef0123456789abcdef"


class Cases(World):
    """Every test of the two transports."""

    def ask(self, bucket, key, expression, given=USE, wanted=None, **options):
        """The answer's messages, in order."""
        answer = self.s3.select_object_content(Bucket=bucket, Key=key, Expression=expression, ExpressionType="SQL",
                                               InputSerialization=given, OutputSerialization=wanted or {"JSON": {}}, **options)
        return list(answer["Payload"])

    def rows(self, *arguments, **options):
        """The records, as text; the stream was whole."""
        events = self.ask(*arguments, **options)
        self.assertIn("End", events[-1])
        self.assertIn("Stats", events[-2])
        text = b"".join(event["Records"]["Payload"] for event in events if "Records" in event)
        self.assertEqual(events[-2]["Stats"]["Details"]["BytesReturned"], len(text))
        return text.decode()

    def new_object(self, body, **options):
        bucket = self.new_bucket()
        self.put(bucket, "k", body, **options)
        return bucket

    def test_csv_with_a_header(self):
        bucket = self.new_object(CSV)
        self.assertEqual(self.rows(bucket, "k", "SELECT s.name, s.city FROM S3Object s WHERE s.age < 35"),
                         '{"name":"Ann","city":"Bern"}\n{"name":"Bob","city":"Biel, Bienne"}\n')
        self.assertEqual(self.rows(bucket, "k", "SELECT city, name FROM S3Object LIMIT 2", wanted={"CSV": {"QuoteFields": "ALWAYS"}}),
                         '"Bern","Ann"\n"Biel, Bienne","Bob"\n')
        self.assertEqual(self.rows(bucket, "k", "SELECT COUNT(*), AVG(age) FROM S3Object", wanted={"CSV": {"FieldDelimiter": "\t", "RecordDelimiter": "|"}}),
                         "3\t33.666666666666664|")

    def test_delimiters_of_white_space(self):
        bucket = self.new_object("a\tb c\td")
        self.assertEqual(self.rows(bucket, "k", "SELECT * FROM S3Object", {"CSV": {"FieldDelimiter": "\t", "RecordDelimiter": " "}}, {"CSV": {}}), "a,b\nc,d\n")

    def test_json_lines_and_documents(self):
        bucket = self.new_object(LINES)
        self.assertEqual(self.rows(bucket, "k", "SELECT s.name FROM S3Object s WHERE s.tags[0] = 'a'", {"JSON": {"Type": "LINES"}}), '{"name":"Ann"}\n')
        self.put(bucket, "k", json.dumps({"rows": [{"n": n} for n in range(5)]}))
        self.assertEqual(self.rows(bucket, "k", "SELECT s.n FROM S3Object[*].rows[*] s WHERE s.n % 2 = 1", {"JSON": {"Type": "DOCUMENT"}}, {"CSV": {}}), "1\n3\n")

    def test_packed_objects(self):
        bucket = self.new_object(gzip.compress(CSV.encode()))
        query = "SELECT name FROM S3Object WHERE city = 'Chur'"
        self.assertEqual(self.rows(bucket, "k", query, {**USE, "CompressionType": "GZIP"}), '{"name":"Cy"}\n')
        self.refused("InvalidCompressionFormat", 400, lambda: self.ask(bucket, "k", query, {**USE, "CompressionType": "BZIP2"}))
        self.put(bucket, "k", bz2.compress(CSV.encode()))
        self.assertEqual(self.rows(bucket, "k", query, {**USE, "CompressionType": "BZIP2"}), '{"name":"Cy"}\n')

    def test_large_objects_in_parts(self):
        bucket = self.new_bucket()
        lines = [f"{number},{'x' * 90}\n" for number in range(150_000)]
        body = "".join(lines).encode()
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        cuts = [0, 6_000_001, len(body)]
        parts = [{"PartNumber": number, "ETag": self.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number,
                                                                     Body=body[cuts[number - 1]:cuts[number]])["ETag"]} for number in (1, 2)]
        self.s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
        plain = {"CSV": {}}
        self.assertEqual(self.rows(bucket, "k", "SELECT COUNT(*), MAX(_1), SUM(_1) FROM S3Object", plain, plain), f"150000,149999,{sum(range(150_000))}\n")
        self.assertEqual(self.rows(bucket, "k", "SELECT * FROM S3Object", plain, plain), body.decode())
        cut = len(body) // 3
        front = self.rows(bucket, "k", "SELECT * FROM S3Object", plain, plain, ScanRange={"Start": 0, "End": cut - 1})
        back = self.rows(bucket, "k", "SELECT * FROM S3Object", plain, plain, ScanRange={"Start": cut})
        self.assertEqual(front + back, body.decode())
        self.assertTrue(0 < len(back) < len(body) - 1_000_000)

    def test_scan_ranges(self):
        bucket = self.new_object(CSV)
        at = CSV.index("Bob")
        self.assertEqual(self.rows(bucket, "k", "SELECT name FROM S3Object", ScanRange={"Start": at, "End": at}), '{"name":"Bob"}\n')
        self.assertEqual(self.rows(bucket, "k", "SELECT name FROM S3Object", ScanRange={"End": len("Cy,40,Chur\n")}), '{"name":"Cy"}\n')
        for start, end in ((5, 4), (len(CSV), len(CSV) + 1)):
            self.refused("InvalidScanRange", 400, lambda: self.ask(bucket, "k", "SELECT name FROM S3Object", ScanRange={"Start": start, "End": end}))
        for given in ({"JSON": {"Type": "DOCUMENT"}}, {"CSV": {"AllowQuotedRecordDelimiter": True}}, {"CSV": {}, "CompressionType": "GZIP"}):
            self.refused("UnsupportedScanRangeInput", 400, lambda: self.ask(bucket, "k", "SELECT _1 FROM S3Object", given, ScanRange={"Start": 1}))

    def test_progress(self):
        bucket = self.new_object(CSV)
        events = self.ask(bucket, "k", "SELECT name FROM S3Object", RequestProgress={"Enabled": True})
        progress = [event["Progress"]["Details"] for event in events if "Progress" in event]
        self.assertEqual(progress[-1]["BytesScanned"], len(CSV))
        self.assertFalse([event for event in self.ask(bucket, "k", "SELECT name FROM S3Object") if "Progress" in event])

    def test_what_is_wrong_with_the_request(self):
        bucket = self.new_object(CSV)
        for code, expression, given in (
                ("ParseUnexpectedToken", "SELECT name FROM nothing", USE), ("UnsupportedSqlOperation", "SELECT * FROM S3Object ORDER BY name", USE),
                ("MissingHeaders", "SELECT none FROM S3Object", USE), ("InvalidDataSource", "SELECT * FROM S3Object", {"Parquet": {}}),
                ("ObjectSerializationConflict", "SELECT * FROM S3Object", {"CSV": {}, "JSON": {"Type": "LINES"}}),
                ("InvalidFileHeaderInfo", "SELECT * FROM S3Object", {"CSV": {"FileHeaderInfo": "MAYBE"}}), ("InvalidJsonType", "SELECT * FROM S3Object", {"JSON": {"Type": "x"}}),
                ("InvalidCompressionFormat", "SELECT * FROM S3Object", {"CSV": {}, "CompressionType": "LZ4"}), ("MissingRequiredParameter", "SELECT * FROM S3Object", {}),
                ("InvalidRequestParameter", "SELECT * FROM S3Object", {"CSV": {"QuoteCharacter": "ab"}}),
                ("ExpressionTooLong", "SELECT * FROM S3Object" + " " * (256 << 10), USE), ("CastFailed", "SELECT CAST(name AS INT) FROM S3Object", USE)):
            answer = self.refused(code, 400, lambda: self.ask(bucket, "k", expression, given))
            self.assertTrue(answer["Error"]["Message"], code)
        self.refused("InvalidQuoteFields", 400, lambda: self.ask(bucket, "k", "SELECT * FROM S3Object", wanted={"CSV": {"QuoteFields": "x"}}))
        self.refused("InvalidExpressionType", 400, lambda: self.s3.select_object_content(
            Bucket=bucket, Key="k", Expression="x", ExpressionType="PHP", InputSerialization=USE, OutputSerialization={"CSV": {}}))
        self.refused("NoSuchKey", 404, lambda: self.ask(bucket, "none", "SELECT * FROM S3Object"))
        self.refused("NoSuchBucket", 404, lambda: self.ask("no-such-bucket", "k", "SELECT * FROM S3Object"))

    def test_an_error_midway_is_a_message(self):
        lines = ["1," + "x" * 90 + "\n"] * 5000 + ["word,\n"]
        bucket = self.new_object("".join(lines))
        rows = 0
        with self.assertRaises(EventStreamError) as caught:
            answer = self.s3.select_object_content(Bucket=bucket, Key="k", Expression="SELECT CAST(_1 AS INT), _2 FROM S3Object", ExpressionType="SQL",
                                                   InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}})
            for event in answer["Payload"]:
                rows += event["Records"]["Payload"].count(b"\n")
        self.assertEqual(caught.exception.response["Error"]["Code"], "CastFailed")
        self.assertEqual(rows, 5000)
        self.assertEqual(self.rows(bucket, "k", "SELECT COUNT(*) FROM S3Object", {"CSV": {}}), '{"_1":5001}\n', "the connection goes on")

    def test_text_that_is_no_utf8(self):
        bucket = self.new_object(b"a,\xff\n")
        self.refused("InvalidTextEncoding", 400, lambda: self.ask(bucket, "k", "SELECT * FROM S3Object", {"CSV": {}}))

    def test_encrypted_objects(self):
        bucket = self.new_object(CSV * 20_000, ServerSideEncryption="AES256")
        self.assertEqual(self.rows(bucket, "k", "SELECT COUNT(*) FROM S3Object", {"CSV": {}}), '{"_1":80000}\n')
        if self.transport != "https":
            return
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
        self.put(bucket, "c", CSV, **key)
        self.assertEqual(self.rows(bucket, "c", "SELECT name FROM S3Object LIMIT 1", **key), '{"name":"Ann"}\n')
        self.refused("InvalidRequest", 400, lambda: self.ask(bucket, "c", "SELECT name FROM S3Object"))
        self.refused("AccessDenied", 403, lambda: self.ask(bucket, "c", "SELECT name FROM S3Object", **{**key, "SSECustomerKey": KEY[::-1]}))

    def test_archived_objects_are_restored_first(self):
        bucket = self.new_object(CSV, StorageClass="GLACIER")
        self.refused("InvalidObjectState", 403, lambda: self.ask(bucket, "k", "SELECT name FROM S3Object"))
        self.s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
        self.assertEqual(self.rows(bucket, "k", "SELECT name FROM S3Object LIMIT 1"), '{"name":"Ann"}\n')

    def test_who_may_not_read_may_not_ask(self):
        bucket = self.new_object(CSV)
        mine, self.s3 = self.s3, self.make_client("second-account", "second-secret-key-0123456789")
        self.refused("AccessDenied", 403, lambda: self.ask(bucket, "k", "SELECT * FROM S3Object"))
        policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}
        mine.delete_public_access_block(Bucket=bucket)
        mine.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        self.assertEqual(self.rows(bucket, "k", "SELECT name FROM S3Object LIMIT 1"), '{"name":"Ann"}\n')

    def test_an_empty_object_has_no_records(self):
        bucket = self.new_object(b"")
        self.assertEqual(self.rows(bucket, "k", "SELECT name FROM S3Object"), "")
        self.assertEqual(self.rows(bucket, "k", "SELECT COUNT(*) FROM S3Object", {"JSON": {"Type": "LINES"}}), '{"_1":0}\n')


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
