"""Lexical search beside tantivy and bm25s, in one run on one thread.

usage: bench_lexical.py BINARY DOCUMENTS.jsonl QUESTIONS.jsonl [COUNT]

BINARY is millrace-bench. tantivy and bm25s must be installed where Python runs:
  python3 -m venv .venv-lexical && .venv-lexical/bin/pip install tantivy==0.27.0 bm25s==0.3.0 PyStemmer
tantivy indexes title and text with its English stemmer and answers disjunctions, top 10. Each side answers all questions
three times; the medians are compared. nDCG@10 counts the documents that the questions name as relevant.
"""
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time

import tantivy


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def gain(ranking, relevant):
    found = sum(1 / math.log2(rank + 2) for rank, name in enumerate(ranking[:10]) if name in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))
    return found / ideal if ideal else 0


def main():
    binary, documents_path, questions_path = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 10**9
    documents = lines(documents_path)
    questions = [q for q in lines(questions_path) if q.get("question")][:count]
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("id", stored=True, tokenizer_name="raw")
    schema.add_text_field("text", tokenizer_name="en_stem")
    folder = tempfile.mkdtemp()
    index = tantivy.Index(schema.build(), path=folder)
    writer = index.writer(200_000_000, 1)
    for document in documents:
        text = (document.get("title") or "") + "\n" + document["text"]
        writer.add_document(tantivy.Document(id=document["id"], text=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    rounds, gains = [], []
    texts = [" ".join(re.findall(r"\w+", question["question"])).lower() for question in questions]
    for turn in range(3):
        start = time.perf_counter()
        found = [searcher.search(index.parse_query(text, ["text"]), 10, count=False).hits for text in texts]
        rounds.append(len(texts) / (time.perf_counter() - start))
    for question, hits in zip(questions, found):
        names = [searcher.doc(address)["id"][0] for _, address in hits]
        gains.append(gain(names, set(question.get("relevant_doc_ids") or [])))
    theirs = statistics.median(rounds)
    size = int(subprocess.run(["du", "-sb", folder], capture_output=True, text=True).stdout.split()[0])
    ours = json.loads(
        subprocess.run(
            [binary, "lexical", documents_path, questions_path, str(len(questions))], capture_output=True, text=True,
            check=True).stdout.splitlines()[-1])
    print(f"tantivy {tantivy.__version__}: {theirs:.0f} queries/s ({min(rounds):.0f} to {max(rounds):.0f}),"
          f" {size} bytes, nDCG@10 {statistics.mean(gains):.4f}, segments {searcher.num_segments}")
    print(f"millrace: {ours['queries_per_second']:.0f} queries/s ({ours['slowest']:.0f} to {ours['fastest']:.0f}),"
          f" {ours['index_bytes']} bytes of words, {ours['text_bytes']} of text, ratio"
          f" {ours['queries_per_second'] / theirs:.2f}")


main()
