"""S3 requests byte by byte: a connection that says what it is told to, signatures of version 4, bodies in signed chunks.

Nothing here corrects what a caller asks for, so that requests which no SDK would send can be sent, too.
"""

import base64
import datetime
import hashlib
import hmac
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_to_bytes

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
REGION = "us-east-1"


@dataclass
class Account:
    """Who signs. `owner_id` is the canonical user's id, where a case needs it."""

    access_key: str
    secret_key: str
    owner_id: str = ""
    token: str = ""


@dataclass
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict
    body: bytes
    lines: list = field(default_factory=list)

    def header(self, name):
        return self.headers.get(name.lower())


class Connection:
    """One kept-alive connection, opened anew when the server shut it. `tls` is an SSLContext or None."""

    def __init__(self, host, port, tls=None, seconds=20):
        self.host, self.port, self.tls, self.seconds = host, port, tls, seconds
        self.socket = None
        self.buffer = b""

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def open(self):
        plain = socket.create_connection((self.host, self.port), timeout=self.seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.tls.wrap_socket(plain, server_hostname=self.host) if self.tls else plain
        self.buffer = b""

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def ask(self, request, is_head=False):
        """Sends the bytes and reads one answer; once more when a kept connection was shut before a byte came back."""
        fresh = self.socket is None
        try:
            return self.exchange(request, is_head)
        except (ConnectionError, BrokenPipeError, EOFError):
            self.close()
            if fresh:
                raise
            return self.exchange(request, is_head)

    def exchange(self, request, is_head):
        if self.socket is None:
            self.open()
        try:
            self.socket.sendall(request)
        except (ConnectionError, BrokenPipeError):
            pass  # It may have answered before it shut the connection.
        return self.read_answer(is_head)

    def read_answer(self, is_head=False):
        while True:
            head = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            lines = [tuple(part.strip() for part in line.split(":", 1)) for line in head[1:] if line]
            if status != 100:
                break
        headers = {name.lower(): value for name, value in lines}
        if is_head or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self.chunks()
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body, lines)

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the connection was shut")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def rest(self):
        try:
            while True:
                self.more()
        except EOFError:
            self.close()
        found, self.buffer = self.buffer, b""
        return found

    def chunks(self):
        body = b""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            body += self.exactly(size)
            self.until(b"\r\n")
        self.until(b"\r\n")
        return body


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def amz_date(moment=None):
    return (moment or now()).strftime("%Y%m%dT%H%M%SZ")


def hmac256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, day, region=REGION, service="s3"):
    key = ("AWS4" + secret).encode()
    for word in (day, region, service, "aws4_request"):
        key = hmac256(key, word)
    return key


def canonical_query(query):
    pairs = []
    for piece in query.split("&") if query else []:
        name, _, value = piece.partition("=")
        pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_path(path):
    """Every byte but AWS's unreserved ones encoded; a slash that was encoded stays so."""
    pieces = re.split("%2[fF]", path)
    return "%2F".join(quote(unquote_to_bytes(piece), safe="/-_.~") for piece in pieces)


def string_to_sign(method, path, query, headers, signed, payload, date, scope):
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    canonical = "\n".join([method, canonical_path(path), canonical_query(query), lines, ";".join(signed), payload])
    return "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])


def sign(account, method, path, query, headers, payload, date=None, region=REGION, service="s3", signed=None):
    """Adds what version 4 asks for in the header to `headers` (names in lower case); the signature, for chunks."""
    date = date or amz_date()
    headers["x-amz-date"] = date
    headers["x-amz-content-sha256"] = payload
    if account.token:
        headers["x-amz-security-token"] = account.token
    signed = signed or sorted(name for name in headers if name not in ("connection", "expect", "user-agent"))
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    text = string_to_sign(method, path, query, headers, signed, payload, date, scope)
    signature = hmac256(signing_key(account.secret_key, date[:8], region, service), text).hex()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={account.access_key}/{scope}, "
                                f"SignedHeaders={';'.join(signed)}, Signature={signature}")
    return signature


def presign(account, method, path, query, host, expires="300", date=None, headers=None, region=REGION, service="s3"):
    """The query of a presigned URL; `headers` are signed, too."""
    date = date or amz_date()
    headers = dict(headers or {}, host=host)
    signed = sorted(headers)
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    parts = [query] if query else []
    parts += ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=" + quote(f"{account.access_key}/{scope}", safe=""),
              f"X-Amz-Date={date}", f"X-Amz-Expires={expires}", "X-Amz-SignedHeaders=" + quote(";".join(signed), safe="")]
    query = "&".join(parts)
    text = string_to_sign(method, path, query, headers, signed, "UNSIGNED-PAYLOAD", date, scope)
    signature = hmac256(signing_key(account.secret_key, date[:8], region, service), text).hex()
    return f"{query}&X-Amz-Signature={signature}"


# What x-amz-content-sha256 says of a body in chunks, by the short names of the cases.
CHUNKED = {
    "chunked": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "chunked-trailer": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "unsigned-trailer": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
}


def in_chunks(body, mode, account, seed, date, trailers=(), chunk_bytes=65536, region=REGION):
    """`body` as aws-chunked; `seed` is the signature of the head, `trailers` are (name, value)."""
    key = signing_key(account.secret_key, date[:8], region)
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    previous, out = seed, []
    pieces = [body[at:at + chunk_bytes] for at in range(0, len(body), chunk_bytes)] + [b""]
    for piece in pieces:
        line = f"{len(piece):x}"
        if mode != "unsigned-trailer":
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, EMPTY_SHA256,
                              hashlib.sha256(piece).hexdigest()])
            previous = hmac256(key, text).hex()
            line += f";chunk-signature={previous}"
        out.append(line.encode() + b"\r\n" + (piece + b"\r\n" if piece else b""))
    if mode == "chunked":
        return b"".join(out) + b"\r\n"
    text = "".join(f"{name}:{value}\n" for name, value in trailers)
    out.append("".join(f"{name}:{value}\r\n" for name, value in trailers).encode())
    if mode == "chunked-trailer":
        whole = "\n".join(["AWS4-HMAC-SHA256-TRAILER", date, scope, previous, hashlib.sha256(text.encode()).hexdigest()])
        out.append(f"x-amz-trailer-signature:{hmac256(key, whole).hex()}\r\n".encode())
    return b"".join(out) + b"\r\n"


def md5_base64(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def in_bytes(method, target, headers, body):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
