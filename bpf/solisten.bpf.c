// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * solisten: listen() of IPv4 and IPv6 sockets, those of MPTCP included. A second listen() on the same socket, which
 * changes its backlog, is a call as well.
 */
#include "solisten.h"
#include "sockcall.bpf.h"

static const struct sockcall listen_call = { .nr = NR_listen, .compat_nr = NR32_listen, .call = 4 };

TRACE_CURRENT_IF("", "tp_btf/sys_exit", listen_ends, may_be(regs, listen_call), struct pt_regs *regs, long ret)
{
	struct solisten_event e = {};
	unsigned long args[2];
	struct sock *sk;

	if (!sockcall_args(regs, listen_call, args))
		return 0;
	sk = inet_socket(args[0]);
	if (!sk)
		return 0;
	local_end(sk, &e.local);
	e.ret = ret;
	e.backlog = args[1];
	if (inet_socket(args[0]) != sk)
		return 0;
	emit(o, &e.head, sizeof(e));
	return 0;
}
