/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BINDSNOOP_H
#define CBPF_BINDSNOOP_H

#include "sock.h"

enum bindsnoop_option {
	BINDSNOOP_FREEBIND = 1,
	BINDSNOOP_TRANSPARENT = 2,
	BINDSNOOP_ADDRESS_NO_PORT = 4,
	BINDSNOOP_REUSEADDR = 8,
	BINDSNOOP_REUSEPORT = 16,
};

struct bindsnoop_event {
	struct cbpf_head head;
	struct cbpf_local local; /* of a bind that failed: what was asked for, if it could be read */
	__s32 ret;               /* 0, or minus an errno */
	__u32 ifindex;           /* the interface that the socket is bound to, 0: any */
	__u32 options;           /* enum bindsnoop_option */
	__u32 pad;
};

#endif
