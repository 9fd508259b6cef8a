"""Compares ingest with the bare encoder: documents/s and chunks/s of a whole `millrace up` without cached vectors, and
then the encoder's rate on the same chunks.

usage: ingest_rate.py BINARY BENCH DOCUMENTS.jsonl [LIMIT]
Prints one line of JSON. CPU time includes every process of `up`, with the broker, and the client that puts the
documents. The encoder's part of it is the time that the bare run used per chunk."""
import json, os, subprocess, sys, tempfile, time

binary, bench, documents = sys.argv[1:4]
state = tempfile.mkdtemp(prefix="rate-")
call = lambda *words: subprocess.run([binary, *words, "--state", state], capture_output=True, text=True, check=True)
call("up", "--detach", "--llm", "extractive", "--redis", "none")
try:
    status = json.loads(call("status", "--json").stdout)
    kafka = status["endpoints"]["kafka"]
    pids = {p["role"]: p["pid"] for p in status["processes"]}
    lines = open(documents).read().splitlines()[:int(sys.argv[4]) if len(sys.argv) > 4 else None]
    part = os.path.join(state, "documents.jsonl")
    open(part, "w").write("\n".join(lines) + "\n")
    tick = os.sysconf("SC_CLK_TCK")

    def cpu(pid):
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / tick

    # Put one short document first, to warm up connections, models and memory pages.
    subprocess.run([binary, "documents", "put", "-", "--id", "warm", "--tenant", "warm", "--state", state],
                   input="Warm.", text=True, capture_output=True, check=True)
    before = {role: cpu(pid) for role, pid in pids.items()}
    children = os.times()
    start = time.time()
    call("documents", "put", part)
    seconds = time.time() - start
    used = {role: round(cpu(pid) - before[role], 2) for role, pid in pids.items()}
    after = os.times()
    used["client"] = round(
        after.children_user + after.children_system - children.children_user - children.children_system, 2)
    bare = [json.loads(subprocess.run([bench, "chunks", kafka], capture_output=True, text=True, check=True).stdout)
            for _ in range(3)]
    bare.sort(key=lambda b: b["seconds"])
    bare = bare[1]
    chunks = bare["chunks"] - 1
    rest = sum(used.values()) - chunks * bare["cpu_s"] / bare["chunks"]
    print(json.dumps({
        "documents": len(lines), "chunks": chunks, "seconds": round(seconds, 2),
        "documents_per_s": round(len(lines) / seconds, 2), "chunks_per_s": round(chunks / seconds, 2),
        "bare_chunks_per_s": round(bare["chunks"] / bare["seconds"], 2),
        "ratio": round(chunks / seconds / (bare["chunks"] / bare["seconds"]), 3), "cpu_s": used,
        "bare_cpu_ms_per_chunk": round(1000 * bare["cpu_s"] / bare["chunks"], 2),
        "rest_cpu_ms_per_chunk": round(1000 * rest / chunks, 2), "instruction_set": bare["instruction_set"]}))
finally:
    subprocess.run([binary, "down", "--state", state], capture_output=True)
    subprocess.run(["rm", "-rf", state])
