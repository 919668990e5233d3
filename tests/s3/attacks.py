"""Requests that nobody well-meaning sends, each with the answers that are right: the lists behind attack_test.py.

An attack is bytes for a connection of its own. `allowed` are the statuses that may come back; 0 is a connection that is
closed without an answer. No attack may be answered twice, and none by a 5xx that is not in its list.
"""

import base64
import hashlib
import itertools
import json
import zlib
from dataclasses import dataclass
from datetime import timedelta

from raw_s3 import CHUNKED, EMPTY_SHA256, Account, amz_date, hmac256, in_bytes, in_chunks, now, presign, sign, signing_key

REFUSED = frozenset({400, 403, 404, 405, 411, 412, 413, 414, 416, 417, 431, 501, 505, 0})


@dataclass
class Attack:
    name: str
    request: bytes
    allowed: frozenset = REFUSED
    code: str = ""
    cut: bool = False  # The client says no more: the request is not whole.


@dataclass
class Field:
    """Where the attacks go: a bucket of the owner with objects and uploads, and another account's bucket."""

    host: str
    owner: Account
    second: Account
    bucket: str
    foreign: str
    upload: str
    ready: str  # An upload of `ready` whose only part is there.


def signed(field, method, target, headers=None, body=b"", account=None, **how):
    """A request that is well signed, unless `how` says otherwise: payload, date, region, service, signed, after (headers that are
    added behind the signature), drop (headers that go), sent (the bytes that follow instead of the body)."""
    headers = {"host": field.host, **(headers or {})}
    path, _, query = target.partition("?")
    payload = how.get("payload", hashlib.sha256(body).hexdigest())
    sign(account or field.owner, method, path, query, headers, payload, how.get("date"), how.get("region", "us-east-1"),
         how.get("service", "s3"), how.get("signed"))
    if body or method in ("PUT", "POST"):
        headers.setdefault("content-length", str(len(how.get("sent", body))))
    headers |= how.get("after", {})
    for name in how.get("drop", ()):
        headers.pop(name, None)
    return in_bytes(method, how.get("instead", target), list(headers.items()), how.get("sent", body))


def raw(line, headers=b"", body=b""):
    return line + b"\r\nHost: x\r\n" + headers + b"\r\n" + body


def framing(field):
    """RFC 9112: what two servers could read differently, and what is too much."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    post, get = b"POST /b/k HTTP/1.1", b"GET /b HTTP/1.1"
    lengths = {
        "both": (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + smuggled),
        "both, the other way": (b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", b"0\r\n\r\n" + smuggled),
        "two encodings": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"),
        "an encoding of two": (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
        "xchunked": (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
        "identity": (b"Transfer-Encoding: identity\r\n", b""),
        "a space in front of the colon": (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
        "folded": (b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
        "a vertical tab": (b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
        "quoted": (b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
        "two lengths": (b"Content-Length: 3\r\nContent-Length: 5\r\n", b"abcde"),
        "the same length twice": (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
        "a list of lengths": (b"Content-Length: 3, 3\r\n", b"abc"),
        "a signed length": (b"Content-Length: +3\r\n", b"abc"),
        "a negative length": (b"Content-Length: -1\r\n", b""),
        "a hexadecimal length": (b"Content-Length: 0x3\r\n", b"abc"),
        "a length with a fraction": (b"Content-Length: 3.0\r\n", b"abc"),
        "an empty length": (b"Content-Length:\r\n", b"abc"),
        "2^64": (b"Content-Length: 18446744073709551616\r\n", b""),
        "2^64 - 1": (b"Content-Length: 18446744073709551615\r\n", b""),
        "2^63": (b"Content-Length: 9223372036854775808\r\n", b""),
        "a chunk of 0x3": (b"Transfer-Encoding: chunked\r\n", b"0x3\r\nabc\r\n0\r\n\r\n"),
        "a chunk of -1": (b"Transfer-Encoding: chunked\r\n", b"-1\r\nabc\r\n0\r\n\r\n"),
        "a chunk past 2^64": (b"Transfer-Encoding: chunked\r\n", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
        "chunks with bare LF": (b"Transfer-Encoding: chunked\r\n", b"3\nabc\n0\n\n"),
        "a chunk without its end": (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcX\r\n0\r\n\r\n"),
        "LF in an extension": (b"Transfer-Encoding: chunked\r\n", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
        "a chunk of spaces": (b"Transfer-Encoding: chunked\r\n", b"   3\r\nabc\r\n0\r\n\r\n"),
    }
    for name, (headers, body) in lengths.items():
        for verb in (b"POST", b"PUT", b"GET"):
            line = verb + b" /b/k HTTP/1.1"
            yield Attack(f"framing {name} {verb.decode()}", raw(line, headers, body))
    lines = {
        "NUL in a header": raw(get, b"X-A: a\x00b\r\n"), "a control character": raw(get, b"X-A: a\x01b\r\n"),
        "DEL in a header": raw(get, b"X-A: a\x7fb\r\n"), "a bare CR": raw(get, b"X-A: a\rX-B: c\r\n"),
        "bare LF": b"GET /b HTTP/1.1\nHost: x\n\n", "no host": b"GET /b HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "an empty host": b"GET /b HTTP/1.1\r\nHost:\r\n\r\n",
        "a host with a space": b"GET /b HTTP/1.1\r\nHost: a b\r\n\r\n", "a host with a slash": b"GET /b HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "another host in the target": b"GET http://evil/b HTTP/1.1\r\nHost: x\r\n\r\n",
        "a space in the target": raw(b"GET /a b HTTP/1.1"), "no target": raw(b"GET HTTP/1.1"), "two spaces": raw(b"GET  /b HTTP/1.1"),
        "a tab in the line": raw(b"GET\t/b HTTP/1.1"), "bytes above 0x7f": raw(b"GET /b/\xff\x01 HTTP/1.1"),
        "%zz": raw(b"GET /b/%zz HTTP/1.1"), "% at the end": raw(b"GET /b/% HTTP/1.1"), "%4": raw(b"GET /b/%4 HTTP/1.1"),
        "a header of 64 KiB": raw(get, b"X: " + b"a" * 70000 + b"\r\n"), "a target of 64 KiB": raw(b"GET /" + b"a" * 70000 + b" HTTP/1.1"),
        "300 headers": raw(get, b"".join(b"X%d: a\r\n" % number for number in range(300))),
        "HTTP/9.9": raw(b"GET /b HTTP/9.9"), "HTTP/1.2": raw(b"GET /b HTTP/1.2"), "HTTP/2.0": raw(b"GET /b HTTP/2.0"),
        "http/1.1": raw(b"GET /b http/1.1"), "HTTP/1.1x": raw(b"GET /b HTTP/1.1x"), "no version": b"GET /b\r\n\r\n",
        "HTTP/1.0 in chunks": raw(b"POST /b/k HTTP/1.0", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        "get": raw(b"get /b HTTP/1.1"), "TRACE": raw(b"TRACE /b HTTP/1.1"), "CONNECT": raw(b"CONNECT a:1 HTTP/1.1"),
        "PATCH": raw(b"PATCH /b HTTP/1.1"), "a verb of 1000 letters": raw(b"A" * 1000 + b" /b HTTP/1.1"), "PRI": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a header without a name": raw(get, b": a\r\n"), "a header without a colon": raw(get, b"abc\r\n"),
        "a name with a space": raw(get, b"a b: c\r\n"), "a name with a quote": raw(get, b'a": c\r\n'),
        "a first line that is folded": raw(get, b" a: b\r\n"), "Expect: 999": raw(post, b"Expect: 999\r\nContent-Length: 3\r\n", b"abc"),
        "h2c": raw(get, b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
        "websocket": raw(get, b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        "Connection: Authorization": raw(get, b"Connection: close, Authorization\r\nAuthorization: AWS4 x\r\n"),
    }
    for name, request in lines.items():
        yield Attack(f"line {name}", request)
    yield Attack("line a body that ends early", raw(post, b"Content-Length: 10\r\n", b"abc"), cut=True)
    yield Attack("line TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 64, cut=True)
    yield Attack("line a head that ends early", b"GET /b HTTP/1.1\r\nHost: x\r\nX-", cut=True)


def signatures(field):
    """Each part of a request altered behind its signature; scopes, dates and credentials that are not ours."""
    key = f"/{field.bucket}/k"
    denied = frozenset({400, 403})

    def altered(name, **how):
        return Attack(f"signature {name}", signed(field, "GET", f"{key}?a=b", {"x-amz-meta-x": "y"}, **how), denied)

    yield Attack("signature another verb", signed(field, "GET", key).replace(b"GET ", b"DELETE ", 1), denied)
    yield altered("another key", instead=f"/{field.bucket}/other?a=b")
    yield altered("another bucket", instead=f"/{field.foreign}/k?a=b")
    yield altered("another query", instead=f"{key}?a=c")
    yield altered("more of a query", instead=f"{key}?a=b&acl")
    yield altered("less of a query", instead=key)
    yield altered("another header", after={"x-amz-meta-x": "z"})
    yield altered("a header that is gone", drop=("x-amz-meta-x",))
    yield altered("another hash", after={"x-amz-content-sha256": "0" * 64})
    yield altered("another date", after={"x-amz-date": amz_date(now() - timedelta(seconds=5))})
    yield altered("another host", after={"host": "evil.example"})
    for name in ("x-amz-acl", "x-amz-copy-source", "x-amz-security-token", "x-amz-tagging", "x-amz-meta-b", "x-amz-grant-read"):
        yield Attack(f"signature an unsigned {name}", signed(field, "PUT", key, body=b"x", after={name: "a"}), denied)
    for signed_names in (["x-amz-date"], ["host"], ["host", "x-amz-content-sha256"], ["x-amz-content-sha256", "x-amz-date"]):
        yield Attack(f"signature only of {signed_names}", signed(field, "GET", key, signed=signed_names), denied)
    for what, values in {"region": ("", "eu-west-1x", "../..", "a" * 5000), "service": ("", "ec2", "s3express2", "S3")}.items():
        for value in values:
            allowed = denied | {200} if what == "region" else denied
            yield Attack(f"signature {what} {value[:20]}", signed(field, "GET", key, **{what: value}), allowed | {431})
    for seconds in (901, 1000, 86400, 10**8, -1000, -2000, -86400):  # The run itself takes some seconds.
        moment = amz_date(now() - timedelta(seconds=seconds))
        yield Attack(f"signature {seconds} s old", signed(field, "GET", key, date=moment), denied, "RequestTimeTooSkewed")
    for date in ("20260101", "yesterday", "", "20261301T000000Z", "20260101T250000Z", "99991231T235959Z", "00000000T000000Z", "2" * 500):
        yield Attack(f"signature of {date[:20]}", signed(field, "GET", key, after={"x-amz-date": date}), denied)
    for access in ("", " ", "/", "a/b/c/d/e/f", "a" * 10240, "'; DROP TABLE", "\u00e9", "../../etc", "%00", "*", field.owner.access_key + "x"):
        yield Attack(f"signature key {access[:12]!r}", signed(field, "GET", key, account=Account(access, "x")), denied | {431})
    for secret in ("", "x", field.owner.secret_key + " ", field.owner.secret_key[:-1], field.second.secret_key):
        account = Account(field.owner.access_key, secret)
        yield Attack(f"signature secret {len(secret)}", signed(field, "GET", key, account=account), denied, "SignatureDoesNotMatch")
    for text in ("", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e",
                 "AWS4-HMAC-SHA256 Signature=0", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=, Signature=",
                 "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request,,,,", "AWS4-HMAC-SHA1 x", "Bearer x", "Basic YTpi", "AWS a:b",
                 "AWS :", "AWS", "Negotiate", "AWS4-ECDSA-P256-SHA256 Credential=a", "=" * 4000, "AWS4-HMAC-SHA256 " + "a=b," * 900):
        yield Attack(f"Authorization {text[:24]!r}", signed(field, "GET", key, after={"authorization": text}), denied | {431})
    twice = signed(field, "GET", key)
    line = next(part for part in twice.split(b"\r\n") if part.startswith(b"authorization"))
    yield Attack("Authorization twice", twice.replace(line, line + b"\r\n" + line), denied)
    for expires in ("0", "-1", "604801", "99999999999999999999", "x", "", "1e3", "1.5", "0x10"):
        query = presign(field.owner, "GET", key, "", field.host, expires)
        yield Attack(f"presigned for {expires}", in_bytes("GET", f"{key}?{query}", [("host", field.host)], b""), denied)
    good = presign(field.owner, "GET", key, "", field.host)
    old = presign(field.owner, "GET", key, "", field.host, "10", amz_date(now() - timedelta(seconds=60)))
    yield Attack("presigned and expired", in_bytes("GET", f"{key}?{old}", [("host", field.host)], b""), frozenset({403}), "AccessDenied")
    for method, target in (("PUT", key), ("DELETE", key), ("GET", f"/{field.bucket}"), ("GET", f"/{field.foreign}/k"), ("POST", key)):
        yield Attack(f"presigned for a GET, {method} {target}", in_bytes(method, f"{target}?{good}", [("host", field.host), ("content-length", "0")], b""),
                     denied | {405})
    for drop in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"):
        less = "&".join(part for part in good.split("&") if not part.startswith(drop + "="))
        yield Attack(f"presigned without {drop}", in_bytes("GET", f"{key}?{less}", [("host", field.host)], b""), denied)
        more = good + "&" + next(part for part in good.split("&") if part.startswith(drop + "="))
        # The signature is no part of what is signed, and said twice it is the same one.
        allowed = denied | {200} if drop == "X-Amz-Signature" else denied
        yield Attack(f"presigned with {drop} twice", in_bytes("GET", f"{key}?{more}", [("host", field.host)], b""), allowed)
    both = signed(field, "GET", key)
    yield Attack("signed in the header and in the query", both.replace(key.encode() + b" ", f"{key}?{good} ".encode(), 1), denied)
    for query in ("AWSAccessKeyId=a", "AWSAccessKeyId=a&Expires=1&Signature=x", "AWSAccessKeyId=a&Expires=x&Signature=x", "Signature=x", "Expires=99999999999&Signature=",
                  f"AWSAccessKeyId={field.owner.access_key}&Expires=9999999999&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"):
        yield Attack(f"version 2 {query[:30]}", in_bytes("GET", f"{key}?{query}", [("host", field.host)], b""), denied)


def carriers(field):
    """(name, method, target, headers, body) of each operation that takes a body: well sent they succeed, as often as they are.

    Every body has 20,000 bytes and "xxxx" where it may be another letter.
    """
    def of(text, padding=" "):
        assert text.count("PADDING") == 1
        return text.replace("PADDING", padding * (20000 - len(text) + len("PADDING"))).encode()

    def written(method, target, body, name, headers=None):
        return name, method, target, headers or {}, body

    blob, bucket = b"x" * 20000, field.bucket
    digest = hashlib.md5(b"part").hexdigest()
    yield written("PUT", f"/{bucket}/up", blob, "put")
    yield written("PUT", f"/{bucket}/mp?partNumber=1&uploadId={field.upload}", blob, "part")
    # An object grows at its end alone: each request has one of its own.
    yield written("PUT", f"/{bucket}/append-NUMBER", blob, "append", {"x-amz-write-offset-bytes": "0"})
    yield written("PUT", f"/{bucket}/k?annotation&annotationName=a", blob, "annotation")
    yield written("PUT", f"/{bucket}/k?tagging", of("<Tagging><TagSet>PADDING<Tag><Key>xxxx</Key><Value>a</Value></Tag></TagSet></Tagging>"), "tagging")
    statement = '{"Statement": [{"Sid": "xxxx", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/none"}PADDING]}'
    yield written("PUT", f"/{bucket}?policy", of(statement.replace("BUCKET", bucket)), "policy")
    yield written("POST", f"/{bucket}?delete", of("<Delete>PADDING<Object><Key>xxxx</Key></Object></Delete>"), "delete")
    part = f"<Part><PartNumber>1</PartNumber><ETag>{digest}</ETag></Part>"
    yield written("POST", f"/{bucket}/ready?uploadId={field.ready}", of(f"<CompleteMultipartUpload>PADDING{part}<!-- xxxx --></CompleteMultipartUpload>"), "complete")
    yield written("POST", f"/{bucket}/csv?select&select-type=2", of(
        "<SelectObjectContentRequest><Expression>SELECT s._1 AS xxxx FROM S3Object s</Expression><ExpressionType>SQL</ExpressionType>PADDING"
        "<InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>"), "select")


def payloads(field):
    """Each way to send a body to each operation that takes one: right, and spoilt in each way."""
    numbers = itertools.count()
    for (name, method, template, extra, body), mode in itertools.product(carriers(field), CHUNKED):
        digest = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        trailer = [("x-amz-checksum-crc32", digest)] if "trailer" in mode else []

        def attack(what, spoil=lambda sent: sent, allowed=REFUSED, trailers=trailer, **changed):
            """One request with a signature of its own; `spoil` makes what is sent of what should be."""
            target = template.replace("NUMBER", str(next(numbers)))
            headers = {"host": field.host, "x-amz-decoded-content-length": str(len(body)), "content-encoding": "aws-chunked"} | extra
            if trailer:
                headers["x-amz-trailer"] = trailer[0][0]
            elif name != "complete":  # There it is the object's.
                headers["x-amz-checksum-crc32"] = digest
            date = amz_date()
            path, _, query = target.partition("?")
            seed = sign(field.owner, method, path, query, headers, CHUNKED[mode], date)
            sent = spoil(in_chunks(body, mode, field.owner, seed, date, trailers, 8192))
            if "forged" in what:
                changed["authorization"] = headers["authorization"][:-4] + "0000"
            lines = [(header, value) for header, value in (headers | {"content-length": str(len(sent))} | changed).items() if value is not None]
            return Attack(f"payload {name} {mode} {what}", in_bytes(method, target, lines, sent), allowed)

        def first_line(sent, line):
            return line(sent[:sent.index(b"\r\n")]) + sent[sent.index(b"\r\n"):]

        yield attack("as it must be", allowed=frozenset({200, 204}))
        if mode != "unsigned-trailer":
            yield attack("another chunk signature", lambda sent: sent.replace(b"chunk-signature=", b"chunk-signature=0", 1))
            yield attack("no chunk signature", lambda sent: first_line(sent, lambda line: line.split(b";")[0]))
        yield attack("another body", lambda sent: sent.replace(b"xxxx", b"yyyy", 1))
        yield attack("no last chunk", lambda sent: sent[: sent.rindex(b"\r\n0")])
        yield attack("half", lambda sent: sent[: len(sent) // 2])
        yield attack("nothing", lambda sent: b"")
        for size in (b"zz", b"-1", b"10000000000000000"):
            yield attack(f"a chunk of {size.decode()}", lambda sent, size=size: first_line(sent, lambda line: size))
        yield attack("a chunk past the length", lambda sent: b"ffffff" + sent[4:])
        yield attack("no chunks at all", lambda sent: body)
        yield attack("bytes behind the end", lambda sent: sent + b"GET /smuggled HTTP/1.1\r\n\r\n")
        yield attack("more decoded than sent", **{"x-amz-decoded-content-length": str(len(body) + 1)})
        yield attack("no decoded length", **{"x-amz-decoded-content-length": None})
        yield attack("a negative decoded length", **{"x-amz-decoded-content-length": "-1"})
        yield attack("a forged head")
        if trailer:
            line = f"x-amz-checksum-crc32:{digest}\r\n".encode()
            yield attack("a wrong checksum", trailers=[("x-amz-checksum-crc32", "AAAAAA==")])
            yield attack("no trailer", lambda sent: sent.replace(line, b""))
            yield attack("another trailer", lambda sent: sent.replace(b"crc32:", b"sha1:"))
            yield attack("a trailer twice", lambda sent: sent.replace(line, line + line))
            yield attack("a trailer of 1 MiB", lambda sent: sent.replace(line, b"x-amz-checksum-crc32:" + b"A" * (1 << 20) + b"\r\n"))
        if mode == "chunked-trailer":
            yield attack("another trailer signature", lambda sent: sent.replace(b"x-amz-trailer-signature:", b"x-amz-trailer-signature:0"))
    for value in ("", "x", "UNSIGNED", "STREAMING", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "0" * 63, "g" * 64, "UNSIGNED-PAYLOAD-TRAILER"):
        yield Attack(f"payload hash {value[:20]!r}", signed(field, "PUT", f"/{field.bucket}/up", body=b"x", payload=value))
    yield Attack("payload hash of another body", signed(field, "PUT", f"/{field.bucket}/up", body=b"x", payload=EMPTY_SHA256), code="XAmzContentSHA256Mismatch")
    for algorithm, value in itertools.product(("crc32", "crc32c", "crc64nvme", "sha1", "sha256"), ("", "x", "AAAA", "=" * 40, "A" * 5000, "AAAAAA==")):
        yield Attack(f"payload {algorithm} {value[:9]!r}", signed(field, "PUT", f"/{field.bucket}/up", {f"x-amz-checksum-{algorithm}": value}, b"x"))


BOMBS = {
    "nothing": b"", "not XML": b"x", "half": b"<a><b>", "NUL": b"<a>\x00</a>", "UTF-16": "<a/>".encode("utf-16"), "bad UTF-8": b"<a>\xff\xfe</a>",
    "a DTD": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "a file": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "laughs": b'<!DOCTYPE a [<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10)) + b"]><a>&a9;</a>",
    "XInclude": b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>',
    "depth": b"<a>" * 20000 + b"</a>" * 20000, "2 MiB": b"<a>" + b"x" * (2 << 20) + b"</a>", "attributes": b"<a " + b" ".join(b"b%d='c'" % i for i in range(5000)) + b"/>",
    "a CDATA that is open": b"<a><![CDATA[", "a comment that is open": b"<!-- ", "JSON": b'{"a":' * 5000,
}


def documents(field):
    """Every operation that takes a document, each document that is none. Of DeleteObjects and Complete 4 MiB are right."""
    kinds = ("versioning", "acl", "policy", "tagging", "cors", "lifecycle", "encryption", "object-lock", "publicAccessBlock", "ownershipControls",
             "replication", "notification", "logging", "website", "requestPayment", "accelerate", "metrics&id=a", "analytics&id=a", "inventory&id=a",
             "intelligent-tiering&id=a")
    targets = [("PUT", f"/{field.bucket}?{kind}") for kind in kinds]
    targets += [("PUT", f"/{field.bucket}/k?{kind}") for kind in ("acl", "tagging", "retention", "legal-hold")]
    targets += [("POST", f"/{field.bucket}?delete"), ("POST", f"/{field.bucket}/mp?uploadId={field.upload}")]
    for (method, target), (name, body) in itertools.product(targets, BOMBS.items()):
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        yield Attack(f"document {name} {method} {target.partition('?')[2][:20]} {'k' if '/k' in target else ''}",
                     signed(field, method, target, {"content-md5": digest}, body))


def keys(field):
    """Names that lead out of where they belong, and what a listing of them must live through."""
    odd = ("..", "../..", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e", "..%2f..%2fetc", "..%5c..%5c", "a%00b", "%00", ".versions/x", ".uploads/x",
           "%0d%0aSet-Cookie:a", "%E2%80%AEtxt.exe", "//", "/", "a//", "%ff%fe", "%c0%ae%c0%ae", "a%2500", "con", "nul", "%7f", "%01%02%03", "a" * 1024, "a" * 1025, "%C3%A9" * 512,
           "%C3%A9" * 513, "*", "%3F", "%3Cscript%3E", "'%3B--", "%24%7Bjndi%3Aldap%3A%2F%2Fa%7D", "{{7*7}}", "%25s%25n")
    fine = frozenset({200, 204, 206, 400, 403, 404, 405})
    for key, method in itertools.product(odd, ("GET", "PUT", "DELETE", "HEAD")):
        yield Attack(f"key {method} {key[:24]}", signed(field, method, f"/{field.bucket}/{key}", body=b"x" if method == "PUT" else b""), fine)
    for key in odd:
        target = f"/{field.bucket}/copied"
        yield Attack(f"copy of {key[:24]}", signed(field, "PUT", target, {"x-amz-copy-source": f"/{field.bucket}/{key}"}), fine)
    for bucket in ("..", ".", "%2e%2e", "a%2fb", "A", "a", "-", "master", "filer", "metrics", "healthz2", ".well-known", "a" * 64, "%00", "127.0.0.1", "x" * 5000):
        yield Attack(f"bucket {bucket[:20]}", signed(field, "GET", f"/{bucket}"), fine | {414})
    for source in ("", "/", "//", "a", "a/", "/a", "?versionId=x", "a/b?versionId=", "%", "%zz", f"{field.foreign}/k", f"/{field.foreign}/k?versionId=null", "a/b\tc", "x" * 5000,
                   "arn:aws:s3:us-east-1:1:accesspoint/a/object/b"):
        yield Attack(f"copy source {source[:20]!r}", signed(field, "PUT", f"/{field.bucket}/c", {"x-amz-copy-source": source}))
    for value in ("bytes=" + ",".join("0-" for _ in range(1000)), "bytes=0-" * 500, "bytes=" + "9" * 400 + "-", "bytes=-" + "9" * 400, "bytes=9-1", "a" * 5000):
        yield Attack(f"range {value[:20]}", signed(field, "GET", f"/{field.bucket}/k", {"range": value}), frozenset({200, 206, 416, 400}))
    for name, value in itertools.product(("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"), ("", ",", '"', "W/", "a" * 5000, "\u00ff")):
        yield Attack(f"{name} {value[:8]!r}", signed(field, "GET", f"/{field.bucket}/k", {name: value}), frozenset({200, 304, 400, 412}))
    for name in ("content-type", "content-disposition", "content-encoding", "cache-control", "expires", "content-language"):
        query = f"response-{name}=a%0d%0aSet-Cookie:%20b%0d%0a%0d%0aHTTP/1.1%20200%20OK"
        yield Attack(f"response-{name} with CRLF", signed(field, "GET", f"/{field.bucket}/k?{query}"), frozenset({200, 400}))


def parts(field):
    """Uploads and their parts that are not there, or somebody else's."""
    for number, upload in itertools.product(("0", "-1", "10001", "x", "", "1e3", "99999999999999999999", "1&partNumber=2"), (field.upload, "none", "", "../..", "%00", "a" * 2000)):
        yield Attack(f"part {number} of {upload[:12]}", signed(field, "PUT", f"/{field.bucket}/mp?partNumber={number}&uploadId={upload}", body=b"x"),
                     REFUSED | ({200} if "&" in number else set()))
    for account, name in ((field.second, "second"),):
        for method, query in (("PUT", "partNumber=1&uploadId="), ("GET", "uploadId="), ("DELETE", "uploadId="), ("POST", "uploadId=")):
            yield Attack(f"upload of another, {method}", signed(field, method, f"/{field.bucket}/mp?{query}{field.upload}", body=b"x" if method in ("PUT", "POST") else b"", account=account),
                         frozenset({403}), "AccessDenied")
            yield Attack(f"upload in a bucket of one's own, {method}", signed(field, method, f"/{field.foreign}/mp?{query}{field.upload}", body=b"x" if method in ("PUT", "POST") else b"", account=account),
                         frozenset({400, 404}))


def forms(field):
    """Forms of browsers: no policy, another bucket's, another boundary, no end."""
    date = amz_date()
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"

    def form(name, conditions=None, change=None, content_type="multipart/form-data; boundary=B", spoil=lambda body: body, account=field.owner, code=""):
        policy = {"expiration": "2100-01-01T00:00:00Z", "conditions": conditions if conditions is not None else [{"bucket": field.bucket}, ["starts-with", "$key", ""],
                  {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": f"{account.access_key}/{scope}"}, {"x-amz-date": date}]}
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        fields = {"key": "form", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"{account.access_key}/{scope}", "x-amz-date": date, "policy": text,
                  "x-amz-signature": hmac256(signing_key(account.secret_key, date[:8]), text).hex()} | (change or {})
        body = b"".join(f'--B\r\nContent-Disposition: form-data; name="{field_name}"\r\n\r\n{value}\r\n'.encode() for field_name, value in fields.items() if value is not None)
        body = spoil(body + b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--B--\r\n')
        lines = [("host", field.host), ("content-type", content_type), ("content-length", str(len(body)))]
        return Attack(f"form {name}", in_bytes("POST", f"/{field.bucket}", lines, body), code=code)

    yield form("no conditions", [])
    yield form("for another bucket", [{"bucket": field.foreign}, ["starts-with", "$key", ""]])
    yield form("another key", [{"bucket": field.bucket}, {"key": "else"}])
    yield form("another signature", change={"x-amz-signature": "0" * 64})
    yield form("no signature", change={"x-amz-signature": None})
    yield form("no policy", change={"policy": None})
    yield form("a policy that is no base64", change={"policy": "!!!"})
    yield form("a field that no condition allows", change={"acl": "public-read"})
    yield form("another account's", account=field.second)
    yield form("a field of 1 MiB", change={"x-amz-meta-a": "a" * (1 << 20)}, code="MaxPostPreDataLengthExceeded")
    yield form("no boundary", content_type="multipart/form-data")
    yield form("another boundary", content_type="multipart/form-data; boundary=C")
    yield form("an empty boundary", content_type="multipart/form-data; boundary=")
    yield form("a boundary of 10,000", content_type="multipart/form-data; boundary=" + "B" * 10000)
    yield form("no end", spoil=lambda body: body[:-9])
    yield form("nothing", spoil=lambda body: b"")
    yield form("only dashes", spoil=lambda body: b"--B" * 5000)
    yield form("a part without a head", spoil=lambda body: b"--B\r\n" + body)
    yield form("urlencoded", content_type="application/x-www-form-urlencoded", spoil=lambda body: b"key=a&file=b")


def strangers(field):
    """Nobody, and an account that owns nothing here, at every door of the S3 port."""
    kinds = ("", "?list-type=2", "?versions", "?uploads", "?acl", "?policy", "?policyStatus", "?cors", "?tagging", "?lifecycle", "?versioning", "?encryption", "?object-lock",
             "?publicAccessBlock", "?ownershipControls", "?replication", "?notification", "?logging", "?website", "?requestPayment", "?accelerate", "?location", "?delete", "?metrics", "?inventory")
    objects = ("/k", "/k?acl", "/k?tagging", "/k?retention", "/k?legal-hold", "/k?attributes", "/k?torrent", "/k?uploads", "/k?select&select-type=2", "/k?restore", "/none")
    doors = frozenset({400, 403, 404, 405, 411, 412, 501})
    for target, method in itertools.product([*kinds, *objects], ("GET", "PUT", "POST", "DELETE", "HEAD")):
        yield Attack(f"nobody {method} {target}", in_bytes(method, f"/{field.bucket}{target}", [("host", field.host), ("content-length", "0")], b""), doors)
    for target in ("/", "/?Action=ListUsers", "/?Action=CreateUser&UserName=a", "/debug/pprof", "/metrics", "/status", "/dir/assign", "/admin", "/minio/admin/v3/info", "/actuator/env",
                   "/.git/config", "/server-status", "/rpc", "/vol/status", "/cluster/status"):
        for method in ("GET", "POST"):
            yield Attack(f"nobody {method} {target}", in_bytes(method, target, [("host", field.host), ("content-length", "0")], b""), doors)


HEADERS = ("accept", "accept-encoding", "cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "date", "expect",
           "expires", "if-match", "if-none-match", "origin", "range", "referer", "user-agent", "x-amz-acl", "x-amz-bucket-object-lock-enabled",
           "x-amz-bypass-governance-retention", "x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-copy-source", "x-amz-copy-source-if-match",
           "x-amz-copy-source-range", "x-amz-decoded-content-length", "x-amz-expected-bucket-owner", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-meta-a",
           "x-amz-metadata-directive", "x-amz-mfa", "x-amz-mp-object-size", "x-amz-object-attributes", "x-amz-object-lock-legal-hold", "x-amz-object-lock-mode",
           "x-amz-object-lock-retain-until-date", "x-amz-object-ownership", "x-amz-rename-source", "x-amz-request-payer", "x-amz-sdk-checksum-algorithm",
           "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-context",
           "x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-key", "x-amz-source-expected-bucket-owner", "x-amz-storage-class",
           "x-amz-tagging", "x-amz-tagging-directive", "x-amz-trailer", "x-amz-website-redirect-location", "x-amz-write-offset-bytes", "x-forwarded-for", "x-forwarded-host",
           "x-http-method-override", "x-original-url")


def headers(field):
    """Every header that means something, empty, huge and of odd bytes: whatever the answer is, there is one."""
    fine = REFUSED | {200, 204, 206, 304, 417}
    values = {"nothing": "", "7000 letters": "a" * 7000, "commas": "," * 300, "a quote": '"', "bytes": "\u00ff\u00fe", "a number": "-9223372036854775809", "%": "%%%00%"}
    for name, (what, value), (method, target) in itertools.product(HEADERS, values.items(), (("PUT", "/up"), ("GET", "/k"), ("POST", "/new?uploads"))):
        yield Attack(f"header {name} of {what}, {method}", signed(field, method, f"/{field.bucket}{target}", {name: value}, b"x" if method == "PUT" else b""), fine)


def every_attack(field):
    sets = (framing, signatures, payloads, documents, keys, parts, forms, strangers, headers)
    return [attack for attacks in sets for attack in attacks(field)]
