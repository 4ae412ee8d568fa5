// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcpsynbl: how full the queue of a listening socket is, of connections that wait for accept(), when one more is
 * complete. The new socket starts out as a copy of the listening one, so it tells of that one's queue; whose it is, is
 * found by what both have in common. A connection that is turned away because the queue is full is not seen.
 */
#include "hist.bpf.h"
#include "sock.bpf.h"
#include "sockcall.bpf.h"

const volatile __u32 only_family;

static const struct sockcall listen_call = { .nr = 50, .compat_nr = 363, .call = 4 };

/*
 * What a listening socket of the scope hands on to its connections. Two that have all of this in common are of one
 * user, one cgroup and one service. So it stays when one of them is closed.
 */
struct listener {
	struct cbpf_subject who;
	__u64 net;    /* address of the network namespace, never read through */
	__u64 cgroup; /* as the socket has it: an address, before 5.16 with flags */
	__u32 uid;
	__u32 port;
};

MAP(listeners, HASH, 10240, __u64, struct listener);
REPORT(hists, HASH, 4096, __u32, struct cbpf_hist); /* by the queue's bound */

static __always_inline void describe_listener(const struct sock *sk, struct listener *l)
{
	l->net = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	bpf_probe_read_kernel(&l->cgroup, sizeof(l->cgroup), __builtin_preserve_access_index(&sk->sk_cgrp_data));
	l->uid = BPF_CORE_READ(sk, sk_uid.val);
	l->port = BPF_CORE_READ(sk, __sk_common.skc_num);
}

static __always_inline __u64 listener_key(const struct listener *l)
{
	return l->net ^ l->cgroup << 1 ^ (__u64)l->uid << 16 ^ (__u64)l->port << 48;
}

static __always_inline void own_listener(owner_t o, struct sock *sk)
{
	struct listener l = {};

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return;
	describe_listener(sk, &l);
	record(o, &listeners, listener_key(&l), &l);
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", listens, (!ret && may_be(regs, listen_call)), struct pt_regs *regs, long ret)
{
	unsigned long args[2];

	if (sockcall_args(regs, listen_call, args))
		own_listener(o, inet_socket(args[0]));
	return 0;
}

TRACE_OPEN_FILES("", own_open)
{
	struct sock *sk = file_inet_socket(file);

	if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		own_listener(o, sk);
	return 0;
}

/* The listening socket of one that is being made; of another that only changes its state there is none. */
static __always_inline __u64 parent(const struct sock *sk, int old, int new)
{
	struct listener l = {};

	if (old != TCP_LISTEN || new != TCP_SYN_RECV)
		return 0;
	describe_listener(sk, &l);
	return listener_key(&l);
}

TRACE_KEYED("", "tp_btf/inet_sock_set_state", completes, listeners, parent(sk, old, new), const struct sock *sk,
	    int old, int new)
{
	struct listener *known = at, l = {};
	__u32 bound = sk->sk_max_ack_backlog;

	describe_listener(sk, &l);
	if (known->net != l.net || known->cgroup != l.cgroup || known->uid != l.uid || known->port != l.port)
		return KEEP;
	if (!only_family || sk->__sk_common.skc_family == only_family)
		hist_add(o, &hists, &bound, sk->sk_ack_backlog);
	return KEEP;
}
