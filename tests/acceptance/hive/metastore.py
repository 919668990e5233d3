"""A Hive metastore on a PostgreSQL of its own."""

import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

from client import ROOT, installed, maven_jars, snippet, unavailable
from kelpdev.process import free_port, wait_for

sys.path.insert(0, str(ROOT / "tests/cluster"))
from engine_servers import Postgres, program_of  # noqa: E402

FOLDER = Path(__file__).resolve().parent
DATABASE, PAGE_URI = "jdbc:postgresql://db.example.com/metastore", "thrift://metastore.example.com:9083"
HIVE = "org.apache.hadoop.hive.metastore."
OPENED = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "net", "util")]


class Database(Postgres):
    """A PostgreSQL that Java reaches: over TCP."""

    def start(self):
        self.port = free_port()
        self.launch("postgres", [*self.as_user(), self.program, "-D", self.data, "-k", self.folder, "-p", str(self.port),
                                 "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c",
                                 "dynamic_shared_memory_type=mmap"], self.user)
        wait_for(lambda: answers(self.port), "PostgreSQL's start")

    @property
    def jdbc(self):
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def unpack(folder):
    """The metastore, and the jars beside it, which its tar file does not have."""
    jars = maven_jars("hive-jars", FOLDER / "pom.xml")
    with tarfile.open(next(jars.glob("hive-standalone-metastore-*.tar.gz"))) as archive:
        archive.extractall(folder)
    home = next(folder.glob("apache-hive-metastore-*"))
    for jar in jars.glob("*.jar"):
        (home / "lib" / jar.name).symlink_to(jar)
    home.rename(folder / "metastore")


class Metastore:
    """Use it as a context manager. `uri` is where clients find it."""

    def __init__(self, given, folder):
        program = program_of(Postgres)
        if program is None or os.geteuid() != 0:
            unavailable("there is no PostgreSQL, or nobody to run it (Debian's package `postgresql`, as root)")
        self.given, self.folder = given, Path(folder)
        self.home = installed("hive", [FOLDER / "pom.xml"], unpack) / "metastore"
        self.database = Database(program, [])
        self.port = free_port()
        self.uri = f"thrift://127.0.0.1:{self.port}"

    def java(self, *words):
        tmp = self.folder / "tmp"
        return ["nice", "java", "-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *OPENED,
                f"-Djava.io.tmpdir={tmp}", "-cp", f"{self.folder}:{self.home}/lib/*", *words]

    def __enter__(self):
        (self.folder / "tmp").mkdir(parents=True)
        site = snippet("hive.md", "metastore-site.xml", self.given, {DATABASE: self.database.jdbc, ">hive<": ">kelp<"})
        (self.folder / "metastore-site.xml").write_text(site)
        (self.folder / "core-site.xml").write_text(site)  # where Hadoop's part looks
        surroundings = dict(os.environ, METASTORE_HOME=str(self.home))
        made = subprocess.run(self.java(HIVE + "tools.MetastoreSchemaTool", "-dbType", "postgres", "-initSchema"),
                              cwd=self.folder, env=surroundings, capture_output=True, text=True)
        if made.returncode != 0:
            self.database.close()
            raise RuntimeError(f"no schema: {made.stdout[-2000:]}{made.stderr[-2000:]}")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(self.java(HIVE + "HiveMetaStore", "-p", str(self.port)), cwd=self.folder,
                                            env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(self.is_ready, "the metastore's start", 180, 0.2)
        except Exception:
            self.__exit__()
            raise
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the metastore stopped:\n" + (self.folder / "log").read_text(errors="replace")[-3000:])
        return answers(self.port)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.database.close()
