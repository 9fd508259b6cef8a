"""Runs a pipeline on three brokers of Apache Kafka, and takes one partition of rag.answers below its minimum of in-sync
replicas. Checks that only the queries of that partition wait, that no document deleted meanwhile is cited later, and
that each query gets one terminal state.

usage: three_brokers.py MILLRACE KAFKA_HOME   (prints JSON; exit status 1 when something is wrong)
"""
import json
import os
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_cluster import Cluster
from partitioner import murmur2

millrace, home = sys.argv[1:3]
STUCK = 0
cluster = Cluster(home, 3, """offsets.topic.replication.factor=3
min.insync.replicas=2
replica.lag.time.max.ms=4000""")
folder, brokers = cluster.folder, cluster.addresses


def run(*words, code=0):
    result = subprocess.run([millrace, *words, "--state", f"{folder}/state"], capture_output=True, text=True,
                            timeout=240)
    if code is not None and result.returncode != code:
        raise SystemExit(f"millrace {' '.join(words)}: {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def partition(query):
    return murmur2(f"default/{query}".encode()) % 24


def ids(count, stuck, prefix):
    found, number = [], 0
    while len(found) < count:
        name = f"{prefix}-{number}"
        number += 1
        if (partition(name) == STUCK) == stuck:
            found.append(name)
    return found


class Answers:
    def __init__(self):
        self.consumer = Consumer({"bootstrap.servers": brokers, "group.id": "three", "enable.auto.commit": False})
        self.consumer.assign([TopicPartition("rag.answers", p, 0) for p in range(24)])
        self.seen = {}
        self.at = {}

    def poll(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            message = self.consumer.poll(0.1)
            if message is None or message.error():
                continue
            value = json.loads(message.value())
            late = message.timestamp()[1] - value.get("checked_at_ms", message.timestamp()[1])
            if late > 10_000:  # void: appended more than 10 s after the check of its documents
                continue
            self.seen.setdefault(value["id"], []).append(value)
            self.at.setdefault(value["id"], time.time())

    def wait(self, names, seconds):
        end = time.time() + seconds
        while time.time() < end and not all(n in self.seen for n in names):
            self.poll(0.3)
        return [n for n in names if n not in self.seen]


report, problems = {}, []
try:
    for node in (1, 2, 3):
        cluster.start(node)
    admin = AdminClient({"bootstrap.servers": brokers})
    for _ in range(60):
        if len(admin.list_topics(timeout=60).brokers) == 3:
            break
        time.sleep(1)
    # Partition 0 is on brokers 2 and 3, all others are on 1 and 3. Without broker 2, only partition 0 is below its
    # minimum.
    assignment = [[3, 2] if p == STUCK else [1, 3] for p in range(24)]
    topic = NewTopic("rag.answers", replica_assignment=assignment, num_partitions=24, config={
        "message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete", "retention.ms": "604800000",
        "max.message.bytes": "4194304", "min.insync.replicas": "2"})
    for future in admin.create_topics([topic]).values():
        future.result()
    run("up", "--detach", "--kafka", brokers, "--llm", "extractive", "--redis", "none")
    handbook = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Workers/Millrace/Demo/handbook")
    run("documents", "put", handbook)
    answers = Answers()
    producer = Producer({"bootstrap.servers": brokers})

    def ask(names, text="How long are database backups kept?"):
        for name in names:
            producer.produce("rag.queries", json.dumps({"id": name, "text": text, "deadline_ms": 300_000}))
        producer.flush()

    before = ids(6, True, "before") + ids(12, False, "before-other")
    ask(before)
    missing = answers.wait(before, 60)
    if missing:
        problems.append(f"not answered while all was well: {missing}")

    cluster.kill(2)
    time.sleep(12)  # the session of broker 2 ends, and partition 0 has one replica in sync
    stuck, others = ids(12, True, "stuck"), ids(60, False, "other")
    start_at = time.time()
    ask(stuck)
    answers.poll(1)
    for index in range(0, 60, 6):
        ask(others[index:index + 6])
        answers.poll(1)
    missing = answers.wait(others, 30)
    report["others_missing"] = len(missing)
    report["others_slowest_s"] = round(max((answers.at[n] for n in others if n in answers.at), default=0) - start_at, 1)
    report["stuck_answered_early"] = sum(n in answers.seen for n in stuck)
    if missing:
        problems.append(f"another partition's queries wait: {missing}")
    if report["stuck_answered_early"]:
        problems.append("the partition took answers: nothing was tested")
    # Delete the documents that the waiting answers cite, before these answers can be appended.
    cited = {c["document_id"] for n in before for a in answers.seen.get(n, []) for c in a["citations"]}
    for name in sorted(cited):
        run("documents", "delete", name)
    time.sleep(12)
    cluster.start(2)
    missing = answers.wait(stuck, 120)
    if missing:
        problems.append(f"not answered after the broker came back: {missing}")
    answers.poll(15)
    again = {c["document_id"] for n in stuck for a in answers.seen.get(n, []) for c in a["citations"]}
    report["deleted"] = len(cited)
    report["deleted_and_cited"] = sorted(again & cited)
    report["states"] = {s: sum(a[0]["status"] == s for n, a in answers.seen.items() if n in stuck)
                        for s in ("answered", "refused", "expired", "failed")}
    report["contradicted"] = sum(len({a["status"] for a in found}) > 1 for found in answers.seen.values())
    if not cited or again & cited:
        problems.append(f"deleted documents are cited: {sorted(again & cited)} of {sorted(cited)}")
    if report["contradicted"]:
        problems.append("a query has two states")
    report["ledger"] = json.loads(run("ledger", "--json", code=None))["queries"]
    if report["ledger"]["lost"] or report["ledger"]["contradicted"]:
        problems.append("the ledger does not balance")
    report["restarts"] = {p["role"]: p["restarts"] for p in json.loads(run("status", "--json", code=None))["processes"]}
    if any(report["restarts"].values()):
        problems.append("a worker was restarted")
finally:
    run("down", code=None)
    cluster.close(keeps_files=problems and os.environ.get("MILLRACE_KEEP"))
report["problems"] = problems
print(json.dumps(report))
sys.exit(1 if problems else 0)
