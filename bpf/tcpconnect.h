/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_TCPCONNECT_H
#define CBPF_TCPCONNECT_H

#include "sock.h"

struct tcpconnect_event {
	struct cbpf_head head;
	struct cbpf_ends ends;
};

#endif
