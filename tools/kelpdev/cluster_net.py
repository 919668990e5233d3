"""The networks of a cluster on one machine: a network namespace for each daemon, or loopback for all."""

import ctypes
import os
import secrets
import subprocess
from pathlib import Path

from kelpdev.process import free_port

CLONE_NEWNET = 0x40000000
NETNS = Path("/run/netns")
NOBODY = "02:00:00:00:00:01"  # a MAC address that no interface has
SWITCH = "switch"             # the namespace of the bridge, where clients are

# Ends what runs in the namespaces whose names begin with $1, and removes them.
REMOVE = """
for path in /run/netns/"$1"*; do
  [ -e "$path" ] || continue
  ip netns pids "${path##*/}" | xargs -r kill -9
  ip netns del "${path##*/}"
done
"""


def can_have_namespaces():
    """Only root may make them."""
    return os.geteuid() == 0


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Namespaces:
    """A switch and a namespace for each node, wired with veth pairs; nothing of the host's network is touched.

    The addresses are the same in every cluster, which is no matter: no two clusters see each other. With
    `guarded` the namespaces go when close() is called or this process ends, however it ends; without, they
    stay until remove(prefix).
    """

    def __init__(self, guarded=True, prefix=None):
        self.prefix = prefix or f"kelp-{secrets.token_hex(3)}-"
        self.guard = None
        self.home = None
        if prefix is not None:
            return  # they exist
        if guarded:
            # Ends its wait when the pipe closes, which the kernel does for a process that dies.
            self.guard = subprocess.Popen(["sh", "-c", "read -r nothing; " + REMOVE, "sh", self.prefix],
                                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                          start_new_session=True)
        switch = self.space(SWITCH)
        ip("netns", "add", switch)
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "addr", "add", "198.18.7.1/24", "dev", "bridge")
        for link in ("lo", "bridge"):
            ip("-n", switch, "link", "set", link, "up")

    def space(self, name):
        return self.prefix + name

    def add(self, name, host):
        """A node's namespace; `host` is the last number of its address, 2 to 254."""
        switch, space = self.space(SWITCH), self.space(name)
        ip("netns", "add", space)
        ip("-n", switch, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("-n", switch, "link", "set", name, "master", "bridge", "up")
        ip("-n", space, "addr", "add", f"198.18.7.{host}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", space, "link", "set", link, "up")

    def address(self, host, port):
        return f"198.18.7.{host}:{port}"

    def inside(self, name=SWITCH):
        """The words that run a command there."""
        return ["nsenter", f"--net={NETNS / self.space(name)}", "--"]

    def cut(self, name):
        """Nothing reaches the node and nothing leaves it."""
        ip("-n", self.space(SWITCH), "link", "set", name, "down")

    def heal(self, name):
        ip("-n", self.space(SWITCH), "link", "set", name, "up")

    def deafen(self, sender, receiver_host):
        """What `sender` sends to that address is lost on the way, silently; the other direction stays."""
        ip("-n", self.space(sender), "neigh", "replace", f"198.18.7.{receiver_host}", "lladdr", NOBODY, "dev", "eth0",
           "nud", "permanent")

    def undeafen(self, sender, receiver_host):
        ip("-n", self.space(sender), "neigh", "del", f"198.18.7.{receiver_host}", "dev", "eth0")

    def enter(self):
        """Moves the calling thread, and those that it starts from now on, to where the clients are."""
        self.home = enter(self.space(SWITCH))

    def close(self):
        if self.home is not None:
            leave(self.home)
            self.home = None
        if self.guard is not None:
            self.guard.stdin.close()
            self.guard.wait()
            self.guard = None


def enter(space):
    """Moves the calling thread, and those that it starts from now on, into a namespace; what leave() wants."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(NETNS / space, os.O_RDONLY)
    set_namespace(there)
    os.close(there)
    return home


def leave(home):
    """Moves the calling thread back."""
    set_namespace(home)
    os.close(home)


def set_namespace(descriptor):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def remove(prefix):
    """Removes the namespaces of an unguarded Namespaces, with what runs there."""
    subprocess.run(["sh", "-c", REMOVE, "sh", prefix], check=True)


class Loopback:
    """Every daemon on 127.0.0.1, on a port that was free. Links cannot be cut."""

    prefix = None

    def __init__(self):
        self.given = set()

    def add(self, name, host):
        pass

    def address(self, host, port):
        free = free_port()
        while free in self.given:
            free = free_port()
        self.given.add(free)
        return f"127.0.0.1:{free}"

    def inside(self, name=SWITCH):
        return []

    def cut(self, name):
        raise RuntimeError("links can be cut only between network namespaces: run it as root")

    heal = deafen = undeafen = cut

    def enter(self):
        pass

    def close(self):
        pass
