#!/usr/bin/env bash
# Fuzzes our C modules with libFuzzer and AddressSanitizer, every Swift decoder with mutated records, and the index with
# changed files that have correct checksums.
# usage: fuzz.sh [SECONDS]   SECONDS is the time for all targets together (default 600). Inputs that reach new code are
# kept in Tests/Fuzz/corpus. A crash ends the run, which prints the path of the input.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
targets=(html markdown xml zip encodings breaks compression panels)
each=$((seconds / (${#targets[@]} + 2)))
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
declare -A rooms=([html]=CGumbo [markdown]='' [xml]=CXML2 [zip]=CZip [encodings]=CICU [breaks]=CBreaks
  [compression]=CCompression [panels]=CKernels)
declare -A libraries=([html]=-lgumbo [markdown]='-lcmark-gfm -lcmark-gfm-extensions' [xml]=-lxml2 [zip]=-lzip
  [encodings]=-licuuc [breaks]=-licuuc [compression]='-llz4 -lzstd -lz'
  [panels]=-lm)
for target in "${targets[@]}"; do
  room=${rooms[$target]}
  sources=(Tests/Fuzz/targets.c)
  flags=(-I/usr/include/libxml2)
  if [ -n "$room" ]; then
    sources+=(Core/C/"$room"/*.c)
    flags+=(-ICore/C/"$room"/include)
  fi
  # shellcheck disable=SC2086
  clang -g -O1 -fsanitize=fuzzer,address -DTARGET_"$target" "${flags[@]}" "${sources[@]}" ${libraries[$target]} \
    -o "$scratch/$target" 2> >(grep -v 'Cannot export local symbol' >&2)
  corpus=Tests/Fuzz/corpus/$target
  mkdir -p "$corpus" "$scratch/new-$target"
  echo "fuzz: $target for $each s"
  # Only short inputs: Gumbo and cmark need quadratic time on long ones, which the parser's time limit stops in ingest.
  options=(-max_total_time="$each" -max_len=4096 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1
    -artifact_prefix="$PWD/fuzz-$target-")
  "$scratch/$target" "${options[@]}" "$scratch/new-$target" "$corpus" >"$scratch/log" 2>&1 ||
    { tail -40 "$scratch/log"; echo "fuzz: $target failed: the input is fuzz-$target-…" >&2; exit 1; }
  grep -E 'number_of_executed_units|peak_rss' "$scratch/log"
  # Merge the new inputs into the corpus: only small ones that reach new code are kept.
  "$scratch/$target" -merge=1 -max_len=512 "$corpus" "$scratch/new-$target" >/dev/null 2>&1 || true
  echo "fuzz: $target: $(find "$corpus" -type f | wc -l) inputs kept"
done
cases=$((each * 20000))
echo "fuzz: $cases mutated records through the Swift decoders"
.build/release/millrace-bench fuzz "$cases"
echo "fuzz: stored files of the index for $each s"
swift build --build-tests >/dev/null
MILLRACE_INDEX_FUZZ=$each .build/debug/millracePackageTests.xctest --testing-library swift-testing \
  --filter StoredFuzzTests
