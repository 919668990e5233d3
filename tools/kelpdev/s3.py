"""A small S3 client for tests that must see every byte: one connection, no retries, signature version 4."""

import hashlib
import hmac
import http.client
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def quote(text, safe="/"):
    return urllib.parse.quote(text, safe=safe + "-._~")


def sign(method, host, path, query, headers, payload, access_key, secret_key, now=None, service="s3"):
    """`headers` with the signature added. `path` is encoded; `query` is a list of pairs; `payload` the hash or a mode."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {name.lower(): value for name, value in headers.items()}
    headers.update({"host": host, "x-amz-date": stamp, "x-amz-content-sha256": payload})
    pairs = "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in sorted(query))
    signed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = f"{method}\n{path}\n{pairs}\n{lines}\n{signed}\n{payload}"
    scope = f"{stamp[:8]}/us-east-1/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + secret_key.encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, "
                                f"Signature={key.hex()}")
    return headers


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self):
        """The S3 error code of an error body, else empty."""
        try:
            return ElementTree.fromstring(self.body).findtext("Code") or ""
        except ElementTree.ParseError:
            return ""


class Client:
    """One keep-alive connection; not for several threads. Connection failures raise OSError or HTTPException."""

    def __init__(self, endpoint, access_key, secret_key, timeout=30):
        self.host = endpoint.removeprefix("http://")
        self.keys = (access_key, secret_key)
        self.connection = http.client.HTTPConnection(self.host, timeout=timeout)

    def close(self):
        self.connection.close()

    def request(self, method, path, query=(), body=b"", headers=None):
        """`path` is the decoded "/bucket/key"."""
        path = quote(path)
        payload = hashlib.sha256(body).hexdigest()
        signed = sign(method, self.host, path, list(query), headers or {}, payload, *self.keys)
        target = path + ("?" + "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in query) if query else "")
        try:
            self.connection.request(method, target, body=body, headers=signed)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except BaseException:
            self.connection.close()
            raise

    def must(self, method, path, query=(), body=b"", headers=None):
        """request() that has to succeed; any other status raises."""
        answer = self.request(method, path, query, body, headers)
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.code} {answer.body[:300]}")
        return answer

    def list_keys(self, bucket, prefix=""):
        """Every (key, etag) below `prefix`, page by page."""
        found, query = [], [("list-type", "2"), ("prefix", prefix)]
        token = None
        while True:
            page = ElementTree.fromstring(
                self.must("GET", f"/{bucket}", query + ([("continuation-token", token)] if token else [])).body)
            for item in page.iter(NAMESPACE + "Contents"):
                found.append((item.findtext(NAMESPACE + "Key"), item.findtext(NAMESPACE + "ETag").strip('"')))
            token = page.findtext(NAMESPACE + "NextContinuationToken")
            if page.findtext(NAMESPACE + "IsTruncated") != "true":
                return found

    def multipart(self, bucket, key, parts):
        """Uploads `parts` and completes; the answer of the completion."""
        path = f"/{bucket}/{key}"
        created = ElementTree.fromstring(self.must("POST", path, [("uploads", "")]).body)
        upload = created.findtext(NAMESPACE + "UploadId")
        lines = []
        for number, part in enumerate(parts, 1):
            answer = self.must("PUT", path, [("partNumber", str(number)), ("uploadId", upload)], part)
            lines.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.headers['ETag']}</ETag></Part>")
        body = "<CompleteMultipartUpload>" + "".join(lines) + "</CompleteMultipartUpload>"
        return self.must("POST", path, [("uploadId", upload)], body.encode())
