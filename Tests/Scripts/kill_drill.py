"""Kills every process of a running `millrace up` repeatedly under load, then checks the ledger.

usage: kill_drill.py BINARY LOADGEN STATE TRACE QUESTIONS DOCUMENTS ROUNDS
In each round, every process gets a signal, one after another: SIGTERM in odd rounds, SIGKILL in even rounds. The next
process follows when the supervisor has restarted the process, ready or not. During this time, documents are put
repeatedly and loadgen sends the queries of the trace. Prints one line of JSON. The exit code is 1 if the ledger is not
balanced, a query is lost, a process was not restarted, a SIGTERM did not end its worker with status 0, or fewer than
half of the queries were answered or refused: kills prove little about a pipeline that only lets queries expire."""
import json, os, re, shutil, signal, subprocess, sys, threading, time

binary, loadgen, state, trace, questions, documents, rounds = sys.argv[1:8]
rounds = int(rounds)
call = lambda *words: subprocess.run([binary, *words, "--state", state], capture_output=True, text=True)
# The record that `millrace status` prints, without its lags: the drill looks many times a second.
status = lambda: {p["role"]: p for p in json.load(open(f"{state}/state.json"))["processes"]}
up_log = f"{state}/logs/up.log"
roles = [r for r in status()]
stop = threading.Event()
puts = []


def put():
    while not stop.is_set():
        result = call("documents", "put", documents, "--tenant", "drill")
        puts.append(result.returncode)
        stop.wait(5)


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # the process has just ended by itself


def stacks(role, pid):
    """Writes the stacks of a process that does not end to a file, and returns its path."""
    if shutil.which("gdb") is None:
        return "gdb is not installed"
    result = subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 30"],
                            capture_output=True, text=True)
    path = f"/tmp/kill_drill.{role}.{pid}.txt"
    open(path, "w").write(result.stdout)
    return path


load = subprocess.Popen([loadgen, "replay", trace, "--questions", questions, "--rate", "2", "--duration",
                         f"{rounds * 600}s", "--deadline", "60000", "--json", "--state", state],
                        stdout=subprocess.PIPE, text=True)
# Wait for the first query before killing: loadgen first creates a topic and measures the broker.
limit = time.time() + 120
while (load.poll() is None and time.time() < limit
       and json.loads(call("ledger", "--json").stdout)["queries"]["accepted"] == 0):
    time.sleep(1)
thread = threading.Thread(target=put)
thread.start()
kills, terms, not_back, worst, hung = 0, 0, [], {}, []
others = ("redis", "llm", "kafka")  # not our programs: their exit statuses are not checked
start = time.time()
for number in range(rounds):
    for role in roles:
        before = status()[role]
        since = time.time()
        while before["pid"] == 0 and time.time() - since < 60:  # ended by itself and not restarted yet
            time.sleep(0.2)
            before = status()[role]
        if before["pid"] == 0:
            not_back.append(role)
            continue
        kill(before["pid"], signal.SIGTERM if number % 2 == 0 else signal.SIGKILL)
        kills += 1
        terms += number % 2 == 0 and role not in others
        since = time.time()
        while time.time() - since < 60:
            now = status().get(role)
            if now and now["pid"] not in (0, before["pid"]):
                break
            # llama-server may take up to a minute to finish its streams. Do not wait for that.
            if role == "llm" and time.time() - since > 3 and now and now["pid"] == before["pid"]:
                kill(before["pid"], signal.SIGKILL)
            time.sleep(0.2)
        else:
            not_back.append(role)
            hung.append(stacks(role, before["pid"]))
        worst[role] = round(max(worst.get(role, 0), time.time() - since), 1)
        time.sleep(0.5)
drill = time.time() - start
load.terminate()
report = json.loads(load.communicate()[0] or "{}")
stop.set()
thread.join()
# Wait until no record is in flight.
deadline = time.time() + 120
while True:
    ledger = json.loads(call("ledger", "--json").stdout)
    flying = sum(sum(side["in_flight"].values()) for side in ledger.values())
    if flying == 0 or time.time() > deadline:
        break
    time.sleep(1)
code = call("ledger").returncode
not_back += [role for role, process in status().items() if process["state"] != "running"]
# The supervisor logs each exit status: after SIGTERM, a worker must have drained and exited with 0.
endings = re.findall(r"^(\S+) ended \(status (\d+)\)", open(up_log).read(), re.M) if os.path.exists(up_log) else []
workers = [(r, int(s)) for r, s in endings if r not in others]
wrong = [f"{r} {s}" for r, s in workers if s not in (0, 9)]
# The workers' own log lines about their end.
said = []
for role in {r for r, _ in workers}:
    with open(f"{state}/logs/{role}.log", errors="replace") as log:
        said += [f"{role}: {line.strip()}" for line in log
                 if "Worker is ended by force" in line or "Worker failed" in line]
summary = {"kills": kills, "seconds": round(drill), "not_back": not_back, "hung": hung, "worst_back_s": worst,
           "puts": len(puts), "terms": terms, "ended_0": sum(s == 0 for _, s in workers),
           "ended_killed": sum(s == 9 for _, s in workers),
           "wrong_endings": wrong, "said": said if wrong else [],
           "queries": {k: report.get(k) for k in ("sent", "states", "lost", "doubled", "differing", "cache_hits")},
           "in_flight": flying, "ledger": ledger, "ledger_code": code}
print(json.dumps(summary))
states = report.get("states") or {}
worked = states.get("answered", 0) + states.get("refused", 0) >= 0.5 * report.get("sent", 0) > 0
good = (worked and code == 0 and flying == 0 and not not_back and not wrong and report.get("lost") == 0
        and report.get("differing") == 0 and sum(s == 0 for _, s in workers) == terms)
sys.exit(0 if good else 1)
