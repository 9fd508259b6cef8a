"""Measures what reading documents costs: processor time of ingest with its children, and the children's peak memory.

usage: parse_cost.py MILLRACE FOLDER [COUNT]

Starts a pipeline and puts COUNT copies (default 100) of each file in FOLDER, which differ only in id and title. Prints
one line for each file: milliseconds of processor time per document, and the largest VmHWM of a child process in MiB,
read every 2 ms.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
types = {".html": "text/html", ".md": "text/markdown", ".pdf": "application/pdf", ".csv": "text/csv"}


def children(pid):
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            yield from path.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue


def processor_ms(pid):
    """The processor time, in milliseconds, of the process, its ended children and its running children."""
    ticks = 0
    for number in [pid, *children(pid)]:
        try:
            fields = open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(x) for x in fields[11:15])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def peak(pid, found, stop):
    while not stop.is_set():
        for name in children(pid):
            try:
                for line in open(f"/proc/{name}/status"):
                    if line.startswith("VmHWM"):
                        found[0] = max(found[0], int(line.split()[1]))
            except (FileNotFoundError, ProcessLookupError):
                continue
        time.sleep(0.002)


with tempfile.TemporaryDirectory() as state:
    def run(*words):
        return subprocess.run([binary, *words, "--state", state + "/s"], capture_output=True, text=True)

    started = run("up", "--detach", "--llm", "extractive", "--redis", "none", "--broker-port", "21907")
    if started.returncode != 0:
        sys.exit(started.stderr)
    try:
        status = json.loads(run("status", "--json").stdout)
        pid = next(p["pid"] for p in status["processes"] if p["role"] == "ingest")
        for path in sorted(folder.iterdir()):
            content, kind = path.read_bytes(), types.get(path.suffix)
            lines = []
            for number in range(count):
                record = {"id": f"{path.name}-{number}", "title": f"copy {number}"}
                if path.suffix in (".html", ".md", ".txt", ".csv"):
                    record["text"] = content.decode()
                else:
                    record["content_base64"] = base64.b64encode(content).decode()
                if kind:
                    record["media_type"] = kind
                lines.append(json.dumps(record))
            file = pathlib.Path(state, "records.jsonl")
            file.write_text("\n".join(lines))
            found, stop = [0], threading.Event()
            watcher = threading.Thread(target=peak, args=(pid, found, stop))
            watcher.start()
            before = processor_ms(pid)
            put = json.loads(run("documents", "put", str(file), "--json").stdout or "{}")
            used = processor_ms(pid) - before
            stop.set()
            watcher.join()
            states = [s["state"] for s in put.get("states", []) if s["state"] != "accepted"]
            print(f"{path.name:24} {len(content):8} bytes  {used / count:7.2f} ms a document  "
                  f"child {found[0] / 1024:6.1f} MiB  {dict((s, states.count(s)) for s in set(states))}", flush=True)
    finally:
        run("down")
