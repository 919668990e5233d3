"""Attacks that want the server to call somebody (SSRF), and doors that are not there (LDAP): behind attack_test.py.

A canary listens where nobody has a reason to come; whoever connects to it was sent by the server.
"""

import base64
import hashlib
import json
import re
import socket
import statistics
import time
from urllib.parse import urlencode

from attacks import signed
from raw_s3 import Connection, sign

METADATA = "169.254.169.254"


class Canary:
    """Listens on an address of this machine and counts who comes; it answers nobody."""

    def __init__(self, address="127.0.0.1"):
        self.socket = socket.create_server((address, 0), backlog=64)
        self.socket.settimeout(0)
        self.place = f"{address}:{self.socket.getsockname()[1]}"

    def hits(self):
        count = 0
        while True:
            try:
                self.socket.accept()[0].close()
                count += 1
            except BlockingIOError:
                return count

    def close(self):
        self.socket.close()


def query(world, account=None, service="iam", **form):
    """An answer of IAM or STS to a form; unsigned without an account."""
    form.setdefault("Version", "2010-05-08" if service == "iam" else "2011-06-15")
    body = urlencode(form).encode()
    headers = {"host": world.host, "content-type": "application/x-www-form-urlencoded"}
    if account:
        sign(account, "POST", "/", "", headers, hashlib.sha256(body).hexdigest(), service=service)
    headers["content-length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    wire = world.connection()
    answer = wire.ask(f"POST / HTTP/1.1\r\n{lines}\r\n".encode() + body)
    wire.close()
    return answer


def token_of(issuer):
    """A token of that issuer, signed by nobody: its keys are asked for before."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": issuer, "sub": "x", "aud": "app", "exp": int(time.time()) + 600}
    signature = base64.urlsafe_b64encode(b"x" * 256).decode().rstrip("=")
    return f"{part({'alg': 'RS256', 'kid': 'k'})}.{part(claims)}.{signature}"


def providers(world, canaries):
    """Identity providers whose addresses are inside; problems as texts, and how many were tried."""
    ports = [canary.place.rsplit(":", 1)[1] for canary in canaries]
    hosts = [canary.place for canary in canaries]
    hosts += [f"{name}:{ports[0]}" for name in ("localhost", "localhost.", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
                                                socket.gethostname(), "a@127.0.0.1", "127.0.0.1/x@a.example")]
    hosts += [f"127.0.0.1:{world.rpc}", f"127.0.0.1:{world.kelp.port}", f"{METADATA}", f"{METADATA}:80/latest/meta-data", "[fe80::1]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"]
    problems = []
    account = re.search(r"<Account>(.*?)<", query(world, world.owner, "sts", Action="GetCallerIdentity").body.decode())[1]
    for number, host in enumerate(hosts):
        for scheme in ("http", "https"):
            url = f"{scheme}://{host}"
            made = query(world, world.owner, Action="CreateOpenIDConnectProvider", Url=url, **{"ClientIDList.member.1": "app"})
            if made.status != 200:
                continue
            arn = re.search(r"<OpenIDConnectProviderArn>(.*?)<", made.body.decode())[1]
            name = f"called-{number}-{scheme}"
            trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}]}
            query(world, world.owner, Action="CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
            begun = time.monotonic()
            answer = query(world, None, "sts", Action="AssumeRoleWithWebIdentity", RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="job",
                           WebIdentityToken=token_of(url))
            seconds = time.monotonic() - begun
            if answer.status != 400 or b"IDPCommunicationError" not in answer.body and b"InvalidIdentityToken" not in answer.body:
                problems.append(f"provider {url}: {answer.status} {answer.body[:160]}")
            if seconds > 3:
                problems.append(f"provider {url}: it was waited for {seconds:.1f} s, so somebody was called")
            query(world, world.owner, Action="DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=arn)
    return problems, 2 * len(hosts)


def named_elsewhere(world, place):
    """Requests in which an address stands where a key, a bucket or a host does; how many."""
    xml = f"<Redirect><HostName>{place}</HostName></Redirect>"
    website = (f"<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule>{xml}</RoutingRule></RoutingRules></WebsiteConfiguration>")
    queue = f"<NotificationConfiguration><QueueConfiguration><Queue>http://{place}/</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
    inventory = ("<InventoryConfiguration><Id>i</Id><IsEnabled>true</IsEnabled><IncludedObjectVersions>All</IncludedObjectVersions><Schedule><Frequency>Daily</Frequency></Schedule>"
                 f"<Destination><S3BucketDestination><Bucket>http://{place}/</Bucket><Format>CSV</Format></S3BucketDestination></Destination></InventoryConfiguration>")
    asked = [("PUT", "/attacked/copied", b"", {"x-amz-copy-source": f"http://{place}/x"}), ("PUT", "/attacked/copied", b"", {"x-amz-copy-source": f"//{place}/x"}),
             ("PUT", "/attacked/redirected", b"x", {"x-amz-website-redirect-location": f"http://{place}/"}), ("GET", "/attacked/redirected", b"", {}),
             ("PUT", "/attacked?website", website.encode(), {}), ("PUT", "/attacked?notification", queue.encode(), {}),
             ("PUT", "/attacked?inventory&id=i", inventory.encode(), {}), ("GET", "/attacked/k", b"", {"x-forwarded-host": place, "forwarded": f"host={place}"}),
             ("DELETE", "/attacked?website", b"", {}), ("GET", "/attacked/k", b"", {"origin": f"http://{place}", "referer": f"http://{place}/"})]
    problems = []
    for method, target, body, headers in asked:
        wire = world.connection()
        answer = wire.ask(signed(world.field, method, target, headers, body))
        wire.close()
        if answer.status >= 500 and answer.status != 501:
            problems.append(f"called {method} {target}: {answer.status}")
    for line in (f"GET http://{place}/ HTTP/1.1", f"CONNECT {place} HTTP/1.1", f"GET //{place}/ HTTP/1.1"):
        wire = Connection("127.0.0.1", world.kelp.port, seconds=5)
        try:
            wire.ask(f"{line}\r\nHost: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        except (EOFError, OSError, ValueError, IndexError):
            pass
        wire.close()
    return problems, len(asked) + 3


def calls(world):
    """The server calls nobody that a client names: problems as texts, and how many requests were tried."""
    canaries = [Canary(), Canary("127.0.0.2")]
    try:
        problems, tried = providers(world, canaries)
        more, also = named_elsewhere(world, canaries[0].place)
        problems += more
        for canary in canaries:
            if hits := canary.hits():
                problems.append(f"the server called {canary.place}, {hits} times")
        return problems, tried + also
    finally:
        for canary in canaries:
            canary.close()


def directories(world):
    """Kelp knows no LDAP: there is no such action of STS, for whoever asks and whatever the name, said in the same words and time."""
    problems = []
    seen = set()
    spent = {True: [], False: []}
    for attempt in range(40):
        known = attempt % 2 == 0
        user = "canary" if known else f"nobody-{attempt}"
        for action in ("AssumeRoleWithLDAPIdentity", "AssumeRoleWithCustomToken", "AssumeRoleWithCertificate"):
            begun = time.monotonic()
            answer = query(world, None, "sts", Action=action, LDAPUsername=user, LDAPPassword="*)(uid=*", Token="x", RoleArn="arn:x")
            spent[known].append(time.monotonic() - begun)
            if answer.status != 400 or b"<Code>InvalidAction</Code>" not in answer.body:
                problems.append(f"door {action}: {answer.status} {answer.body[:120]}")
            seen.add((action, re.sub(rb"<RequestId>.*?</RequestId>", b"", answer.body)))
    if len(seen) != 3:
        problems.append(f"door LDAP: {len(seen)} answers, not one an action")
    apart = abs(statistics.median(spent[True]) - statistics.median(spent[False]))
    if apart > 0.05:
        problems.append(f"door LDAP: known and unknown names are {apart * 1000:.0f} ms apart")
    return problems, 120
