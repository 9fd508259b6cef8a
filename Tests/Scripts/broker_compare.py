"""Compares the local broker with Apache Kafka in one run: start, memory, one hop, throughput, ten idle consumers.

usage: broker_compare.py BINARY KAFKA_HOME [ROUNDS]
Both brokers run at the same time on this machine. Every measurement is made on one and then on the other, ROUNDS times
(default 5), with the same client (confluent-kafka) and the same settings. Medians are compared. A hop is one record of
500 bytes from `produce` to a waiting consumer, with acks=all, after a pause of 20 ms. Prints one line of JSON."""
import json, os, shutil, socket, statistics, subprocess, sys, tempfile, time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

binary, home = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
folder = tempfile.mkdtemp(prefix="compare-")
tick = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_local():
    port = free_port()
    words = [binary, "broker", "--data", folder + "/local", "--broker-port", str(port)]
    return port, lambda: subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_kafka():
    port, controller = free_port(), free_port()
    properties = f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/kafka
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
group.initial.rebalance.delay.ms=0
"""
    open(folder + "/server.properties", "w").write(properties)
    subprocess.run([home + "/bin/kafka-storage.sh", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c",
                    folder + "/server.properties"], check=True, capture_output=True)
    words = [home + "/bin/kafka-server-start.sh", folder + "/server.properties"]
    environment = os.environ | {"LOG_DIR": folder + "/log", "KAFKA_HEAP_OPTS": "-Xmx512M -Xms256M"}
    return port, lambda: subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / tick


def memory(pid):
    return next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")) / 1024


def answers(port):
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0, "reconnect.backoff.ms": 20,
                          "reconnect.backoff.max.ms": 50})
    while True:
        try:
            return client.list_topics(timeout=1)
        except Exception:
            time.sleep(0.02)


def hops(port, count=200):
    address = f"127.0.0.1:{port}"
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 0,
                         "socket.nagle.disable": True})
    consumer = Consumer({"bootstrap.servers": address, "group.id": "hop", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 500, "fetch.min.bytes": 1, "socket.nagle.disable": True})
    end = consumer.get_watermark_offsets(TopicPartition("hop", 0), 10)[1]
    consumer.assign([TopicPartition("hop", 0, end)])
    times = []
    for number in range(count + 20):
        time.sleep(0.02)
        start = time.perf_counter()
        producer.produce("hop", b"x" * 500, partition=0)
        producer.poll(0)
        message = consumer.poll(10)
        if message is None or message.error():
            raise SystemExit(f"no hop on {address}")
        if number >= 20:  # the first records connect and warm up
            times.append((time.perf_counter() - start) * 1000)
        producer.flush(10)
    consumer.close()
    return times


def throughput(port, count=50_000):
    address = f"127.0.0.1:{port}"
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5,
                         "queue.buffering.max.messages": count + 1})
    consumer = Consumer({"bootstrap.servers": address, "group.id": "load", "enable.auto.commit": False})
    ends = {p: consumer.get_watermark_offsets(TopicPartition("load", p), 10)[1] for p in range(4)}
    body = os.urandom(1000)
    start = time.perf_counter()
    for number in range(count):
        producer.produce("load", body, partition=number % 4)
        if number % 1000 == 0:
            producer.poll(0)
    producer.flush(60)
    produced = time.perf_counter() - start
    consumer.assign([TopicPartition("load", p, end) for p, end in ends.items()])
    start = time.perf_counter()
    seen = 0
    while seen < count:
        batch = consumer.consume(1000, 20)
        if not batch:
            raise SystemExit(f"{count - seen} records are missing on {address}")
        seen += len(batch)
    consumed = time.perf_counter() - start
    consumer.close()
    return count / produced, count / consumed


brokers, result = {}, {}
try:
    for name, prepare in (("local", start_local), ("kafka", start_kafka)):
        port, launch = prepare()
        starts = []
        for number in range(3):
            begin = time.time()
            process = launch()
            answers(port)
            starts.append(time.time() - begin)
            if number < 2:
                process.terminate()
                process.wait(60)
        brokers[name] = (port, process)
        result[name] = {"start_s": round(statistics.median(starts), 2),
                        "memory_mb_after_start": round(memory(process.pid))}
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
        for topic in admin.create_topics(
                [NewTopic("hop", 1, 1), NewTopic("load", 4, 1), NewTopic("idle", 24, 1)]).values():
            topic.result()
    collected = {name: {"hop": [], "p99": [], "produce": [], "consume": []} for name in brokers}
    for _ in range(rounds):
        for name, (port, _process) in brokers.items():
            times = hops(port)
            collected[name]["hop"].append(statistics.median(times))
            collected[name]["p99"].append(statistics.quantiles(times, n=100)[98])
    for _ in range(rounds):
        for name, (port, _process) in brokers.items():
            produced, consumed = throughput(port)
            collected[name]["produce"].append(produced)
            collected[name]["consume"].append(consumed)
    for name, (port, process) in brokers.items():
        middle = {key: statistics.median(values) for key, values in collected[name].items()}
        idle = [Consumer({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": f"idle-{n}"}) for n in range(10)]
        for consumer in idle:
            consumer.subscribe(["idle"])
        settled = time.time() + 10
        while time.time() < settled:
            for consumer in idle:
                consumer.poll(0.01)
        before, begin = cpu(process.pid), time.time()
        while time.time() - begin < 20:
            for consumer in idle:
                consumer.poll(0.1)
        share = 100 * (cpu(process.pid) - before) / (time.time() - begin)
        for consumer in idle:
            consumer.close()
        result[name] |= {
            "hop_p50_ms": round(middle["hop"], 3), "hop_p99_ms": round(middle["p99"], 2),
            "hop_p50_ms_of_rounds": [round(v, 3) for v in collected[name]["hop"]],
            "produce_per_s": round(middle["produce"]), "consume_per_s": round(middle["consume"]),
            "ten_idle_consumers_percent_of_a_core": round(share, 2), "memory_mb_at_end": round(memory(process.pid))}
    ratio = lambda key: round(result["local"][key] / result["kafka"][key], 2)
    result["local_to_kafka"] = {key: ratio(key) for key in (
        "start_s", "memory_mb_after_start", "hop_p50_ms", "hop_p99_ms", "produce_per_s", "consume_per_s")}
    print(json.dumps(result))
finally:
    for _port, process in brokers.values():
        process.terminate()
    for _port, process in brokers.values():
        process.wait(60)
    shutil.rmtree(folder, ignore_errors=True)
