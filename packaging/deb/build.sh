#!/bin/sh
# Makes the Debian packages cbpf and cbpfd of what `make build` has built: packaging/deb/build.sh FOLDER. With dpkg's
# own programs only; what the packages hold is what `make install` installs.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1"
out=$(realpath "$1")
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

for package in cbpf cbpfd; do
	root=$work/$package
	make -s "install-$package" DESTDIR="$root" PREFIX=/usr
	doc=$root/usr/share/doc/$package
	mkdir -p "$doc"
	cat packaging/deb/copyright LICENSES/MIT.txt LICENSES/BSD-2-Clause.txt >"$doc/copyright"
	gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
	find "$root/usr/share/man" -type f -exec gzip -9n {} + 2>/dev/null || :
	find "$root/usr" -type f -perm -u+x -exec strip --strip-unneeded {} +

	# dpkg-shlibdeps wants to see a source package.
	mkdir -p "$work/source/debian" "$root/DEBIAN"
	printf 'Source: cbpf\n\nPackage: %s\nArchitecture: any\n' $package >"$work/source/debian/control"
	depends=$(cd "$work/source" && find "$root/usr" -type f -perm -u+x -exec dpkg-shlibdeps -O {} + |
		sed -n 's/^shlibs:Depends=//p')
	size=$(du -sk --exclude DEBIAN "$root" | cut -f1)
	sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@DEPENDS@/$depends/" -e "s/@SIZE@/$size/" \
		"packaging/deb/$package.control" >"$root/DEBIAN/control"
	if [ -d "$root/etc" ]; then
		(cd "$root" && find etc -type f -printf '/%p\n') >"$root/DEBIAN/conffiles"
	fi
	for script in postinst prerm postrm; do
		[ ! -e "packaging/deb/$package.$script" ] ||
			install -m 0755 "packaging/deb/$package.$script" "$root/DEBIAN/$script"
	done
	(cd "$root" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
	dpkg-deb --root-owner-group --build "$root" "$out/${package}_${version}_$arch.deb"
done
