#!/usr/bin/env bash
# make demo: builds, starts everything on a state folder of its own, runs the demo's questions, stops.
set -euo pipefail
cd "$(dirname "$0")/.."
millrace=.build/release/millrace
state=$(mktemp -d "${TMPDIR:-/tmp}/millrace-demo.XXXXXX")
finish() { "$millrace" down --state "$state" >/dev/null 2>&1 || true; rm -rf "$state"; }
trap finish EXIT
echo "demo: starting the broker, Redis, an LLM and every pool"
"$millrace" up --state "$state" --detach
"$millrace" demo --state "$state" --documents Workers/Millrace/Demo/handbook --steps Workers/Millrace/Demo/steps.tsv
"$millrace" down --state "$state"
trap 'rm -rf "$state"' EXIT
cat <<'TEXT'

Next:
  make up                                             the same, until Ctrl-C; then, in another terminal:
  .build/release/millrace documents put Workers/Millrace/Demo/handbook
  .build/release/millrace ask "Who approves a rollback?"
  .build/release/millrace status
  make install                                        puts millrace on the PATH
TEXT
