// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bindsnoop: bind() of IPv4 and IPv6 sockets. Shown is the address that the socket has got, with the port that the
 * kernel chose where the program left that to it; of a bind that failed, the one that the program asked for.
 */
#include "bindsnoop.h"
#include "sockcall.bpf.h"
#include "ports.bpf.h"

#define AF_UNSPEC 0 /* what bind() takes for AF_INET */

const volatile bool with_failed;

static const struct sockcall bind_call = { .nr = NR_bind, .compat_nr = NR32_bind, .call = 2 };

/* 6.6, c274af224269 and those after it: these bits moved to inet_flags. */
struct inet_sock___bits {
	__u8 freebind : 1;
	__u8 transparent : 1;
	__u8 bind_address_no_port : 1;
} RELOCATE;

#define INET_FLAGS_FREEBIND 11
#define INET_FLAGS_TRANSPARENT 15
#define INET_FLAGS_BIND_ADDRESS_NO_PORT 18

static __always_inline __u32 options(struct sock *sk)
{
	struct inet_sock___bits *old = (void *)sk;
	struct inet_sock *inet = (void *)sk;
	unsigned long flags;
	__u32 set = 0;

	if (bpf_core_field_exists(inet->inet_flags)) {
		flags = BPF_CORE_READ(inet, inet_flags);
		set |= flags >> INET_FLAGS_FREEBIND & 1 ? BINDSNOOP_FREEBIND : 0;
		set |= flags >> INET_FLAGS_TRANSPARENT & 1 ? BINDSNOOP_TRANSPARENT : 0;
		set |= flags >> INET_FLAGS_BIND_ADDRESS_NO_PORT & 1 ? BINDSNOOP_ADDRESS_NO_PORT : 0;
	} else {
		set |= BPF_CORE_READ_BITFIELD_PROBED(old, freebind) ? BINDSNOOP_FREEBIND : 0;
		set |= BPF_CORE_READ_BITFIELD_PROBED(old, transparent) ? BINDSNOOP_TRANSPARENT : 0;
		set |= BPF_CORE_READ_BITFIELD_PROBED(old, bind_address_no_port) ? BINDSNOOP_ADDRESS_NO_PORT : 0;
	}
	set |= BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuse) ? BINDSNOOP_REUSEADDR : 0;
	set |= BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuseport) ? BINDSNOOP_REUSEPORT : 0;
	return set;
}

/* The address that was asked for; nothing where it cannot be read, or is of another family. */
static __always_inline void asked_for(struct cbpf_local *local, const void *address)
{
	struct sockaddr_in6 six = {};
	struct sockaddr_in four = {};

	local->port = 0;
	__builtin_memset(local->addr, 0, sizeof(local->addr));
	if (local->version == 6 && !bpf_probe_read_user(&six, sizeof(six), address) && six.sin6_family == AF_INET6) {
		local->port = bpf_ntohs(six.sin6_port);
		__builtin_memcpy(local->addr, &six.sin6_addr, sizeof(local->addr));
	} else if (local->version == 4 && !bpf_probe_read_user(&four, sizeof(four), address) &&
		   (four.sin_family == AF_INET || four.sin_family == AF_UNSPEC)) {
		local->port = bpf_ntohs(four.sin_port);
		__builtin_memcpy(local->addr, &four.sin_addr, sizeof(four.sin_addr));
	} else {
		local->version = 0;
	}
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", bind_ends, (may_be(regs, bind_call) && (with_failed || !ret)),
		 struct pt_regs *regs, long ret)
{
	struct bindsnoop_event e = {};
	unsigned long args[2];
	struct sock *sk;

	if (!sockcall_args(regs, bind_call, args))
		return 0;
	sk = inet_socket(args[0]);
	if (!sk)
		return 0;
	local_end(sk, &e.local);
	if (ret)
		asked_for(&e.local, (const void *)args[1]);
	if (!port_wanted(e.local.port))
		return 0;
	e.ret = ret;
	e.ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	e.options = options(sk);
	if (inet_socket(args[0]) != sk)
		return 0;
	emit(o, &e.head, sizeof(e));
	return 0;
}
