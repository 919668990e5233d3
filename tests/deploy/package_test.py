#!/usr/bin/env python3
"""The Debian package and its units: hardened, installed on a bare system, started as systemd would, upgraded and purged."""

import hashlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.containers import BASE, Images, need_containers, run  # noqa: E402
from kelpdev.process import kelp_binary, wait_for  # noqa: E402

WORST_EXPOSURE = 2.0  # of 10, by systemd-analyze
# What units name and systemd brings along.
SYSTEMD = ["sysinit.target", "basic.target", "shutdown.target", "network-online.target", "multi-user.target", "system.slice", "sockets.target",
           "timers.target", "paths.target", "slices.target"]


def depends():
    text = (ROOT / "deploy/package/nfpm.yaml").read_text()
    return [line.split()[1] for line in re.search(r"^depends:\n((?:  - .*\n)+)", text, re.M)[1].splitlines()]


# Debian with what the package depends on, and what the test runs there. systemd's programs are there; it does not run.
INSTALLED = ["curl", "procps", "systemd", *depends()]
LIBRARIES = f"localhost/kelp-package-base:{hashlib.sha256(' '.join(INSTALLED).encode()).hexdigest()[:12]}"
# In the place of systemctl: as if kelp@filer ran without being enabled; what is done with units is written down.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/calls
case "$1" in
  list-units) echo 'kelp@filer.service loaded active running Kelp'; echo 'kelp@volume.service loaded active running Kelp' ;;
  disable) exec /usr/bin/systemctl --root=/ "$@" ;;
  stop) [ ! -e /refuse ] ;;
esac
"""


def package(folder, version):
    run(ROOT / "tools/dev", "package", "--binary", kelp_binary(), "--version", version, "--out", folder)
    return folder / f"kelp_{version}_amd64.deb"


class Supervisor:
    """The socket that a service of Type=notify tells how it is."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        os.chmod(path, 0o777)

    def hears(self, word, seconds=30):
        self.socket.settimeout(seconds)
        heard = self.socket.recv(100).decode()
        if heard != word:
            raise AssertionError(f"{heard!r} and not {word!r}")


class System:
    """A Debian without network in a container; a context manager."""

    def __init__(self, images, folder):
        self.images, self.folder = images, folder

    def __enter__(self):
        self.name = self.images.podman("run", "--detach", "--network", "none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
                                       "--volume", f"{self.folder}:/host", LIBRARIES,
                                       "sleep", "infinity").strip().splitlines()[-1]
        return self

    def __exit__(self, *_):
        self.images.podman("rm", "--force", "--time", "1", self.name)

    def run(self, *words):
        return self.images.podman("exec", self.name, *words)

    def shell(self, script):
        return self.run("sh", "-euc", script)

    def has(self, path):
        return self.shell(f"if [ -e {path} ]; then echo yes; fi").strip() == "yes"

    def start(self, unit):
        """What systemd does with the unit's [Service], as far as it matters here."""
        lines = dict(re.findall(r"^(\w+)=(.*)$", self.shell(f"cat /lib/systemd/system/{unit}"), re.M))
        self.images.podman("exec", "--detach", "--env", "NOTIFY_SOCKET=/host/notify", self.name, "setpriv", "--reuid", lines["User"], "--regid", lines["Group"],
                           "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *shlex.split(lines["ExecStart"]))


class Units(unittest.TestCase):
    """Without a running systemd."""

    def setUp(self):
        if not shutil.which("systemd-analyze"):
            print("SKIPPED: systemd-analyze is not installed", file=sys.stderr)
            self.skipTest("no systemd-analyze")
        scratch = tempfile.TemporaryDirectory(prefix="kelp-units-")
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        units = self.root / "lib/systemd/system"
        units.mkdir(parents=True)
        for unit in (ROOT / "deploy/systemd").iterdir():
            shutil.copy(unit, units)
        for unit in SYSTEMD:
            (units / unit).write_text(f"[Unit]\nDescription={unit}\nDefaultDependencies=no\n")
        for program in ("usr/bin/kelp", "bin/kill"):
            (self.root / program).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy("/bin/true", self.root / program)

    def analyze(self, *words):
        return subprocess.run(["systemd-analyze", *words[:1], f"--root={self.root}", *words[1:]], capture_output=True, text=True, check=False)

    def test_systemd_understands_every_line(self):
        done = self.analyze("verify", "--man=no", "kelp.service", *(f"kelp@{role}.service" for role in ("master", "volume", "filer", "s3")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_little_is_exposed(self):
        for unit in ("kelp.service", "kelp@volume.service"):
            done = self.analyze("security", "--offline=true", "--no-pager", unit)
            level = float(re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)[1])
            self.assertLessEqual(level, WORST_EXPOSURE, unit)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = need_containers()
        if reason:
            print(f"SKIPPED: {reason}", file=sys.stderr)
            raise unittest.SkipTest(reason)
        cls.images = Images()
        scratch = tempfile.TemporaryDirectory(prefix="kelp-package-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.folder.chmod(0o755)
        if not cls.images.exists(LIBRARIES):
            (cls.folder / "Dockerfile").write_text(
                f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends {' '.join(INSTALLED)} && rm -rf /var/lib/apt/lists/*\n")
            cls.images.build(LIBRARIES, cls.folder / "Dockerfile", cls.folder)
        cls.old, cls.new = package(cls.folder, "0.0.1"), package(cls.folder, "0.0.2")

    def setUp(self):
        self.system = System(self.images, self.folder)
        self.system.__enter__()
        self.addCleanup(self.system.__exit__)
        self.notify = self.folder / "notify"
        self.supervisor = Supervisor(self.notify)
        self.addCleanup(self.notify.unlink)
        self.addCleanup(self.supervisor.socket.close)

    def install(self, deb):
        self.system.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--install", f"/host/{deb.name}")

    def s3(self, *words):
        keys = self.system.shell("cat /var/lib/kelp/credentials")
        user = ":".join(re.search(rf'{name}_key = "(.*)"', keys)[1] for name in ("access", "secret"))
        return self.system.run("curl", "--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user,
                               "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words)

    def test_install_serve_upgrade_purge(self):
        system, url = self.system, "http://127.0.0.1:8333/first"
        accounts = system.shell("getent passwd; getent group")
        self.install(self.old)
        self.assertEqual(system.shell("stat -c '%U %a' /var/lib/kelp; stat -c '%G %a' /etc/kelp/kelp.toml"), "kelp 700\nkelp 640\n")
        system.start("kelp.service")
        self.supervisor.hears("READY=1")
        self.s3("--request", "PUT", url)
        self.s3("--upload-file", "/etc/debian_version", f"{url}/key")
        self.assertEqual(self.s3(f"{url}/key"), system.shell("cat /etc/debian_version"))
        system.shell("pkill -HUP -x kelp")  # systemctl reload, with nothing to read again
        self.assertEqual(self.s3(f"{url}/key"), system.shell("cat /etc/debian_version"))
        system.shell("sed -i 's/127.0.0.1:8333/127.0.0.1:8444/' /etc/kelp/kelp.toml")
        system.shell("pkill -TERM -x kelp")
        self.supervisor.hears("STOPPING=1")
        wait_for(lambda: not system.shell("pgrep -x kelp || true"), "kelp's end", 30, every=0.2)

        self.install(self.new)
        self.assertIn("127.0.0.1:8444", system.shell("cat /etc/kelp/kelp.toml"), "edits stay")
        self.assertEqual(system.shell("dpkg-query -W -f '${Version} ${Status}' kelp"), "0.0.2 install ok installed")
        system.start("kelp.service")
        self.supervisor.hears("READY=1")
        self.assertEqual(self.s3(f"{url}/key".replace("8333", "8444")), system.shell("cat /etc/debian_version"))
        system.shell("pkill -TERM -x kelp")
        self.supervisor.hears("STOPPING=1")
        wait_for(lambda: not system.shell("pgrep -x kelp || true"), "kelp's end", 30, every=0.2)

        system.run("dpkg", "--remove", "kelp")
        self.assertTrue(system.has("/var/lib/kelp/cluster") and system.has("/etc/kelp/kelp.toml"), "a removal keeps data and settings")
        self.assertFalse(system.has("/usr/bin/kelp"))
        system.run("dpkg", "--purge", "kelp")
        self.assertEqual(system.shell("getent passwd; getent group"), accounts)
        self.assertEqual(system.shell("find / -xdev -name '*kelp*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/host*'"), "")

    def enabled(self):
        return self.system.shell("find /etc/systemd -name '*kelp*' | sort")

    def test_a_removal_disables_each_daemon_of_a_cluster(self):
        system = self.system
        for action in ("--remove", "--purge"):
            with self.subTest(action):
                self.install(self.new)
                system.run("systemctl", "--root=/", "enable", "kelp.service", "kelp@master.service", "kelp@volume.service")
                self.assertEqual(self.enabled().count(".service\n"), 3)
                system.run("dpkg", action, "kelp")
                self.assertEqual(self.enabled(), "")

    def test_a_removal_stops_each_daemon_first(self):
        system = self.system
        self.install(self.new)
        system.run("systemctl", "--root=/", "enable", "kelp@master.service", "kelp@volume.service")
        (self.folder / "systemctl").write_text(SYSTEMCTL)
        system.shell("mkdir -p /run/systemd/system; install -m 755 /host/systemctl /usr/local/bin/; touch /refuse")
        with self.assertRaisesRegex(RuntimeError, "prerm|pre-removal"):
            system.run("dpkg", "--purge", "kelp")
        self.assertTrue(system.has("/var/lib/kelp"), "the data stay under what does not stop")
        system.shell("rm /refuse /calls")
        system.run("dpkg", "--purge", "kelp")
        calls = system.shell("cat /calls").splitlines()
        units = ["kelp.service", "kelp@filer.service", "kelp@master.service", "kelp@volume.service"]
        for verb in ("disable", "stop"):
            self.assertEqual(sorted(line for line in calls if line.startswith(verb)), [f"{verb} {unit}" for unit in units])
        self.assertEqual(self.enabled(), "")
        self.assertFalse(system.has("/var/lib/kelp"))

    def test_it_depends_on_all_that_the_binary_loads(self):
        self.install(self.new)
        self.assertNotIn("not found", self.system.shell("ldd /usr/bin/kelp"))
        self.assertRegex(self.system.run("kelp", "version"), r"^kelp \d")
        libraries = {name for name in depends() if name.startswith("lib") and name not in ("libc6", "libstdc++6")}
        image = (ROOT / "docker/Dockerfile").read_text()
        self.assertEqual(sorted(name for name in libraries if name not in image), [], "the image and the package have the same")


if __name__ == "__main__":
    unittest.main(verbosity=2)
