// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcpconnlat: how long active TCP connects take. The state of the socket tells it all: SYN_SENT is entered by
 * connect(), in the owner's context, and left when the answer arrives, in anybody's. A refused, expired or abandoned
 * connect is an event too, with its error. Where connect() sends nothing before there is data (TCP_FASTOPEN_CONNECT),
 * that wait is part of the latency.
 */
#include "tcpconnlat.h"
#include "sock.bpf.h"

const volatile __u64 min_ns;

#define IPPROTO_TCP 6
#define ECANCELED 125

/* include/net/tcp_states.h; no BTF has that enum by name */
enum { ESTABLISHED = 1, SYN_SENT = 2, SYN_RECV = 3 };

/* An address that IPv6 has for IPv4, ::ffff:1.2.3.4 */
static __always_inline bool is_mapped(const __be32 *addr)
{
	return !addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff);
}

TRACE_CURRENT_IF("", "tp_btf/inet_sock_set_state", connect_begins,
		 (new == SYN_SENT && sk->sk_protocol == IPPROTO_TCP), const struct sock *sk, int old, int new)
{
	own_sock(o, sk);
	return 0;
}

TRACE_SOCK("", "tp_btf/inet_sock_set_state", connect_ends, sk, const struct sock *sk, int old, int new)
{
	const struct sock_owner *begun = at;
	struct tcpconnlat_event e = {};

	/* SYN_RECV: both sides are connecting at once, and the other's SYN came first. */
	if (new == SYN_SENT || new == SYN_RECV)
		return KEEP;
	e.ns = bpf_ktime_get_ns() - begun->who.ts;
	if (e.ns < min_ns)
		return 0;
	if (new != ESTABLISHED)
		e.err = sk->sk_err ?: ECANCELED;
	e.lport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport)); /* skc_num is gone after a failure */
	e.dport = bpf_ntohs(sk->__sk_common.skc_dport);
	e.version = 4;
	if (sk->__sk_common.skc_family == AF_INET6) {
		struct in6_addr saddr = sk->__sk_common.skc_v6_rcv_saddr, daddr = sk->__sk_common.skc_v6_daddr;

		if (!is_mapped(daddr.in6_u.u6_addr32)) {
			e.version = 6;
			__builtin_memcpy(e.saddr, &saddr, sizeof(e.saddr));
			__builtin_memcpy(e.daddr, &daddr, sizeof(e.daddr));
		}
	}
	if (e.version == 4) {
		__builtin_memcpy(e.saddr, &(__be32){ sk->__sk_common.skc_rcv_saddr }, 4);
		__builtin_memcpy(e.daddr, &(__be32){ sk->__sk_common.skc_daddr }, 4);
	}
	emit(o, &e.head, sizeof(e));
	return 0;
}
