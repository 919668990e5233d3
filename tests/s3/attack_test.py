#!/usr/bin/env python3
"""What a server must live through: the requests of attacks.py against one whose log is at its finest level.

Each gets the answer that is right, once, and the connection still speaks its own mind behind it; at the end the server is alive,
has not grown, and neither its log, whose every line is JSON, its metrics, a dump of its metadata nor any of its answers holds a secret. Without a signature
only the health pages of any port answer.

    attack_test.py [-k WORD]    the attacks whose name has the word
"""

import argparse
import base64
import hashlib
import itertools
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from attack_calls import calls, directories, query, token_of
from attacks import Field, every_attack, signed
from boto3_world import ROOT, Server
from kelpdev.process import free_port, log_records, rss_mib
from raw_s3 import Account, Connection, md5_base64, presign, sign

WANTED = 600
MOST_SECONDS = 60
MOST_MIB = 512
CUSTOMER_KEY = b"kelp-canary-customer-key-32bytes"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class World:
    """The server and what the attacks are aimed at."""

    def __init__(self):
        self.rpc = free_port()
        self.files = free_port()
        Server.start("--rpc-listen", f"127.0.0.1:{self.rpc}", "--volume-http-listen", "127.0.0.1:0",
                     settings=f'[log]\nlevel = "trace"\nformat = "json"\n[filer]\nhttp_listen = "127.0.0.1:{self.files}"\n')
        self.kelp = Server.kelp
        self.owner = Account(*self.kelp.keys)
        self.second = Account("second-account", "second-secret-key-0123456789")
        self.host = f"127.0.0.1:{self.kelp.port}"
        self.field = Field(self.host, self.owner, self.second, "attacked", "foreign", "", "")
        self.must("PUT", "/attacked")
        self.must("PUT", "/foreign", account=self.second)
        self.must("PUT", "/attacked/k", b"0123456789")
        self.must("PUT", "/attacked/csv", b"1,2\n")
        self.field.upload, self.field.ready = (re.search(r"<UploadId>(.*?)<", self.must("POST", f"/attacked/{key}?uploads").body.decode())[1] for key in ("mp", "ready"))
        self.must("PUT", f"/attacked/ready?partNumber=1&uploadId={self.field.ready}", b"part")

    def connection(self):
        return Connection("127.0.0.1", self.kelp.port, seconds=15)

    def must(self, method, target, body=b"", headers=None, account=None):
        wire = self.connection()
        answer = wire.ask(signed(self.field, method, target, headers, body, account), method == "HEAD")
        wire.close()
        if answer.status not in (200, 204):
            raise RuntimeError(f"{method} {target}: {answer.status} {answer.body[:300]}")
        return answer


def answer_of(world, attack):
    """(status, body, what went wrong) of an attack; 0 when the connection was closed instead."""
    wire = world.connection()
    wire.open()
    try:
        try:
            wire.socket.sendall(attack.request)
            if attack.cut:
                wire.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # Refused before it was all said.
        try:
            answer = wire.read_answer(attack.request.startswith(b"HEAD "))
        except (EOFError, ConnectionError):
            return 0, b"", ""
        except socket.timeout:
            return -1, b"", "no answer in 15 s"
        except (ValueError, IndexError) as error:
            return -1, b"", f"an answer that is none: {error}"
        if answer.header("set-cookie") is not None:
            return answer.status, answer.body, "a header of the client's making"
        return answer.status, answer.body, second_answer(wire, attack)
    finally:
        wire.close()


def second_answer(wire, attack):
    """What follows an answer on its connection: nothing, or the answer to the next request and to no other."""
    if wire.socket is None or attack.cut:
        return ""
    try:
        wire.socket.sendall(HEALTH)
        following = wire.read_answer()
    except (EOFError, OSError):
        return ""
    return "" if (following.status, following.body.strip()) == (200, b"ok") else f"then came {following.status} {following.body[:120]}"


def judge(world, attack):
    """Why an attack was not answered as it must be; "" when it was."""
    status, body, trouble = answer_of(world, attack)
    if trouble:
        return trouble
    if status not in attack.allowed:
        return f"{status}, not one of {sorted(attack.allowed)}: {body[:200]}"
    if attack.code and f"<Code>{attack.code}</Code>".encode() not in body:
        return f"{status} without {attack.code}: {body[:200]}"
    leak = next((secret for secret in world.secrets if secret.encode() in body), None)
    return f"the answer holds {leak}" if leak else ""


def plant_secrets(world):
    """Uses every kind of secret there is, and remembers them: none may be seen again."""
    encoded = base64.b64encode(CUSTOMER_KEY).decode()
    digest = base64.b64encode(hashlib.md5(CUSTOMER_KEY).digest()).decode()
    seen = {"key": encoded, "secret": world.owner.secret_key, "second": world.second.secret_key}
    sse = {"x-amz-server-side-encryption-customer-algorithm": "AES256", "x-amz-server-side-encryption-customer-key": encoded,
           "x-amz-server-side-encryption-customer-key-md5": digest}
    for method, target, headers in (("PUT", "/attacked/sealed", sse), ("GET", "/attacked/sealed", sse), ("GET", "/attacked/sealed", {})):
        wire = world.connection()
        wire.ask(signed(world.field, method, target, dict(headers), b"x" if method == "PUT" else b""))
        wire.close()
    token = "kelp-canary-session-token"
    for where in ("header", "query"):
        wire = world.connection()
        headers = {"host": world.host}
        query = ""
        if where == "header":
            headers["x-amz-security-token"] = token
            seen["signature"] = sign(world.owner, "GET", "/attacked/k", "", headers, "UNSIGNED-PAYLOAD")
        else:
            query = "?" + presign(world.owner, "GET", "/attacked/k", f"X-Amz-Security-Token={token}", world.host)
            seen["presigned"] = query.rsplit("=", 1)[1]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.ask(f"GET /attacked/k{query} HTTP/1.1\r\n{lines}\r\n".encode())
        wire.close()
    seen["token"] = token
    return [*seen.values(), *issued_secrets(world)]


def issued_secrets(world):
    """Secrets that the server makes: of a user's key and of a session, both used; and a provider's token that it is shown."""
    query(world, world.owner, Action="CreateUser", UserName="canary")
    made = query(world, world.owner, Action="CreateAccessKey", UserName="canary").body.decode()
    key, secret = (re.search(f"<{name}>(.*?)<", made)[1] for name in ("AccessKeyId", "SecretAccessKey"))
    given = query(world, Account(key, secret), "sts", Action="GetSessionToken").body.decode()
    session = Account(*(re.search(f"<{name}>(.*?)<", given)[1] for name in ("AccessKeyId", "SecretAccessKey")),
                      token=re.search("<SessionToken>(.*?)<", given)[1])
    wire = world.connection()
    signed_by = {"host": world.host}
    seen = [secret, session.secret_key, session.token, sign(session, "GET", "/attacked/k", "", signed_by, "UNSIGNED-PAYLOAD")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed_by.items())
    wire.ask(f"GET /attacked/k HTTP/1.1\r\n{lines}\r\n".encode())
    quoted = quote(session.token, safe="")
    shown = presign(session, "GET", "/attacked/k", f"X-Amz-Security-Token={quoted}", world.host)
    wire.ask(f"GET /attacked/k?{shown} HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    wire.close()
    token = token_of("https://canary.example")
    query(world, None, "sts", Action="AssumeRoleWithWebIdentity", RoleArn="arn:aws:iam::1:role/canary", RoleSessionName="canary", WebIdentityToken=token)
    return [*seen, quoted, shown.rsplit("=", 1)[1], token, token.split(".")[1]]


DOORS = ("/", "/debug/pprof/", "/debug/vars", "/config", "/admin", "/shell", "/attacked", "/attacked/", "/attacked/k", "/buckets/attacked/k", "/.kelp", "/%2e%2e/etc/passwd",
         "/dir/assign", "/dir/lookup?volumeId=1", "/dir/status", "/vol/status", "/vol/grow", "/vol/vacuum", "/col/delete", "/1,0000000000", "/status", "/cluster/status",
         "/cluster/healthz", "/stats/disk", "/ui/index.html", "/healthz", "/readyz", "/metrics")


def said_to_be_open():
    """{(port, path): methods} that answer whoever asks, as the pages of docs/operations list them."""
    found = {("admin", path): {"GET"} for path in ("/healthz", "/readyz", "/metrics")}
    page = (ROOT / "docs/operations/master-http.md").read_text()
    for path in re.findall(r"^\| `(/[a-z]+/[a-z]+)", page, re.M):
        found["master", path] = {"GET", "POST"}  # "GET and POST mean the same"
    if "/stats/disk" in page or len(found) < 10:
        raise RuntimeError(f"docs/operations/master-http.md is read wrongly: {found}")
    page = (ROOT / "docs/operations/volume-http.md").read_text()
    for path in re.findall(r"^\| GET `(/[a-z]+)`", page, re.M):
        found["volume", path] = {"GET"}
    return found


def doors(world):
    """What answers without a signature on the other ports is what the pages list, all of it: problems as texts."""
    problems = []
    ports = {name: int(world.kelp.ready[key].rsplit(":", 1)[1]) for name, key in (("admin", "admin"), ("master", "master_http"), ("volume", "volume_http"))}
    ports |= {"rpc": world.rpc, "files": world.files}
    listed = said_to_be_open()
    for name, path, method in itertools.product(ports, DOORS, ("GET", "PUT", "POST", "DELETE", "PROPFIND")):
        status, body = ask_plainly(ports[name], method, path)
        is_open = method in listed.get((name, path.partition("?")[0]), ())
        if (200 <= status < 300) != is_open or b"0123456789" in body:
            problems.append(f"door {name} {method} {path} ({'listed' if is_open else 'not listed'}): {status} {body[:120]}")
        if status >= 500 and status not in (501, 503):
            problems.append(f"door {name} {method} {path}: {status}")
    if unknown := {path for _, path in listed} - {path.partition("?")[0] for path in DOORS}:
        problems.append(f"doors that nobody tried: {unknown}")
    return problems, len(ports) * len(DOORS) * 5


def ask_plainly(port, method, path):
    """(status, body); (0, b"") when the port speaks another language or shuts."""
    wire = Connection("127.0.0.1", port, seconds=5)
    try:
        answer = wire.ask(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        return answer.status, answer.body
    except (EOFError, OSError, ValueError, IndexError):
        return 0, b""
    finally:
        wire.close()


def slow_ones(world):
    """Clients that open a connection and say little do not keep the others out; problems as texts."""
    held = []
    for number in range(200):
        connection = socket.create_connection(("127.0.0.1", world.kelp.port))
        connection.sendall(b"GET /attacked HTTP/1.1\r\nHost: x\r\nX-A: " if number % 2 else b"")
        held.append(connection)
    begun = time.monotonic()
    world.must("GET", "/attacked/k")
    seconds = time.monotonic() - begun
    for connection in held:
        connection.close()
    return [f"an honest client waited {seconds:.1f} s beside slow ones"] if seconds > 5 else []


def pipelined(world, count=10_000):
    """So many requests at once on one connection are answered one by one, in their order; problems as texts."""
    wire = world.connection()
    wire.open()
    sender = threading.Thread(target=lambda: wire.socket.sendall(HEALTH * count))
    sender.start()
    good = sum(wire.read_answer().status == 200 for _ in range(count))
    sender.join()
    wire.close()
    return [] if good == count else [f"{good} of {count} pipelined requests were answered"]


def injected(world):
    """What a bucket's own rules say comes back in heads, and must not make lines of them; problems as texts."""
    rule = (b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
            b"<ExposeHeader>a&#13;&#10;Set-Cookie: b</ExposeHeader></CORSRule></CORSConfiguration>")
    problems = []
    for method, target, body, headers in (("PUT", "/attacked?cors", rule, {"content-md5": md5_base64(rule)}),
                                          ("PUT", "/attacked/injected", b"x", {"x-amz-meta-a": "b", "content-type": "text/html"}),
                                          ("GET", "/attacked/injected", b"", {"origin": "http://a.example"}),
                                          ("DELETE", "/attacked?cors", b"", {})):
        wire = world.connection()
        answer = wire.ask(signed(world.field, method, target, headers, body))
        wire.close()
        if answer.header("set-cookie") is not None or answer.status >= 500:
            problems.append(f"injected {method} {target}: {answer.status} {answer.lines}")
    return problems


def secrets_seen(world):
    """Where a secret can be read: problems as texts."""
    places = {"log": (world.kelp.folder / "log").read_bytes()}
    with urllib.request.urlopen(f"http://{world.kelp.ready['admin']}/metrics", timeout=10) as answer:
        places["metrics"] = answer.read()
    try:
        records = log_records(places["log"])
    except ValueError as error:
        return [str(error)]
    if not any(record["level"] == "debug" and len(record.get("request_id", "")) == 16 for record in records):
        return ["the log is not at its finest level"]
    places["log, read as JSON"] = "\n".join(text for record in records for text in record.values()).encode()
    return [f"the {name} holds the secret {secret[:12]}..." for name, text in places.items() for secret in world.secrets if secret.encode() in text]


def keys_on_the_disk(world):
    """The master keys and the cluster's secret, as their files have them and as bytes; each is in use."""
    world.must("PUT", "/attacked/sealed-by-kelp", b"x", {"x-amz-server-side-encryption": "AES256"})
    world.must("PUT", "/attacked/sealed-by-kms", b"x", {"x-amz-server-side-encryption": "aws:kms"})
    texts = [text for name in ("keyring", "cluster") for text in re.findall(r"[\w+/=]{32,}", (world.kelp.data / name).read_text())]
    raw = [bytes.fromhex(text) for text in texts if re.fullmatch("[0-9a-f]{64}", text)]
    return [text.encode() for text in texts] + raw + [base64.b64decode(text + "==") for text in texts if len(text) in (43, 44)]


def secrets_dumped(world):
    """A dump of the metadata has names, and no key that opens anything: problems as texts."""
    keys = keys_on_the_disk(world)
    if len(keys) < 4:
        return [f"the files of keys are read wrongly: {len(keys)} were found"]
    file = world.kelp.folder / "dump"
    words = [world.kelp.binary, "meta", "dump", str(file), "--dir", str(world.kelp.data), "--filer", f"127.0.0.1:{world.rpc}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return [f"no dump: {done.stderr}"]
    dump = file.read_bytes()
    problems = [f"the dump lacks {name}" for name in ("canary", "attacked", "sealed-by-kelp") if name.encode() not in dump]
    wanted = [*keys, CUSTOMER_KEY, *(secret.encode() for secret in world.secrets)]
    return problems + [f"the dump holds the secret {secret[:12]!r}..." for secret in wanted if secret in dump]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="")
    wanted = parser.parse_args()
    world = World()
    begun = time.monotonic()
    try:
        world.secrets = plant_secrets(world)
        attacks = [attack for attack in every_attack(world.field) if wanted.k in attack.name]
        with ThreadPoolExecutor(8) as pool:
            verdicts = list(pool.map(lambda attack: (attack, judge(world, attack)), attacks))
        problems = [f"{attack.name}: {why}" for attack, why in verdicts if why]
        found, doors_tried = doors(world)
        for attempt in (calls, directories):
            more, tried = attempt(world)
            problems += more
            doors_tried += tried
        problems += found + slow_ones(world) + pipelined(world) + injected(world)
        world.must("GET", "/attacked/k")
        if world.must("GET", "/attacked/k").body not in (b"0123456789", b"x"):
            problems.append("the object is another one now")
        if (grown := rss_mib([world.kelp.pid])) > MOST_MIB:
            problems.append(f"the server has {grown:.0f} MiB")
        problems += secrets_seen(world) + secrets_dumped(world)
    finally:
        died = world.kelp.process.poll()
        Server.stop() if died is None else None
    if died is not None:
        problems.append(f"the server stopped with {died}")
    seconds = time.monotonic() - begun
    if not wanted.k and len(attacks) < WANTED:
        problems.append(f"{len(attacks)} attacks, fewer than {WANTED}")
    if seconds > MOST_SECONDS:
        problems.append(f"{seconds:.0f} s, more than {MOST_SECONDS}")
    for line in problems:
        print("FAILED", " ".join(line.split()))
    total = len(attacks) + doors_tried
    print(f"{len(attacks)} attacks and {doors_tried} doors in {seconds:.1f} s, {grown:.0f} MiB")
    print(f"{total - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
