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
swift test --skip-build --skip IntegrationTests
# One at a time: each starts a whole pipeline on these cores.
swift test --skip-build --no-parallel --filter IntegrationTests
ran="units and the integration suite on the local broker"
if [ -n "${KAFKA_HOME:-}" ]; then
  # Those in which the broker plays a part; MILLRACE_KAFKA_ALL=1 runs every one again.
  skip='ReadmeTests|SupervisorTests|CacheTests|LLMTests|FilesTests'
  [ -n "${MILLRACE_KAFKA_ALL:-}" ] && skip=nothing
  MILLRACE_TEST_BROKER=kafka swift test --skip-build --no-parallel --filter IntegrationTests --skip "$skip"
  ran="$ran, and again on Apache Kafka ($KAFKA_HOME) without $skip"
else
  ran="$ran; not on Apache Kafka: KAFKA_HOME is not set"
fi
echo "test: ran $ran"
