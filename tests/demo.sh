#!/bin/sh
# Two users read files at the same time; cbpf, for the first one, shows those of the first and none of the other.
set -eu
cbpf=$1
[ "$(id -u)" = 0 ] || { echo "demo: run it as root, it acts as two users" >&2; exit 1; }
dir=$(mktemp -d /tmp/cbpf-demo.XXXXXX)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cp "$cbpf" "$dir/cbpf"
for who in own other; do
	mkdir "$dir/$who"
	for n in 1 2 3; do echo "$n" > "$dir/$who/file-$n"; done
done

# Call it in a subshell. Some uid has no more than the two capabilities that tracing takes; another one has nothing.
as() {
	uid=$1 caps=$2
	shift 2
	exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --bounding-set="-all$caps" --inh-caps="-all$caps" \
		--ambient-caps="-all$caps" -- "$@"
}
echo "\$ cbpf opensnoop        # as uid 2001, while uids 2001 and 2002 read files"
(as 2001 ,+bpf,+perfmon "$dir/cbpf" opensnoop -U > "$dir/rows") &
tracer=$!
while ! [ -s "$dir/rows" ]; do sleep 0.05; done
(as 2001 "" sh -c "cat $dir/own/file-*" > /dev/null) &
own=$!
(as 2002 "" sh -c "cat $dir/other/file-*" > /dev/null)
wait $own
sleep 0.2
kill -INT $tracer
wait $tracer

grep -E "UID|$dir" "$dir/rows"
own=$(grep -c "$dir/own/file-" "$dir/rows" || true)
other=$(grep -c -e "$dir/other" -e '^ *2002 ' "$dir/rows" || true)
echo "# $own files of uid 2001, $other of uid 2002"
[ "$own" = 3 ] && [ "$other" = 0 ]
