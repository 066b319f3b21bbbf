#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh [SECONDS]: fuzzes core and filter for a minute or for SECONDS, beginning with the
# corpus that is kept.  What makes it fail is put into build/fuzz; from there it belongs into
# userspace-agent/core/fuzz/found, which the tests play.  fuzz.sh --keep SECONDS: what was
# learnt is put into the corpus, cut down to what matters.  The last line is "N passed, N failed".
#
# With CI set, it is always the same 100,000 histories: what is new is for people to find, not for a
# change that has nothing to do with it.
#
# The flags are those of cargo-fuzz, but for what needs an unstable compiler: the sanitizers,
# which would look for faults that safe code does not have.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

keep=
if [ "${1:-}" = --keep ]; then
	keep=yes
	shift
fi
seconds=${1:-60}
target=x86_64-unknown-linux-gnu
folder=userspace-agent/core/fuzz
corpus=$folder/corpus/packets
learnt=build/fuzz/corpus
mkdir -p "$learnt" build/fuzz/artifacts

flags='--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
flags+=' -Cllvm-args=-sanitizer-coverage-inline-8bit-counters'
flags+=' -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares'
flags+=' -Ccodegen-units=1'
# Named, the target alone gets the flags, and not what runs at build time.
RUSTFLAGS=$flags cargo build --release --locked --manifest-path "$folder/Cargo.toml" --target "$target" \
	--target-dir build/fuzz/target
binary=build/fuzz/target/$target/release/packets

bounds=(-max_total_time="$seconds")
if [ -n "${CI:-}" ]; then
	bounds=(-max_total_time=300 -runs=100000 -seed=2026)
fi

status=0
"$binary" "${bounds[@]}" -timeout=10 -max_len=4096 -print_final_stats=1 \
	-artifact_prefix=build/fuzz/artifacts/ "$learnt" "$corpus" 2>&1 |
	grep -vE '^#[0-9]+[[:space:]]+(REDUCE|NEW|pulse)' || status=${PIPESTATUS[0]}
if [ -n "$keep" ] && [ "$status" -eq 0 ]; then
	rm -rf build/fuzz/merged
	mkdir build/fuzz/merged
	"$binary" -merge=1 -max_len=1024 build/fuzz/merged "$corpus" "$learnt"
	rm -f "$corpus"/*
	cp build/fuzz/merged/* "$corpus/"
fi
if [ "$status" -eq 0 ]; then
	echo "1 passed, 0 failed"
else
	echo "what failed is in build/fuzz/artifacts"
	echo "0 passed, 1 failed"
	exit 1
fi
