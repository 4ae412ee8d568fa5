/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_TCPCONNLAT_H
#define CBPF_TCPCONNLAT_H

#include "sock.h"

struct tcpconnlat_event {
	struct cbpf_head head;
	__u64 ns; /* from connect() to the answer, or to the end of waiting for one */
	struct cbpf_ends ends;
	__u32 err; /* 0 connected, else an errno; ECANCELED: the program closed the socket */
	__u32 pad;
};

#endif
