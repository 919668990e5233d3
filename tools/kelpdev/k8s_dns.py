"""The names of a Kubernetes node: a DNS server of one file that follows Services and EndpointSlices, as CoreDNS does."""

import json
import socket
import ssl
import struct
import threading
import time
import urllib.request
from collections import defaultdict

ZONE = "svc.cluster.local"
A, AAAA = 1, 28
NO_SUCH_NAME = 3


def names(services, slices):
    """{name: [addresses]} of what the API server lists. Pure."""
    found, headless = defaultdict(list), {}
    for item in services:
        about = item["metadata"]
        address = item["spec"].get("clusterIP", "")
        if address == "None":
            headless[about["namespace"], about["name"]] = item["spec"].get("publishNotReadyAddresses", False)
        elif address:
            found[f"{about['name']}.{about['namespace']}.{ZONE}"].append(address)
    for item in slices:
        about = item["metadata"]
        owner = about["namespace"], about.get("labels", {}).get("kubernetes.io/service-name", "")
        if owner not in headless:
            continue
        name = f"{owner[1]}.{owner[0]}.{ZONE}"
        for endpoint in item.get("endpoints") or []:
            if not (headless[owner] or endpoint.get("conditions", {}).get("ready")):
                continue
            found[name] += endpoint["addresses"]
            if endpoint.get("hostname"):
                found[f"{endpoint['hostname']}.{name}"] += endpoint["addresses"]
    return dict(found)


def answer(query, table):
    """The bytes of the answer to a question; nothing for what is none. Pure."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    kind = struct.unpack_from(">H", query, at + 1)[0]
    addresses = table.get(".".join(labels))
    records = [struct.pack(">HHHIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton(address) for address in addresses or []] if kind == A else []
    flags = 0x8580 | (0 if addresses is not None else NO_SUCH_NAME)
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + query[12:at + 5] + b"".join(records)


class Follower:
    """Keeps `table` what the API server's lists say."""

    def __init__(self, api, token, authority):
        self.api, self.headers = api, {"Authorization": f"Bearer {token}"}
        self.context = ssl.create_default_context(cafile=authority)
        self.table, self.lists, self.lock = {}, {}, threading.Lock()

    def get(self, path):
        return urllib.request.urlopen(urllib.request.Request(self.api + path, headers=self.headers), context=self.context, timeout=3600)

    def follow(self, path):
        while True:
            try:
                with self.get(path) as listed:
                    whole = json.load(listed)
                items = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in whole["items"]}
                self.changed(path, items)
                with self.get(f"{path}?watch=1&resourceVersion={whole['metadata']['resourceVersion']}") as events:
                    for line in events:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            break
                        item = event["object"]
                        key = item["metadata"]["namespace"], item["metadata"]["name"]
                        if event["type"] == "DELETED":
                            items.pop(key, None)
                        else:
                            items[key] = item
                        self.changed(path, items)
            except (OSError, ValueError) as error:
                print("dns:", error, flush=True)
                time.sleep(0.2)

    def changed(self, path, items):
        with self.lock:
            self.lists[path] = list(items.values())
            self.table = names(self.lists.get(SERVICES, []), self.lists.get(SLICES, []))


SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"


def serve(address, api, token, authority):
    """Answers at address:53 from now on, in threads of its own."""
    follower = Follower(api, token, authority)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))

    def loop():
        while True:
            query, sender = sock.recvfrom(4096)
            try:
                sock.sendto(answer(query, follower.table), sender)
            except (IndexError, struct.error):
                continue

    for work in (lambda: follower.follow(SERVICES), lambda: follower.follow(SLICES), loop):
        threading.Thread(target=work, daemon=True).start()
