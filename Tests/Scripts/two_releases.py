"""Runs workers of a former release beside those of this one in every group, under load. The former workers join and
leave three times, once by SIGKILL. No record may be lost or have contradicting states.

usage: two_releases.py FORMER_MILLRACE MILLRACE   (prints JSON; exit status 1 when something is wrong)
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from confluent_kafka import Producer

former, current = sys.argv[1:3]
folder = tempfile.mkdtemp(prefix="releases-")
here = os.path.dirname(os.path.abspath(__file__))
POOLS = [["ingest"], ["embed", "--lane", "documents"], ["embed", "--lane", "queries"], ["search", "--shard", "0"],
         ["retrieve"], ["generate"]]
QUESTIONS = ["How long are database backups kept?", "When do the nightly backups start?", "Who may open the vault?"]


def run(*words, check=True):
    result = subprocess.run([current, *words, "--state", f"{folder}/state"], capture_output=True, text=True, timeout=240)
    if check and result.returncode:
        raise SystemExit(f"millrace {' '.join(words)}: {result.stdout}{result.stderr}")
    return result.stdout


def workers(binary):
    environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=kafka, KAFKA_SESSION_TIMEOUT="6s")
    return [subprocess.Popen([binary, "worker", *pool], env=environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for pool in POOLS]


def end(processes, number):
    for process in processes:
        process.send_signal(number)
    for process in processes:
        process.wait(timeout=60)


report, problems = {"phases": []}, []
try:
    run("up", "--detach", "--llm", "extractive", "--redis", "none")
    kafka = json.loads(run("status", "--json"))["endpoints"]["kafka"]
    run("documents", "put", f"{here}/../../Workers/Millrace/Demo/handbook")
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    sent = documents = 0

    def load(seconds):
        global sent, documents
        stop = time.time() + seconds
        while time.time() < stop:
            query = {"id": f"q-{sent}", "text": QUESTIONS[sent % 3], "deadline_ms": 300000}
            producer.produce("rag.queries", json.dumps(query))
            sent += 1
            name = f"note-{documents % 40}"
            producer.produce("rag.documents", json.dumps({"id": name, "text": f"Note {documents} of the log."}),
                             key=f"default/{name}")
            documents += 1
            producer.poll(0)
            time.sleep(0.1)
        producer.flush()

    for what, number in [("join and leave in order", signal.SIGTERM), ("join and are killed", signal.SIGKILL),
                         ("join and leave in order", signal.SIGTERM)]:
        beside = workers(former)
        load(14)
        end(beside, number)
        load(8)
        report["phases"].append(f"former workers {what}")
    deadline = time.time() + 120
    while time.time() < deadline:
        ledger = json.loads(run("ledger", "--json", check=False))
        if not any(sum(ledger[side]["in_flight"].values()) for side in ("queries", "documents")):
            break
        time.sleep(2)
    for side in ("queries", "documents"):
        report[side] = {k: ledger[side][k] for k in ("accepted", "finished", "in_flight", "repeats", "lost",
                                                     "contradicted", "examples")}
        if ledger[side]["lost"] or ledger[side]["contradicted"] or sum(ledger[side]["in_flight"].values()):
            problems.append(f"{side} do not balance")
    if report["queries"]["finished"]["answered"] + report["queries"]["finished"]["refused"] < sent * 0.9:
        problems.append("too few queries were answered: nothing was tested")
finally:
    run("down", check=False)
    shutil.rmtree(folder, ignore_errors=True)
report["problems"] = problems
print(json.dumps(report))
sys.exit(1 if problems else 0)
