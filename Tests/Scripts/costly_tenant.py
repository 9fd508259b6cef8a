"""Measures what one tenant's costly documents do to the queries of another tenant, the victim: the victim's latencies
first beside an honest tenant that sends as many bytes, then beside the attacker.

usage: costly_tenant.py ATTACK MILLRACE...   (ATTACK: headings, tiny or acl; several binaries are compared)
Prints a line of JSON for each binary."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

attack, binaries = sys.argv[1], sys.argv[2:]
WORDS = "the port of the harbour is open for boats that carry grain and tools from the north".split()


def prose(size):
    return " ".join(WORDS[i % len(WORDS)] + ("." if i % 12 == 11 else "") for i in range(size // 5))[:size]


def documents(kind, count=6):
    for number in range(count):
        if kind == "headings":
            top = "\n\n".join("#" * d + " " + "y z " * 1500 for d in range(1, 6))
            text = top + "\n\n" + "\n\n".join("###### a\n\nb" for _ in range(2900))
            acl = None
        elif kind == "tiny":
            text, acl = "\n\n".join(f"# {chr(97 + i % 26)}\n\nx" for i in range(40_000)), None
        else:
            text, acl = prose(100_000), [f"group-{i:05}-of-the-long-list" for i in range(1000)]
        yield number, text, acl


def run(binary, is_attack):
    state = tempfile.mkdtemp(prefix="costly-")

    def call(*words, text=None, check=True):
        return subprocess.run([binary, *words, "--state", state], input=text, capture_output=True, text=True, check=check)

    call("up", "--detach", "--llm", "extractive", "--redis", "none")
    try:
        call("documents", "put", "-", "--id", "lamp", "--tenant", "victim", text="The harbour lamp is painted red.")
        path = os.path.join(state, "costly.jsonl")
        with open(path, "w") as file:
            for number, text, acl in documents(attack):
                if not is_attack:
                    size = len(text) + sum(map(len, acl or []))
                    text, acl = prose(size), None
                    # The honest tenant sends the same number of bytes, as plain prose without an acl.
                record = {"id": f"d{number}", "text": text, "media_type": "text/markdown"}
                if acl:
                    record["acl"] = acl
                file.write(json.dumps(record) + "\n")
        put = subprocess.Popen([binary, "documents", "put", path, "--tenant", "neighbour", "--state", state],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if attack == "acl":
            put.wait()
        times, searches = [], []
        end = time.time() + 40
        while time.time() < end:
            if attack == "acl":
                searches.append(subprocess.Popen(
                    [binary, "ask", "Which port is open for boats?", "--tenant", "neighbour", "--principal", "somebody", "--cache",
                     "bypass", "--state", state], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            start = time.time()
            call("ask", "Which colour is the harbour lamp?", "--tenant", "victim", "--cache", "bypass", check=False)
            times.append(time.time() - start)
            for process in searches:
                process.poll()
        put.kill()
        for process in searches:
            process.kill()
        return times
    finally:
        call("down", check=False)
        subprocess.run(["rm", "-rf", state])


for binary in binaries:
    report = {"binary": binary, "attack": attack}
    for name, is_attack in (("honest", False), ("attacker", True)):
        times = sorted(run(binary, is_attack))
        report[name] = {"queries": len(times), "p50_ms": round(1000 * statistics.median(times)),
                        "p95_ms": round(1000 * times[int(len(times) * 0.95) - 1])}
    report["p95_ratio"] = round(report["attacker"]["p95_ms"] / report["honest"]["p95_ms"], 2)
    print(json.dumps(report), flush=True)
