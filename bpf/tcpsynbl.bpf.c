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

static const struct sockcall listen_call = { .nr = NR_listen, .compat_nr = NR32_listen, .call = 4 };

/*
 * What a listening socket of the scope hands on to its connections. Who made it and in which cgroup would not do alone:
 * those who make sockets for services, such as systemd, give each to another user.
 */
struct service {
	__u64 net;    /* address of the network namespace, never read through; the socket keeps it, */
	__u64 cgroup; /* and this: as the socket has it, an address, before 5.16 with flags */
	__u64 uid;
	struct cbpf_local local;
};

/* Several sockets may be one service (SO_REUSEPORT). What they are known by is valid as long as one of them listens. */
struct listener {
	struct cbpf_subject who;
	__u64 sockets;
	struct service service;
};

MAP(listeners, HASH, 10240, __u64, struct listener);
REPORT(hists, HASH, 4096, __u32, struct cbpf_hist); /* by the queue's bound */

static __always_inline struct service service_of(const struct sock *sk)
{
	struct service s = {};
	__be32 *addr = (void *)s.local.addr;

	s.net = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	bpf_probe_read_kernel(&s.cgroup, sizeof(s.cgroup), __builtin_preserve_access_index(&sk->sk_cgrp_data));
	s.uid = BPF_CORE_READ(sk, sk_uid.val);
	local_end((struct sock *)sk, &s.local);
	if (is_mapped(addr) && !addr[3]) /* ::ffff:0.0.0.0 is any address, too */
		addr[2] = 0;
	return s;
}

/* The same at any address. */
static __always_inline struct service anywhere(struct service s)
{
	__builtin_memset(s.local.addr, 0, sizeof(s.local.addr));
	return s;
}

static __always_inline __u64 key_of(struct service s)
{
	const __u64 *words = (void *)&s;
	__u64 key = 0;

	for (int i = 0; i < sizeof(s) / sizeof(*words); i++)
		key = key * 31 + words[i];
	return key;
}

static __always_inline bool is_service(const struct listener *l, struct service s)
{
	const __u64 *known = (void *)&l->service, *words = (void *)&s;
	__u64 differ = 0;

	for (int i = 0; i < sizeof(s) / sizeof(*words); i++)
		differ |= known[i] ^ words[i];
	return l->sockets && !differ;
}

/* Returns what its service is known by; 0 when it is not noted. */
static __always_inline __u64 own_listener(owner_t o, struct sock *sk)
{
	struct listener l = { .sockets = 1 }, *known;
	__u64 key = (__u64)sk;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || map_get(o, &socks, &key) || !own_sock(o, sk))
		return 0;
	l.service = service_of(sk);
	key = key_of(l.service);
	known = map_get(o, &listeners, &key);
	if (known)
		COUNT(known->sockets);
	else
		record(o, &listeners, key, &l);
	return key;
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", listens, (!ret && may_be(regs, listen_call)), struct pt_regs *regs, long ret)
{
	unsigned long args[2];
	struct sock *sk;
	__u64 key, service;

	if (!sockcall_args(regs, listen_call, args))
		return 0;
	sk = inet_socket(args[0]);
	key = (__u64)sk;
	service = own_listener(o, sk);
	/* Closed meanwhile, maybe before it was noted: rather nobody's than another user's who listens there next. */
	if (service && inet_socket(args[0]) != sk) {
		map_del(o, &socks, &key);
		map_del(o, &listeners, &service);
	}
	return 0;
}

TRACE_OPEN_FILES("", own_open)
{
	struct sock *sk = file_inet_socket(file);

	if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		own_listener(o, sk);
	return 0;
}

TRACE_SOCK("", "tp_btf/inet_sock_set_state", listens_no_more, sk, const struct sock *sk, int old, int new)
{
	__u64 key = key_of(service_of(sk));
	struct listener *known;

	if (old != TCP_LISTEN)
		return KEEP;
	known = map_get(o, &listeners, &key);
	if (known && known->sockets > 1)
		__sync_fetch_and_add(&known->sockets, -1);
	else
		map_del(o, &listeners, &key);
	return 0;
}

static __always_inline void waits(owner_t o, const struct sock *sk)
{
	__u32 bound = sk->sk_max_ack_backlog;

	if (!only_family || sk->__sk_common.skc_family == only_family)
		hist_add(o, &hists, &bound, sk->sk_ack_backlog);
}

/* A new socket begins in the state of the listening one; a listening one itself never enters SYN_RECV. */
TRACE_KEYED_IF("", "tp_btf/inet_sock_set_state", completes, (old == TCP_LISTEN && new == TCP_SYN_RECV), listeners,
	       key_of(service_of(sk)), const struct sock *sk, int old, int new)
{
	if (is_service(at, service_of(sk)))
		waits(o, sk);
	return KEEP;
}

/*
 * Newer kernels (6.18, not yet 6.12) have by then given it its two ends: an address of its own, where the listening one
 * may be bound to none. Who listens at that very address comes first.
 */
TRACE_KEYED_IF("", "tp_btf/inet_sock_set_state", completes_anywhere,
	       (old == TCP_LISTEN && new == TCP_SYN_RECV && sk->__sk_common.skc_dport), listeners,
	       key_of(anywhere(service_of(sk))), const struct sock *sk, int old, int new)
{
	struct service here = service_of(sk);
	__u64 key = key_of(here);

	if (is_service(at, anywhere(here)) && !map_get(o, &listeners, &key))
		waits(o, sk);
	return KEEP;
}
