/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The TCP connections of the scope's tasks: those that they connect, those that they accept, and those that they had
 * when the trace began. An accepted connection is known from accept() on: before that it is no task's. What io_uring
 * accepts for a task is not known.
 */
#ifndef CBPF_TCPSOCKS_BPF_H
#define CBPF_TCPSOCKS_BPF_H

#include "sock.bpf.h"
#include "sockcall.bpf.h"

static const struct sockcall accept_call = { .nr = NR_accept, .compat_nr = -1, .call = 5 };
static const struct sockcall accept4_call = { .nr = NR_accept4, .compat_nr = NR32_accept4, .call = 18 };

static __always_inline void own_tcp(owner_t o, struct sock *sk)
{
	if (sk && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		own_sock(o, sk);
}

/* A socket that was closed and given away may be connected anew, by somebody else. */
TRACE_CURRENT_IF_ELSE("", "tp_btf/inet_sock_set_state", own_connecting,
		      (new == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP), socks, (sk), const struct sock *sk,
		      int old, int new)
{
	return own_sock(o, sk) ? KEEP : 0;
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", own_accepted,
		 (ret >= 0 && (may_be(regs, accept_call) || may_be(regs, accept4_call))), struct pt_regs *regs,
		 long ret)
{
	unsigned long args[2];
	struct sock *sk;
	__u64 key;

	if (!sockcall_args(regs, accept_call, args) && !sockcall_args(regs, accept4_call, args))
		return 0;
	sk = inet_socket(ret);
	key = (__u64)sk;
	own_tcp(o, sk);
	if (sk && inet_socket(ret) != sk) /* closed meanwhile: whoever gets its address is somebody else */
		map_del(o, &socks, &key);
	return 0;
}

TRACE_OPEN_FILES("", own_open)
{
	struct sock *sk = file_inet_socket(file);

	if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		own_tcp(o, sk);
	return 0;
}

#endif
