/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a TCP socket is. Segments arrive in softirq, where `current` is whoever was interrupted: so a socket is
 * recorded in process context, by its owner's own call, and looked up later.
 */
#ifndef CBPF_SOCK_BPF_H
#define CBPF_SOCK_BPF_H

#include "constants.bpf.h"
#include "sock.h"

#define IPPROTO_TCP 6

/* include/net/tcp_states.h; no BTF has that enum by name */
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_LISTEN = 10 };

struct sock_owner {
	struct cbpf_subject who;
};

MAP(socks, HASH, 10240, __u64, struct sock_owner);

/* The subject of `o` owns `sk` from now on; false, and an event lost, when there are too many. */
#define own_sock(o, sk) \
	({ \
		struct sock_owner ___owner = {}; \
		record(o, &socks, sk, &___owner); \
	})

/* The subject is the owner of a socket. The body returns KEEP unless it is done with the socket. */
#define TRACE_SOCK(opts, sec, name, sk, args...) TRACE_KEYED(opts, sec, name, socks, sk, ##args)

/* An address that IPv6 has for IPv4, ::ffff:1.2.3.4 */
static __always_inline bool is_mapped(const __be32 *addr)
{
	return !addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff);
}

/* Where a socket that an argument of the program names is, and where it is connected to. */
static __always_inline void sock_ends(const struct sock *sk, struct cbpf_ends *ends)
{
	/* skc_num is gone after a failure */
	ends->lport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	ends->dport = bpf_ntohs(sk->__sk_common.skc_dport);
	ends->version = 4;
	if (sk->__sk_common.skc_family == AF_INET6) {
		struct in6_addr saddr = sk->__sk_common.skc_v6_rcv_saddr, daddr = sk->__sk_common.skc_v6_daddr;

		if (!is_mapped(daddr.in6_u.u6_addr32)) {
			ends->version = 6;
			__builtin_memcpy(ends->saddr, &saddr, sizeof(ends->saddr));
			__builtin_memcpy(ends->daddr, &daddr, sizeof(ends->daddr));
		}
	}
	if (ends->version == 4) {
		__builtin_memcpy(ends->saddr, &(__be32){ sk->__sk_common.skc_rcv_saddr }, 4);
		__builtin_memcpy(ends->daddr, &(__be32){ sk->__sk_common.skc_daddr }, 4);
	}
}

/* A socket's address is used again after this. */
TRACE_SOCK("", "tp_btf/tcp_destroy_sock", disown_sock, sk, struct sock *sk)
{
	return 0;
}

#endif
