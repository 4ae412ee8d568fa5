/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a TCP socket is. Segments arrive in softirq, where `current` is whoever was interrupted: so a socket is
 * recorded in process context, by its owner's own call, and looked up later.
 */
#ifndef CBPF_SOCK_BPF_H
#define CBPF_SOCK_BPF_H

#define AF_INET 2
#define AF_INET6 10

struct sock_owner {
	struct cbpf_subject who;
};

MAP(socks, HASH, 10240, __u64, struct sock_owner);

/* The subject of `o` owns `sk` from now on; false, and an event lost, when there are too many. */
#define own_sock(o, sk)									\
	({										\
		struct sock_owner ___owner = {};					\
		record(o, &socks, sk, &___owner);					\
	})

/* The subject is the owner of a socket. The body returns KEEP unless it is done with the socket. */
#define TRACE_SOCK(opts, sec, name, sk, args...) TRACE_KEYED(opts, sec, name, socks, sk, ##args)

/* A socket's address is used again after this. */
TRACE_SOCK("", "tp_btf/tcp_destroy_sock", disown_sock, sk, struct sock *sk)
{
	return 0;
}

#endif
