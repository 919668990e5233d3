#!/usr/bin/env python3
"""A storage class whose bytes lie in a bucket of another S3: two Kelps, and between them a proxy that misbehaves when it is told to."""

import http.client
import json
import os
import re
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from boto3_world import client_of, KelpProcess  # noqa: I001
from botocore.exceptions import BotoCoreError, ClientError
from kelpdev.process import fsck, wait_for

MIB = 1 << 20
FRAME = (64 << 10) + 16
FAR_KEYS = ("far-access-key", "far-secret-key-0123456789")
NEAR = ("--rpc-listen", "127.0.0.1:0", "--set", "filer.lifecycle_interval=100ms", "--set", "filer.lifecycle_debug_day=1s",
        "--set", "collector.interval=100ms", "--set", "collector.quarantine=0s", "--set", "collector.orphan_interval=1s",
        "--set", "collector.remote_interval=1s")


class Proxy:
    """Passes requests on to `port`, but for what `spoil(method, path)` says: None, or one of the faults below."""

    def __init__(self, port):
        self.port, self.spoil, self.seen = port, lambda method, path: None, []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append((self.command, self.path, self.headers.get("Range")))
                fault = proxy.spoil(self.command, self.path)
                if fault == "down":
                    self.close_connection = True
                    return
                if isinstance(fault, threading.Event):
                    fault.wait(60)
                if isinstance(fault, tuple):
                    return self.answer(*fault)
                far = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
                far.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    far.putheader(name, value)
                far.endheaders(body)
                got = far.getresponse()
                bytes_ = got.read()
                far.close()
                if fault == "late":  # The other end did it, and nobody hears of that.
                    self.close_connection = True
                    return
                self.answer(got.status, dict(got.getheaders()), bytes_, cut=fault == "cut")

            def answer(self, status, headers, bytes_, cut=False):
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(bytes_)))
                self.end_headers()
                self.wfile.write(bytes_[:len(bytes_) // 2] if cut else bytes_)
                self.close_connection = cut

            do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = pass_on

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # of those who went away
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def error_xml(code):
    return f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()


class RemoteTier(unittest.TestCase):
    classes = '["GLACIER_IR", "GLACIER"]'

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-remote-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.far_kelp = KelpProcess(self.folder / "far", access_key=FAR_KEYS[0], secret_key=FAR_KEYS[1])
        self.far_kelp.start()
        self.addCleanup(self.far_kelp.stop)
        self.far = client_of(self.far_kelp)
        self.far.create_bucket(Bucket="cold")
        self.proxy = Proxy(self.far_kelp.port)
        self.addCleanup(self.proxy.close)
        self.secret = self.folder / "secret"
        self.secret.write_text(FAR_KEYS[1] + "\n")
        self.config = self.folder / "kelp.toml"
        self.write_config()
        self.kelp = KelpProcess(self.folder / "near", "--config", str(self.config), *NEAR)
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()
        self.s3.create_bucket(Bucket="photos")

    def write_config(self, **others):
        values = {"id": 7, "classes": self.classes, "endpoint": json.dumps(self.proxy.endpoint), "bucket": '"cold"',
                  "prefix": '"tier/"', "access_key": json.dumps(FAR_KEYS[0]), "secret_file": json.dumps(str(self.secret)),
                  "timeout": '"5s"', **others}
        lines = "".join(f"{name} = {value}\n" for name, value in values.items())
        self.config.write_text("[remote.cold]\n" + lines)

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    # --- helpers

    def put(self, key, body, **options):
        return self.s3.put_object(Bucket="photos", Key=key, Body=body, **options)

    def get(self, key, **options):
        return self.s3.get_object(Bucket="photos", Key=key, **options)["Body"].read()

    def class_of(self, key):
        return self.s3.head_object(Bucket="photos", Key=key).get("StorageClass", "STANDARD")

    def stored(self):
        """Names and sizes of what lies far away."""
        listed = self.far.list_objects_v2(Bucket="cold", Prefix="tier/").get("Contents", [])
        return {each["Key"]: each["Size"] for each in listed}

    def archive(self, days=1, to="GLACIER_IR"):
        rule = {"ID": "r", "Filter": {"Prefix": "", }, "Status": "Enabled",
                "Transitions": [{"Days": days, "StorageClass": to}]}
        self.s3.put_bucket_lifecycle_configuration(Bucket="photos", LifecycleConfiguration={"Rules": [rule]})

    def refused(self, status, call, **options):
        with self.assertRaises(ClientError) as caught:
            answer = call(Bucket="photos", **options)
            if "Body" in answer:
                answer["Body"].read()
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)

    def log(self):
        return (self.kelp.folder / "log").read_text(errors="replace")

    def sound(self):
        self.kelp.stop()
        report = fsck(self.kelp.data)
        self.assertTrue(report["sound"], report)
        return report

    # --- what it is for

    def test_objects_move_there_are_read_there_and_are_removed_there(self):
        body, part = os.urandom(20 * MIB + 5), os.urandom(6 * MIB)
        self.put("large", body, ContentType="text/plain")
        self.put("small", b"x" * 200)
        upload = {"Bucket": "photos", "Key": "parts"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        tags = [{"PartNumber": number, "ETag": self.s3.upload_part(**upload, PartNumber=number, Body=bytes_)["ETag"]}
                for number, bytes_ in ((1, part), (2, b"the end"))]
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": tags})
        before = self.s3.head_object(Bucket="photos", Key="large")
        self.archive()
        for key in ("large", "parts"):
            wait_for(lambda key=key: self.class_of(key) == "GLACIER_IR", f"the move of {key}")
        after = self.s3.head_object(Bucket="photos", Key="large")
        for name in ("ETag", "LastModified", "ContentType", "ContentLength"):
            self.assertEqual(after[name], before[name])
        self.assertEqual(self.class_of("small"), "STANDARD")
        stored = self.stored()
        frames = sum(-(-size // FRAME) for size in stored.values())
        self.assertEqual(sum(stored.values()) - 16 * frames, len(body) + len(part) + 7)
        identity = re.search(r'[0-9a-f-]{36}', (self.kelp.data / "cluster").read_text())[0]
        for name in stored:
            self.assertRegex(name, rf"^tier/{identity}/7/[0-9a-f]{{24}}$")
        # What lay here is gone from here.
        wait_for(lambda: self.kelp.metric("kelp_volume_needles_removed_total") >= 4, "the removal of what moved")

        self.assertEqual(self.get("large"), body)
        for first, last in ((0, 0), (65_535, 65_536), (8 * MIB - 10, 8 * MIB + 10), (20 * MIB, 20 * MIB + 4)):
            self.assertEqual(self.get("large", Range=f"bytes={first}-{last}"), body[first:last + 1])
        self.assertEqual(self.get("parts", PartNumber=2), b"the end")
        self.assertEqual(self.get("parts"), part + b"the end")
        report = self.sound()
        self.assertEqual(report["remote_needles"], len(stored))
        self.start()
        self.assertEqual(self.get("large"), body, "after a restart")

        for key in ("large", "parts"):
            self.s3.delete_object(Bucket="photos", Key=key)
        wait_for(lambda: self.stored() == {}, "the removal far away")
        self.sound()

    def test_objects_are_written_there_and_copied_from_and_to_there(self):
        body = os.urandom(9 * MIB)
        self.put("direct", body, StorageClass="GLACIER_IR")
        self.assertEqual(len(self.stored()), 2, "when the answer comes it is there")
        self.assertEqual(self.get("direct"), body)
        # A copy of the same class is a change of metadata; another class has other bytes.
        source = {"Bucket": "photos", "Key": "direct"}
        self.s3.copy_object(Bucket="photos", Key="twin", CopySource=source, StorageClass="GLACIER_IR")
        self.assertEqual(len(self.stored()), 2)
        self.s3.copy_object(Bucket="photos", Key="home", CopySource=source, StorageClass="STANDARD")
        home = {"Bucket": "photos", "Key": "home"}
        self.s3.copy_object(Bucket="photos", Key="away", CopySource=home, StorageClass="GLACIER_IR")
        self.assertEqual(len(self.stored()), 4)
        upload = self.s3.create_multipart_upload(Bucket="photos", Key="parts", StorageClass="GLACIER_IR")
        name = {"Bucket": "photos", "Key": "parts", "UploadId": upload["UploadId"]}
        tag = self.s3.upload_part(**name, PartNumber=1, Body=body[:5 * MIB])["ETag"]
        self.s3.complete_multipart_upload(**name, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
        self.assertEqual(len(self.stored()), 5)
        self.assertEqual(self.get("parts"), body[:5 * MIB])
        self.s3.delete_object(Bucket="photos", Key="direct")
        for key in ("twin", "home", "away"):
            self.assertEqual(self.get(key), body, key)
        # An upload that is given up leaves nothing.
        given_up = self.s3.create_multipart_upload(Bucket="photos", Key="no", StorageClass="GLACIER_IR")
        name = {"Bucket": "photos", "Key": "no", "UploadId": given_up["UploadId"]}
        self.s3.upload_part(**name, PartNumber=1, Body=body)
        self.s3.abort_multipart_upload(**name)
        wait_for(lambda: len(self.stored()) == 5, "the end of what was given up")
        for key in ("twin", "home", "away", "parts"):
            self.s3.delete_object(Bucket="photos", Key=key)
        wait_for(lambda: self.stored() == {}, "the removal far away")

    def test_archived_objects_are_restored(self):
        body = os.urandom(300_000)
        self.put("deep", body)
        self.archive(to="GLACIER")
        wait_for(lambda: self.class_of("deep") == "GLACIER", "the move")
        self.assertEqual(len(self.stored()), 1)
        self.refused(403, self.s3.get_object, Key="deep")
        self.s3.restore_object(Bucket="photos", Key="deep", RestoreRequest={"Days": 3600})
        self.assertEqual(self.get("deep"), body)
        self.assertEqual(len(self.stored()), 1)

    def test_encrypted_objects_are_ciphertext_there(self):
        body = b"a plain secret, many times over. " * 20_000
        self.put("sealed", body, ServerSideEncryption="AES256")
        self.archive()
        wait_for(lambda: self.class_of("sealed") == "GLACIER_IR", "the move")
        for name in self.stored():
            self.assertNotIn(b"plain secret", self.far.get_object(Bucket="cold", Key=name)["Body"].read())
        self.assertEqual(self.get("sealed"), body)
        self.assertEqual(self.get("sealed", Range="bytes=70000-70032"), body[70000:70033])

    # --- bad days

    def test_a_remote_that_is_down_loses_nothing(self):
        body = os.urandom(9 * MIB)
        for key in ("kept", "gone"):
            self.put(key, body, StorageClass="GLACIER_IR")
        self.put("waits", body)
        self.proxy.spoil = lambda method, path: "down"
        self.refused(503, self.s3.get_object, Key="kept")
        self.refused(503, self.s3.put_object, Key="new", Body=body, StorageClass="GLACIER_IR")
        self.s3.delete_object(Bucket="photos", Key="gone")
        self.archive()
        failures = self.kelp.metric("kelp_filer_lifecycle_failures_total")
        wait_for(lambda: self.kelp.metric("kelp_filer_lifecycle_failures_total") > failures + 1, "moves that fail")
        self.assertEqual(self.class_of("waits"), "STANDARD")
        self.assertEqual(self.get("waits"), body)
        wait_for(lambda: self.kelp.metric("kelp_filer_failing_volumes") == 1, "a removal that fails")
        self.assertEqual(self.kelp.metric("kelp_remote_failing"), 1)
        self.assertEqual(self.log().count("remote_fails remote=cold"), 1, "said once")
        self.assertEqual(len(self.stored()), 4)
        # Over a restart, too.
        self.kelp.kill()
        self.start()
        self.refused(503, self.s3.get_object, Key="kept")
        self.proxy.spoil = lambda method, path: None
        wait_for(lambda: self.class_of("waits") == "GLACIER_IR", "the move")
        wait_for(lambda: len(self.stored()) == 4, "the removal of what is gone")
        self.assertEqual(self.get("kept"), body)
        self.assertEqual(self.get("waits"), body)
        self.assertIn("remote_works_again remote=cold", self.log())
        self.assertEqual(self.kelp.metric("kelp_remote_failing"), 0)

    def test_bytes_that_were_changed_there_are_never_served(self):
        body = os.urandom(300_000)
        for key in ("first", "second"):
            self.put(key, body, StorageClass="GLACIER_IR")
        first, second = self.stored()
        good = {name: self.far.get_object(Bucket="cold", Key=name)["Body"].read() for name in (first, second)}

        def spoiled(bytes_):
            self.far.put_object(Bucket="cold", Key=first, Body=bytes_)

        flipped = bytearray(good[first])
        flipped[FRAME + 1000] ^= 1
        spoiled(bytes(flipped))
        self.refused(500, self.s3.get_object, Key="first", Range="bytes=65536-65536")
        self.assertEqual(self.get("first", Range="bytes=0-65535"), body[:65536], "what is whole is read")
        self.refused(500, self.s3.get_object, Key="first", Range="bytes=1000-299999")
        for bytes_ in (good[second], good[first][FRAME:], good[first][:100], b"", b"x" * 400_000):
            spoiled(bytes_)
            self.refused(500, self.s3.get_object, Key="first", Range="bytes=70000-200000")
        self.far.delete_object(Bucket="cold", Key=first)
        self.refused(500, self.s3.get_object, Key="first")
        self.assertGreater(self.kelp.metric("kelp_remote_damaged_total"), 4)
        self.assertEqual(self.get("second"), body)
        spoiled(good[first])
        self.assertEqual(self.get("first"), body)

    def test_answers_that_are_no_good_are_refused(self):
        body = os.urandom(300_000)
        self.put("k", body, StorageClass="GLACIER_IR")
        elsewhere = Proxy(self.far_kelp.port)
        self.addCleanup(elsewhere.close)
        redirect = (307, {"Location": elsewhere.endpoint + "/cold/x"}, error_xml("TemporaryRedirect"))
        for fault in ("cut", redirect, (403, {}, error_xml("AccessDenied")), (404, {}, error_xml("NoSuchBucket")),
                      (200, {}, b"not a range"), (500, {}, b"")):
            self.proxy.spoil = lambda method, path, fault=fault: fault
            self.refused(503, self.s3.get_object, Key="k")
            if fault != "cut" and fault[0] != 200:
                self.refused(503, self.s3.put_object, Key="new", Body=body, StorageClass="GLACIER_IR")
        self.assertEqual(elsewhere.seen, [], "redirects are not followed")
        # In the middle of a body: cut off, and never other bytes.
        large = os.urandom(8 * MIB)
        self.proxy.spoil = lambda method, path: None
        self.put("large", large, StorageClass="GLACIER_IR")
        self.proxy.seen.clear()
        gets = iter(range(100))
        self.proxy.spoil = lambda method, path: "down" if method == "GET" and next(gets) > 0 else None
        got = b""
        with self.assertRaises(BotoCoreError):
            for piece in self.s3.get_object(Bucket="photos", Key="large")["Body"].iter_chunks(1000):
                got += piece
        self.assertTrue(got and large.startswith(got))
        self.proxy.spoil = lambda method, path: None
        self.assertEqual(self.get("large"), large)

    def test_removals_are_asked_for_until_they_are_done(self):
        body = os.urandom(200_000)
        removals = []
        answers = iter(["down", (500, {}, b""), (404, {}, error_xml("NoSuchBucket")), (403, {}, error_xml("AccessDenied")),
                        (307, {"Location": "http://127.0.0.1:1/"}, b"")])

        def spoil(method, path):
            if method != "DELETE":
                return None
            removals.append(path)
            return next(answers, None)

        self.proxy.spoil = spoil
        self.put("k", body, StorageClass="GLACIER_IR")
        self.s3.delete_object(Bucket="photos", Key="k")
        wait_for(lambda: self.stored() == {}, "the removal")
        self.assertGreater(len(removals), 5)
        wait_for(lambda: self.kelp.metric("kelp_filer_dead_needles") == 0, "the end of the dead")
        # One that is not there any more is removed.
        self.put("k", body, StorageClass="GLACIER_IR")
        (name,) = self.stored()
        self.far.delete_object(Bucket="cold", Key=name)
        self.s3.delete_object(Bucket="photos", Key="k")
        wait_for(lambda: self.kelp.metric("kelp_filer_dead_needles") == 0, "the end of the dead")

    def test_killed_in_the_middle_of_a_move_it_goes_on(self):
        bodies = {f"k{number:02}": os.urandom(200_000 + number) for number in range(12)}
        for key, body in bodies.items():
            self.put(key, body)
        hold, puts = threading.Event(), []

        def spoil(method, path):
            if method != "PUT":
                return None
            puts.append(path)
            return {2: "late", 5: hold}.get(len(puts))

        self.proxy.spoil = spoil
        self.archive()
        wait_for(lambda: len(puts) == 5, "a move that hangs")
        self.assertEqual(puts[1], puts[2], "whose answer is lost is put again")
        moved = [key for key in bodies if self.class_of(key) == "GLACIER_IR"]
        self.assertEqual((len(moved), len(self.stored())), (3, 3))
        self.kelp.kill()
        hold.set()
        self.proxy.spoil = lambda method, path: None
        self.start()
        for key, body in bodies.items():
            wait_for(lambda key=key: self.class_of(key) == "GLACIER_IR", f"the move of {key}")
            self.assertEqual(self.get(key), body)
        # What the crash and lost answers left is found by the walk over what lies there.
        wait_for(lambda: len(self.stored()) == len(bodies), "the end of what nothing names")
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body)
        self.sound()

    def test_a_remote_that_is_taken_out_of_the_configuration_keeps_what_it_has(self):
        body = os.urandom(200_000)
        for key in ("read", "removed"):
            self.put(key, body, StorageClass="GLACIER_IR")
        self.kelp.stop()
        self.config.write_text("")
        self.start()
        self.refused(503, self.s3.get_object, Key="read")
        self.s3.delete_object(Bucket="photos", Key="removed")
        wait_for(lambda: self.kelp.metric("kelp_filer_failing_volumes") == 1, "a removal that cannot be done")
        self.put("here", body, StorageClass="GLACIER_IR")
        self.assertEqual(self.get("here"), body)
        self.assertEqual(len(self.stored()), 2)
        self.kelp.stop()
        self.write_config(classes="[]")
        self.start()
        self.assertEqual(self.get("read"), body, "without classes it is read")
        wait_for(lambda: len(self.stored()) == 1, "and emptied")
        self.put("still here", body, StorageClass="GLACIER_IR")
        self.assertEqual(len(self.stored()), 1)

    def test_settings_that_are_wrong_are_named(self):
        self.kelp.stop()
        for others, why in (({"id": 0}, "id is a number from 1 to 65534"), ({"endpoint": '"ftp://x"'}, "endpoint is not"),
                            ({"secret_file": '"/nonexistent"'}, "has no secret key"), ({"classes": '["STANDARD"]'}, "STANDARD"),
                            ({"prefix": '"/x"'}, "prefix has"), ({"timeout": '"1ms"'}, "timeout lies"),
                            ({"secret": '"x"'}, "unknown key 'secret'")):
            self.write_config(**others)
            with self.assertRaises(RuntimeError) as caught:
                self.kelp.start()
            self.assertIn(why, str(caught.exception))
            self.kelp.process = None
        self.assertNotIn(FAR_KEYS[1], self.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
