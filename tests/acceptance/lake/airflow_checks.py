"""Airflow: the hook that its operators and sensors use, and the remote log of its tasks."""

import logging
import os
import shlex
from types import SimpleNamespace

from engine import BUCKET, GIVEN, at_once, main, raises, same, snippet

for line in snippet("python.md", "airflow", GIVEN).splitlines():
    name, _, value = shlex.split(line)[1].partition("=")
    os.environ[name] = value
os.environ.update(AIRFLOW_HOME=str(GIVEN.work / "home"), AIRFLOW__CORE__UNIT_TEST_MODE="False")

from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: E402
from airflow.providers.amazon.aws.log.s3_task_handler import S3RemoteLogIO, S3TaskHandler  # noqa: E402
from airflow.providers.common.compat.sdk import conf  # noqa: E402

HOOK = S3Hook("kelp")
LOGS = GIVEN.work / "logs"


def check_keys():
    HOOK.load_string("one", "airflow/keys/a", BUCKET)
    raises(ValueError, HOOK.load_string, "two", "airflow/keys/a", BUCKET)  # it is there
    HOOK.load_string("two", "airflow/keys/a", BUCKET, replace=True)
    same(HOOK.read_key("airflow/keys/a", BUCKET), "two")
    HOOK.load_bytes(b"three", f"s3://{BUCKET}/airflow/keys/sub/b")
    same((HOOK.check_for_key("airflow/keys/a", BUCKET), HOOK.check_for_key("airflow/keys/none", BUCKET)), (True, False))
    same(HOOK.list_keys(BUCKET, "airflow/keys/"), ["airflow/keys/a", "airflow/keys/sub/b"])
    same(HOOK.list_keys(BUCKET, "airflow/keys/", start_after_key="airflow/keys/a"), ["airflow/keys/sub/b"])
    same(HOOK.list_prefixes(BUCKET, "airflow/keys/", "/"), ["airflow/keys/sub/"])
    same(HOOK.check_for_prefix("airflow/keys/sub/", "/", BUCKET), True)
    same(HOOK.get_wildcard_key("airflow/keys/*/b", BUCKET).key, "airflow/keys/sub/b")
    same(HOOK.head_object("airflow/keys/a", BUCKET)["ContentLength"], 3)
    same([entry["Size"] for entry in HOOK.get_file_metadata("airflow/keys/", BUCKET)], [3, 5])


def check_files():
    body, source = os.urandom(20 << 20), GIVEN.work / "source"
    source.write_bytes(body)
    HOOK.load_file(source, "airflow/files/large", BUCKET)
    HOOK.load_file(source, "airflow/files/packed", BUCKET, gzip=True, encrypt=True)
    HOOK.copy_object("airflow/files/large", "airflow/files/copy", BUCKET, BUCKET)
    with open(HOOK.download_file("airflow/files/copy", BUCKET, str(GIVEN.work)), "rb") as file:
        same(file.read() == body, True, "what came back is what was loaded")
    down = GIVEN.work / "down"
    down.mkdir()
    (down / "stale").write_bytes(b"old")
    HOOK.sync_to_local_dir(BUCKET, down, "airflow/files/")
    same(sorted(path.name for path in down.rglob("*")), ["copy", "large", "packed"])
    link = HOOK.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "airflow/files/large"})
    import requests
    same(requests.get(link, timeout=60).content == body, True, "the signed address gives it too")


def check_buckets():
    HOOK.create_bucket("airflow-own")
    same((HOOK.check_for_bucket("airflow-own"), HOOK.check_for_bucket("airflow-none")), (True, False))
    HOOK.put_bucket_tagging(key="team", value="kelp", bucket_name="airflow-own")
    same(HOOK.get_bucket_tagging("airflow-own"), [{"Key": "team", "Value": "kelp"}])
    HOOK.delete_bucket_tagging("airflow-own")
    at_once(8, lambda number: [HOOK.load_string("x", f"k{number}/{turn}", "airflow-own") for turn in range(150)])
    keys = HOOK.list_keys("airflow-own", page_size=100)
    same(keys, sorted(f"k{number}/{turn}" for number in range(8) for turn in range(150)))
    HOOK.delete_objects("airflow-own", keys[:1100])
    same(HOOK.list_keys("airflow-own"), keys[1100:])
    HOOK.delete_bucket("airflow-own", force_delete=True)
    same(HOOK.check_for_bucket("airflow-own"), False)


class Handler(S3TaskHandler):
    """As Airflow makes it of its configuration; but a task's name is not asked of a database."""

    def __init__(self):
        super().__init__(str(LOGS), conf.get("logging", "remote_base_log_folder"))

    def _render_filename(self, ti, try_number):
        return f"dag_id=d/run_id=r/task_id={ti.task_id}/attempt={try_number}.log"


def write_log(task, *lines):
    handler, logger = Handler(), logging.Logger("task")
    handler.set_context(task)
    logger.addHandler(handler)
    for line in lines:
        logger.info(line)
    handler.close()


def read_log(task):
    events, state = Handler().read(task, 1)
    same(state["end_of_log"], True)
    return [event.event for event in events]


def task_named(name):
    return SimpleNamespace(task_id=name, try_number=1, state="success", raw=False, is_trigger_log_context=False)


def check_remote_log():
    task, key = task_named("first"), "airflow-logs/dag_id=d/run_id=r/task_id=first/attempt=1.log"
    write_log(task, "begun", "h\u00e9llo \u6f22")
    same(HOOK.read_key(key, BUCKET).splitlines(), ["begun", "h\u00e9llo \u6f22"])
    write_log(task, "gone on")  # a task that was deferred: the same attempt goes on
    same(HOOK.read_key(key, BUCKET).splitlines(), ["begun", "h\u00e9llo \u6f22", "gone on"])
    same((LOGS / "dag_id=d/run_id=r/task_id=first/attempt=1.log").read_text(), "")
    read = read_log(task)
    same([line for line in read if line in ("begun", "h\u00e9llo \u6f22", "gone on")], ["begun", "h\u00e9llo \u6f22", "gone on"])
    same(any(key in str(line) for line in Handler().io.read("dag_id=d/run_id=r/task_id=first/", None)[0]), True)


def check_remote_logs_of_many_tasks():
    at_once(16, lambda number: write_log(task_named(f"t{number}"), *(f"{number} {turn}" for turn in range(200))))
    found = S3RemoteLogIO.from_config().read("dag_id=d/run_id=r/task_id=t", None)[1]
    same(sorted(line for log in found for line in log.splitlines()), sorted(f"{n} {turn}" for n in range(16) for turn in range(200)))


if __name__ == "__main__":
    main()
