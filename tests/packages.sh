#!/bin/sh
# Installs the Debian packages in a clean root of this machine's Debian, uses them there, and removes them:
# tests/packages.sh FOLDER-OF-PACKAGES, as root.
set -eu

fail() {
	echo "FAIL packages: $*" >&2
	exit 1
}

if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || fail "wants to be root"
	# What is mounted in there goes with the namespace.
	exec unshare --mount "$0" inside "$(realpath "$1")"
fi
packages=$2
root=$(mktemp -d /var/tmp/cbpf-packages.XXXXXX)
daemon=
finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	umount -R -l "$root/proc" "$root/sys" "$root/dev" 2>/dev/null || :
	rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Essential packages, those that ours depend on, and no others: from where this machine has its own.
# shellcheck source=/dev/null
. /etc/os-release
depends=$(for deb in "$packages"/*.deb; do dpkg-deb -f "$deb" Depends; done |
	tr , '\n' | sed 's/^ *//;s/[ (].*//' | sort -u | paste -sd,)
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	mmdebstrap --quiet --variant=essential --include="$depends" "$VERSION_CODENAME" "$root" - ||
	fail "mmdebstrap cannot make a root"
# Words and no function: the pid of a function in the background is that of a shell, and not of the daemon.
inside="chroot $root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin"
cp "$packages"/*.deb "$root/tmp"
for dir in proc sys dev; do
	mount --rbind "/$dir" "$root/$dir"
done

$inside sh -c 'dpkg -i /tmp/*.deb' >"$root/tmp/log" 2>&1 || fail "dpkg -i: $(cat "$root/tmp/log")"

tools=$($inside cbpf list | awk '$2 != "" && $1 != "TOOL" { print $1 }')
echo "$tools" | grep -qx opensnoop || fail "cbpf list says: $tools"
for tool in $tools; do
	gzip -t "$root/usr/share/man/man1/cbpf-$tool.1.gz" || fail "no manual page of $tool"
done
row() {
	$inside cbpf opensnoop "$@" -- cat /etc/debian_version 2>&1
}
row | grep -q ' cat .* /etc/debian_version$' || fail "by its own capabilities: $(row)"

[ -L "$root/etc/systemd/system/sockets.target.wants/cbpfd.socket" ] || fail "the socket is not enabled"
$inside cbpfd check >/dev/null || fail "cbpfd check"
# As the unit has it.
# shellcheck disable=SC2046,SC2086
$inside $(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/cbpfd.service") >"$root/tmp/log" 2>&1 &
daemon=$!
n=0
until grep -q '^cbpfd: ready' "$root/tmp/log"; do
	n=$((n + 1))
	[ $n -lt 100 ] || fail "the daemon does not start: $(cat "$root/tmp/log")"
	sleep 0.1
done
row --grant daemon | grep -q ' cat .* /etc/debian_version$' || fail "by the daemon: $(row --grant daemon)"
kill "$daemon"
wait "$daemon" 2>/dev/null || :
daemon=

rm "$root"/tmp/*.deb
$inside dpkg -P cbpf cbpfd >"$root/tmp/log" 2>&1 || fail "dpkg -P: $(cat "$root/tmp/log")"
left=$(find "$root" -xdev -path "$root/run" -prune -o -name '*cbpf*' ! -path "$root" -print)
[ -z "$left" ] || fail "purged, but there is still $left"
echo "ok   packages: installed, used by both grants and purged in a clean $PRETTY_NAME"
