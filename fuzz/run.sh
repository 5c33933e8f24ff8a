#!/usr/bin/env bash
# Runs the fuzz targets with libFuzzer, guided by coverage: fuzz/run.sh [SECONDS] [TARGET…]
#
# Each for SECONDS (10), all of them where none is named, two at a time. New inputs are kept beside
# the build (`found/TARGET`), and what a target breaks on in `broken/`: put the latter into
# `fuzz/corpus/TARGET` with the mended reader, and the test of `tests/fuzz.rs` replays it.
#
# Stable Rust and a C++ compiler are enough: the pass that counts coverage is part of rustc, and
# libFuzzer comes with the library. Nothing is said of memory errors; there is no unsafe code to
# have them. With nightly and cargo-fuzz: `LICTREE_FUZZ_TARGET=letter cargo fuzz run readers`.
#
# FUZZ_JOBS: targets at once (2), and jobs of the build. CARGO_TARGET_DIR: where to build.
set -euo pipefail
cd "$(dirname "$0")"

seconds=10
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
jobs=${FUZZ_JOBS:-2}
build=${CARGO_TARGET_DIR:-$PWD/target}
machine=$(rustc -vV | sed -n 's/^host: //p')
if [ $# = 0 ]; then
  for folder in corpus/*/; do set -- "$@" "$(basename "$folder")"; done
fi

# With `--target`, so that what runs while building (build scripts, macros) is left as it is.
pass="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
pass+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
pass+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
begun=$SECONDS
# The versions of the product; cargo adds libFuzzer to them.
cp ../Cargo.lock Cargo.lock
RUSTFLAGS="${RUSTFLAGS:-} $pass" CARGO_TARGET_DIR=$build \
  cargo build --release --target "$machine" -j "$jobs"
echo "built in $((SECONDS - begun)) s"

# Folders whose files are inputs too; none of them is written to.
also() {
  case $1 in
    configuration) echo ../config ;;
    topology) echo ../topology-examples ;;
    nmap) echo ../tests/fixtures/discovery-nmap ;;
    arp) echo ../tests/fixtures/discovery-arp ;;
    cdp | lldp) echo ../tests/fixtures/discovery-neighbours ;;
    any_list) echo ../tests/fixtures ;;
  esac
}

run() {
  local target=$1 found=$build/found/$1 log=$build/found/$1.log
  mkdir -p "$found" "$build/broken" "corpus/$target"
  local code=0
  # shellcheck disable=SC2046  # a folder or none
  LICTREE_FUZZ_TARGET=$target "$build/$machine/release/readers" \
    "$found" "corpus/$target" $(also "$target") \
    -max_total_time="$seconds" -max_len=16384 -timeout=5 -rss_limit_mb=512 -malloc_limit_mb=256 \
    -artifact_prefix="$build/broken/$target-" -print_final_stats=1 \
    >"$log" 2>&1 || code=$?
  local runs rate features
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  features=$(grep -o 'ft: [0-9]*' "$log" | tail -n 1 | cut -c5-)
  printf '%-16s %10s runs %8s a second %8s features  %s\n' \
    "$target" "${runs:-?}" "${rate:-?}" "${features:-?}" \
    "$([ "$code" = 0 ] && echo held || echo "BROKEN, see $log")"
  return "$code"
}

export -f run also
export build machine seconds
printf '%s\n' "$@" | xargs -n 1 -P "$jobs" bash -c 'run "$1"' run
