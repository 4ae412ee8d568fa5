/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_TCPCONNLAT_H
#define CBPF_TCPCONNLAT_H

struct tcpconnlat_event {
	struct cbpf_head head;
	__u64 ns;		/* from connect() to the answer, or to the end of waiting for one */
	__u8 saddr[16];		/* in network order; IPv4 has the first four bytes */
	__u8 daddr[16];
	__u32 err;		/* 0 connected, else an errno; ECANCELED: the program closed the socket */
	__u32 version;		/* 4 or 6; an IPv4 address written as IPv6 counts as IPv4 */
	__u16 lport;
	__u16 dport;
	__u32 pad;
};

#endif
