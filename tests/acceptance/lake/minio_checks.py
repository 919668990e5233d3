"""MinIO's SDK for Python."""

import io
import os
import urllib.request

from engine import BUCKET, configure, main, same
from minio.commonconfig import ENABLED, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

CLIENT = configure("minio")["client"]


def put(name, body, **options):
    return CLIENT.put_object(BUCKET, name, io.BytesIO(body), len(body), **options)


def get(name, **options):
    answer = CLIENT.get_object(BUCKET, name, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def check_parts_copy_and_compose():
    body = os.urandom(12_000_000)
    put("minio/a", body, part_size=5 << 20)
    same(get("minio/a") == body, True, "what came back is what was put")
    same(get("minio/a", offset=5_242_000, length=2000) == body[5_242_000:5_244_000], True, "a range")
    CLIENT.copy_object(BUCKET, "minio/b", CopySource(BUCKET, "minio/a"))
    CLIENT.compose_object(BUCKET, "minio/c", [ComposeSource(BUCKET, "minio/a"), ComposeSource(BUCKET, "minio/b")])
    same(get("minio/c") == body + body, True, "one after the other")


def check_stream_of_unknown_length():
    body = os.urandom(11_000_000)
    CLIENT.put_object(BUCKET, "minio/stream", io.BytesIO(body), -1, part_size=5 << 20)
    same(get("minio/stream") == body, True, "what came back is what was put")


def check_list_delete_and_signed_addresses():
    for number in range(20):
        put(f"minio/list/{number:02d}", b"1")
    same([entry.object_name for entry in CLIENT.list_objects(BUCKET, "minio/list/", recursive=True,
                                                             start_after="minio/list/17")],
         ["minio/list/18", "minio/list/19"])
    gone = [DeleteObject(f"minio/list/{number:02d}") for number in range(20)] + [DeleteObject("minio/never")]
    same(list(CLIENT.remove_objects(BUCKET, gone)), [])
    same(list(CLIENT.list_objects(BUCKET, "minio/list/")), [])
    put("minio/signed", b"signed")
    with urllib.request.urlopen(CLIENT.presigned_get_object(BUCKET, "minio/signed")) as answer:
        same(answer.read(), b"signed")


def check_versions_and_tags():
    CLIENT.make_bucket("minio-versions")
    CLIENT.set_bucket_versioning("minio-versions", VersioningConfig(ENABLED))
    first, _ = (CLIENT.put_object("minio-versions", "k", io.BytesIO(text), 3) for text in (b"one", b"two"))
    same(CLIENT.get_object("minio-versions", "k", version_id=first.version_id).read(), b"one")
    tags = Tags(for_object=True)
    tags["a"] = "b"
    CLIENT.set_object_tags("minio-versions", "k", tags)
    same(dict(CLIENT.get_object_tags("minio-versions", "k")), {"a": "b"})
    CLIENT.remove_object("minio-versions", "k")
    found = list(CLIENT.list_objects("minio-versions", include_version=True))
    same((len(found), sum(entry.is_delete_marker for entry in found)), (3, 1))
    for entry in found:
        CLIENT.remove_object("minio-versions", entry.object_name, entry.version_id)
    CLIENT.remove_bucket("minio-versions")


if __name__ == "__main__":
    main()
