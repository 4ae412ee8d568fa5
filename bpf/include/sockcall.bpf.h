/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that name a socket by its descriptor, at their end: the socket is then in the state that the call has
 * brought it into. If another thread has closed the descriptor within the call, there is none.
 * What io_uring does for a task is no system call.
 */
#ifndef CBPF_SOCKCALL_BPF_H
#define CBPF_SOCKCALL_BPF_H

#include "constants.bpf.h"
#include "nr.bpf.h"
#include "syscall.bpf.h"
#include "path.bpf.h"
#include "sock.h"

/* A call by its number, by that of 32-bit programs, and by what those tell socketcall(2), all such calls in one. */
struct sockcall {
	long nr, compat_nr;
	__u32 call;
};

/* What most calls fail at: their number, on either entry. */
static __always_inline bool may_be(struct pt_regs *regs, struct sockcall which)
{
	long nr = syscall_nr(regs);

	return nr == which.nr || nr == which.compat_nr || nr == NR32_socketcall;
}

/* The first two arguments; false when this is another call. */
static __always_inline bool sockcall_args(struct pt_regs *regs, struct sockcall which, unsigned long args[2])
{
	bool compat = is_compat();
	long nr = syscall_nr(regs);
	__u32 two[2] = {};

	if (compat && nr == NR32_socketcall) {
		if (syscall_arg(regs, 0, compat) != which.call ||
		    bpf_probe_read_user(two, sizeof(two), (void *)syscall_arg(regs, 1, compat)))
			return false;
		args[0] = two[0];
		args[1] = two[1];
		return true;
	}
	args[0] = syscall_arg(regs, 0, compat);
	args[1] = syscall_arg(regs, 1, compat);
	return nr == (compat ? which.compat_nr : which.nr);
}

/* The socket of an open file, if it is one of IPv4 or IPv6; else NULL. */
static __always_inline struct sock *file_inet_socket(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	return family == AF_INET || family == AF_INET6 ? sk : 0;
}

/*
 * The same by a descriptor of the current task. As with files, what is read of the socket then, or noted about it,
 * counts only if the descriptor still has it afterwards.
 */
static __always_inline struct sock *inet_socket(__u32 fd)
{
	struct open_file open = current_file(fd);
	struct sock *sk = file_inet_socket(open.file);

	return still_open(&open) ? sk : 0;
}

/* Where it is bound. Not inet_saddr, what it sends from: of a multicast or broadcast address that is 0. */
static __always_inline void local_end(struct sock *sk, struct cbpf_local *local)
{
	local->proto = BPF_CORE_READ(sk, sk_protocol);
	local->port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		local->version = 6;
		BPF_CORE_READ_INTO(&local->addr, sk, __sk_common.skc_v6_rcv_saddr);
	} else {
		local->version = 4;
		BPF_CORE_READ_INTO((__be32 *)local->addr, sk, __sk_common.skc_rcv_saddr);
	}
}

#endif
