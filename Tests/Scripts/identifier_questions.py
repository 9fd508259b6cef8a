"""Makes questions about flags, API names and versions from the Kubernetes documentation.

usage: identifier_questions.py PAGES.jsonl FOLDER [COUNT]

Writes FOLDER/documents.jsonl (the pages, as Markdown) and FOLDER/questions.jsonl ({id, question, relevant_doc_ids}).

Front matter, targets of links, HTML tags and comments are left out first, because readers don't see them. A question
asks for an identifier that at most three pages show, letter for letter. These pages are the relevant ones. Identifiers
and the wordings of the questions are drawn with a fixed seed.
  flag      --feature-gates
  API name  a word with capital letters inside: NodeAffinity, hostPath
  version   v1.9.3, 1.8.0-beta.1, apps/v1beta2
"""
import json
import pathlib
import random
import re
import sys

KINDS = {
    "flag": (
        r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w-])",
        ["What does {} do?", "When should I set {}?", "{}", "What is the default of {}?"],
    ),
    "name": (
        r"(?<![\w./-])(?:[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]+)+|[a-z]+(?:[A-Z]+[a-z0-9]+)+)(?![\w-])",
        ["What is {}?", "How do I use {}?", "{}", "Where is {} configured?"],
    ),
    "version": (
        r"(?<![\w./-])(?:v?\d+\.\d+\.\d+(?:-[a-z]+\.\d+)?|[a-z.]+/v\d+(?:alpha|beta)\d+)(?![\w-]|\.\d)",
        ["What happened in {}?", "Which page speaks of {}?", "{}", "What needs {}?"],
    ),
}


def shown(text):
    """The text that a reader of the page sees."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    text = re.sub(r"^\[[^\]]+\]:.*$", " ", text, flags=re.M)
    return re.sub(r"</?[a-zA-Z][^>]*>", " ", text)


def main():
    pages = [json.loads(line) for line in open(sys.argv[1])]
    folder = pathlib.Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    folder.mkdir(parents=True, exist_ok=True)
    texts = {page["id"]: shown(page["text"]) for page in pages}
    found = {}
    for page, text in texts.items():
        for kind, (pattern, _) in KINDS.items():
            for match in re.finditer(pattern, text):
                found.setdefault((kind, match.group()), set()).add(page)
    rare = sorted(key for key, where in found.items() if len(where) <= 3)
    draw = random.Random(18)
    draw.shuffle(rare)
    # Take up to a third of the questions from each kind, and fill the rest with any kind.
    chosen = []
    for kind in KINDS:
        chosen += [key for key in rare if key[0] == kind][: (count + 2) // 3]
    chosen += [key for key in rare if key not in set(chosen)][: max(0, count - len(chosen))]
    chosen = chosen[:count]
    draw.shuffle(chosen)
    with open(folder / "documents.jsonl", "w") as file:
        for page in pages:
            record = {"id": page["id"], "title": page["title"], "text": page["text"], "content_type": "text/markdown"}
            file.write(json.dumps(record) + "\n")
    with open(folder / "questions.jsonl", "w") as file:
        for number, (kind, name) in enumerate(chosen):
            wording = draw.choice(KINDS[kind][1])
            question = {
                "id": f"{kind}-{number}", "question": wording.format(name),
                "relevant_doc_ids": sorted(found[(kind, name)]),
            }
            file.write(json.dumps(question) + "\n")
    kinds = {kind: sum(1 for key in chosen if key[0] == kind) for kind in KINDS}
    print(f"{len(pages)} pages, {len(chosen)} questions of {len(rare)} identifiers: {kinds}")


main()
