"""Takes two Kafka permissions from a running pipeline, one after the other: to write rag.vectors, to read rag.chunks.
Checks that the worker is not ready and says why, that no record becomes a dead letter, and that all documents are
indexed once the permission is back.

usage: access_lists.py MILLRACE KAFKA_HOME   (prints JSON; exit status 1 when something is wrong)
"""
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient,
                                   ResourcePatternType, ResourceType)

from kafka_cluster import Cluster

millrace, home = sys.argv[1:3]
cluster = Cluster(home, 1, """offsets.topic.replication.factor=1
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true""")
state = f"{cluster.folder}/state"
problems, report = [], {}


def run(*words, code=0, text=None):
    result = subprocess.run([millrace, *words, "--state", state], capture_output=True, text=True, input=text,
                            timeout=240)
    if code is not None and result.returncode != code:
        raise SystemExit(f"millrace {' '.join(words)}: {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def why_not_ready(role):
    """The reason that the worker's /readyz gives; empty when the worker is ready."""
    with open(f"{state}/run/{role}.port") as file:
        port = int(file.read())
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read()
        return ""
    except urllib.error.HTTPError as error:
        return error.read().decode().strip()


def wait(seconds, condition):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.3)
    return False


def rule(topic, operation, permission):
    return AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", operation,
                      permission)


def deny(topic, operation):
    # Once a topic has rules, Kafka denies everything that no rule allows. So allow all other operations.
    rules = [rule(topic, AclOperation.ALL, AclPermissionType.ALLOW), rule(topic, operation, AclPermissionType.DENY)]
    for future in admin.create_acls(rules).values():
        future.result()


def allow(topic):
    only = AclBindingFilter(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, None, None,
                            AclOperation.ANY, AclPermissionType.ANY)
    for future in admin.delete_acls([only]).values():
        future.result()


def dead_letters():
    consumer = Consumer({"bootstrap.servers": cluster.addresses, "group.id": "letters", "enable.auto.commit": False})
    count = len(consumer.list_topics("rag.deadletters", timeout=10).topics["rag.deadletters"].partitions)
    total = 0
    for number in range(count):
        low, high = consumer.get_watermark_offsets(TopicPartition("rag.deadletters", number), timeout=10)
        total += high - low
    consumer.close()
    return total


try:
    cluster.start(1)
    admin = AdminClient({"bootstrap.servers": cluster.addresses})
    admin.list_topics(timeout=60)
    run("up", "--detach", "--kafka", cluster.addresses, "--llm", "extractive", "--redis", "none")
    run("documents", "put", "-", "--id", "before", text="Backups are kept for thirty days.")
    for number, (topic, operation, role) in enumerate([
            ("rag.vectors", AclOperation.WRITE, "embed-documents"),
            ("rag.chunks", AclOperation.READ, "embed-documents")]):
        deny(topic, operation)
        time.sleep(1)
        names = [f"{operation.name.lower()}-{n}" for n in range(5)]
        for name in names:
            run("documents", "put", "-", "--id", name, "--no-wait", text=f"Document {name} speaks of backups.")
        said = wait(40, lambda: why_not_ready(role))
        report[f"without_{operation.name.lower()}"] = why_not_ready(role)
        time.sleep(5)
        if not said or not why_not_ready(role):
            problems.append(f"{role} is ready without the permission to {operation.name} {topic}")
        # All documents must wait: without the permission none may be failed, and none can be indexed.
        states = [d["state"] for d in json.loads(run("documents", "list", "--json")) if d["id"] in names]
        if "failed" in states or "indexed" in states:
            problems.append(f"{role}: {states} without the permission")
        allow(topic)
        indexed = wait(60, lambda: sum(
            d["state"] == "indexed" for d in json.loads(run("documents", "list", "--json"))) == 1 + 5 * (number + 1))
        if not indexed:
            problems.append(f"{role}: not indexed once the permission was back: {run('documents', 'list')}")
        if not wait(20, lambda: not why_not_ready(role)):
            problems.append(f"{role} stays not ready: {why_not_ready(role)}")
    report["dead_letters"] = dead_letters()
    if report["dead_letters"]:
        problems.append("a missing permission made dead letters")
    status = json.loads(run("status", "--json", code=None))
    report["restarts"] = sum(p["restarts"] for p in status["processes"])
    if report["restarts"]:
        problems.append("a worker was restarted")
finally:
    run("down", code=None)
    cluster.close()
report["problems"] = problems
print(json.dumps(report))
sys.exit(1 if problems else 0)
