#!/usr/bin/env python3
"""Writes the files that repeat charts/millrace/values.yaml: the binary's copy
(Core/Contract/Settings/DefaultValues.swift) and the tables of charts/millrace/README.md. With --check nothing is
written; the exit code is 1 if a file is out of date.

A comment directly above a key describes it. Its first sentence is the meaning in the table."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VALUES = ROOT / "charts/millrace/values.yaml"
SWIFT = ROOT / "Core/Contract/Settings/DefaultValues.swift"
README = ROOT / "charts/millrace/README.md"
MARKER = "# --- deployment"
CELL_MAX = 120


def entries(text):
    """(key as a list of names, value or None for a section, comment above it) of each key, in the file's order."""
    path, comment, list_depth = [], [], None
    for line in text.splitlines():
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        if stripped and list_depth is not None and depth >= list_depth:
            continue
        list_depth = depth if stripped.startswith("- ") else None
        if stripped.startswith("# ---") or not stripped:
            comment = []
        elif stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
        elif match := re.match(r"^( *)([\w-]+):(?: (.*))?$", line):
            depth = len(match.group(1)) // 2
            path = [*path[:depth], match.group(2)]
            yield list(path), match.group(3), " ".join(comment)
            comment = []
        else:
            comment = []  # an element of a list


def first_sentence(comment):
    sentence = re.split(r"(?<=[.!?]) (?=[A-Z])", comment)[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:] if re.match(r"[A-Z][a-z]* ", sentence) else sentence


def shown(value):
    value = value.strip()
    if value in ('""', "[]", "{}"):
        return "empty"
    return f"`{value.strip(chr(34))}`"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [cell.replace("|", "\\|") for cell in row]
        for cell in cells:
            if len(cell) > CELL_MAX:
                sys.exit(f"generate: values.yaml: '{cell}' must be at most {CELL_MAX} characters: shorten its first sentence")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def settings_table(before):
    rows, seen = [], set()
    for path, value, comment in entries(before):
        if value is None:
            continue
        key, default = ".".join(path), shown(value)
        if path[0] == "topics":
            key, default = f"topics.TOPIC.{path[2]}", "by topic"
            # The comment at the first topic that has the key describes it for all topics.
            if key in seen:
                continue
            seen.add(key)
        if not comment:
            sys.exit(f"generate: values.yaml: {key} must have a comment above it that describes it")
        rows.append((f"`{key}`", default, first_sentence(comment)))
    return table(("key", "default", "meaning"), rows)


def topics_table(before):
    topics = {}
    for path, value, _ in entries(before):
        if path[0] == "topics" and len(path) == 3:
            topics.setdefault(path[1], {})[path[2]] = value.strip('"')
    rows = []
    for name, values in topics.items():
        rows.append((
            f"`{name}`", values["partitions"], values["cleanup"].replace(",", ", "), values.get("retention", ""),
            values.get("minCompactionLag", ""), values.get("deleteRetention", ""), values.get("recordBytesMax", "")))
    return table(
        ("topic", "`partitions`", "`cleanup`", "`retention`", "`minCompactionLag`", "`deleteRetention`", "`recordBytesMax`"), rows)


def chart_table(after):
    """A key that several pools or alerts have is one row, described by the comment at the first of them."""
    repeated = {}
    rows = []
    for path, value, comment in entries(after):
        if value is None and path != ["keda", "behavior"]:
            continue
        if path[0] == "pools" and len(path) > 2:
            repeated.setdefault(f"pools.POOL.{'.'.join(path[2:])}", []).append((shown(value), comment))
        elif path[0] == "alerts" and path[2:] in (["for"], ["severity"], ["window"]):
            repeated.setdefault(f"alerts.ALERT.{path[2]}", []).append((shown(value), comment))
        elif path == ["keda", "behavior"]:
            rows.append((f"`{'.'.join(path)}`", "see `values.yaml`", first_sentence(comment)))
        elif path[:2] != ["keda", "behavior"]:
            rows.append((f"`{'.'.join(path)}`", shown(value), first_sentence(comment)))
    for key, values in repeated.items():
        defaults = {default for default, _ in values}
        by = "by pool" if key.startswith("pools") else "by alert"
        rows.append((f"`{key}`", defaults.pop() if len(defaults) == 1 else by, first_sentence(values[0][1])))
    for key, _, meaning in rows:
        if not meaning:
            sys.exit(f"generate: values.yaml: {key} must have a comment above it that describes it")
    return table(("key", "default", "meaning"), rows)


def generated():
    text = VALUES.read_text()
    before, after = text.split(MARKER)
    swift = ['/// The compiled-in copy of `charts/millrace/values.yaml`. Generated by `make generate`: do not edit.',
             "package enum DefaultValues {", '  package static let yaml = #"""']
    swift += [f"    {line}".rstrip() if line else "" for line in text.splitlines()]
    swift += ['    """#', "}"]
    readme = README.read_text()
    for name, content in (("settings", settings_table(before)), ("topics", topics_table(before)), ("chart", chart_table(after))):
        start, end = f"<!-- {name}: written by make generate -->\n", f"\n<!-- end of {name} -->"
        if readme.count(start) != 1 or readme.count(end) != 1:
            sys.exit(f"generate: {README}: must have the marks '{start.strip()}' and '{end.strip()}' once")
        head, rest = readme.split(start)
        readme = head + start + content + end + rest.split(end)[1]
    return {SWIFT: "\n".join(swift) + "\n", README: readme}


def main():
    stale = {path: text for path, text in generated().items() if path.read_text() != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"generate: {path.relative_to(ROOT)} is out of date: run `make generate`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for path, text in stale.items():
        path.write_text(text)
        print(f"generate: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
