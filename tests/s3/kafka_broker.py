"""Apache Kafka as a real broker on loopback, for tests: Maven fetches it once, outside the checkout."""

import hashlib
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from kelpdev.process import CACHE, free_port, wait_for

POM = Path(__file__).with_name("kafka_broker.pom.xml")
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
num.partitions=3
"""


def jars():
    """The folder with the broker's jars; made when missing. None where there is no Java or Maven to make it with."""
    folder = CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not shutil.which("java"):
        return None
    if not (folder / "complete").exists():
        if not shutil.which("mvn"):
            return None
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
                       check=True, stdout=subprocess.DEVNULL)
        (folder / "complete").touch()
    return folder


class KafkaBroker:
    """One broker with its data in `folder`; start() may follow stop()."""

    def __init__(self, folder):
        self.folder, self.process = Path(folder), None
        self.port, controller = free_port(), free_port()
        self.folder.mkdir()
        self.properties = self.folder / "server.properties"
        self.properties.write_text(PROPERTIES.format(port=self.port, controller=controller, folder=self.folder))
        self.run("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", str(self.properties))
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def words(self, *words):
        return ["java", "-Xmx256m", "-cp", f"{jars()}/*", *words]

    def run(self, *words):
        subprocess.run(self.words(*words), check=True, stdout=subprocess.DEVNULL)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.words("kafka.Kafka", str(self.properties)), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_for(self.answers, "Kafka's start")

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None
