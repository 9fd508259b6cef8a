#!/usr/bin/env bash
# Runs all tests, or only the unit tests. Integration tests use the release binary.   usage: test.sh [units]
# Suites run in lanes, one after another; each lane is a process. With MILLRACE_SIDE_BY_SIDE=1 the lanes run at the same
# time and need half the time, but on a busy machine tests can fail because of their time limits. Suites that measure
# time or load run alone, at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
export MILLRACE_BINARY="$PWD/.build/release/millrace"
export MILLRACE_CHECKOUT="$PWD"
if [ -z "${MILLRACE_SHARED:-}" ] && [ -d ../shared/data ]; then MILLRACE_SHARED=$(cd ../shared && pwd); fi
if [ -n "${MILLRACE_SHARED:-}" ]; then
  export MILLRACE_SHARED
else
  echo "test: MILLRACE_SHARED is not set: tests that need its data are skipped and listed"
fi

# The bundle is run directly, because a second `swift test` would wait for the first one to end.
bundle=$PWD/.build/debug/millracePackageTests.xctest
scratch=$(mktemp -d "${TMPDIR:-/tmp}/millrace-test.XXXXXX")
# Some tests run commands as another user, who must be able to enter this folder.
chmod 755 "$scratch"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT

# If lanes run at the same time, the output of each lane is shown when it ends, so that outputs are not mixed.
lane() {
  local name=$1 log="$scratch/$1.log" start=$SECONDS result=passed
  shift
  mkdir -m 755 "$scratch/$name"
  echo "test: lane $name"
  TMPDIR="$scratch/$name" "$bundle" --testing-library swift-testing "$@" </dev/null 2>&1 |
    if [ -n "${MILLRACE_SIDE_BY_SIDE:-}" ]; then cat >"$log"; else tee "$log"; fi || {
    result=FAILED
    touch "$scratch/$name.failed"
  }
  [ -z "${MILLRACE_SIDE_BY_SIDE:-}" ] || cat "$log"
  echo "test: lane $name $result after $((SECONDS - start)) s"
  rm -rf "${scratch:?}/$name"
}

# Runs the lanes of one round.
together() {
  for call in "$@"; do
    if [ -n "${MILLRACE_SIDE_BY_SIDE:-}" ]; then eval "lane $call" & else eval "lane $call"; fi
  done
  wait
}

finish() {
  echo "test: the slowest tests (seconds):"
  cat "$scratch"/*.log | sed $'s/\x1b\\[[0-9;]*m//g' |
    sed -nE 's/^. Test (.*) (passed|failed) after ([0-9.]+) seconds.*/\3 \1/p' | grep -v ' run with ' |
    sort -rn | head -10 | sed 's/^/  /'
  echo "test: skipped:"
  cat "$scratch"/*.log | grep -i 'skipped' | sort -u | sed 's/^/  /' || true
  failed=("$scratch"/*.failed)
  if [ -e "${failed[0]}" ]; then
    echo "test: FAILED: $(basename -a -s .failed "${failed[@]}" | tr '\n' ' ')"
    exit 1
  fi
}

together 'units --filter "ArchitectureTests|UnitTests"'
if [ "${1:-}" = units ]; then
  finish
  exit 0
fi

# Lanes of about the same length. The last lane runs every suite that no other lane names.
alone="IntegrationTests.(LoadgenTests|IdleTests)"
lanes=("IntegrationTests.BadDayTests" "IntegrationTests.KillTests" "IntegrationTests.(LLMTests|ChartTests|FilesTests)"
  "IntegrationTests.(PathTests|ReadmeTests|SecretTests|SupervisorTests)")
round() {
  local on=$1 start=$SECONDS calls=() named=$alone number=0 filter
  for filter in "${lanes[@]}"; do
    number=$((number + 1)) named="$named|$filter"
    calls+=("'$on-$number' --no-parallel --filter '$filter'")
  done
  together "${calls[@]}" "'$on-rest' --no-parallel --filter IntegrationTests --skip '$named'"
  lane "$on-alone" --no-parallel --filter "$alone"
  echo "test: the integration suite on $on took $((SECONDS - start)) s"
}
together 'broker --filter "LocalBrokerTests|RuntimeTests"'
round local
ran="units and the integration suite on the local broker"
if [ -n "${KAFKA_HOME:-}" ]; then
  export MILLRACE_TEST_BROKER=kafka
  round kafka
  ran="$ran, and again on Apache Kafka ($KAFKA_HOME)"
else
  ran="$ran; not on Apache Kafka: KAFKA_HOME is not set"
fi
finish
echo "test: ran $ran, in $SECONDS s"
