#!/usr/bin/env python3
"""Notifications to real receivers: every event arrives, signed and in the order of its key, whatever is killed between."""

import hashlib
import hmac
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_plus

from boto3_world import client_of, KelpProcess  # noqa: I001
import kafka
import kafka_broker
from botocore.exceptions import ClientError
from kelpdev.process import free_port, wait_for

BUCKET = "photos"
SECRET = "a-secret-of-both"


class Receiver:
    """A webhook's other end: keeps what it takes; answers `status`, or nothing for as long as `slow` says."""

    def __init__(self, port=0):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with receiver.lock:
                    receiver.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.arrived.set()
                if receiver.slow.is_set():
                    receiver.released.wait(60)
                with receiver.lock:
                    status = receiver.status(json.loads(body))
                    if status < 300:
                        receiver.got.append((dict(self.headers.items()), body))
                self.send_response(status)
                if receiver.sends_to:
                    self.send_header("Location", receiver.sends_to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.lock = threading.Lock()
        self.got, self.connections = [], []
        self.arrived, self.slow, self.released = threading.Event(), threading.Event(), threading.Event()
        self.status = lambda _: 200
        self.sends_to = None
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It was closed.

    def records(self):
        with self.lock:
            return [record for _, body in self.got for record in json.loads(body).get("Records", [])]


def names(records):
    return [(record["eventName"], unquote_plus(record["s3"]["object"]["key"])) for record in records]


def rule(target, *events, prefix="", kind="Queue", arn="arn:kelp:sqs::{}:webhook"):
    return {f"{kind}Arn": arn.format(target), "Events": list(events), "Id": f"{target}-{prefix}",
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}


class World(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-notify-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.hook, self.other = Receiver(), Receiver()
        self.addCleanup(self.other.stop)
        self.addCleanup(lambda: self.hook.stop())
        self.config = self.folder / "kelp.toml"
        self.write_config(self.more_config())
        self.kelp = KelpProcess(self.folder / "kelp", "--config", str(self.config), "--rpc-listen", "127.0.0.1:0")
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.start()
        self.s3.create_bucket(Bucket=BUCKET)

    def more_config(self):
        """Further targets, and what they need."""
        return ""

    def write_config(self, more=""):
        self.config.write_text(
            f'[s3.notify.hook]\ntype = "webhook"\nurl = "http://127.0.0.1:{self.hook.port}/in"\n'
            f'secret = "{SECRET}"\nauth_token = "letmein"\n'
            f'[s3.notify.other]\ntype = "webhook"\nurl = "http://127.0.0.1:{self.other.port}/"\ntimeout = "60s"\n' + more)

    def start(self):
        self.kelp.start()
        self.s3 = client_of(self.kelp)

    def configure(self, *queues, **others):
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": list(queues), **others})

    def put(self, key, body=b"x"):
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def wait_for_records(self, receiver, count):
        wait_for(lambda: len(receiver.records()) >= count, f"{count} records, there are {len(receiver.records())}")
        return receiver.records()

    def assert_in_order(self, records, etags):
        """Every version of each key came; whatever came twice, the first time was in the order of the writes."""
        for key, expected in etags.items():
            came = [record["s3"]["object"]["eTag"] for record in records if record["s3"]["object"]["key"] == key]
            self.assertEqual(list(dict.fromkeys(came)), expected, key)
            self.assertEqual(came[-1], expected[-1], key)


class Webhooks(World):
    def test_nobody_is_sent_elsewhere(self):
        self.configure(rule("hook", "s3:ObjectCreated:*"))
        wait_for(lambda: self.hook.got, "the test event")
        asked = []
        self.hook.sends_to = f"http://127.0.0.1:{self.other.port}/"
        self.hook.status = lambda message: asked.append(message) or 307
        self.put("k")
        wait_for(lambda: len(asked) >= 2, "the second attempt")
        self.assertEqual(self.other.connections, [], "a redirect was followed")
        self.hook.sends_to, self.hook.status = None, lambda _: 200
        self.wait_for_records(self.hook, 1)
        self.assertEqual(self.other.connections, [])

    def test_each_operation_tells_what_it_did(self):
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.configure(rule("hook", "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", prefix="in/"))
        put = self.put("in/a b.txt", b"12345")
        self.put("out")
        self.s3.copy_object(Bucket=BUCKET, Key="in/copy", CopySource=f"{BUCKET}/out")
        upload = {"Bucket": BUCKET, "Key": "in/parts"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        part = self.s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        self.s3.put_object_tagging(Bucket=BUCKET, Key="in/copy", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
        self.s3.delete_object_tagging(Bucket=BUCKET, Key="in/copy")
        marker = self.s3.delete_object(Bucket=BUCKET, Key="in/copy")["VersionId"]
        self.s3.delete_object(Bucket=BUCKET, Key="in/copy", VersionId=marker)
        records = self.wait_for_records(self.hook, 7)
        self.assertEqual(sorted(names(records)), sorted([
            ("ObjectCreated:Put", "in/a b.txt"), ("ObjectCreated:Copy", "in/copy"),
            ("ObjectCreated:CompleteMultipartUpload", "in/parts"), ("ObjectTagging:Put", "in/copy"),
            ("ObjectTagging:Delete", "in/copy"), ("ObjectRemoved:DeleteMarkerCreated", "in/copy"),
            ("ObjectRemoved:Delete", "in/copy")]))
        first = next(record for record in records if record["s3"]["object"]["key"] == "in/a+b.txt")
        self.assertEqual(first["s3"]["object"]["eTag"], put["ETag"].strip('"'))
        self.assertEqual(first["s3"]["object"]["size"], 5)
        self.assertEqual(first["s3"]["bucket"]["name"], BUCKET)
        self.assertEqual(first["s3"]["configurationId"], "hook-in/")
        self.assertTrue(first["userIdentity"]["principalId"])
        self.assertEqual(first["requestParameters"]["sourceIPAddress"], "127.0.0.1")
        self.assertEqual(first["responseElements"]["x-amz-request-id"], put["ResponseMetadata"]["RequestId"])
        of_copy = [record for record in records if record["s3"]["object"]["key"] == "in/copy"]
        self.assertEqual([name for name, _ in names(of_copy)],
                         ["ObjectCreated:Copy", "ObjectTagging:Put", "ObjectTagging:Delete",
                          "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"])
        sequence = [record["s3"]["object"]["sequencer"] for record in of_copy]
        self.assertEqual(sequence, sorted(sequence))

    def test_a_restore_begins_and_is_completed(self):
        self.configure(rule("hook", "s3:ObjectRestore:*"))
        self.s3.put_object(Bucket=BUCKET, Key="a", Body=b"12345", StorageClass="GLACIER")
        self.s3.restore_object(Bucket=BUCKET, Key="a", RestoreRequest={"Days": 1})
        records = self.wait_for_records(self.hook, 2)
        self.assertEqual(names(records), [("ObjectRestore:Post", "a"), ("ObjectRestore:Completed", "a")])
        self.assertEqual([record["s3"]["object"]["size"] for record in records], [5, 5])
        first, second = (record["s3"]["object"]["sequencer"] for record in records)
        self.assertLess(first, second)

    def test_messages_say_who_sends_them(self):
        self.configure(rule("hook", "s3:ObjectCreated:*"))
        self.put("a")
        self.wait_for_records(self.hook, 1)
        with self.hook.lock:
            (first, test), (lines, body) = self.hook.got
        self.assertEqual((json.loads(test)["Event"], json.loads(test)["Bucket"]), ("s3:TestEvent", BUCKET))
        self.assertEqual(first["X-Kelp-Event"], "TestEvent")
        self.assertEqual(lines["X-Kelp-Event"], "ObjectCreated:Put")
        self.assertEqual(lines["Content-Type"], "application/json")
        self.assertEqual(lines["Authorization"], "Bearer letmein")
        seconds, signature = (part.split("=")[1] for part in lines["X-Kelp-Signature"].split(","))
        self.assertLess(abs(time.time() - int(seconds)), 60)
        expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        self.assertEqual(signature, expected)

    def test_arns_of_aws_name_targets_and_others_are_refused(self):
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"TopicConfigurations": [
                rule("hook", "s3:ObjectCreated:*", kind="Topic", arn="arn:aws:sns:us-east-1:123456789012:{}")]})
        self.put("a")
        self.wait_for_records(self.hook, 1)
        with self.assertRaises(ClientError) as caught:
            self.configure(rule("nobody", "s3:ObjectCreated:*"))
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], "InvalidArgument")
        self.assertEqual(error["Message"], "Unable to validate the following destination configurations")

    def test_a_target_that_was_away_gets_all_in_order_and_delays_no_other(self):
        port = self.hook.port
        self.configure(rule("hook", "s3:ObjectCreated:*", prefix="in/"), rule("other", "s3:ObjectCreated:*", prefix="out/"))
        self.put("in/first")
        self.wait_for_records(self.hook, 1)
        self.hook.stop()
        etags = {}
        for number in range(100):
            key = f"in/{number % 5}"
            etags.setdefault(key, []).append(self.put(key, str(number).encode())["ETag"].strip('"'))
            self.put(f"out/{number}")
        self.wait_for_records(self.other, 100)
        self.hook = Receiver(port)
        self.wait_for_records(self.hook, 100)
        self.assert_in_order(self.hook.records(), etags)

    def test_a_slow_target_delays_no_other(self):
        self.configure(rule("hook", "s3:ObjectCreated:*", prefix="in/"), rule("other", "s3:ObjectCreated:*", prefix="out/"))
        self.other.slow.set()
        self.put("out/a")
        for number in range(20):
            self.put(f"in/{number}")
        self.wait_for_records(self.hook, 20)
        self.assertEqual(self.other.records(), [])
        self.other.slow.clear()
        self.other.released.set()
        self.wait_for_records(self.other, 1)

    def test_a_kill_loses_nothing_and_keeps_the_order(self):
        """The server dies again and again while a target takes some messages and refuses others."""
        self.configure(rule("hook", "s3:ObjectCreated:*"))
        answers = iter(int(number % 7 == 3) for number in range(10**9))
        self.hook.status = lambda _: 503 if next(answers) else 200
        etags = {}
        for round_number in range(4):
            for number in range(60):
                key = f"k{number % 6}"
                etags.setdefault(key, []).append(self.put(key, os.urandom(20))["ETag"].strip('"'))
            before = len(self.hook.records())
            wait_for(lambda: len(self.hook.records()) > before + 5, "some records")
            self.kelp.kill()
            self.start()
        wait_for(lambda: {record["s3"]["object"]["eTag"] for record in self.hook.records()} >=
                 {etag for all_of in etags.values() for etag in all_of}, "all records")
        self.assert_in_order(self.hook.records(), etags)

    def test_without_a_configuration_nothing_is_sent_nor_kept(self):
        self.configure(rule("hook", "s3:ObjectCreated:*"))
        self.put("a")
        self.wait_for_records(self.hook, 1)
        self.configure()
        self.assertNotIn("QueueConfigurations", self.s3.get_bucket_notification_configuration(Bucket=BUCKET))
        self.put("b")
        self.configure(rule("hook", "s3:ObjectCreated:*", prefix="c"))
        self.put("c")
        self.assertEqual(names(self.wait_for_records(self.hook, 2)), [("ObjectCreated:Put", "a"), ("ObjectCreated:Put", "c")])

    def test_metrics_tell_of_what_is_behind(self):
        self.configure(rule("hook", "s3:ObjectCreated:*"))
        self.hook.status = lambda _: 500
        self.put("a")
        wait_for(lambda: self.kelp.metric("kelp_notify_failed_total") >= 2, "failed attempts")
        wait_for(lambda: self.kelp.metric("kelp_notify_lag_seconds") > 0.2, "a lag")
        self.hook.status = lambda _: 200
        self.wait_for_records(self.hook, 1)
        wait_for(lambda: self.kelp.metric("kelp_notify_sent_total") == 2, "two messages")
        wait_for(lambda: self.kelp.metric("kelp_notify_lag_seconds") == 0, "no lag")

    def test_an_order_to_stop_does_not_wait_for_a_target(self):
        self.configure(rule("other", "s3:ObjectCreated:*"))
        self.other.slow.set()
        self.put("a")
        self.assertTrue(self.other.arrived.wait(60))
        before = time.monotonic()
        self.kelp.stop()
        self.assertLess(time.monotonic() - before, 20, "the target's timeout is 60 s")

    def test_targets_that_cannot_be_are_refused_at_the_start(self):
        self.kelp.stop()
        for table, why in (('type = "webhook"', "url begins with http"), ('type = "amqp"', "type is webhook"),
                           ('type = "webhook"\nurl = "http://h/"\ncolour = "red"', "unknown key 'colour'")):
            self.write_config(f"[s3.notify.wrong]\n{table}\n")
            with self.assertRaises(RuntimeError) as caught:
                self.kelp.start()
            self.assertIn(why, str(caught.exception))


class Redis:
    """A real server in `folder`, on a socket and a port of its own; start() may follow kill()."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.folder.mkdir()
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly",
                 "yes", "--appendfsync", "always", "--requirepass", "sesame"], stdout=log, stderr=log)
        wait_for(lambda: self.ask("PING") == "PONG", "Redis' start")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "-a", "sesame", "--no-auth-warning", "--json", *words],
                              capture_output=True, text=True, timeout=30)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def records_of(messages):
    return [record for message in messages for record in json.loads(message).get("Records", [])]


class Status(World):
    def status(self):
        return {row["target"]: row for row in self.kelp.shell("s3.notify.status")["targets"]}

    def test_operators_see_who_is_behind(self):
        self.assertEqual(self.status(), {})
        self.configure(rule("hook", "s3:ObjectCreated:*"), rule("other", "s3:ObjectRemoved:*"))
        self.hook.status = lambda _: 500
        for number in range(3):
            self.put(str(number))
        wait_for(lambda: self.status()["other"]["state"] == "up to date", "the other's place", every=0.2)
        behind = self.status()["hook"]
        self.assertEqual((behind["bucket"], behind["state"], behind["waiting"]), (BUCKET, "behind", 3))
        self.assertGreaterEqual(behind["lag_seconds"], 0)
        self.hook.status = lambda _: 200
        wait_for(lambda: self.status()["hook"]["state"] == "up to date", "the hook's place", every=0.2)


class RedisTargets(World):
    def more_config(self):
        self.redis = Redis(self.folder / "redis")
        self.addCleanup(self.redis.kill)
        where = f'type = "redis"\nurl = "redis://127.0.0.1:{self.redis.port}/1"\npassword = "sesame"\ntimeout = "2s"\n'
        return (f'[s3.notify.list]\n{where}key = "events"\n[s3.notify.stream]\n{where}key = "flow"\nformat = "stream"\n'
                f'[s3.notify.channel]\n{where}key = "news"\nformat = "channel"\n')

    def listed(self):
        return records_of(self.redis.ask("-n", "1", "LRANGE", "events", "0", "-1") or [])

    def test_a_list_gets_all_in_order_though_both_ends_die(self):
        self.configure(rule("list", "s3:ObjectCreated:*"))
        etags = {}
        for round_number in range(3):
            for number in range(60):
                key = f"k{number % 6}"
                etags.setdefault(key, []).append(self.put(key, os.urandom(20))["ETag"].strip('"'))
                if number == 20:
                    self.redis.kill()
            if round_number == 1:  # Else it dies while it sends.
                wait_for(lambda: self.kelp.metric("kelp_notify_failed_total") >= 1, "a failed attempt")
            self.kelp.kill()
            self.redis.start()
            self.start()
        every = {etag for all_of in etags.values() for etag in all_of}
        wait_for(lambda: {record["s3"]["object"]["eTag"] for record in self.listed()} >= every, "all records", every=0.3)
        self.assert_in_order(self.listed(), etags)

    def test_a_stream_has_fields_and_a_channel_its_listeners(self):
        self.configure(rule("stream", "s3:ObjectCreated:*", prefix="s"), rule("channel", "s3:ObjectCreated:*", prefix="c"))
        with subprocess.Popen(["redis-cli", "-p", str(self.redis.port), "-a", "sesame", "--no-auth-warning", "SUBSCRIBE",
                               "news"], stdout=subprocess.PIPE, text=True) as listener:
            self.assertEqual([listener.stdout.readline().strip() for _ in range(3)], ["subscribe", "news", "1"])
            self.put("s1")
            self.put("c1")
            wait_for(lambda: self.redis.ask("-n", "1", "XLEN", "flow") == 2, "two entries", every=0.1)
            _, fields = self.redis.ask("-n", "1", "XRANGE", "flow", "-", "+")[1]
            fields = dict(zip(fields[::2], fields[1::2])) if isinstance(fields, list) else fields
            self.assertEqual((fields["event"], fields["key"]), ("ObjectCreated:Put", f"{BUCKET}/s1"))
            self.assertEqual(records_of([fields["message"]])[0]["s3"]["object"]["sequencer"], fields["id"])
            heard = []
            while not any("c1" in line for line in heard):
                heard.append(listener.stdout.readline())
            listener.kill()


@unittest.skipUnless(kafka_broker.jars(), "SKIPPED: no Java, or no Maven to fetch Kafka with")
class KafkaTargets(World):
    def more_config(self):
        self.broker = kafka_broker.KafkaBroker(self.folder / "kafka")
        self.addCleanup(self.broker.stop)
        return (f'[s3.notify.topic]\ntype = "kafka"\nbrokers = ["{self.broker.address}"]\ntopic = "events"\n'
                'timeout = "5s"\n')

    def test_a_topic_gets_all_in_order_though_both_ends_die(self):
        self.configure(rule("topic", "s3:ObjectCreated:*"))
        etags = {}
        for round_number in range(2):
            for number in range(90):
                key = f"k{number % 9}"
                etags.setdefault(key, []).append(self.put(key, os.urandom(20))["ETag"].strip('"'))
                if number == 40:
                    self.broker.stop()
            if round_number == 0:  # Else it dies while it sends.
                wait_for(lambda: self.kelp.metric("kelp_notify_failed_total") >= 1, "a failed attempt")
            self.kelp.kill()
            self.broker.start()
            self.start()
        every = {etag for all_of in etags.values() for etag in all_of}
        # A broker that has just begun may not know all partitions yet: the consumer asks again.
        consumer = kafka.KafkaConsumer("events", bootstrap_servers=self.broker.address, auto_offset_reset="earliest",
                                       api_version=(2, 6), metadata_max_age_ms=1000)
        self.addCleanup(consumer.close)
        came = []

        def all_came():
            for messages in consumer.poll(timeout_ms=500, max_records=1000).values():
                came.extend(messages)
            return {record["s3"]["object"]["eTag"] for record in records_of(message.value for message in came)} >= every

        try:
            wait_for(all_came, "all records", 120)
        except TimeoutError:
            got = {record["s3"]["object"]["eTag"] for record in records_of(message.value for message in came)}
            self.fail(f"{len(every - got)} of {len(every)} did not come, {self.kelp.metric('kelp_notify_failed_total')} attempts failed, "
                      f"it is {self.kelp.metric('kelp_notify_lag_seconds')} s behind; its last words:\n{self.kelp.log_tail()}")
        self.assert_in_order(records_of(message.value for message in came), etags)
        for message in came:
            for record in json.loads(message.value).get("Records", []):
                self.assertEqual(message.key.decode(), f"{BUCKET}/{record['s3']['object']['key']}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
