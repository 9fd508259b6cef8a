"""Lexical search beside tantivy and bm25s, in one run on one thread.

usage: bench_lexical.py BINARY DOCUMENTS.jsonl QUESTIONS.jsonl [COUNT]

BINARY is millrace-bench. tantivy and bm25s must be installed where Python runs:
  python3 -m venv .venv-lexical && .venv-lexical/bin/pip install tantivy==0.27.0 bm25s==0.3.0 PyStemmer
tantivy indexes title and text with its English stemmer and answers disjunctions, top 10. Each side answers all questions
three times; the medians are compared. nDCG@10 counts the documents that the questions name as relevant. bm25s (variant
lucene, k1 1.2, b 0.75) gets the terms that Millrace's analysis made, so that only the scores are compared.
"""
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time

import bm25s
import tantivy


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def gain(ranking, relevant):
    found = sum(1 / math.log2(rank + 2) for rank, name in enumerate(ranking[:10]) if name in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))
    return found / ideal if ideal else 0


def with_bm25s(path, questions):
    """nDCG@10 of both rankings, and for how many of the questions both find the same ten documents."""
    entries = lines(path)
    documents = [entry for entry in entries if "document" in entry]
    asked = [entry for entry in entries if "question" in entry]
    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index([entry["terms"] for entry in documents], show_progress=False)
    known = set(retriever.vocab_dict)
    ours, theirs, same = [], [], 0
    for question, entry in zip(questions, asked):
        terms = [term for term in entry["terms"] if term in known]
        names = []
        if terms:
            found, scores = retriever.retrieve([terms], k=min(10, len(documents)), show_progress=False)
            names = [documents[number]["document"] for number, score in zip(found[0], scores[0]) if score > 0]
        relevant = set(question.get("relevant_doc_ids") or [])
        same += set(names) == set(entry["ranking"])
        if relevant:
            ours.append(gain(entry["ranking"], relevant))
            theirs.append(gain(names, relevant))
    return statistics.mean(ours), statistics.mean(theirs), same, len(asked)


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
        if question.get("relevant_doc_ids"):
            gains.append(gain(names, set(question["relevant_doc_ids"])))
    theirs = statistics.median(rounds)
    size = int(subprocess.run(["du", "-sb", folder], capture_output=True, text=True).stdout.split()[0])
    terms = folder + "/terms.jsonl"
    ours = json.loads(
        subprocess.run(
            [binary, "lexical", documents_path, questions_path, str(len(questions)), "--terms", terms],
            capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    print(f"tantivy {tantivy.__version__}: {theirs:.0f} queries/s ({min(rounds):.0f} to {max(rounds):.0f}),"
          f" {size} bytes, nDCG@10 {statistics.mean(gains):.4f}, segments {searcher.num_segments}")
    print(f"millrace: {ours['queries_per_second']:.0f} queries/s ({ours['slowest']:.0f} to {ours['fastest']:.0f}),"
          f" {ours['index_bytes']} bytes of words, {ours['text_bytes']} of text, ratio"
          f" {ours['queries_per_second'] / theirs:.2f}")
    if len(documents) <= 20_000:
        mine, other, same, all_asked = with_bm25s(terms, questions)
        print(f"bm25s {bm25s.__version__} with the same terms: nDCG@10 {other:.4f}, millrace {mine:.4f}; the same best ten"
              f" for {same} of {all_asked} questions")


main()
