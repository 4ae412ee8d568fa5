/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_SOLISTEN_H
#define CBPF_SOLISTEN_H

#include "sock.h"

struct solisten_event {
	struct cbpf_head head;
	struct cbpf_local local;
	__s32 ret;     /* 0, or minus an errno */
	__s32 backlog; /* as it was asked for; the kernel may cut it to net.core.somaxconn */
};

#endif
