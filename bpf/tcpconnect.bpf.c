// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcpconnect: active TCP connects, whatever becomes of them. A socket enters the state SYN_SENT in its owner's
 * connect(), but then it has no local port yet. So it is noted there, and shown when it leaves that state, or when it
 * has to send its SYN again, which is a second later: nearly all are shown as soon as the other side answers.
 */
#include "tcpconnect.h"
#include "hist.bpf.h"
#include "sock.bpf.h"
#include "ports.bpf.h"

const volatile bool count_only;
const volatile bool by_lport;

REPORT(flows, HASH, 10240, struct cbpf_ends, struct cbpf_tally);

TRACE_CURRENT_IF("", "tp_btf/inet_sock_set_state", connect_begins,
		 (new == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP), const struct sock *sk, int old, int new)
{
	if (port_wanted(bpf_ntohs(sk->__sk_common.skc_dport)))
		own_sock(o, sk);
	return 0;
}

static __always_inline void connects(owner_t o, const struct sock *sk)
{
	struct tcpconnect_event e = {};

	/* Nothing was sent: there is no route, say, or no free port. */
	if (!BPF_CORE_READ((struct tcp_sock *)sk, segs_out))
		return;
	sock_ends(sk, &e.ends);
	if (!count_only) {
		emit(o, &e.head, sizeof(e));
		return;
	}
	if (!by_lport)
		e.ends.lport = 0;
	tally_add(o, &flows, &e.ends, 1); /* adding nothing would become an operation that 5.10 does not have */
}

TRACE_SOCK("", "tp_btf/inet_sock_set_state", connect_ends, sk, const struct sock *sk, int old, int new)
{
	if (new == TCP_SYN_SENT)
		return KEEP;
	connects(o, sk);
	return 0;
}

TRACE_SOCK("", "tp_btf/tcp_retransmit_skb", no_answer, sk, const struct sock *sk)
{
	connects(o, sk);
	return 0;
}
