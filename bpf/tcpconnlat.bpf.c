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

#define EADDRNOTAVAIL 99
#define ECANCELED 125

/*
 * What an attempt that the socket has no error of its own for ended with. While connect() has not yet got it under
 * way it is what that fails with itself, for want of a local port that is free; later the program closed the socket.
 */
static __always_inline __u32 given_up(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, state) == SS_UNCONNECTED ? EADDRNOTAVAIL : ECANCELED;
}

TRACE_CURRENT_IF("", "tp_btf/inet_sock_set_state", connect_begins,
		 (new == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP), const struct sock *sk, int old, int new)
{
	own_sock(o, sk);
	return 0;
}

TRACE_SOCK("", "tp_btf/inet_sock_set_state", connect_ends, sk, const struct sock *sk, int old, int new)
{
	const struct sock_owner *begun = at;
	struct tcpconnlat_event e = {};

	/* SYN_RECV: both sides are connecting at once, and the other's SYN came first. */
	if (new == TCP_SYN_SENT || new == TCP_SYN_RECV)
		return KEEP;
	e.ns = bpf_ktime_get_ns() - begun->who.ts;
	if (e.ns < min_ns)
		return 0;
	if (new != TCP_ESTABLISHED)
		e.err = sk->sk_err ?: given_up(sk);
	sock_ends(sk, &e.ends);
	emit(o, &e.head, sizeof(e));
	return 0;
}
