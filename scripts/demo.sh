#!/usr/bin/env bash
# Called by make demo after the build: starts a pipeline in a new state folder, runs the demo's questions, stops it.
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
  make up                                             runs a pipeline until Ctrl-C; in another terminal, run:
  .build/release/millrace documents put Workers/Millrace/Demo/handbook
  .build/release/millrace ask "How long are database backups kept?"
  .build/release/millrace status
  make install                                        installs millrace under /usr/local
TEXT
