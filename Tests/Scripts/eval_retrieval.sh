#!/usr/bin/env bash
# Measures retrieval on scifact, squad2-dev, hotpotqa-100 and 1,000 questions about identifiers, for the three search
# modes, on a pipeline of its own. It takes about six minutes on two idle cores with AVX-512, mostly for embedding.
# usage: eval_retrieval.sh [ARGUMENT OF UP...], for example --shards 2 or --settings FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(cd "${MILLRACE_SHARED:-../shared}/data" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/eval.XXXXXX")
millrace=.build/release/millrace
stop() {
  "$millrace" down --state "$folder/state" >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM
"$millrace" up --state "$folder/state" --llm extractive --redis none --detach "$@"
python3 Tests/Scripts/identifier_questions.py "$data/kb/kubernetes-docs/v1.11.jsonl" "$folder/identifiers"
for set in "$data/qa/scifact" "$data/qa/squad2-dev" "$data/qa/hotpotqa-100" "$folder/identifiers"; do
  echo "== $(basename "$set")"
  "$millrace" eval retrieval --state "$folder/state" --tenant "$(basename "$set")" \
    --documents "$set/documents.jsonl" --questions "$set/questions.jsonl"
done
