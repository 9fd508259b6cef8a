#!/usr/bin/env python3
"""Draws comments, help texts and log lines at random, for a reader who has not seen the code to restate.

usage: draw_prose.py SEED [COUNT]
Prints COUNT (default 10) of each kind, with file and line. The same seed draws the same from the same sources."""
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
seed, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10
comments, helps, logs = [], [], []
for folder in ("Core", "Workers", "loadgen"):
    for path in sorted((ROOT / folder).rglob("*.swift")):
        lines = path.read_text().splitlines()
        block = []
        for number, line in enumerate([*lines, ""], 1):
            text = line.strip()
            if text.startswith("//"):
                block.append((number, text.lstrip("/ ")))
            elif block:
                comments.append((path, block[0][0], " ".join(words for _, words in block)))
                block = []
        source = "\n".join(lines)
        string = r'("""[\s\S]*?"""|"(?:[^"\\]|\\.)*"(?:\s*\+ "(?:[^"\\]|\\.)*")*)'
        for kind, pattern in (
            (helps, r'(?:abstract|discussion):\s*' + string), (helps, r'\.(?:option|flag)\([^)]*?,\s*' + string + r'(?:, \w+: \w+)?\)'),
            (logs, r'logger\.\w+\(\s*' + string), (logs, r'Terminal\.complain\(\s*' + string), (logs, r'(?:UsageError|Unavailable|StageFatal)\(\s*' + string),
        ):
            for match in re.finditer(pattern, source):
                kind.append((path, source.count("\n", 0, match.start()) + 1, re.sub(r'"\s*\+ "|\s+', lambda m: "" if "+" in m[0] else " ", match[1])))
generator = random.Random(seed)
for name, found in (("comments", comments), ("help texts", helps), ("log lines and errors", logs)):
    print(f"## {name}: {count} of {len(found)}, seed {seed}\n")
    for path, line, text in generator.sample(found, count):
        print(f"{path.relative_to(ROOT)}:{line}\n    {text}\n")
