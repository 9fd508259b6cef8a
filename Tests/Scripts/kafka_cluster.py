"""A cluster of Apache Kafka brokers on this machine. The first broker is also the controller."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile


class Cluster:
    def __init__(self, home, size, settings=""):
        self.home, self.settings = home, settings
        self.folder = tempfile.mkdtemp(prefix="brokers-")
        sockets = [socket.socket() for _ in range(size + 1)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        self.ports = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        self.addresses = ",".join(f"127.0.0.1:{p}" for p in self.ports[:size])
        self.environment = dict(os.environ, KAFKA_HEAP_OPTS="-Xmx256m -Xms64m",
                                KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
        self.processes = {}
        for node in range(1, size + 1):
            self._prepare(node)

    def _prepare(self, node):
        controller, role = self.ports[-1], "broker,controller" if node == 1 else "broker"
        listener = f",CONTROLLER://127.0.0.1:{controller}" if node == 1 else ""
        path = f"{self.folder}/{node}.properties"
        with open(path, "w") as file:
            file.write(f"""process.roles={role}
node.id={node}
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.ports[node - 1]}{listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.ports[node - 1]}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={self.folder}/data{node}
auto.create.topics.enable=false
offsets.topic.num.partitions=8
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
message.max.bytes=10485760
{self.settings}
""")
        subprocess.run([f"{self.home}/bin/kafka-storage.sh", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", path],
                       env=self.environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, node):
        log = open(f"{self.folder}/{node}.log", "ab")
        self.processes[node] = subprocess.Popen(
            [f"{self.home}/bin/kafka-server-start.sh", f"{self.folder}/{node}.properties"],
            env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def kill(self, node):
        try:
            os.killpg(self.processes[node].pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self, keeps_files=False):
        for node in self.processes:
            self.kill(node)
        if not keeps_files:
            shutil.rmtree(self.folder, ignore_errors=True)
