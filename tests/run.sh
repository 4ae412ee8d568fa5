#!/bin/sh
# Every test, one after the other; the last line is the sum of their counts. Wants root and the packages that
# `make test` installs.
set -u
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp)
group=
trap 'rm -f "$log"' EXIT
trap 'kill -- "-$group"; exit 130' INT TERM
passed=0 failed=0 skipped=0

# Runs a step; what it prints is shown, and every line of counts in it is added up. One that hangs is ended with all
# that it has started, and one that leaves something running has failed: timeout leads a process group.
step() {
	name=$1
	shift
	echo "== $name"
	began=$(date +%s)
	: >"$log"
	timeout -k 9 45m "$@" >>"$log" 2>&1 &
	group=$!
	# From a file, since a pipe would stay open for as long as anything that the step left behind.
	tail -n +1 -s 0.2 -f --pid="$group" "$log"
	wait "$group"
	status=$?
	left=$(pgrep -a -g "$group") && sleep 2 && left=$(pgrep -a -g "$group")
	if [ -n "$left" ]; then
		pkill -KILL -g "$group"
		echo "left running: $left"
		status=1
	fi
	echo "-- $name: status $status, $(($(date +%s) - began)) s"
	counted=$(sed -nE \
		-e 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' \
		-e 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored;.*/\1 \2 \3/p' "$log")
	fails=0
	while read -r p f s; do
		[ -n "$p" ] || continue
		passed=$((passed + p)) fails=$((fails + f)) skipped=$((skipped + s))
	done <<EOF
$counted
EOF
	# A step that failed without counting a failure did not get as far as its tests.
	if [ "$status" != 0 ] && [ "$fails" = 0 ]; then
		echo "FAIL $name: status $status"
		fails=1
	elif [ -z "$counted" ] && [ "$status" = 0 ]; then
		passed=$((passed + 1))
	fi
	failed=$((failed + fails))
}

step "format" make -s format-check
step "build, as users do" cargo build --release
# Side by side, in folders of their own: most of the first is one long link.
step "static build, lints" sh -c 'make -s static & cargo clippy -q --workspace --all-targets -- -D warnings
	lints=$?; wait $! && exit $lints'
step "packages" make -s deb
step "units" cargo test -q --workspace --no-fail-fast
step "build of the tests" cargo build -q -p cbpf-tests
CBPF=$PWD/target/release/cbpf
export CBPF
step "this kernel" target/debug/cbpf-suite here
step "kernel ladder" target/debug/cbpf-ladder
step "demo" tests/demo.sh target/release/cbpf
step "packages in a clean root" tests/packages.sh target/deb

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
