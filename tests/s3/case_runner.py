"""Runs the groups of case_files.py against a server: sends the requests, compares the answers, collects what differs."""

import base64
import dataclasses
import datetime
import hashlib
import json
import re
import threading
import tomllib
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from case_files import fill
from raw_s3 import (CHUNKED, REGION, Account, Connection, amz_date, hmac256, in_bytes, in_chunks, md5_base64, now, presign,
                    sign, signing_key)

CASES = Path(__file__).resolve().parent / "cases"
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
ERRORS = tomllib.loads((CASES / "errors.toml").read_text())


class Differs(Exception):
    """An answer is not what the case says."""


def pattern(size):
    """The bytes of a body that a case names by its size."""
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def bare(element):
    return element.tag.rsplit("}", 1)[-1]


def texts_at(root, path):
    """The texts of all elements at `path` below the root, whatever their namespace; `a@b` is an attribute."""
    path, _, attribute = path.partition("@")
    found = [root]
    for name in path.split("/") if path not in ("", ".") else []:
        found = [child for parent in found for child in parent if bare(child) == name]
    return [(element.get(XSI_TYPE) if attribute == "type" else element.text) or "" for element in found]


class Runner:
    """One transport. `accounts` are by name: owner, second, nobody (None)."""

    buckets = 0
    lock = threading.Lock()

    def __init__(self, transport, host, port, tls, accounts, values, verbose=False):
        self.transport, self.host, self.port, self.tls = transport, host, port, tls
        self.accounts, self.values, self.verbose = accounts, values, verbose
        self.local = threading.local()

    def connection(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = Connection(self.host, self.port, self.tls)
        return self.local.connection

    def run(self, groups, workers=4):
        """(number of cases, failures as texts)."""
        with ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(self.run_group, groups))
        return sum(count for count, _ in outcomes), [line for _, lines in outcomes for line in lines]

    def run_group(self, group):
        failures, values = [], {}
        for number, case in enumerate(group.cases):
            try:
                if number == 0 or group.fresh:
                    values = dict(self.values)
                    self.make_bucket(group, values, case.values)
                row = values | {"case": str(number)}
                row |= {name: fill(value, row) for name, value in case.values.items()}
                for step in group.script:
                    self.play(step, row)
                if not group.fresh:
                    values |= {name: value for name, value in row.items() if name.startswith("keep_")}
            except Exception as error:  # A case that cannot be played failed, whatever the cause.
                detail = str(error) if isinstance(error, Differs) else f"{type(error).__name__}: {error}"
                failures.append(f"{self.transport} [{group.name}] {case.name}: {detail} ({group.page})")
        return len(group.cases), failures

    def make_bucket(self, group, values, row):
        words = fill(group.bucket, row).split()
        with Runner.lock:
            Runner.buckets += 1
            values["bucket"] = f"case-{self.transport}-{Runner.buckets}"
        if "none" in words:
            return
        headers = {}
        for ownership in ("ObjectWriter", "BucketOwnerPreferred"):
            if ownership in words:
                headers["x-amz-object-ownership"] = ownership
        if "lock" in words:
            headers["x-amz-bucket-object-lock-enabled"] = "true"
        self.must(values, "PUT", f"/{values['bucket']}", headers)
        if "open" in words:
            self.must(values, "DELETE", f"/{values['bucket']}?publicAccessBlock")
        if "versioned" in words:
            self.must(values, "PUT", f"/{values['bucket']}?versioning", {}, b"<VersioningConfiguration><Status>Enabled"
                      b"</Status></VersioningConfiguration>")
        row = {name: fill(value, values) for name, value in row.items()}
        for step in group.setup:
            scratch = row | values
            self.play(step, scratch)
            values |= {name: value for name, value in scratch.items() if name not in row or name in values}

    def must(self, values, method, target, headers=None, body=b""):
        answer = self.send(method, target, dict(headers or {}), body, "owner", {})
        if answer.status not in (200, 204):
            raise Differs(f"setup {method} {target}: {answer.status} {answer.body[:300]}")

    def play(self, step, values):
        method, _, target = fill(step.target, values).partition(" ")
        headers = {}
        for line in step.headers:
            name, colon, value = fill(line, values).partition(":")
            if colon and value.strip() != "-":
                headers[name.strip().lower()] = value.strip()
        options = {name: fill(value, values) for name, value in step.options.items()}
        body = fill("\n".join(step.body), values).encode()
        if "body" in options:
            body = pattern(int(options["body"]))
        if "form" in options:
            answer = self.send_form(target, headers, body, options)
        else:
            answer = self.send(method, target, headers, body, options.get("who", "owner"), options)
        title = f"{method} {target}"
        self.check(title, method, step, answer, values, body)

    def send(self, method, target, headers, body, who, options):
        account = self.accounts[who] if who in self.accounts else Account(*who.split(":", 1))
        wire = self.connection()
        headers = dict(headers)
        headers.setdefault("host", wire.authority)
        if "md5" in options:
            headers["content-md5"] = options["md5"] if options["md5"] else md5_base64(body)
        path, _, query = target.partition("?")
        mode = options.get("payload", "signed")
        sent = body
        if account is not None and options.get("auth") == "presigned":
            query = presign(account, method, path, query, headers["host"], options.get("expires", "300"),
                            headers={name: value for name, value in headers.items() if name.startswith("x-amz-")})
        elif account is not None:
            payload = {"unsigned": "UNSIGNED-PAYLOAD", **CHUNKED}.get(mode) or hashlib.sha256(body).hexdigest()
            payload = options.get("hash", payload)
            date = amz_date(now() + datetime.timedelta(seconds=int(options.get("shift", "0"))))
            if "token" in options:
                account = dataclasses.replace(account, token=options["token"])
            if mode in CHUNKED:
                headers.setdefault("x-amz-decoded-content-length", str(len(body)))
                headers.setdefault("content-encoding", "aws-chunked")
            trailers = [tuple(part.strip() for part in options["trailer"].split(":", 1))] if "trailer" in options else []
            if trailers:
                headers.setdefault("x-amz-trailer", trailers[0][0])
            seed = sign(account, method, path, query, headers, payload, date, options.get("region", REGION),
                        options.get("service", "s3"))
            if mode in CHUNKED:
                sent = in_chunks(body, mode, account, seed, date, trailers, int(options.get("chunk", "65536")))
        if sent or method in ("PUT", "POST"):
            headers.setdefault("content-length", str(len(sent)))
        if options.get("drop"):
            headers.pop(options["drop"].lower(), None)
        request = in_bytes(method, path + ("?" + query if query else ""), list(headers.items()), sent)
        return wire.ask(request, method == "HEAD")

    def send_form(self, target, fields, body, options):
        """A browser's form: what stands as headers are its fields, in front of the file; `form` is its policy's conditions."""
        account = self.accounts[options.get("who", "owner")]
        fields = dict(fields)
        if account is not None:
            date = amz_date()
            scope = f"{date[:8]}/{REGION}/s3/aws4_request"
            own = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"{account.access_key}/{scope}", "x-amz-date": date}
            fields |= own
            policy = options.get("document")
            if policy is None:
                expires = (now() + datetime.timedelta(seconds=int(options.get("expires", "300")))).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                policy = json.dumps({"expiration": expires, "conditions": json.loads(f"[{options['form']}]")
                                     + [{name: value} for name, value in own.items()]})
            fields["policy"] = base64.b64encode(policy.encode()).decode()
            fields["x-amz-signature"] = hmac256(signing_key(account.secret_key, date[:8]), fields["policy"]).hex()
        for name in options.get("drop", "").split():
            fields.pop(name, None)
        mark = "----kelp-case"
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        if "nofile" not in options:
            parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{options.get("filename", "a.txt")}"'
                         "\r\nContent-Type: text/plain\r\n\r\n")
        form = "".join(parts).encode() + (b"" if "nofile" in options else body + b"\r\n") + f"--{mark}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={mark}"}
        return self.send("POST", target, headers, form, "nobody", {})

    def check(self, title, method, step, answer, values, body):
        want = fill(step.want, values) or "2xx"
        status, _, code = want.partition(" ")
        if self.verbose:
            print(title, answer.status, answer.lines, answer.body[:2000])
        if status == "2xx":
            if answer.status not in (200, 204, 206):
                raise Differs(f"{title}: {answer.status} {answer.body.decode('utf-8', 'replace')[:400]}")
        elif str(answer.status) != status:
            raise Differs(f"{title}: {answer.status}, not {want}: {answer.body.decode('utf-8', 'replace')[:400]}")
        self.check_frame(title, method, answer)
        root = None
        if answer.body.lstrip().startswith(b"<"):
            try:
                root = xml.fromstring(answer.body)
            except xml.ParseError:
                root = None
        if code and method != "HEAD":
            self.check_error(title, code, answer, root)
        if not code and 200 <= answer.status < 300 and root is not None and bare(root) == "Error":
            raise Differs(f"{title}: {answer.body[:300]}")
        for line in step.checks:
            # An error has none of what the answer would have; but its own elements are asked for by ! lines.
            line = line.strip()
            if answer.status >= 300 and not line.startswith("!") and step.want.startswith("$"):
                continue
            self.check_line(title, fill(line.lstrip("!"), values), answer, root, values, body)

    def check_frame(self, title, method, answer):
        for name in ("x-amz-request-id", "x-amz-id-2"):
            if not answer.header(name):
                raise Differs(f"{title}: no {name}")
        names = [name.lower() for name, _ in answer.lines]
        twice = {name for name in names if names.count(name) > 1} - {"vary"}
        if twice:
            raise Differs(f"{title}: {', '.join(twice)} twice")
        if answer.status == 204 and answer.header("content-length"):
            raise Differs(f"{title}: a 204 with Content-Length")
        if method == "HEAD" and answer.body:
            raise Differs(f"{title}: HEAD has a body")

    def check_error(self, title, want, answer, root):
        code, _, message = want.partition(": ")
        if root is None or root.tag != "Error":
            raise Differs(f"{title}: no <Error>: {answer.body[:300]}")
        if answer.header("content-type") != "application/xml":
            raise Differs(f"{title}: an error as {answer.header('content-type')}")
        got = root.findtext("Code")
        if code not in ERRORS:
            raise Differs(f"{title}: {code} is not in errors.toml")
        known = ERRORS[code]
        if got != code:
            raise Differs(f"{title}: {got} ({root.findtext('Message')}), not {code}")
        if answer.status != known["status"]:
            raise Differs(f"{title}: {code} has {answer.status}, not {known['status']}")
        message = message or known["message"]
        if message != "(any)" and root.findtext("Message") != message:
            raise Differs(f"{title}: {code} says {root.findtext('Message')!r}, not {message!r}")
        for name in known.get("fields", ()):
            if root.find(name) is None:
                raise Differs(f"{title}: {code} has no {name}: {answer.body.decode()}")
        if root.findtext("RequestId") != answer.header("x-amz-request-id"):
            raise Differs(f"{title}: RequestId of the body is not the header's")
        if root.findtext("HostId") != answer.header("x-amz-id-2"):
            raise Differs(f"{title}: HostId of the body is not the header's")

    def check_line(self, title, line, answer, root, values, body):
        if line.startswith("save "):
            name, _, source = line[5:].partition(" = ")
            values[name.strip()] = self.take(title, source.strip(), answer, root)
        elif line.startswith("<"):
            path, _, want = line[1:].partition(">")
            self.check_element(title, path, want.strip(), answer, root)
        elif line.startswith("="):
            want = pattern(int(line[2:])) if line.startswith("=@") else line[1:].strip().encode()
            if line == "= (sent)":
                want = body
            if answer.body != want:
                raise Differs(f"{title}: the body is {answer.body[:200]}, not {want[:200]}")
        else:
            name, _, want = (part.strip() for part in line.partition(":"))
            got = answer.header(name)
            if want == "*":
                if not got:
                    raise Differs(f"{title}: no header {name}")
            elif want.startswith("~"):
                if not got or not re.fullmatch(want[1:], got):
                    raise Differs(f"{title}: {name} is {got!r}, not like {want[1:]!r}")
            elif (got if got is not None else "-") != want:
                raise Differs(f"{title}: {name} is {got!r}, not {want!r}")

    def check_element(self, title, path, want, answer, root):
        if root is None:
            raise Differs(f"{title}: no XML: {answer.body[:200]}")
        if root.tag not in ("Error", "PostResponse") and not root.tag.startswith(NAMESPACE):
            raise Differs(f"{title}: {root.tag} is not in S3's namespace")
        many = path.endswith("[]")
        count = path.endswith("#")
        got = texts_at(root, path.rstrip("[]#"))
        if count:
            same, got = len(got) == int(want), len(got)
        elif many:
            same = got == want.split()
        elif want == "*":
            same = bool(got) and bool(got[0])
        elif want == "-":
            same = not got
        elif want == "(empty)":
            same = got == [""]
        else:
            same = bool(got) and got[0] == want
        if not same:
            raise Differs(f"{title}: <{path}> is {got}, not {want!r}: {answer.body.decode('utf-8', 'replace')[:600]}")

    def take(self, title, source, answer, root):
        if source.startswith("<"):
            found = texts_at(root, source[1:-1]) if root is not None else []
            if not found:
                raise Differs(f"{title}: no {source}: {answer.body[:200]}")
            return found[0]
        if source == "body":
            return answer.body.decode()
        value = answer.header(source)
        if value is None:
            raise Differs(f"{title}: no header {source}")
        return value
