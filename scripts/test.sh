#!/usr/bin/env bash
# Runs the tests. The integration tests use the release binary, which is what users run.
# usage: test.sh [units|local|kafka]   local and kafka run the integration tests on one broker only.
# Each integration suite is a process of its own. Suites run side by side, MILLRACE_LANES (default 3) at a time, the
# longest first. Suites that measure time or load run alone, last. With KAFKA_HOME everything runs on Apache Kafka, too.
set -euo pipefail
cd "$(dirname "$0")/.."
lanes=${MILLRACE_LANES:-3}
export MILLRACE_BINARY="$PWD/.build/release/millrace"
export MILLRACE_CHECKOUT="$PWD"
# The LLM's threads would spin while they wait for each other, and take the cores from the other lanes.
export OMP_WAIT_POLICY=passive
if [ -z "${MILLRACE_SHARED:-}" ] && [ -d ../shared/data ]; then MILLRACE_SHARED=$(cd ../shared && pwd); fi
if [ -n "${MILLRACE_SHARED:-}" ]; then
  export MILLRACE_SHARED
else
  echo "test: ../shared does not exist: tests that need its data are skipped and say so"
fi

# The built bundle: a second `swift test` would wait for the first one's lock.
bundle=$PWD/.build/debug/millracePackageTests.xctest
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mt.XXXXXX")
# Some tests run commands as another user, who must be able to pass through this folder.
chmod 755 "$scratch"
# An interrupted run must leave nothing behind: lanes end their bundle, and every pipeline has its state below scratch.
clean() {
  kill $(jobs -p) 2>/dev/null || true
  wait
  # An `up` drains its pools before it ends its LLM.
  if pkill -TERM -f "millrace up .*$scratch/"; then
    for _ in $(seq 40); do
      pgrep -f "millrace up .*$scratch/" >/dev/null || break
      sleep 1
    done
  fi
  pkill -KILL -f "$scratch/" || true
  rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT TERM

# Hundredths of a second that all processors of this machine have been busy since its start.
busy() { awk '/^cpu /{print $2 + $3 + $4 + $7 + $8}' /proc/stat; }

# Runs one lane. The output of its tests is shown when the lane has ended, so that the output of lanes does not mix.
lane() {
  local name=$1 log="$scratch/$1.log" start=$SECONDS result=passed folder
  shift
  # A short name: the path of a Unix socket below it may have at most 107 bytes.
  folder=$(mktemp -d "$scratch/XXX")
  chmod 755 "$folder"
  TMPDIR="$folder" "$bundle" --testing-library swift-testing "$@" </dev/null >"$log" 2>&1 &
  local pid=$!
  # The bundle ignores Ctrl-C, as every background process of a script does.
  trap 'kill $pid; exit 1' TERM
  if wait $pid; then touch "$scratch/$name.passed"; else result=FAILED; fi
  grep -v 'started\.$' "$log" || true
  echo "test: lane $name $result after $((SECONDS - start)) s"
  rm -rf "$folder"
}

# Runs lanes side by side: each argument is a lane's name and the bundle's arguments.
together() {
  local running=0
  for call in "$@"; do
    if [ "$running" -ge "$lanes" ]; then
      wait -n || true
      running=$((running - 1))
    fi
    touch "$scratch/${call%% *}.started"
    eval "lane $call" &
    running=$((running + 1))
  done
  wait
}

finish() {
  echo "test: the ten slowest tests (seconds):"
  cat "$scratch"/*.log | sed $'s/\x1b\\[[0-9;]*m//g' |
    sed -nE 's/^. Test (.*) (passed|failed) after ([0-9.]+) seconds.*/\3 \1/p' | grep -v '^[0-9.]* run with ' |
    sort -rn | sed -n '1,10s/^/  /p'
  echo "test: skipped:"
  cat "$scratch"/*.log | sed $'s/\x1b\\[[0-9;]*m//g' |
    grep -E '^[^ ]+ (Test|Suite) .* skipped: ' | sort -u | sed 's/^/  /' || true
  # A lane that ended without a verdict has failed, too.
  local failed="" started
  for started in "$scratch"/*.started; do
    [ -e "${started%.started}.passed" ] || failed="$failed $(basename -s .started "$started")"
  done
  if [ -n "$failed" ]; then
    echo "test: FAILED:$failed"
    # Shown once more: often the end of a log is all that is kept.
    local lane found
    for lane in $failed; do
      found=$(sed $'s/\x1b\\[[0-9;]*m//g' "$scratch/$lane.log" |
        grep -a -A 8 -E '^[^ ]+ Test .*(recorded an issue|failed after)|Fatal error' || true)
      # A lane that crashed or was ended names no failure.
      if [ -z "$found" ]; then found=$(tail -n 20 "$scratch/$lane.log"); fi
      sed -n '1,80p' <<<"$found" | sed "s/^/test: $lane: /"
    done
    exit 1
  fi
}

# The tests of one process share two threads. Tests that compute for a long time would delay those that await something
# within a time, so both have processes of their own.
computing="CrashTests|ExactSearchTests|LexicalSearchTests"
timed="ServiceGroupTests|HTTPServerTests|RedisTLSTests|ChatClientTests|RetrievalTests|CallTimesTests|TurnsTests"
timed="UnitTests.($timed|EncoderTests/sideBySide)"
units=("units --filter 'ArchitectureTests|UnitTests' --skip '$computing|$timed'"
  "index --filter '$computing'" "timed --no-parallel --filter '$timed'")

if [ "${1:-}" = units ]; then
  together "${units[@]}"
  finish
  exit 0
fi

# The longest suites, which start before the others. A new suite needs no entry here.
longest="KillTests BadDayTests PathTests FilesTests NeighbourTests SupervisorTests LoadgenTests LLMTests IndexTests
  PoisonTests ReadmeTests ChartTests BrokersTests"
alone="LoadgenTests/schedule IdleTests ScaleTests"
# The bundle itself lists the suites, so that none can be forgotten.
suites=$("$bundle" --testing-library swift-testing --list-tests 2>/dev/null |
  sed -nE 's/^IntegrationTests\.(\w+).*/\1/p' | sort -u)
round() {
  local on=$1 start=$SECONDS before calls=() suite
  before=$(busy)
  shift
  for suite in $longest $(grep -vxF -f <(tr ' ' '\n' <<<"$longest $alone") <<<"$suites"); do
    calls+=("$on-$suite --no-parallel --filter IntegrationTests.$suite/ --skip '${alone// /|}'")
  done
  # The lanes in "$@" start first: the runtime tests among them are among the longest.
  together "$@" "${calls[@]}"
  for suite in $alone; do
    together "$on-${suite%/*}-alone --no-parallel --filter IntegrationTests.$suite"
  done
  echo "test: the integration suite on $on took $((SECONDS - start)) s," \
    "$((($(busy) - before) / 100)) s of processor time"
}
# The tests start Kafka about forty times. With a class archive and without the JVM's slower compiler, a start takes
# half of the processor time.
prepare_kafka() {
  local fast="-XX:+UseSerialGC -XX:TieredStopAtLevel=1" archive="$scratch/kafka.jsa" state="$scratch/warm"
  # Without an archive everything works, only slower.
  KAFKA_JVM_PERFORMANCE_OPTS="$fast -XX:ArchiveClassesAtExit=$archive" "$MILLRACE_BINARY" up --detach \
    --kafka-home "$KAFKA_HOME" --redis none --llm extractive --state "$state" >/dev/null || true
  "$MILLRACE_BINARY" down --state "$state" >/dev/null || true
  export KAFKA_JVM_PERFORMANCE_OPTS="$fast"
  if [ -s "$archive" ]; then KAFKA_JVM_PERFORMANCE_OPTS="$fast -Xshare:auto -XX:SharedArchiveFile=$archive"; fi
}
if [ -n "${KAFKA_HOME:-}" ]; then prepare_kafka; fi
ran=""
if [ "${1:-local}" = local ]; then
  round local "${units[@]}" \
    'broker --filter "LocalBrokerTests|RuntimeTests"'
  ran="units, the integration suite on the local broker"
fi
if [ -n "${KAFKA_HOME:-}" ] && [ "${1:-kafka}" = kafka ]; then
  export MILLRACE_TEST_BROKER=kafka
  # Apache Kafka takes more of the machine than the local broker. With three lanes, drills would not get past its start.
  lanes=$((lanes > 2 ? 2 : lanes))
  round kafka
  ran="$ran${ran:+, }the integration suite on Apache Kafka ($KAFKA_HOME)"
else
  ran="$ran; not on Apache Kafka, which needs KAFKA_HOME"
fi
finish
echo "test: ran $ran, in $SECONDS s"
