#!/usr/bin/env bash
# Runs the whole suite. Integration tests use the release binary, which is what users run.
set -euo pipefail
cd "$(dirname "$0")/.."
export MILLRACE_BINARY="$PWD/.build/release/millrace"
export MILLRACE_CHECKOUT="$PWD"
if [ -z "${MILLRACE_SHARED:-}" ] && [ -d ../shared/data ]; then MILLRACE_SHARED=$(cd ../shared && pwd); fi
if [ -n "${MILLRACE_SHARED:-}" ]; then
  export MILLRACE_SHARED
else
  echo "test: ../shared is not here: tests that need its data are skipped and say so"
fi
if [ -n "${KAFKA_HOME:-}" ]; then echo "test: Apache Kafka in $KAFKA_HOME is tested too, in a second round"; fi
# A round of tests, and how long it took.
round() {
  local start=$SECONDS
  "${@:2}"
  echo "test: $1 took $((SECONDS - start)) s"
}
# Those that wait for a broker on their own: beside the rest, which computes, they would wait for a thread of the pool.
round units swift test --skip-build --filter "ArchitectureTests|UnitTests"
round "units on the local broker" swift test --skip-build --filter "LocalBrokerTests|RuntimeTests"
# One at a time: each starts a whole pipeline on these cores.
integration=(swift test --skip-build --no-parallel --filter IntegrationTests)
round "the integration suite on the local broker" "${integration[@]}"
ran="units and the integration suite on the local broker"
if [ -n "${KAFKA_HOME:-}" ]; then
  round "the integration suite on Apache Kafka" env MILLRACE_TEST_BROKER=kafka "${integration[@]}"
  ran="$ran, and again on Apache Kafka ($KAFKA_HOME)"
else
  ran="$ran; not on Apache Kafka: KAFKA_HOME is not set"
fi
echo "test: ran $ran"
