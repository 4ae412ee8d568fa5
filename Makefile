# What users and developers type. `make help` lists it.

PREFIX ?= /usr/local
DESTDIR ?=

BUILD_PACKAGES = gcc make pkg-config clang-19 libelf-dev zlib1g-dev
TEST_PACKAGES = qemu-system-x86 e2fsprogs kmod xz-utils zstd debian-archive-keyring libc-bin util-linux git \
	podman runc uidmap busybox-static mmdebstrap procps xfsprogs btrfs-progs fuse-overlayfs
LINT_PACKAGES = clang-format-19
DEB_PACKAGES = dpkg-dev

.PHONY: help
help:
	@echo "make demo         build, and see opensnoop show one user's files and not another's (as root)"
	@echo "make build        build target/release/cbpf"
	@echo "make static       build target/$(TARGET)/release/cbpf, one file that runs in an empty container"
	@echo "make test         all tests: unit tests, this kernel, the kernel ladder (as root)"
	@echo "make test-vm      the kernel ladder only; RUNG=6.1 for one kernel"
	@echo "make bench        opensnoop against that of libbpf-tools (as root)"
	@echo "make fuzz         run each fuzzer for a minute, with cargo-fuzz"
	@echo "make lint         formats and lints, as the tests expect them"
	@echo "make format       format all files"
	@echo "make verifier     record how much the verifier has to do for each program (as root)"
	@echo "make vmlinux      regenerate bpf/include/vmlinux.h from this kernel's BTF"
	@echo "make deb          build target/deb/cbpf_*.deb and cbpfd_*.deb"
	@echo "make install      to \$$(DESTDIR)\$$(PREFIX)"

# Installs what is missing where apt-get and root are there, and says what to install elsewhere.
define need
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "please install (Debian names):$$missing" >&2; \
		command -v clang >/dev/null || command -v clang-19 >/dev/null || exit 1; fi
	@command -v cargo >/dev/null || { echo "please install Rust 1.88 or newer (cargo, rustc)" >&2; exit 1; }
endef

.PHONY: build
build:
	$(call need,$(BUILD_PACKAGES))
	cargo build --release

# With glibc inside: there is no static libelf for musl. The libraries are where the C compiler finds them.
TARGET = $(shell uname -m)-unknown-linux-gnu
.PHONY: static
static:
	$(call need,$(BUILD_PACKAGES))
	LIBBPF_SYS_LIBRARY_PATH=$$(dirname "$$(realpath "$$(gcc -print-file-name=libelf.a)")") \
	RUSTFLAGS="-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_OPT_LEVEL=s \
	cargo build --release -p cbpf --features static --target $(TARGET)

.PHONY: demo
demo: build
	@tests/demo.sh target/release/cbpf

.PHONY: test
test:
	$(call need,$(BUILD_PACKAGES) $(TEST_PACKAGES) $(LINT_PACKAGES) $(DEB_PACKAGES))
	@tests/run.sh

.PHONY: test-vm
test-vm:
	$(call need,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	cargo build --release
	cargo build -p cbpf-tests
	CBPF=$(CURDIR)/target/release/cbpf target/debug/cbpf-ladder $(RUNG)

.PHONY: bench
bench:
	$(call need,$(BUILD_PACKAGES) libbpf-tools)
	cargo build --release -p cbpf -p cbpf-tests
	target/release/cbpf-bench

# Not vmlinux.h, which a program writes.
C_FILES = $(filter-out bpf/include/vmlinux.h,$(wildcard bpf/*.c bpf/*.h bpf/include/*.h bpf/tests/*.c))

.PHONY: format
format:
	$(call need,$(LINT_PACKAGES))
	cargo fmt --all
	clang-format-19 -i $(C_FILES)

.PHONY: format-check
format-check:
	$(call need,$(LINT_PACKAGES))
	cargo fmt --all --check
	clang-format-19 --dry-run -Werror $(C_FILES)

# Without a sanitizer no nightly compiler is needed; what users get is linked in one piece, which takes long.
.PHONY: fuzz
fuzz:
	$(call need,$(BUILD_PACKAGES) g++)
	@cargo fuzz --version || { echo "please run: cargo install cargo-fuzz" >&2; exit 1; }
	for target in protocol policy; do \
		CARGO_PROFILE_RELEASE_LTO=off cargo fuzz run -s none --target-dir target/fuzz $$target -- -max_total_time=60 || exit; \
	done

.PHONY: lint
lint: format-check
	$(call need,$(BUILD_PACKAGES))
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: verifier
verifier:
	$(call need,$(BUILD_PACKAGES))
	cargo build -q -p cbpf-tests --bin cbpf-suite
	target/debug/cbpf-suite verifier --write

# The kernel types that the programs name, from the kernel that this machine runs; see bpf/build/vmlinux.rs.
.PHONY: vmlinux
vmlinux:
	cargo run -q -p cbpf-bpf --example vmlinux /sys/kernel/btf/vmlinux bpf/include/vmlinux.types > bpf/include/vmlinux.h.new
	mv bpf/include/vmlinux.h.new bpf/include/vmlinux.h

.PHONY: install install-cbpf install-cbpfd
install: install-cbpf install-cbpfd

install-cbpf:
	install -D -m 0755 target/release/cbpf $(DESTDIR)$(PREFIX)/bin/cbpf
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man1 man/*.1
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man7 man/*.7
	install -D -m 0644 completions/cbpf.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cbpf
	install -D -m 0644 completions/_cbpf $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_cbpf
	install -D -m 0644 completions/cbpf.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cbpf.fish

# The service and the hook name the daemon by its path. An administrator's policy is left as it is.
install-cbpfd:
	install -D -m 0755 target/release/cbpfd $(DESTDIR)$(PREFIX)/sbin/cbpfd
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man8 man/*.8
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system packaging/systemd/*
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/containers/oci/hooks.d packaging/oci-hooks/*
	sed -i 's|/usr/sbin/cbpfd|$(PREFIX)/sbin/cbpfd|' $(DESTDIR)$(PREFIX)/lib/systemd/system/cbpfd.service \
		$(DESTDIR)$(PREFIX)/share/containers/oci/hooks.d/cbpf.json
	[ -e $(DESTDIR)/etc/cbpf/policy.toml ] || install -D -m 0644 packaging/policy.toml $(DESTDIR)/etc/cbpf/policy.toml

.PHONY: deb
deb: build
	$(call need,$(DEB_PACKAGES))
	packaging/deb/build.sh target/deb
