"""The requests that write or delete an object under a condition, and what they need to be there before."""

import re

from kelpdev.s3 import Answer

WAYS = ("put", "copy", "complete", "delete")
# A Complete may answer 200 before it knows: the status that its error stands for.
STATUS_OF_CODE = {"PreconditionFailed": 412, "ConditionalRequestConflict": 409, "NoSuchKey": 404}


def prepare(client, way, path, body, source):
    """What attempt() needs to write `body` to `path`: the object `source` of a copy, an upload with one part."""
    if way == "copy":
        client.must("PUT", source, body=body)
        return source
    if way == "complete":
        upload = re.search(b"<UploadId>(.*?)<", client.must("POST", path, [("uploads", "")]).body)[1].decode()
        named = [("partNumber", "1"), ("uploadId", upload)]
        return upload, client.must("PUT", path, named, body).headers["ETag"]
    return None


def attempt(client, way, path, body, headers, prepared):
    """The answer to the one request that counts; a 200 is one that holds no error."""
    if way == "copy":
        return client.request("PUT", path, headers=headers | {"x-amz-copy-source": prepared})
    if way == "delete":
        return client.request("DELETE", path, headers=headers)
    if way == "put":
        return client.request("PUT", path, body=body, headers=headers)
    upload, etag = prepared
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    answer = client.request("POST", path, [("uploadId", upload)], document, headers)
    if answer.status == 200 and answer.code:
        return Answer(STATUS_OF_CODE.get(answer.code, 500), answer.headers, answer.body)
    return answer
