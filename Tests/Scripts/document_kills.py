"""Kills the processes of the document path at random moments, beside many puts, and checks the ledger.

usage: document_kills.py BINARY ROUNDS

Each round starts a pipeline of its own, puts 14 small documents again and again, and for 60 s kills the broker, ingest,
embed, or a search shard every 0.3 to 2.5 s, with SIGTERM or SIGKILL. Then every accepted version must reach exactly one
terminal state. Prints one line per round. If a round fails, its state folder is kept and the exit code is 1. Some races
happen only on a busy machine: run several of these scripts at once.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROLES = ["broker", "ingest", "ingest", "embed-documents", "search-0", "search-1"]


def main():
    binary, rounds = sys.argv[1], int(sys.argv[2])
    failed = 0
    for number in range(rounds):
        folder = tempfile.mkdtemp(prefix="document-kills.")
        state, documents = folder + "/state", folder + "/documents"

        def call(*words):
            return subprocess.run([binary, *words, "--state", state], capture_output=True, text=True)

        os.mkdir(documents)
        for page in range(14):
            with open(f"{documents}/page-{page}.md", "w") as file:
                file.write(f"The access rule number {page} says that doors close at {page}.")
        port = str(random.randint(10_240, 32_000))
        started = call(
            "up", "--detach", "--shards", "2", "--llm", "extractive", "--redis", "none", "--broker-port", port)
        if started.returncode:
            sys.exit(f"up failed: {started.stderr}")
        stop = threading.Event()

        def put():
            while not stop.is_set():
                call("documents", "put", documents, "--no-wait")
                stop.wait(random.uniform(0.1, 1.5))

        putting = threading.Thread(target=put, daemon=True)
        putting.start()
        time.sleep(1)
        end, kills = time.time() + 60, 0
        while time.time() < end:
            with open(state + "/state.json") as file:
                processes = {process["role"]: process["pid"] for process in json.load(file)["processes"]}
            pid = processes[random.choice(ROLES)]
            try:
                if pid:
                    os.kill(pid, random.choice([signal.SIGTERM, signal.SIGKILL]))
                    kills += 1
            except ProcessLookupError:
                pass  # it has just ended
            time.sleep(random.uniform(0.3, 2.5))
        stop.set()
        putting.join()
        deadline = time.time() + 300
        while True:
            answer = call("ledger", "--json").stdout
            account = json.loads(answer)["documents"] if answer.startswith("{") else None
            if account and sum(account["in_flight"].values()) == 0 or time.time() > deadline:
                break
            time.sleep(2)
        account = account or {
            "accepted": 0, "lost": -1, "contradicted": -1, "in_flight": {}, "examples": ["no ledger"]}
        waiting = sum(account["in_flight"].values())
        good = account["accepted"] > 0 and account["lost"] == account["contradicted"] == waiting == 0
        failed += not good
        print(f"round {number + 1}: {kills} kills, {account['accepted']} versions, lost {account['lost']}, contradicted"
              f" {account['contradicted']}, waiting {waiting} {account['examples']}{'' if good else ' kept: ' + folder}", flush=True)
        call("down")
        if good:
            shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


main()
