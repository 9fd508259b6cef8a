"""Measures exact vector search: our kernels, OpenBLAS in blocks and FAISS's IndexFlatIP, side by side in one run.

usage: bench_index.py MILLRACE-BENCH [--rounds N] [--seconds S] [--small]   (`make bench-index` runs it in .venv-bench)
Reads `data/vectors` of the folder MILLRACE_SHARED (default: ../shared). Without this data it says so, and the exit code
is 0. The vectors are the 200,000 real ones, then 1,000,000 with 800,000 synthetic vectors made from the real ones. The
queries are the last 5,000, in batches of 1, 8 and 64, on 1 and 2 threads, top 10.

Every round (default: 3) measures every contestant once. The order of the contestants changes from round to round. A
cell is one batch size with one number of threads. It takes at least S seconds (default: 1) and 5 calls. The results are
medians over the rounds. FAISS runs twice, with BLAS for every batch and with the wheel's own threshold. The measured
peaks are medians over the rounds, too.

Prints a table, and whether each bar is reached. Writes JSON lines to .build/bench/index.jsonl: machine, peaks, round,
cell (the medians) and bar. The exit code says nothing about the bars. Needs about 6 GB of memory, and 2 GB of disk in
.build/bench for the vectors, which are made once. --small tries the script itself on 5,000 vectors; its figures mean
nothing."""
import argparse, ctypes, datetime, hashlib, json, os, pathlib, statistics, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DIMENSION, TOP, SEED, REAL = 384, 10, 7, 200_000
BATCHES, THREADS = (1, 8, 64), (1, 2)
# Contestant: label, bytes per value, then the arguments of `index-scan`. FAISS runs in this process.
CONTESTANTS = {
    "ours-bf16": ("ours, bf16 panels", 2, ["--engine", "ours", "--panels", "bf16"]),
    "faiss-blas": ("FAISS, BLAS for all batches", 4, None),
    "ours-fp32": ("ours, fp32 panels", 4, ["--engine", "ours", "--panels", "fp32"]),
    "faiss-default": ("FAISS, default threshold", 4, None),
    "openblas": ("OpenBLAS in blocks", 4, ["--engine", "openblas"]),
}
FLAGS = "avx2 fma avx512f avx512bw avx512vl avx512dq avx512_vnni avx512_bf16 amx_tile amx_bf16".split()

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("bench", type=pathlib.Path, help="the program millrace-bench, of a release build")
options.add_argument("--rounds", type=int, default=3)
options.add_argument("--seconds", type=float, default=1.0, help="the least time of one cell in one round")
options.add_argument("--small", action="store_true", help="try the script itself on 5,000 vectors, one short round")
options = options.parse_args()
options.bench = options.bench.resolve()
if options.small:
    options.rounds, options.seconds = 1, 0.02

shared = pathlib.Path(os.environ.get("MILLRACE_SHARED") or ROOT / ".." / "shared").resolve() / "data" / "vectors"
sizes = {"base-200k.i8": REAL * DIMENSION, "base-200k.scale.f32": REAL * 4, "queries-10k.f16": 10_000 * DIMENSION * 2,
         "top10.i32": 10_000 * TOP * 4}
absent = [n for n, size in sizes.items() if not (shared / n).is_file() or (shared / n).stat().st_size != size]
if absent:
    print(f"bench-index: nothing was measured: {shared} does not contain {', '.join(absent)} in the expected size. "
          "MILLRACE_SHARED names the folder that contains data/vectors.")
    sys.exit(0)

lscpu = subprocess.run(["lscpu"], env={**os.environ, "LC_ALL": "C"}, stdout=subprocess.PIPE, text=True).stdout
lscpu = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lscpu.splitlines())}
flags = [flag for flag in FLAGS if flag in lscpu.get("Flags", "").split()]
# Older OpenBLAS builds use their Haswell kernels on newer AVX-512 processors. They would be too easy to beat. The
# variable counts when OpenBLAS loads, here with FAISS and in the child processes.
if set(FLAGS[:6]) <= set(flags):
    os.environ.setdefault("OPENBLAS_CORETYPE", "SKYLAKEX")
import faiss
import numpy as np

folder = ROOT / ".build" / "bench"
folder.mkdir(parents=True, exist_ok=True)
output = open(folder / ("index-small.jsonl" if options.small else "index.jsonl"), "w")


def write(kind, **values):
    print(json.dumps({"kind": kind, **values}), file=output, flush=True)


def progress(text):
    print(f"bench-index: {text}", file=sys.stderr, flush=True)


def call(*words):
    """Runs millrace-bench and returns its JSON lines."""
    result = subprocess.run([options.bench, *map(str, words)], stdout=subprocess.PIPE, text=True)
    try:
        rows = [json.loads(line) for line in result.stdout.splitlines()]
    except json.JSONDecodeError:
        rows = []
    if result.returncode != 0 or not rows:
        sys.exit(f"bench-index: `{options.bench} {' '.join(map(str, words))}` failed with exit code "
                 f"{result.returncode} or printed no JSON lines. Is it built from this checkout (make release)?")
    return rows


def normalized(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def made(name, blocks):
    """The path of a cached file. If the file is absent, writes it from `blocks`, and renames it when it is complete."""
    path = folder / name
    if not path.is_file():
        progress(f"making {path}")
        part = path.with_suffix(".part")
        with open(part, "wb") as file:
            for block in blocks():
                file.write(block.tobytes())
        part.rename(path)
    return path


def vectors():
    """Makes the files that are absent. Returns the queries' path, and a list of (title, row count, path)."""
    values = np.memmap(shared / "base-200k.i8", "i1", "r").reshape(REAL, DIMENSION)
    scale = np.fromfile(shared / "base-200k.scale.f32", "<f4")
    # Other data get other file names.
    mark = hashlib.sha256(b"".join((shared / name).read_bytes() for name in sizes)).hexdigest()[:8]
    real, all_ = (5_000, 25_000) if options.small else (REAL, 1_000_000)
    step = 5_000

    def real_blocks():
        for start in range(0, real, step):
            yield normalized(values[start:start + step] * scale[start:start + step, None]).astype("<f4")

    def all_blocks():
        base = np.fromfile(real_path, "<f4").reshape(real, DIMENSION)
        yield base
        random = np.random.default_rng(SEED)
        for _ in range(real, all_, step):
            i, j, k = random.integers(0, real, (3, step))
            noise = random.standard_normal((step, DIMENSION), dtype="f4")
            yield normalized(base[i] + np.float32(0.6) * (base[j] - base[k]) + np.float32(0.02) * noise).astype("<f4")

    def query_blocks():
        queries = np.fromfile(shared / "queries-10k.f16", "<f2").reshape(-1, DIMENSION)[5_000:].astype("f4")
        yield normalized(queries[:200] if options.small else queries).astype("<f4")

    queries = made(f"queries-{mark}{'-small' if options.small else ''}.f32", query_blocks)
    real_path = made(f"real-{real}-{mark}.f32", real_blocks)
    all_path = made(f"synthetic-{all_}-seed{SEED}-{mark}.f32", all_blocks)
    return queries, [(f"{real:,} real vectors", real, real_path),
                     (f"{all_:,} vectors, of which {all_ - real:,} are synthetic", all_, all_path)]


def faiss_cell(index, queries, batch, threads):
    """The seconds of each call, after one call to warm up."""
    faiss.omp_set_num_threads(threads)
    seconds, position = [], 0
    while len(seconds) < 6 or sum(seconds[1:]) < options.seconds:
        if position + batch > len(queries):
            position = 0
        start = time.perf_counter()
        index.search(queries[position:position + batch], TOP)
        seconds.append(time.perf_counter() - start)
        position += batch
    return seconds[1:]


def exact_top(index, queries, base_path, query_path):
    """The path of the exact top 10 of every query, from FAISS with BLAS."""
    def blocks():
        faiss.omp_set_num_threads(max(THREADS))
        faiss.cvar.distance_compute_blas_threshold = 1
        for start in range(0, len(queries), 500):
            yield index.search(queries[start:start + 500], TOP)[1].astype("<i4")
    return made(f"top-{base_path.stem}-{query_path.stem}.i32", blocks)


def measure_round(number, rows, index, queries, query_path, base_path, top_path, results):
    """Measures every cell of every contestant once."""
    names = list(CONTESTANTS)
    turn = (number - 1) % len(names)
    cells = [(batch, threads) for threads in THREADS for batch in BATCHES]
    for name in names[turn:] + names[:turn]:
        label, _, arguments = CONTESTANTS[name]
        progress(f"{rows:,} rows, round {number} of {options.rounds}: {label}")
        if arguments is None:
            faiss.cvar.distance_compute_blas_threshold = 1 if name == "faiss-blas" else default_threshold
            measured = []
            for batch, threads in cells:
                seconds = faiss_cell(index, queries, batch, threads)
                measured.append({"batch": batch, "threads": threads, "calls": len(seconds),
                                 "seconds_per_call_median": statistics.median(seconds)})
        else:
            # The recall of all queries takes long. The first round measures it.
            recall = ["--top", top_path] if number == 1 else []
            measured = call("index-scan", base_path, query_path, "--dimension", DIMENSION, "--seconds", options.seconds,
                            "--cells", ",".join(f"{batch}x{threads}" for batch, threads in cells), *arguments, *recall)
            if [(m["batch"], m["threads"], m["rows"]) for m in measured] != [(*cell, rows) for cell in cells]:
                sys.exit(f"bench-index: `index-scan` did not print one line for each cell: {measured}")
        for cell in measured:
            cell = {**cell, "contestant": name, "rows": rows, "round": number}
            write("round", **cell)
            results.setdefault((rows, cell["batch"], cell["threads"], name), []).append(cell)


def summary(results, peaks):
    """The medians of all rounds, by (rows, batch, threads, contestant)."""
    cells = {}
    for key, rounds in results.items():
        rows, batch, threads, name = key
        seconds = [r["seconds_per_call_median"] for r in rounds]
        median = statistics.median(seconds)
        value_bytes = CONTESTANTS[name][1]
        cell = {"queries_per_s": batch / median, "lowest": batch / max(seconds), "highest": batch / min(seconds),
                "gflops": 2 * rows * DIMENSION * batch / median / 1e9}
        cell["share_of_fma_peak"] = cell["gflops"] / peaks[threads]["fma_gflops"]
        if batch == 1:
            cell["gb_per_s"] = rows * DIMENSION * value_bytes / median / 1e9
            cell["share_of_bandwidth"] = cell["gb_per_s"] / peaks[threads]["read_gb_per_s"]
        recall = [r["recall_at_10"] for r in rounds if r.get("recall_at_10") is not None]
        cell["recall_at_10"] = min(recall) if recall else None
        cells[key] = cell
    for (rows, batch, threads, name), cell in cells.items():
        others = {other: cells[rows, batch, threads, other]["queries_per_s"] for other in CONTESTANTS}
        cell["times_openblas"] = cell["queries_per_s"] / others["openblas"]
        cell["times_faiss"] = cell["queries_per_s"] / max(others["faiss-blas"], others["faiss-default"])
        write("cell", rows=rows, batch=batch, threads=threads, contestant=name, **cell)
    return cells


def print_table(title, rows, cells):
    print(f"\n{title}, queries/s. x FAISS: relative to the faster of the two. Low and high: over the rounds.")
    print(f"{'batch':>5} {'thr':>3}  {'contestant':27} {'queries/s':>9} {'low':>8} {'high':>8} {'x OpenBLAS':>10} "
          f"{'x FAISS':>7} {'GFLOP/s':>8} {'% FMA':>6} {'GB/s':>6} {'% read':>6}")
    for threads in THREADS:
        for batch in BATCHES:
            for name in ("ours-bf16", "ours-fp32", "openblas", "faiss-blas", "faiss-default"):
                cell = cells[rows, batch, threads, name]
                reading = "" if batch > 1 else f" {cell['gb_per_s']:6.1f} {100 * cell['share_of_bandwidth']:6.0f}"
                print(f"{batch:5} {threads:3}  {CONTESTANTS[name][0]:27} {cell['queries_per_s']:9.1f} "
                      f"{cell['lowest']:8.1f} {cell['highest']:8.1f} {cell['times_openblas']:10.2f} "
                      f"{cell['times_faiss']:7.2f} {cell['gflops']:8.1f} "
                      f"{100 * cell['share_of_fma_peak']:6.0f}{reading}")
    recalls = []
    for name in ("ours-bf16", "ours-fp32", "openblas"):
        known = [c["recall_at_10"] for key, c in cells.items() if (key[0], key[3]) == (rows, name)]
        known = [value for value in known if value is not None]
        recalls.append(f"{CONTESTANTS[name][0]} " + (f"{min(known):.4f}" if known else "not measured"))
    print(f"recall@10 against the exact top 10: {'; '.join(recalls)}")


def bars(rows, threads, cells, peaks):
    """The bars of this processor: text, measured queries/s, and the queries/s to reach."""
    rate = lambda name, batch: cells[rows, batch, threads, name]["queries_per_s"]
    peak, per_query = peaks[threads], 2 * rows * DIMENSION
    reading = lambda name: 0.75 * peak["read_gb_per_s"] * 1e9 / (rows * DIMENSION * CONTESTANTS[name][1])
    at_one = lambda name: (
        f"{CONTESTANTS[name][0]}, batch 1: 75 % of the measured bandwidth", rate(name, 1), reading(name))
    if "avx512f" in flags:
        yield "ours, bf16 panels, batch 8: 4 x OpenBLAS", rate("ours-bf16", 8), 4 * rate("openblas", 8)
        text, target = "2.3 x OpenBLAS", 2.3 * rate("openblas", 64)
        if peak["bf16_gflops"]:
            text += " or 75 % of the measured bf16 peak, the lower"
            target = min(target, 0.75 * peak["bf16_gflops"] * 1e9 / per_query)
        yield f"ours, bf16 panels, batch 64: {text}", rate("ours-bf16", 64), target
        yield at_one("ours-bf16")
    elif "avx2" in flags:
        yield ("ours, fp32 panels, batch 64: 85 % of the measured FMA peak", rate("ours-fp32", 64),
               0.85 * peak["fma_gflops"] * 1e9 / per_query)
        yield at_one("ours-fp32")
        yield at_one("ours-bf16")


def blas_of_faiss():
    """The version and the kernel of the OpenBLAS that FAISS's wheel contains."""
    for path in {line.split()[-1] for line in open("/proc/self/maps") if "faiss_cpu.libs/libopenblas" in line}:
        config = ctypes.CDLL(path).openblas_get_config
        config.restype = ctypes.c_char_p
        return config().decode()
    return "unknown"


default_threshold = faiss.cvar.distance_compute_blas_threshold
commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout
load = os.getloadavg()[0]
if load > 0.5:
    progress(f"the load average is {load:.1f}: other programs are running and will disturb the figures")
query_path, bases = vectors()
queries = np.fromfile(query_path, "<f4").reshape(-1, DIMENSION)
results, peak_rounds = {}, {threads: [] for threads in THREADS}
for title, rows, path in bases:
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(np.memmap(path, "<f4", "r").reshape(rows, DIMENSION))
    top_path = exact_top(index, queries, path, query_path)
    if rows == REAL:
        given = np.fromfile(shared / "top10.i32", "<i4").reshape(-1, TOP)[5_000:][:len(queries)]
        top = np.fromfile(top_path, "<i4").reshape(-1, TOP)
        same = np.mean([len(set(a) & set(b)) / TOP for a, b in zip(given.tolist(), top.tolist())])
        progress(f"FAISS's exact top 10 agrees with top10.i32: {same:.5f}")
        if same < 0.999:
            top_path.unlink()
            sys.exit("bench-index: FAISS's top 10 is wrong. Some OpenBLAS builds compute wrong results with some "
                     f"kernels: set another OPENBLAS_CORETYPE (now {os.environ.get('OPENBLAS_CORETYPE', 'not set')}).")
    for number in range(1, options.rounds + 1):
        for threads in THREADS:
            peak = call("index-peaks", "--threads", threads)[0]
            write("peaks", rows=rows, round=number, **peak)
            peak_rounds[threads].append(peak)
        measure_round(number, rows, index, queries, query_path, path, top_path, results)
    del index

peaks = {threads: {name: statistics.median(peak[name] or 0 for peak in rounds)
                   for name in ("fma_gflops", "read_gb_per_s", "bf16_gflops")}
         for threads, rounds in peak_rounds.items()}
ours, blas = (results[bases[0][1], 64, 1, name][0] for name in ("ours-bf16", "openblas"))
machine = {
    "processor": lscpu.get("Model name"), "family": lscpu.get("CPU family"), "model": lscpu.get("Model"),
    "cores": os.cpu_count(), "flags": flags, "l3": lscpu.get("L3 cache"),
    "instruction_set": ours["instruction_set"], "openblas_kernel": blas["openblas_kernel"],
    "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE"), "faiss": faiss.__version__,
    "faiss_options": faiss.get_compile_options().strip(), "faiss_blas": blas_of_faiss(),
    "faiss_default_threshold": default_threshold, "commit": commit.strip(),
    "date": datetime.date.today().isoformat(), "load_at_start": round(load, 1)}
write("machine", **machine)
print("; ".join(f"{key} {' '.join(value) if isinstance(value, list) else value}" for key, value in machine.items()))
for threads, peak in peaks.items():
    lowest, highest = (f(p["read_gb_per_s"] for p in peak_rounds[threads]) for f in (min, max))
    bf16 = f", bf16 {peak['bf16_gflops']:.1f} GFLOP/s" if peak["bf16_gflops"] else ""
    print(f"measured peaks, {threads} thread(s): FMA {peak['fma_gflops']:.1f} GFLOP/s{bf16}, "
          f"read {peak['read_gb_per_s']:.1f} GB/s ({lowest:.1f} to {highest:.1f})")
cells = summary(results, peaks)
for title, rows, path in bases:
    print_table(title, rows, cells)
print("\nbars" if "avx2" in flags else "\nbars: none for a processor without AVX2")
for title, rows, path in bases:
    for threads in THREADS:
        for text, measured, target in bars(rows, threads, cells, peaks):
            print(f"  {'pass' if measured >= target else 'FAIL'}  {rows:>9,} rows, {threads} thread(s), {text}: "
                  f"{measured:.1f} queries/s, {measured / target:.2f} times the bar of {target:.1f}")
            write("bar", rows=rows, threads=threads, bar=text, measured=measured, target=target,
                  passed=measured >= target)
print(f"\nthe same as JSON lines: {os.path.relpath(output.name)}")
