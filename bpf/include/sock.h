/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tools of sockets send of one. */
#ifndef CBPF_SOCK_H
#define CBPF_SOCK_H

/* The two ends of a connection; also a key. Addresses in network order, IPv4 in the first four bytes. */
struct cbpf_ends {
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 lport;
	__u16 dport;
	__u32 version; /* 4 or 6; an IPv4 address written as IPv6 counts as IPv4 */
};

/* Where a socket is bound, in network order as well. */
struct cbpf_local {
	__u8 addr[16];
	__u32 proto; /* IPPROTO_* */
	__u16 port;
	__u16 version; /* of the socket: 4 or 6 */
};

#endif
